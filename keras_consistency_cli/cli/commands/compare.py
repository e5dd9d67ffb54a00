"""`kcheck compare`: compare any two routes, that is, two ways of calling a model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_consistency_cli.cli.completion import routes
from keras_consistency_cli.cli.invocation import MODEL_ENDING, Call
from keras_consistency_cli.cli.options import OPTIONS, with_options
from keras_consistency_cli.cli.runner import check_and_report
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.config.settings import Settings
    from keras_consistency_cli.reporting.report import Report

__all__ = ["compare"]

_OF_CHECKS = {"select": (), "ignore": (), "require": (), "exit_first": False, "quick": False, "bundle": None}
"""Settings about the checks of `kcheck run`, at their defaults."""
_UNUSED = {*_OF_CHECKS, "reference", "served", "expected"}


@with_options(*(name for name in OPTIONS if name not in _UNUSED))
def compare(
    context: typer.Context,
    candidate: Annotated[
        str,
        typer.Argument(help="A route, from 'kcheck list --routes'.", metavar="ROUTE", autocompletion=routes),
    ],
    reference: Annotated[
        str, typer.Argument(help="The route to compare it with.", metavar="ROUTE", autocompletion=routes)
    ],
) -> int:
    """Compare any two ways of calling a model, or exports of it."""
    from keras_consistency_cli.checks.route_pair import check_labels, comparison_check

    call: Call = context.obj
    if candidate.endswith(MODEL_ENDING):
        raise UsageError(
            f"'{clean(candidate, 60)}' is a file, not a route",
            fix="name the model after the routes: kcheck compare ROUTE ROUTE MODEL",
        )
    check = comparison_check(candidate, reference)
    flags = {name: value for name, value in context.params.items() if name not in ("candidate", "reference")}

    def inspect_pair(settings: Settings, **context: Any) -> Report:
        from keras_consistency_cli.pipeline.run import inspect

        check_labels(check, settings.export_labels())
        return replace(inspect(settings, call.line, instead=(check,), **context), reproducers={})

    return check_and_report(
        flags, call, inspect_pair, narrow=lambda settings: settings.model_copy(update=_OF_CHECKS)
    )

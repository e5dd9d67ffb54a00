"""`kcheck compare`: any two ways of calling a model, held against each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_consistency_cli.cli import options
from keras_consistency_cli.cli.completion import routes
from keras_consistency_cli.cli.invocation import Call
from keras_consistency_cli.cli.runner import checked

if TYPE_CHECKING:
    from keras_consistency_cli.config.settings import Settings
    from keras_consistency_cli.reporting.report import Report

__all__ = ["compare"]

_OF_CHECKS = {"select": (), "ignore": (), "require": (), "exit_first": False, "bundle": None}
"""Settings that speak of the checks of `kcheck run`, as they are where nothing is said."""


def compare(
    context: typer.Context,
    candidate: Annotated[
        str,
        typer.Argument(
            help="A way of calling, from 'kcheck list --routes'.", metavar="ROUTE", autocompletion=routes
        ),
    ],
    reference: Annotated[
        str, typer.Argument(help="The one to hold it against.", metavar="ROUTE", autocompletion=routes)
    ],
    model: options.Model = None,
    data: options.Data = None,
    config: options.Config = None,
    scaler: options.Scaler = None,
    preprocess: options.Preprocess = None,
    target_scaler: options.TargetScaler = None,
    custom_objects: options.CustomObjects = None,
    rows: options.Rows = None,
    batch_size: options.BatchSize = None,
    seed: options.Seed = None,
    format: options.Format = None,
    output: options.Output = None,
    backend: options.Backend = None,
    rtol: options.Rtol = None,
    atol: options.Atol = None,
    exact: options.Exact = False,
    trust_scaler: options.TrustScaler = False,
    allow_unsafe: options.AllowUnsafe = False,
    fail_on: options.FailOn = None,
    exit_zero: options.ExitZero = False,
    timeout: options.Timeout = None,
    total_timeout: options.TotalTimeout = None,
    memory_limit: options.MemoryLimit = None,
    isolation: options.Isolation = None,
    color: options.Color = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> int:
    """Hold any two ways of calling a model against each other."""
    from keras_consistency_cli.checks.route_pair import comparison_check

    call: Call = context.obj
    check = comparison_check(candidate, reference)
    given = {name: value for name, value in context.params.items() if name not in ("candidate", "reference")}

    def inspected(settings: Settings, **how: Any) -> Report:
        from keras_consistency_cli.pipeline.run import inspect

        return replace(inspect(settings, call.line, instead=(check,), **how), reproducers={})

    return checked(given, call, inspected, narrow=lambda settings: settings.model_copy(update=_OF_CHECKS))

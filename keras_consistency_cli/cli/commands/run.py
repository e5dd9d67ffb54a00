"""`kcheck run`: run every check on a saved model, or those that are selected."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_consistency_cli.cli.console import write_stdout
from keras_consistency_cli.cli.invocation import Call
from keras_consistency_cli.cli.options import OPTIONS, option, with_options
from keras_consistency_cli.cli.runner import check_and_report

if TYPE_CHECKING:
    from keras_consistency_cli.config.settings import Settings
    from keras_consistency_cli.reporting.report import Report

__all__ = ["run"]

_OWN = ("code", "scheduler", "show_settings")
"""The parameters that are not settings of a run."""


@with_options(*OPTIONS)
def run(
    context: typer.Context,
    *,
    code: Annotated[
        list[Path] | None,
        option(
            "Serving code of the model: the report names the line under its cause, as kcheck code does. "
            "Repeatable.",
            "PATH",
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        option(
            "Where to run the rows after the sample: local:N for N groups of workers on this machine, or the "
            "address of a Dask scheduler. The results are the same.",
            "local:N|ADDRESS",
        ),
    ] = None,
    show_settings: Annotated[
        bool,
        typer.Option("--show-settings", help="Show each setting, its value and its source, and run nothing."),
    ] = False,
) -> int:
    """Check a saved model."""
    call: Call = context.obj
    flags = {name: value for name, value in context.params.items() if name not in _OWN}
    # `kcheck MODEL` uses the files next to the model; `kcheck run` uses what is named.
    next_to = flags["model"] if call.is_bare else None
    if show_settings:
        return _show_settings(flags, next_to)
    return check_and_report(
        flags, call, partial(_inspect, call.line, code or (), scheduler=scheduler), next_to=next_to
    )


def _inspect(line: str, code: Sequence[Path], settings: Settings, **context: Any) -> Report:
    from keras_consistency_cli.pipeline.run import inspect

    if not code:
        return inspect(settings, line, **context)
    from keras_consistency_cli.checks.code.reading.collect import collect
    from keras_consistency_cli.reporting.code.places import join_code

    collect(code)  # a wrong path is refused before the run, not after it
    return join_code(inspect(settings, line, **context), code)


def _show_settings(flags: Mapping[str, Any], model: str | None) -> int:
    from keras_consistency_cli.cli.implicit_inputs import find_implicit_inputs
    from keras_consistency_cli.config.settings import stated_settings

    rows = stated_settings(flags, os.environ, find_implicit_inputs(model).discovered)
    name_width, value_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = (f"{name:<{name_width}}  {value:<{value_width}}  {origin}\n" for name, value, origin in rows)
    write_stdout("".join(lines))
    return 0

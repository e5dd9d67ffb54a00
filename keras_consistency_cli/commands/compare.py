"""`kcheck compare`: any two ways of calling a model, held against each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_consistency_cli.commands.call import Call
from keras_consistency_cli.commands.checking import checked
from keras_consistency_cli.commands.completing import routes
from keras_consistency_cli.commands.options import (
    AllowUnsafe,
    Atol,
    Backend,
    BatchSize,
    Color,
    Config,
    CustomObjects,
    Data,
    Debug,
    Exact,
    ExitZero,
    FailOn,
    Format,
    Isolation,
    MemoryLimit,
    Output,
    Preprocess,
    Quiet,
    Rows,
    Rtol,
    Scaler,
    Seed,
    TargetScaler,
    Timeout,
    TotalTimeout,
    TrustScaler,
    Verbose,
)

if TYPE_CHECKING:
    from keras_consistency_cli.report import Report
    from keras_consistency_cli.settings import Settings

__all__ = ["compare"]

_OF_CHECKS = {"select": (), "ignore": (), "require": (), "exit_first": False, "bundle": None}
"""Settings that speak of the checks of `kcheck run`, as they are where nothing is said."""


def compare(
    context: typer.Context,
    candidate: Annotated[str, typer.Argument(help="A way of calling, from 'kcheck list --routes'.", metavar="ROUTE", autocompletion=routes)],
    reference: Annotated[str, typer.Argument(help="The one to hold it against.", metavar="ROUTE", autocompletion=routes)],
    model: Annotated[
        str | None, typer.Argument(help="The saved model (.keras); may come from the YAML file.", metavar="MODEL", show_default=False)
    ] = None,
    data: Data = None,
    config: Config = None,
    scaler: Scaler = None,
    preprocess: Preprocess = None,
    target_scaler: TargetScaler = None,
    custom_objects: CustomObjects = None,
    rows: Rows = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    format: Format = None,
    output: Output = None,
    backend: Backend = None,
    rtol: Rtol = None,
    atol: Atol = None,
    exact: Exact = False,
    trust_scaler: TrustScaler = False,
    allow_unsafe: AllowUnsafe = False,
    fail_on: FailOn = None,
    exit_zero: ExitZero = False,
    timeout: Timeout = None,
    total_timeout: TotalTimeout = None,
    memory_limit: MemoryLimit = None,
    isolation: Isolation = None,
    color: Color = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Hold any two ways of calling a model against each other."""
    from keras_consistency_cli.comparing import comparison_check

    call: Call = context.obj
    check = comparison_check(candidate, reference)
    given = {name: value for name, value in context.params.items() if name not in ("candidate", "reference")}

    def inspected(settings: Settings, **how: Any) -> Report:
        from keras_consistency_cli.pipeline import inspect

        return replace(inspect(settings, call.line, instead=(check,), **how), reproducers={})

    return checked(given, call, inspected, narrow=lambda settings: settings.model_copy(update=_OF_CHECKS))

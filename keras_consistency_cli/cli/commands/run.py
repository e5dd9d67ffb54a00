"""`kcheck run`: every check of a saved model, or those that are selected."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_consistency_cli.cli import options
from keras_consistency_cli.cli.completion import check_names
from keras_consistency_cli.cli.console import write_stdout
from keras_consistency_cli.cli.invocation import Call
from keras_consistency_cli.cli.options import Text, Texts, option, switch
from keras_consistency_cli.cli.runner import checked

if TYPE_CHECKING:
    from keras_consistency_cli.config.settings import Settings
    from keras_consistency_cli.reporting.report import Report

__all__ = ["run"]


def _checks(help_text: str) -> Any:
    return option(help_text, "CHECKS", completed=check_names)


def run(
    context: typer.Context,
    model: options.Model = None,
    data: options.Data = None,
    config: options.Config = None,
    scaler: options.Scaler = None,
    preprocess: options.Preprocess = None,
    reference: Annotated[Text, option("Rows that the model was trained on, raw.", "FILE")] = None,
    served: Annotated[
        Text, option("What serving fed to the model for the rows of --data, row for row.", "FILE")
    ] = None,
    expected: Annotated[
        Text, option("Answers recorded for the rows of --data, row for row, to hold today's against.", "FILE")
    ] = None,
    target_scaler: options.TargetScaler = None,
    custom_objects: options.CustomObjects = None,
    select: Annotated[
        Texts, _checks("Checks to run: codes, beginnings of codes or names, comma separated. Repeatable.")
    ] = None,
    ignore: Annotated[Texts, _checks("Checks to leave out, in the same words. Repeatable.")] = None,
    require: Annotated[
        Texts, _checks("Checks that must answer, in the same words: skipped, exit 3. Repeatable.")
    ] = None,
    exit_first: Annotated[bool, switch("End at the first check that fails.", "--exit-first", "-x")] = False,
    rows: options.Rows = None,
    batch_size: options.BatchSize = None,
    seed: options.Seed = None,
    format: options.Format = None,
    output: options.Output = None,
    bundle: Annotated[
        Text,
        option(
            "Folder for what shows each failure: rows, both answers, versions, commands; under 1 MB.", "DIR"
        ),
    ] = None,
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
    show_settings: Annotated[
        bool,
        switch(
            "Show each setting with its value and where it comes from, and run nothing.", "--show-settings"
        ),
    ] = False,
    debug: options.Debug = False,
) -> int:
    """Check a saved model."""
    call: Call = context.obj
    given = {name: value for name, value in context.params.items() if name != "show_settings"}
    around = model if call.bare else None
    return (
        _shown(given, around)
        if show_settings
        else checked(given, call, partial(_inspected, call.line), around=around)
    )


def _inspected(line: str, settings: Settings, **how: Any) -> Report:
    from keras_consistency_cli.pipeline.run import inspect

    return inspect(settings, line, **how)


def _shown(given: Mapping[str, Any], model: str | None) -> int:
    from keras_consistency_cli.cli.implicit_inputs import look_around
    from keras_consistency_cli.config.settings import stated_settings

    rows = [
        (name, value, origin)
        for name, value, origin in stated_settings(given, os.environ, look_around(model).said)
    ]
    wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
    write_stdout(
        "".join(f"{name:<{wide[0]}}  {value:<{wide[1]}}  {origin}\n" for name, value, origin in rows)
    )
    return 0

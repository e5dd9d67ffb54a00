"""`kcheck baseline record|verify`: golden answers in a file, and today's held against them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_consistency_cli.cli import options
from keras_consistency_cli.cli.choices import check_choice
from keras_consistency_cli.cli.completion import one_of
from keras_consistency_cli.cli.console import check_destination, write_bytes, write_stdout
from keras_consistency_cli.cli.invocation import Call
from keras_consistency_cli.cli.options import Text, option
from keras_consistency_cli.cli.runner import checked
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.config.settings import Settings
    from keras_consistency_cli.reporting.report import Report

__all__ = ["baseline"]

_ACTIONS = ("record", "verify")
_ALONE = {"select": ("KC802",), "ignore": (), "require": (), "exit_first": False, "bundle": None}
"""The check of recorded answers, whatever a YAML file selects."""


def baseline(
    context: typer.Context,
    action: Annotated[
        str,
        typer.Argument(
            help="Record today's answers, or hold today's against those recorded.",
            metavar="|".join(_ACTIONS),
            autocompletion=one_of(*_ACTIONS),
        ),
    ],
    file: Annotated[Path, option("The baseline.", "FILE.kcheck", "--file", "-f")],
    model: options.Model = None,
    data: Annotated[Text, option("Input rows, all of which are answered.", "FILE", "--data", "-d")] = None,
    config: options.Config = None,
    scaler: options.Scaler = None,
    preprocess: options.Preprocess = None,
    target_scaler: options.TargetScaler = None,
    custom_objects: options.CustomObjects = None,
    batch_size: options.BatchSize = None,
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
    """Record answers in a file, or hold today's against them."""
    check_choice("ACTION", action, _ACTIONS)
    from keras_consistency_cli.cli.implicit_inputs import look_around
    from keras_consistency_cli.config.settings import load_settings

    given = {name: value for name, value in context.params.items() if name not in ("action", "file")} | {
        "rows": "all"
    }
    settings = load_settings(given, os.environ, look_around(None).said)
    if settings.data is None:
        raise UsageError("a baseline needs rows", fix="give them with --data")
    if action == "record":
        return _record(settings, file)
    for one in settings.destinations():
        if one.path is not None:
            check_destination(one.path, [file], said=one.said)
    return _verify(given, file, context.obj)


def _record(settings: Settings, file: Path) -> int:
    from keras_consistency_cli.cli.progress import shown_on
    from keras_consistency_cli.pipeline.baseline import record

    function = Path((settings.preprocess or "").rpartition(":")[0])
    taken = [
        path
        for path in (settings.model, settings.data, settings.scaler, function, *settings.custom_objects)
        if path is not None
    ]
    check_destination(file, taken, said="--file ")
    with shown_on(sys.stderr, os.environ, quiet=settings.quiet) as observe:
        content, rows = record(settings, observe)
    write_bytes(file, content)
    with suppress(BrokenPipeError):
        write_stdout(f"recorded the answers to {rows:,} rows in {clean(file)}\n")
    return 0


def _verify(given: Mapping[str, Any], file: Path, call: Call) -> int:
    from keras_consistency_cli.pipeline.baseline import differences
    from keras_consistency_cli.pipeline.baseline_file import read_baseline

    recorded = read_baseline(file)

    def inspected(settings: Settings, **how: Any) -> Report:
        from keras_consistency_cli.pipeline.run import inspect

        report = inspect(settings, call.line, **how)
        report = replace(report, reproducers={}, settings={**report.settings, "expected": str(file)})
        return replace(report, notes=(*differences(recorded, report), *report.notes))

    with tempfile.TemporaryDirectory(prefix="kcheck-") as folder:
        answers = Path(folder) / "answers.npz"
        answers.write_bytes(recorded.answers)
        return checked(
            {**given, "expected": str(answers)},
            call,
            inspected,
            narrow=lambda settings: settings.model_copy(update=_ALONE),
        )

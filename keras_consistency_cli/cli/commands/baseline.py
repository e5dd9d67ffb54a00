"""`kcheck baseline record|verify`: record outputs in a file, and compare later outputs with them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_consistency_cli.cli.completion import one_of
from keras_consistency_cli.cli.console import check_destination, write_bytes, write_stdout
from keras_consistency_cli.cli.invocation import Call
from keras_consistency_cli.cli.options import OPTIONS, check_choice, option, with_options
from keras_consistency_cli.cli.runner import check_and_report
from keras_consistency_cli.errors import KcheckError, UsageError
from keras_consistency_cli.text import clean, format_count

if TYPE_CHECKING:
    from keras_consistency_cli.config.settings import Settings
    from keras_consistency_cli.reporting.report import Report

__all__ = ["baseline"]

_ACTIONS = ("record", "verify")
_ONLY_RECORDED_OUTPUTS = {
    "select": ("KC802",),
    "ignore": (),
    "require": (),
    "exit_first": False,
    "quick": False,
    "bundle": None,
}
"""The check of recorded outputs, whatever a YAML file selects."""
_UNUSED = {*_ONLY_RECORDED_OUTPUTS, "reference", "served", "expected", "rows", "seed"}


@with_options(*(name for name in OPTIONS if name not in _UNUSED))
def baseline(
    context: typer.Context,
    action: Annotated[
        str,
        typer.Argument(
            help="Record outputs, or compare today's outputs with recorded ones.",
            metavar="|".join(_ACTIONS),
            autocompletion=one_of(*_ACTIONS),
        ),
    ],
    file: Annotated[Path, option("The baseline file.", "FILE.kcheck", "--file", "-f")],
    force: Annotated[bool, typer.Option("--force", help="Replace a baseline file that exists.")] = False,
) -> int:
    """Record outputs in a file, or compare today's outputs with them."""
    check_choice("ACTION", action, _ACTIONS)
    from keras_consistency_cli.cli.implicit_inputs import find_implicit_inputs
    from keras_consistency_cli.config.settings import load_settings

    flags = {name: value for name, value in context.params.items() if name not in ("action", "file", "force")}
    flags["rows"] = "all"
    settings = load_settings(flags, os.environ, find_implicit_inputs(None).discovered)
    if action == "record":
        _check_new(file, force=force)
        return _record(settings, file)
    if settings.data is None:
        raise UsageError("a baseline needs rows", fix="give them with --data")
    for destination in settings.destinations():
        if destination.path is not None:
            check_destination(destination.path, [file], flag=destination.flag)
    return _verify(flags, file, context.obj)


def _check_new(file: Path, *, force: bool) -> None:
    """Refuse to replace a baseline: the outputs that it holds may be the only ones of an earlier model."""
    if not force and os.path.lexists(file):
        raise UsageError(
            f"--file {clean(file)} exists already", fix="use a new name, or --force to replace what it holds"
        )


def _record(settings: Settings, file: Path) -> int:
    from keras_consistency_cli.cli.progress import shown_on
    from keras_consistency_cli.pipeline.baseline import record

    check_destination(file, settings.input_files(), flag="--file ")
    with shown_on(sys.stderr, os.environ, quiet=settings.quiet) as observe:
        content, rows = record(settings, observe)
    write_bytes(file, content)
    with suppress(BrokenPipeError):
        write_stdout(f"recorded the outputs for {format_count(rows, 'row')} in {clean(file)}\n")
    return 0


@contextmanager
def _naming_baseline(outputs: Path, file: Path) -> Iterator[None]:
    """Name the user's file in errors about the outputs that were unpacked from it."""
    try:
        yield
    except KcheckError as error:
        unpacked, shown = clean(outputs), clean(file)
        error.what = error.what.replace(f"{unpacked} (--expected)", f"{shown} (--file)")
        error.what = error.what.replace(unpacked, shown)
        raise


def _verify(flags: Mapping[str, Any], file: Path, call: Call) -> int:
    from keras_consistency_cli.pipeline.baseline import differences
    from keras_consistency_cli.pipeline.baseline_file import read_baseline

    recorded = read_baseline(file)

    def inspect_with_notes(settings: Settings, **context: Any) -> Report:
        from keras_consistency_cli.pipeline.run import inspect

        with _naming_baseline(outputs, file):
            report = inspect(settings, call.line, **context)
        report = replace(report, reproducers={}, settings={**report.settings, "expected": str(file)})
        return replace(report, notes=(*differences(recorded, report), *report.notes))

    with tempfile.TemporaryDirectory(prefix="kcheck-") as folder:
        outputs = Path(folder) / "answers.npz"
        outputs.write_bytes(recorded.answers)
        return check_and_report(
            {**flags, "expected": str(outputs)},
            call,
            inspect_with_notes,
            narrow=lambda settings: settings.model_copy(update=_ONLY_RECORDED_OUTPUTS),
        )

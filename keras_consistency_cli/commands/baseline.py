"""`kcheck baseline record|verify`: golden answers in a file, and today's held against them."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from keras_consistency_cli import output
from keras_consistency_cli.commands.call import Call
from keras_consistency_cli.commands.choices import check_choice
from keras_consistency_cli.destinations import UTF_8
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

__all__ = ["baseline"]

_ACTIONS = ("record", "verify")
_CHECK = "KC802"
_Text = str | None


def baseline(
    context: typer.Context,
    action: Annotated[str, typer.Argument(help="Record today's answers, or hold today's against those recorded.", metavar="record|verify")],
    model: Annotated[str, typer.Argument(help="The saved model (.keras).", metavar="MODEL")],
    data: Annotated[str, typer.Option("--data", "-d", help="Input rows, all of which are answered.", metavar="FILE")],
    file: Annotated[Path, typer.Option("--file", help="The baseline.", metavar="FILE.kcheck")],
    scaler: Annotated[_Text, typer.Option(help="The scaler that the rows go through first.", metavar="FILE", show_default=False)] = None,
    custom_objects: Annotated[list[str] | None, typer.Option(help="Python file with the model's own classes. Repeatable.", metavar="FILE")] = None,
    batch_size: Annotated[_Text, typer.Option(help="Batch size. [32]", metavar="N", show_default=False)] = None,
    backend: Annotated[_Text, typer.Option(help="Keras backend. [tensorflow]", metavar="tensorflow|jax|torch", show_default=False)] = None,
    format: Annotated[str, typer.Option(help="Form of the report of verify, as for run.", metavar="FORMAT")] = "terminal",
    trust_scaler: Annotated[bool, typer.Option("--trust-scaler", help="Let a pickled scaler run its own code.")] = False,
    allow_unsafe: Annotated[bool, typer.Option("--allow-unsafe", help="Let the model run its own code (Lambda layers).")] = False,
) -> int:
    """Record a model's answers in a file, or hold today's against them."""
    check_choice("ACTION", action, _ACTIONS)
    flags = {name: value for name, value in context.params.items() if name not in ("action", "file")} | {"rows": "all"}
    return _record(flags, file) if action == "record" else _verify(flags, file, context.obj)


def _record(flags: dict[str, object], file: Path) -> int:
    from keras_consistency_cli.recording import record
    from keras_consistency_cli.settings import load_settings

    settings = load_settings(flags, {})
    taken = [path for path in (settings.model, settings.data, settings.scaler, *settings.custom_objects) if path is not None]
    output.check_destination(file, taken, said="--file ")
    content, rows = record(settings)
    output.write_bytes(file, content)
    with suppress(BrokenPipeError):
        output.write_stdout(f"recorded the answers to {rows:,} rows in {clean(file)}\n")
    return 0


def _verify(flags: dict[str, object], file: Path, call: Call) -> int:
    from keras_consistency_cli.pipeline import inspect
    from keras_consistency_cli.recording import differences, read_baseline
    from keras_consistency_cli.reporting import render
    from keras_consistency_cli.settings import load_settings

    recorded = read_baseline(file)
    with tempfile.TemporaryDirectory(prefix="kcheck-") as folder:
        answers = Path(folder) / "answers.npz"
        answers.write_bytes(recorded.answers)
        settings = load_settings({**flags, "format": [_form(flags)], "expected": str(answers), "select": [_CHECK]}, {})
        report = inspect(settings, call.line)
    report = replace(report, reproducers={}, settings={**report.settings, "expected": str(file)})
    report = replace(report, notes=(*differences(recorded, report), *report.notes))
    form = settings.destinations()[0].format
    with suppress(BrokenPipeError):
        colored = output.wants_color(settings.color, os.environ)
        text = render(report, form, width=output.terminal_width(), color=colored, ascii_only=form not in UTF_8 and output.speaks_ascii_only())
        output.write_stdout(text, encoding="utf-8" if form in UTF_8 else None)
    return report.exit_code


def _form(flags: dict[str, object]) -> str:
    """Return the one form of the report; it goes to standard output."""
    form = str(flags["format"])
    if "=" in form:
        raise UsageError(f"--format {clean(form, 60)}: a report of verify goes to standard output", mend="redirect it")
    return form

"""`kcheck compare`: any two ways of calling a model, held against each other."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

import typer

from keras_consistency_cli import output
from keras_consistency_cli.commands.call import Call
from keras_consistency_cli.commands.choices import check_choice
from keras_consistency_cli.destinations import UTF_8

__all__ = ["compare"]

_FORMATS = ("terminal", "concise", "json", "markdown")
_Text = str | None


def compare(
    context: typer.Context,
    candidate: Annotated[str, typer.Argument(help="A way of calling, from 'kcheck list --routes'.", metavar="ROUTE")],
    reference: Annotated[str, typer.Argument(help="The one to hold it against.", metavar="ROUTE")],
    model: Annotated[str, typer.Argument(help="The saved model (.keras).", metavar="MODEL")],
    data: Annotated[_Text, typer.Option("--data", "-d", help="Input rows. Without them, rows are made.", metavar="FILE", show_default=False)] = None,
    scaler: Annotated[_Text, typer.Option(help="The scaler that the rows go through first.", metavar="FILE", show_default=False)] = None,
    custom_objects: Annotated[list[str] | None, typer.Option(help="Python file with the model's own classes. Repeatable.", metavar="FILE")] = None,
    rows: Annotated[_Text, typer.Option(help="How many rows to use. [256]", metavar="N|all", show_default=False)] = None,
    batch_size: Annotated[_Text, typer.Option(help="Batch size. [32]", metavar="N", show_default=False)] = None,
    rtol: Annotated[list[str] | None, typer.Option(help="Relative limit, together with --atol.", metavar="X|OUTPUT:X")] = None,
    atol: Annotated[list[str] | None, typer.Option(help="Absolute limit, together with --rtol.", metavar="X|OUTPUT:X")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Ask for the same bits.")] = False,
    backend: Annotated[_Text, typer.Option(help="Keras backend. [tensorflow]", metavar="tensorflow|jax|torch", show_default=False)] = None,
    format: Annotated[str, typer.Option(help="Form of the report.", metavar="|".join(_FORMATS))] = "terminal",
    trust_scaler: Annotated[bool, typer.Option("--trust-scaler", help="Let a pickled scaler run its own code.")] = False,
    allow_unsafe: Annotated[bool, typer.Option("--allow-unsafe", help="Let the model run its own code (Lambda layers).")] = False,
) -> int:
    """Hold any two ways of calling a model against each other."""
    check_choice("--format", format, _FORMATS)
    from keras_consistency_cli.comparing import comparison_check
    from keras_consistency_cli.pipeline import inspect
    from keras_consistency_cli.reporting import render
    from keras_consistency_cli.settings import load_settings

    call: Call = context.obj
    check = comparison_check(candidate, reference)
    flags = {name: value for name, value in context.params.items() if name not in ("candidate", "reference")}
    settings = load_settings({**flags, "format": [format]}, {})
    report = replace(inspect(settings, call.line, instead=(check,)), reproducers={})
    with suppress(BrokenPipeError):
        colored = output.wants_color("auto", os.environ)
        plain = format not in UTF_8 and output.speaks_ascii_only()
        text = render(report, format, width=output.terminal_width(), color=colored, ascii_only=plain)
        output.write_stdout(text, encoding="utf-8" if format in UTF_8 else None)
    return report.exit_code

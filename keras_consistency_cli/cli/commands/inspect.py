"""`kcheck inspect`: show the contents of a saved model without running any of its code."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.options import check_choice
from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.code_files import check_code_files

__all__ = ["inspect_model"]

_FORMATS = ("terminal", "json")


def inspect_model(
    model: Annotated[
        Path, typer.Argument(help="The saved model (.keras).", metavar="MODEL", show_default=False)
    ],
    format: Annotated[str, typer.Option(help="Output format.", metavar="terminal|json")] = "terminal",
    custom_objects: Annotated[
        list[Path] | None,
        typer.Option(
            help="Python file with the model's own classes; it is not run. Repeatable.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    allow_unsafe: Annotated[
        bool,
        typer.Option(
            "--allow-unsafe", help="State that the model may run its own code; this command runs none."
        ),
    ] = False,
    color: Annotated[str, typer.Option(help="Colour.", metavar="auto|always|never")] = "auto",
) -> int:
    """Show the contents of a saved model without running it."""
    check_choice("--format", format, _FORMATS)
    check_choice("--color", color, ("auto", "always", "never"))
    check_code_files(custom_objects or ())
    from keras_consistency_cli.cli.model_summary import (
        render_summary,
        render_summary_json,
        render_summary_refusal,
    )
    from keras_consistency_cli.loading.model_file.summary import summarise
    from keras_consistency_cli.loading.model_file.user_functions import defined_functions

    try:
        summary = summarise(
            model,
            custom_objects=bool(custom_objects),
            functions=defined_functions(custom_objects or ()),
            allow_unsafe=allow_unsafe,
        )
    except RefusedError as refusal:
        if format == "json":
            console.write_stdout(render_summary_refusal(str(model), refusal), encoding="utf-8")
        raise
    with suppress(BrokenPipeError):  # a closed pipe does not change the result
        if format == "json":
            console.write_stdout(render_summary_json(summary), encoding="utf-8")
        else:
            colored = console.wants_color(color, os.environ)  # type: ignore[arg-type]
            console.write_stdout(render_summary(summary, width=console.terminal_width(), color=colored))
    return summary.exit_code

"""Options that several commands take, each told once; a command names those that it has among its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from keras_consistency_cli.cli.completion import forms, one_of
from keras_consistency_cli.config.report_targets import FORMATS

__all__ = [
    "AllowUnsafe",
    "Atol",
    "Backend",
    "BatchSize",
    "Color",
    "Config",
    "CustomObjects",
    "Data",
    "Debug",
    "Exact",
    "ExitZero",
    "FailOn",
    "Format",
    "Isolation",
    "MemoryLimit",
    "Model",
    "Output",
    "Preprocess",
    "Quiet",
    "Rows",
    "Rtol",
    "Scaler",
    "Seed",
    "TargetScaler",
    "Text",
    "Texts",
    "Timeout",
    "TotalTimeout",
    "TrustScaler",
    "Verbose",
    "option",
    "switch",
]


def option(
    help_text: str,
    metavar: str | None = None,
    *names: str,
    completed: Callable[[str], list[str]] | None = None,
) -> Any:
    """Return an option with a value; without names it is called as its parameter is.

    Args:
        help_text: for `--help`.
        metavar: what stands for the value there; words with bars between them are all there is, and shells offer them.
        names: how it is written.
        completed: what shells offer instead.
    """
    words = metavar.split("|") if metavar and metavar.islower() and "|" in metavar else []
    return typer.Option(
        *names,
        help=help_text,
        metavar=metavar,
        show_default=False,
        autocompletion=completed or (one_of(*words) if words else None),
    )


def switch(help_text: str, *names: str) -> Any:
    """Return an option that is given or not."""
    return typer.Option(*names, help=help_text)


Text = str | None
Texts = list[str] | None

Model = Annotated[
    Text,
    typer.Argument(
        help="The saved model (.keras); may come from the YAML file.", metavar="MODEL", show_default=False
    ),
]
Data = Annotated[
    Text,
    option(
        "Input rows, .npy, .npz (by input name), .csv or .parquet. Else they are made.",
        "FILE",
        "--data",
        "-d",
    ),
]
Config = Annotated[Text, option("YAML file with any of these options.", "FILE", "--config", "-c")]
Scaler = Annotated[Text, option("The scaler that the rows go through first.", "FILE")]
Preprocess = Annotated[
    Text,
    option("Your own function that the rows go through, instead of a scaler; it is run.", "FILE.py:FUNCTION"),
]
TargetScaler = Annotated[Text, option("The scaler of the targets, to tell deviations in your units.", "FILE")]
CustomObjects = Annotated[Texts, option("Python file with the model's own classes. Repeatable.", "FILE")]
Rows = Annotated[Text, option("How many rows to use, spread over the data. [256]", "N|all")]
BatchSize = Annotated[Text, option("Batch size of the ordinary prediction. [32]", "N")]
Seed = Annotated[Text, option("Seed for made rows, spreading and shuffling. [0]", "N")]
Format = Annotated[
    Texts,
    option(
        f"Form of the report: {', '.join(FORMATS)}. Repeatable. [terminal]", "FORMAT[=FILE]", completed=forms
    ),
]
Output = Annotated[
    Text,
    option(
        "File for the report that --format gives none, instead of standard output.", "FILE", "--output", "-o"
    ),
]
Backend = Annotated[Text, option("Keras backend. [tensorflow]", "tensorflow|jax|torch")]
Rtol = Annotated[
    Texts,
    option(
        "Relative limit, together with --atol, instead of the calibrated one; or one by output.", "X|OUTPUT:X"
    ),
]
Atol = Annotated[Texts, option("Absolute limit, together with --rtol.", "X|OUTPUT:X")]
Exact = Annotated[bool, switch("Ask for the same bits.", "--exact")]
TrustScaler = Annotated[bool, switch("Let a pickled scaler run its own code.", "--trust-scaler")]
AllowUnsafe = Annotated[bool, switch("Let the model run its own code (Lambda layers).", "--allow-unsafe")]
FailOn = Annotated[Text, option("What makes the exit code 1. [fail]", "fail|warn")]
ExitZero = Annotated[bool, switch("Exit with 0 although checks fail.", "--exit-zero")]
Timeout = Annotated[Text, option("Seconds that one route may take. [600]", "SECONDS")]
TotalTimeout = Annotated[Text, option("Seconds that the whole run may take. [no limit]", "SECONDS")]
MemoryLimit = Annotated[Text, option("GiB of memory that one worker may take. [most of what is free]", "GIB")]
Isolation = Annotated[
    Text, option("Keep workers from the network and from writing files, where possible. [auto]", "auto|off")
]
Color = Annotated[Text, option("Colour of the report. [auto]", "auto|always|never")]
Quiet = Annotated[bool, switch("In a terminal show only the last line.", "--quiet", "-q")]
Verbose = Annotated[
    bool, switch("In a terminal show also environment, isolation, and seconds by check.", "--verbose", "-v")
]
Debug = Annotated[bool, switch("Show tracebacks and the backend's own messages.", "--debug")]

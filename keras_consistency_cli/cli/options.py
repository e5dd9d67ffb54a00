"""Options of the commands that check a model. Each is declared once here, and `with_options` attaches it to a
command.

Typer reads the options of a command from the signature of its function. The decorator extends that signature,
so that a function names only the parameters that belong to it alone; the values of all others are in
`context.params`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from keras_consistency_cli.cli.completion import check_names, one_of, report_forms
from keras_consistency_cli.config.report_targets import FORMATS
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["OPTIONS", "check_choice", "option", "with_options"]

_Text = str | None
_Texts = list[str] | None

Completion = Callable[[str], list[str]]


def option(
    help_text: str, metavar: str | None = None, *names: str, completion: Completion | None = None
) -> Any:
    """Return a Typer option with a value; without names it is written like its parameter.

    Args:
        help_text: for `--help`.
        metavar: the placeholder of the value; words separated by bars are all possible values, and shells
            offer them.
        names: the flags.
        completion: words that a shell offers instead.
    """
    words = metavar.split("|") if metavar and metavar.islower() and "|" in metavar else []
    return typer.Option(
        *names,
        help=help_text,
        metavar=metavar,
        show_default=False,
        autocompletion=completion or (one_of(*words) if words else None),
    )


def _text(help_text: str, metavar: str, *names: str) -> tuple[Any, _Text]:
    return Annotated[_Text, option(help_text, metavar, *names)], None


def _texts(help_text: str, metavar: str, *, completion: Completion | None = None) -> tuple[Any, _Texts]:
    return Annotated[_Texts, option(help_text, metavar, completion=completion)], None


def _switch(help_text: str, *names: str) -> tuple[Any, bool]:
    return Annotated[bool, typer.Option(*names, help=help_text)], False


_MODEL = typer.Argument(
    help="The saved model (.keras); the YAML file can name it instead.", metavar="MODEL", show_default=False
)

OPTIONS: Mapping[str, tuple[Any, object]] = {
    "model": (Annotated[_Text, _MODEL], None),
    "data": _text(
        "Input rows: .npy, .npz (by input name), .csv, .parquet, .txt with a text in each line, "
        "or a folder of images, .npy, .npz or .parquet files. Rows are generated if it is not given.",
        "FILE",
        "--data",
        "-d",
    ),
    "columns": _texts(
        "Columns of the table to use, in this order, separated by commas; names with commas in quotes. [all]",
        "NAMES",
    ),
    "drop": _texts("Columns of the table to leave out, such as ids and targets.", "NAMES"),
    "window": _text("Cut the rows, one long series, into windows of N time steps.", "N[,STRIDE]"),
    "value_range": _text(
        "The values that the model was trained on; images are scaled from 0-255 to them. [0,255]", "LOW,HIGH"
    ),
    "config": _text("YAML file with any of these options.", "FILE", "--config", "-c"),
    "scaler": _text("The scaler that is applied to the rows first.", "FILE"),
    "preprocess": _text(
        "Your own function that is applied to the rows instead of a scaler; kcheck runs it.",
        "FILE.py:FUNCTION",
    ),
    "reference": _text("Raw rows that the model was trained on.", "FILE"),
    "served": _text("The rows that serving passed to the model for --data, row for row.", "FILE"),
    "expected": _text("Recorded outputs for the rows of --data, row for row, to compare with.", "FILE"),
    "target_scaler": _text("The scaler of the targets; differences are then also in your units.", "FILE"),
    "export": _texts(
        "Export of the model to compare with it: a SavedModel, LiteRT, ONNX or OpenVINO file. Repeatable.",
        "FILE[#SIGNATURE]",
    ),
    "try_export": _texts(
        "Exports that kcheck makes from the model and compares: litert, onnx, tf_saved_model, openvino.",
        "FORMATS",
        completion=one_of("litert", "onnx", "tf_saved_model", "openvino"),
    ),
    "endpoint": _texts(
        "URL of a service that runs the model, to compare with it; kcheck sends it rows. Repeatable.", "URL"
    ),
    "endpoint_requests": _text("The most requests to each service. [200]", "N"),
    "custom_objects": _texts("Python file with the model's own classes. Repeatable.", "FILE"),
    "select": _texts(
        "Checks to run: codes, prefixes of codes or names, separated by commas. Repeatable.",
        "CHECKS",
        completion=check_names,
    ),
    "ignore": _texts(
        "Checks to leave out, written like --select. Repeatable.", "CHECKS", completion=check_names
    ),
    "require": _texts(
        "Checks that must give a verdict, written like --select; exit 3 if one is skipped. Repeatable.",
        "CHECKS",
        completion=check_names,
    ),
    "exit_first": _switch("Stop at the first check that fails.", "--exit-first", "-x"),
    "quick": _switch("Leave out the slow checks, and use fewer rows of a heavy model.", "--quick"),
    "rows": _text("Number of rows to use, spread over the data. [256]", "N|all"),
    "batch_size": _text("Batch size of the reference prediction. [32]", "N"),
    "seed": _text("Seed for generated rows, for sampling and for shuffling. [0]", "N"),
    "format": _texts(
        f"Report format: {', '.join(FORMATS)}. Repeatable. [terminal]",
        "FORMAT[=FILE]",
        completion=report_forms,
    ),
    "output": _text(
        "File for the report whose --format names no file, instead of standard output.",
        "FILE",
        "--output",
        "-o",
    ),
    "bundle": _text(
        "Folder for the evidence of each failure: rows, both outputs, versions, commands; under 1 MB.", "DIR"
    ),
    "backend": _text("Keras backend. [tensorflow]", "tensorflow|jax|torch"),
    "backends": _texts(
        "Keras backends whose outputs are compared with those of --backend: tensorflow, jax, torch.",
        "NAMES",
        completion=one_of("tensorflow", "jax", "torch"),
    ),
    "rtol": _texts(
        "Relative limit, together with --atol, instead of the measured one; also for one output.",
        "X|OUTPUT:X",
    ),
    "atol": _texts("Absolute limit, together with --rtol.", "X|OUTPUT:X"),
    "exact": _switch("Require bit-identical outputs.", "--exact"),
    "trust_scaler": _switch("Allow a pickled scaler to run its own code.", "--trust-scaler"),
    "allow_unsafe": _switch("Allow the model to run its own code (Lambda layers).", "--allow-unsafe"),
    "fail_on": _text("The lowest status that makes the exit code 1. [fail]", "fail|warn"),
    "exit_zero": _switch("Exit with 0 even if checks fail.", "--exit-zero"),
    "timeout": _text("Longest time of one route, in seconds. [600]", "SECONDS"),
    "total_timeout": _text("Longest time of the whole run, in seconds. [no limit]", "SECONDS"),
    "memory_limit": _text("Memory limit of one worker, in GiB. [most of what is free]", "GIB"),
    "isolation": _text(
        "Prevent workers from using the network and from writing files, if the system can. [auto]", "auto|off"
    ),
    "color": _text("Colour in the report. [auto]", "auto|always|never"),
    "quiet": _switch("In a terminal, show only the last line.", "--quiet", "-q"),
    "verbose": _switch(
        "In a terminal, also show environment, isolation and seconds of each check.", "--verbose", "-v"
    ),
    "debug": _switch("Show tracebacks and the messages of the backend.", "--debug"),
}
"""By parameter name: annotation and default, in the order of `--help`."""


def with_options(*names: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Return a decorator that adds options from `OPTIONS` to a command, behind its positional parameters.

    Args:
        names: keys of `OPTIONS`, in the order of `--help`. Keyword-only parameters of the command come after
            them.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        own = inspect.signature(command, eval_str=True)

        @functools.wraps(command)
        def call(**values: Any) -> int:
            return command(**{name: value for name, value in values.items() if name in own.parameters})

        parameters = _merged(list(own.parameters.values()), names)
        call.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {
            "return": int
        }
        return call

    return decorate


def _merged(own: Sequence[inspect.Parameter], names: Sequence[str]) -> list[inspect.Parameter]:
    last = [parameter for parameter in own if parameter.kind is inspect.Parameter.KEYWORD_ONLY]
    first = [parameter for parameter in own if parameter not in last]
    shared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=OPTIONS[name][1], annotation=OPTIONS[name][0]
        )
        for name in names
    ]
    return [*first, *shared, *last]


def check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    """Raise UsageError, with the nearest word, if a value is not one of the choices."""
    if value not in choices:
        raise UsageError(
            f"{option} {clean(value, 60)} is unknown{did_you_mean(value, choices)}",
            expected=", ".join(choices),
        )

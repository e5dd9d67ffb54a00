"""`kcheck init`: write a commented kcheck.yaml next to a model, from the files found there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.config.discovery import AdjacentFiles
    from keras_consistency_cli.loading.model_file.summary import ModelSummary

__all__ = ["init"]

_NAME = "kcheck.yaml"
_OPTIONS = {
    "data": ("x.npy", "input rows; without them, rows are generated from the model's inputs"),
    "scaler": ("scaler.pkl", "the scaler that is applied to the rows first"),
    "reference": ("reference.npy", "rows that the model was trained on, in the same raw form as data"),
    "served": ("served.npy", "the rows that serving passed to the model for the rows of data, row for row"),
    "expected": ("expected.npy", "outputs recorded for the rows of data, row for row"),
    "target_scaler": (
        "target_scaler.pkl",
        "the scaler of the targets; differences are then also in your units",
    ),
}


def init(
    model: Annotated[
        Path, typer.Argument(help="The saved model (.keras).", metavar="MODEL", show_default=False)
    ],
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing kcheck.yaml.")] = False,
) -> int:
    """Write a commented kcheck.yaml next to a model."""
    from keras_consistency_cli.config.discovery import find_adjacent_files
    from keras_consistency_cli.loading.model_file.summary import summarise

    path = model.parent / _NAME
    if path.exists() and not force:
        raise UsageError(f"{clean(path)} already exists", fix="use --force to overwrite it")
    console.check_destination(path, [model], flag="")
    text = "".join(f"{line}\n" for line in _lines(model, summarise(model), find_adjacent_files(model)))
    console.write_file(path, text)
    with suppress(BrokenPipeError):
        console.write_stdout(f"wrote {clean(path)}; next: kcheck {clean(model)}\n")
    return 0


def _lines(model: Path, summary: ModelSummary, adjacent: AdjacentFiles) -> Iterator[str]:
    """The lines of the file: files that exist as options, everything else as comments to start from."""
    name = clean(model.name)
    yield f"# Options of kcheck for {name}."
    yield f"# 'kcheck {name}' reads this file by itself; 'kcheck run' reads it with --config."
    yield "# Paths are relative to this file. Environment variables (KCHECK_ROWS=all) and flags win over it."
    yield ""
    yield f"model: {_quoted(model.name)}"
    for option, (example, meaning) in _OPTIONS.items():
        path = adjacent.files.get(option)
        stated = (
            f"{option}: {_quoted(path.relative_to(model.parent).as_posix())}"
            if path is not None
            else f"# {option}: {example}"
        )
        yield f"{stated}  # {meaning}"
    yield from (f"# {sentence}" for sentence in adjacent.ambiguous)
    if summary.custom:
        classes = clean(", ".join(summary.custom))
        yield f"# The model uses custom classes ({classes}). Name the file that defines them with"
        yield "# --custom-objects, or here and this file with --config; a discovered file must not run code."
        yield "# custom_objects: [layers.py]"
    yield ""
    yield "fail_on: fail   # or warn: then warnings also make the exit code 1"
    yield "# rows: all                       # number of rows; default 256, fewer for a slow model"
    yield "# select: [KC1, execution-mode]   # codes, prefixes of codes or names; default all checks"
    yield "# ignore: [call-cost]"
    yield "# require: [KC301]                # checks that must give a verdict"
    yield "# tolerance: {rtol: 1e-5, atol: 1e-6}   # instead of limits measured from rounding noise"
    yield ""
    yield "# Facts that only the owner of the data knows:"
    yield "# facts:"
    yield "#   data_state: raw              # or scaled: the scaler was already applied to data"
    yield "#   feature_names: [age, income]"
    yield from _series_facts(summary)


def _series_facts(summary: ModelSummary) -> Iterator[str]:
    """Facts that matter only if rows have a time axis."""
    if any(len(tensor.shape or ()) == 3 for tensor in summary.inputs):
        yield "#   time_axis: 1                 # the time axis of data"
        yield "#   step_by_step: growing-prefix # or one-step, sliding-window: how a stream is fed"
        yield "#   padding: {value: 0.0, side: right}"


def _quoted(text: str) -> str:
    """A name quoted for YAML."""
    return json.dumps(text)

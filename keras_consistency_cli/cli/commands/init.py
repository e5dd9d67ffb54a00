"""`kcheck init`: a commented kcheck.yaml beside a model, from what is seen there."""

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
    from keras_consistency_cli.config.discovery import Neighbours
    from keras_consistency_cli.loading.model_file.summary import ModelSummary

__all__ = ["init"]

_NAME = "kcheck.yaml"
_OPTIONS = {
    "data": ("x.npy", "input rows; without them rows are made from the model's inputs"),
    "scaler": ("scaler.pkl", "the scaler that the rows go through first"),
    "reference": ("reference.npy", "rows that the model was trained on, in the same raw form as data"),
    "served": ("served.npy", "what serving fed to the model for the rows of data, row for row"),
    "expected": ("expected.npy", "answers recorded for the rows of data, row for row"),
    "target_scaler": ("target_scaler.pkl", "the scaler of the targets, to tell deviations in your units"),
}


def init(
    model: Annotated[
        Path, typer.Argument(help="The saved model (.keras).", metavar="MODEL", show_default=False)
    ],
    force: Annotated[bool, typer.Option("--force", help="Overwrite a kcheck.yaml that is there.")] = False,
) -> int:
    """Write a commented kcheck.yaml beside a model."""
    from keras_consistency_cli.config.discovery import neighbours
    from keras_consistency_cli.loading.model_file.summary import summarise

    path = model.parent / _NAME
    if path.exists() and not force:
        raise UsageError(f"{clean(path)} is there already", fix="--force overwrites it")
    console.check_destination(path, [model], said="")
    text = "".join(f"{line}\n" for line in _lines(model, summarise(model), neighbours(model)))
    console.write_file(path, text)
    with suppress(BrokenPipeError):
        console.write_stdout(f"wrote {clean(path)}; next: kcheck {clean(model)}\n")
    return 0


def _lines(model: Path, summary: ModelSummary, near: Neighbours) -> Iterator[str]:
    """The file line by line: what was found as options, everything else as comments to begin from."""
    yield f"# kcheck's options for {clean(model.name)}. 'kcheck {clean(model.name)}' takes this file by itself, 'kcheck run' with --config."
    yield "# Paths are relative to this file; the environment (KCHECK_ROWS=all) and flags win over it."
    yield ""
    yield f"model: {_quoted(model.name)}"
    for option, (example, meaning) in _OPTIONS.items():
        found = near.files.get(option)
        stated = (
            f"{option}: {_quoted(found.relative_to(model.parent).as_posix())}"
            if found is not None
            else f"# {option}: {example}"
        )
        yield f"{stated}  # {meaning}"
    yield from (f"# {sentence}" for sentence in near.unclear)
    if summary.custom:
        yield f"# The model has classes of its own ({clean(', '.join(summary.custom))}): name the file that defines them with --custom-objects,"
        yield "# or here, and this file with --config; what is only found may not let code run."
        yield "# custom_objects: [layers.py]"
    yield ""
    yield "fail_on: fail   # or warn: warnings make the exit code 1 too"
    yield "# rows: all                       # how many rows, spread over the data; without it 256, fewer of a heavy model"
    yield "# select: [KC1, execution-mode]   # codes, beginnings of codes or names; without it all checks"
    yield "# ignore: [call-cost]"
    yield "# require: [KC301]                # checks that must give an answer"
    yield "# tolerance: {rtol: 1e-5, atol: 1e-6}   # instead of limits from the model's own rounding noise"
    yield ""
    yield "# What only the owner of the data knows:"
    yield "# facts:"
    yield "#   data_state: raw              # or scaled: data have been through the scaler already"
    yield "#   feature_names: [age, income]"
    yield from _of_series(summary)


def _of_series(summary: ModelSummary) -> Iterator[str]:
    """Facts that make a difference only where rows have an axis of time."""
    if any(len(tensor.shape or ()) == 3 for tensor in summary.inputs):
        yield "#   time_axis: 1                 # the axis of data that is time"
        yield "#   step_by_step: growing-prefix # or one-step, sliding-window: how a stream is fed"
        yield "#   padding: {value: 0.0, side: right}"


def _quoted(text: str) -> str:
    """A name as YAML reads it back, whatever is in it."""
    return json.dumps(text)

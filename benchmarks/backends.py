"""How Keras backends differ, operation by operation: `python -m benchmarks.backends`.

`make backends` writes docs/backends.md.

Models are built and saved with TensorFlow. A process for each other backend loads the files and predicts the
same rows. JAX and PyTorch are needed, as in `pip install '.[jax,torch]'`; one that is missing is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks.backend_models import MODELS
from benchmarks.backend_operations import OPERATIONS
from benchmarks.measure import write_block

__all__ = ["describe", "main", "multiples"]

_OTHERS = {"jax": "JAX", "torch": "PyTorch"}
_PACKAGES = {"keras": "Keras", "tensorflow-cpu": "TensorFlow", **_OTHERS}
_MARKERS = ("<!-- backends -->", "<!-- /backends -->")
_AGREES = 2.0**-18
"""Share of the largest output up to which one operation rounds."""
_BUILDERS = {**OPERATIONS, **MODELS}


def _predict_all(folder: Path) -> None:
    """Predict the rows of every saved model in this process, and save the outputs or the error."""
    from keras_consistency_cli.routes.session.session import as_array

    backend = keras.backend.backend()
    for number in range(len(_BUILDERS)):
        if not (folder / f"{number}.keras").exists():
            continue
        rows = np.load(folder / f"{number}.npy", allow_pickle=True)  # written by this program
        try:
            model = keras.models.load_model(folder / f"{number}.keras")
            fed = keras.ops.convert_to_tensor(rows) if rows.dtype == object else rows
            outputs = as_array(model.predict(fed, verbose=0))
        except Exception as problem:
            outputs = np.array(f"fails ({type(problem).__name__})")
        np.save(folder / f"{number}.{backend}.npy", outputs)


def _save_all(folder: Path) -> None:
    """Build and save every model with its rows; for the deep ones also the outputs of the float64 copy."""
    from keras_consistency_cli.loading.model.copies.float64 import build_float64_copy

    for number, (name, build) in enumerate(_BUILDERS.items()):
        keras.utils.set_random_seed(number)
        model, rows = build()
        model.save(folder / f"{number}.keras")
        np.save(folder / f"{number}.npy", rows)
        if name in MODELS:
            in_float64 = rows.astype(np.float64)
            exact = build_float64_copy(model, custom_objects={}, sample=in_float64[:1])
            np.save(folder / f"{number}.exact.npy", np.asarray(exact(in_float64)))
    _predict_all(folder)


def describe(outputs: np.ndarray, reference: np.ndarray) -> str:
    """Return how outputs differ from those of TensorFlow: one cell of the table of operations."""
    if outputs.dtype.kind == "U":
        return str(outputs)
    if reference.dtype.kind == "U":
        missing = int(np.isnan(outputs).sum()) if outputs.dtype.kind == "f" else 0
        return "gives NaN" if missing else "gives numbers"
    ours, theirs = outputs.astype(np.float64), reference.astype(np.float64)
    lost = int((np.isnan(ours) != np.isnan(theirs)).sum())
    largest = float(np.nanmax(np.abs(theirs)))
    share = float(np.nanmax(np.abs(ours - theirs))) / (largest or 1.0)
    notes = [f"{outputs.dtype} for {reference.dtype}"] if outputs.dtype != reference.dtype else []
    if lost:
        notes.insert(0, "NaN differs")
    if share > _AGREES or (outputs.dtype != reference.dtype and share):
        notes.insert(0, f"**{share:.2g}**")
    return ", ".join(notes) or "agrees"


def multiples(outputs: np.ndarray, reference: np.ndarray, exact: np.ndarray) -> str:
    """Return the largest difference in multiples of E, and the mean one in those of predict's own error."""
    error = reference - exact
    largest = np.abs(outputs - reference).max() / np.abs(error).max()
    mean = max(_rms(outputs - reference), _rms(outputs - exact)) / _rms(error)
    return f"{largest:.2f} / {mean:.2f}"


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values.astype(np.float64)).mean()))


def _rows_of(names: Sequence[str], folder: Path, others: Sequence[str]) -> Iterator[str]:
    places = {name: number for number, name in enumerate(_BUILDERS)}
    for name in names:
        loaded = {each: np.load(folder / f"{places[name]}.{each}.npy") for each in ("tensorflow", *others)}
        reference = loaded["tensorflow"]
        if name in OPERATIONS:
            first = str(reference) if reference.dtype.kind == "U" else "runs"
            cells = [first, *(describe(loaded[each], reference) for each in others)]
        else:
            exact = np.load(folder / f"{places[name]}.exact.npy")
            noise = np.abs(reference - exact).max() / np.abs(exact).max()
            cells = [f"{noise:.1e}", *(multiples(loaded[each], reference, exact) for each in others)]
        yield f"| {name} | {' | '.join(cells)} |"


def _table(head: Sequence[str], names: Sequence[str], folder: Path, others: Sequence[str]) -> str:
    titles = [*head, *(_OTHERS[each] for each in others)]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    return "\n".join([*lines, *_rows_of(names, folder, others)])


def _measure(others: Sequence[str]) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _save_all(folder)
        for backend in others:
            command = [sys.executable, "-m", "benchmarks.backends", "--predict", str(folder)]
            subprocess.run(command, env={**os.environ, "KERAS_BACKEND": backend}, check=True)
        found = ", ".join(
            f"{title} {_version(each)}"
            for each, title in _PACKAGES.items()
            if each not in _OTHERS or each in others
        )
        operations = _table(("operation", "TensorFlow"), list(OPERATIONS), folder, others)
        models = _table(("model", "E, as a share of the largest output"), list(MODELS), folder, others)
    parts = (f"{datetime.now(UTC).date()}, CPU: {found}.", operations, _MODELS_TEXT, models)
    return "\n\n".join(parts)


_MODELS_TEXT = """## Rounding of healthy models

Each cell has two numbers: the largest difference from TensorFlow in multiples of E, and the larger of two
mean differences (from TensorFlow, and from the float64 copy) in multiples of the mean error of TensorFlow.
The limits are 4 and 2.5; if the layers of the model can round worse than predict did, such as a hundred
layers of tanh, they are wider: see [limits](limits.md#the-models-own-rounding-noise)."""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return version(package.removesuffix("-cpu"))


def main(argv: list[str] | None = None) -> int:
    """Measure, print the tables, and write them into the page of --write."""
    parser = argparse.ArgumentParser(description="Measure how Keras backends differ.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page with the markers of the tables")
    parser.add_argument("--predict", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    options: Any = parser.parse_args(argv)
    if options.predict is not None:
        _predict_all(options.predict)
        return 0
    others: Mapping[str, bool] = {name: importlib.util.find_spec(name) is not None for name in _OTHERS}
    text = _measure([name for name, is_there in others.items() if is_there])
    print(text)
    if options.write is not None:
        write_block(options.write, _MARKERS, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

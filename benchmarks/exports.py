"""What becomes of models that are exported: `python -m benchmarks.exports --write docs/exports.md`.

Each model is exported by `kcheck run --try-export` to all formats. The table shows what KC901 to KC904 say.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

from benchmarks.measure import write_block

__all__ = ["FORMATS", "MODELS", "describe", "main"]

FORMATS = ("tf_saved_model", "litert", "onnx", "openvino")
_PACKAGES = ("keras", "tensorflow-cpu", "ai-edge-litert", "onnx", "onnxruntime", "tf2onnx", "openvino")
_OPENING, _CLOSING = "<!-- exports -->", "<!-- /exports -->"
_SEVERITIES = ("fail", "warn", "error", "skip", "pass")

Rows = np.ndarray


def _numbers(*shape: int) -> Callable[[], Rows]:
    return lambda: np.random.default_rng(0).normal(size=(48, *shape)).astype("float32")


def _model(*parts: Any) -> Any:
    return keras.Sequential(list(parts))


def _attention() -> Any:
    x = keras.Input((6, 8), name="series")
    return keras.Model(
        x, layers.Dense(3)(layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 4)(x, x)))
    )


def _heads() -> Any:
    x = keras.Input((7,), name="x")
    return keras.Model(x, [layers.Dense(1, name="price")(x), layers.Dense(1, name="age")(x)])


def _fixed(layer: Any) -> Any:
    x = keras.Input((10,), name="x")
    return keras.Model(x, layers.Dense(2)(layer(layers.Dense(16, "relu")(x), training=True)))


def _normalized() -> Any:
    statistics = layers.Normalization()
    statistics.adapt(np.random.default_rng(3).normal(4.0, 3.0, size=(400, 10)))
    return _model(keras.Input((10,), name="x"), statistics, layers.Dense(3))


def _words() -> Any:
    lookup = layers.StringLookup(vocabulary=["red", "green", "blue"])
    x = keras.Input((1,), dtype="string", name="word")
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(layers.Embedding(4, 3)(lookup(x)))))


def _pictures(*parts: Any) -> Callable[[], Any]:
    return lambda: _model(
        keras.Input((12, 12, 3), name="picture"),
        *parts,
        layers.Conv2D(4, 3),
        layers.Flatten(),
        layers.Dense(3),
    )


def _series(*parts: Any) -> Callable[[], Any]:
    return lambda: _model(keras.Input((8, 3), name="series"), *parts, layers.Dense(2))


MODELS: Mapping[str, tuple[Callable[[], Any], Callable[[], Rows]]] = {
    "Dense layers": (
        lambda: _model(keras.Input((10,)), layers.Dense(32, "relu"), layers.Dense(1)),
        _numbers(10),
    ),
    "convolutions, BatchNormalization": (_pictures(layers.BatchNormalization()), _numbers(12, 12, 3)),
    "LSTM": (_series(layers.LSTM(8)), _numbers(8, 3)),
    "LSTM, unrolled": (_series(layers.LSTM(8, unroll=True)), _numbers(8, 3)),
    "Masking and LSTM, unrolled": (_series(layers.Masking(), layers.LSTM(8, unroll=True)), _numbers(8, 3)),
    "GRU, stateful": (
        lambda: _model(keras.Input(batch_shape=(4, 5, 3)), layers.GRU(6, stateful=True), layers.Dense(1)),
        _numbers(5, 3),
    ),
    "attention": (_attention, _numbers(6, 8)),
    "two heads of one shape": (_heads, _numbers(7)),
    "Normalization": (_normalized, _numbers(10)),
    "Rescaling of uint8": (
        lambda: _model(
            keras.Input((8, 8, 3), dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(2),
        ),
        lambda: np.random.default_rng(0).integers(0, 256, size=(48, 8, 8, 3), dtype="uint8"),
    ),
    "RandomFlip": (_pictures(layers.RandomFlip()), _numbers(12, 12, 3)),
    "Dropout, training=True in the graph": (lambda: _fixed(layers.Dropout(0.4)), _numbers(10)),
    "BatchNormalization, training=True in the graph": (
        lambda: _fixed(layers.BatchNormalization()),
        _numbers(10),
    ),
    "Resizing, bilinear": (_pictures(layers.Resizing(9, 9)), _numbers(12, 12, 3)),
    "Resizing, antialias=True": (_pictures(layers.Resizing(9, 9, antialias=True)), _numbers(12, 12, 3)),
    "StringLookup": (_words, lambda: np.array([["red"], ["green"], ["blue"], ["grey"]] * 12)),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Export and compare every model, print the table, and write it into the file of --write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exports", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="models whose name contains TEXT")
    parser.add_argument("--write", type=Path, metavar="FILE", help=f"write between {_OPENING} and {_CLOSING}")
    options = parser.parse_args(argv)
    rows = [(name, *_compare(*MODELS[name])) for name in MODELS if options.only in name]
    text = _page(rows)
    print(text)
    if options.write is not None:
        write_block(options.write, (_OPENING, _CLOSING), text)
    return 0


def _compare(build: Callable[[], Any], make_rows: Callable[[], Rows]) -> list[str]:
    """Return what happens in each format."""
    with tempfile.TemporaryDirectory() as folder:
        keras.utils.set_random_seed(1)
        build().save(f"{folder}/model.keras")
        np.save(f"{folder}/x.npy", make_rows())
        command = [sys.executable, "-m", "keras_consistency_cli", "run", "model.keras", "--data", "x.npy"]
        command += ["--try-export", ",".join(FORMATS), "--select", "KC90", "--format", "json"]
        root = str(Path(__file__).resolve().parent.parent)
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": root}
        )
    report: dict[str, Any] = json.loads(done.stdout)
    return [describe(report, name) for name in FORMATS]


def describe(report: Mapping[str, Any], label: str) -> str:
    """Return what a report says about one export: that it agrees, or the causes of what does not."""
    causes = [f"`{each['cause']}`" for each in report["diagnoses"] if label in each["targets"]]
    if causes:
        return ", ".join(causes)
    statuses = [
        result["findings"]["exports"][label]["status"]
        for result in report["results"]
        if "exports" in result["findings"]
    ]
    worst = min(statuses, key=_SEVERITIES.index, default="skip")
    return "agrees" if worst == "pass" else worst


def _page(rows: Sequence[Sequence[str]]) -> str:
    day = datetime.now(UTC).date().isoformat()
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    table = [("model", *FORMATS), ("---",) * (len(FORMATS) + 1), *rows]
    lines = "\n".join("| " + " | ".join(row) + " |" for row in table)
    note = (
        "Made by `make exports`: each model is exported with `--try-export`. OpenVINO computes in "
        "bfloat16 on processors that can, which is `export-low-precision` there."
    )
    return f"{day}: {versions}.\n{note}\n\n{lines}"


if __name__ == "__main__":
    sys.exit(main())

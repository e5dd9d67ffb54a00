"""Rows of the safety table: valid archives with a model that kcheck must refuse.

The models contain code, refer to files, or would exhaust the machine.
"""

from __future__ import annotations

import base64
import marshal
import pathlib
from typing import Any

import h5py
import numpy as np

from tests.helpers import crafted_archives as crafted
from tests.hostile.inputs.rows import Row

__all__ = ["ROWS", "build"]

_LOADING = "keras_consistency_cli.loading.model_file."


def _row(name: str, file: str, options: str = "", **caps: object) -> Row:
    dotted = {f"{_LOADING}{cap.replace('__', '.', 1)}": value for cap, value in caps.items()}
    return Row(name=name, line=f"run {file} --data x.npy{options}", code=1, caps=dotted)


ROWS = (
    _row("Lambda with bytecode", "bytecode.keras"),
    _row("Lambda with a function of Keras", "function.keras"),
    _row("a custom class that is not given", "custom.keras"),
    _row("a class without its module", "module.keras"),
    _row("a vocabulary from a file", "vocabulary.keras"),
    _row("a SavedModel from outside", "tfsm.keras"),
    _row("a pickled PyTorch module", "torch.keras"),
    _row("a function of Keras that is not an activation", "floatx.keras"),
    _row("Lambda without a module", "legacy.keras"),
    _row("Lambda under a custom name, code given", "hidden.keras", " --custom-objects own.py"),
    _row("a vocabulary from a file, under a custom name", "words.keras", " --custom-objects own.py"),
    _row("a layer's name that is a path", "path.keras"),
    _row("more layers than allowed", "layers.keras", classes__MAX_LAYERS=10),
    _row("more units than the archive has numbers", "wide.keras", archive___MAX_UNPROVEN_SIZE=100),
    _row("units=-1", "negative.keras"),
    _row("an HDF5 dataset from another file", "external.keras"),
    _row("a large shape, nothing stored", "shape.keras", weights___BOMB_FLOOR=1000),
    _row("more texts than allowed", "texts.keras", weights___MAX_TEXTS=10),
    _row("complex64 weights", "complex.keras"),
)


def _function(module: str, name: str) -> dict[str, Any]:
    return {"class_name": "function", "module": module, "config": name, "registered_name": "function"}


def _external(file: h5py.File) -> None:
    file.create_dataset("layers/x/vars/0", (4,), "f4", external=[("numbers.bin", 0, 16)])


def _shape(file: h5py.File) -> None:
    file.create_dataset(
        "layers/x/vars/0",
        (10_000,),
        "f4",
        chunks=(10_000,),
        compression=("gzip"),
        fillvalue=1.0,
    )


def _complex(file: h5py.File) -> None:
    file.create_dataset("c", data=np.zeros(2, "complex64"))


def _texts(file: h5py.File) -> None:
    file.create_dataset("texts", data=["a"] * 20, dtype=h5py.string_dtype())


_RETURNS_ITS_INPUT = base64.b64encode(marshal.dumps((lambda x: x).__code__)).decode()
"""The bytecode of a Lambda layer, as Keras writes it."""

REFUSED_LAYERS: dict[str, dict[str, Any]] = {
    "bytecode": crafted.layer(
        "Lambda", function={"class_name": "__lambda__", "config": {"value": _RETURNS_ITS_INPUT}}
    ),
    "function": crafted.layer("Lambda", function=_function("keras.config", "epsilon")),
    "custom": crafted.layer("Swish", "layers", registered="mine>Swish"),
    "module": {"class_name": "Dense", "config": {"units": 1}},
    "vocabulary": crafted.layer("StringLookup", vocabulary="words.txt"),
    "tfsm": crafted.layer("TFSMLayer", filepath="saved_model"),
    "torch": crafted.layer("TorchModuleWrapper", module_="gAMu"),
    "floatx": crafted.dense(activation=_function("keras.config", "floatx")),
    "wide": crafted.dense(units=1000),
    "negative": crafted.dense(units=-1),
    "legacy": crafted.layer("Lambda", None, function=_function("keras.config", "epsilon")),
    "hidden": crafted.layer("Lambda", registered="mine>Swish", function=_function("mine", "f")),
    "words": crafted.layer("StringLookup", registered="mine>Swish", vocabulary="words.txt"),
    "path": crafted.dense(name="a/b"),
}


def build(into: pathlib.Path) -> None:
    """Write every file that the rows name."""
    for name, layer in REFUSED_LAYERS.items():
        crafted.write_archive(into / f"{name}.keras", crafted.config_with(layer))
    crafted.write_archive(into / "layers.keras", crafted.config_with(*[crafted.dense()] * 11))
    (into / "own.py").write_text("", encoding="utf-8")
    (into / "words.txt").write_text("a\nb\n", encoding="utf-8")
    (into / "numbers.bin").write_bytes(bytes(16))
    weights = {"external": _external, "shape": _shape, "texts": _texts, "complex": _complex}
    for name, change in weights.items():
        crafted.write_archive(into / f"{name}.keras", weights=crafted.weights_with(change))

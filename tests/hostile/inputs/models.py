"""Rows of the safety table: sound archives whose model carries code, asks for files, or is there to exhaust
the machine.
"""

from __future__ import annotations

import pathlib
from typing import Any

import h5py
import numpy as np

from tests.helpers import crafted_archives as crafted
from tests.hostile.inputs.rows import Row

__all__ = ["ROWS", "build"]

UNSAFE, OWN = "--allow-unsafe", "--custom-objects layers.py"


def _row(name: str, file: str, *words: str) -> Row:
    return Row(name=name, line=f"run {file} --data x.npy", code=1, words=(file, *words))


ROWS = (
    _row(
        "Lambda with bytecode",
        "bytecode.keras",
        "keras.layers.Lambda 'suspect'",
        "holds Python code that would run",
        UNSAFE,
    ),
    _row("Lambda with a function of Keras", "function.keras", "keras.layers.Lambda 'suspect'", UNSAFE),
    _row(
        "a custom class that is not given",
        "custom.keras",
        "needs code that Keras does not have: mine>Swish",
        OWN,
    ),
    _row("a class without its module", "module.keras", "needs code that Keras does not have: Dense", OWN),
    _row(
        "a vocabulary from a file",
        "vocabulary.keras",
        "reads its vocabulary from the file '/etc/passwd'",
        UNSAFE,
    ),
    _row("a SavedModel from outside", "tfsm.keras", "TFSMLayer", "from outside the archive", UNSAFE),
    _row("a pickled PyTorch module", "torch.keras", "TorchModuleWrapper", "can run any code", UNSAFE),
    _row("a function that changes Keras's settings", "floatx.keras", "keras.config.set_floatx", UNSAFE),
    _row(
        "Lambda without a module",
        "legacy.keras",
        "has Lambda 'suspect'",
        "holds Python code that would run",
        UNSAFE,
    ),
    Row(
        name="Lambda under a name of one's own, code given",
        line="run hidden.keras --data x.npy --custom-objects own.py",
        code=1,
        words=("hidden.keras", "has keras.layers.Lambda 'suspect'", UNSAFE),
    ),
    Row(
        name="a vocabulary from a file, under a name of one's own",
        line="run words.keras --data x.npy --custom-objects own.py",
        code=1,
        words=("words.keras", "reads its vocabulary from the file '/etc/passwd'", UNSAFE),
    ),
    _row(
        "a layer's name that is a path",
        "path.keras",
        "has the name '..\\..\\x', which is a path",
        "expected: a name without / and",
    ),
    _row("3,000 layers", "layers.keras", "more than 2000 layers"),
    _row("units=1e9", "wide.keras", "units=1,000,000,000, but the archive stores only 20 numbers"),
    _row("units=-1", "negative.keras", "has units=-1", "expected: a positive number"),
    _row("an HDF5 dataset from another file", "external.keras", "reads its numbers from another file"),
    _row(
        "a shape of 3.9 GB, nothing stored",
        "shape.keras",
        "declares the shape (975000000,), 3,900,000,000 bytes, but only",
    ),
    _row(
        "a text that is stored once and read 2,000 times",
        "texts.keras",
        "weight 'texts'",
        "holds more text than any weight",
    ),
    _row("complex64 weights", "complex.keras", "has the dtype complex64"),
)


def _function(module: str, name: str) -> dict[str, Any]:
    return {"class_name": "function", "module": module, "config": name, "registered_name": "function"}


def _external(file: h5py.File) -> None:
    file.create_dataset("layers/x/vars/0", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def _shape(file: h5py.File) -> None:
    file.create_dataset(
        "layers/x/vars/0",
        (975_000_000,),
        "f4",
        split_into_chunks=(1 << 20,),
        compression=("gzip"),
        fillvalue=1.0,
    )


def _complex(file: h5py.File) -> None:
    file.create_dataset("c", data=np.zeros(2, "complex64"))


def _texts(file: h5py.File) -> None:
    file.create_dataset("texts", data=["a" * 10_000] * 2_000, dtype=h5py.string_dtype())


CULPRITS: dict[str, dict[str, Any]] = {
    "bytecode": crafted.layer(
        "Lambda", function={"class_name": "__lambda__", "config": {"value": "4wEAAA=="}}
    ),
    "function": crafted.layer("Lambda", function=_function("keras.config", "set_epsilon")),
    "custom": crafted.layer("Swish", "layers", registered="mine>Swish"),
    "module": {"class_name": "Dense", "config": {"units": 1}},
    "vocabulary": crafted.layer("StringLookup", vocabulary="/etc/passwd"),
    "tfsm": crafted.layer("TFSMLayer", filepath="/elsewhere"),
    "torch": crafted.layer("TorchModuleWrapper", module_="gAMu"),
    "floatx": crafted.dense(activation=_function("keras.config", "set_floatx")),
    "wide": crafted.dense(units=10**9),
    "negative": crafted.dense(units=-1),
    "legacy": crafted.layer("Lambda", None, function=_function("keras.config", "set_epsilon")),
    "hidden": crafted.layer("Lambda", registered="mine>Swish", function=_function("mine", "f")),
    "words": crafted.layer("StringLookup", registered="mine>Swish", vocabulary="/etc/passwd"),
    "path": crafted.dense(name="..\\..\\x"),
}


def build(into: pathlib.Path) -> None:
    """Write every file that the rows name."""
    for name, culprit in CULPRITS.items():
        crafted.write_archive(into / f"{name}.keras", crafted.config_with(culprit))
    crafted.write_archive(into / "layers.keras", crafted.config_with(*[crafted.dense()] * 3000))
    (into / "own.py").write_text("", encoding="utf-8")
    weights = {"external": _external, "shape": _shape, "texts": _texts, "complex": _complex}
    for name, change in weights.items():
        crafted.write_archive(into / f"{name}.keras", weights=crafted.weights_with(change))

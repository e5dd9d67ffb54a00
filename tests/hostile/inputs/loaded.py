"""Rows of the safety table that are decided after the model is loaded.

They contain data that does not fit the model, scalers that are not fitted, a layer that exhausts memory, and
unusual names.
"""

from __future__ import annotations

import pathlib
import pickle
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from tests.helpers import crafted_archives as crafted
from tests.hostile.inputs.rows import Row

__all__ = ["HOSTILE", "ROWS", "build"]

_GREEDY = """
import keras
import numpy as np

@keras.saving.register_keras_serializable(package="own")
class Greedy(keras.layers.Layer):
    def call(self, inputs):
        # Not when Keras only infers shapes. TensorFlow itself would try for ten seconds.
        return inputs if inputs.shape[0] is None else inputs + np.empty((10**8, 10**8))
"""
HOSTILE = "\x1b[31mred\n::error::owned"


def _row(name: str, line: str, code: int) -> Row:
    return Row(name=name, line=f"run {line} --rows 8", code=code, is_loaded=True)


ROWS = (
    _row("a scaler that is not fitted", "mlp.keras --data x.npy --scaler unfitted.pkl --select KC1", 1),
    _row("scale_ with a zero", "mlp.keras --data x.npy --scaler zero.pkl --select KC1", 1),
    _row("scale_ with NaN", "mlp.keras --data x.npy --scaler nan.pkl --select KC1", 1),
    _row("a scaler from another scikit-learn", "mlp.keras --data x.npy --scaler aged.pkl --select KC304", 0),
    _row("npy: text", "mlp.keras --data words.npy --select KC1", 2),
    _row("NaN in the weights", "holed.keras --data x.npy --select KC701", 1),
    _row(
        "a layer that asks for more memory than there is",
        "greedy.keras --data x.npy --select KC201 --custom-objects greedy.py",
        3,
    ),
    _row("a single layer", "layer.keras --data x.npy --select KC104", 1),
    _row("an input's name with ESC and ::error::", "input.keras --data x.npy --select KC104", 0),
    _row("a layer's name with ESC and ::error::", "named.keras --data x.npy --select KC104", 3),
    _row("npy: big-endian", "mlp.keras --data big.npy --select KC104", 0),
    _row("npy: Fortran order", "mlp.keras --data fortran.npy --select KC104", 0),
)


def _scaler(**state: Any) -> StandardScaler:
    scaler = StandardScaler().fit(np.random.default_rng(0).normal(size=(20, 4)))
    scaler.__dict__.update(state)
    return scaler


def _with_nan(file: Any) -> None:
    file["layers/dense/vars/1"][1] = np.nan


def _renamed(file: Any) -> None:
    file["layers/dense/vars"].attrs["name"] = HOSTILE


def build(into: pathlib.Path) -> None:
    """Write every file that the rows name; x.npy and mlp.keras already exist."""
    ones = np.ones(4)
    scalers = {
        "unfitted": pickle.dumps(StandardScaler()),
        "zero": pickle.dumps(_scaler(scale_=np.where(np.arange(4) == 1, 0.0, ones))),
        "nan": pickle.dumps(_scaler(scale_=np.where(np.arange(4) == 1, np.nan, ones))),
        "aged": pickle.dumps(_scaler()).replace(_version(), b"\x8c\x060.24.2"),
    }
    for name, data in scalers.items():
        (into / f"{name}.pkl").write_bytes(data)
    rows = np.load(into / "x.npy")
    np.save(into / "big.npy", rows.astype(">f4"))
    np.save(into / "fortran.npy", np.asfortranarray(rows))
    np.save(into / "turned.npy", np.asfortranarray(rows.astype(">f4")))
    crafted.write_archive(into / "holed.keras", weights=crafted.weights_with(_with_nan))
    crafted.write_archive(
        into / "greedy.keras", crafted.config_with(crafted.layer("Greedy", "greedy", registered="own>Greedy"))
    )
    (into / "greedy.py").write_text(_GREEDY, encoding="utf-8")
    crafted.write_archive(into / "layer.keras", crafted.dense())
    crafted.write_archive(into / "named.keras", _named(1), weights=crafted.weights_with(_renamed))
    crafted.write_archive(into / "input.keras", _named(0))


def _named(layer: int) -> dict[str, Any]:
    """Return the valid model with a layer name that contains an escape code and a command for a build log."""
    config = crafted.valid_config()
    config["config"]["layers"][layer]["config"]["name"] = HOSTILE
    return config


def _version() -> bytes:
    import sklearn

    return b"\x8c" + bytes([len(sklearn.__version__)]) + sklearn.__version__.encode()

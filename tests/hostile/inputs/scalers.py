"""Rows of the safety table: scaler files with a pickle that contains more than data.

The code in them computes a square root. kcheck must refuse every call, also a harmless one.
"""

from __future__ import annotations

import lzma
import math
import pathlib
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from tests.hostile.inputs.rows import Row

__all__ = ["ROWS", "build"]

_MAX_UNPACKED = "keras_consistency_cli.loading.scalers.scaler_bytes._MAX_UNPACKED"


def _row(name: str, file: str, caps: Mapping[str, object] | None = None) -> Row:
    line = f"run mlp.keras --data x.npy --scaler {file}"
    return Row(name=name, line=line, code=1, caps=caps or {})


ROWS = (
    _row("pickle: a call", "call.pkl"),
    _row("pickle: a call within an object array", "nested.pkl"),
    _row("pickle: a dotted global", "dotted.pkl"),
    _row("pickle: BUILD on a class", "build.pkl"),
    _row("pickle: a state that replaces transform", "attribute.pkl"),
    _row("pickle: a key that is not plain", "key.pkl"),
    _row("pickle: unpacks to more than allowed", "expanding.joblib", {_MAX_UNPACKED: 1 << 20}),
    _row("pickle: a second one appended", "second.pkl"),
)


class _Calls:
    """Pickles to a call of a function."""

    def __reduce__(self) -> tuple[Any, tuple[float]]:
        return math.sqrt, (4.0,)


def _scaler(**state: Any) -> StandardScaler:
    scaler = StandardScaler().fit(np.random.default_rng(0).normal(size=(20, 4)))
    scaler.__dict__.update(state)
    return scaler


def build(into: pathlib.Path) -> None:
    """Write every file that the rows name."""
    class_name = b"csklearn.preprocessing._data\nStandardScaler\n"
    # A dictionary whose key is a tuple of tuples.
    key = b"\x80\x02}" + b")" + b"2\x86" * 2 + b"Ns."
    files = {
        "call.pkl": pickle.dumps(_Calls()),
        "nested.pkl": pickle.dumps(_scaler(mean_=np.array([_Calls()], dtype=object))),
        "dotted.pkl": b"\x80\x04\x8c\x1bsklearn.preprocessing._data\x8c\x12StandardScaler.fit\x93)R.",
        "build.pkl": class_name + b"}S'transform'\nNsb.",
        "attribute.pkl": pickle.dumps(_scaler(transform="x")),
        "key.pkl": key,
        "expanding.joblib": lzma.compress(b"\x80\x04" + b"\x00" * (2 << 20)),
        "second.pkl": pickle.dumps(_scaler()) + pickle.dumps(_Calls()),
    }
    for name, data in files.items():
        (into / name).write_bytes(data)

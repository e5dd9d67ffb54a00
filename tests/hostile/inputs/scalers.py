"""Rows of the safety table: scalers whose pickle is more than data, or that are not fitted."""

from __future__ import annotations

import lzma
import os
import pathlib
import pickle
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from tests.hostile.inputs.rows import Row

__all__ = ["CANARY", "ROWS", "build"]

CANARY = "canary"
"""A file that a payload would make, were it run."""


def _row(name: str, file: str, *words: str) -> Row:
    return Row(name=name, line=f"run mlp.keras --data x.npy --scaler {file}", code=1, words=(file, *words))


TRUST = "--trust-scaler"
ROWS = (
    _row("pickle: os.system", "system.pkl", "asks for posix.system", TRUST),
    _row("pickle: an object array within", "nested.pkl", "asks for posix.system", TRUST),
    _row("pickle: a dotted global", "dotted.pkl", "StandardScaler.fit", TRUST),
    _row(
        "pickle: BUILD on a class",
        "build.pkl",
        "a state set on sklearn.preprocessing._data.StandardScaler",
        TRUST,
    ),
    _row(
        "pickle: a state that float64 copies transform",
        "shadow.pkl",
        "whose state replaces 'transform'",
        TRUST,
    ),
    _row("pickle: a key that is never hashed", "dag.pkl", "keys are not plain", TRUST),
    _row("pickle: an xz bomb", "bomb.joblib", "asks for more than 256 MiB once it is unpacked"),
    _row("pickle: a second one appended", "second.pkl", "more after the end", TRUST),
)


class _Calls:
    """Pickles into a call of os.system, which would make the canary."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {CANARY}",)


def _scaler(**state: Any) -> StandardScaler:
    scaler = StandardScaler().fit(np.random.default_rng(0).normal(size=(20, 4)))
    scaler.__dict__.update(state)
    return scaler


def build(into: pathlib.Path) -> None:
    """Write every file that the rows name."""
    class_name = b"csklearn.preprocessing._data\nStandardScaler\n"
    dag = b"\x80\x02}" + b")" + b"2\x86" * 60 + b"Ns."
    files = {
        "system.pkl": pickle.dumps(_Calls()),
        "nested.pkl": pickle.dumps(_scaler(mean_=np.array([_Calls()], dtype=object))),
        "dotted.pkl": b"\x80\x04\x8c\x1bsklearn.preprocessing._data\x8c\x12StandardScaler.fit\x93)R.",
        "build.pkl": class_name + b"}S'transform'\nNsb.",
        "shadow.pkl": pickle.dumps(_scaler(transform="x")),
        "dag.pkl": dag,
        "bomb.joblib": lzma.compress(b"\x80\x04" + b"\x00" * (300 << 20), preset=0),
        "second.pkl": pickle.dumps(_scaler()) + pickle.dumps(_Calls()),
    }
    for name, data in files.items():
        (into / name).write_bytes(data)

"""Scalers that an older scikit-learn saved: one that lost a step without an error, and a healthy twin."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import keras
import numpy as np
import sklearn
from keras import layers
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from tests.corpus.cases import Case, Writer

__all__ = ["CASES", "old_transformer"]

FAMILY = "reports-versions"
WORDS = 6


def old_transformer(counts: np.ndarray) -> Any:
    """A transformer as scikit-learn 1.4 and older keep it: the idf is a diagonal matrix."""
    transformer = TfidfTransformer().fit(counts)
    transformer.__dict__["_idf_diag"] = sparse.diags(transformer.__dict__.pop("idf_"))
    return transformer


def _kit(old: bool) -> Writer:
    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        counts = random.poisson(np.geomspace(0.2, 3.0, WORDS), size=(60, WORDS)).astype("float64")
        counts[:, 0] += counts.sum(axis=1) == 0
        transformer = old_transformer(counts) if old else TfidfTransformer().fit(counts)
        content = pickle.dumps(transformer)
        if old:
            major, minor, rest = sklearn.__version__.split(".", 2)
            # of the same length, because a pickle stores the length of its strings
            written = f"{major}.{'4' * len(minor)}.{rest}"
            content = content.replace(sklearn.__version__.encode(), written.encode())
        (folder / "scaler.pkl").write_bytes(content)
        np.save(folder / "data.npy", counts)
        return "--data", str(folder / "data.npy"), "--scaler", str(folder / "scaler.pkl"), "--trust-scaler"

    return write


def _model() -> Any:
    return keras.Sequential([keras.Input((WORDS,)), layers.Dense(8, activation="relu"), layers.Dense(2)])


CASES: tuple[Case, ...] = (
    Case(
        name="idf of an older scikit-learn",
        family=FAMILY,
        build=_model,
        kit=_kit(old=True),
        causes=("scaler-version",),
        failing=("KC304",),
    ),
    Case(
        name="idf of this scikit-learn",
        family=FAMILY,
        build=_model,
        kit=_kit(old=False),
        quiet=("KC304",),
    ),
)

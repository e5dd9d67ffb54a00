"""Models that look for the best of candidates with equal scores: which of them is best, rounding decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, Rows
from tests.corpus.reports_ties_layers import Nearest, Output

__all__ = ["CASES", "finder", "users"]

FAMILY = "reports-ties"
OBJECTS = ("--custom-objects", str(Path(__file__).with_name("reports_ties_layers.py")))
NAME = "nearest"
QUIET = ("KC101", "KC102", "KC103", "KC104")


def users(random: np.random.Generator) -> Rows:
    """The numbers of users."""
    return random.integers(0, 50, size=(96, 1)).astype("int32")


def finder(gives: Output, *last: Any, **kwargs: Any) -> Any:
    """A model that looks for candidates for a user."""
    user = keras.Input((1,), dtype="int32", name="user")
    vector = layers.Dense(8)(layers.Flatten()(layers.Embedding(50, 8, embeddings_initializer="normal")(user)))
    found = Nearest(gives, name=NAME, **kwargs)(vector)
    for layer in last:
        found = layer(found)
    return keras.Model(user, found)


def _case(name: str, build: Callable[[], Any], **expected: Any) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=users, args=OBJECTS, **expected)


def _tied(name: str, build: Callable[[], Any]) -> Case:
    """No way of calling the model differs, and a warning says that equal scores are decided by rounding."""
    return _case(name, build, causes=("near-ties",), warning=("KC604",), quiet=QUIET)


def _faulty(name: str, build: Callable[[], Any], *failing: str, layer: str | None = NAME) -> Case:
    return _case(name, build, causes=("batch-size-dependence",), layer=layer, failing=failing)


def _clean(name: str, build: Callable[[], Any]) -> Case:
    return _case(name, build, quiet=(*QUIET, "KC602", "KC604"))


CASES: tuple[Case, ...] = (
    _clean("places of unlike candidates", lambda: finder("places", twice=False)),
    _clean("one of unlike candidates is rated", lambda: finder("vectors", layers.Dense(2), twice=False)),
    _tied("places of equal candidates", lambda: finder("places")),
    _tied("what is known about equal candidates", lambda: finder("vectors")),
    _tied("a layer after votes", lambda: finder("votes", layers.Dense(3))),
    _tied("one of equal candidates is rated", lambda: finder("vectors", layers.Dense(2))),
    _faulty("places by the place in the batch", lambda: finder("places", biased=True), "KC101", "KC104"),
    # In float32 no layer shows it.
    _faulty(
        "a size of 1e-9 with ties", lambda: finder("vectors", by_size=1e-9), "KC101", "KC102", layer=None
    ),
    _faulty("a size of 1e-3 with equal candidates", lambda: finder("votes", by_size=1e-3), "KC101", "KC102"),
)

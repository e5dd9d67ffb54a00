"""Rows that are padded or cut at the other end are recognised; exchanged columns and codes are not."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from keras_consistency_cli.routes.served.misplaced.moved_padding import find_moved_padding
from keras_consistency_cli.routes.served.mistake_matching import match_served_rows
from keras_consistency_cli.routes.served.variants import generate_plain_variants

Array = np.ndarray
RANDOM = np.random.default_rng(0)
SENTENCES = [RANDOM.integers(1, 60, length) for length in RANDOM.integers(3, 15, 60)]
LONG = [RANDOM.integers(1, 60, length) for length in RANDOM.integers(14, 20, 60)]
WALKS = [RANDOM.normal(size=(length, 3)).astype("float32") for length in RANDOM.integers(4, 12, 50)]
ONE_HOT = np.eye(6, dtype="float32")[RANDOM.integers(0, 6, 60)]
FLAGS = (RANDOM.random((60, 20)) < 0.3).astype("float32")
TABLE = RANDOM.normal(size=(60, 7)).astype("float32") * (np.arange(7) > 0)


def pad(rows: list[Array], side: str, value: float = 0.0, cut: str = "pre", length: int = 14) -> Array:
    dtype = rows[0].dtype.name
    return keras.utils.pad_sequences(rows, length, dtype, padding=side, truncating=cut, value=value)


def kinds(served: Array, expected: Array) -> list[tuple[str, int | None]]:
    match = match_served_rows(served, expected, generate_plain_variants(expected, served))
    return [(each.kind.partition(":")[0], each.hit) for each in match.mistakes]


def scaled(rows: Array) -> Array:
    return ((rows - [1.0, 2.0, 3.0]) / [4.0, 5.0, 6.0]).astype("float32")


def on_every_third(served: Array, expected: Array) -> Array:
    return np.where(np.arange(len(served)).reshape(-1, *[1] * (served.ndim - 1)) % 3 == 0, served, expected)


BEFORE, AFTER = pad(SENTENCES, "pre"), pad(SENTENCES, "post")
PADDED = {
    "ids, after": (AFTER, BEFORE),
    "ids, before": (BEFORE, AFTER),
    "channels": (pad(WALKS, "post"), pad(WALKS, "pre")),
    "a mask value": (pad(WALKS, "pre", -10.0), pad(WALKS, "post", -10.0)),
    "padded before scaling": (scaled(pad(WALKS, "post")), scaled(pad(WALKS, "pre"))),
    "one channel": (pad(WALKS, "post")[..., :1], pad(WALKS, "pre")[..., :1]),
    "a series without channels": (pad(WALKS, "post")[..., 0], pad(WALKS, "pre")[..., 0]),
    "another dtype": (AFTER.astype("float64"), BEFORE),
    "one server of three": (on_every_third(AFTER, BEFORE), BEFORE),
}


@pytest.mark.parametrize(("served", "expected"), PADDED.values(), ids=list(PADDED))
def test_padding_on_the_other_side(served: Array, expected: Array) -> None:
    wrong = int((served != expected).reshape(len(served), -1).any(axis=1).sum())
    assert kinds(served, expected) == [("padding-side", wrong)]


def test_rows_that_are_cut_at_the_other_end() -> None:
    ends, beginnings = pad(LONG, "pre"), pad(LONG, "pre", cut="post")
    long = sum(len(row) > 14 for row in LONG)
    assert kinds(beginnings, ends) == kinds(ends, beginnings) == [("cut-side", long)]
    both = pad([*SENTENCES, *LONG], "post", cut="post")
    padded = int((AFTER != BEFORE).any(axis=1).sum())
    expected = [("padding-side", padded), ("cut-side", long)]
    assert kinds(both, pad([*SENTENCES, *LONG], "pre")) == expected


@pytest.mark.parametrize(
    ("rows", "serve"),
    [
        (TABLE, lambda rows: np.roll(rows, -1, axis=1)),
        (ONE_HOT, lambda rows: rows[:, [1, 2, 3, 4, 5, 0]]),
        (FLAGS, lambda rows: rows[:, ::-1]),
        (FLAGS, lambda rows: RANDOM.permutation(rows)),
        (BEFORE, lambda rows: rows[:, ::-1]),
        (BEFORE, lambda rows: np.where(rows > 0, rows + 1, 0)),
        (BEFORE, lambda rows: RANDOM.permutation(rows)),
        (pad(WALKS, "pre"), lambda rows: np.roll(rows, 1, axis=0)),
        (pad(WALKS, "pre"), lambda rows: np.where(rows == 0, np.float32(-1), rows)),
    ],
    ids=[
        "a table rolled",
        "one of six rolled",
        "flags reversed",
        "flags in another order",
        "ids reversed",
        "ids from another table",
        "ids in another order",
        "series in another order",
        "another padding value",
    ],
)
def test_other_mistakes_are_not_padding(rows: Array, serve: Callable[[Array], Array]) -> None:
    served = serve(rows)
    wrong = (served != rows).reshape(len(rows), -1).any(axis=1)
    assert wrong.any()
    assert find_moved_padding(served, rows, wrong) == []


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 4, 4, 3)])
def test_rows_without_time_steps(shape: tuple[int, ...]) -> None:
    rows = RANDOM.normal(size=shape)
    assert find_moved_padding(rows + 1, rows, np.ones(5, dtype=bool)) == []

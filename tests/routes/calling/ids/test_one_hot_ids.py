"""Ids that a one-hot encoding does not have, recorded on live models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from keras_consistency_cli.routes.calling.ids.one_hot_ids import ONE_HOT_ROUTE
from tests.helpers.live_models import session_of, state_of

Follow = Callable[[Any], Any]


class Inside(layers.Layer):
    """A layer that encodes a column in its own code."""

    def call(self, x: Any) -> Any:
        """Encode the first column with the function of TensorFlow."""
        return tf.one_hot(tf.cast(x[:, 0], "int32"), 12)


class Experts(layers.Layer):
    """A layer that drops the positions beyond a capacity, as a mixture of experts does."""

    def call(self, x: Any) -> Any:
        """Encode a running count of the rows' columns."""
        return ops.one_hot(ops.cumsum(ops.ones_like(x), axis=1), 2)


class Ranges(layers.Layer):
    """A layer that encodes each id in the one of two ranges that it belongs to."""

    def call(self, x: Any) -> Any:
        """Encode the ids of each range from 0 on."""
        return ops.concatenate([ops.one_hot(x, 6), ops.one_hot(x - 6, 8)], axis=-1)


def run(follow: Follow, rows: np.ndarray) -> Any:
    """Run the route on a model that encodes its rows; nothing of it may change."""
    keras.utils.set_random_seed(3)
    entry = keras.Input(rows.shape[1:], dtype=str(rows.dtype), name="x")
    model = keras.Model(entry, layers.Dense(2)(layers.Flatten()(ops.cast(follow(entry), "float32"))))
    session, before = session_of((model, {"x": rows})), state_of(model)
    details = ONE_HOT_ROUTE.run(session, {"x": rows}).details
    for value, same in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(value, same)
    return details


def ids(lowest: int, highest: int, columns: int = 1, dtype: str = "int32") -> np.ndarray:
    """Rows with all of these ids, each of them several times."""
    numbers = np.arange(40 * (highest - lowest + 1)) % (highest - lowest + 1) + lowest
    return np.random.default_rng(0).permutation(numbers)[:200].reshape(-1, columns).astype(dtype)


def encode(mode: str = "one_hot", entries: int = 12) -> Follow:
    return layers.CategoryEncoding(entries, output_mode=mode, name="hot")


@pytest.mark.parametrize(
    ("follow", "columns", "layer"),
    [
        (encode(), 1, "hot"),
        (encode("multi_hot"), 2, "hot"),
        (encode("count"), 2, "hot"),
        (lambda x: ops.one_hot(x, 12), 1, "one_hot"),
        (lambda x: ops.one_hot(x[:, 1], 12), 2, "one_hot"),
        (lambda x: ops.multi_hot(x, 12), 2, "multi_hot"),
        (lambda x: ops.one_hot(ops.cast(x, "int32"), 12), 1, "one_hot"),
        (Inside(name="inside"), 2, "inside"),
    ],
)
@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_ids_that_begin_with_one(follow: Follow, columns: int, layer: str, dtype: str) -> None:
    details = run(follow, ids(1, 12, columns, dtype))
    assert next(iter(details)).startswith(layer)
    (lost,) = details.values()
    assert (lost["shown"], lost["different"], lost["input"]) == ([12], 1, "x")
    assert lost["begins_with_one"]
    assert lost["size"] == lost["greatest"] == 12


def test_several_ids_are_counted() -> None:
    (lost,) = run(encode(), ids(0, 16)).values()
    assert (lost["different"], lost["shown"], lost["greatest"]) == (5, [13, 14, 15, 16], 16)
    assert not lost["begins_with_one"]
    assert 0 < lost["wrong"] < lost["given"] == 200


def test_several_negative_ids_are_lost() -> None:
    (lost,) = run(lambda x: ops.one_hot(x, 3), ids(-2, 2)).values()
    assert lost["shown"] == [-2, -1]


def test_ids_that_a_lookup_gives_are_computed() -> None:
    def follow(x: Any) -> Any:
        return encode(entries=3)(layers.IntegerLookup(vocabulary=[5, 6, 7])(x))

    (lost,) = run(follow, ids(5, 7, dtype="int64")).values()
    assert (lost["input"], lost["shown"], lost["begins_with_one"]) == ("", [3], True)


@pytest.mark.parametrize(
    ("follow", "shown"),
    [
        (lambda x: ops.one_hot(x // 5, 2), [2, 3]),
        (lambda x: ops.one_hot(ops.cast(x / 5, "int32"), 2), [2, 3]),
        (lambda x: ops.one_hot(x - 3, 12), [12, 13, 14, 15, 16]),
        (lambda x: ops.one_hot(ops.take(np.array([0, 1, 2, 3] * 5), x), 2), [2, 3]),
        (lambda x: ops.one_hot((x - 1)[:, 1], 17), [17, 18]),
    ],
)
def test_codes_that_are_computed_of_ids_are_followed(follow: Follow, shown: list[int]) -> None:
    columns = 2 if shown == [17, 18] else 1
    (lost,) = run(follow, ids(0 if columns == 1 else 1, 19, columns)).values()
    assert (lost["coded"], lost["input"], lost["shown"]) == (True, "x", shown[-4:])


HEALTHY: dict[str, tuple[Follow, np.ndarray]] = {
    "in range": (encode(), ids(0, 11)),
    "sets in range": (encode("multi_hot"), ids(0, 11, 4)),
    "counts": (encode("count"), ids(0, 11, 4)),
    "subtracted": (lambda x: encode()(x - 1), ids(1, 12)),
    "clipped": (lambda x: ops.one_hot(ops.minimum(x, 11), 12), ids(0, 30)),
    "codes in range": (lambda x: ops.one_hot(x // 5, 4), ids(0, 19)),
    "codes without the last one": (lambda x: ops.one_hot(x // 5, 3), ids(0, 19)),
    "codes of a group": (
        lambda x: ops.concatenate([ops.one_hot(x // 5, 2), ops.one_hot(x, 20)], axis=-1),
        ids(0, 19),
    ),
    "codes of a number in each row": (
        lambda x: ops.one_hot(ops.cast(x / 10, "int32"), 3),
        np.random.default_rng(1).uniform(0, 60, (100, 1)).astype("float32"),
    ),
    "argmax": (lambda x: ops.one_hot(ops.argmax(x, axis=-1), 4), ids(0, 30, 4)),
    "sets as floats": (lambda x: x, ids(0, 1, 4, "float32")),
    "no class": (lambda x: ops.one_hot(x, 12), ids(-1, 11)),
    "padding that is masked": (
        lambda x: ops.one_hot(x, 12) * ops.cast(ops.expand_dims(x >= 0, -1), "float32"),
        ids(-1, 11, 4),
    ),
    "positions beyond a capacity": (Experts(), ids(0, 3, 4)),
    "two ranges": (Ranges(), ids(0, 13)),
    "read in another way as well": (
        lambda x: ops.concatenate([ops.one_hot(x, 12), layers.Embedding(40, 3)(x)], axis=-1),
        ids(0, 20),
    ),
}


@pytest.mark.parametrize(("follow", "rows"), HEALTHY.values(), ids=HEALTHY)
def test_nothing_is_lost(follow: Follow, rows: np.ndarray) -> None:
    assert run(follow, rows) == {}


def test_a_model_without_encodings_is_not_called() -> None:
    assert run(lambda x: layers.Embedding(9, 2)(x), ids(0, 20)) == {}

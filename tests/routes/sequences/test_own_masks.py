"""Masks that a model computes by itself, on live models of ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.routes.sequences.padding import PADDING_ROUTES
from tests.helpers.live_models import register, session_of

(ROUTE,) = PADDING_ROUTES
STEPS = 8
Body = Callable[[Any, Any], Any]


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    keras.utils.set_random_seed(0)


def details_of(body: Body, *, batch: int | None = None, length: int | None = None) -> Any:
    ids = keras.Input((length,), batch_size=batch, dtype="int32", name="ids")
    looked_up = layers.Embedding(20, 4, embeddings_initializer="normal")(ids)
    built = keras.Model(ids, layers.Dense(2)(body(ids, looked_up)))
    return ROUTE.run(session_of((built, {})), {"ids": padded_ids()}).details


def padded_ids() -> np.ndarray:
    ids = np.random.default_rng(0).integers(1, 20, (24, STEPS))
    return np.where(np.arange(STEPS) < (np.arange(24) % 5 + 3)[:, None], ids, 0).astype("int32")


def flags(ids: Any) -> Any:
    return ops.expand_dims(ops.cast(ids > 0, "float32"), -1)


def mean(ids: Any, steps: Any) -> Any:
    return ops.sum(steps * flags(ids), axis=1) / ops.sum(flags(ids), axis=1)


def attended(axis: int) -> Body:
    def body(ids: Any, steps: Any) -> Any:
        mask = ops.expand_dims(ops.not_equal(ids, 0), axis)
        return mean(ids, layers.MultiHeadAttention(2, 4, name="heads")(steps, steps, attention_mask=mask))

    return body


def filtered(ids: Any, steps: Any) -> Any:
    return mean(ids, layers.Conv1D(4, 3, padding="same", name="filter")(steps))


def counted(ids: Any, steps: Any) -> Any:
    return ops.mean(steps * flags(ids), axis=1)


@pytest.mark.parametrize("batch", [None, 5])
@pytest.mark.parametrize("length", [None, STEPS])
def test_a_mask_on_the_wrong_axis_reaches_the_layer_that_lets_padding_in(
    batch: int | None, length: int | None
) -> None:
    details = details_of(attended(2), batch=batch, length=length)
    assert (details["leak"]["layer"], details["own_mask"]["reaches_leak"]) == ("heads", True)
    assert details["own_mask"]["moves"] > 1e-3


@register
class Summary(layers.Layer):
    """The mean of the time steps, for which a mask is given and not used."""

    def call(self, steps: Any, real: Any) -> Any:
        return ops.mean(steps, axis=1)


@pytest.mark.parametrize("kind", ["bool", "float32"])
def test_a_mask_that_a_layer_is_given_and_does_not_use(kind: str) -> None:
    def body(ids: Any, steps: Any) -> Any:
        return Summary(name="summary")(steps, ops.cast(ops.not_equal(ids, 0), kind))

    details = details_of(body)
    assert (details["leak"]["layer"], details["own_mask"]["reaches_leak"]) == ("summary", True)


def test_a_mask_that_only_a_later_layer_uses() -> None:
    own = details_of(filtered)["own_mask"]
    assert (own["reaches_leak"], own["moves"] > 1e-3) == (False, True)


def test_hidden_padding_whose_time_steps_count() -> None:
    assert details_of(counted)["own_mask"]["moves"] < 1e-5


@pytest.mark.parametrize("body", [attended(1), mean], ids=["attention", "mean"])
def test_a_mask_that_hides_the_padding(body: Body) -> None:
    details = details_of(body)
    assert details["lengths"] == [3, 7]
    assert not {"own_mask", "leak"} & set(details)


@pytest.mark.parametrize(
    "body",
    [
        lambda _, steps: ops.mean(steps, axis=1),
        lambda ids, steps: ops.mean(steps * ops.expand_dims(ops.cast(ids > 9, "float32"), -1), axis=1),
    ],
    ids=["none", "of something else"],
)
def test_without_a_mask_of_the_padding(body: Body) -> None:
    assert "own_mask" not in details_of(body)

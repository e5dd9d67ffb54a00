"""Layers that let padding into the true time steps, on live models of one length and of any length."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.routes.sequences.padding import PADDING_ROUTES
from tests.helpers.live_models import normal, register, session_of
from tests.helpers.series_models import KEEPING, LOSING, STEPS, Pool, functional, masked, model, padded_rows

# Keras warns if a layer drops a mask, which some of these models do on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """With other weights, padding may not reach a maximum."""
    keras.utils.set_random_seed(1)


(ROUTE,) = PADDING_ROUTES


def two_averages(series: Any) -> Any:
    """An average that uses the mask, and one that ignores it."""
    steps = masked()(series)
    return layers.Add()([layers.GlobalAveragePooling1D()(steps), Pool(uses_mask=False, name="pool")(steps)])


BUILDS = {
    "one length": lambda: functional(
        lambda x: Pool(uses_mask=False, name="pool")(layers.Dense(4)(masked()(x)))
    ),
    "after a layer that uses it": lambda: functional(
        lambda x: Pool(False, name="pool")(layers.LSTM(4, return_sequences=True)(masked()(x)))
    ),
    "next to a layer that uses it": lambda: functional(two_averages),
}


def find_ignoring_layer(built: Any, rows: dict[str, np.ndarray]) -> Any:
    leak = ROUTE.run(session_of((built, {})), rows).details.get("leak")
    ignores = leak and leak["given_mask"] and leak["takes_mask"]
    return {"layer": leak["layer"], "kind": leak["kind"]} if ignores else None


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", BUILDS)
def test_the_ignoring_layer_is_named(name: str, side: str) -> None:
    assert find_ignoring_layer(BUILDS[name](), padded_rows(side=side)) == {"layer": "pool", "kind": "Pool"}


def test_padding_is_added_to_rows_without_any() -> None:
    assert find_ignoring_layer(BUILDS["one length"](), {"x": normal(STEPS, 3, rows=24)}) == {
        "layer": "pool",
        "kind": "Pool",
    }


@pytest.mark.parametrize("name", ["own pooling", "average", "both directions"])
def test_layers_that_use_the_mask_are_not_named(name: str) -> None:
    assert find_ignoring_layer(KEEPING[name](), padded_rows()) is None


def test_layers_without_a_mask_are_not_named() -> None:
    """The mask is lost in the convolution; the recurrent layer after it is given none."""
    assert find_ignoring_layer(LOSING["convolution"][0](), padded_rows()) is None
    assert find_ignoring_layer(model(layers.LSTM(4), layers.Dense(1)), padded_rows()) is None


@register
class Places(layers.Layer):
    """Adds its position to each time step: counted from the first one, or by the mask."""

    def __init__(self, by_mask: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by_mask, self.supports_masking = by_mask, True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if self.by_mask:
            return inputs + ops.cumsum(ops.cast(mask, inputs.dtype), axis=1)[..., None]
        return inputs + ops.cast(ops.arange(ops.shape(inputs)[1]), inputs.dtype)[None, :, None]


def find_leak(parts: Any, side: str, shape: tuple[int | None, ...] = (None, 3)) -> Any:
    return ROUTE.run(session_of((functional(parts, shape), {})), padded_rows(side=side)).details.get("leak")


def placed(by_mask: bool) -> Any:
    return lambda x: layers.LSTM(4)(Places(by_mask, name="places")(masked()(x)))


@pytest.mark.parametrize("shape", [(None, 3), (STEPS, 3)], ids=["any length", "one length"])
def test_positions_that_count_padding_are_told_from_other_leaks(shape: tuple[int | None, ...]) -> None:
    leak = find_leak(placed(by_mask=False), "left", shape)
    assert (leak["layer"], leak["counts_positions"], leak["left"] <= 1e-4) == ("places", True, True)


@pytest.mark.parametrize(("by_mask", "side"), [(True, "left"), (True, "right"), (False, "right")])
def test_positions_that_do_not_count_padding(by_mask: bool, side: str) -> None:
    assert find_leak(placed(by_mask), side) is None


def attended(pool: Any) -> Any:
    """A residual block: MultiHeadAttention takes the mask off its inputs, and the Add is not at fault."""

    def parts(series: Any) -> Any:
        steps = layers.Dense(4, name="wide")(masked()(series))
        return pool(layers.Add(name="residual")([steps, layers.MultiHeadAttention(2, 4)(steps, steps)]))

    return parts


def test_a_pooling_layer_without_a_mask_is_named_and_not_the_sum_before_it() -> None:
    leak = find_leak(attended(layers.GlobalMaxPooling1D(name="peak")), "right")
    assert (leak["layer"], leak["stock"], leak["takes_mask"], leak["counts_positions"]) == (
        "peak",
        True,
        False,
        False,
    )
    assert leak["left"] <= 1e-4 * leak["before"]
    assert find_leak(attended(layers.GlobalAveragePooling1D()), "right") is None


def test_a_layer_that_was_given_no_mask_is_told_from_one_that_ignores_it() -> None:
    leak = find_leak(lambda x: layers.LSTM(4, name="memory")(masked()(x) * 2.0), "right")
    assert (leak["layer"], leak["takes_mask"], leak["given_mask"]) == ("memory", True, False)


def backwards(flip_mask: bool) -> Any:
    """A layer that returns its last time step first, before one that needs the mask."""

    def parts(series: Any) -> Any:
        masking = masked()
        steps = masking(series)
        back = layers.LSTM(4, return_sequences=True, go_backwards=True, name="back")(steps)
        given = {"mask": ops.flip(masking.compute_mask(series), axis=1)} if flip_mask else {}
        forth = layers.GRU(4, return_sequences=True, name="forth")(steps)
        return layers.Add()([layers.GRU(4, name="memory")(back, **given), layers.GRU(4)(forth)])

    return parts


def test_reversed_time_steps_are_told_from_an_ignored_mask() -> None:
    leak = find_leak(backwards(flip_mask=False), "left")
    assert (leak["layer"], leak["reverses_time"], leak["counts_positions"]) == ("back", True, False)
    assert leak["left"] <= 1e-4 * leak["before"]
    assert find_leak(backwards(flip_mask=True), "right") is None

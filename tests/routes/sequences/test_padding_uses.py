"""What layers do with the padding, on live models that lose the mask or do not use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
from keras import layers, ops

from keras_consistency_cli.routes.sequences.padding import PADDING_ROUTES
from tests.helpers.live_models import session_of
from tests.helpers.series_models import STEPS, functional, masked, padded_rows

# Keras warns if a layer drops a mask, which these models do on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

(ROUTE,) = PADDING_ROUTES


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """With other weights, padding may not reach a maximum."""
    keras.utils.set_random_seed(1)


def wide(series: Any) -> Any:
    return layers.Dense(4, bias_initializer="ones", name="wide")(masked()(series))


def filtered(x: Any, name: str = "filter") -> Any:
    return layers.Conv1D(4, 3, padding="same", bias_initializer="ones", name=name)(x)


def weighted(x: Any) -> Any:
    scores = ops.squeeze(layers.Dense(1, name="scores")(x), -1)
    return ops.sum(ops.softmax(scores, axis=1)[..., None] * x, axis=1)


def uses_of(parts: Callable[[Any], Any], side: str = "right") -> list[tuple[Any, ...]]:
    built = functional(parts, (None, 3))
    leak = ROUTE.run(session_of((built, {})), padded_rows(side=side)).details["leak"]
    keys = ("use", "value", "axes", "steps", "mask_steps")
    return [(each["kind"], *(each[key] for key in keys)) for each in leak["uses"]]


def filled(kind: str, value: float, axes: int = 3) -> tuple[Any, ...]:
    return (kind, "filled", value, axes, STEPS, STEPS)


def given_mask(kind: str, steps: int = STEPS) -> tuple[Any, ...]:
    return (kind, "masked", None, 3, steps, STEPS)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize(
    ("over_time", "expected"),
    [
        (lambda x: ops.mean(x, axis=1), ("Mean", "averaged", None, 3, STEPS, STEPS)),
        (lambda x: ops.mean(x, axis=(1, 2))[:, None], ("Mean", "other", None, 3, STEPS, STEPS)),
        (lambda x: ops.std(x, axis=1), ("Std", "other", None, 3, STEPS, STEPS)),
        (lambda x: ops.sum(x, axis=1), filled("Sum", 0.0)),
        (lambda x: ops.norm(x, axis=1), filled("Norm", 0.0)),
        (lambda x: ops.max(-ops.abs(x - 1.0), axis=1), filled("Max", -1e9)),
        (lambda x: ops.min(ops.abs(x - 1.0), axis=1), filled("Min", 1e9)),
    ],
)
def test_what_helps_one_layer(over_time: Any, expected: tuple[Any, ...], side: str) -> None:
    assert uses_of(lambda x: over_time(wide(x)), side) == [expected]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            lambda x: layers.LSTM(4, name="memory")(filtered(wide(x))),
            [filled("Conv1D", 0.0), given_mask("LSTM")],
        ),
        (
            lambda x: layers.GlobalMaxPooling1D(name="peak")(filtered(filtered(wide(x)), "again")),
            [filled("Conv1D", 0.0), filled("Conv1D", 0.0), filled("GlobalMaxPooling1D", -1e9)],
        ),
        (
            lambda x: layers.GRU(4, name="memory")(layers.MaxPooling1D(3)(filtered(wide(x)))),
            [filled("Conv1D", 0.0), given_mask("GRU", STEPS // 3)],
        ),
        (
            lambda x: layers.GlobalAveragePooling1D(name="pool")(
                layers.Dropout(0.5)(layers.ReLU()(layers.BatchNormalization()(filtered(wide(x)))))
            ),
            [filled("Conv1D", 0.0), given_mask("GlobalAveragePooling1D")],
        ),
        (lambda x: weighted(wide(x)), [filled("Softmax", -1e9, axes=2), filled("Sum", 0.0)]),
        (lambda x: layers.GRU(4, name="memory")(wide(x) * 2.0), [given_mask("GRU")]),
    ],
    ids=["recurrent", "convolutions", "shorter", "average", "weights", "not passed on"],
)
def test_later_layers_that_use_the_padding_too(parts: Any, expected: list[tuple[Any, ...]]) -> None:
    assert uses_of(parts) == expected

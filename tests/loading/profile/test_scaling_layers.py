"""Preprocessing layers: what they remember, and what the rows look like where they reach them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.profile.scaling_layers import Seen, preprocessing_facts
from keras_consistency_cli.loading.profile.statistics import Statistics
from keras_consistency_cli.measurement.facts import PreprocessingFact, RowsFact

ROWS = np.random.default_rng(0).normal([50.0, -3.0], [10.0, 0.1], (400, 2)).astype("float32")


def facts(name: str, rows: np.ndarray) -> dict[str, RowsFact]:
    return {name: Statistics.of(rows, np.arange(len(rows))).facts(name)}


def seen(**rows: np.ndarray) -> Seen:
    fed: dict[str, RowsFact] = {}
    for name, values in rows.items():
        fed |= facts(name, values)
    return Seen(fed=fed, raw={}, reference={})


def adapted(rows: np.ndarray = ROWS, **options: Any) -> Any:
    layer = layers.Normalization(name="norm", **options)
    layer.adapt(rows)
    return layer


def only(model: Any, **rows: np.ndarray) -> PreprocessingFact:
    (found,) = preprocessing_facts(model, seen(**rows))
    return found


def chain(*parts: Any, shape: tuple[int, ...] = (2,)) -> Any:
    return keras.Sequential([keras.Input(shape, name="x"), *parts, layers.Dense(1)])


def test_an_adapted_normalization_and_what_it_sees() -> None:
    found = only(chain(adapted()), x=ROWS * 2)
    assert (found.path, found.kind, found.input, found.adapted, found.consistent, found.after) == (
        "norm",
        "Normalization",
        "x",
        True,
        True,
        (),
    )
    assert found.mean == pytest.approx(tuple(ROWS.mean(0).tolist()), rel=1e-4)
    assert found.sd == pytest.approx(tuple(ROWS.std(0).tolist()), rel=1e-2)
    assert [column.mean for column in found.seen] == pytest.approx((ROWS * 2).mean(0).tolist())


def test_a_normalization_that_never_was() -> None:
    found = only(chain(layers.Normalization(name="norm")), x=ROWS)
    assert (found.adapted, found.mean, found.sd) == (False, (0.0, 0.0), (1.0, 1.0))
    given = only(chain(layers.Normalization(mean=[0.0, 0.0], variance=[1.0, 1.0], name="norm")), x=ROWS)
    assert (given.adapted, given.consistent) == (True, True)


def test_one_that_does_not_follow_its_weights() -> None:
    model = chain(adapted())
    model.layers[0].adapt_mean.assign([1.0, 2.0])
    found = only(model, x=ROWS)
    assert (found.consistent, found.adapted) == (False, True)


def test_rescaling_and_what_follows_it() -> None:
    first, second = preprocessing_facts(
        chain(layers.Rescaling(0.1, -2.0, name="shrink"), layers.Dropout(0.1), adapted(ROWS * 0.1 - 2.0)),
        seen(x=ROWS),
    )
    assert (first.kind, first.scale, first.offset, first.after) == (
        "Rescaling",
        (pytest.approx(0.1),) * 2,
        (-2.0,) * 2,
        (),
    )
    assert (second.path, second.after) == ("norm", ("shrink",))
    exact = ROWS.astype("float64") * 0.1 - 2.0
    for column, values in zip(second.seen, exact.T, strict=True):
        assert (column.mean, column.sd, column.low, column.high) == pytest.approx(
            (values.mean(), values.std(), values.min(), values.max()), rel=1e-4
        )


def test_what_comes_behind_a_normalization_is_normalised() -> None:
    again = layers.Normalization(name="again")
    again.adapt(ROWS)
    found = preprocessing_facts(chain(adapted(), again), seen(x=ROWS))[1]
    assert [(column.mean, column.sd) for column in found.seen] == [
        (pytest.approx(0.0, abs=1e-3), pytest.approx(1.0, rel=1e-2))
    ] * 2


def test_each_input_has_its_own() -> None:
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    joined = adapted(np.concatenate([ROWS, ROWS * 3], axis=1))(layers.Concatenate()([a, b]))
    found = preprocessing_facts(keras.Model([a, b], layers.Dense(1)(joined)), seen(a=ROWS, b=ROWS * 3))
    assert [each.input for each in found] == ["a", "b"]
    assert [each.mean[0] for each in found] == pytest.approx(
        [ROWS[:, 0].mean(), 3 * ROWS[:, 0].mean()], rel=1e-3
    )


@pytest.mark.parametrize(
    "build",
    [
        lambda: chain(adapted(invert=True)),
        lambda: chain(layers.Dense(2), adapted()),
        lambda: chain(layers.Reshape((2, 1)), adapted(ROWS[:, :1]), layers.Flatten()),
    ],
    ids=["inverted", "behind a layer that computes", "moved"],
)
def test_what_reaches_a_layer_is_not_made_up(build: Callable[[], Any]) -> None:
    found = only(build(), x=ROWS)
    assert (found.kind, found.adapted, found.seen) == ("Normalization", True, ())


def test_a_batch_normalization_counts_where_an_input_enters_it_first() -> None:
    found = only(chain(layers.BatchNormalization(name="bn")), x=ROWS)
    assert (found.kind, found.path, found.mean, found.sd) == (
        "BatchNormalization",
        "bn",
        (0.0, 0.0),
        (1.0, 1.0),
    )
    assert preprocessing_facts(chain(layers.Dense(3), layers.BatchNormalization()), seen(x=ROWS)) == ()
    assert [
        each.kind for each in preprocessing_facts(chain(adapted(), layers.BatchNormalization()), seen(x=ROWS))
    ] == ["Normalization"]


def test_inside_a_nested_model() -> None:
    inner = keras.Sequential([keras.Input((2,)), adapted()], name="before")
    assert only(chain(inner), x=ROWS).path == "before/norm"

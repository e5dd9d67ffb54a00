"""Scaling layers: their statistics, and the rows that reach them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.profile.scaling_layers import InputStatistics, describe_scaling_layers
from keras_consistency_cli.loading.profile.statistics import Statistics
from keras_consistency_cli.measurement.data_facts import PreprocessingFact, RowsFact

ROWS = np.random.default_rng(0).normal([50.0, -3.0], [10.0, 0.1], (400, 2)).astype("float32")


def facts(name: str, rows: np.ndarray) -> dict[str, RowsFact]:
    return {name: Statistics.of(rows, np.arange(len(rows))).describe(name)}


def statistics(**rows: np.ndarray) -> InputStatistics:
    fed: dict[str, RowsFact] = {}
    for name, values in rows.items():
        fed |= facts(name, values)
    return InputStatistics(fed=fed, raw={}, reference={}, reference_raw={})


def adapted(rows: np.ndarray = ROWS, **options: Any) -> Any:
    layer = layers.Normalization(name="norm", **options)
    layer.adapt(rows)
    return layer


def only(model: Any, **rows: np.ndarray) -> PreprocessingFact:
    (fact,) = describe_scaling_layers(model, statistics(**rows))
    return fact


def chain(*parts: Any, shape: tuple[int, ...] = (2,)) -> Any:
    return keras.Sequential([keras.Input(shape, name="x"), *parts, layers.Dense(1)])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "float64"])
@pytest.mark.parametrize("given", [False, True])
def test_statistics_rounded_by_a_policy_are_those_of_the_weights(policy: str, given: bool) -> None:
    mean, variance = ROWS.mean(0), ROWS.var(0)
    layer = layers.Normalization(name="norm", dtype=policy, mean=mean, variance=variance)
    if not given:
        layer = adapted(dtype=policy)
    fact = only(chain(layer), x=ROWS)
    assert (fact.consistent, fact.adapted) == (True, True)
    precision = 1e-2 if policy == "float16" else 1e-4
    assert fact.mean == pytest.approx(tuple(mean.tolist()), rel=precision)
    assert fact.sd == pytest.approx(tuple(np.sqrt(variance).tolist()), rel=precision)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_statistics_that_were_set_without_a_refresh_are_inconsistent(policy: str) -> None:
    layer = adapted(dtype=policy)
    model = chain(layer)
    layer.set_weights([np.float32([40, -3]), np.float32([100, 0.01]), np.int32(0)])
    assert not only(model, x=ROWS).consistent


def test_an_adapted_normalization_and_its_rows() -> None:
    fact = only(chain(adapted()), x=ROWS * 2)
    assert (fact.path, fact.kind, fact.input, fact.adapted, fact.consistent, fact.after) == (
        "norm",
        "Normalization",
        "x",
        True,
        True,
        (),
    )
    assert fact.mean == pytest.approx(tuple(ROWS.mean(0).tolist()), rel=1e-4)
    assert fact.sd == pytest.approx(tuple(ROWS.std(0).tolist()), rel=1e-2)
    assert [column.mean for column in fact.seen] == pytest.approx((ROWS * 2).mean(0).tolist())


def test_a_normalization_that_was_never_adapted() -> None:
    fact = only(chain(layers.Normalization(name="norm")), x=ROWS)
    assert (fact.adapted, fact.is_given, fact.mean, fact.sd) == (False, False, (0.0, 0.0), (1.0, 1.0))
    stated = only(chain(layers.Normalization(mean=[0.0, 0.0], variance=[1.0, 1.0], name="norm")), x=ROWS)
    assert (stated.adapted, stated.is_given, stated.consistent) == (True, True, True)


def test_a_normalization_that_differs_from_its_weights() -> None:
    model = chain(adapted())
    model.layers[0].adapt_mean.assign([1.0, 2.0])
    fact = only(model, x=ROWS)
    assert (fact.consistent, fact.adapted) == (False, True)


def test_rescaling_and_the_layer_after_it() -> None:
    first, second = describe_scaling_layers(
        chain(layers.Rescaling(0.1, -2.0, name="shrink"), layers.Dropout(0.1), adapted(ROWS * 0.1 - 2.0)),
        statistics(x=ROWS),
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


def test_rows_after_a_normalization_are_normalised() -> None:
    again = layers.Normalization(name="again")
    again.adapt(ROWS)
    fact = describe_scaling_layers(chain(adapted(), again), statistics(x=ROWS))[1]
    assert [(column.mean, column.sd) for column in fact.seen] == [
        (pytest.approx(0.0, abs=1e-3), pytest.approx(1.0, rel=1e-2))
    ] * 2


def test_each_input_has_its_own_statistics() -> None:
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    joined = adapted(np.concatenate([ROWS, ROWS * 3], axis=1))(layers.Concatenate()([a, b]))
    model = keras.Model([a, b], layers.Dense(1)(joined))
    both = describe_scaling_layers(model, statistics(a=ROWS, b=ROWS * 3))
    assert [fact.input for fact in both] == ["a", "b"]
    assert [fact.mean[0] for fact in both] == pytest.approx(
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
def test_unknown_rows_of_a_layer_stay_unknown(build: Callable[[], Any]) -> None:
    fact = only(build(), x=ROWS)
    assert (fact.kind, fact.adapted, fact.seen) == ("Normalization", True, ())


def test_a_batch_normalization_counts_directly_after_an_input() -> None:
    fact = only(chain(layers.BatchNormalization(name="bn")), x=ROWS)
    assert (fact.kind, fact.path, fact.mean, fact.sd) == (
        "BatchNormalization",
        "bn",
        (0.0, 0.0),
        (1.0, 1.0),
    )
    assert (
        describe_scaling_layers(chain(layers.Dense(3), layers.BatchNormalization()), statistics(x=ROWS)) == ()
    )
    assert [
        fact.kind
        for fact in describe_scaling_layers(chain(adapted(), layers.BatchNormalization()), statistics(x=ROWS))
    ] == ["Normalization"]


def test_layers_of_a_nested_model_have_their_path() -> None:
    inner = keras.Sequential([keras.Input((2,)), adapted()], name="before")
    assert only(chain(inner), x=ROWS).path == "before/norm"


def preprocess(inputs: Any) -> Any:
    return keras.applications.mobilenet_v2.preprocess_input(inputs)


@pytest.mark.parametrize(
    ("compute", "scale"),
    [
        (lambda x: x / 255.0, 1 / 255),
        (lambda x: x * (1 / 255), 1 / 255),
        (lambda x: (x - 127.5) / 127.5, 1 / 127.5),
        (preprocess, 1 / 127.5),
    ],
    ids=["divided", "multiplied", "centred first", "preprocess_input"],
)
def test_arithmetic_on_an_input_is_a_rescaling(compute: Callable[[Any], Any], scale: float) -> None:
    inputs = keras.Input((2,), name="x")
    model = keras.Model(inputs, layers.Dense(1)(compute(inputs)))
    fact = only(model, x=ROWS)
    assert (fact.kind, fact.input) == ("Rescaling", "x")
    assert fact.scale == pytest.approx((scale, scale))
    assert [column.low for column in fact.seen] == pytest.approx(ROWS.min(0).tolist(), rel=1e-5)


@pytest.mark.parametrize(
    "compute",
    [lambda x: x * x, lambda x: x / layers.Dense(2)(x), lambda x: 2 * x, lambda x: layers.Dense(2)(x) / 255],
    ids=["squared", "divided by a layer", "made larger", "behind a layer"],
)
def test_other_arithmetic_is_none(compute: Callable[[Any], Any]) -> None:
    inputs = keras.Input((2,), name="x")
    assert describe_scaling_layers(keras.Model(inputs, compute(inputs)), statistics(x=ROWS)) == ()


def test_rows_after_a_division_reach_a_normalization() -> None:
    inputs = keras.Input((2,), name="x")
    model = keras.Model(inputs, layers.Dense(1)(adapted(ROWS / 10)(inputs / 10)))
    divided, norm = describe_scaling_layers(model, statistics(x=ROWS))
    assert (divided.kind, norm.kind, norm.after) == ("Rescaling", "Normalization", (divided.path,))
    assert [column.mean for column in norm.seen] == pytest.approx((ROWS / 10).mean(0).tolist(), rel=1e-4)

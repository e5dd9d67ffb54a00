"""The session for every backend: packing rows, naming outputs, steps and calls."""

from __future__ import annotations

from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.loading.model.input_structure import as_array
from keras_consistency_cli.routes.session.batches import AXIS_LOST, join_outputs, split_batches
from keras_consistency_cli.routes.session.session import RunOptions, Session
from tests.helpers.live_models import (
    HEALTHY,
    Squeezed,
    chain,
    dict_inputs,
    dict_subclassed,
    mlp,
    named_rows,
    normal,
    session_of,
    stateful,
    strings,
)


@pytest.mark.parametrize(
    "last", [[layers.Dense(1)], [layers.Dense(3), layers.Reshape((1, 3))]], ids=["scalar", "vector"]
)
@pytest.mark.parametrize("shortcuts", [False, True])
def test_a_single_row_that_loses_its_axis_is_refused(last: list[Any], shortcuts: bool) -> None:
    built = chain((6,), *last, Squeezed())
    session = session_of(built) if shortcuts else plain(built)
    with pytest.raises(ValueError, match=AXIS_LOST):
        session.one_by_one(named_rows(built[1], session.facts))


def test_outputs_that_never_have_a_row_axis_are_accepted() -> None:
    rows = keras.Input((6,))
    built = (keras.Model(rows, keras.ops.mean(layers.Dense(2)(rows))), {rows.name: normal(6)})
    assert next(iter(plain(built).one_by_one(built[1]).values())).shape == (10,)


def plain(built: tuple[Any, Any], **options: Any) -> Session:
    """A session that works with every backend."""
    return Session(built[0], describe_model(built[0]), RunOptions(**options))


@pytest.mark.parametrize("name", ["mlp", "dict inputs", "string inputs", "subclassed", "dict subclassed"])
def test_generic_steps_agree_with_predict(name: str) -> None:
    built = HEALTHY[name]()
    session = plain(built)
    rows = named_rows(built[1], session.facts)
    whole, stepped = session.predict(rows, batch_size=3), session.steps(rows, 3)
    assert {key: each.tolist() for key, each in whole.items()} == {
        key: each.tolist() for key, each in stepped.items()
    }


def test_generic_one_by_one_is_predict_on_every_row() -> None:
    model, rows = mlp()
    session = plain((model, rows))
    singles = join_outputs([session.predict(row, batch_size=1) for row in split_batches(rows, 1)])
    assert {key: each.tolist() for key, each in session.one_by_one(rows).items()} == {
        key: each.tolist() for key, each in singles.items()
    }


def test_generic_one_by_one_resets_states_between_rows() -> None:
    model, rows = chain((4, 3), layers.LSTM(5, stateful=True), batch_size=1)
    session = plain((model, rows))
    twice = {name: np.repeat(values[:1], 2, axis=0) for name, values in rows.items()}
    (answers,) = session.one_by_one(twice).values()
    assert np.array_equal(answers[0], answers[1])


def test_rows_are_packed_as_the_model_takes_them() -> None:
    first, second = keras.Input((2,), name="first"), keras.Input((3,), name="second")
    listed = keras.Model([first, second], layers.Concatenate()([first, second]))
    two = {"first": normal(2), "second": normal(3)}
    assert isinstance(plain(mlp()).pack({"x": normal(5)}), np.ndarray)
    assert [each.shape for each in plain((listed, two)).pack(two)] == [(10, 2), (10, 3)]
    packed = plain(dict_inputs()).pack(named_rows(dict_inputs()[1], describe_model(dict_inputs()[0])))
    assert {name: values.shape for name, values in packed.items()} == {"ids": (10, 2), "numbers": (10, 4)}
    subclassed, rows = dict_subclassed()
    assert set(plain((subclassed, rows)).pack(rows)) == {"a", "b"}


def test_dict_inputs_reach_the_input_of_their_name() -> None:
    model, rows = dict_subclassed()
    answers = plain((model, rows)).call(rows)
    left, right = model.left(rows["b"]), model.right(rows["a"])
    assert {name: each.tolist() for name, each in answers.items()} == {
        "large": np.asarray(right).tolist(),
        "small": np.asarray(left).tolist(),
    }


def test_dict_inputs_under_keys_other_than_the_tensors_names() -> None:
    one, two = keras.Input((2,), name="alpha"), keras.Input((2,), name="beta")
    with pytest.warns(UserWarning, match="keys in the dict must match"):
        model = keras.Model({"z": one, "y": two}, layers.Subtract()([one, two]))
    session = plain((model, {}))
    z, y = normal(2), normal(2, seed=1)
    assert {fact.name for fact in session.facts.inputs} == {"z", "y"}
    (answers,) = session.predict(named_rows({"z": z, "y": y}, session.facts)).values()
    assert np.array_equal(answers, z - y)


@pytest.mark.parametrize("dtype", ["float16", "float64", "float32"])
def test_floats_are_cast_as_predict_casts_them(dtype: str) -> None:
    assert plain(mlp()).cast(np.ones(3, dtype)).dtype == np.float32


def test_other_dtypes_are_not_cast_and_strings_become_tensors() -> None:
    session = plain(strings())
    assert session.cast(np.arange(3, dtype="int16")).dtype == np.int16
    assert session.cast(np.array([True])).dtype == np.bool_
    assert session.cast(np.array(["é", "b"])).dtype == "string"


def test_outputs_are_named_by_the_facts_or_by_their_path() -> None:
    session = plain(mlp())
    declared = [fact.name for fact in session.facts.outputs]
    assert list(session.name_outputs(np.zeros((2, 3)))) == declared
    assert list(session.name_outputs({"b": np.zeros(1), "a": [np.zeros(1), np.zeros(1)]})) == [
        "a/0",
        "a/1",
        "b",
    ]


def test_bfloat16_becomes_float32() -> None:
    narrow = as_array(np.array([1.5, -2.0], ml_dtypes.bfloat16))
    assert (narrow.dtype, narrow.tolist()) == (np.dtype("float32"), [1.5, -2.0])
    assert as_array(np.array(["x", "yz"], object)).tolist() == ["x", "yz"]
    assert as_array(keras.ops.ones((2,), "int32")).dtype == np.int32


def test_the_batch_size_of_the_model_wins() -> None:
    assert plain(stateful(), batch_size=32).batch_size == 4
    assert plain(mlp(), batch_size=7).batch_size == 7


def test_predict_is_traced_again_after_traces_are_forgotten() -> None:
    model, rows = mlp()
    session = plain((model, rows))
    session.predict(rows)
    before = model.predict_function
    session.predict(rows)
    assert model.predict_function is before
    session.forget_traces()
    session.predict(rows)
    assert model.predict_function is not before


def test_strings_and_numbers_can_be_inputs_of_one_model() -> None:
    city, size = keras.Input((1,), dtype="string", name="city"), keras.Input((2,), name="size")
    coded = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(city)
    model = keras.Model(
        {"city": city, "size": size}, keras.layers.Dense(1)(keras.layers.Concatenate()([coded, size]))
    )
    rows = {"city": np.array([["a"], ["b"], ["c"]]), "size": np.ones((3, 2), np.float32)}
    session = session_of((model, rows))
    (predicted,), (called,), (stepped,) = (
        way(rows).values() for way in (session.predict, session.call, session.step)
    )
    np.testing.assert_allclose(called, predicted, rtol=1e-5)
    np.testing.assert_array_equal(stepped, predicted)

"""Replaced neighbours change nothing in healthy models, and every leak is found, however small."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import permutations

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.calling.fillers import (
    Replacement,
    keep_masks,
    replace_neighbours,
    replacements,
)
from keras_consistency_cli.routes.calling.neighbours import NEIGHBOUR_ROUTES
from keras_consistency_cli.routes.trace import Result
from tests.corpus.reports_batches_layers import Trimmed
from tests.helpers.float64_copies import float64_copy_of
from tests.helpers.live_models import (
    HEALTHY,
    HEAVY,
    Checked,
    Dice,
    Filled,
    InsideTraining,
    Leak,
    LeftOn,
    chain,
    heavy_session,
    mlp,
    named_rows,
    normal,
    session_of,
    stateful,
)

SWAP, SWAP64 = (route.run for route in NEIGHBOUR_ROUTES)


def furthest(
    result: Result, fillers: tuple[str, ...] = ("other rows", "copies", "zeros", "huge values", "NaN")
) -> float:
    """The greatest difference that these fillers make to the outputs of kept rows; there is such a row."""
    assert result.baseline is not None
    assert result.outputs.keys() == result.baseline.keys()
    chosen = [place for place, label in enumerate(result.details["labels"]) if label.startswith(fillers)]
    assert chosen
    pairs = [
        (result.outputs[name][chosen].astype(float), result.baseline[name][chosen].astype(float))
        for name in result.outputs
    ]
    return max(float(np.abs(swapped - base).max()) for swapped, base in pairs)


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_models_keep_every_bit(name: str) -> None:
    built = HEALTHY[name]()
    session = session_of(built)
    assert furthest(SWAP(session, named_rows(built[1], session.facts))) == 0.0


@pytest.mark.parametrize("name", ["mlp", "conv with batch norm", "lstm", "attention", "dict inputs"])
def test_healthy_models_keep_every_bit_in_float64(name: str) -> None:
    session, rows = float64_copy_of(HEALTHY[name]())
    result = SWAP64(session, rows)
    assert {values.dtype for values in result.outputs.values()} == {np.dtype("float64")}
    assert furthest(result) == 0.0


def test_a_leak_of_a_millionth_shows_in_float32() -> None:
    built = chain((6,), layers.Dense(8, activation="tanh"), Leak(1e-6), layers.Dense(2))
    assert 0.0 < furthest(SWAP(session_of(built), built[1]), ("other rows",)) < 1e-5


def test_a_leak_of_a_billionth_shows_in_float64() -> None:
    session, rows = float64_copy_of(
        chain((6,), layers.Dense(8, activation="tanh"), Leak(1e-9), layers.Dense(2))
    )
    assert 0.0 < furthest(SWAP64(session, rows)) < 1e-8


def test_batch_statistics_show() -> None:
    built = chain((5,), layers.Dense(4), InsideTraining(), layers.Dense(1))
    assert furthest(SWAP(session_of(built), built[1]), ("other rows",)) > 1e-3


def test_labels_and_rows_belong_to_the_outputs() -> None:
    model, rows = mlp()
    result = SWAP(session_of((model, rows)), rows)
    (answers,) = result.baseline.values()
    whole = model.predict(*rows.values(), batch_size=4, verbose=0)
    assert len(result.details["labels"]) == len(result.rows) == len(answers)
    np.testing.assert_allclose(answers, whole[result.rows], atol=1e-6)
    assert result.details["sizes"] == [4, 5]
    assert {label.split(",")[0] for label in result.details["labels"]} == {
        "other rows",
        "copies",
        "zeros",
        "huge values",
        "NaN",
    }


def test_rows_with_nan_do_not_hide_a_leak() -> None:
    model, rows = chain((6,), layers.Dense(8, activation="tanh"), Leak(1e-3), layers.Dense(2))
    (name,) = rows
    rows[name][:6] = np.nan
    result = SWAP(session_of((model, rows)), rows)
    (base,), (swapped,) = result.baseline.values(), result.outputs.values()
    differing = np.isfinite(base).all(axis=1) & (swapped != base).any(axis=1)
    assert differing.any()


def test_a_lone_row_is_doubled() -> None:
    model, rows = mlp()
    (name,) = rows
    result = SWAP(session_of((model, rows)), {name: rows[name][:1]})
    assert set(result.rows.tolist()) == {0}
    assert furthest(result) == 0.0


def test_equal_rows_are_replaced_by_different_rows() -> None:
    built = chain((6,), Leak(1e-2), layers.Dense(2))
    (name,) = built[1]
    same = {name: np.repeat(built[1][name][:1], 10, axis=0)}
    result = SWAP(session_of(built), same)
    real = [place for place, label in enumerate(result.details["labels"]) if label.startswith("other rows")]
    (base,), (swapped,) = result.baseline.values(), result.outputs.values()
    assert (base[real] != swapped[real]).any(axis=1).all()


def test_outputs_of_a_random_model_are_not_compared() -> None:
    random.seed(1)
    model, rows = chain((5,), Dice())
    model.compile(run_eagerly=True)
    assert SWAP(session_of((model, rows)), rows).details == {"deterministic": False}


def test_seeds_are_restored_and_outputs_compared() -> None:
    built = chain((5,), layers.Dense(8), LeftOn(0.4), layers.Dense(1))
    assert furthest(SWAP(session_of(built), built[1])) == 0.0


def test_outputs_without_a_row_axis_are_reported() -> None:
    inputs = keras.Input((5,))
    session = session_of(
        (keras.Model(inputs, keras.ops.sum(layers.Dense(2, name="head")(inputs), axis=0)), {})
    )
    found = SWAP(session, {"x": normal(5)})
    assert found.outputs == {}
    assert list(found.details["misshapen"].values()) == [[2]]


def test_a_batch_of_one_has_no_neighbours() -> None:
    model, rows = chain((4, 3), layers.LSTM(5, stateful=True), batch_size=1)
    assert SWAP(session_of((model, rows)), rows).details == {"alone": True}


def _pooled(masked: bool) -> tuple[keras.Model, dict[str, np.ndarray]]:
    """The mean of the vectors of ids, whose padding is cut to the longest row of the batch."""
    keras.utils.set_random_seed(4)
    tokens = keras.Input((40,), dtype="int32", name="tokens")
    cut = Trimmed(name="trimmed")(tokens)
    vectors = layers.Embedding(30, 32, mask_zero=masked)(cut)
    model = keras.Model(tokens, layers.Dense(2)(layers.GlobalAveragePooling1D()(vectors)))
    random = np.random.default_rng(2)
    rows = np.where(np.arange(40) < random.integers(3, 41, (32, 1)), random.integers(1, 30, (32, 40)), 0)
    return model, {"tokens": rows.astype("int32")}


def test_neighbours_that_change_shapes_are_noted_if_outputs_differ() -> None:
    """Sums over more zeros may round differently; the same shapes give the same bits."""
    for masked in (True, False):
        built = _pooled(masked)
        result = SWAP(session_of(built), built[1])
        assert result.details["resized"] is (furthest(result) > 0)
        assert (furthest(result) > 1e-4) is not masked
    leaking = chain((5,), Leak(1e-3))
    assert SWAP(session_of(leaking), leaking[1]).details["resized"] is False


def test_a_fixed_batch_size_is_kept_and_states_are_reset() -> None:
    built = stateful()
    result = SWAP(session_of(built), built[1])
    assert result.details["sizes"] == [4]
    assert furthest(result) == 0.0


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("size", [2, 3, 4, 5, 8, 33])
def test_masks_separate_every_ordered_pair(size: int, few: bool) -> None:
    masks = list(keep_masks(size, few=few))
    assert all(0 < mask.sum() < size for mask in masks)
    assert all(
        any(mask[kept] and not mask[replaced] for mask in masks)
        for kept, replaced in permutations(range(size), 2)
    )


@pytest.mark.parametrize("budget", [0, 40, 10**6])
def test_the_memory_budget_holds_and_one_row_per_batch_is_kept(budget: int) -> None:
    built = mlp()
    result = SWAP(session_of(built, budget=budget), built[1])
    (answers,) = result.outputs.values()
    passes = [label.rsplit(",", 1)[0] for label in result.details["labels"]]
    assert len(answers) == len(passes)
    full = len(SWAP(session_of(mlp()), built[1]).rows)
    assert (len(answers) == full) == (budget == 10**6)
    assert set(passes) == {"other rows", "copies", "zeros", "huge values", "NaN"}


def test_outputs_that_change_only_for_equal_rows_are_found() -> None:
    """A layer that zeroes rows that occur twice in a batch: only a copy shows it."""
    inputs = keras.Input((3,))
    apart = keras.ops.sum(
        keras.ops.abs(keras.ops.expand_dims(inputs, 1) - keras.ops.expand_dims(inputs, 0)), axis=-1
    )
    alone = keras.ops.sum(keras.ops.cast(apart < 1e-6, "float32"), axis=1, keepdims=True) < 1.5
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs * keras.ops.cast(alone, "float32")))
    built = (model, {model.inputs[0].name: np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)})
    result = SWAP(session_of(built), built[1])
    assert furthest(result, ("copies",)) > 0
    assert furthest(result, ("other rows", "zeros")) == 0


def test_ids_fed_as_floats_stay_ids() -> None:
    """Ids outside the table would crash any model, and say nothing about neighbours."""
    model = keras.Sequential([keras.Input((4,)), layers.Embedding(9, 3), layers.GRU(2)])
    rows = {model.inputs[0].name: np.random.default_rng(0).integers(0, 9, size=(40, 4)).astype(np.float32)}
    assert furthest(SWAP(session_of((model, rows)), rows)) == 0.0


@pytest.mark.parametrize(("by_batch", "leaky"), [(True, True), (False, False)])
def test_rows_with_nan_that_the_model_fills_in_are_kept_too(by_batch: bool, leaky: bool) -> None:
    model, rows = chain((6,), Filled(by_batch), layers.Dense(8, activation="relu"), layers.Dense(2))
    (name,) = rows
    rows[name][[0, 3, 4, 7], [1, 2, 1, 0]] = np.nan
    result = SWAP(session_of((model, rows)), rows)
    assert {0, 3, 4, 7} & set(result.rows.tolist())
    assert (furthest(result) > 0.0) is leaky


def test_fillers_that_the_model_refuses_are_left_out_and_reported() -> None:
    built = chain((5,), Checked(), layers.Dense(4, activation="tanh"), layers.Dense(1))
    result = SWAP(session_of(built), built[1])
    assert result.details["refused"] == ["NaN"]
    assert furthest(result) == 0.0
    leaking = chain((5,), Checked(), layers.Dense(4, activation="tanh"), Leak(1e-3), layers.Dense(1))
    assert furthest(SWAP(session_of(leaking), leaking[1])) > 0.0


def test_texts_are_replaced_by_the_shortest_and_the_longest() -> None:
    texts = np.array([["one two"], ["a"], ["one two three"], ["b c"]])
    keep = np.arange(3) == 0
    filled = {
        filler: replace_neighbours(texts, Replacement(size=3, keep=keep, filler=filler), any_number=False)
        for filler in ("zeros", "huge values", "copies")
    }
    assert {filler: rows[1:, 0].tolist() for filler, rows in filled.items()} == {
        "zeros": ["a", "a"],
        "huge values": ["one two three"] * 2,
        "copies": ["one two"] * 2,
    }
    assert all(rows[0, 0] == "one two" for rows in filled.values())


def test_a_heavy_model_runs_fewer_batches_of_every_kind() -> None:
    built = chain((6,), layers.Dense(8, activation="tanh"), Leak(1e-6), layers.Dense(2))
    light, heavy = session_of(built, batch_size=8), heavy_session(built, batch_size=8)
    all_of_them, few = SWAP(light, built[1]), SWAP(heavy, built[1])
    kinds = [{label.split(",")[0] for label in result.details["labels"]} for result in (all_of_them, few)]
    assert kinds[0] == kinds[1]
    assert len(few.details["labels"]) < len(all_of_them.details["labels"]) / 2
    assert few.details["sizes"] == [4]
    assert 0.0 < furthest(few, ("other rows",)) < 1e-5


@pytest.mark.parametrize("name", ["mlp", "conv with batch norm", "lstm", "attention", "string inputs"])
def test_healthy_models_keep_every_bit_if_they_are_heavy(name: str) -> None:
    built = HEALTHY[name]()
    session = heavy_session(built)
    assert furthest(SWAP(session, named_rows(built[1], session.facts))) == 0.0


def test_a_leak_of_a_billionth_shows_in_the_float64_copy_of_a_heavy_model() -> None:
    session, rows = float64_copy_of(chain((6,), layers.Dense(8, activation="tanh"), Leak(1e-9)))
    session.facts = replace(session.facts, work=HEAVY)
    result = SWAP64(session, rows)
    assert result.details["sizes"] == [2]
    assert 0.0 < furthest(result) < 1e-8


@pytest.mark.parametrize("size", [2, 3, 4, 7])
def test_few_batches_have_the_size_and_keep_rows(size: int) -> None:
    values = np.arange(2.0 * size).reshape(-1, 1)
    for replacement in replacements(size, None, "float32", few=True):
        batch = replace_neighbours(values, replacement, any_number=True)
        assert len(batch) == size
        assert 0 < replacement.keep.sum() < size
        assert np.array_equal(batch[replacement.keep], values[:size][replacement.keep])

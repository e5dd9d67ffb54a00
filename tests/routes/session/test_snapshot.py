"""A snapshot finds and undoes everything that running a model can change."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.session.snapshot import Snapshot
from keras_consistency_cli.routes.trace import Change
from tests.helpers.layers_in_sets import Powers, rebuild
from tests.helpers.live_models import NASTY, Counter, chain, mlp, state_of, stateful

KINDS = {
    "batch norm in training mode": {"weight"},
    "dropout left on": {"seed"},
    "stateful lstm": {"state"},
    "counter in call": {"weight", "state"},
}


@pytest.mark.parametrize("name", NASTY)
def test_changes_of_predict_are_found_and_undone(name: str) -> None:
    model, rows = NASTY[name]()
    before = state_of(model)
    snapshot = Snapshot(model)
    model.predict(*rows.values(), batch_size=4, verbose=0)
    assert state_of(model) != before, "nothing changed: the test shows nothing"
    assert {change.kind for change in snapshot.changes()} == KINDS[name]
    snapshot.restore()
    assert state_of(model) == before
    assert snapshot.changes() == ()


@pytest.mark.parametrize("name", NASTY)
def test_changes_that_are_taken_are_undone(name: str) -> None:
    model, rows = NASTY[name]()
    before = state_of(model)
    snapshot = Snapshot(model)
    model.predict(*rows.values(), batch_size=4, verbose=0)
    changes = snapshot.changes()
    assert changes
    assert snapshot.take_changes() == changes
    assert state_of(model) == before
    assert snapshot.take_changes() == ()


def test_variables_that_are_changed_in_place_keep_their_saved_values() -> None:
    import tensorflow as tf

    model, _ = chain((2,), layers.Dense(3, name="price"))
    kernel = model.get_layer("price").kernel
    saved = np.array(kernel)
    snapshot = Snapshot(model)
    change = tf.function(lambda: kernel.value.assign_add(tf.ones((2, 3))))
    for _ in range(2):
        change()
        kernel.value.scatter_update(tf.IndexedSlices(tf.zeros((1, 3)), [0]))
        assert [change.path for change in snapshot.changes()] == ["net/price/kernel"]
        snapshot.restore()
        assert np.array_equal(np.array(kernel), saved)
        assert snapshot.changes() == ()


def test_a_healthy_model_is_not_changed() -> None:
    model, rows = mlp()
    snapshot = Snapshot(model)
    model.predict(*rows.values(), verbose=0)
    assert snapshot.changes() == ()


def test_a_change_has_the_variable_its_kind_and_the_difference() -> None:
    model, _ = chain((2,), layers.Dense(1, name="price"), Counter(name="counter"))
    snapshot = Snapshot(model)
    model.get_layer("price").bias.assign([0.25])
    model.get_layer("counter").hidden.assign(-3.0)
    model.get_layer("counter").calls += 2
    assert snapshot.changes() == (
        Change(path="net/price/bias", kind="weight", max_abs=0.25),
        Change(path="counter.hidden", kind="weight", max_abs=3.0),
        Change(path="counter.calls", kind="state", max_abs=2.0, plain=True),
    )


def test_states_created_by_the_first_run_are_reset() -> None:
    model, rows = stateful()
    before = [np.asarray(state) for state in model.get_layer("memory").states]
    snapshot = Snapshot(model)
    model.predict(*rows.values(), batch_size=4, verbose=0)
    assert all(np.abs(state).max() > 0 for state in model.get_layer("memory").states)
    snapshot.restore()
    assert [np.asarray(state).tolist() for state in model.get_layer("memory").states] == [
        each.tolist() for each in before
    ]


def test_a_new_nan_is_a_change_and_an_old_one_is_not() -> None:
    model, _ = chain((2,), layers.Dense(1, name="price"))
    model.get_layer("price").bias.assign([np.nan])
    snapshot = Snapshot(model)
    assert snapshot.changes() == ()
    model.get_layer("price").kernel.assign([[np.nan], [0.0]])
    assert [(change.path, change.max_abs) for change in snapshot.changes()] == [
        ("net/price/kernel", float("inf"))
    ]


def test_the_global_seed_generator_is_part_of_a_snapshot() -> None:
    keras.utils.set_random_seed(3)
    model, _ = mlp()
    keras.random.normal((1,))
    snapshot = Snapshot(model)
    first = np.asarray(keras.random.normal((2,)))
    assert [change.kind for change in snapshot.changes()] == ["seed"]
    snapshot.restore()
    assert np.array_equal(keras.random.normal((2,)), first)


@pytest.mark.parametrize("value", [True, "text", None])
def test_attributes_that_are_not_numbers_are_ignored(value: Any) -> None:
    model, _ = chain((2,), Counter(name="counter"))
    snapshot = Snapshot(model)
    model.get_layer("counter").flag = value
    assert snapshot.changes() == ()
    snapshot.restore()
    assert model.get_layer("counter").flag is value


def test_saved_values_can_be_assigned_to_a_float64_copy() -> None:
    model, _ = mlp()
    wide = keras.Sequential(
        [keras.Input((5,)), layers.Dense(16, dtype="float64"), layers.Dense(3, dtype="float64")]
    )
    Snapshot(model).copy_to(Snapshot(wide))
    assert [np.asarray(v).astype("float32").tolist() for v in wide.variables] == [
        np.asarray(v).tolist() for v in model.variables
    ]


def test_values_of_layers_in_a_set_are_assigned_to_their_counterparts() -> None:
    x = keras.Input((3,))
    model = keras.Model(x, Powers()(x))
    copy = rebuild(model)
    Snapshot(model).copy_to(Snapshot(copy))
    rows = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    assert np.allclose(model(rows), copy(rows), rtol=1e-4, atol=1e-5)
    assert Snapshot(model).against(Snapshot(copy)) == ()


def test_plain_numbers_are_assigned_to_a_float64_copy() -> None:
    (model, _), (other, _) = chain((2,), Counter(name="counter")), chain((2,), Counter(name="counter"))
    saved = Snapshot(model)
    counts = [each.get_layer("counter").calls for each in (model, other)]
    other.get_layer("counter").calls = counts[0] + 3
    saved.copy_to(Snapshot(other))
    assert other.get_layer("counter").calls == counts[0]


def test_changes_are_exaggerated_until_they_are_restored() -> None:
    model, _ = mlp()
    kernel, *others = model.weights
    start = kernel.numpy()
    before = [each.numpy() for each in others]
    snapshot = Snapshot(model)
    assert list(snapshot.changed_weights()) == []
    kernel.assign(start + 0.5)
    assert list(snapshot.changed_weights()) == [kernel]
    snapshot.exaggerate_changes(10)
    np.testing.assert_allclose(kernel.numpy(), start + 5, rtol=1e-6)
    assert all(np.array_equal(each.numpy(), value) for each, value in zip(others, before, strict=True))
    snapshot.restore()
    assert np.array_equal(kernel.numpy(), start)

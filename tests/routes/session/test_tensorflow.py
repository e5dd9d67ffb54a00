"""The session on TensorFlow gives the same bits as model.predict, in batches and one row at a time."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.routes.calling.fillers import ENDLESS_FILLERS
from keras_consistency_cli.routes.calling.neighbours import NEIGHBOUR_ROUTES
from keras_consistency_cli.routes.session.batches import (
    count_rows,
    first_batch,
    join_outputs,
    select_rows,
    split_batches,
)
from tests.corpus.reports_batches import flowing
from tests.helpers.live_models import (
    HEALTHY,
    NASTY,
    Counter,
    CountsRows,
    chain,
    heavy_session,
    mlp,
    named_rows,
    normal,
    session_of,
    settled,
    stateful,
)

FLOWING_ROWS = {"features": normal(10, rows=20)}
FIVE = ("mlp", "conv with batch norm", "lstm", "dict inputs", "string inputs")


@pytest.fixture(scope="module")
def live() -> dict[str, tuple[Any, dict[str, np.ndarray]]]:
    """One session and its rows by model name."""
    found = {}
    for name in FIVE:
        built = HEALTHY[name]()
        session = session_of((settled(built[0]), built[1]))
        found[name] = (session, named_rows(built[1], session.facts))
    return found


def literally(session: Any, rows: dict[str, np.ndarray], batch_size: int) -> dict[str, np.ndarray]:
    """The outputs of model.predict, in the order in which Keras flattens them; strings need tensors."""
    fed = {
        name: keras.ops.convert_to_tensor(values.astype(object)) if values.dtype.kind == "U" else values
        for name, values in rows.items()
    }
    answers = session.model.predict(
        fed if len(fed) > 1 else next(iter(fed.values())), batch_size=batch_size, verbose=0
    )
    return {
        "/".join(map(str, path)) or session.facts.outputs[0].name: leaf
        for path, leaf in keras.tree.flatten_with_path(answers)
    }


def same_bits(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> bool:
    """Whether names, shapes, dtypes and all bits are the same."""
    shown = [
        {name: (each.shape, each.dtype, each.tobytes()) for name, each in outputs.items()}
        for outputs in (found, wanted)
    ]
    return shown[0] == shown[1]


@pytest.mark.parametrize("name", FIVE)
def test_one_by_one_has_the_bits_of_predict_on_single_rows(name: str, live: dict[str, Any]) -> None:
    session, rows = live[name]
    singles = join_outputs([literally(session, row, 1) for row in split_batches(rows, 1)])
    assert same_bits(session.one_by_one(rows), singles)
    assert len({each.tobytes() for values in singles.values() for each in values}) > 5, (
        "all rows have the same output: nothing was shown"
    )


@pytest.mark.parametrize("name", FIVE)
@pytest.mark.parametrize("size", [1, 3, 10])
def test_steps_have_the_bits_of_predict(name: str, size: int, live: dict[str, Any]) -> None:
    session, rows = live[name]
    assert same_bits(session.steps(rows, size), literally(session, rows, size))


@pytest.mark.parametrize("name", FIVE)
def test_predict_is_that_of_keras(name: str, live: dict[str, Any]) -> None:
    session, rows = live[name]
    session.forget_traces()
    assert same_bits(session.predict(rows, batch_size=4), literally(session, rows, 4))


def test_one_by_one_runs_different_numbers_of_rows_from_one_trace(live: dict[str, Any]) -> None:
    session, rows = live["mlp"]
    whole = session.one_by_one(rows)
    few = session.one_by_one(select_rows(rows, np.array([7, 2])))
    assert same_bits(few, {name: values[[7, 2]] for name, values in whole.items()})


def test_jit_compiled_models_are_stepped_with_xla() -> None:
    model, rows = mlp()
    model.compile(jit_compile=True)
    session = session_of((model, rows))
    assert same_bits(
        session.one_by_one(rows), join_outputs([literally(session, row, 1) for row in split_batches(rows, 1)])
    )
    assert same_bits(session.steps(rows, 4), literally(session, rows, 4))


def test_eager_models_are_called_eagerly() -> None:
    model, rows = chain((5,), Counter(name="counter"))
    model.compile(run_eagerly=True)
    session = session_of((model, rows))
    before = model.get_layer("counter").calls
    session.steps(rows, 5)
    session.one_by_one(rows)
    assert model.get_layer("counter").calls - before == 1, (
        "every row starts from the state in which the model was loaded"
    )
    session.restore()
    session.steps(rows, 5)
    assert model.get_layer("counter").calls - before == 2


def test_the_step_is_traced_once_for_all_batch_sizes() -> None:
    model, rows = chain((5,), Counter(name="counter"))
    session = session_of((model, rows))
    before = model.get_layer("counter").calls
    for size in (1, 2, 3, 10):
        session.steps(rows, size)
    assert model.get_layer("counter").calls - before == 1


def test_the_same_batches_of_a_heavy_model_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built = mlp()
    for session, runs in ((heavy_session(built), 1), (session_of(built), 2)):
        steps: list[int] = []
        original = type(session).step

        def step(self: Any, rows: Any, steps: list[int] = steps, original: Any = original) -> Any:
            steps.append(count_rows(rows))
            return original(self, rows)

        monkeypatch.setattr(type(session), "step", step)
        first, again = session.steps(built[1], 10), session.steps(built[1], 99)
        monkeypatch.setattr(type(session), "step", original)
        assert same_bits(first, again)
        assert steps == [10] * runs


@pytest.mark.parametrize("name", NASTY)
def test_batches_of_a_heavy_model_that_does_not_repeat_run_each_time(name: str) -> None:
    built = NASTY[name]()
    session = heavy_session(built)
    batch = first_batch(built[1], 4)
    session.step(batch)
    session.watch(bool(session.snapshot.changes()))
    session.steps(batch, 4)
    assert not session._known


def test_a_model_that_refuses_an_unknown_number_of_rows_is_traced_for_known_ones() -> None:
    model, rows = chain((5,), CountsRows())
    session = session_of((model, rows))
    (doubled,) = session.step(rows).values()
    assert np.array_equal(doubled, 2.0 * rows[next(iter(rows))])


def test_only_steps_without_randomness_state_and_python_are_repeatable(live: dict[str, Any]) -> None:
    session, rows = live["mlp"]
    assert session.is_repeatable(rows)
    for name in NASTY:
        model, rows = NASTY[name]()
        session, batch = session_of((model, rows)), first_batch(rows, 4)
        session.step(batch)
        session.watch(bool(session.snapshot.changes()))
        assert not session.is_repeatable(batch), name


def test_a_step_that_reads_the_clock_is_not_repeatable() -> None:
    import tensorflow as tf

    built = chain((5,), layers.Lambda(lambda x: x + ops.cast(tf.timestamp(), x.dtype)))
    assert not session_of(built).is_repeatable(first_batch(built[1], 4))


@pytest.mark.parametrize("name", ["stateful lstm", "counter in call"])
def test_rows_of_a_model_that_changes_are_isolated(name: str) -> None:
    built = NASTY[name]()
    if name == "stateful lstm":
        built = chain((4, 3), layers.LSTM(5, stateful=True), layers.Dense(1), batch_size=1)
    session = session_of(built)
    session.watch(True)
    _, rows = built
    alone = []
    for row in split_batches(rows, 1):
        session.restore()
        alone.append(session.step(row))
    session.restore()
    assert same_bits(session.one_by_one(rows), join_outputs(alone))


def test_stateful_layers_are_known_to_change_before_anything_has_run() -> None:
    assert session_of(stateful()).changes_itself
    assert not session_of(mlp()).changes_itself


def test_watch_notes_only_changes() -> None:
    session = session_of(mlp())
    session.watch(False)
    assert not session.changes_itself
    session.watch(True)
    assert session.changes_itself


def test_outputs_without_a_row_axis_are_run_row_by_row() -> None:
    inputs = keras.Input((5,))
    model = keras.Model(inputs, keras.ops.sum(layers.Dense(1)(inputs)))
    session = session_of((model, {}))
    rows = {"x": normal(5)}
    (answers,) = session.one_by_one(rows).values()
    assert np.array_equal(
        answers, [model.predict_on_batch(row) for row in np.split(rows["x"], count_rows(rows))]
    )


def test_graph_and_xla_run_the_model_itself(live: dict[str, Any]) -> None:
    session, rows = live["mlp"]
    plain, xla = (session.tracing(jit_compile=jit)(rows) for jit in (False, True))
    eager = session.call(rows, training=False)
    assert plain.keys() == xla.keys() == eager.keys()
    for name in eager:
        np.testing.assert_allclose(plain[name], eager[name], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(xla[name], eager[name], rtol=1e-5, atol=1e-7)


def test_narrow_operations_are_found_in_the_traced_step(live: dict[str, Any]) -> None:
    session, rows = live["mlp"]
    assert any("MatMul" in operation for operation in session.narrow_operations(rows))


def test_a_model_that_cannot_run_in_a_map_is_run_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_packed: Any) -> None:
        raise NotImplementedError("no map")

    built = mlp()
    session = session_of(built)
    monkeypatch.setattr(session, "_trace_row_map", refuse)
    assert same_bits(
        session.one_by_one(built[1]),
        join_outputs([literally(session, row, 1) for row in split_batches(built[1], 1)]),
    )


def test_loops_that_end_when_numbers_agree_are_told_from_those_of_a_fixed_length(
    live: dict[str, Any],
) -> None:
    adaptive = session_of((flowing(adaptive=True), FLOWING_ROWS))
    assert adaptive.loops_until_numbers_agree(FLOWING_ROWS)
    session, rows = live["lstm"]
    assert not session.loops_until_numbers_agree(rows)


def test_models_that_look_for_nan_are_known() -> None:
    rows = {"x": np.ones((4, 3), "float32")}
    for change, looks in ((lambda x: ops.where(ops.isnan(x), 0.0, x), True), (ops.relu, False)):
        entry = keras.Input((3,), name="x")
        model = keras.Model(entry, layers.Dense(2)(change(entry)))
        assert session_of((model, rows)).looks_for_nan(rows) is looks


def test_nan_is_kept_from_a_loop_that_it_would_never_let_end() -> None:
    session = session_of((flowing(adaptive=True), FLOWING_ROWS))
    labels = NEIGHBOUR_ROUTES[0].run(session, FLOWING_ROWS).details["labels"]
    assert not any(label.startswith(ENDLESS_FILLERS) for label in labels)
    assert any(label.startswith("copies") for label in labels)

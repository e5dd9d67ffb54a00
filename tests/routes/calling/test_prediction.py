"""Routes that predict: each calls the model in the way that its name says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.trace import BATCH_SIZES, FLOAT64_COPY, REFERENCE, Result
from tests.helpers.live_models import Counter, Leak, chain, heavy_session, mlp, normal, session_of, stateful

TABLE = {route.name: route for route in routes((2, 3))}


def run(name: str, built: tuple[Any, Any]) -> Result:
    """One route on a live model."""
    return TABLE[name].run(session_of(built), built[1])


def only(result: Result) -> np.ndarray:
    """The values of a model with one output."""
    (values,) = result.outputs.values()
    return values


@pytest.fixture(scope="module")
def healthy() -> tuple[Any, Any]:
    return mlp()


@pytest.fixture(scope="module")
def whole(healthy: tuple[Any, Any]) -> np.ndarray:
    """The outputs of predict, called directly."""
    return np.asarray(healthy[0].predict(*healthy[1].values(), batch_size=4, verbose=0))


def test_the_table_has_the_routes_of_its_sizes_and_no_name_twice() -> None:
    names = [route.name for route in routes((2, 9))]
    assert len(names) == len(set(names))
    assert {
        "batch-2",
        "batch-9",
        "batch-all",
        "batch-2-float64",
        "batch-9-float64",
        "batch-all-float64",
        REFERENCE,
        FLOAT64_COPY,
    } <= set(names)
    assert "batch-3" not in names
    assert {f"batch-{size}" for size in BATCH_SIZES} <= {route.name for route in routes()}


STREAMING = {"predict", "one-by-one", "predict-float64", "one-by-one-float64", "rows", "recorded"}


def test_the_float64_copy_and_the_fresh_process_have_their_own_placement() -> None:
    assert {route.placement for route in TABLE.values() if route.precision == "float64"} == {"float64"}
    assert TABLE["fresh-process"].placement == "fresh"
    assert TABLE["predict"].placement == "main"
    assert {route.name for route in TABLE.values() if route.streams} == STREAMING


@pytest.mark.parametrize("name", ["predict", "fresh-process", "predict-again", "predict-retraced"])
def test_a_healthy_model_has_the_same_outputs(name: str, healthy: tuple[Any, Any], whole: np.ndarray) -> None:
    result = run(name, healthy)
    assert result.rows is None
    assert np.array_equal(only(result), whole)


def test_rows_in_another_order_differ_by_rounding_only(healthy: tuple[Any, Any], whole: np.ndarray) -> None:
    # Some processors sum in another order at the end of a batch.
    result = run("shuffled", healthy)
    assert result.rows is None
    np.testing.assert_allclose(only(result), whole, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "size"), [("batch-2", 2), ("batch-3", 3), ("batch-all", 10), ("one-by-one", 1)]
)
def test_batches_have_their_size(name: str, size: int, healthy: tuple[Any, Any]) -> None:
    wanted = healthy[0].predict(*healthy[1].values(), batch_size=size, verbose=0)
    result = run(name, healthy)
    assert np.array_equal(only(result), wanted)
    assert result.details == ({"batch_size": size} if name != "one-by-one" else {})


@pytest.mark.parametrize(("work", "given"), [(0, 64), (10**9, 2)], ids=["light", "heavy"])
def test_a_small_batch_size_runs_some_rows(work: int, given: int) -> None:
    model, _ = mlp()
    rows = {model.inputs[0].name: normal(5, rows=70)}
    session = session_of((model, rows))
    session.facts = replace(session.facts, work=work)
    result = TABLE["batch-2"].run(session, rows)
    assert result.rows is not None
    assert result.rows.tolist() == list(range(given))
    assert len(only(result)) == given


def test_single_predict_is_literal_on_first_middle_and_last(healthy: tuple[Any, Any]) -> None:
    model, rows = healthy
    (values,) = rows.values()
    result = run("single-predict", healthy)
    assert result.rows is not None
    assert result.rows.tolist() == [0, 4, 9]
    assert np.array_equal(
        only(result), np.concatenate([model.predict(values[[at]], verbose=0) for at in (0, 4, 9)])
    )


def test_single_predict_on_fewer_rows_than_three(healthy: tuple[Any, Any]) -> None:
    model, rows = healthy
    result = run("single-predict", (model, {name: values[:1] for name, values in rows.items()}))
    assert result.rows is not None
    assert (result.rows.tolist(), only(result).shape) == ([0], (1, 3))


@pytest.mark.parametrize(
    ("layer", "is_traced_again"), [(layers.Dense(3), False), (layers.Lambda(lambda h: 2 * h), True)]
)
def test_single_rows_of_a_heavy_model_are_traced_again_for_own_code_only(
    layer: Any, is_traced_again: bool
) -> None:
    built = chain((5,), layer)
    session = heavy_session(built)
    session.predict(built[1])
    before = session.model.predict_function
    TABLE["single-predict"].run(session, built[1])
    assert (session.model.predict_function is not before) is is_traced_again


def test_the_short_tail_of_a_heavy_model_is_the_third_row(healthy: tuple[Any, Any]) -> None:
    result = TABLE["short-tail"].run(heavy_session(healthy), healthy[1])
    assert result.rows is not None
    assert (result.rows.tolist(), len(only(result))) == ([0, 1, 2], 3)


def test_the_short_tail_is_one_row_and_reports_the_rows_given(
    healthy: tuple[Any, Any], whole: np.ndarray
) -> None:
    result = run("short-tail", healthy)
    assert result.rows is not None
    assert (result.rows.tolist(), result.details) == ([0, 1, 2, 3, 4], {"given": 5})
    np.testing.assert_allclose(only(result), whole[:5], atol=1e-6)


def test_a_stateful_model_returns_too_many_rows_for_a_short_tail() -> None:
    built = stateful()
    result = run("short-tail", built)
    assert result.details == {"given": 5}
    assert len(only(result)) != 5


def test_the_second_predict_continues_from_the_state_of_the_first() -> None:
    built = stateful()
    once, again = only(run("predict", built)), only(run("predict-again", stateful_copy(built)))
    assert np.abs(once - again).max() > 1e-4


def stateful_copy(built: tuple[Any, Any]) -> tuple[Any, Any]:
    """The same weights, and no state yet."""
    model, rows = stateful()
    model.set_weights(built[0].get_weights())
    return model, rows


def test_shuffled_outputs_are_in_the_original_order() -> None:
    model, rows = chain((5,), layers.Dense(1))
    whole = model.predict(*rows.values(), batch_size=4, verbose=0)
    np.testing.assert_allclose(only(run("shuffled", (model, rows))), whole, atol=1e-6)
    leaking, rows = chain((5,), Leak(0.5), layers.Dense(1))
    moved = only(run("shuffled", (leaking, rows)))
    assert np.abs(moved - leaking.predict(*rows.values(), batch_size=4, verbose=0)).max() > 1e-3


def test_the_order_of_the_shuffle_is_seeded() -> None:
    built = chain((5,), Leak(0.5), layers.Dense(1))
    answers = [only(TABLE["shuffled"].run(session_of(built, seed=seed), built[1])) for seed in (1, 1, 2)]
    assert np.array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])


def test_tracing_again_shows_what_the_first_trace_froze() -> None:
    built = chain((5,), Counter(name="counter"))
    session = session_of(built)
    first = only(TABLE["predict"].run(session, built[1]))
    session.restore()
    built[0].get_layer("counter").calls += 100
    retraced = only(TABLE["predict-retraced"].run(session, built[1]))
    assert np.abs(retraced - first).max() > 0.5


@pytest.mark.parametrize("name", ["predict-retraced", "loaded-again"])
def test_a_heavy_model_of_kerass_own_code_is_traced_and_loaded_again_in_a_fresh_process_only(
    name: str,
) -> None:
    heavy = replace(session_of(stateful()).facts, work=10**9, parameters=10)
    reason = TABLE[name].unavailable(heavy)
    assert reason is not None
    assert "fresh process" in reason
    assert TABLE["fresh-process"].unavailable(heavy) is None
    for facts in (replace(heavy, own_code=True), replace(heavy, work=1000)):
        assert TABLE[name].unavailable(facts) is None


def test_a_fixed_batch_size_rules_out_other_sizes(wording: SnapshotAssertion) -> None:
    facts = session_of(stateful()).facts
    assert [TABLE[name].unavailable(facts) for name in ("predict", "short-tail", "shuffled")] == [None] * 3
    (reason,) = {
        TABLE[name].unavailable(facts) for name in ("one-by-one", "single-predict", "batch-3", "batch-all")
    }
    assert reason == wording


def test_a_fixed_batch_size_that_is_asked_for_is_available() -> None:
    table = {route.name: route for route in routes((4,))}
    assert table["batch-4"].unavailable(session_of(stateful()).facts) is None


def test_a_short_tail_has_one_row_if_the_rows_fill_no_batch(healthy: tuple[Any, Any]) -> None:
    seen: list[int] = []
    model, rows = healthy
    session = session_of((model, rows), batch_size=32)
    session.predict = lambda rows, batch_size=None: seen.append(batch_size) or {}  # type: ignore[method-assign]
    result = TABLE["short-tail"].run(session, rows)
    assert (seen, result.details) == ([9], {"given": 10})

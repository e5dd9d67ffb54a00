"""KC501: shapes that Keras takes without a word, axes and inputs in each other's place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.rules.kc501_input_shape import CHECK
from keras_consistency_cli.loading.rows.axes import describe_axes
from keras_consistency_cli.measurement.facts import DataFacts, LayerFact
from keras_consistency_cli.routes.trace import Trace
from tests.helpers.described import columns_of, layer, rows_fact, scaling_fact

LSTM = (LayerFact(path="lstm", kind="LSTM"),)
MEMORY = (LayerFact(path="lstm", kind="LSTM", stateful=True),)


def given(shape: tuple[int, ...], expected: tuple[int | None, ...], **more: Any) -> dict[str, Any]:
    return {
        "rows_given": {
            "x": {"shape": shape, "dtype": "float32", "expected": expected, "lenient": "length", **more}
        }
    }


def found(world: Any, known: dict[str, Any], **facts: Any) -> tuple[Status, str | None, str | None]:
    verdict = world.where(facts={"layers": LSTM, **facts}, data=known).verdict(CHECK)
    return verdict.status, verdict.findings.get("cause"), verdict.advice


def walks(features: int, steps: int, *, rows: int = 40, levels: bool = True) -> np.ndarray:
    """Smooth series, (rows, steps, features), each feature at a level of its own."""
    random = np.random.default_rng(3)
    values = np.cumsum(random.normal(size=(rows, steps, features)), axis=1)
    return values + (30.0 * np.arange(features) if levels else 0.0)


@pytest.mark.parametrize(
    ("shape", "expected", "status", "cause", "fix"),
    [
        ((64, 20, 5), (None, 20, 5), Status.PASS, None, None),
        ((64, 20, 5), (None, None, 5), Status.PASS, None, None),
        (
            (64, 1, 5),
            (None, 20, 5),
            Status.FAIL,
            "wrong-length",
            "give series of 20 steps: cut them with x[:, -20:], or pad them as in training",
        ),
        (
            (64, 21, 5),
            (None, 20, 5),
            Status.FAIL,
            "wrong-length",
            "give series of 20 steps: cut them with x[:, -20:], or pad them as in training",
        ),
        ((64, 10, 20, 3), (None, 20, 10, 3), Status.FAIL, "axes-swapped", "x = x.transpose(0, 2, 1, 3)"),
        ((20, 1), (None, 20, 1), Status.FAIL, "wrong-rank", "give the batch axis: x = x[None]"),
        ((300, 1), (None, None, 1), Status.FAIL, "wrong-rank", "give the batch axis: x = x[None]"),
        ((64, 20), (None, 20, 1), Status.WARN, "wrong-rank", "x = x[..., None]"),
        (
            (64, 7),
            (None, 20, 1),
            Status.FAIL,
            "wrong-length",
            "give series of 20 steps: cut them with x[:, -20:], or pad them as in training",
        ),
        ((64, 20, 5, 1), (None, 20, 5), Status.WARN, "wrong-rank", "x = x[..., 0]"),
    ],
)
def test_shapes(
    world: Any, shape: Any, expected: Any, status: Status, cause: str | None, fix: str | None
) -> None:
    assert found(world, given(shape, expected)) == (status, cause, fix)


@pytest.mark.parametrize(
    ("shape", "expected", "fix", "cause", "advice"),
    [
        ((40, 9), (None, 8), "give the 8 features", "wrong-features", "give the 8 features"),
        ((8,), (None, 8), "x[None]", "wrong-rank", "x = x[None]"),
        (
            (24, 3, 16, 16),
            (None, 16, 16, 3),
            "x.transpose(0, 2, 3, 1)",
            "axes-swapped",
            "x = x.transpose(0, 2, 3, 1)",
        ),
        (
            (40, 19, 5),
            (None, 20, 5),
            None,
            "wrong-length",
            "give series of 20 steps: cut them with x[:, -20:], or pad them as in training",
        ),
    ],
)
def test_rows_that_the_model_refuses(
    world: Any, shape: Any, expected: Any, fix: str | None, cause: str, advice: str
) -> None:
    known = {"mismatch": {"input": "x", "shape": shape, "expected": expected, "mend": fix}}
    assert found(world, known) == (Status.FAIL, cause, advice)


def test_healthy_shapes_are_told(world: Any) -> None:
    verdict = world.where(data=given((64, 20, 5), (None, 20, 5))).verdict(CHECK)
    assert verdict.message == "rows have the shapes that the model declares: (64, 20, 5) for (None, 20, 5)"


def test_made_rows_are_not_judged(world: Any) -> None:
    assert (world.verdict(CHECK).status, world.verdict(CHECK).reason) == (
        Status.SKIP,
        "the rows were made to fit the model's inputs",
    )


@pytest.mark.parametrize(
    ("layers", "known", "status"), [(LSTM, {}, Status.WARN), (MEMORY, {}, Status.PASS), ((), {}, Status.PASS)]
)
def test_one_step_is_no_history(world: Any, layers: Any, known: dict[str, Any], status: Status) -> None:
    assert found(world, {**given((64, 1, 5), (None, None, 5)), **known}, layers=layers)[0] is status


@pytest.mark.parametrize(
    ("values", "status"),
    [
        (walks(8, 8), Status.PASS),
        (walks(8, 8).swapaxes(1, 2), Status.WARN),
        (walks(8, 8, levels=False).swapaxes(1, 2), Status.WARN),
        (np.random.default_rng(0).normal(size=(40, 8, 8)), Status.PASS),
        (np.random.default_rng(0).normal(size=(40, 8, 8)) + 5 * np.arange(8), Status.PASS),
        (np.random.default_rng(0).normal(size=(40, 8, 8)) + 5 * np.arange(8)[:, None], Status.WARN),
    ],
)
def test_square_series_are_judged_by_their_looks(world: Any, values: np.ndarray, status: Status) -> None:
    assert found(world, given(values.shape, (None, 8, 8), looks=describe_axes(values)))[0] is status


def test_looks_alone_accuse_no_model_without_a_time_axis(world: Any) -> None:
    looks = describe_axes(walks(8, 8).swapaxes(1, 2))
    assert found(world, given((40, 8, 8), (None, 8, 8), looks=looks), layers=())[0] is Status.PASS


def test_the_owner_settles_the_time_axis(world: Any) -> None:
    looks = describe_axes(walks(8, 8).swapaxes(1, 2))
    assert found(world, {**given((40, 8, 8), (None, 8, 8), looks=looks), "time_axis": 1})[0] is Status.PASS
    swapped = {**given((40, 8, 8), (None, 8, 8)), "time_axis": 2}
    assert found(world, swapped) == (Status.FAIL, "axes-swapped", "x = x.transpose(0, 2, 1)")


@pytest.mark.parametrize(
    ("mine", "status"),
    [
        (walks(8, 8), Status.PASS),
        (walks(8, 8).swapaxes(1, 2), Status.FAIL),
        (walks(8, 8) + 5, Status.PASS),
    ],
)
def test_reference_rows_prove_a_swap(world: Any, mine: np.ndarray, status: Status) -> None:
    theirs = walks(8, 8, rows=90)
    reference = {"x": {"shape": theirs.shape, **describe_axes(theirs)}}
    known = {**given(mine.shape, (None, None, None), looks=describe_axes(mine)), "reference_looks": reference}
    assert found(world, known)[0] is status


def test_reference_rows_of_the_other_shape_prove_a_swap(world: Any) -> None:
    mine, theirs = walks(5, 9).swapaxes(1, 2), walks(5, 9)
    known = {
        **given(mine.shape, (None, None, None), looks=describe_axes(mine)),
        "reference_looks": {"x": {"shape": theirs.shape, **describe_axes(theirs)}},
    }
    assert found(world, known)[:2] == (Status.FAIL, "axes-swapped")


def test_inputs_in_each_others_place(world: Any) -> None:
    known = {**given((9, 4), (None, 4)), "orders": {"served": {"left": "right", "right": "left"}}}
    verdict = world.where(data=known).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "input-order")
    assert "'right' as 'left', 'left' as 'right'" in verdict.message


@pytest.mark.parametrize(("wrong", "status"), [(3, Status.FAIL), (0, Status.PASS)])
def test_ids_that_no_embedding_knows(world: Any, wrong: int, status: Status) -> None:
    details = {"x": {"wrong": wrong, "kind": "negative", "keras": "Keras shrugs", "why": "embedding"}}
    layers = (LayerFact(path="embedding", kind="Embedding"),)
    verdict = world.where(
        {"ids": Trace(route="", details=details)}, facts={"layers": layers}, data=given((9, 4), (None, 4))
    ).verdict(CHECK)
    assert verdict.status is status
    if wrong:
        assert (
            verdict.message
            == "3 values of input 'x' are negative, which 'embedding' does not know; Keras shrugs"
        )


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ({}, Status.WARN),
        ({"variable_length": True}, Status.FAIL),
        ({"step_by_step": "growing-prefix"}, Status.FAIL),
    ],
)
def test_time_distributed_over_two_lengths(world: Any, known: dict[str, Any], status: Status) -> None:
    from keras_consistency_cli.measurement.facts import InputFact

    facts = {
        "layers": (LayerFact(path="td", kind="TimeDistributed"),),
        "inputs": (InputFact(name="x", shape=(None, None, 3), dtype="float32"),),
    }
    trace = Trace(
        route="",
        details={"wrong": {"first": 7, "then": 6, "how": "with shape (2, 2, 3) instead of (2, 6, 3)"}},
    )
    verdict = world.where(
        {"two-lengths": trace}, facts=facts, data={**given((9, 7, 3), (None, None, 3)), **known}
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (status, "time-distributed-dynamic")


def test_output_rows_are_counted(world: Any) -> None:
    verdict = world.where(
        {"predict": {"out": np.zeros(12, np.float32)}}, data=given((32, 4), (None, 4))
    ).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.FAIL,
        "32 input rows give 12 output rows (output 'out')",
    )
    assert verdict.findings["output_rows"] == {"out": 12}


def test_what_keras_says_to_a_wrong_shape_is_told(world: Any, crashed: Trace) -> None:
    verdict = world.where({"predict": crashed}, data=given((64, 1, 5), (None, 20, 5))).verdict(CHECK)
    assert verdict.message.endswith("; Keras refuses: ValueError: boom")


def features_of(rows: np.ndarray, reference: np.ndarray | None) -> dict[str, Any]:
    known = DataFacts(
        raw=(rows_fact(rows),),
        fed=(rows_fact(rows),),
        reference=(rows_fact(reference),) if reference is not None else (),
    )
    return {**given(rows.shape, (None, *rows.shape[1:])), "description": known}


def sensors(rows: int, *order: int, drift: float = 0.0) -> np.ndarray:
    """Series of five features on scales of their own, in this order."""
    values = (
        np.random.default_rng(rows).normal(size=(rows, 6, 5)) * [1, 5, 0.2, 40, 3]
        + [0, 100, 5, -300, 20]
        + drift
    )
    return values[..., list(order)]


@pytest.mark.parametrize(
    ("rows", "status", "fix"),
    [
        (sensors(60, 0, 1, 2, 3, 4), Status.PASS, None),
        (sensors(60, 0, 4, 2, 3, 1), Status.FAIL, "x[..., [4, 1]] = x[..., [1, 4]]"),
        (sensors(60, 1, 2, 0, 3, 4), Status.FAIL, "x[..., [1, 2, 0]] = x[..., [0, 1, 2]]"),
        (sensors(60, 0, 1, 2, 3, 3), Status.PASS, None),
        (sensors(60, 0, 1, 2, 3, 4, drift=500.0), Status.PASS, None),
        (sensors(9, 0, 4, 2, 3, 1), Status.PASS, None),
    ],
)
def test_single_features_in_each_others_place(
    world: Any, rows: np.ndarray, status: Status, fix: str | None
) -> None:
    found_here = found(world, features_of(rows, sensors(200, 0, 1, 2, 3, 4)))
    assert found_here == (status, "feature-order" if status is Status.FAIL else None, fix)


def test_a_scaler_and_a_normalization_layer_remember_places_too(world: Any) -> None:
    """Without reference rows."""
    rows, train = sensors(60, 0, 4, 2, 3, 1), sensors(200, 0, 1, 2, 3, 4)
    scaled = DataFacts(
        raw=(rows_fact(rows),), scaling=scaling_fact(StandardScaler().fit(train.reshape(-1, 5)), rows)
    )
    means = {"mean": tuple(train.mean(axis=(0, 1))), "sd": tuple(train.std(axis=(0, 1)))}
    layered = DataFacts(fed=(rows_fact(rows),), layers=(layer(seen=columns_of(rows), **means),))
    for known, remembers in ((scaled, "the StandardScaler"), (layered, "'norm'")):
        verdict = world.where(data={**given(rows.shape, (None, 6, 5)), "description": known}).verdict(CHECK)
        assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "feature-order")
        told = "'1' holds '4', '4' holds '1'; the shape is the same, so Keras answers without a word"
        assert (
            verdict.message
            == f"features of input 'x' are in each other's place: by the statistics of {remembers}, {told}"
        )


@pytest.mark.parametrize(
    ("smooth", "status"),
    [
        ((0.1, 0.9, 0.95), Status.WARN),
        ((0.9, 0.95, 0.1), Status.PASS),
        ((0.8, 0.9, 0.9), Status.PASS),
        (None, Status.PASS),
    ],
)
def test_channels_that_come_first(world: Any, smooth: Any, status: Status) -> None:
    told = found(world, given((40, 8, 8, 8), (None, None, None, 8), smooth=smooth))
    assert told == (
        (status, "axes-swapped", "x = x.transpose(0, 2, 3, 1)")
        if status is Status.WARN
        else (status, None, None)
    )


def test_what_keras_does_with_another_length_is_told(world: Any) -> None:
    told = world.where(data=given((64, 1, 5), (None, 20, 5))).verdict(CHECK).message
    assert told == (
        "rows of shape (64, 1, 5) for input 'x', which takes (None, 20, 5): a single step instead of 20; Keras answers without a word, for a "
        "Sequential model is not held to its length, where a Functional one raises 'expected shape=(None, 20, 5), found shape=(64, 1, 5)'"
    )


@pytest.mark.parametrize("expected", [(None, 1), (None, None)])
def test_a_plain_column_is_no_misfit(world: Any, expected: tuple[int | None, ...]) -> None:
    """As a table, or FeatureSpace, gives them."""
    assert found(world, given((80,), expected))[0] is Status.PASS

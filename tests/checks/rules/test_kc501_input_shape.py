"""KC501: shapes that Keras accepts without any error, axes and inputs in each other's place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext, GivenRows, ReferenceRows, RefusedRows
from keras_consistency_cli.checks.rules.kc501_input_shape import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.setting_types import OwnerFacts
from keras_consistency_cli.loading.rows.axes import AxisLooks, measure_axes
from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.facts import InputFact, LayerFact
from keras_consistency_cli.routes.trace import Trace
from tests.helpers.described import columns_of, layer, rows_fact, scaling_fact

LSTM = (LayerFact(path="lstm", kind="LSTM"),)
MEMORY = (LayerFact(path="lstm", kind="LSTM", stateful=True),)


def given(
    shape: tuple[int, ...],
    expected: tuple[int | None, ...],
    *,
    looks: AxisLooks | None = None,
    smooth: tuple[float, ...] = (),
    **context: Any,
) -> DataContext:
    """The context of rows of this shape for input x."""
    rows = GivenRows(shape=shape, expected=expected, looks=looks, smooth=smooth)
    return DataContext(rows_given={"x": rows}, **context)


def judge(world: Any, context: DataContext, **facts: Any) -> tuple[Status, str | None]:
    verdict = world.where(facts={"layers": LSTM, **facts}, data=context).verdict(CHECK)
    return verdict.status, verdict.findings.get("cause")


def advise(world: Any, context: DataContext) -> str | None:
    advice: str | None = world.where(facts={"layers": LSTM}, data=context).verdict(CHECK).advice
    return advice


def walks(features: int, steps: int, *, rows: int = 40, levels: bool = True) -> np.ndarray:
    """Smooth series, (rows, steps, features), each feature at a level of its own."""
    random = np.random.default_rng(3)
    values = np.cumsum(random.normal(size=(rows, steps, features)), axis=1)
    return values + (30.0 * np.arange(features) if levels else 0.0)


@pytest.mark.parametrize(
    ("shape", "expected", "status", "cause"),
    [
        ((64, 20, 5), (None, 20, 5), Status.PASS, None),
        ((64, 20, 5), (None, None, 5), Status.PASS, None),
        ((64, 1, 5), (None, 20, 5), Status.FAIL, "wrong-length"),
        ((64, 21, 5), (None, 20, 5), Status.FAIL, "wrong-length"),
        ((64, 10, 20, 3), (None, 20, 10, 3), Status.FAIL, "axes-swapped"),
        ((20, 1), (None, 20, 1), Status.FAIL, "wrong-rank"),
        ((300, 1), (None, None, 1), Status.FAIL, "wrong-rank"),
        ((64, 20), (None, 20, 1), Status.WARN, "wrong-rank"),
        ((64, 7), (None, 20, 1), Status.FAIL, "wrong-length"),
        ((64, 20, 5, 1), (None, 20, 5), Status.WARN, "wrong-rank"),
    ],
    ids=[
        "as declared",
        "any length",
        "one step",
        "one step more",
        "swapped",
        "one series",
        "one series of any length",
        "no last axis",
        "no last axis and too short",
        "surplus axis",
    ],
)
def test_shapes(
    world: Any, shape: Any, expected: Any, status: Status, cause: str | None, wording: SnapshotAssertion
) -> None:
    verdict = world.where(facts={"layers": LSTM}, data=given(shape, expected)).verdict(CHECK)
    assert (verdict.status, verdict.findings.get("cause")) == (status, cause)
    assert verdict.advice == verdict.findings.get("mend")
    assert [verdict.message, verdict.advice] == wording


@pytest.mark.parametrize(
    ("shape", "expected", "fix"),
    [
        ((64, 10, 20, 3), (None, 20, 10, 3), "x = x.transpose(0, 2, 1, 3)"),
        ((64, 20), (None, 20, 1), "x = x[..., None]"),
        ((64, 20, 5, 1), (None, 20, 5), "x = x[..., 0]"),
    ],
    ids=["swapped", "no last axis", "surplus axis"],
)
def test_the_advice_is_the_code_that_repairs_the_rows(
    world: Any, shape: Any, expected: Any, fix: str
) -> None:
    assert advise(world, given(shape, expected)) == fix


@pytest.mark.parametrize(
    ("shape", "expected", "fix", "cause"),
    [
        ((40, 9), (None, 8), "give the 8 features", "wrong-features"),
        ((8,), (None, 8), "x[None]", "wrong-rank"),
        ((24, 3, 16, 16), (None, 16, 16, 3), "x.transpose(0, 2, 3, 1)", "axes-swapped"),
        ((40, 19, 5), (None, 20, 5), None, "wrong-length"),
    ],
    ids=["features", "rank", "axes", "length"],
)
def test_rows_that_the_model_refuses_fail(
    world: Any, shape: Any, expected: Any, fix: str | None, cause: str, wording: SnapshotAssertion
) -> None:
    refused = RefusedRows(input="x", shape=shape, expected=expected, fix=fix)
    verdict = world.where(facts={"layers": LSTM}, data=DataContext(refused=refused)).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"], verdict.findings["refused"]) == (
        Status.FAIL,
        cause,
        True,
    )
    assert [verdict.message, verdict.advice] == wording


def test_it_is_the_check_that_accepts_refused_rows() -> None:
    assert CHECK.accepts_refused_rows


def test_declared_shapes_are_listed(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(data=given((64, 20, 5), (None, 20, 5))).verdict(CHECK)
    assert verdict.message == wording


def test_generated_rows_are_not_judged(world: Any, wording: SnapshotAssertion) -> None:
    assert (world.verdict(CHECK).status, world.verdict(CHECK).reason) == (
        Status.SKIP,
        wording,
    )


@pytest.mark.parametrize(
    ("layers", "status"),
    [(LSTM, Status.WARN), (MEMORY, Status.PASS), ((), Status.PASS)],
    ids=["recurrent", "stateful", "not recurrent"],
)
def test_one_time_step_is_no_history(world: Any, layers: Any, status: Status) -> None:
    assert judge(world, given((64, 1, 5), (None, None, 5)), layers=layers)[0] is status


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
    ids=["time first", "features first", "smooth axis 2", "noise", "levels on axis 2", "levels on axis 1"],
)
def test_square_series_are_judged_by_their_looks(world: Any, values: np.ndarray, status: Status) -> None:
    assert judge(world, given(values.shape, (None, 8, 8), looks=measure_axes(values)))[0] is status


def test_looks_do_not_count_for_a_model_without_a_time_axis(world: Any) -> None:
    looks = measure_axes(walks(8, 8).swapaxes(1, 2))
    assert judge(world, given((40, 8, 8), (None, 8, 8), looks=looks), layers=())[0] is Status.PASS


def test_the_owner_decides_the_time_axis(world: Any) -> None:
    looks = measure_axes(walks(8, 8).swapaxes(1, 2))
    right = given((40, 8, 8), (None, 8, 8), looks=looks, owner=OwnerFacts(time_axis=1))
    assert judge(world, right)[0] is Status.PASS
    swapped = given((40, 8, 8), (None, 8, 8), owner=OwnerFacts(time_axis=2))
    assert judge(world, swapped) == (Status.FAIL, "axes-swapped")
    assert advise(world, swapped) == "x = x.transpose(0, 2, 1)"


@pytest.mark.parametrize(
    ("values", "status"),
    [
        (walks(8, 8), Status.PASS),
        (walks(8, 8).swapaxes(1, 2), Status.FAIL),
        (walks(8, 8) + 5, Status.PASS),
    ],
    ids=["same order", "swapped", "shifted"],
)
def test_reference_rows_prove_a_swap(world: Any, values: np.ndarray, status: Status) -> None:
    assert judge(world, compared(values, walks(8, 8, rows=90)))[0] is status


def compared(values: np.ndarray, reference: np.ndarray) -> DataContext:
    """The context of series with reference rows, for a model that takes any shape."""
    rows = ReferenceRows(shape=reference.shape, looks=measure_axes(reference))
    looks = measure_axes(values)
    return given(values.shape, (None, None, None), looks=looks, reference_rows={"x": rows})


def test_reference_rows_of_the_swapped_shape_prove_a_swap(world: Any) -> None:
    context = compared(walks(5, 9).swapaxes(1, 2), walks(5, 9))
    assert judge(world, context) == (Status.FAIL, "axes-swapped")


@pytest.mark.parametrize("source", ["served", "reference", "surplus", "keys"])
def test_inputs_in_each_others_place_fail(world: Any, source: str, wording: SnapshotAssertion) -> None:
    orders = {source: {"left": "right", "right": "left"}}
    verdict = world.where(data=given((9, 4), (None, 4), input_orders=orders)).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "input-order")
    assert verdict.message == wording


@pytest.mark.parametrize(("wrong", "status"), [(3, Status.FAIL), (0, Status.PASS)])
def test_ids_that_an_embedding_does_not_accept(
    world: Any, wrong: int, status: Status, wording: SnapshotAssertion
) -> None:
    problem = {"wrong": wrong, "kind": "negative", "keras": "Keras shrugs", "input": "x", "highest": 8}
    details = {"embedding": problem}
    layers = (LayerFact(path="embedding", kind="Embedding"),)
    verdict = world.where(
        {"ids": Trace(route="", details=details)}, facts={"layers": layers}, data=given((9, 4), (None, 4))
    ).verdict(CHECK)
    assert verdict.status is status
    if wrong:
        assert verdict.message == wording


ROUNDED = {"changed": 9, "given": 8, "kept": 5, "dtype": "float32"}


@pytest.mark.parametrize(("greatest", "dtype"), [(2**31 - 1, "int32"), (2**31, "int64")])
def test_the_dtype_that_is_advised_holds_the_ids(world: Any, greatest: int, dtype: str) -> None:
    details = {"table": {"wrong": 0, "input": "x", "rounded": {**ROUNDED, "greatest": greatest}}}
    verdict = world.where(
        {"ids": Trace(route="", details=details)},
        facts={"layers": (LayerFact(path="table", kind="Embedding"),)},
        data=given((9, 4), (None, 4)),
    ).verdict(CHECK)
    assert f"dtype='{dtype}'" in verdict.findings["mend"]


@pytest.mark.parametrize(
    ("rounded", "advice"),
    [
        ({"rows": "float64"}, "give the rows of 'x' as x.astype('int64')"),
        ({"rows": "int64"}, "do not cast 'x' to float32 in the model"),
        ({"rows": "float64", "dtype": "float16"}, "do not cast 'x' to float16 in the model"),
    ],
    ids=["rows of floats", "a cast in the model", "a cast to half precision"],
)
def test_an_input_of_integers_is_not_told_to_be_one(world: Any, rounded: dict[str, Any], advice: str) -> None:
    problem = {**ROUNDED, "greatest": 2**31, **rounded}
    verdict = world.where(
        {"ids": Trace(route="", details={"table": {"wrong": 0, "input": "x", "rounded": problem}})},
        facts={
            "layers": (LayerFact(path="table", kind="Embedding"),),
            "inputs": (InputFact(name="x", shape=(None, 4), dtype="int64"),),
        },
        data=given((9, 4), (None, 4)),
    ).verdict(CHECK)
    assert verdict.findings["mend"].startswith(advice)


@pytest.mark.parametrize(
    ("problem", "cause"),
    [
        ({"rounded": {**ROUNDED, "greatest": 2**24 + 9}}, "ids-rounded"),
        ({"wrong": 4, "kind": "above 8", "keras": "Keras shrugs", "places": 12}, "wrong-length"),
        ({"wrong": 4, "kind": "above 8", "keras": "Keras shrugs", "input": ""}, "wrong-ids"),
        ({"wrong": 1, "kind": "fractions", "keras": "Keras shrugs", "input": ""}, "wrong-ids"),
        ({"rounded": {**ROUNDED, "changed": 1, "greatest": 2**31}}, "ids-rounded"),
        ({"rounded": {**ROUNDED, "kept": 8, "greatest": 2**31}}, "ids-rounded"),
    ],
)
def test_ids_that_do_not_reach_a_table_as_they_are(
    world: Any, problem: dict[str, Any], cause: str, wording: SnapshotAssertion
) -> None:
    details = {"table": {"wrong": 0, "input": "x", "highest": 8, **problem}}
    layers = (LayerFact(path="table", kind="Embedding"),)
    verdict = world.where(
        {"ids": Trace(route="", details=details)}, facts={"layers": layers}, data=given((9, 4), (None, 4))
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, cause)
    assert verdict.message == wording


LOST = {
    "size": 12,
    "kind": "CategoryEncoding",
    "input": "month",
    "given": 150,
    "wrong": 8,
    "different": 1,
    "shown": [12],
    "greatest": 12,
    "begins_with_one": False,
    "coded": False,
}


@pytest.mark.parametrize(
    ("lost", "status"),
    [
        ({}, Status.WARN),
        ({"begins_with_one": True}, Status.FAIL),
        ({"different": 2, "shown": [12, 40], "greatest": 40, "kind": "OneHot"}, Status.FAIL),
        ({"different": 9, "shown": [15, 16, 17, 40], "greatest": 40, "input": ""}, Status.FAIL),
        ({"different": 2, "shown": [-2, -1], "wrong": 1, "greatest": 2}, Status.FAIL),
    ],
    ids=["one", "from one", "two", "many", "negative"],
)
def test_ids_that_an_encoding_makes_zeros_of(
    world: Any, lost: dict[str, Any], status: Status, wording: SnapshotAssertion
) -> None:
    details = {"hot": {**LOST, **lost}}
    verdict = world.where(
        {"one-hot-ids": Trace(route="", details=details)}, data=given((9, 4), (None, 4))
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (status, "wrong-ids")
    assert {"message": verdict.message, "fix": verdict.findings["mend"]} == wording


FOUND = {"given": 100, "unknown": 100, "words": ["'Male'"], "vocabulary": ["'male'"]}
SPELLED = {"spelling": "lower", "becomes": "'Male' is 'male'"}
WORDS = {
    "misspelled": ({**FOUND, **SPELLED}, Status.FAIL),
    "some misspelled": ({**FOUND, **SPELLED, "unknown": 20}, Status.FAIL),
    "few misspelled": ({**FOUND, **SPELLED, "unknown": 19}, Status.PASS),
    "all new": (FOUND, Status.WARN),
    "many new": ({**FOUND, "unknown": 94}, Status.PASS),
    "few words": ({**FOUND, **SPELLED, "given": 7, "unknown": 7}, Status.PASS),
}


@pytest.mark.parametrize(("found", "status"), WORDS.values(), ids=WORDS)
def test_words_that_a_vocabulary_lacks(
    world: Any, found: dict[str, Any], status: Status, wording: SnapshotAssertion
) -> None:
    layers = (LayerFact(path="places", kind="StringLookup"),)
    verdict = world.where(
        {"words": Trace(route="", details={"places": found})},
        facts={"layers": layers},
        data=given((9, 4), (None, 4)),
    ).verdict(CHECK)
    assert verdict.status is status
    if status is not Status.PASS:
        assert (verdict.findings["cause"], verdict.findings["layer"]) == ("unknown-words", "places")
        assert verdict.findings["tried"] == ("spelling" in found)
        assert verdict.message == wording


@pytest.mark.parametrize(
    ("owner", "status", "how"),
    [
        (OwnerFacts(), Status.WARN, "fails with InvalidArgumentError"),
        (OwnerFacts(variable_length=True), Status.FAIL, "gives shape (2, 2, 3) instead of (2, 6, 3)"),
        (OwnerFacts(step_by_step="growing-prefix"), Status.FAIL, "gives different numbers"),
    ],
    ids=["not declared", "variable length", "growing prefix"],
)
def test_time_distributed_over_two_lengths(
    world: Any, owner: OwnerFacts, status: Status, how: str, wording: SnapshotAssertion
) -> None:
    facts = {
        "layers": (LayerFact(path="td", kind="TimeDistributed"),),
        "inputs": (InputFact(name="x", shape=(None, None, 3), dtype="float32"),),
    }
    wrong = {"first": 7, "then": 6, "how": how}
    trace = Trace(route="", details={"wrong": wrong})
    context = given((9, 7, 3), (None, None, 3), owner=owner)
    verdict = world.where({"two-lengths": trace}, facts=facts, data=context).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (status, "time-distributed-dynamic")
    assert verdict.message == wording


def test_output_rows_are_counted(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(
        {"predict": {"out": np.zeros(12, np.float32)}}, data=given((32, 4), (None, 4))
    ).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.FAIL,
        wording,
    )
    assert verdict.findings["output_rows"] == {"out": 12}


def test_the_error_of_keras_for_a_wrong_shape_is_reported(
    world: Any, crashed: Trace, wording: SnapshotAssertion
) -> None:
    verdict = world.where({"predict": crashed}, data=given((64, 1, 5), (None, 20, 5))).verdict(CHECK)
    assert verdict.message == wording


def with_reference(rows: np.ndarray, reference: np.ndarray) -> DataContext:
    description = DataFacts(raw=(rows_fact(rows),), fed=(rows_fact(rows),), reference=(rows_fact(reference),))
    return given(rows.shape, (None, *rows.shape[1:]), description=description)


def sensors(rows: int, *order: int, drift: float = 0.0) -> np.ndarray:
    """Series of five features on different scales, in this order."""
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
        (sensors(60, 0, 4, 2, 3, 1), Status.FAIL, "x = x[..., [0, 4, 2, 3, 1]]"),
        (sensors(60, 1, 2, 0, 3, 4), Status.FAIL, "x = x[..., [2, 0, 1, 3, 4]]"),
        (sensors(60, 0, 1, 2, 3, 3), Status.PASS, None),
        (sensors(60, 0, 1, 2, 3, 4, drift=500.0), Status.PASS, None),
        (sensors(9, 0, 4, 2, 3, 1), Status.PASS, None),
    ],
    ids=["in order", "two swapped", "three rotated", "one repeated", "all shifted", "few rows"],
)
def test_single_features_in_each_others_place(
    world: Any, rows: np.ndarray, status: Status, fix: str | None
) -> None:
    context = with_reference(rows, sensors(200, 0, 1, 2, 3, 4))
    assert judge(world, context) == (status, "feature-order" if status is Status.FAIL else None)
    assert advise(world, context) == fix


def test_columns_that_look_alike_are_put_back_too(world: Any) -> None:
    """Two pairs are exchanged, one of which statistics alone would not call a fault."""
    random = np.random.default_rng(0)
    centres, spreads = [0, 100, 0.5, 0.6, 20], [1, 5, 0.1, 0.12, 3]
    train, rows = (random.normal(centres, spreads, (count, 5)) for count in (300, 250))
    assert advise(world, with_reference(rows[:, [1, 0, 3, 2, 4]], train)) == "x = x[..., [1, 0, 3, 2, 4]]"
    assert advise(world, with_reference(rows[:, [1, 0, 2, 3, 4]], train)) == "x = x[..., [1, 0, 2, 3, 4]]"
    assert advise(world, with_reference(rows[:, [0, 1, 3, 2, 4]], train)) is None, "it may be drift"


def test_columns_in_another_order_than_in_the_reference_rows(world: Any, wording: SnapshotAssertion) -> None:
    """A model without a scaler identifies columns by position, reference rows are compared by name."""
    order = (("income", "age", "rate"), ("age", "income", "rate"))
    context = given((60, 3), (None, 3), description=DataFacts(other_order=order))
    verdict = world.where(data=context).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "feature-order")
    assert verdict.findings["names"]
    assert verdict.advice == "frame = frame[['age', 'income', 'rate']]"
    assert verdict.message == wording


def test_a_scaler_and_a_normalization_layer_show_places_too(world: Any, wording: SnapshotAssertion) -> None:
    """Without reference rows."""
    rows, train = sensors(60, 0, 4, 2, 3, 1), sensors(200, 0, 1, 2, 3, 4)
    scaler = StandardScaler().fit(train.reshape(-1, 5))
    scaled = DataFacts(raw=(rows_fact(rows),), scaling=scaling_fact(scaler, rows))
    statistics = {"mean": tuple(train.mean(axis=(0, 1))), "sd": tuple(train.std(axis=(0, 1)))}
    layered = DataFacts(fed=(rows_fact(rows),), layers=(layer(seen=columns_of(rows), **statistics),))
    for description in (scaled, layered):
        context = given(rows.shape, (None, 6, 5), description=description)
        verdict = world.where(data=context).verdict(CHECK)
        assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "feature-order")
        assert verdict.message == wording


@pytest.mark.parametrize(
    ("smooth", "status"),
    [
        ((0.1, 0.9, 0.95), Status.WARN),
        ((0.9, 0.95, 0.1), Status.PASS),
        ((0.8, 0.9, 0.9), Status.PASS),
        ((), Status.PASS),
    ],
    ids=["channels first", "channels last", "smooth everywhere", "not measured"],
)
def test_channels_that_come_first(world: Any, smooth: Any, status: Status) -> None:
    context = given((40, 8, 8, 8), (None, None, None, 8), smooth=smooth)
    assert judge(world, context) == (status, "axes-swapped" if status is Status.WARN else None)
    assert advise(world, context) == ("x = x.transpose(0, 2, 3, 1)" if status is Status.WARN else None)


@pytest.mark.parametrize("expected", [(None, 1), (None, None)])
def test_a_plain_column_fits(world: Any, expected: tuple[int | None, ...]) -> None:
    """A table, or FeatureSpace, gives such columns."""
    assert judge(world, given((80,), expected))[0] is Status.PASS

"""KC303: the rows are in their declared state, raw or scaled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.analysis.scaling_state import format_share
from keras_consistency_cli.checks.rules.kc303_scaling_state import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.loading.profile.expected_columns import read_expected_outcome
from keras_consistency_cli.measurement.data_facts import DataFacts, ServedFact
from tests.helpers.described import examined, rows_fact, scaling_fact
from tests.helpers.wording import masked

SCALERS: dict[str, Any] = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(),
    "maxabs": MaxAbsScaler(),
    "robust": RobustScaler(),
    "power": PowerTransformer(),
    "quantile": QuantileTransformer(n_quantiles=50, output_distribution="normal"),
}


def table(rows: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.column_stack(
        [
            random.normal(45, 13, rows),
            random.lognormal(10.4, 0.5, rows),
            random.exponential(6000, rows),
            random.uniform(300, 850, rows),
        ]
    )


def described(scaler: Any, rows: np.ndarray, **fields: Any) -> DataFacts:
    return DataFacts(**{"raw": (rows_fact(rows),), "scaling": scaling_fact(scaler, rows), **fields})


@pytest.mark.parametrize("kind", SCALERS)
@pytest.mark.parametrize("rows", [2, 9, 200])
def test_raw_rows_are_raw(kind: str, rows: int) -> None:
    verdict = examined(CHECK, described(SCALERS[kind].fit(table(500)), table(rows, 1)))
    assert (verdict.status, "cause" in verdict.findings) == (Status.PASS, False)


@pytest.mark.parametrize("kind", [name for name in SCALERS if name != "quantile"])
@pytest.mark.parametrize("rows", [9, 200])
def test_rows_that_are_scaled_already_fail(kind: str, rows: int, wording: SnapshotAssertion) -> None:
    scaler = SCALERS[kind].fit(table(500))
    verdict = examined(CHECK, described(scaler, scaler.transform(table(rows, 1))))
    assert (verdict.status, verdict.findings["cause"], verdict.findings["found"]) == (
        Status.FAIL,
        "scaler-applied-twice",
        "scaled",
    )
    assert masked(verdict.message) == wording
    assert verdict.findings["overlap"]["scaled"] > verdict.findings["overlap"]["raw"]
    assert verdict.advice == wording


BENT = (FunctionTransformer(np.log1p), FunctionTransformer(np.arcsinh), PowerTransformer(standardize=False))
BENT_IDS = ("log1p", "arcsinh", "power")


@np.errstate(invalid="ignore")
def bent(step: Any, rows: np.ndarray, data: np.ndarray) -> Any:
    scaler = make_pipeline(step, StandardScaler()).fit(rows)
    scaling = scaling_fact(scaler, data, outcome=read_expected_outcome(scaler))
    return examined(
        CHECK, DataFacts(raw=(rows_fact(data),), fed=(rows_fact(scaler.transform(data)),), scaling=scaling)
    )


@pytest.mark.parametrize("step", BENT, ids=BENT_IDS)
@pytest.mark.parametrize("rows", [9, 200])
def test_raw_rows_of_a_nonlinear_pipeline_are_raw(step: Any, rows: int, wording: SnapshotAssertion) -> None:
    verdict = bent(step, table(500), table(rows, 1))
    assert (verdict.status, "cause" in verdict.findings) == (Status.PASS, False)
    assert masked(verdict.message) == wording


@pytest.mark.parametrize("step", BENT, ids=BENT_IDS)
def test_rows_that_a_pipeline_scales_twice_fail(step: Any) -> None:
    with np.errstate(invalid="ignore"):
        once = make_pipeline(step, StandardScaler()).fit(table(500)).transform(table(200, 1))
    verdict = bent(step, table(500), once)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "scaler-applied-twice")


POSITIVE = {
    "lognormal": lambda random, rows: random.lognormal(0, 1, (rows, 4)),
    "narrow": lambda random, rows: random.lognormal(0, 0.5, (rows, 4)),
    "even": lambda random, rows: random.uniform(0.01, 1, (rows, 4)),
}
"""Numbers whose logarithm has a mean near 0 and a deviation near 1: scaled rows then look right."""


@pytest.mark.parametrize("function", [np.log, np.log1p, np.sqrt], ids=lambda function: function.__name__)
@pytest.mark.parametrize("kind", POSITIVE)
def test_scaled_rows_that_a_pipeline_turns_into_nan_count_as_lost(
    function: Any, kind: str, wording: SnapshotAssertion
) -> None:
    step, (trained, new) = (
        FunctionTransformer(function),
        (POSITIVE[kind](np.random.default_rng(seed), 300) for seed in (0, 1)),
    )
    once = make_pipeline(step, StandardScaler()).fit(trained).transform(new)
    verdict = bent(step, trained, once)
    assert (verdict.status, verdict.findings.get("cause")) == (Status.FAIL, "scaler-applied-twice")
    assert 0.1 < verdict.findings["lost"] < 0.7
    assert masked(verdict.message) == wording
    assert bent(step, trained, new).status is Status.PASS


@pytest.mark.parametrize("kind", POSITIVE)
def test_a_few_numbers_without_a_logarithm_are_not_scaled_rows(kind: str) -> None:
    trained, new = (POSITIVE[kind](np.random.default_rng(seed), 300) for seed in (0, 1))
    new[:24] = -1.5
    assert bent(FunctionTransformer(np.log), trained, new).status is Status.PASS


def test_rows_of_which_nothing_is_left_are_scaled() -> None:
    trained = POSITIVE["lognormal"](np.random.default_rng(0), 300)
    once = make_pipeline(FunctionTransformer(np.log), StandardScaler()).fit(trained).transform(trained)
    verdict = bent(FunctionTransformer(np.log), trained, -np.abs(once))
    assert (verdict.status, verdict.findings["lost"], verdict.findings["overlap"]["scaled twice"]) == (
        Status.FAIL,
        1.0,
        0.0,
    )


def test_rows_that_come_out_of_a_pipeline_unlike_any_state_are_not_judged(wording: SnapshotAssertion) -> None:
    verdict = bent(BENT[0], table(500), table(200, 1) * 1e6)
    assert (verdict.status, masked(verdict.reason or "")) == (Status.SKIP, wording)


def test_rows_declared_scaled_that_are_not_fail() -> None:
    verdict = examined(CHECK, described(StandardScaler().fit(table(500)), table(70, 1), state="scaled"))
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "scaler-missing")
    scaler = StandardScaler().fit(table(500))
    twice = scaler.transform(scaler.transform(table(70, 1)))
    verdict = examined(CHECK, described(scaler, twice, state="scaled"))
    assert (verdict.status, verdict.findings["found"]) == (Status.FAIL, "scaled twice")
    assert (
        examined(CHECK, described(scaler, scaler.transform(table(70, 1)), state="scaled")).status
        is Status.PASS
    )


@pytest.mark.parametrize(
    "make", [lambda random: random.normal(size=(70, 3)), lambda random: random.beta(0.8, 0.8, size=(70, 3))]
)
def test_raw_rows_that_look_scaled_make_no_difference(make: Any) -> None:
    rows = make(np.random.default_rng(0))
    scaler = (StandardScaler() if rows.min() < 0 else MinMaxScaler()).fit(rows)
    verdict = examined(CHECK, described(scaler, rows))
    assert (verdict.status, verdict.findings["telling"]) == (Status.PASS, 0)


def test_one_feature_that_shifted_is_not_a_different_state() -> None:
    rows = table(200, 1)
    rows[:, 0] = rows[:, 0] * 1.8 + 32
    assert examined(CHECK, described(StandardScaler().fit(table(500)), rows)).status is Status.PASS


@pytest.mark.parametrize(
    "kind", ["standard", "minmax", "robust", "power"]
)  # a MaxAbsScaler does not know where values were
@pytest.mark.parametrize("rows", [9, 60, 500])
def test_a_single_feature_that_is_scaled_already_fails(
    kind: str, rows: int, wording: SnapshotAssertion
) -> None:
    scaler = SCALERS[kind].fit(table(500))
    mixed = table(rows, 1)
    mixed[:, 3] = scaler.transform(mixed)[:, 3]
    verdict = examined(CHECK, described(scaler, mixed))
    assert (verdict.status, verdict.findings["cause"], verdict.findings["columns"]) == (
        Status.FAIL,
        "scaler-applied-twice",
        {"3": "scaled"},
    )
    assert masked(verdict.message) == wording


def test_a_single_feature_that_is_not_scaled_fails(wording: SnapshotAssertion) -> None:
    scaler = StandardScaler().fit(table(500))
    mixed = scaler.transform(table(70, 1))
    mixed[:, [0, 3]] = table(70, 1)[:, [0, 3]]
    verdict = examined(CHECK, described(scaler, mixed, state="scaled"))
    assert (verdict.status, verdict.findings["cause"], verdict.findings["columns"]) == (
        Status.FAIL,
        "scaler-missing",
        {"0": "raw", "3": "raw"},
    )
    assert masked(verdict.message) == wording


OTHERWISE: dict[str, Any] = {
    "in other units": lambda values: values / 1000.0,
    "as a share": lambda values: values / 850.0,
    "moved far": lambda values: values - 300.0,
    "lost": np.zeros_like,
    "a flag": lambda values: (values > 600.0).astype(float),
    "noise around zero, far too narrow": lambda values: (values - values.mean()) / 2000.0,
    "noise around zero, far too wide": lambda values: (values - values.mean()) / 10.0,
}


@pytest.mark.parametrize("change", OTHERWISE.values(), ids=list(OTHERWISE))
@pytest.mark.parametrize("rows", [3, 9, 60, 500])
def test_a_single_feature_that_is_merely_different_is_not_taken_for_scaled(change: Any, rows: int) -> None:
    other = table(rows, 1)
    other[:, 3] = change(other[:, 3])
    verdict = examined(CHECK, described(StandardScaler().fit(table(500)), other))
    assert (verdict.status is not Status.FAIL, "cause" in verdict.findings) == (True, False)


def test_rows_unlike_any_state_are_a_warning(wording: SnapshotAssertion) -> None:
    verdict = examined(CHECK, described(StandardScaler().fit(table(500)), table(200, 1) * 1000))
    assert (verdict.status, "cause" in verdict.findings) == (Status.WARN, False)
    assert masked(verdict.message) == wording


def test_the_reference_decides_if_a_function_stores_nothing() -> None:
    scaler = StandardScaler().fit(table(500))
    function = scaling_fact(scaler, scaler.transform(table(70, 1)), function=True)
    shown = DataFacts(
        raw=(rows_fact(scaler.transform(table(70, 1))),),
        scaling=scaling_fact(Normalizer().fit(table(9)), table(9), shown=function.expected),
    )
    assert examined(CHECK, shown).findings["cause"] == "scaler-applied-twice"


@pytest.mark.parametrize(
    ("shares", "state", "status", "cause"),
    [
        ((0.0, 1.0, 0.0), "raw", Status.PASS, None),
        ((1.0, 1.0, 1.0), "raw", Status.PASS, None),
        ((1.0, 0.0, 0.0), "raw", Status.FAIL, "scaler-missing"),
        ((0.0, 0.0, 1.0), "raw", Status.FAIL, "scaler-applied-twice"),
        ((0.0, 0.0, 1.0), "scaled", Status.FAIL, "scaler-applied-twice"),
        ((0.4, 0.6, 0.0), "raw", Status.SKIP, None),
    ],
)
def test_served_rows_go_before_statistics(
    shares: tuple[float, float, float], state: str, status: Status, cause: str | None
) -> None:
    scaler = StandardScaler().fit(table(500))
    served = ServedFact(rows=70, raw=shares[0], scaled=shares[1], twice=shares[2])
    verdict = examined(
        CHECK, described(scaler, scaler.transform(table(70, 1)), served_as=served, state=state)
    )
    assert (verdict.status, verdict.findings.get("cause")) == (status, cause)


@pytest.mark.parametrize(
    "facts",
    [
        DataFacts(),
        described(StandardScaler().fit(table(9)), table(9), generated=True),
        described(Normalizer().fit(table(9)), table(9)),
    ],
    ids=["no scaler", "generated rows", "Normalizer"],
)
def test_nothing_to_compare_with_is_a_skip(facts: DataFacts, wording: SnapshotAssertion) -> None:
    verdict = examined(CHECK, facts)
    assert (verdict.status, verdict.reason) == (Status.SKIP, wording)


def test_rows_far_out_of_range_are_not_called_in_range() -> None:
    """Reference rows are compared by the names of their columns; the scaler gets the columns by place."""
    training = np.random.default_rng(0).normal([0, 100, -300, 5000], 10, (400, 4))
    moved = training[:200, [1, 2, 3, 0]]
    scaling = scaling_fact(StandardScaler().fit(training), moved)
    shown = scaling_fact(StandardScaler().fit(training[:, [1, 2, 3, 0]]), moved).expected
    verdict = examined(CHECK, DataFacts(raw=(rows_fact(moved),), scaling=replace(scaling, shown=shown)))
    assert verdict.status is Status.WARN
    assert verdict.findings["in_range"] < 0.5


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100%"),
        (0.9999, "more than 99.9%"),
        (0.996, "99.6%"),
        (0.5, "50%"),
        (0.004, "0.4%"),
        (0.0001, "less than 0.1%"),
        (0.0, "0%"),
    ],
)
def test_a_share_is_100_percent_only_if_it_is_all(share: float, text: str) -> None:
    assert format_share(share) == text

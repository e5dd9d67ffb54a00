"""KC304: the scaler belongs to the model and the rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc304_scaler_fit import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.facts import UnknownCategories
from tests.helpers.described import examined, rows_fact, scaling_fact


def table(rows: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.column_stack([random.normal(45, 13, rows), random.lognormal(2, 1, rows), np.full(rows, 7.0)])


def described(
    scaler: Any, reference: np.ndarray | None = None, rows: np.ndarray | None = None, **changed: Any
) -> DataFacts:
    rows = table(50, 1) if rows is None else rows
    shown = () if reference is None else (rows_fact(reference),)
    return DataFacts(raw=(rows_fact(rows),), reference=shown, scaling=scaling_fact(scaler, rows, **changed))


@pytest.mark.parametrize(
    "scaler",
    [StandardScaler(), MinMaxScaler(), RobustScaler(), QuantileTransformer(n_quantiles=50)],
    ids=["standard", "minmax", "robust", "quantile"],
)
@pytest.mark.parametrize("rows", [500, 120])
def test_a_scaler_of_the_reference_rows_fits(scaler: Any, rows: int, wording: SnapshotAssertion) -> None:
    training = table(500)
    verdict = examined(CHECK, described(scaler.fit(training), training[:rows]))
    assert (verdict.status, verdict.findings) == (Status.PASS, {"stale": {}, "varying": [], "version": None})
    assert verdict.message == wording


@pytest.mark.parametrize(
    ("scaler", "shift", "spread"),
    [
        (StandardScaler(), 0.3, 1.0),
        (StandardScaler(), 0.0, 1.5),
        (MinMaxScaler(), 3.0, 1.0),
        (RobustScaler(), 1.0, 1.0),
        (RobustScaler(), 0.0, 2.0),
    ],
)
def test_a_scaler_of_other_rows_is_stale(
    scaler: Any, shift: float, spread: float, wording: SnapshotAssertion
) -> None:
    earlier = table(800)
    earlier[:, 0] = (
        earlier[:, 0].mean() + (earlier[:, 0] - earlier[:, 0].mean()) * spread + shift * earlier[:, 0].std()
    )
    verdict = examined(CHECK, described(scaler.fit(earlier), table(800)))
    assert (verdict.status, verdict.findings["cause"], list(verdict.findings["stale"])) == (
        Status.WARN,
        "scaler-stale",
        ["0"],
    )
    assert verdict.message == wording


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), RobustScaler(), PowerTransformer()], ids=str
)
@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent"])
def test_gaps_filled_before_scaling_do_not_make_a_scaler_stale(scaler: Any, strategy: str) -> None:
    training = np.where(np.random.default_rng(3).random((800, 3)) < 0.4, np.nan, table(800))
    verdict = examined(
        CHECK, described(make_pipeline(SimpleImputer(strategy=strategy), scaler).fit(training), training)
    )
    assert (verdict.status, verdict.findings["stale"]) == (Status.PASS, {})


def test_a_stale_scaler_is_reported_although_gaps_were_filled() -> None:
    training = np.where(np.random.default_rng(3).random((800, 3)) < 0.4, np.nan, table(800))
    verdict = examined(
        CHECK,
        described(
            make_pipeline(SimpleImputer(), StandardScaler()).fit(training + np.array([13.0, 0.0, 0.0])),
            training,
        ),
    )
    assert (verdict.status, list(verdict.findings["stale"])) == (Status.WARN, ["0"])


def test_few_reference_rows_prove_nothing() -> None:
    moved = table(800)
    moved[:, 0] += 0.3 * 13
    assert examined(CHECK, described(StandardScaler().fit(moved), table(20))).status is Status.PASS


def test_columns_with_each_others_statistics_fail_as_in_kc501(wording: SnapshotAssertion) -> None:
    training = np.random.default_rng(0).normal([45, 7, 300], [13, 2, 20], (500, 3))
    facts = described(StandardScaler().fit(training), rows=training[:200, [1, 0, 2]])
    verdict = examined(CHECK, replace(facts, state="raw"))
    assert (verdict.status, verdict.findings) == (
        Status.FAIL,
        {"places": {"0": 1, "1": 0}, "cause": "feature-order"},
    )
    assert verdict.message == wording


def test_columns_in_another_order_fail(wording: SnapshotAssertion) -> None:
    verdict = examined(
        CHECK, described(StandardScaler().fit(table(50)), names=("a", "b", "c"), columns=("a", "c", "b"))
    )
    assert (verdict.status, verdict.findings) == (
        Status.FAIL,
        {"fitted": ["a", "b", "c"], "columns": ["a", "c", "b"], "cause": "feature-order"},
    )
    assert verdict.message == wording
    assert (
        examined(
            CHECK, described(StandardScaler().fit(table(50)), names=("a", "b", "c"), columns=("a", "b", "c"))
        ).status
        is Status.PASS
    )


@pytest.mark.parametrize(
    ("order", "status", "found"),
    [
        ((1, 0, 2), Status.FAIL, ("feature-order", ["income", "age", "rate"])),
        ((0, 1, 2), Status.PASS, (None, None)),
    ],
    ids=["that of the reference rows", "that of the data"],
)
def test_the_order_of_the_reference_rows_may_be_that_of_the_scaler(
    order: tuple[int, ...], status: Status, found: object, wording: SnapshotAssertion
) -> None:
    training, names = table(500), ("age", "income", "rate")
    scaler = StandardScaler().fit(training[:, list(order)])
    facts = described(scaler, training, columns=names, reference_order=("income", "age", "rate"))
    verdict = examined(CHECK, facts)
    findings = verdict.findings
    assert (verdict.status, (findings.get("cause"), findings.get("reference"))) == (status, found)
    assert "feature_names_in_" not in (verdict.advice or "")  # the scaler has no names
    assert verdict.message == wording


@pytest.mark.parametrize(
    ("saved", "reported"), [("1.6.1", "1.6.1"), ("1.9.0", None), (None, None), ("1.19.1", "1.19.1")]
)
def test_another_scikit_learn_is_a_warning(saved: str | None, reported: str | None) -> None:
    verdict = examined(CHECK, described(StandardScaler().fit(table(50))), scaler_saved_with=saved)
    assert (verdict.status, verdict.findings["version"]) == (
        Status.WARN if reported else Status.PASS,
        reported,
    )
    assert verdict.findings.get("cause") == ("scaler-version" if reported else None)


@pytest.mark.parametrize("as_stored", [True, False, None])
def test_another_scikit_learn_is_tried(as_stored: bool | None, wording: SnapshotAssertion) -> None:
    description = described(StandardScaler().fit(table(50)), as_stored=as_stored, running="1.9.1")
    verdict = examined(CHECK, description, scaler_saved_with="1.6.1")
    assert (verdict.status, verdict.message) == (Status.WARN, wording)


@pytest.mark.parametrize(
    ("saved", "status"), [("1.4.2", Status.FAIL), (None, Status.FAIL), ("1.9.0", Status.PASS)]
)
def test_what_an_old_scaler_does_not_have_is_a_failure(saved: str | None, status: Status) -> None:
    scaler = StandardScaler().fit(table(50))
    description = described(scaler, missing=("TfidfTransformer.idf_",), running="1.9.1")
    verdict = examined(CHECK, description, scaler_saved_with=saved)
    assert verdict.status is status
    if status is Status.FAIL:
        assert verdict.findings["cause"] == "scaler-version"
        assert "_idf_diag" in verdict.findings["mend"]


def test_a_feature_that_only_varies_now_is_a_warning() -> None:
    rows = table(50, 1)
    rows[4, 2] = 8.0
    verdict = examined(CHECK, described(StandardScaler().fit(table(500)), rows=rows))
    assert (verdict.status, verdict.findings["varying"]) == (Status.WARN, ["2"])


@pytest.mark.parametrize(
    "facts",
    [DataFacts(), described(StandardScaler().fit(table(9)), function=True)],
    ids=["no scaler", "function"],
)
def test_no_scaler_is_a_skip(facts: DataFacts, wording: SnapshotAssertion) -> None:
    verdict = examined(CHECK, facts)
    assert (verdict.status, verdict.reason) == (Status.SKIP, wording)


@pytest.mark.parametrize("scaler", [MinMaxScaler(), MaxAbsScaler()], ids=["minmax", "maxabs"])
@pytest.mark.parametrize(("outlier", "status"), [(4000.0, Status.WARN), (90.0, Status.PASS)])
def test_a_range_that_outliers_widened_is_a_warning(scaler: Any, outlier: float, status: Status) -> None:
    training = np.random.default_rng(3).normal([45.0, 12.0], [13.0, 2.0], (300, 2))
    fitted = scaler.fit(np.concatenate([training, [[outlier, 12.0]]]))
    verdict = examined(CHECK, described(fitted, training, training[:50]))
    assert verdict.status is status
    assert (verdict.findings.get("cause") == "scaler-stale") is (status is Status.WARN)


@pytest.mark.parametrize("scaler", [MinMaxScaler(), MaxAbsScaler()], ids=["minmax", "maxabs"])
def test_a_sample_of_heavy_tailed_training_rows_need_not_fill_the_range(scaler: Any) -> None:
    random = np.random.default_rng(5)
    for training in (
        random.pareto(0.7, (20_000, 2)),
        random.standard_t(3, (20_000, 2)),
        random.lognormal(0, 2, (20_000, 2)),
    ):
        verdict = examined(CHECK, described(scaler.fit(training), training[:1000], training[:50]))
        assert verdict.findings.get("stale", {}) == {}


def test_an_outlier_is_found_in_the_range_of_a_skewed_feature() -> None:
    training = np.random.default_rng(6).exponential(3.0, (2000, 2))
    fitted = MinMaxScaler().fit(np.concatenate([training, [[1e4, 3.0]]]))
    verdict = examined(CHECK, described(fitted, training, training[:50]))
    assert (verdict.status, list(verdict.findings["stale"])) == (Status.WARN, ["0"])


ENGINES = np.random.default_rng(6).normal([40.0, 3000.0, 200.0], [10.0, 800.0, 50.0], (500, 3))
NOW = np.random.default_rng(7).normal([40.0, 3000.0, 200.0], [10.0, 800.0, 50.0], (200, 3))
SCALED = StandardScaler().fit_transform(ENGINES)
LENGTHS = np.random.default_rng(8).uniform(1000, 3000, (500, 3))
IMPOSSIBLE: dict[str, tuple[Any, np.ndarray, np.ndarray]] = {
    "scaled rows": (StandardScaler().fit(SCALED), ENGINES, NOW),
    "scaled rows, by quartiles": (RobustScaler().fit(SCALED), ENGINES, NOW),
    "another unit": (MinMaxScaler().fit(LENGTHS / 1000), LENGTHS, LENGTHS[:200]),
    "another unit around 0": (StandardScaler().fit(SCALED / 1000), SCALED, SCALED[:200]),
    "another unit, gaps filled": (
        make_pipeline(SimpleImputer(), StandardScaler()).fit(LENGTHS / 1000),
        LENGTHS,
        LENGTHS[:200],
    ),
}


@pytest.mark.parametrize(("scaler", "reference", "rows"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_scaler_that_is_impossible_for_the_reference_rows_fails(
    scaler: Any, reference: np.ndarray, rows: np.ndarray, wording: SnapshotAssertion
) -> None:
    verdict = examined(CHECK, described(scaler, reference, rows))
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "scaler-stale")
    assert min(verdict.findings["unfit"].values()) > 100
    assert verdict.message == wording


GROWING = 1.6e9 + np.sort(np.random.default_rng(9).uniform(0, 3e7, (600, 3)), axis=0)
HEAVY = np.random.default_rng(10).pareto(1.0, (600, 3)) * 900
OUTLIERS = np.where(np.random.default_rng(11).random((500, 1)) < 0.02, 1e8, ENGINES)
RARE = np.column_stack([np.arange(500) % 100 == 0, 5.0 + 1e-9 * SCALED[:, 0], ENGINES[:, 1]])
DRIFTING: dict[str, tuple[Any, np.ndarray, np.ndarray, Status]] = {
    "a few deviations": (StandardScaler().fit(ENGINES + 50), ENGINES, NOW, Status.WARN),
    "time stamps": (StandardScaler().fit(GROWING[:20]), GROWING, GROWING[-200:], Status.WARN),
    "heavy tails": (StandardScaler().fit(HEAVY[:300]), HEAVY, HEAVY[300:], Status.WARN),
    "outliers that the scaler saw": (StandardScaler().fit(OUTLIERS), OUTLIERS, OUTLIERS, Status.PASS),
    "outliers that it did not see": (StandardScaler().fit(ENGINES), OUTLIERS, OUTLIERS, Status.WARN),
    "features that hardly vary": (StandardScaler().fit(RARE), RARE, RARE[:200], Status.PASS),
    "a constant that varies a bit more": (
        StandardScaler().fit(5.0 + 1e-9 * SCALED),
        5.0 + 1e-5 * SCALED,
        5.0 + 1e-5 * SCALED[:200],
        Status.WARN,
    ),
    "reference rows in another unit": (StandardScaler().fit(ENGINES), ENGINES * 1e4, NOW, Status.WARN),
    "scaled reference rows": (StandardScaler().fit(ENGINES), SCALED, NOW, Status.WARN),
}


@pytest.mark.parametrize(("scaler", "reference", "rows", "status"), DRIFTING.values(), ids=DRIFTING)
def test_a_scaler_of_other_rows_is_no_impossible_one(
    scaler: Any, reference: np.ndarray, rows: np.ndarray, status: Status
) -> None:
    verdict = examined(CHECK, described(scaler, reference, rows))
    assert (verdict.status, "unfit" in verdict.findings) == (status, False)


def test_a_scaler_of_scaled_rows_is_suspected_without_reference_rows(wording: SnapshotAssertion) -> None:
    verdict = examined(CHECK, described(StandardScaler().fit(SCALED), None, NOW))
    assert (verdict.status, verdict.findings["cause"]) == (Status.WARN, "scaler-stale")
    assert verdict.message == wording


@pytest.mark.parametrize(
    ("scaler", "rows"),
    [
        (StandardScaler().fit(SCALED), SCALED[:200] * 2),
        (StandardScaler().fit(SCALED), SCALED[:200] + 9),
        (MinMaxScaler().fit(LENGTHS / 1000), LENGTHS[:200]),
        (
            MinMaxScaler().fit(np.random.default_rng(1).random((300, 3))),
            np.random.default_rng(2).random((99, 3)),
        ),
    ],
    ids=["wider rows", "drift", "another unit", "shares"],
)
def test_other_rows_without_reference_rows_are_left_to_kc702(scaler: Any, rows: np.ndarray) -> None:
    assert examined(CHECK, described(scaler, None, rows)).status is Status.PASS


def test_rows_that_are_scaled_already_say_nothing_about_the_scaler() -> None:
    facts = described(StandardScaler().fit(SCALED), ENGINES, NOW)
    assert examined(CHECK, replace(facts, state="scaled")).status is Status.PASS


@pytest.mark.parametrize(
    ("unknown", "spelling", "status", "line"),
    [
        (40, "lower", Status.FAIL, "frame['city'] = frame['city'].str.strip().str.lower()"),
        (3, "lower", Status.WARN, "frame['city'] = frame['city'].str.strip().str.lower()"),
        (40, "zeros", Status.FAIL, "dtype=str"),
    ],
    ids=["upper case", "few of them", "numbers"],
)
def test_categories_in_another_spelling(
    unknown: int, spelling: str, status: Status, line: str | None, wording: SnapshotAssertion
) -> None:
    column = UnknownCategories(
        column="city",
        given=50,
        unknown=unknown,
        value="'Rome'",
        known="'bonn'",
        spelling=spelling,
        becomes="'Rome' is 'rome'" if spelling else "",
    )
    described_rows = described(StandardScaler().fit(table(50, 1)), unknown=(column,))
    verdict = examined(CHECK, described_rows)
    assert verdict.status is status
    if line is not None:
        assert verdict.findings["cause"] == "unknown-words"
        assert line in verdict.findings["mend"]
        assert verdict.message == wording


@pytest.mark.parametrize(("other_type", "status"), [(False, Status.WARN), (True, Status.FAIL)])
def test_a_column_of_which_the_encoder_knows_no_value(
    other_type: bool, status: Status, wording: SnapshotAssertion
) -> None:
    city = UnknownCategories(
        column="city", given=50, unknown=50, value="'Rome', 'Bonn'", known="1, 2", other_type=other_type
    )
    street = replace(city, column="street", other_type=False)
    facts = described(StandardScaler().fit(table(50, 1)), unknown=(street, city))
    verdict = examined(CHECK, facts)
    assert verdict.status is status
    assert verdict.findings["cause"] == "unknown-words"
    assert verdict.findings["unknown"] == {"city": 50, "street": 50}
    assert (verdict.message, verdict.advice) == wording


def test_other_categories_fail_before_a_few_in_another_spelling_warn() -> None:
    few = UnknownCategories(
        column="city", given=50, unknown=3, value="'Rome'", known="'rome'", spelling="lower", becomes="rome"
    )
    other = UnknownCategories(column="zip", given=50, unknown=50, value="'1'", known="1", other_type=True)
    verdict = examined(CHECK, described(StandardScaler().fit(table(50, 1)), unknown=(few, other)))
    assert verdict.status is Status.FAIL
    assert "unknown" in verdict.findings

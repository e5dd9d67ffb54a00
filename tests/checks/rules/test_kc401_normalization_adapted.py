"""KC401: Normalization layers are adapted, on the training rows, and agree with their weights."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc401_normalization_adapted import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.data_facts import DataFacts, PreprocessingFact
from tests.helpers.described import columns_of, examined, layer, rows_fact, scaling_fact

ROWS = np.random.default_rng(0).normal([50.0, -3.0], [10.0, 0.1], (400, 2))
ADAPTED = layer(mean=(50.0, -3.0), sd=(10.0, 0.1), seen=columns_of(ROWS))
FRESH = layer(mean=(0.0, 0.0), sd=(1.0, 1.0), adapted=False, seen=columns_of(ROWS))


def described(*layers: PreprocessingFact, generated: bool = False) -> DataFacts:
    return DataFacts(
        fed=(rows_fact(ROWS),), reference_fed=(rows_fact(ROWS),), layers=layers, generated=generated
    )


def test_an_adapted_layer_passes(wording: SnapshotAssertion) -> None:
    verdict = examined(CHECK, described(ADAPTED))
    assert (verdict.status, verdict.message, verdict.findings) == (
        Status.PASS,
        wording,
        {"layers": {}},
    )


def test_a_layer_that_was_never_adapted_fails_where_rows_need_it(wording: SnapshotAssertion) -> None:
    verdict = examined(CHECK, described(ADAPTED, FRESH))
    assert verdict.status is Status.FAIL
    assert verdict.message == wording
    assert (verdict.findings["cause"], verdict.findings["layer"]) == ("normalization-unadapted", "norm")


@pytest.mark.parametrize(
    "fresh",
    [layer(adapted=False, seen=columns_of((ROWS - ROWS.mean(0)) / ROWS.std(0))), layer(adapted=False)],
)
def test_it_is_information_if_rows_do_not_need_it_or_are_unknown(
    fresh: PreprocessingFact, wording: SnapshotAssertion
) -> None:
    verdict = examined(CHECK, described(fresh))
    assert (verdict.status, verdict.message) == (Status.PASS, wording)
    assert "cause" not in verdict.findings
    assert examined(CHECK, described(FRESH, generated=True)).status is Status.PASS


@pytest.mark.parametrize(
    ("dtype", "mean", "sd", "status"),
    [
        ("float16", 50.0, 256.0, Status.FAIL),
        ("float16", 70_000.0, 3.0, Status.FAIL),
        ("float16", 60_000.0, 255.0, Status.PASS),
        ("bfloat16", 70_000.0, 900.0, Status.PASS),
        ("float32", 70_000.0, 900.0, Status.PASS),
    ],
)
def test_statistics_that_are_infinite_in_float16_fail(
    dtype: str, mean: float, sd: float, status: Status, wording: SnapshotAssertion
) -> None:
    verdict = examined(CHECK, described(layer(mean=(3.0, mean), sd=(1.0, sd), compute_dtype=dtype)))
    assert verdict.status is status
    assert verdict.findings.get("cause") == ("overflow-in-float16" if status is Status.FAIL else None)
    assert verdict.message == wording


def test_a_layer_with_other_statistics_than_its_weights_fails(wording: SnapshotAssertion) -> None:
    verdict = examined(CHECK, described(layer(mean=(50.0, -3.0), sd=(10.0, 0.1), consistent=False)))
    assert (verdict.status, verdict.message) == (
        Status.FAIL,
        wording,
    )
    assert verdict.findings["cause"] == "normalization-stale"


def test_variance_zero_fails_only_for_features_that_vary(wording: SnapshotAssertion) -> None:
    verdict = examined(CHECK, described(layer(mean=(50.0, -3.0), sd=(0.0, 0.0), seen=columns_of(ROWS))))
    assert (verdict.status, verdict.message) == (Status.FAIL, wording)
    constant = np.column_stack([ROWS[:, 0], np.full(400, 7.0)])
    assert (
        examined(CHECK, described(layer(mean=(50.0, 7.0), sd=(10.0, 0.0), seen=columns_of(constant)))).status
        is Status.PASS
    )
    assert examined(CHECK, described(layer(mean=(50.0, 7.0), sd=(0.0, 0.0)))).status is Status.WARN


def test_statistics_of_other_rows_than_the_reference_fail(wording: SnapshotAssertion) -> None:
    off = layer(mean=(55.0, -3.0), sd=(10.0, 0.1), seen_reference=columns_of(ROWS))
    verdict = examined(CHECK, described(off))
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "normalization-stale")
    assert verdict.message == wording
    right = layer(mean=(50.0, -3.0), sd=(10.0, 0.1), seen_reference=columns_of(ROWS))
    assert examined(CHECK, described(right)).message == wording


def test_a_deviation_given_as_the_variance_is_named(wording: SnapshotAssertion) -> None:
    off = layer(mean=(50.0, -3.0), sd=(math.sqrt(10.0), math.sqrt(0.1)), seen_reference=columns_of(ROWS))
    verdict = examined(CHECK, described(off))
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "normalization-stale")
    assert verdict.message == wording
    assert verdict.findings["mend_is_complete"]
    assert verdict.findings["mend"] == wording


@pytest.mark.parametrize(("sd", "expected"), [(13.0, Status.PASS), (2.0, Status.FAIL), (90.0, Status.FAIL)])
def test_a_layer_for_images_may_have_the_statistics_of_other_photos(sd: float, expected: Status) -> None:
    off = layer(mean=(55.0, -3.0), sd=(sd, 0.1), seen_reference=columns_of(ROWS))
    photos = replace(rows_fact(ROWS), shape=(8, 8, 2))
    facts = replace(described(off), fed=(photos,), reference_fed=(photos,))
    assert examined(CHECK, facts).status is expected
    assert examined(CHECK, described(off)).status is Status.FAIL


def test_statistics_of_the_reference_rows_before_the_scaler_are_not_stale() -> None:
    scaler = StandardScaler().fit(ROWS)
    scaled = columns_of(scaler.transform(ROWS))
    fields = {"sd": (10.0, 0.1), "seen_reference": scaled, "seen_reference_raw": columns_of(ROWS)}
    raw, other = layer(mean=(50.0, -3.0), **fields), layer(mean=(70.0, -3.0), **fields)
    for norm, expected in ((raw, Status.PASS), (other, Status.FAIL)):
        facts = replace(described(norm), scaling=scaling_fact(scaler, ROWS))
        assert examined(CHECK, facts).status is expected
    assert examined(CHECK, described(raw)).status is Status.FAIL


@pytest.mark.parametrize(
    ("mean", "sd"),
    [((50.0, -3.0), (10.0, math.inf)), ((math.nan, -3.0), (10.0, 0.1)), ((math.inf,) * 2, (math.nan,) * 2)],
)
def test_statistics_that_are_not_finite_fail(
    mean: tuple[float, ...], sd: tuple[float, ...], wording: SnapshotAssertion
) -> None:
    lost = layer(mean=mean, sd=sd, seen=columns_of(ROWS), seen_reference=columns_of(ROWS))
    verdict = examined(CHECK, described(lost))
    assert (verdict.status, verdict.findings["cause"], verdict.findings["layer"]) == (
        Status.FAIL,
        "normalization-not-finite",
        "norm",
    )
    assert verdict.message == wording


@pytest.mark.parametrize(
    "facts", [DataFacts(), described(layer(kind="Rescaling"))], ids=["no layer", "other layer"]
)
def test_no_layer_is_a_skip(facts: DataFacts, wording: SnapshotAssertion) -> None:
    verdict = examined(CHECK, facts)
    assert (verdict.status, verdict.reason) == (Status.SKIP, wording)


@pytest.mark.parametrize(
    ("count", "status"),
    [(0, Status.PASS), (1, Status.WARN), (9, Status.WARN), (10, Status.PASS), (5000, Status.PASS)],
)
def test_a_stored_count_of_few_values_is_a_warning(count: int, status: Status) -> None:
    verdict = examined(
        CHECK, described(layer(mean=(50.0, -3.0), sd=(10.0, 0.1), seen=columns_of(ROWS), count=count))
    )
    assert (verdict.status, verdict.findings.get("cause")) == (
        status,
        "normalization-unadapted" if status is Status.WARN else None,
    )


def flagged(adapted_on: np.ndarray, *, seed: int = 5) -> PreprocessingFact:
    """A layer adapted on these flags, as float32 keeps it, and new rows of the same kind."""
    rows = np.column_stack([np.random.default_rng(seed).random((300, adapted_on.shape[1])) < 0.4]).astype(
        float
    )
    mean, sd = (
        each.astype("float32").astype(float) for each in (adapted_on.mean(axis=0), adapted_on.std(axis=0))
    )
    return layer(mean=tuple(mean.tolist()), sd=tuple(sd.tolist()), seen=columns_of(rows))


def few(rows: int, seed: int) -> np.ndarray:
    """Eight flags over so many rows, none of them the same in all."""
    flags = (np.random.default_rng(seed).random((rows, 8)) < 0.4).astype(float)
    flags[0], flags[-1] = 0.0, 1.0
    return flags


@pytest.mark.parametrize("rows", [3, 5, 8, 10])
def test_means_of_flags_show_how_few_rows_there_were(rows: int, wording: SnapshotAssertion) -> None:
    verdict = examined(CHECK, described(flagged(few(rows, 2))))
    assert (verdict.status, verdict.findings["cause"]) == (Status.WARN, "normalization-unadapted")
    assert verdict.message == wording


@pytest.mark.parametrize("rows", [60, 100, 1000, 1024, 50_000])
def test_means_of_flags_over_many_rows_show_nothing(rows: int) -> None:
    assert [examined(CHECK, described(flagged(few(rows, seed)))).status for seed in range(40)] == [
        Status.PASS
    ] * 40


def test_categories_that_were_balanced_on_purpose_show_nothing() -> None:
    balanced = np.column_stack(
        [np.arange(1000) % levels == 0 for levels in (2, 2, 4, 4, 4, 4, 5, 10)]
    ).astype(float)
    assert examined(CHECK, described(flagged(balanced))).status is Status.PASS


def test_few_flags_or_generated_rows_show_nothing() -> None:
    assert examined(CHECK, described(flagged(few(5, 2)[:, :3]))).status is Status.PASS
    assert examined(CHECK, described(flagged(few(5, 2)), generated=True)).status is Status.PASS


def test_round_statistics_that_were_given_as_arguments_show_nothing() -> None:
    given = replace(flagged(few(5, 2)), is_given=True)
    assert examined(CHECK, described(given)).status is Status.PASS


def test_means_and_variances_of_whole_numbers_show_how_few_rows_there_were(
    wording: SnapshotAssertion,
) -> None:
    random = np.random.default_rng(6)
    rows = np.column_stack([random.integers(18, 90, 300), random.poisson(4, 300)]).astype(float)
    few = layer(
        mean=(128 / 3, 4.0), sd=(float(np.sqrt(1886 / 9)), float(np.sqrt(6 / 9))), seen=columns_of(rows)
    )
    verdict = examined(CHECK, described(few))
    assert (verdict.status, verdict.findings["cause"], verdict.findings["layer"]) == (
        Status.WARN,
        "normalization-unadapted",
        "norm",
    )
    assert verdict.message == wording
    enough = layer(mean=tuple(rows.mean(0).tolist()), sd=tuple(rows.std(0).tolist()), seen=columns_of(rows))
    assert examined(CHECK, described(enough)).status is Status.PASS

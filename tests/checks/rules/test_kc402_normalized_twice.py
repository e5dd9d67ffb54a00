"""KC402: the inputs are in the range that the model was made for, and normalised once."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc402_normalized_twice import CHECK
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.measurement.data_facts import DataFacts, PreprocessingFact, RowNormFact
from tests.helpers.described import columns_of, examined, layer, rows_fact, scaling_fact
from tests.helpers.wording import masked

ROWS = np.random.default_rng(0).normal([50.0, -3.0, 12.0], [10.0, 0.1, 7.0], (200, 3))
STANDARD = (ROWS - ROWS.mean(0)) / ROWS.std(0)
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3)).astype("float64")
NORM: dict[str, Any] = {"mean": tuple(ROWS.mean(0)), "sd": tuple(ROWS.std(0))}
RESCALE: dict[str, Any] = {
    "kind": "Rescaling",
    "path": "rescale",
    "scale": (1 / 255,) * 3,
    "offset": (0.0,) * 3,
}


def fed(rows: np.ndarray, *layers: PreprocessingFact, **fields: Any) -> Verdict:
    """The verdict on rows that reach these layers as they are."""
    seen = tuple(replace(each, seen=each.seen or columns_of(rows)) for each in layers)
    return examined(
        CHECK, DataFacts(**{"raw": (rows_fact(rows),), "fed": (rows_fact(rows),), "layers": seen, **fields})
    )


def outcome(verdict: Verdict) -> tuple[Status, str | None, str | None]:
    return verdict.status, verdict.findings.get("cause"), verdict.findings.get("layer")


def test_rows_that_a_layer_was_adapted_on_pass(wording: SnapshotAssertion) -> None:
    verdict = fed(ROWS, layer(**NORM))
    assert (verdict.status, verdict.message) == (
        Status.PASS,
        wording,
    )


@pytest.mark.parametrize(
    "rows", [STANDARD, MinMaxScaler().fit_transform(ROWS)], ids=["standardised", "0 to 1"]
)
def test_rows_that_are_already_normalised_fail(rows: np.ndarray) -> None:
    assert outcome(fed(rows, layer(**NORM))) == (Status.FAIL, "normalized-twice", "norm")


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler])
def test_a_scaler_before_a_layer_for_raw_rows_fails(kind: Any, wording: SnapshotAssertion) -> None:
    scaler = kind().fit(ROWS)
    norm = layer(**NORM, seen=columns_of(scaler.transform(ROWS)), seen_raw=columns_of(ROWS))
    verdict = fed(scaler.transform(ROWS), norm, scaling=scaling_fact(scaler, ROWS))
    assert outcome(verdict) == (Status.FAIL, "normalized-twice", "norm")
    assert masked(verdict.message) == wording


def test_a_scaler_before_a_layer_for_scaled_rows_passes() -> None:
    norm = layer(mean=(0.0,) * 3, sd=(1.0,) * 3, seen=columns_of(STANDARD), seen_raw=columns_of(ROWS))
    assert fed(STANDARD, norm, scaling=scaling_fact(StandardScaler().fit(ROWS), ROWS)).status is Status.PASS


def test_raw_rows_for_a_layer_for_standardised_rows_fail() -> None:
    assert outcome(fed(ROWS, layer(mean=(0.01, 0.0, -0.02), sd=(0.99, 1.01, 1.0)))) == (
        Status.FAIL,
        "input-range",
        "norm",
    )


def with_glitch(rows: np.ndarray, value: float, columns: slice) -> np.ndarray:
    spoiled = rows.copy()
    spoiled[3, columns] = value
    return spoiled


@pytest.mark.parametrize(("value", "columns"), [(1e4, slice(1, 3)), (-999.0, slice(None))])
def test_one_extreme_value_in_training_does_not_make_rows_normalized_twice(
    value: float, columns: slice
) -> None:
    known = with_glitch(STANDARD, value, columns)
    norm = layer(mean=tuple(known.mean(0)), sd=tuple(known.std(0)), seen_reference=columns_of(known))
    rows = STANDARD[50:150]
    verdict = fed(rows, norm, reference=(rows_fact(known),), reference_fed=(rows_fact(known),))
    assert outcome(verdict) == (Status.PASS, None, None)


def test_rows_unlike_the_reference_rows_are_still_normalized_twice() -> None:
    known = with_glitch(ROWS, 1e3, slice(0, 1))
    norm = layer(mean=tuple(known.mean(0)), sd=tuple(known.std(0)), seen_reference=columns_of(known))
    verdict = fed(STANDARD, norm, reference=(rows_fact(known),), reference_fed=(rows_fact(known),))
    assert outcome(verdict) == (Status.FAIL, "normalized-twice", "norm")


def test_a_layer_adapted_on_the_reference_rows_before_the_scaler_gets_scaled_rows() -> None:
    scaler = StandardScaler(with_mean=False).fit(ROWS)
    scaled = scaler.transform(ROWS) * [1.0, 0.1, 7.0]
    norm = layer(
        **NORM,
        seen=columns_of(scaled),
        seen_reference=columns_of(scaled),
        seen_reference_raw=columns_of(ROWS),
    )
    known = {"reference": (rows_fact(ROWS),), "reference_fed": (rows_fact(scaled),)}
    verdict = fed(scaled, norm, scaling=scaling_fact(scaler, ROWS), **known)
    assert outcome(verdict) == (Status.FAIL, "normalized-twice", "norm")


def test_statistics_that_are_not_finite_are_for_another_check() -> None:
    norm = layer(mean=(0.0, 0.0, 0.0), sd=(math.inf, 1.0, 1.0))
    assert fed(STANDARD, norm).status is Status.PASS
    assert fed(ROWS, norm).status is Status.PASS


@pytest.mark.parametrize("moved", [ROWS + 5.0, ROWS * 1.2, ROWS[:3]], ids=["moved", "wider", "few"])
def test_rows_that_only_shifted_do_not_fail(moved: np.ndarray) -> None:
    assert fed(moved, layer(**NORM)).status is Status.PASS


def test_a_layer_never_adapted_is_for_another_check() -> None:
    assert fed(ROWS, layer(mean=(0.0,) * 3, sd=(1.0,) * 3, adapted=False)).status is Status.PASS


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        (PIXELS, Status.PASS),
        (PIXELS / 255 * 40, Status.PASS),
        (PIXELS / 255, Status.FAIL),
        (PIXELS / 127.5 - 1, Status.FAIL),
        ((PIXELS > 128) * 1.0, Status.PASS),
    ],
    ids=["pixels", "dark", "divided", "around 0", "black and white"],
)
def test_rescaling_wants_pixels(rows: np.ndarray, status: Status) -> None:
    verdict = fed(rows, layer(**RESCALE))
    assert outcome(verdict) == (
        (Status.FAIL, "normalized-twice", "rescale") if status is Status.FAIL else (Status.PASS, None, None)
    )


@pytest.mark.parametrize(
    ("factor", "scaler", "status"),
    [(1 / 64, None, Status.FAIL), (0.5, None, Status.PASS), (1 / 64, StandardScaler(), Status.PASS)],
    ids=["narrowed", "darker", "by a scaler"],
)
def test_rescaling_of_rows_that_serving_narrowed_fails(factor: float, scaler: Any, status: Status) -> None:
    served = (PIXELS - PIXELS.mean()) * factor
    scaling = None if scaler is None else scaling_fact(scaler.fit(ROWS), ROWS)
    rescale = layer(**RESCALE, seen=columns_of(served))
    assert fed(PIXELS, rescale, served=(rows_fact(served),), scaling=scaling).status is status


def test_rescaling_by_other_factors_takes_any_rows() -> None:
    assert fed(PIXELS / 255, layer(**{**RESCALE, "scale": (2.0,) * 3})).status is Status.PASS


def test_rescaling_behind_rescaling_is_named(wording: SnapshotAssertion) -> None:
    verdict = fed(PIXELS, layer(**RESCALE, seen=columns_of(PIXELS / 255), after=("first",)))
    assert verdict.message == wording


def test_batch_normalization_distinguishes_pixels_from_shares() -> None:
    norm = layer(kind="BatchNormalization", path="bn", mean=(0.5,) * 3, sd=(0.29,) * 3)
    assert outcome(fed(PIXELS, norm)) == (Status.FAIL, "input-range", "bn")
    assert fed(PIXELS / 255, norm).status is Status.PASS
    assert fed(PIXELS + 1000, norm).status is Status.PASS


@pytest.mark.parametrize(
    ("trained", "status"),
    [(PIXELS / 255, Status.FAIL), (PIXELS * 255, Status.FAIL), (PIXELS / 3, Status.PASS)],
)
def test_the_reference_decides_the_range(trained: np.ndarray, status: Status) -> None:
    verdict = fed(PIXELS, reference=(rows_fact(trained),), reference_fed=(rows_fact(trained),))
    assert outcome(verdict) == (
        (Status.FAIL, "input-range", "x") if status is Status.FAIL else (Status.PASS, None, None)
    )


def test_the_range_of_a_heavy_tail_is_chance() -> None:
    random = np.random.default_rng(0)
    known, rows = (random.pareto(0.7, (count, 3)) + 1 for count in (20_000, 64))
    trained = {"reference": (rows_fact(known),), "reference_fed": (rows_fact(known),)}
    assert fed(rows, **trained).status is Status.PASS
    assert outcome(fed(rows * 255, **trained)) == (Status.FAIL, "input-range", "x")


@pytest.mark.parametrize(
    ("stated", "status"), [((0.0, 1.0), Status.FAIL), ((0.0, 255.0), Status.PASS), ((0.0, 1e6), Status.FAIL)]
)
def test_the_owner_decides_the_range(
    stated: tuple[float, float], status: Status, wording: SnapshotAssertion
) -> None:
    verdict = fed(PIXELS, value_range=stated)
    assert verdict.status is status
    assert verdict.message == wording


def test_heavy_tailed_rows_need_not_fill_the_stated_range() -> None:
    rows = np.random.default_rng(0).pareto(0.7, (200, 3))
    assert fed(rows, value_range=(0.0, 1e7)).status is Status.PASS
    light = np.column_stack([rows[:, 0] / 1e6, PIXELS.reshape(-1)[:200] / 255])
    assert outcome(fed(light, value_range=(0.0, 255.0))) == (Status.FAIL, "input-range", "x")


def test_a_function_that_changes_its_input_fails(wording: SnapshotAssertion) -> None:
    scaling = scaling_fact(StandardScaler().fit(ROWS), ROWS, kind="prepare", function=True, mutates=True)
    assert outcome(fed(ROWS, scaling=scaling)) == (Status.FAIL, "input-mutated", "x")
    assert fed(ROWS, scaling=replace(scaling, mutates=False)).message == wording


@pytest.mark.parametrize("facts", [DataFacts(), DataFacts(generated=True, layers=(layer(**NORM),))])
def test_nothing_to_compare_is_a_skip(facts: DataFacts) -> None:
    assert examined(CHECK, facts).status is Status.SKIP


@pytest.mark.parametrize("axes", [(1,), (1, 2)], ids=["one axis", "whole rows"])
def test_rows_without_the_norms_of_the_reference_fail_with_the_line_that_fixes_them(
    axes: tuple[int, ...], wording: SnapshotAssertion
) -> None:
    norm = RowNormFact(input="x", order=2, axes=axes, found=442.0)
    reference = (rows_fact(ROWS),)
    verdict = fed(ROWS, reference=reference, reference_fed=reference, norms=(norm,))
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "input-range")
    assert verdict.message == wording
    assert verdict.findings["mend"] == wording


def test_reference_rows_that_the_same_scaler_scaled_do_not_tell_the_range(wording: SnapshotAssertion) -> None:
    known = {
        "raw": (rows_fact(ROWS),),
        "reference": (rows_fact(ROWS),),
        "reference_fed": (rows_fact(STANDARD),),
    }
    scaled = {**known, "scaling": scaling_fact(StandardScaler().fit(ROWS), ROWS)}
    verdict = fed(STANDARD, **scaled)
    assert (verdict.status, verdict.message) == (Status.PASS, wording)
    assert fed(STANDARD, **known).message != verdict.message
    assert fed(STANDARD, **{**scaled, "state": "scaled"}).message != verdict.message

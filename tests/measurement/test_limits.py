"""limits: the origin of a limit, and which measurement decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.limits import Judgement, NoiseEvidence, judge
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Limit, Policy, UserLimit
from keras_consistency_cli.measurement.rounding import CALIBRATION_ROWS, FLOAT64_GAIN
from tests.helpers.wording import masked

E = 2.0**-13
"""The rounding noise of every element: outputs are 1, the float64 copy's 1 - E."""
ULP = 2.0**-23 * (1 + E)
CALIBRATED = Limit(value=4 * E + 2.0**-23, origin="calibrated")
PAST = 2.0**-20
ROWS = 32


def compared(
    candidate: np.ndarray,
    reference: np.ndarray,
    stated: UserLimit | None = None,
    float64_copy: np.ndarray | None = None,
) -> Comparison:
    exact = None if float64_copy is None else RowOutputs(outputs={"out": float64_copy})
    answers = RowOutputs(outputs={"out": candidate}), RowOutputs(outputs={"out": reference})
    return compare(("candidate", "predict"), *answers, float64_copy=exact, stated={"out": stated})[0]


def predicted(rows: int = ROWS) -> np.ndarray:
    return np.ones((rows, 1), np.float32)


def exact(rows: int = ROWS) -> np.ndarray:
    return np.full((rows, 1), 1 - E)


def noise(rows: int = ROWS) -> Comparison:
    """Predict compared with its float64 copy: the noise is E everywhere."""
    measured = compared(predicted(rows), exact(rows), float64_copy=exact(rows))
    return replace(measured, row_digests=tuple(range(rows)))


def moved(
    by: float, *, rows: int = ROWS, only: int | None = 3, stated: UserLimit | None = None
) -> Comparison:
    """A candidate that is `by` away from predict in one row, or in all."""
    candidate = predicted(rows)
    candidate[slice(None) if only is None else only] += np.float32(by)
    return compared(candidate, predicted(rows), stated, exact(rows))


def float64_pair(by: float) -> Comparison:
    """The same pair on the float64 copy, with a difference of `by`."""
    return compared(exact() + by, exact())


def calibrated(pair: Comparison, twin: Comparison | None = None, rows: int = ROWS) -> Judgement:
    return judge(NoiseEvidence(pair=pair, noise=noise(rows), float64_pair=twin), policy=Policy())


@pytest.mark.parametrize(
    ("by", "within"),
    [(0.0, True), (E, True), (4 * E, True), (4 * E + PAST, False), (-4 * E, True), (-4 * E - PAST, False)],
)
def test_the_limit_is_four_times_the_noise_and_one_ulp(
    by: float, within: bool, wording: SnapshotAssertion
) -> None:
    judgement = calibrated(moved(by))
    assert (judgement.within, judgement.limit) == (within, CALIBRATED)
    assert judgement.reason == wording


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_one_ulp_of_the_greatest_output_is_allowed_without_any_noise(dtype: str) -> None:
    values = np.full((ROWS, 1), 64, dtype)
    flat = compared(values, values.astype("float64"), float64_copy=values.astype("float64"))
    flat = replace(flat, row_digests=tuple(range(ROWS)))
    judgement = judge(NoiseEvidence(pair=compared(values, values), noise=flat), policy=Policy())
    assert judgement.limit == Limit(value=64 * float(np.finfo(dtype).eps), origin="calibrated")


@pytest.mark.parametrize(("by", "within"), [(0.9e-12, True), (1.1e-12, False)])
def test_the_limit_of_a_model_in_float64_is_a_share_of_its_output(by: float, within: bool) -> None:
    """Its float64 copy is no better than it is, and finds no noise."""
    pair = compared(exact() + by, exact())
    judgement = judge(
        NoiseEvidence(pair=pair, noise=compared(exact(), exact(), float64_copy=exact())), policy=Policy()
    )
    assert (judgement.within, judgement.limit) == (within, Limit(value=1e-12 * (1 - E), origin="fallback"))


def test_the_mean_difference_has_a_limit_of_its_own(wording: SnapshotAssertion) -> None:
    assert calibrated(moved(3 * E)).within
    everywhere = calibrated(moved(3 * E, only=None))
    limit = replace(CALIBRATED, value=2.5 * E + 2.0**-24, measure="mean")
    assert (everywhere.within, everywhere.limit) == (False, limit)
    assert everywhere.reason == wording


@pytest.mark.parametrize(
    ("layered", "within", "origin"),
    [
        (0.06, True, "amplified"),
        (1e-7, False, "fallback"),
        (None, False, "fallback"),
        (0.002, False, "amplified"),
    ],
    ids=["a million within", "nothing large within", "unknown", "less within"],
)
def test_rounding_of_a_model_in_float64_counts_its_layers(
    layered: float | None, within: bool, origin: str
) -> None:
    """A difference of 1e-10, and layers whose rounding in float32 would be this large."""
    ones = np.ones((ROWS, 1))
    pair = compared(ones + 1e-10, ones, float64_copy=ones)
    rounded = None if layered is None else compared(ones + layered, ones, float64_copy=ones)
    judged = judge(
        NoiseEvidence(pair=pair, noise=compared(ones, ones, float64_copy=ones), rounded=rounded),
        policy=Policy(),
    )
    assert (judged.within, judged.limit.origin) == (within, origin)


@pytest.mark.parametrize(("share", "within"), [(0.0, False), (0.1, False), (0.3, True), (0.5, True)])
def test_a_mean_difference_that_float64_predicts_is_rounding(share: float, within: bool) -> None:
    """The same routes differ in float64 by this share of what they differ in float32, times 2⁻²⁹."""
    everywhere = moved(3 * E, only=None)
    predicted = compared(exact() + share * 3 * E * FLOAT64_GAIN, exact())
    assert calibrated(everywhere, predicted).within is within


def test_a_mean_difference_that_layers_explain_is_rounding() -> None:
    own = noise()
    layered = replace(own, noise_squares_candidate=4 * own.sum_squares)
    measured = NoiseEvidence(
        pair=moved(3 * E, only=None), noise=own, float64_pair=float64_pair(0.0), rounded=layered
    )
    assert judge(measured, policy=Policy()).within


@pytest.mark.parametrize(("multiple", "within"), [(1.5, False), (2.5, True)])
def test_layers_that_round_more_than_predict_explain_a_greater_difference(
    multiple: float, within: bool
) -> None:
    """One row differs by five times the noise, and nothing is left of that in float64."""
    rounded = compared(predicted() - np.float32(E + multiple * E), predicted(), float64_copy=exact())
    measured = NoiseEvidence(
        pair=moved(5 * E), noise=noise(), float64_pair=float64_pair(0.0), rounded=rounded
    )
    judgement = judge(measured, policy=Policy())
    assert (judgement.within, judgement.limit.origin) == (within, "amplified" if within else "calibrated")


@pytest.mark.parametrize(("multiple", "within"), [(2.9, False), (3.1, True), (6.0, True)])
@pytest.mark.parametrize(("left", "is_gone"), [(0.0, True), (1e-9, False)])
def test_one_row_that_rounding_changes_most_explains_a_greater_difference(
    multiple: float, within: bool, left: float, is_gone: bool
) -> None:
    """In that row predict is lucky: layers that round are `multiple` times its greatest error away."""
    layered = predicted()
    layered[3] += np.float32(multiple * E)
    rounded = compared(layered, predicted(), float64_copy=exact())
    measured = NoiseEvidence(
        pair=moved(5.5 * E), noise=noise(), float64_pair=float64_pair(left), rounded=rounded
    )
    judgement = judge(measured, policy=Policy())
    assert judgement.within is (within and is_gone)


def test_a_candidate_further_from_the_float64_copy_than_predict_is_over() -> None:
    """All rows move by 2 E: away from the float64 copy makes an error of 3 E, towards it one of E."""
    assert not calibrated(moved(2 * E, only=None)).within
    assert calibrated(moved(-2 * E, only=None)).within


@pytest.mark.parametrize(
    ("by", "within"),
    [(0.0, True), (8 * E * 2.0**-29, True), (17 * E * 2.0**-29, False), (1e-9, False), (0.1, False)],
)
def test_a_difference_left_in_float64_is_not_rounding(
    by: float, within: bool, wording: SnapshotAssertion
) -> None:
    """The pair in float32 is far inside its limit: the float64 pair decides."""
    judgement = calibrated(moved(E), float64_pair(by))
    left = Limit(value=16 * (E + 2.0**-23) * FLOAT64_GAIN, origin="calibrated", measure="float64")
    assert judgement.within is within
    assert judgement.limit == (CALIBRATED if within else left)
    assert masked(judgement.reason) == wording


@pytest.mark.parametrize(
    "twin",
    [compared(np.full((ROWS, 1), np.nan), exact()), compared(exact()[:3], exact())],
    ids=["not finite in one", "different shape"],
)
def test_a_float64_pair_that_differs_in_shape_or_finiteness_fails(
    twin: Comparison, wording: SnapshotAssertion
) -> None:
    judgement = calibrated(moved(E), twin)
    assert (judgement.within, judgement.limit) == (False, CALIBRATED)
    assert judgement.reason == wording


def test_a_float64_pair_that_is_not_finite_does_not_fail_identical_outputs() -> None:
    assert calibrated(moved(0.0), compared(np.full((ROWS, 1), np.nan), exact())).within


def test_a_float64_pair_that_agrees_does_not_excuse_a_difference_over_the_limit() -> None:
    assert not calibrated(moved(5 * E), float64_pair(0.0)).within


@pytest.mark.parametrize(
    ("rows", "origin", "factor"),
    [(CALIBRATION_ROWS - 1, "calibrated-few-rows", 32), (CALIBRATION_ROWS, "calibrated", 4)],
)
def test_few_rows_widen_the_limit(rows: int, origin: Any, factor: int) -> None:
    limit = Limit(value=factor * E + factor / 4 * 2.0**-23, origin=origin)
    assert calibrated(moved(factor * E, rows=rows), rows=rows).limit == limit
    assert not calibrated(moved(factor * E + 2.0**-19, rows=rows), rows=rows).within


@pytest.mark.parametrize(("different", "within"), [(1, True), (CALIBRATION_ROWS, False)])
def test_equal_rows_count_once(different: int, within: bool) -> None:
    """Twenty equal rows have one rounding error in common, which may be none by chance."""
    outputs = np.resize(np.arange(different) / 8 + 1, (20, 1)).astype(np.float32)
    own = compared(outputs, outputs - 2.0**-25, float64_copy=outputs - 2.0**-25)
    pair = compared(outputs + np.float32(2.0**-22), outputs, float64_copy=outputs - 2.0**-25)
    measured = NoiseEvidence(pair=pair, noise=own, float64_pair=compared(outputs * 1.0, outputs * 1.0))
    assert own.distinct_rows == different
    assert judge(measured, policy=Policy()).within is within


def test_few_rows_have_no_rule_on_the_mean() -> None:
    assert calibrated(moved(20 * E, rows=8, only=None), rows=8).within


@pytest.mark.parametrize(("by", "within"), [(0.9e-4, True), (1.1e-4, False)])
@pytest.mark.parametrize("unknown", [None, compared(predicted(), exact())], ids=["none", "no elements"])
def test_without_a_float64_copy_a_share_of_the_output_is_the_limit(
    by: float, within: bool, unknown: Comparison | None, wording: SnapshotAssertion
) -> None:
    judgement = judge(NoiseEvidence(pair=moved(by), noise=unknown), policy=Policy())
    assert (judgement.within, judgement.limit) == (within, Limit(value=1e-4, origin="fallback"))
    assert judgement.reason == wording


STATED = UserLimit(rtol=0.0, atol=0.25)
EXACT = Limit(value=0.0, origin="exact")
POLICIES = [Policy(), Policy(stated=UserLimit(rtol=1e9, atol=1e9)), Policy(exact=True)]


@pytest.mark.parametrize(("by", "within"), [(0.25, True), (0.25 + PAST, False)])
def test_a_stated_limit_replaces_calibration(by: float, within: bool, wording: SnapshotAssertion) -> None:
    judgement = judge(
        NoiseEvidence(pair=moved(by, stated=STATED), noise=noise(), float64_pair=float64_pair(0.1)),
        policy=Policy(stated=STATED),
    )
    assert (judgement.within, judgement.limit) == (within, Limit(value=0.25, origin="stated"))
    assert judgement.reason == wording


def test_a_stated_limit_is_relative_to_each_element() -> None:
    """Half of the greatest value is shown as the limit; the small value may move by half of itself only."""
    stated = UserLimit(rtol=0.5, atol=0.0)
    reference = np.array([[8.0], [1.0]], np.float32)
    judged = [
        judge(
            NoiseEvidence(pair=compared(reference + np.array([[0.0], [by]], np.float32), reference, stated)),
            policy=Policy(stated=stated),
        )
        for by in (0.5, 0.75)
    ]
    assert [(each.within, each.limit.value) for each in judged] == [(True, 4.0), (False, 4.0)]


def test_a_limit_for_one_output_wins_over_the_one_for_all() -> None:
    policy = Policy(stated=STATED, per_output=(("score", UserLimit(rtol=0.0, atol=9.0)),))
    assert (policy.stated_for("score"), policy.stated_for("other")) == (
        UserLimit(rtol=0.0, atol=9.0),
        STATED,
    )
    assert Policy(per_output=(("score", STATED),)).stated_for("other") is None


def test_an_output_without_a_stated_limit_is_calibrated() -> None:
    policy = Policy(per_output=(("other", STATED),))
    assert judge(NoiseEvidence(pair=moved(E), noise=noise()), policy=policy).limit == CALIBRATED


@pytest.mark.parametrize(("by", "within"), [(0.0, True), (2.0**-23, False)])
@pytest.mark.parametrize(
    "how",
    [
        {"policy": Policy(exact=True)},
        {"policy": Policy(), "exact": True},
        {"policy": Policy(stated=STATED), "exact": True},
    ],
    ids=["by policy", "by pair", "by pair with stated limit"],
)
def test_exact_requires_identical_bits(
    by: float, within: bool, how: dict[str, Any], wording: SnapshotAssertion
) -> None:
    judgement = judge(NoiseEvidence(pair=moved(by, stated=STATED), noise=noise()), **how)
    assert (judgement.within, judgement.limit) == (within, EXACT)
    assert judgement.reason == wording


def test_exact_for_all_keeps_the_stated_limit_of_an_output() -> None:
    policy = Policy(exact=True, per_output=(("out", STATED),))
    assert judge(NoiseEvidence(pair=moved(0.2, stated=STATED), noise=noise()), policy=policy).within


@pytest.mark.parametrize("policy", POLICIES, ids=["calibrated", "stated", "exact"])
def test_nan_in_one_output_only_is_never_within(policy: Policy) -> None:
    values = predicted()
    values[5] = np.nan
    for pair in (compared(values, predicted(), policy.stated), compared(predicted(), values, policy.stated)):
        measured = NoiseEvidence(pair=pair, noise=noise(), float64_pair=float64_pair(0.0))
        assert not judge(measured, policy=policy).within
        assert not judge(NoiseEvidence(pair=pair), policy=policy).within


def test_nan_in_one_output_only_is_reported(wording: SnapshotAssertion) -> None:
    values = predicted()
    values[5] = np.nan
    judgement = judge(NoiseEvidence(pair=compared(values, predicted()), noise=noise()), policy=Policy())
    assert (judgement.within, judgement.limit) == (False, EXACT)
    assert judgement.reason == wording


@pytest.mark.parametrize("policy", POLICIES, ids=["calibrated", "stated", "exact"])
def test_a_different_shape_is_never_within(policy: Policy, wording: SnapshotAssertion) -> None:
    pair = compared(predicted(3), predicted(4), policy.stated)
    judgement = judge(NoiseEvidence(pair=pair, noise=noise()), policy=policy)
    assert (judgement.within, judgement.limit) == (False, EXACT)
    assert judgement.reason == wording


@pytest.mark.parametrize("policy", POLICIES, ids=["calibrated", "stated", "exact"])
def test_different_strings_are_never_within(policy: Policy) -> None:
    cat, dog = np.array([["cat"]]), np.array([["dog"]])
    assert not judge(NoiseEvidence(pair=compared(cat, dog, policy.stated)), policy=policy).within
    assert judge(NoiseEvidence(pair=compared(cat, cat, policy.stated)), policy=policy).within


@pytest.mark.parametrize(("ratio", "widened"), [(0.5, 1.0), (1.0, 1.0), (5.0, 5.0), (1000.0, 8.0)])
def test_if_predict_happens_to_round_well_the_limit_is_widened(ratio: float, widened: float) -> None:
    own = noise()
    squares = own.noise_squares_reference or 1.0
    layered = replace(
        own,
        candidate="rounded-layers",
        noise_squares_reference=squares,
        noise_squares_candidate=squares * ratio**2,
    )
    alone = NoiseEvidence(pair=moved(0.0), noise=own)
    widest = replace(alone, rounded=layered)
    with_pair = replace(widest, float64_pair=moved(0.0))
    limits = [judge(evidence, policy=Policy()).limit for evidence in (alone, widest, with_pair)]
    assert limits[1].value - limits[0].value == pytest.approx((widened - 1.0) * 4 * own.max_abs)
    assert limits[2] == limits[0]

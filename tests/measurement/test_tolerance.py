"""tolerance: where limits come from, and which instrument decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.measurement.comparison import Answers, Comparison, Stated, compare
from keras_consistency_cli.measurement.tolerance import CALIBRATION_ROWS, Judgement, Limit, Policy, judge

E = 2.0**-13
"""The rounding noise of every element here: answers are 1, the float64 copy's 1 + E."""
ULP = 2.0**-23 * (1 + E)
CALIBRATED = Limit(value=4 * E + 2.0**-23, origin="calibrated")
PAST = 2.0**-20
ROWS = 32


def compared(
    candidate: np.ndarray,
    reference: np.ndarray,
    stated: Stated | None = None,
    float64_copy: np.ndarray | None = None,
) -> Comparison:
    exact = None if float64_copy is None else Answers(outputs={"out": float64_copy})
    answers = Answers(outputs={"out": candidate}), Answers(outputs={"out": reference})
    return compare(("candidate", "predict"), *answers, float64_copy=exact, stated={"out": stated})[0]


def predicted(rows: int = ROWS) -> np.ndarray:
    return np.ones((rows, 1), np.float32)


def exact(rows: int = ROWS) -> np.ndarray:
    return np.full((rows, 1), 1 - E)


def noise(rows: int = ROWS) -> Comparison:
    """Predict against its float64 copy: the noise is E everywhere."""
    return compared(predicted(rows), exact(rows), float64_copy=exact(rows))


def moved(by: float, *, rows: int = ROWS, only: int | None = 3, stated: Stated | None = None) -> Comparison:
    """A candidate that is `by` away from predict in one row, or in all."""
    candidate = predicted(rows)
    candidate[slice(None) if only is None else only] += np.float32(by)
    return compared(candidate, predicted(rows), stated, exact(rows))


def float64_pair(by: float) -> Comparison:
    """The same pair on the float64 copy, `by` apart."""
    return compared(exact() + by, exact())


def calibrated(pair: Comparison, twin: Comparison | None = None, rows: int = ROWS) -> Judgement:
    return judge(pair, noise=noise(rows), float64_pair=twin, policy=Policy())


@pytest.mark.parametrize(
    ("by", "within"),
    [(0.0, True), (E, True), (4 * E, True), (4 * E + PAST, False), (-4 * E, True), (-4 * E - PAST, False)],
)
def test_the_limit_is_four_times_the_noise_and_one_ulp(by: float, within: bool) -> None:
    judgement = calibrated(moved(by))
    assert (judgement.within, judgement.limit) == (within, CALIBRATED)
    assert judgement.reason == (
        "within rounding noise" if within else "4.01 × the model's own rounding noise"
    )


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_one_ulp_of_the_greatest_output_is_allowed_without_any_noise(dtype: str) -> None:
    values = np.full((ROWS, 1), 64, dtype)
    flat = compared(values, values.astype("float64"), float64_copy=values.astype("float64"))
    found = judge(compared(values, values), noise=flat, float64_pair=None, policy=Policy())
    assert found.limit == Limit(value=64 * float(np.finfo(dtype).eps), origin="calibrated")


@pytest.mark.parametrize(("by", "within"), [(0.9e-12, True), (1.1e-12, False)])
def test_a_model_in_float64_is_measured_by_a_share_of_its_output(by: float, within: bool) -> None:
    """Its float64 copy is no better than it is, and finds no noise."""
    pair = compared(exact() + by, exact())
    judgement = judge(
        pair, noise=compared(exact(), exact(), float64_copy=exact()), float64_pair=None, policy=Policy()
    )
    assert (judgement.within, judgement.limit) == (within, Limit(value=1e-12 * (1 - E), origin="fallback"))


def test_the_mean_deviation_has_a_limit_of_its_own() -> None:
    assert calibrated(moved(3 * E)).within
    everywhere = calibrated(moved(3 * E, only=None))
    assert everywhere == Judgement(
        within=False, limit=CALIBRATED, reason="the mean deviation is above what rounding gives on these rows"
    )


def test_a_candidate_that_is_further_from_the_truth_than_predict_is_over() -> None:
    """All rows move by 2 E: away from the float64 copy makes an error of 3 E, towards it one of E."""
    assert not calibrated(moved(2 * E, only=None)).within
    assert calibrated(moved(-2 * E, only=None)).within


@pytest.mark.parametrize(
    ("by", "within"),
    [(0.0, True), (8 * E * 2.0**-29, True), (17 * E * 2.0**-29, False), (1e-9, False), (0.1, False)],
)
def test_what_is_left_in_float64_is_no_rounding(by: float, within: bool) -> None:
    """The pair in float32 is far inside its limit: the lifted pair decides."""
    judgement = calibrated(moved(E), float64_pair(by))
    assert (judgement.within, judgement.limit) == (within, CALIBRATED)
    assert judgement.reason.startswith(
        "within rounding noise, and gone in float64" if within else "not rounding: "
    )


@pytest.mark.parametrize(
    "twin",
    [compared(np.full((ROWS, 1), np.nan), exact()), compared(exact()[:3], exact())],
    ids=["not finite on one side", "another shape"],
)
def test_a_shadow_that_disagrees_in_shape_or_finiteness_fails(twin: Comparison) -> None:
    expected = Judgement(
        within=False, limit=CALIBRATED, reason="the float64 copy disagrees too, in shape or finiteness"
    )
    assert calibrated(moved(E), twin) == expected


def test_a_shadow_that_is_not_finite_says_nothing_of_answers_that_are_the_same() -> None:
    assert calibrated(moved(0.0), compared(np.full((ROWS, 1), np.nan), exact())).within


def test_a_lifted_pair_that_agrees_saves_nothing_that_is_over_the_limit() -> None:
    assert not calibrated(moved(5 * E), float64_pair(0.0)).within


@pytest.mark.parametrize(
    ("rows", "origin", "factor"),
    [(CALIBRATION_ROWS - 1, "calibrated-few-rows", 32), (CALIBRATION_ROWS, "calibrated", 4)],
)
def test_few_rows_widen_the_limit(rows: int, origin: Any, factor: int) -> None:
    limit = Limit(value=factor * E + 2.0**-23, origin=origin)
    assert calibrated(moved(factor * E, rows=rows), rows=rows).limit == limit
    assert not calibrated(moved(factor * E + 2.0**-19, rows=rows), rows=rows).within


def test_few_rows_have_no_rule_on_the_mean() -> None:
    assert calibrated(moved(20 * E, rows=8, only=None), rows=8).within


@pytest.mark.parametrize(("by", "within"), [(0.9e-4, True), (1.1e-4, False)])
@pytest.mark.parametrize(
    "unknown", [None, compared(predicted(), exact())], ids=["none", "measured on nothing"]
)
def test_without_a_shadow_a_share_of_the_output_is_the_limit(
    by: float, within: bool, unknown: Comparison | None
) -> None:
    judgement = judge(moved(by), noise=unknown, float64_pair=None, policy=Policy())
    expected = Judgement(
        within=within,
        limit=Limit(value=1e-4, origin="fallback"),
        reason="no float64 copy: 1e-4 of the greatest output",
    )
    assert judgement == expected


STATED = Stated(rtol=0.0, atol=0.25)


@pytest.mark.parametrize(("by", "within"), [(0.25, True), (0.25 + PAST, False)])
def test_a_stated_limit_replaces_calibration(by: float, within: bool) -> None:
    judgement = judge(
        moved(by, stated=STATED), noise=noise(), float64_pair=float64_pair(0.1), policy=Policy(stated=STATED)
    )
    assert judgement == Judgement(
        within=within,
        limit=Limit(value=0.25, origin="stated"),
        reason="stated: atol 0.25 + rtol 0 · |reference|",
    )


def test_a_stated_limit_is_relative_to_each_element() -> None:
    """Half of the greatest value is shown as the limit; the small value may move by half of itself only."""
    stated = Stated(rtol=0.5, atol=0.0)
    reference = np.array([[8.0], [1.0]], np.float32)
    judged = [
        judge(
            compared(reference + np.array([[0.0], [by]], np.float32), reference, stated),
            noise=None,
            float64_pair=None,
            policy=Policy(stated=stated),
        )
        for by in (0.5, 0.75)
    ]
    assert [(each.within, each.limit.value) for each in judged] == [(True, 4.0), (False, 4.0)]


def test_limits_by_output_win_over_the_one_for_all() -> None:
    policy = Policy(stated=STATED, per_output=(("score", Stated(rtol=0.0, atol=9.0)),))
    assert (policy.stated_for("score"), policy.stated_for("other")) == (Stated(rtol=0.0, atol=9.0), STATED)
    assert Policy(per_output=(("score", STATED),)).stated_for("other") is None


def test_an_output_without_a_stated_limit_is_calibrated() -> None:
    assert (
        judge(
            moved(E), noise=noise(), float64_pair=None, policy=Policy(per_output=(("other", STATED),))
        ).limit
        == CALIBRATED
    )


@pytest.mark.parametrize(("by", "within"), [(0.0, True), (2.0**-23, False)])
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"policy": Policy(exact=True)}, ", by --exact"),
        ({"policy": Policy(), "exact": True}, ""),
        ({"policy": Policy(stated=STATED), "exact": True}, ""),
    ],
)
def test_exact_asks_for_the_same_bits(by: float, within: bool, how: dict[str, Any], words: str) -> None:
    judgement = judge(moved(by, stated=STATED), noise=noise(), float64_pair=None, **how)
    assert judgement == Judgement(
        within=within, limit=Limit(value=0.0, origin="exact"), reason="the same bits are asked for" + words
    )


def test_exact_for_all_leaves_an_output_its_stated_limit() -> None:
    policy = Policy(exact=True, per_output=(("out", STATED),))
    assert judge(moved(0.2, stated=STATED), noise=noise(), float64_pair=None, policy=policy).within


@pytest.mark.parametrize("policy", [Policy(), Policy(stated=Stated(rtol=1e9, atol=1e9)), Policy(exact=True)])
def test_nan_on_one_side_is_never_within(policy: Policy) -> None:
    values = predicted()
    values[5] = np.nan
    for pair in (compared(values, predicted(), policy.stated), compared(predicted(), values, policy.stated)):
        assert not judge(pair, noise=noise(), float64_pair=float64_pair(0.0), policy=policy).within
        assert not judge(pair, noise=None, float64_pair=None, policy=policy).within


def test_nan_on_one_side_is_told() -> None:
    values = predicted()
    values[5] = np.nan
    expected = Judgement(
        within=False, limit=Limit(value=0.0, origin="exact"), reason="1 values are finite on one side only"
    )
    assert judge(compared(values, predicted()), noise=noise(), float64_pair=None, policy=Policy()) == expected


@pytest.mark.parametrize("policy", [Policy(), Policy(stated=Stated(rtol=1e9, atol=1e9)), Policy(exact=True)])
def test_another_shape_is_never_within(policy: Policy) -> None:
    pair = compared(predicted(3), predicted(4), policy.stated)
    expected = Judgement(
        within=False, limit=Limit(value=0.0, origin="exact"), reason="shapes differ: (3, 1) against (4, 1)"
    )
    assert judge(pair, noise=noise(), float64_pair=None, policy=policy) == expected


@pytest.mark.parametrize("policy", [Policy(), Policy(stated=Stated(rtol=1e9, atol=1e9)), Policy(exact=True)])
def test_other_words_are_never_within(policy: Policy) -> None:
    cat, dog = np.array([["cat"]]), np.array([["dog"]])
    assert not judge(compared(cat, dog, policy.stated), noise=None, float64_pair=None, policy=policy).within
    assert judge(compared(cat, cat, policy.stated), noise=None, float64_pair=None, policy=policy).within


@pytest.mark.parametrize(("ratio", "widened"), [(0.5, 1.0), (1.0, 1.0), (5.0, 5.0), (1000.0, 8.0)])
def test_where_predict_rounds_well_by_luck_another_compiler_may_round_worse(
    ratio: float, widened: float
) -> None:
    own = noise()
    squares = own.noise_squares_reference or 1.0
    layered = replace(
        own,
        candidate="rounded-layers",
        noise_squares_reference=squares,
        noise_squares_candidate=squares * ratio**2,
    )
    alone = judge(moved(0.0), noise=own, float64_pair=None, policy=Policy())
    other = judge(moved(0.0), noise=own, float64_pair=None, policy=Policy(), rounded=layered)
    float64_pair = judge(moved(0.0), noise=own, float64_pair=moved(0.0), policy=Policy(), rounded=layered)
    assert other.limit.value - alone.limit.value == pytest.approx((widened - 1.0) * 4 * own.max_abs)
    assert float64_pair.limit == alone.limit

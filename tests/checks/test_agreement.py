"""The verdict that most checks share, on pairs of routes with real comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.judgement import worst
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.measurement.facts import OutputFact
from keras_consistency_cli.measurement.policy import Policy, UserLimit
from keras_consistency_cli.routes.trace import Trace

PAIRS = (Pair(candidate="shuffled", reference="predict"), Pair(candidate="call", reference="predict"))
WORDING = Wording(agree="they agree", differ="they differ", advice="do this")
LIMIT = 4 * 2.0**-15
NAN = float("nan")


def examine(evidence: Evidence) -> Verdict:
    return agreement(evidence, PAIRS, WORDING)


CHECK = Check(code="KC999", name="both", title="t", explanation="", pairs=PAIRS, examine=examine)


def holed(world: Any, *rows: int) -> np.ndarray:
    values: np.ndarray = world.predict.copy()
    values[list(rows)] = NAN
    return values


def test_healthy(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.verdict(CHECK)
    assert (verdict.status, verdict.message, verdict.reason, verdict.advice) == (
        Status.PASS,
        wording,
        None,
        None,
    )
    assert [
        (each.comparison.candidate, each.within, each.limit.origin, each.float64_pair is not None)
        for each in verdict.judged
    ] == [
        ("shuffled", True, "calibrated", True),
        ("call", True, "calibrated", True),
    ]


@pytest.mark.parametrize(
    ("by", "status"),
    [(0.9 * LIMIT, Status.PASS), (-0.9 * LIMIT, Status.PASS), (1.1 * LIMIT, Status.FAIL), (0.1, Status.FAIL)],
)
def test_rounding_inside_the_limit_passes(world: Any, by: float, status: Status) -> None:
    assert world.where({"shuffled": world.moved(by)}).verdict(CHECK).status is status


def test_a_failure_reports_distance_rows_and_advice(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"shuffled": world.moved(0.5, (3, 7))}).verdict(CHECK)
    assert verdict == Verdict(
        status=Status.FAIL,
        message=verdict.message,
        code="KC999",
        name="both",
        judged=verdict.judged,
        advice="do this",
    )
    assert [worst.row for worst in verdict.judged[0].comparison.worst] == [3, 7]
    assert verdict.message == wording


def test_the_pair_on_the_float64_copy_decides(world: Any, wording: SnapshotAssertion) -> None:
    """A leak of 1e-9 is far below rounding; on the float64 copy it is not."""
    verdict = world.where({"shuffled-float64": world.moved(1e-9, precision="float64")}).verdict(CHECK)
    assert verdict.status is Status.FAIL
    assert verdict.judged[0].reason == wording
    assert (
        world.where({"shuffled-float64": world.moved(1e-14, precision="float64")}).verdict(CHECK).status
        is Status.PASS
    )


def test_rows_are_counted_in_the_comparison_that_decides(world: Any, wording: SnapshotAssertion) -> None:
    """The float64 copy ran 8 of the 32 rows, and all of them differ."""
    every = range(len(world.predict))
    batch = {"out": world.moved(0.5, every, precision="float64")[:8]}
    verdict = world.where(
        {
            "shuffled": world.moved(0.5, every),
            "shuffled-float64": Trace(route="", outputs=batch, rows=np.arange(8)),
        }
    ).verdict(CHECK)
    (shuffled,) = [each for each in verdict.judged if each.comparison.candidate == "shuffled"]
    assert (shuffled.comparison.rows, shuffled.decisive.rows, shuffled.rows_beyond) == (32, 8, 8)
    assert verdict.message == wording


@pytest.mark.parametrize(
    ("by", "limit", "status"),
    [
        (0.5, UserLimit(rtol=0.0, atol=1e308), Status.ERROR),
        (0.5, UserLimit(rtol=1.0, atol=0.0), Status.ERROR),
        (0.5, UserLimit(rtol=0.0, atol=0.9), Status.PASS),
        (0.1 * LIMIT, UserLimit(rtol=0.0, atol=1e308), Status.PASS),
        (0.0, UserLimit(rtol=1.0, atol=1e308), Status.PASS),
    ],
)
def test_a_limit_that_zeros_would_pass_is_an_error(
    world: Any, by: float, limit: UserLimit, status: Status, wording: SnapshotAssertion
) -> None:
    verdict = world.where({"shuffled": world.moved(by)}, policy=Policy(stated=limit)).verdict(CHECK)
    assert verdict.status is status
    assert verdict.reason == wording


def test_few_rows_widen_the_limit(make_world: Any) -> None:
    few = make_world(8)
    verdict = few.where({"shuffled": few.moved(7 * LIMIT)}).verdict(CHECK)
    assert (verdict.status, verdict.judged[0].limit.origin) == (Status.PASS, "calibrated-few-rows")
    assert few.where({"shuffled": few.moved(9 * LIMIT)}).verdict(CHECK).status is Status.FAIL


@pytest.mark.parametrize(("by", "status"), [(0.9e-4, Status.PASS), (1.2e-4, Status.FAIL)])
def test_without_a_float64_copy_the_limit_is_a_share_of_the_output(
    world: Any, missing: Trace, by: float, status: Status
) -> None:
    without_float64_copy = {f"{route}-float64": missing for route in ("predict", "shuffled", "call")}
    verdict = world.where({**without_float64_copy, "shuffled": world.moved(by)}).verdict(CHECK)
    assert (verdict.status, verdict.judged[0].limit.origin, verdict.judged[0].float64_pair) == (
        status,
        "fallback",
        None,
    )


@pytest.mark.parametrize(
    ("policy", "by", "status"),
    [
        (Policy(stated=UserLimit(rtol=0.0, atol=0.3)), 0.25, Status.PASS),
        (Policy(stated=UserLimit(rtol=0.0, atol=0.3)), 0.35, Status.FAIL),
        (Policy(stated=UserLimit(rtol=0.3, atol=0.0)), 0.25, Status.PASS),
        (Policy(per_output=(("out", UserLimit(rtol=0.0, atol=0.3)),)), 0.25, Status.PASS),
        (Policy(per_output=(("other", UserLimit(rtol=0.0, atol=0.3)),)), 0.25, Status.FAIL),
        (
            Policy(
                stated=UserLimit(rtol=0.0, atol=1.0),
                per_output=(("out", UserLimit(rtol=0.0, atol=0.1)),),
            ),
            0.25,
            Status.FAIL,
        ),
        (Policy(exact=True), 0.0, Status.PASS),
        (Policy(exact=True), 2.0**-22, Status.FAIL),
        (Policy(exact=True, per_output=(("out", UserLimit(rtol=0.0, atol=0.3)),)), 0.25, Status.PASS),
    ],
)
def test_limits_that_the_user_states(world: Any, policy: Policy, by: float, status: Status) -> None:
    assert world.where({"shuffled": world.moved(by)}, policy=policy).verdict(CHECK).status is status


def test_a_stated_limit_holds_where_predict_did_not_run(world: Any, crashed: Trace) -> None:
    """Pairs of other routes are still compared with it."""
    pairs = (Pair(candidate="bare-call", reference="call"),)
    check = Check(
        code="KC999",
        name="c",
        title="t",
        explanation="",
        pairs=pairs,
        examine=lambda evidence: agreement(evidence, pairs, WORDING),
    )
    policy = Policy(stated=UserLimit(rtol=0.0, atol=0.1))
    assert (
        world.where({"predict": crashed, "bare-call": world.moved(0.5)}, policy=policy).verdict(check).status
        is Status.FAIL
    )


def test_an_exact_pair_requires_the_same_bits_whatever_the_limit(world: Any) -> None:
    pairs = (Pair(candidate="shuffled", reference="predict", exact=True),)
    check = Check(
        code="KC999",
        name="exact",
        title="t",
        explanation="",
        pairs=pairs,
        examine=lambda evidence: agreement(evidence, pairs, WORDING),
    )
    assert world.verdict(check).status is Status.PASS
    assert (
        world.where({"shuffled": world.moved(2.0**-22)}, policy=Policy(stated=UserLimit(rtol=1.0, atol=1.0)))
        .verdict(check)
        .status
        is Status.FAIL
    )


# --- what must never pass


def test_a_crash_is_an_error(world: Any, crashed: Trace, wording: SnapshotAssertion) -> None:
    verdict = world.where({"call": crashed}).verdict(CHECK)
    assert (verdict.status, verdict.message, verdict.reason) == (
        Status.ERROR,
        wording,
        "call: ValueError: boom",
    )
    assert [each.comparison.candidate for each in verdict.judged] == ["shuffled"]


def test_a_failure_goes_before_a_crash_and_reports_it(world: Any, crashed: Trace) -> None:
    verdict = world.where({"call": crashed, "shuffled": world.moved(0.5)}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.FAIL, "call: ValueError: boom")


def test_a_crash_of_the_reference_is_an_error(world: Any, crashed: Trace) -> None:
    assert world.where({"predict": crashed}).verdict(CHECK).reason == "predict: ValueError: boom"


def test_a_crash_goes_before_a_missing_route(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where({"call": crashed, "shuffled": missing}).verdict(CHECK).status is Status.ERROR


def test_nothing_to_compare_is_skipped_with_its_reasons(world: Any, missing: Trace) -> None:
    verdict = world.where({"call": missing, "shuffled": missing}).verdict(CHECK)
    assert (verdict.status, verdict.judged) == (Status.SKIP, ())
    assert verdict.reason == "shuffled, call: not on this machine"


def test_routes_without_outputs_are_nothing_to_compare(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"call": Trace(route=""), "shuffled": Trace(route="")}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.SKIP, wording)


def test_one_missing_route_passes_and_is_reported(world: Any, missing: Trace) -> None:
    verdict = world.where({"call": missing}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.PASS, "call: not on this machine")


def test_a_missing_float64_copy_is_not_a_problem_of_the_check(
    world: Any, crashed: Trace, missing: Trace
) -> None:
    verdict = world.where({"shuffled-float64": crashed, "call-float64": missing}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.PASS, None)


def test_no_rows_are_nothing_to_compare(make_world: Any) -> None:
    assert make_world(0).verdict(CHECK).status is Status.SKIP


def test_outputs_without_elements_are_nothing_to_compare(world: Any) -> None:
    hollow = np.zeros((32, 0), np.float32)
    assert (
        world.where(dict.fromkeys(("predict", "shuffled", "call"), hollow)).verdict(CHECK).status
        is Status.SKIP
    )


@pytest.mark.parametrize("side", ["predict", "shuffled"])
def test_nan_on_one_side_fails(world: Any, side: str, wording: SnapshotAssertion) -> None:
    verdict = world.where({side: holed(world, 3, 4)}).verdict(CHECK)
    assert verdict.status is Status.FAIL
    assert verdict.message == wording


def test_nan_on_one_side_is_reported_with_rounding(world: Any, wording: SnapshotAssertion) -> None:
    """The rounding in row 9 is not a fault, and must not be reported instead of the NaN in row 3."""
    values = world.moved(0.5 * LIMIT, (9,))
    values[3] = NAN
    verdict = world.where({"shuffled": values}).verdict(CHECK)
    assert verdict.status is Status.FAIL
    assert verdict.message == wording


def test_nan_on_both_sides_is_counted(world: Any) -> None:
    verdict = world.where(dict.fromkeys(("predict", "shuffled", "call"), holed(world, 3))).verdict(CHECK)
    assert verdict.status is Status.PASS
    counted = [
        (each.comparison.nonfinite_candidate, each.comparison.nonfinite_reference) for each in verdict.judged
    ]
    assert counted == [(1, 1), (1, 1)]


def test_nan_on_both_sides_hides_no_fault(world: Any) -> None:
    both = holed(world, 3)
    moved = np.where(np.arange(32).reshape(-1, 1) == 9, both + np.float32(0.5), both)
    assert (
        world.where({"predict": both, "shuffled": moved, "call": both}).verdict(CHECK).status is Status.FAIL
    )


@pytest.mark.parametrize("shape", [(31, 1), (32, 2), (32,), (32, 1, 1)])
def test_a_different_shape_fails(world: Any, shape: tuple[int, ...], wording: SnapshotAssertion) -> None:
    verdict = world.where({"shuffled": np.ones(shape, np.float32)}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.FAIL, wording)


def test_an_output_that_is_missing_fails(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"shuffled": {"other": world.predict}}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.FAIL,
        wording,
    )


def test_the_worst_of_several_outputs_is_reported(world: Any, wording: SnapshotAssertion) -> None:
    two = {"out": world.predict, "b": world.predict}
    float64_copies = {
        f"{route}-float64": {"out": world.exact, "b": world.exact}
        for route in ("predict", "shuffled", "call")
    }
    answers = {
        **float64_copies,
        "predict": two,
        "call": {"out": world.moved(0.25), "b": world.predict},
        "shuffled": {"out": world.predict, "b": world.moved(0.5)},
    }
    verdict = world.where(answers).verdict(CHECK)
    assert verdict.message == wording
    assert [each.within for each in verdict.judged] == [True, False, False, True]
    assert worst(verdict.judged).comparison.output == "b"


# --- rounding that predict does not have

REST = 2.0**-29


def extra_rounding(world: Any, by: float, rest: float, layered: float = 0.0) -> Verdict:
    """The verdict if the call changes by `by` up and down in turn, and its float64 copy by `rest`.

    Rounding after each layer changes outputs by `layered`.
    """
    turn = np.where(np.arange(len(world.predict)) % 2, 1.0, -1.0).reshape(-1, 1)
    answers = {
        "call": (world.predict + by * turn).astype(np.float32),
        "call-float64": world.exact + rest * turn,
    }
    if layered:
        answers["rounded-layers"] = world.exact + layered * turn
    verdict: Verdict = world.where(answers).verdict(CHECK)
    return verdict


@pytest.mark.parametrize("layered", [0.0, 0.02])
@pytest.mark.parametrize(("by", "status"), [(0.0009, Status.PASS), (0.02, Status.WARN)])
def test_a_difference_that_shrinks_in_float64_as_rounding_does_is_rounding(
    world: Any, by: float, status: Status, layered: float, wording: SnapshotAssertion
) -> None:
    verdict = extra_rounding(world, by, by * REST)
    assert (verdict.status, verdict.findings) == (
        status,
        {"cause": "ill-conditioned"} if status is Status.WARN else {},
    )
    assert [each.limit.origin for each in verdict.judged] == ["calibrated", "amplified"]
    assert verdict.message == wording


def test_a_difference_that_vanishes_in_float64_is_rounding_if_layers_round_as_much(
    world: Any,
) -> None:
    assert extra_rounding(world, 0.02, 0.0, layered=0.02).status is Status.WARN
    assert extra_rounding(world, 0.0005, 0.0, layered=0.0005).status is Status.PASS


@pytest.mark.parametrize(
    ("by", "rest", "layered"),
    [
        pytest.param(0.02, 0.0, 0.0, id="acts in float32 alone"),
        pytest.param(0.02, 0.0, 2.0**-14, id="acts in float32 alone, layers round as predict does"),
        pytest.param(0.02, 0.0, 0.002, id="acts in float32 alone, beyond what layers round"),
        pytest.param(0.02, 0.002 * REST, 0.0, id="too little is left for that much"),
        pytest.param(0.02, 0.2 * REST, 0.0, id="more is left than rounding leaves"),
        pytest.param(0.02, 0.02, 0.02, id="stays in float64"),
        pytest.param(0.02, 1e-8, 0.02, id="shrinks, but not as rounding does"),
    ],
)
def test_a_difference_that_rounding_does_not_explain_fails(
    world: Any, by: float, rest: float, layered: float
) -> None:
    assert extra_rounding(world, by, rest, layered).status is Status.FAIL


def test_one_row_that_changes_alone_is_not_rounding(world: Any) -> None:
    turn = np.where(np.arange(len(world.predict)) % 2, 1.0, -1.0).reshape(-1, 1)
    answers = {
        "call": world.moved(0.02),
        "call-float64": world.exact,
        "rounded-layers": world.exact + 0.001 * turn,
    }
    assert world.where(answers).verdict(CHECK).status is Status.FAIL


# --- decisions


def near_ties(make_world: Any, flips: int, rows: int = 40) -> Any:
    """Outputs of 0.5 and slightly more; `flips` of the candidates are slightly less, within the limit."""
    base = make_world(rows, centre=0.0)
    predict = np.full((rows, 1), 0.5, np.float32)
    flipped = predict.copy()
    flipped[:flips] -= np.float32(2.0**-15)
    exact = predict + np.where(np.arange(rows) % 2, 2.0**-15, -(2.0**-15)).reshape(-1, 1)
    answers = {"predict": predict, "call": predict, "shuffled": flipped}
    answers |= {f"{route}-float64": exact for route in answers} | {"rounded-layers": exact}
    return base.where(
        answers, facts={"outputs": (OutputFact(name="out", shape=(None, 1), decision="threshold"),)}
    )


@pytest.mark.parametrize(
    ("flips", "status"),
    [(0, Status.PASS), (1, Status.WARN), (2, Status.WARN), (3, Status.FAIL), (20, Status.FAIL)],
)
def test_decisions_that_rounding_changes_warn_and_fail_above_a_twentieth(
    make_world: Any, flips: int, status: Status, wording: SnapshotAssertion
) -> None:
    verdict = near_ties(make_world, flips).verdict(CHECK)
    assert verdict.status is status
    assert all(each.within for each in verdict.judged)
    if flips:
        assert verdict.message == wording
        assert verdict.advice == wording


def test_a_difference_within_a_stated_limit_is_not_called_rounding(
    make_world: Any, wording: SnapshotAssertion
) -> None:
    verdict = (
        near_ties(make_world, 1).where(policy=Policy(stated=UserLimit(rtol=0.0, atol=0.1))).verdict(CHECK)
    )
    assert (verdict.status, verdict.message) == (
        Status.WARN,
        wording,
    )


def test_changed_decisions_beyond_the_limit_are_reported_with_the_failure(
    make_world: Any, wording: SnapshotAssertion
) -> None:
    tied = near_ties(make_world, 0)
    assert (
        tied.where({"shuffled": tied.answers["predict"] - np.float32(0.25)}).verdict(CHECK).message == wording
    )


def test_several_decisions_a_row_are_counted_as_decisions(
    make_world: Any, wording: SnapshotAssertion
) -> None:
    """Ten labels a row: 3 flips of 400 decisions are fewer than a twentieth."""
    base = near_ties(make_world, 0)
    wide = {route: np.repeat(values, 10, axis=1) for route, values in base.answers.items()}
    wide["shuffled"] = wide["shuffled"].copy()
    wide["shuffled"][0, :3] -= np.float32(2.0**-15)
    verdict = base.where(wide).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.WARN, wording)

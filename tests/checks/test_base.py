"""base: a check signs its answer, and a crash of the check is its own error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Check, Evidence, Judged, Status, Verdict
from keras_consistency_cli.measurement.comparison import Answers, compare
from keras_consistency_cli.measurement.tolerance import Limit


def check(examine: Any) -> Check:
    return Check(code="KC999", name="nothing", title="t", explanation="Why: so.", examine=examine)


def test_statuses_are_declared_from_good_to_bad() -> None:
    assert [status.value for status in Status] == ["pass", "skip", "warn", "error", "fail"]


def test_a_verdict_is_signed(world: Any) -> None:
    asked = check(lambda _evidence: Verdict(status=Status.WARN, message="hm", findings={"a": 1}))
    assert world.verdict(asked) == Verdict(
        status=Status.WARN, message="hm", code="KC999", name="nothing", findings={"a": 1}
    )


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (KeyError("gone"), "KeyError: 'gone'"),
        (ValueError("a\x1b[31m\nb"), "ValueError: a\\x1b[31m\\x0ab"),
        (ZeroDivisionError(), "ZeroDivisionError: "),
    ],
    ids=["KeyError", "control characters", "no text"],
)
def test_a_check_that_crashes_is_an_error_and_never_a_pass(
    world: Any, problem: Exception, reason: str, wording: SnapshotAssertion
) -> None:
    def examine(_evidence: Evidence) -> Verdict:
        raise problem

    found = world.verdict(check(examine))
    assert found == Verdict(
        status=Status.ERROR, message=found.message, code="KC999", name="nothing", reason=reason
    )
    assert found.message == wording


def test_an_interruption_is_not_swallowed(world: Any) -> None:
    def examine(_evidence: Evidence) -> Verdict:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.verdict(check(examine))


def flipping(*, within: bool = True, flips: int = 1) -> Judged:
    theirs = np.full((40, 1), 0.5)
    mine = theirs.copy()
    mine[:flips] -= 1e-6
    found = compare(
        ("served", "predict"),
        Answers(outputs={"y": mine}),
        Answers(outputs={"y": theirs}),
        decisions={"y": "threshold"},
    )[0]
    return Judged(comparison=found, limit=Limit(value=1e-3, origin="stated"), within=within)


def test_a_pass_with_decisions_that_flip_inside_the_limit_is_never_silent(
    world: Any, wording: SnapshotAssertion
) -> None:
    """No check has to think of it: agreement() warns by itself, and what judges pairs in another way is caught here."""
    found = world.verdict(
        check(
            lambda _evidence: Verdict(status=Status.PASS, message="all is well", judged=(flipping(flips=2),))
        )
    )
    assert found.status is Status.WARN
    assert found.message == wording
    assert found.advice == wording


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(status=Status.PASS, message="m", judged=(flipping(flips=0),)),
        Verdict(status=Status.PASS, message="m", judged=(flipping(within=False),)),
        Verdict(status=Status.FAIL, message="m", judged=(flipping(),)),
        Verdict(status=Status.SKIP, message="m", reason="r", judged=(flipping(),)),
    ],
    ids=["no flips", "beyond its limit on purpose", "failed", "skipped"],
)
def test_other_verdicts_stay_as_they_are(world: Any, verdict: Verdict) -> None:
    found = world.verdict(check(lambda _evidence: verdict))
    assert (found.status, found.message, found.advice) == (verdict.status, "m", None)

"""Decisions that change within a limit are never silent, whatever a check says about the distance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Check
from keras_consistency_cli.checks.near_ties import UNDECIDED, flipped_share, warn_of_changed_decisions
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Limit


def judged(*, within: bool = True, changed: int = 1) -> Judged:
    """A comparison of 40 decisions of which some change."""
    reference = np.full((40, 1), 0.5)
    candidate = reference.copy()
    candidate[:changed] -= 1e-6
    comparison = compare(
        ("served", "predict"),
        RowOutputs(outputs={"y": candidate}),
        RowOutputs(outputs={"y": reference}),
        decisions={"y": "threshold"},
    )[0]
    return Judged(comparison=comparison, limit=Limit(value=1e-3, origin="stated"), within=within)


def test_a_pass_becomes_a_warning(wording: SnapshotAssertion) -> None:
    warned = warn_of_changed_decisions(Verdict.ok("no difference", judged=(judged(changed=2),)))
    assert (warned.status, warned.advice) == (Status.WARN, UNDECIDED)
    assert warned.message == wording


def test_the_advice_of_the_check_is_kept() -> None:
    warned = warn_of_changed_decisions(Verdict.ok("m", judged=(judged(),), advice="do this"))
    assert (warned.status, warned.advice) == (Status.WARN, "do this")


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict.ok("m", judged=(judged(changed=0),)),
        Verdict.ok("m", judged=(judged(within=False),)),
        Verdict.fail("m", judged=(judged(),)),
        Verdict.skip("m", judged=(judged(),)),
    ],
    ids=["no changes", "beyond its limit on purpose", "failed", "skipped"],
)
def test_other_verdicts_stay_as_they_are(verdict: Verdict) -> None:
    assert warn_of_changed_decisions(verdict) is verdict


def test_every_check_is_covered(world: Any) -> None:
    check = Check(
        code="KC999",
        name="n",
        title="t",
        explanation="",
        examine=lambda _evidence: Verdict.ok("m", judged=(judged(),)),
    )
    assert world.verdict(check).status is Status.WARN


def test_the_share_of_changed_decisions() -> None:
    assert flipped_share(judged(changed=10).comparison) == 0.25
    assert flipped_share(Comparison(candidate="a", reference="b", output="y")) == 0.0

"""Unexplained failures are reported with the causes that the evidence rules out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.diagnosis.diagnose import diagnose
from keras_consistency_cli.diagnosis.unexplained import Unexplained, unexplained_failures
from keras_consistency_cli.measurement.facts import LayerFact


def test_explained_failures_and_other_verdicts_are_left_out(evidence: Any, verdict: Any) -> None:
    verdicts = [
        verdict("KC103"),
        verdict("KC101"),
        verdict("KC602", Status.WARN),
        verdict("KC701", Status.ERROR),
    ]
    known = evidence()
    assert unexplained_failures(known, verdicts, diagnose(known, verdicts)) == ()


def test_a_failure_without_a_cause_says_what_is_ruled_out(
    evidence: Any, verdict: Any, wording: SnapshotAssertion
) -> None:
    verdicts = [verdict("KC204"), verdict("KC103", Status.PASS), verdict("KC701", Status.PASS)]
    assert diagnose(evidence(), verdicts) == ()
    (failure,) = unexplained_failures(evidence(), verdicts, ())
    assert failure.code == "KC204"
    assert list(failure.ruled_out) == [
        "batch-statistics-in-inference",
        "state-carry-over",
        "active-randomness",
        "hidden-state",
        "nan-hidden",
        "predict-overridden",
    ]
    assert failure.ruled_out == wording


def test_a_cause_that_was_not_tested_is_not_ruled_out(evidence: Any, verdict: Any) -> None:
    blind = replace(
        evidence(layers=(LayerFact(path="lstm", kind="LSTM", stateful=True),), overridden=("predict",)),
        comparisons={},
    )
    assert unexplained_failures(blind, [verdict("KC204")], ()) == (Unexplained(code="KC204", ruled_out={}),)


def test_only_causes_that_could_make_this_check_fail_are_named(evidence: Any, verdict: Any) -> None:
    verdicts = [verdict("KC205"), verdict("KC103", Status.PASS), verdict("KC801", Status.PASS)]
    assert unexplained_failures(evidence(), verdicts, ()) == (Unexplained(code="KC205", ruled_out={}),)
    (failure,) = unexplained_failures(evidence(), [verdict("KC802"), *verdicts[1:]], ())
    outside = {"untracked-state", "config-loses-arguments"}
    assert set(failure.ruled_out) == outside | {"active-randomness", "hidden-state", "state-carry-over"}

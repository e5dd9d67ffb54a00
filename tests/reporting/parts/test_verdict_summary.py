"""telling: the sentences and numbers that all reports share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Judged, Status, Verdict
from keras_consistency_cli.reporting.parts.verdict_summary import (
    Figures,
    apart,
    causes_of,
    ending,
    figures,
    flips,
    headline,
    pair,
    skips_by_reason,
    telling,
    would_pass,
)
from keras_consistency_cli.reporting.report import Report

Maker = Callable[..., Report]
Pairing = Callable[..., Judged]


def verdict(
    status: Status, *judged: Judged, message: str = "it differs", reason: str | None = None
) -> Verdict:
    return Verdict(
        code="KC101", name="batch-vs-single", status=status, message=message, reason=reason, judged=judged
    )


def test_the_worst_comparison_stands_for_a_verdict(judged: Pairing) -> None:
    fine, bad = judged("a", "b", 0.0), judged("a", "c", 0.3)
    assert telling(verdict(Status.FAIL, fine, bad)) is bad
    assert telling(verdict(Status.PASS, fine)) is fine


@pytest.mark.parametrize("status", [Status.FAIL, Status.ERROR])
def test_a_failure_within_its_limits_is_about_something_else(status: Status, judged: Pairing) -> None:
    assert telling(verdict(status, judged("a", "b", 0.0))) is None


def test_figures_are_short_and_leave_out_what_was_not_measured(make_report: Maker, judged: Pairing) -> None:
    report, one = make_report(), judged("a", "b", 0.3)
    assert figures(report, one) == Figures(deviation="0.3", multiple="1.0e+07", limit="2.3e-07", rows="256")
    assert figures(report, judged("a", "b", 0.3, exact=True)).limit == "exact"
    odd = replace(one, comparison=replace(one.comparison, nonfinite=3))
    assert figures(report, odd) == Figures(deviation="nonfinite", multiple="—", limit="—", rows="256")


def test_pairs_name_the_output_where_there_are_several(
    make_report: Maker, stateful: Report, judged: Pairing, wording: SnapshotAssertion
) -> None:
    one = judged("again", "predict", 0.3, output="next")
    assert [pair(make_report(), one, "the reference "), pair(stateful, one)] == wording


def test_distances_and_flips_in_words(judged: Pairing, wording: SnapshotAssertion) -> None:
    comparison = judged("a", "b", 0.3).comparison
    assert apart(comparison) == wording
    assert apart(replace(comparison, nonfinite=2)) == wording
    assert apart(replace(comparison, misshapen="(3,) for (4,)")) == ""
    assert flips(replace(comparison, flipped=1)) == wording
    assert flips(replace(comparison, flipped=0)) == ""


def test_the_limit_that_would_pass(judged: Pairing, wording: SnapshotAssertion) -> None:
    one, exact = judged("a", "b", 0.25), judged("companions", "companions-baseline", 0.5, exact=True)
    nonfinite = replace(one, comparison=replace(one.comparison, nonfinite=1))
    assert "--rtol 0 --atol 0.2" in would_pass([one])
    assert [would_pass(failing) for failing in ([one], [one, exact], [exact], [nonfinite])] == wording


@pytest.mark.parametrize("route", ["served", "refit-all", "scaled-alone"])
def test_no_limit_passes_if_the_model_was_fed_different_rows(judged: Pairing, route: str) -> None:
    assert would_pass([judged("a", "b", 0.25), judged(route, "predict", 0.25)]) == ""


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (Status.FAIL, "r", "it differs"),
        (Status.SKIP, "no GPU", "no GPU"),
        (Status.SKIP, None, "no reason was given"),
        (Status.ERROR, "out of memory", "it differs: out of memory"),
        (Status.ERROR, None, "it differs"),
    ],
)
def test_headlines(status: Status, reason: str | None, said: str) -> None:
    assert headline(verdict(status, reason=reason)) == said


def test_skips_are_gathered_by_reason() -> None:
    one, two, other = (
        replace(verdict(Status.SKIP, reason=reason), code=code)
        for code, reason in (("KC1", "a"), ("KC2", "a"), ("KC3", "b"))
    )
    assert skips_by_reason([one, verdict(Status.PASS), other, two]) == {"a": [one, two], "b": [other]}


def test_causes_and_the_last_line(failing: Report) -> None:
    explained, *_, skipped = (one for one in failing.verdicts if one.code in ("KC101", "KC205"))
    assert [diagnosis.cause for diagnosis in causes_of(failing, explained)] == ["cross-sample-dependence"]
    assert causes_of(failing, skipped) == []
    assert ending(failing) == "2 failed, 1 error, 1 warned, 7 passed, 1 skipped in 2.9 s, exit 1"
    assert ending(replace(failing, fail_on="warn")).endswith(", exit 1; warnings count as failures")
    assert ending(replace(failing, verdicts=())) == "no check ran in 2.9 s, exit 3"

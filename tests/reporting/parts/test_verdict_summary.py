"""The texts and numbers that all reports share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.reporting.parts.verdict_summary import (
    Figures,
    compared_text,
    decisions_text,
    decisive_comparison,
    difference_text,
    find_causes,
    format_figures,
    group_errors,
    group_skips,
    headline,
    pair_text,
    passing_limit,
    run_summary,
    shorter_messages,
    sort_worst_first,
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
    assert decisive_comparison(verdict(Status.FAIL, fine, bad)) is bad
    assert decisive_comparison(verdict(Status.PASS, fine)) is fine


@pytest.mark.parametrize("status", [Status.FAIL, Status.ERROR])
def test_a_failure_within_its_limits_is_about_something_else(status: Status, judged: Pairing) -> None:
    assert decisive_comparison(verdict(status, judged("a", "b", 0.0))) is None


def test_figures_are_short_and_leave_out_missing_measurements(make_report: Maker, judged: Pairing) -> None:
    report, one = make_report(), judged("a", "b", 0.3)
    assert format_figures(report, one) == Figures(
        deviation="0.3", multiple="1.0e+07", limit="2.3e-07", rows="256"
    )
    assert format_figures(report, judged("a", "b", 0.3, exact=True)).limit == "exact"
    odd = replace(one, comparison=replace(one.comparison, nonfinite=3))
    assert format_figures(report, odd) == Figures(deviation="nonfinite", multiple="—", limit="—", rows="256")


def test_pairs_name_the_output_if_there_are_several(
    make_report: Maker, stateful: Report, judged: Pairing, wording: SnapshotAssertion
) -> None:
    one = judged("again", "predict", 0.3, output="next")
    assert [pair_text(make_report(), one), compared_text(make_report(), one)] == wording
    assert [pair_text(stateful, one), compared_text(stateful, one)] == wording


def test_distances_and_flips_in_words(judged: Pairing, wording: SnapshotAssertion) -> None:
    comparison = judged("a", "b", 0.3).comparison
    assert difference_text(comparison) == wording
    assert difference_text(replace(comparison, nonfinite=2)) == wording
    assert difference_text(replace(comparison, nonfinite=1, max_abs=0.0)) == wording
    assert difference_text(replace(comparison, rows_differing=0, max_abs=0.0)) == wording
    assert difference_text(replace(comparison, misshapen="(3,) for (4,)")) == ""
    assert decisions_text(replace(comparison, flipped=1)) == wording
    assert decisions_text(replace(comparison, flipped=0)) == ""


def test_the_limit_that_would_pass(judged: Pairing, wording: SnapshotAssertion) -> None:
    one, exact = judged("a", "b", 0.25), judged("companions", "companions-baseline", 0.5, exact=True)
    nonfinite = replace(one, comparison=replace(one.comparison, nonfinite=1))
    assert "--rtol 0 --atol 0.2" in passing_limit([one])
    assert [passing_limit(failing) for failing in ([one], [one, exact], [exact], [nonfinite])] == wording


@pytest.mark.parametrize("route", ["served", "refit-all", "scaled-alone"])
def test_no_limit_passes_if_the_model_was_fed_different_rows(judged: Pairing, route: str) -> None:
    assert passing_limit([judged("a", "b", 0.25), judged(route, "predict", 0.25)]) == ""


@pytest.mark.parametrize(
    ("status", "reason", "text"),
    [
        (Status.FAIL, "r", "it differs"),
        (Status.SKIP, "no GPU", "no GPU"),
        (Status.SKIP, None, "no reason was given"),
        (Status.ERROR, "out of memory", "it differs: out of memory"),
        (Status.ERROR, None, "it differs"),
    ],
)
def test_headlines(status: Status, reason: str | None, text: str) -> None:
    assert headline(verdict(status, reason=reason)) == text


def test_skips_are_grouped_by_reason() -> None:
    one, two, other = (
        replace(verdict(Status.SKIP, reason=reason), code=code)
        for code, reason in (("KC1", "a"), ("KC2", "a"), ("KC3", "b"))
    )
    assert group_skips([one, verdict(Status.PASS), other, two]) == {"a": [one, two], "b": [other]}


def test_causes_and_the_last_line(failing: Report) -> None:
    explained, *_, skipped = (one for one in failing.verdicts if one.code in ("KC101", "KC205"))
    assert [diagnosis.cause for diagnosis in find_causes(failing, explained)] == ["cross-sample-dependence"]
    assert find_causes(failing, skipped) == []
    assert run_summary(failing) == "2 failed, 1 error, 1 warned, 7 passed, 1 skipped in 2.9 s, exit 1"
    assert run_summary(replace(failing, fail_on="warn")).endswith(", exit 1; warnings count as failures")
    assert run_summary(replace(failing, verdicts=())) == "no check ran in 2.9 s, exit 3"


def _judged(name: str, max_abs: float, limit: float, *, within: bool, **measured: object) -> Judged:
    comparison = Comparison(
        candidate=name, reference="predict", output="y", elements=8, max_abs=max_abs, **measured
    )  # type: ignore[arg-type]
    return Judged(comparison=comparison, limit=Limit(value=limit, origin="calibrated"), within=within)


def test_worst_first_ranks_by_share_of_the_limit_and_failures_before_all() -> None:
    near = _judged("near", 0.9, 1.0, within=True)
    far = _judged("far", 1e-3, 1e-6, within=True)
    float64_pair = _judged("lifted", 1e-9, 1e-6, within=False)
    shape = _judged("shape", 0.0, 0.0, within=False, misshapen="(2,) against (3,)")
    odd = _judged("odd", 0.0, 1.0, within=False, nonfinite=2)
    zero = _judged("zero", 0.0, 0.0, within=True)
    broken = _judged("broken", 0.5, math.nan, within=False)
    ranked = sort_worst_first([zero, near, float64_pair, far, odd, broken, shape])
    assert [one.comparison.candidate for one in ranked] == [
        "broken",
        "odd",
        "shape",
        "lifted",
        "far",
        "near",
        "zero",
    ]


def test_shorter_messages_end_with_a_sentence_then_a_clause_then_a_phrase() -> None:
    assert list(shorter_messages("one, two; three. Four, five")) == [
        "one, two; three. Four, five",
        "one, two; three …",
        "one, two …",
        "one, two; three. Four …",
        "one …",
    ]
    assert list(shorter_messages("2.5 of 3,000 rows")) == ["2.5 of 3,000 rows"]


def test_checks_that_ended_with_the_same_error_are_one_group() -> None:
    text = "ValueError: " + "tf.function only supports singleton variables " * 3

    def crashed(code: str, reason: str) -> Verdict:
        return replace(Verdict.error("a route crashed", reason), code=code)

    first, second = crashed("KC101", f"one-by-one, predict: {text}"), crashed("KC204", f"graph: {text}; more")
    other, failed = crashed("KC206", "costs: KeyError: 'x'"), replace(Verdict.fail("differs"), code="KC202")
    bare = [replace(Verdict.error("no answers", ""), code=code) for code in ("KC911", "KC912")]
    groups = group_errors([failed, first, other, second, *bare])
    assert [[each.code for each in group] for group in groups] == [
        ["KC202"],
        ["KC101", "KC204"],
        ["KC206"],
        ["KC911"],
        ["KC912"],
    ]

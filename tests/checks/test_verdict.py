"""Verdicts by name: pass, warning, failure, error and skip."""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.verdict import Status, Verdict


def test_statuses_are_declared_from_best_to_worst() -> None:
    assert [status.value for status in Status] == ["pass", "skip", "warn", "error", "fail"]


def test_each_constructor_gives_its_status() -> None:
    verdicts = [
        Verdict.ok("m"),
        Verdict.skip("m"),
        Verdict.warn("m"),
        Verdict.error("m", "r"),
        Verdict.fail("m"),
    ]
    assert [verdict.status for verdict in verdicts] == list(Status)


def test_the_message_of_a_skip_is_its_reason() -> None:
    skipped = Verdict.skip("no rows given", findings={"a": 1})
    assert (skipped.message, skipped.reason, skipped.findings) == ("no rows given", "no rows given", {"a": 1})


def test_a_cause_is_one_of_the_findings() -> None:
    assert Verdict.fail("m", cause="near-ties", findings={"a": 1}).findings == {"a": 1, "cause": "near-ties"}
    assert Verdict.warn("m", findings={"a": 1}).findings == {"a": 1}


def test_a_verdict_is_shown_in_one_short_line() -> None:
    verdict = Verdict.fail("rows differ; " + "and more " * 90, cause="rounding")
    shown = repr(replace(verdict, code="KC101", name="batch-vs-single"))
    assert shown == "<KC101 batch-vs-single fail: rows differ>"
    assert len(repr(Verdict.skip("x" * 900))) < 120

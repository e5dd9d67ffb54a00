"""Concise: one line per check, for grep."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.reporting.formats.concise import concise_line, render_concise
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import Report

Pairing = Callable[..., Judged]


def test_a_failing_report_whole(failing: Report, wording: SnapshotAssertion) -> None:
    kept = replace(
        failing,
        verdicts=[
            verdict
            for verdict in failing.verdicts
            if verdict.code in ("KC101", "KC104", "KC202", "KC204", "KC205")
        ],
    )
    text = render_concise(kept, Canvas())
    assert [line.split(" ", 1)[0] for line in text.splitlines()[:-1]] == [
        "CAUSE",
        "FAIL",
        "ERROR",
        "WARN",
        "PASS",
        "SKIP",
    ]
    assert text == wording


def test_a_failure_about_something_else_shows_no_numbers(
    make_report: Callable[..., Report], judged: Pairing
) -> None:
    changed = Verdict(
        code="KC203",
        name="repeatability",
        status=Status.FAIL,
        message="it changes a variable",
        judged=(judged("again", "predict", 0.0),),
    )
    assert concise_line(make_report(changed), changed) == "FAIL KC203 repeatability: it changes a variable"


@pytest.mark.parametrize("name", ["healthy", "failing", "stateful", "hostile"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_every_line_begins_with_its_status(
    request: pytest.FixtureRequest, name: str, ascii_only: bool
) -> None:
    report: Report = request.getfixturevalue(name)
    text = render_concise(report, Canvas(ascii_only=ascii_only))
    *lines, last = text.splitlines()
    assert len(lines) == len(report.verdicts) + len(report.diagnoses)
    assert [
        line for line in lines if not re.match(r"(CAUSE|FAIL KC|ERROR KC|WARN KC|PASS KC|SKIP KC)", line)
    ] == []
    assert re.match(r"(consistent|inconsistent|no verdict): ", last)
    assert {character for character in text if ord(character) < 32} == {"\n"}
    assert "##[" not in text
    assert "\u202e" not in text
    assert not ascii_only or text.isascii()

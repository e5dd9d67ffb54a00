from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.reporting.formats.terminal import render_terminal
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import Report, Source

Maker = Callable[..., Report]


def test_a_healthy_model_fits_one_screen(healthy: Report, wording: SnapshotAssertion) -> None:
    text = render_terminal(healthy, Canvas(width=80))
    assert len(text.splitlines()) <= 24
    assert text.splitlines()[-1] == "consistent: 12 passed in 2.9 s, exit 0"
    assert text == wording


def test_a_failing_model_is_explained(failing: Report, wording: SnapshotAssertion) -> None:
    assert render_terminal(failing, Canvas(width=80)) == wording


def test_sections_come_cause_first_then_table_then_blocks_then_verdict(failing: Report) -> None:
    text = render_terminal(failing, Canvas(width=80))
    marks = [
        "kcheck 0.1.0",
        "✗ CAUSE",
        "deviation",
        "✗ FAIL  KC101 b",
        "✗ FAIL  KC103 c",
        "? ERROR  KC204 e",
        "! WARN  KC202 t",
        "run again: kcheck run",
    ]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert text.endswith(
        "\ninconsistent: 2 failed, 1 error, 1 warned, 7 passed, 1 skipped in 2.9 s, exit 1\n"
    )


def _header(report: Report, *, ascii_only: bool = False) -> str:
    return render_terminal(report, Canvas(width=80, ascii_only=ascii_only)).split("\n\n")[0]


def test_the_header_says_that_rows_were_generated(stateful: Report, wording: SnapshotAssertion) -> None:
    assert _header(stateful, ascii_only=True) == wording


def test_a_scaler_and_notes_stand_in_the_header(healthy: Report, wording: SnapshotAssertion) -> None:
    scaler = Source(path="s.pkl", summary="StandardScaler")
    header = _header(replace(healthy, scaler=scaler, notes=("rows 3 and 9 contain NaN",)))
    assert "s.pkl" in header
    assert "rows 3 and 9 contain NaN" in header
    assert header == wording


def test_nothing_run_is_no_verdict(make_report: Maker, wording: SnapshotAssertion) -> None:
    report = make_report(facts=None, noise={}, model=Source(path="m.keras"), reproduce="")
    text = render_terminal(report, Canvas(width=80))
    assert text.splitlines()[-1] == "no verdict: no check ran in 2.9 s, exit 3"
    assert text == wording


def test_only_skips_is_no_verdict_with_the_reason(make_report: Maker) -> None:
    skip = Verdict(
        code="KC601",
        name="gpu-vs-cpu",
        status=Status.SKIP,
        message="",
        reason="no GPU is visible to TensorFlow",
    )
    text = render_terminal(make_report(skip), Canvas(width=80))
    assert "- SKIP  KC601 gpu-vs-cpu: no GPU is visible to TensorFlow\n" in text
    assert text.endswith("no verdict: 1 skipped in 2.9 s, exit 3\n")


def test_warnings_that_count_as_failures_are_named_as_such(make_report: Maker) -> None:
    warned = Verdict(
        code="KC202", name="training-flag", status=Status.WARN, message="answers to training=True"
    )
    text = render_terminal(make_report(warned, fail_on="warn"), Canvas(width=80))
    assert text.endswith("inconsistent: 1 warned in 2.9 s, exit 1; warnings count as failures\n")


@pytest.mark.parametrize("name", ["healthy", "failing", "stateful", "hostile"])
@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_no_line_is_too_wide_or_ends_in_spaces(
    request: pytest.FixtureRequest, name: str, width: int, ascii_only: bool
) -> None:
    text = render_terminal(request.getfixturevalue(name), Canvas(width=width, ascii_only=ascii_only))
    may_be_longer = re.compile(
        r" {18}| {11}\S+ \\$| *\\x3a:"
    )  # code and commands that can be pasted, and an escaped log command
    assert [line for line in text.splitlines() if len(line) > width and not may_be_longer.match(line)] == []
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert not ascii_only or text.isascii()


@pytest.mark.parametrize("name", ["failing", "stateful", "hostile"])
@pytest.mark.parametrize("width", [40, 80])
def test_a_failure_takes_forty_lines_at_most(request: pytest.FixtureRequest, name: str, width: int) -> None:
    parts = render_terminal(request.getfixturevalue(name), Canvas(width=width)).split("\n\n")
    blocks = [part for part in parts if re.match(r"[✗?!] +(FAIL|ERROR|WARN|CAUSE) ", part)]
    assert blocks
    assert max(part.count("\n") + 1 for part in blocks) <= 40


@pytest.mark.parametrize("name", ["healthy", "failing", "stateful", "hostile"])
def test_colour_adds_codes_and_no_information(request: pytest.FixtureRequest, name: str) -> None:
    report = request.getfixturevalue(name)
    plain, colored = (render_terminal(report, Canvas(width=80, color=color)) for color in (False, True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain
    assert colored != plain


@pytest.mark.parametrize("color", [True, False])
def test_hostile_names_stay_words(hostile: Report, color: bool) -> None:
    text = render_terminal(hostile, Canvas(width=80, color=color))
    bare = re.sub(r"\x1b\[[0-9;]*m", "", text) if color else text
    assert {character for character in bare if ord(character) < 32} == {"\n"}
    assert "\u202e" not in bare
    assert "\\x1b[31m" in bare
    assert "[bold red]no[/]" in bare
    assert "##[" not in bare
    assert [line for line in bare.splitlines() if line.lstrip().startswith("::")] == []


def test_quiet_is_the_last_line_alone(failing: Report, healthy: Report) -> None:
    assert (
        render_terminal(healthy, Canvas(width=40, amount="quiet"))
        == "consistent: 12 passed in 2.9 s, exit 0\n"
    )
    without_code = replace(failing, exit_zero=True)
    ending = "inconsistent: 2 failed, 1 error, 1 warned, 7 passed, 1 skipped in 2.9 s, exit 0 (--exit-zero)\n"
    assert render_terminal(without_code, Canvas(width=40, amount="quiet")) == ending


def test_a_required_check_that_was_skipped_is_named(make_report: Maker) -> None:
    passed = Verdict(code="KC101", name="batch-vs-single", status=Status.PASS, message="agrees")
    skip = Verdict(code="KC601", name="gpu-vs-cpu", status=Status.SKIP, message="", reason="no GPU")
    text = render_terminal(make_report(passed, skip, required=("KC601",)), Canvas(amount="quiet"))
    assert text == "no verdict: 1 passed, 1 skipped in 2.9 s, exit 3; KC601 is required and was skipped\n"


def test_verbose_adds_environment_and_times(healthy: Report) -> None:
    report = replace(
        healthy,
        environment={
            "isolation": "partial",
            "isolation_lacks": ["network", "files"],
            "saved_with_keras": None,
        },
    )
    usual, more = (
        render_terminal(report, Canvas(width=80, amount=amount)).split("\n\n")
        for amount in ("usual", "verbose")
    )
    assert [more[0], *more[2:-2], more[-1]] == [usual[0], *usual[2:]], "the table may have longer messages"
    lines = more[-2].splitlines()
    assert lines[:2] == ["isolation        partial", "isolation lacks  network, files"]
    assert lines[-1].startswith("judging time     KC")

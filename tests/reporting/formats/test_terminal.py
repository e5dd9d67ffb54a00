from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.reporting.formats.terminal import render_terminal
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import Report, Source

Maker = Callable[..., Report]

HEALTHY = """\
kcheck 0.1.0 · models/churn.keras · Functional, 2 layers, 12,769 parameters
Keras 3.15.1 on tensorflow 2.21.0, CPU:0
256 of 10,000 rows of x.npy · rounding noise 3.0e-08

               check               deviation  × noise    limit  rows
✓ PASS  KC101  batch-vs-single       6.0e-08        2  2.3e-07   256
✓ PASS  KC102  batch-size            1.2e-07        4  2.3e-07   256
✓ PASS  KC103  companion-swap              0        0    exact    96
✓ PASS  KC104  row-order             6.0e-08        2  2.3e-07   256
✓ PASS  KC201  predict-vs-call       1.2e-07        4  2.3e-07   256
✓ PASS  KC202  training-flag               0        0  2.3e-07   256
✓ PASS  KC203  repeatability               0        0    exact   256
✓ PASS  KC204  execution-mode        1.2e-07        4  2.3e-07   256
✓ PASS  KC205  gradient-flow       gradients reach every float input from every…
✓ PASS  KC206  call-cost           one row: predict 27 ms, model(x) 3.1 ms,
                                   compiled 0.4 ms; 256 rows: predict 0.14 ms a…
✓ PASS  KC602  float32-vs-float64          0        0  2.3e-07   256
✓ PASS  KC701  finite              inputs and outputs are finite in all 256 rows
limit: from the model's own rounding noise · exact: the same bits

KC206  for single requests call the model through a compiled tf.function:
       predict costs 67 times as much for one row

consistent: 12 passed in 2.9 s, exit 0
"""


def test_a_healthy_model_fits_one_screen(healthy: Report) -> None:
    assert render_terminal(healthy, Canvas(width=80)) == HEALTHY
    assert len(HEALTHY.splitlines()) <= 24


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
        "again: kcheck run",
    ]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert text.endswith(
        "\ninconsistent: 2 failed, 1 error, 1 warned, 7 passed, 1 skipped in 2.9 s, exit 1\n"
    )


def test_rows_made_by_kcheck_and_what_limits_the_numbers_are_said(stateful: Report) -> None:
    head = render_terminal(stateful, Canvas(width=80, ascii_only=True)).split("\n\n")[0]
    assert head.splitlines() == [
        "kcheck 0.1.0 | lstm.keras | Sequential, 1 layer, 17,217 parameters",
        "Keras 3.15.1 on tensorflow 2.21.0, CPU:0",
        "256 rows generated from the input spec ('steps': standard normal)",
        "rounding noise: next 1.5e-07, trend 3.0e-06",
        "note: no float64 copy, so rounding noise is unknown: Resizing computes in",
        "float32",
        "note: saved with Keras 3.3.0",
    ]


def test_a_scaler_and_notes_stand_in_the_header(healthy: Report) -> None:
    report = replace(
        healthy, scaler=Source(path="s.pkl", summary="StandardScaler"), notes=("rows 3 and 9 hold NaN",)
    )
    head = render_terminal(report, Canvas(width=80)).split("\n\n")[0].splitlines()
    assert head[1:] == [
        "Keras 3.15.1 on tensorflow 2.21.0, CPU:0 · scaler s.pkl: StandardScaler",
        "256 of 10,000 rows of x.npy · rounding noise 3.0e-08",
        "note: rows 3 and 9 hold NaN",
    ]


def test_nothing_run_is_no_verdict(make_report: Maker) -> None:
    text = render_terminal(
        make_report(facts=None, noise={}, model=Source(path="m.keras"), reproduce=""), Canvas(width=80)
    )
    assert text.splitlines() == [
        "kcheck 0.1.0 · m.keras · the model was not loaded",
        "256 of 10,000 rows of x.npy",
        "",
        "no verdict: no check ran in 2.9 s, exit 3",
    ]


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
        r" {18}| {7}\S+ \\$| *\\x3a:"
    )  # code and words that are to be pasted, and a log command that was taken apart
    assert [line for line in text.splitlines() if len(line) > width and not may_be_longer.match(line)] == []
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert not ascii_only or text.isascii()


@pytest.mark.parametrize("name", ["failing", "stateful", "hostile"])
@pytest.mark.parametrize("width", [40, 80])
def test_a_failure_takes_forty_lines_at_most(request: pytest.FixtureRequest, name: str, width: int) -> None:
    parts = render_terminal(request.getfixturevalue(name), Canvas(width=width)).split("\n\n")
    told = [part for part in parts if re.match(r"[✗?!] +(FAIL|ERROR|WARN|CAUSE) ", part)]
    assert told
    assert max(part.count("\n") + 1 for part in told) <= 40


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
    told = replace(failing, exit_zero=True)
    ending = "inconsistent: 2 failed, 1 error, 1 warned, 7 passed, 1 skipped in 2.9 s, exit 0 (--exit-zero)\n"
    assert render_terminal(told, Canvas(width=40, amount="quiet")) == ending


def test_a_required_check_that_was_skipped_is_named(make_report: Maker) -> None:
    passed = Verdict(code="KC101", name="batch-vs-single", status=Status.PASS, message="agrees")
    skip = Verdict(code="KC601", name="gpu-vs-cpu", status=Status.SKIP, message="", reason="no GPU")
    text = render_terminal(make_report(passed, skip, required=("KC601",)), Canvas(amount="quiet"))
    assert text == "no verdict: 1 passed, 1 skipped in 2.9 s, exit 3; KC601 is required and was skipped\n"


def test_verbose_adds_what_was_around(healthy: Report) -> None:
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
    assert [*more[:-2], more[-1]] == usual
    lines = more[-2].splitlines()
    assert lines[:2] == ["isolation        partial", "isolation lacks  network, files"]
    assert lines[-1].startswith("judging took     KC")

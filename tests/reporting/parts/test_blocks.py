from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.unexplained import Unexplained
from keras_consistency_cli.measurement.comparison import Comparison, WorstRow
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.reporting.parts.blocks import LONGEST_BLOCK, diagnosis_block, verdict_block
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import Report

Maker = Callable[..., Report]
Pairing = Callable[..., Judged]


def _block(report: Report, code: str, width: int = 80) -> list[str]:
    verdict = next(verdict for verdict in report.verdicts if verdict.code == code)
    return [line.plain for line in verdict_block(Canvas(width=width), report, verdict)]


def _text(lines: list[str]) -> str:
    return "\n".join(lines)


def _value(lines: list[str], label: str) -> str:
    """What stands beside a label, its lines joined."""
    at = next(place for place, line in enumerate(lines) if line[2:14].strip() == label)
    more = itertools.takewhile(lambda line: line.startswith(" " * 14), lines[at + 1 :])
    return " ".join([lines[at][14:], *(line.strip() for line in more)])


def _only_rounding(report: Report) -> Report:
    """The report with a diagnosis that all of KC102 is rounding."""
    rounding = Diagnosis(cause="rounding", severity="fail", sentence="", explains=("KC102",))
    return replace(report, diagnoses=[rounding])


def _failed(*pairs: Judged, **more: str) -> Verdict:
    return Verdict(
        code="KC102",
        name="batch-size",
        status=Status.FAIL,
        message="batches of 7 answer differently.",
        judged=pairs,
        **more,
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["KC101", "KC204", "KC202"], ids=["fail", "error", "warn"])
def test_a_check_that_did_not_pass_says_what_a_reader_needs(
    failing: Report, wording: SnapshotAssertion, code: str
) -> None:
    assert _text(_block(failing, code)) == wording


def test_several_outputs_are_named_and_flipped_decisions_counted(
    stateful: Report, wording: SnapshotAssertion
) -> None:
    lines = _block(stateful, "KC203")
    assert "output 'next'" in _value(lines, "compared")
    assert "output 'trend'" in _value(lines, "also failed")
    assert _value(lines, "next") == "kcheck explain KC203"
    assert _text(lines) == wording


@pytest.mark.parametrize(
    ("measured", "origin"),
    [
        ({"max_abs": 0.311}, "calibrated"),
        ({"max_abs": 0.311}, "exact"),
        ({"max_abs": 0.311, "candidate": "companions", "reference": "companions-baseline"}, "exact"),
        ({"misshapen": "(4, 1) against (4,)"}, "exact"),
        ({"nonfinite": 1, "max_abs": 0.1}, "exact"),
    ],
    ids=["calibrated", "exact", "always exact", "shapes", "nonfinite"],
)
def test_the_limit_that_would_have_passed(
    make_report: Maker, wording: SnapshotAssertion, measured: dict[str, object], origin: str
) -> None:
    comparison = Comparison(
        **{"candidate": "a", "reference": "b", "output": "score", "rows": 4, "elements": 4, **measured}
    )  # type: ignore[arg-type]
    one = Judged(comparison=comparison, limit=Limit(value=0.0, origin=origin), within=False)  # type: ignore[arg-type]
    assert _value(_block(_only_rounding(make_report(_failed(one))), "KC102"), "would pass") == wording


@pytest.mark.parametrize("cause", ["cross-sample-dependence", None])
def test_no_limit_is_offered_for_a_difference_that_is_not_rounding(
    make_report: Maker, judged: Pairing, cause: str | None
) -> None:
    report = make_report(_failed(judged("a", "predict", 4.3)))
    if cause is not None:
        report = replace(report, diagnoses=[replace(_only_rounding(report).diagnoses[0], cause=cause)])
    assert not any("would pass" in line for line in _block(report, "KC102"))


def test_the_stated_limit_covers_all_that_failed(
    make_report: Maker, judged: Pairing, wording: SnapshotAssertion
) -> None:
    exact = judged("companions", "companions-baseline", 0.5, exact=True)
    pairs = judged("a", "predict", 0.015), judged("b", "predict", 0.29), exact
    shown = _value(_block(_only_rounding(make_report(_failed(*pairs))), "KC102"), "would pass")
    assert "--rtol 0 --atol 0.3;" in shown
    assert shown == wording


def test_the_layers_where_rounding_grows_are_ranked(wording: SnapshotAssertion) -> None:
    growth = [
        {"layer": "deep/dense_3", "error": 1.5e-3, "grown": 42.0},
        {"layer": "out", "error": 0.098, "grown": 1.6},
    ]
    diagnosis = Diagnosis(
        cause="ill-conditioned",
        severity="warn",
        sentence="it grows.",
        evidence={"growth": growth},
        advice="scale the inputs",
    )
    assert _text([line.plain for line in diagnosis_block(Canvas(width=80), diagnosis)]) == wording


def test_rounding_leaves_nothing_to_look_for(make_report: Maker, judged: Pairing) -> None:
    failed = _failed(judged("a", "predict", 0.01, exact=True), advice="look for a reduction")
    cause = Diagnosis(
        cause="rounding", severity="fail", sentence="s", explains=("KC102",), advice="drop --exact"
    )
    report = make_report(failed)
    assert _value(_block(report, "KC102"), "next") == "look for a reduction"
    lines = _block(replace(report, diagnoses=(cause,)), "KC102")
    assert "rounding" in _value(lines, "cause")
    assert not any(line.startswith("  next") for line in lines)


def test_further_failures_are_counted(
    make_report: Maker, judged: Pairing, wording: SnapshotAssertion
) -> None:
    pairs = [judged(f"size-{size}", "predict", 0.1 / size) for size in range(1, 8)]
    assert _value(_block(make_report(_failed(*pairs)), "KC102"), "also failed") == wording


def test_nonfinite_rows_are_shown(make_report: Maker, wording: SnapshotAssertion) -> None:
    worst = (
        WorstRow(row=12_345, index=(0, 2), candidate=float("nan"), reference=0.5, distance=float("inf")),
    )
    comparison = Comparison(
        candidate="a",
        reference="b",
        output="score",
        rows=4,
        elements=8,
        nonfinite=1,
        max_abs=0.1,
        rows_differing=2,
        worst=worst,
    )
    one = Judged(comparison=comparison, limit=Limit(value=0.0, origin="exact"), within=False)
    lines = _block(make_report(_failed(one)), "KC102")
    assert ["12,345", "[0,", "2]", "NaN", "0.5", "infinite"] in [line.split() for line in lines]
    assert _text(lines) == wording


def test_the_index_is_left_out_if_it_does_not_fit(make_report: Maker) -> None:
    worst = (
        WorstRow(
            row=1,
            index=(100, 100, 100, 100),
            candidate=0.123456789012,
            reference=0.123456789011,
            distance=1e-12,
        ),
    )
    comparison = Comparison(
        candidate="a",
        reference="b",
        output="score",
        rows=4,
        elements=8,
        max_abs=1e-12,
        rows_differing=1,
        worst=worst,
    )
    one = Judged(comparison=comparison, limit=Limit(value=0.0, origin="exact"), within=False)
    wide, narrow = (_block(make_report(_failed(one)), "KC102", width=width) for width in (100, 60))
    assert any("[100, 100, 100, 100]" in line for line in wide)
    assert not any("[100, 100, 100, 100]" in line for line in narrow)
    assert max(len(line) for line in narrow) <= 60


def test_a_block_is_never_longer_than_a_page(make_report: Maker, judged: Pairing) -> None:
    advice = "\n".join(f"    line {at}" for at in range(60))
    lines = _block(make_report(_failed(judged("a", "predict", 0.1), advice=advice)), "KC102")
    assert len(lines) == LONGEST_BLOCK == 40
    shown = sum(line.strip().removeprefix("next").strip().startswith("line ") for line in lines)
    assert 0 < shown < 60
    assert str(60 - shown) in lines[-1]
    assert "--format json" in lines[-1]


def test_a_diagnosis_says_where_how_sure_and_what_to_change(
    failing: Report, wording: SnapshotAssertion
) -> None:
    assert _text([line.plain for line in diagnosis_block(Canvas(), failing.diagnoses[0])]) == wording


def test_a_likely_cause_says_why_it_is_not_certain(failing: Report) -> None:
    likely = replace(failing.diagnoses[0], confidence="likely", confirmation="no layer could be replaced")
    lines = [line.plain for line in diagnosis_block(Canvas(), likely)]
    assert lines[0] == "✗ CAUSE  cross-sample-dependence, likely"
    assert _value(lines, "not certain") == "no layer could be replaced"
    untried = [line.plain for line in diagnosis_block(Canvas(), replace(likely, confirmation=""))]
    assert not any(line.startswith(("  not certain", "  confirmed")) for line in untried)


def test_a_failure_without_a_known_cause_says_so(
    make_report: Maker, judged: Pairing, wording: SnapshotAssertion
) -> None:
    report = make_report(_failed(judged("a", "predict", 0.1)))
    assert not any(line.startswith("  cause") for line in _block(report, "KC102"))
    ruled_out = {"state-carry-over": "reason one", "nan-hidden": "reason two"}
    unexplained = Unexplained(code="KC102", ruled_out=ruled_out)
    lines = _block(replace(report, unexplained=(unexplained,)), "KC102", width=120)
    assert _value(lines, "ruled out") == "state-carry-over (reason one); nan-hidden (reason two)"
    assert _value(lines, "cause") == wording
    bare = _block(replace(report, unexplained=(Unexplained(code="KC102", ruled_out={}),)), "KC102")
    assert not any(line.startswith("  ruled out") for line in bare)


@pytest.mark.parametrize(
    ("severity", "title"), [("fail", "✗ CAUSE"), ("warn", "! CAUSE of a warning"), ("info", "- NOTE")]
)
def test_severity_is_said_in_words(failing: Report, severity: str, title: str) -> None:
    diagnosis: Diagnosis = replace(failing.diagnoses[0], severity=severity, layer=None, rows=(), advice=(""))  # type: ignore[arg-type]
    lines = [line.plain for line in diagnosis_block(Canvas(), diagnosis)]
    assert lines[0] == f"{title}  cross-sample-dependence, confirmed"
    assert lines[-1] == "  explains    KC101, KC103"


def test_a_known_cause_takes_the_place_of_the_next_step(failing: Report) -> None:
    lines = _block(failing, "KC103")
    assert "cross-sample-dependence" in _value(lines, "cause")
    assert not any(line.startswith("  next") for line in lines)
    unexplained = replace(failing, diagnoses=())
    assert _value(_block(unexplained, "KC103"), "next") == "compute nothing over axis 0"
    assert _value(_block(unexplained, "KC101"), "next") == "kcheck explain KC101"


def test_a_failure_that_is_not_about_a_comparison_shows_no_numbers(
    make_report: Maker, judged: Pairing
) -> None:
    report = make_report(_failed(judged("a", "b", 0.0), advice="update nothing"))
    assert _block(report, "KC102") == [
        "✗ FAIL  KC102 batch-size",
        "  batches of 7 answer differently.",
        "  next        update nothing",
    ]

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

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


def _failed(*pairs: Judged, **more: str) -> Verdict:
    return Verdict(
        code="KC102",
        name="batch-size",
        status=Status.FAIL,
        message="batches of 7 answer differently.",
        judged=pairs,
        **more,
    )  # type: ignore[arg-type]


def test_a_failure_says_everything_that_a_reader_needs(failing: Report) -> None:
    assert _block(failing, "KC101") == [
        "✗ FAIL  KC101 batch-vs-single",
        "  4 of 256 rows answer differently when they are alone in their batch.",
        "  compared    one-by-one-16 against the reference predict",
        "  decided by  1.04e+07 × the model's own rounding noise",
        "  apart       at most 0.31, 4 of 256 rows differ",
        "    row  index  candidate  reference  distance",
        "      3    [0]  0.4232221  0.1132221      0.31",
        "     17    [0]   0.843169   0.533169      0.31",
        "     40    [0]  0.8672239  0.5572239      0.31",
        "  would pass  with --rtol 0 --atol 0.32",
        "  also failed one-by-one-3 against predict 0.012",
        "  cause       cross-sample-dependence, see above",
    ]


def test_an_error_says_what_crashed_and_what_to_do(failing: Report) -> None:
    assert _block(failing, "KC204") == [
        "? ERROR  KC204 execution-mode",
        "  the xla route crashed.",
        "  reason      InvalidArgumentError: no XLA kernel for StringFormat at node",
        "              churn/score",
        "  next        rerun with --debug to see the backend's log",
    ]


def test_a_warning_is_brief(failing: Report) -> None:
    assert _block(failing, "KC202") == [
        "! WARN  KC202 training-flag",
        "  layer 'dropout' answers to training=True.",
        "  compared    training-call against the reference call",
        "  decided by  6.71e+06 × the model's own rounding noise",
        "  apart       at most 0.2, 4 of 256 rows differ",
        "  next        call the model with training=False",
    ]


def test_several_outputs_are_named_and_flipped_decisions_counted(stateful: Report) -> None:
    lines = _block(stateful, "KC203")
    assert "  compared    predict-again against the reference predict, output 'next'" in lines
    assert "  decisions   1 decision flipped (threshold) in 256 rows" in lines
    assert "  also failed predict-again against predict, output 'trend' 0.02" in lines
    assert lines[-1] == "  next        kcheck explain KC203"


@pytest.mark.parametrize(
    ("measured", "origin", "said"),
    [
        ({"max_abs": 0.311}, "calibrated", "with --rtol 0 --atol 0.32"),
        ({"max_abs": 0.311}, "exact", "with --rtol 0 --atol 0.32"),
        (
            {"max_abs": 0.311, "candidate": "companions", "reference": "companions-baseline"},
            "exact",
            "the same bits only: no limit applies",
        ),
        ({"misshapen": "(4, 1) against (4,)"}, "exact", "no limit lets answers of different shapes pass"),
        ({"nonfinite": 1, "max_abs": 0.1}, "exact", "no limit lets NaN or infinity on one side pass"),
    ],
)
def test_the_limit_that_would_have_passed(
    make_report: Maker, measured: dict[str, object], origin: str, said: str
) -> None:
    comparison = Comparison(
        **{"candidate": "a", "reference": "b", "output": "score", "rows": 4, "elements": 4, **measured}
    )  # type: ignore[arg-type]
    one = Judged(comparison=comparison, limit=Limit(value=0.0, origin=origin), within=False)  # type: ignore[arg-type]
    assert f"  would pass  {said}" in _block(make_report(_failed(one)), "KC102")


def test_the_stated_limit_covers_all_that_failed(make_report: Maker, judged: Pairing) -> None:
    exact = judged("companions", "companions-baseline", 0.5, exact=True)
    lines = _block(
        make_report(_failed(judged("a", "predict", 0.015), judged("b", "predict", 0.29), exact)), "KC102"
    )
    assert "  would pass  with --rtol 0 --atol 0.3; the exact comparisons would still fail" in lines


def test_the_layers_where_rounding_grows_are_ranked() -> None:
    growth = [
        {"layer": "deep/dense_3", "error": 1.5e-3, "grown": 42.0},
        {"layer": "out", "error": 0.098, "grown": 1.6},
    ]
    found = Diagnosis(
        cause="ill-conditioned",
        severity="warn",
        sentence="it grows.",
        evidence={"growth": growth},
        advice="scale the inputs",
    )
    assert [line.plain for line in diagnosis_block(Canvas(width=80), found)] == [
        "! CAUSE of a warning  ill-conditioned, likely",
        "  it grows.",
        "    layer          error  × growth",
        "    deep/dense_3  0.0015        42",
        "    out            0.098       1.6",
        "  to mend     scale the inputs",
    ]


def test_where_all_is_rounding_nothing_is_to_be_looked_for(make_report: Maker, judged: Pairing) -> None:
    failed = _failed(judged("a", "predict", 0.01, exact=True), advice="look for a reduction")
    cause = Diagnosis(
        cause="rounding", severity="fail", sentence="s", explains=("KC102",), advice="drop --exact"
    )
    report = make_report(failed)
    assert _block(report, "KC102")[-1] == "  next        look for a reduction"
    assert _block(replace(report, diagnoses=(cause,)), "KC102")[-1] == "  cause       rounding, see above"


def test_further_failures_are_counted(make_report: Maker, judged: Pairing) -> None:
    pairs = [judged(f"size-{size}", "predict", 0.1 / size) for size in range(1, 8)]
    words = " ".join(" ".join(_block(make_report(_failed(*pairs)), "KC102")).split())
    assert (
        "also failed size-2 against predict 0.05; size-3 against predict 0.033; size-4 against predict 0.025; and 3 more"
        in words
    )


def test_nonfinite_rows_are_shown(make_report: Maker) -> None:
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
    assert "  apart       1 value finite on one side only, the others at most 0.1, 2 of 4" in lines
    assert "    12,345  [0, 2]        NaN        0.5       inf" in lines


def test_the_index_gives_way_where_it_does_not_fit(make_report: Maker) -> None:
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
    assert lines[-1] == f"… {60 - shown} more lines, all in --format json"


def test_a_diagnosis_says_where_how_sure_and_what_to_change(failing: Report) -> None:
    assert [line.plain for line in diagnosis_block(Canvas(), failing.diagnoses[0])] == [
        "✗ CAUSE  cross-sample-dependence, confirmed",
        "  Layer 'norm' averages over the batch, so the answer for a row depends on the",
        "  rows it is sent with.",
        "  layer       encoder/norm",
        "  confirmed   with 'encoder/norm' held, neighbours change no bit",
        "  rows        3, 4, 5, 6, 7, 8, 9, 10 and 4 more",
        "  explains    KC101, KC103",
        "  to mend     Average over the features instead of over the rows:",
        "                  mean = keras.ops.mean(x, axis=-1, keepdims=True)",
        "                  return x - mean",
    ]


def test_what_is_only_likely_says_why_it_is_not_certain(failing: Report) -> None:
    likely = replace(
        failing.diagnoses[0],
        confidence="likely",
        confirmation="with 'a' held, 0.2 of 0.3 is left: it is not the only one",
    )
    lines = [line.plain for line in diagnosis_block(Canvas(), likely)]
    assert lines[0] == "✗ CAUSE  cross-sample-dependence, likely"
    assert "  not certain with 'a' held, 0.2 of 0.3 is left: it is not the only one" in lines
    untried = [line.plain for line in diagnosis_block(Canvas(), replace(likely, confirmation=""))]
    assert not any(line.startswith(("  not certain", "  confirmed")) for line in untried)


def test_a_failure_that_nobody_can_explain_says_so(make_report: Maker, judged: Pairing) -> None:
    report = make_report(_failed(judged("a", "predict", 0.1)))
    assert not any("unexplained" in line for line in _block(report, "KC102"))
    ruled_out = {
        "state-carry-over": "no layer is stateful",
        "nan-hidden": "rows, weights and outputs are finite",
    }
    lines = _block(
        replace(report, unexplained=(Unexplained(code="KC102", ruled_out=ruled_out),)), "KC102", width=120
    )
    assert "  cause       unexplained: it has the marks of no known cause" in lines
    assert (
        "  ruled out   state-carry-over (no layer is stateful); nan-hidden (rows, weights and outputs are finite)"
        in lines
    )
    bare = _block(replace(report, unexplained=(Unexplained(code="KC102", ruled_out={}),)), "KC102")
    assert not any(line.startswith("  ruled out") for line in bare)


@pytest.mark.parametrize(
    ("severity", "title"), [("fail", "✗ CAUSE"), ("warn", "! CAUSE of a warning"), ("info", "- NOTED")]
)
def test_severity_is_said_in_words(failing: Report, severity: str, title: str) -> None:
    diagnosis: Diagnosis = replace(failing.diagnoses[0], severity=severity, layer=None, rows=(), advice="")  # type: ignore[arg-type]
    lines = [line.plain for line in diagnosis_block(Canvas(), diagnosis)]
    assert lines[0] == f"{title}  cross-sample-dependence, confirmed"
    assert lines[-1] == "  explains    KC101, KC103"


def test_a_known_cause_takes_the_place_of_the_next_step(failing: Report) -> None:
    assert _block(failing, "KC103")[-1] == "  cause       cross-sample-dependence, see above"
    unexplained = replace(failing, diagnoses=())
    assert _block(unexplained, "KC103")[-1] == "  next        compute nothing over axis 0"
    assert _block(unexplained, "KC101")[-1] == "  next        kcheck explain KC101"


def test_a_failure_about_something_else_shows_no_numbers(make_report: Maker, judged: Pairing) -> None:
    report = make_report(_failed(judged("a", "b", 0.0), advice="update nothing"))
    assert _block(report, "KC102") == [
        "✗ FAIL  KC102 batch-size",
        "  batches of 7 answer differently.",
        "  next        update nothing",
    ]

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import PurePosixPath
from typing import Any, NoReturn

import numpy as np
import pytest

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.reporting.formats.json_report import as_document, render_json
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import Report, RouteTime, Source

Maker = Callable[..., Report]

MEASURED = {
    "rows": 2,
    "distinct_rows": 2,
    "elements": 2,
    "mismatched": 1,
    "rows_differing": 1,
    "max_abs": 0.5,
    "max_rel": 0.5,
    "max_ulp": 8388608,
    "scale": 1.0,
    "sum_squares": 0.25,
    "sum_squares_scale": 1.25,
    "nonfinite": 0,
    "nonfinite_candidate": 0,
    "nonfinite_reference": 0,
    "decision": ("threshold"),
    "decisions": 2,
    "flipped": 0,
    "flipped_rows": [],
    "stated_excess": 0.0,
    "stated_over": 0,
    "noise_elements": 0,
    "noise_max": 0.0,
    "noise_squares_reference": 0.0,
    "noise_squares_candidate": 0.0,
    "misshapen": None,
    "dtype": "float32",
    "scaled": 0.5,
    "worst": [
        {
            "row": 1,
            "index": [0],
            "candidate": 1.0,
            "reference": 0.5,
            "distance": 0.5,
            "margin": 0.0,
            "flipped": False,
        }
    ],
    "histogram": [{"from": 0.0, "below": 1e-20, "rows": 1}, {"from": 0.4217, "below": 0.5623, "rows": 1}],
}


def _strict(text: str) -> Any:
    """Read JSON strictly: no NaN, no repeated key, nothing that UTF-8 cannot encode."""

    def refuse(word: str) -> NoReturn:
        raise AssertionError(word)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    read = json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
    json.dumps(read, ensure_ascii=False).encode("utf-8")
    return read


def _small() -> Report:
    reference = np.array([[1.0], [0.5]], np.float32)
    candidate = np.array([[1.0], [1.0]], np.float32)
    answers = RowOutputs(outputs={"y": candidate}), RowOutputs(outputs={"y": reference})
    pair = compare(("one-by-one", "predict"), *answers, decisions={"y": "threshold"})[0]
    judged = Judged(
        comparison=pair,
        limit=Limit(value=1e-7, origin="calibrated"),
        within=False,
        float64_pair=pair,
        reason="not rounding",
    )
    failed = Verdict(
        code="KC101",
        name="batch-vs-single",
        status=Status.FAIL,
        message="1 of 2 rows differ",
        judged=(judged,),
        findings={"share": np.float32(0.5)},
        advice="look",
        elapsed_s=0.25,
    )
    return Report(
        version="0.1.0",
        verdicts=(failed,),
        environment={"threads": np.int64(2)},
        model=Source(path="m.keras", sha256="ab"),
        data=Source(path="x.npy", summary="float32 (2, 3)"),
        settings={"rows": "all"},
        rows=2,
        rows_available=2,
        noise={"y": 0.25},
        reproduce="kcheck run m.keras",
        notes=("a note",),
        elapsed_s=1.5,
        routes=(RouteTime(name="predict", worker="main", elapsed_s=0.5, tracing_s=0.25),),
    )


def test_a_small_report_whole() -> None:
    names = {"candidate": "one-by-one", "reference": "predict", "output": "y"}
    assert _strict(render_json(_small(), Canvas())) == {
        "schema": "kcheck.report/1",
        "kcheck": "0.1.0",
        "verdict": "inconsistent",
        "exit_code": 1,
        "fail_on": "fail",
        "required": [],
        "exit_zero": False,
        "elapsed_s": 1.5,
        "routes": [{"name": "predict", "worker": "main", "elapsed_s": 0.5, "tracing_s": 0.25}],
        "environment": {"threads": 2},
        "subject": {
            "model": {"path": "m.keras", "sha256": "ab", "summary": ""},
            "scaler": None,
            "data": {"path": "x.npy", "sha256": None, "summary": "float32 (2, 3)"},
            "settings": {"rows": "all"},
        },
        "facts": None,
        "rows": 2,
        "rows_available": 2,
        "generated": False,
        "noise": {"y": 0.25},
        "calibration": {},
        "notes": ["a note"],
        "lost": [],
        "reproduce": "kcheck run m.keras",
        "reproducers": {},
        "exhibits": [],
        "results": [
            {
                "code": "KC101",
                "name": "batch-vs-single",
                "status": "fail",
                "message": "1 of 2 rows differ",
                "reason": None,
                "advice": "look",
                "comparisons": [
                    {
                        **names,
                        "within": False,
                        "limit": 1e-7,
                        "origin": "calibrated",
                        "measure": "greatest",
                        "reason": "not rounding",
                        "noise_multiple": 2.0,
                        **MEASURED,
                        "lifted": {**names, **MEASURED},
                    }
                ],
                "findings": {"share": 0.5},
                "elapsed_s": 0.25,
            }
        ],
        "diagnoses": [],
        "unexplained": [],
    }


@pytest.mark.parametrize("name", ["healthy", "failing", "stateful", "hostile"])
def test_every_report_is_strict_ascii_json_that_says_what_the_document_says(
    request: pytest.FixtureRequest, name: str
) -> None:
    report = request.getfixturevalue(name)
    text = render_json(report, Canvas(width=60, color=True))
    assert text.isascii()
    assert text.endswith("}\n")
    assert _strict(text) == as_document(report)
    assert text == render_json(report, Canvas())


def test_results_keep_the_order_of_the_checks_and_diagnoses_are_whole(failing: Report) -> None:
    document = as_document(failing)
    assert [result["code"] for result in document["results"]] == [
        verdict.code for verdict in failing.verdicts
    ]
    assert document["diagnoses"] == [
        {
            "cause": "cross-sample-dependence",
            "severity": "fail",
            "sentence": failing.diagnoses[0].sentence,
            "layer": "encoder/norm",
            "rows": list(range(3, 15)),
            "explains": ["KC101", "KC103"],
            "confidence": "confirmed",
            "confirmation": failing.diagnoses[0].confirmation,
            "evidence": {"share": 0.5, "axis": 0},
            "advice": failing.diagnoses[0].advice,
            "damage": None,
            "depth": [],
            "targets": [],
            "code": [],
        }
    ]


def test_no_field_of_a_report_is_left_out(failing: Report) -> None:
    document = as_document(failing)
    renamed = {
        "version": "kcheck",
        "verdicts": "results",
        "model": "subject",
        "data": "subject",
        "scaler": "subject",
        "settings": "subject",
    }
    assert {renamed.get(field.name, field.name) for field in fields(Report)} <= set(document)
    assert {field.name for field in fields(Comparison)} - {"row_histogram", "row_digests"} <= set(
        document["results"][0]["comparisons"][0]
    )


def test_the_histogram_counts_every_row_once(failing: Report) -> None:
    for result in as_document(failing)["results"]:
        for comparison in result["comparisons"]:
            assert sum(part["rows"] for part in comparison["histogram"]) == comparison["rows"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (np.float32("-inf"), "-Infinity"),
        (np.float16(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(float("nan")), "NaN"),
        ({3, 1, 2}, [1, 2, 3]),
        ((1, None, "x"), [1, None, "x"]),
        ({1: {"a": np.int8(3)}}, {"1": {"a": 3}}),
        (PurePosixPath("a/b"), "a/b"),
        (Status.SKIP, "skip"),
        (b"\xff", "b'\\xff'"),
        ("a\ud800", "a\\ud800"),
        (Source(path="p"), {"path": "p", "sha256": None, "summary": ""}),
    ],
)
def test_anything_found_becomes_json(make_report: Maker, value: object, written: object) -> None:
    report = make_report(
        Verdict(code="KC1", name="n", status=Status.PASS, message="", findings={"it": value})
    )
    assert _strict(render_json(report, Canvas()))["results"][0]["findings"] == {"it": written}


def test_infinite_multiples_and_odd_rows_are_words() -> None:
    answers = (
        RowOutputs(outputs={"y": np.array([[np.nan], [1.0]])}),
        RowOutputs(outputs={"y": np.array([[0.5], [np.inf]])}),
    )
    one = Judged(
        comparison=compare(("a", "b"), *answers)[0],
        limit=Limit(value=float("nan"), origin="calibrated"),
        within=False,
    )
    report = replace(_small(), verdicts=(replace(_small().verdicts[0], judged=(one,)),), noise={"y": 0.0})
    comparison = _strict(render_json(report, Canvas()))["results"][0]["comparisons"][0]
    assert comparison["limit"] == "NaN"
    assert comparison["worst"] == [
        {
            "row": 0,
            "index": [0],
            "candidate": "NaN",
            "reference": 0.5,
            "distance": "Infinity",
            "margin": None,
            "flipped": False,
        },
        {
            "row": 1,
            "index": [0],
            "candidate": 1.0,
            "reference": "Infinity",
            "distance": "Infinity",
            "margin": None,
            "flipped": False,
        },
    ]
    assert comparison["histogram"] == [{"from": 1e12, "below": "Infinity", "rows": 2}]

"""The report on a fleet: the worst verdict, numbers of causes, and hostile text in every format."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.errors import KcheckError, NoVerdictError, RefusedError
from keras_consistency_cli.reporting.fleet.lines import found_text
from keras_consistency_cli.reporting.fleet.pages import html_pages
from keras_consistency_cli.reporting.fleet.render import FLEET_RENDERERS
from keras_consistency_cli.reporting.fleet.report import (
    MODEL_FORMATS,
    FleetReport,
    ModelResult,
    model_result,
)
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import Report, Source

HOSTILE = "m\x1b[31m|`<script>&\n::error::x\u202e.keras"


def result(name: str, ending: Status | KcheckError, *causes: str, exit_zero: bool = False) -> ModelResult:
    if isinstance(ending, KcheckError):
        return model_result(name, name, ending, MODEL_FORMATS, elapsed_s=1.0)
    verdict = Verdict(status=ending, message=f"found in {name}", code="KC101", name="single-row")
    report = Report(
        version="1",
        verdicts=[verdict],
        diagnoses=[
            Diagnosis(cause=cause, severity="fail", sentence=name, explains=("KC101",)) for cause in causes
        ],
        model=Source(path=name),
        data=Source(path=""),
        exit_zero=exit_zero,
    )
    return model_result(name, name, report, MODEL_FORMATS, elapsed_s=2.0)


PASSED, FAILED, OPEN = (
    result("a", Status.PASS),
    result("b", Status.FAIL, "leak", "drift"),
    result("c", NoVerdictError("it died")),
)


@pytest.mark.parametrize(
    ("results", "not_run", "code", "outcome"),
    [
        ([PASSED], [], 0, "consistent"),
        ([PASSED, FAILED, OPEN], [], 1, "inconsistent"),
        ([PASSED, OPEN], [], 3, "no-verdict"),
        ([PASSED], ["d"], 3, "no-verdict"),
        ([], [], 3, "no-verdict"),
        ([result("z", Status.FAIL, exit_zero=True)], [], 0, "inconsistent"),
    ],
)
def test_the_worst_model_decides(
    results: list[ModelResult], not_run: list[str], code: int, outcome: str
) -> None:
    report = FleetReport(results=results, not_run=not_run)
    assert (report.exit_code, report.outcome) == (code, outcome)


def test_an_interrupted_run_is_130() -> None:
    assert FleetReport(results=[FAILED], interrupted=True).exit_code == 130


def test_causes_are_counted_by_model() -> None:
    report = FleetReport(results=[FAILED, result("d", Status.FAIL, "leak", "leak"), PASSED])
    assert report.causes == (("leak", 2), ("drift", 1))
    assert report.worst_first[-1] is PASSED


def test_the_number_of_attempts_is_shown() -> None:
    assert found_text(replace(PASSED, attempts=4)) == "checked 4 times: a worker died"


@pytest.mark.parametrize("format", sorted(FLEET_RENDERERS))
def test_hostile_text_stays_text(format: str) -> None:
    endings = (Status.FAIL, RefusedError(HOSTILE, cause="file-damaged"), Status.PASS)
    results = [result(f"{number}{HOSTILE}", ending, "leak") for number, ending in enumerate(endings)]
    report = FleetReport(results=results, not_run=[HOSTILE], notes=[HOSTILE])
    text = FLEET_RENDERERS[format](report, Canvas(width=90))
    assert "\x1b" not in text
    assert "\u202e" not in text
    if format in ("json", "sarif"):
        json.loads(text)
    elif format == "junit":
        assert len(ElementTree.fromstring(text)) == 4
    elif format == "markdown":
        assert "<script>" not in "\n".join(line for line in text.splitlines() if line.startswith("|"))
    else:
        assert not [line for line in text.splitlines() if line.strip() == "::error::x.keras"]


def test_pages_have_safe_names_and_escaped_texts() -> None:
    results = [result(f"{name}{HOSTILE}", Status.FAIL) for name in ("../../x", "../../x/")]
    pages = dict(html_pages(FleetReport(results=results)))
    assert len(pages) == 3
    assert all("/" not in name for name in pages)
    assert "<script" not in pages["index.html"]

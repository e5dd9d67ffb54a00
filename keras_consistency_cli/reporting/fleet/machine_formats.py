"""The report on a fleet for programs: JSON with a report per model, JUnit with a suite per model, SARIF with
one run, annotations of GitHub Actions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from keras_consistency_cli.reporting.fleet.lines import render_terminal
from keras_consistency_cli.reporting.fleet.report import SCHEMA, FleetReport, ModelResult
from keras_consistency_cli.reporting.formats.github import escape_data
from keras_consistency_cli.reporting.formats.junit import Element, allowed_text, junit_document
from keras_consistency_cli.reporting.formats.sarif import sarif_log
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.number_format import escape, one_line

__all__ = ["render_github", "render_json", "render_junit", "render_sarif"]


def render_json(report: FleetReport, canvas: Canvas) -> str:
    """Return one document; docs/json-report.md describes its keys."""
    document = {
        "schema": SCHEMA,
        "kcheck": report.version,
        "verdict": report.outcome,
        "exit_code": report.exit_code,
        "elapsed_s": report.elapsed_s,
        "reproduce": escape(report.reproduce, 2000),
        "notes": list(report.notes),
        "summary": {
            **report.counts(),
            "causes": dict(report.causes),
            "slowest": [{"name": each.name, "elapsed_s": each.elapsed_s} for each in report.slowest],
        },
        "not_run": list(report.not_run),
        "models": [_model(result) for result in report.results],
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _model(result: ModelResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "model": result.model,
        "verdict": result.outcome,
        "exit_code": result.exit_code,
        "elapsed_s": result.elapsed_s,
        "attempts": result.attempts,
        "stored": result.stored,
        "report": result.document,
    }


def render_junit(report: FleetReport, canvas: Canvas) -> str:
    """Return the test suites of all models; a model that was not checked is a suite with an error."""
    suites = [suite for result in report.results for suite in _suites(result)]
    return junit_document(*suites, *map(_suite_not_run, report.not_run))


def _suites(result: ModelResult) -> Iterator[Element]:
    for suite in ElementTree.fromstring(result.texts["junit"]).iter("testsuite"):  # noqa: S314 - our own text
        suite.set("name", allowed_text(f"kcheck {one_line(result.name)}"))
        yield suite


def _suite_not_run(name: str) -> Element:
    shown = allowed_text(one_line(name))
    amounts = {"tests": "1", "failures": "0", "errors": "1", "skipped": "0", "time": "0.000"}
    suite = Element("testsuite", {"name": f"kcheck {shown}", **amounts})
    case = ElementTree.SubElement(suite, "testcase", {"name": "kcheck", "classname": shown, "time": "0"})
    ElementTree.SubElement(case, "error", {"message": "not checked: the run ended before", "type": "not-run"})
    return suite


def render_sarif(report: FleetReport, canvas: Canvas) -> str:
    """Return one run: the rules and results of all models, and an invocation for each."""
    rules: dict[str, Mapping[str, Any]] = {}
    results, invocations = list[dict[str, Any]](), list[Any]()
    artifacts: dict[str, Any] = {}
    for result in report.results:
        run = json.loads(result.texts["sarif"])["runs"][0]
        rules |= {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
        results += run["results"]
        invocations += run["invocations"]
        artifacts |= {each["location"]["uri"]: each for each in run.get("artifacts", ())}
    places = {code: place for place, code in enumerate(rules)}
    indexed = [{**each, "ruleIndex": places[each["ruleId"]]} for each in results if each["ruleId"] in places]
    whole = {"executionSuccessful": report.exit_code != 3, "exitCode": report.exit_code}
    return sarif_log(
        report.version,
        list(rules.values()),
        indexed,
        [*invocations, whole],
        artifacts=list(artifacts.values()),
        properties={"verdict": report.outcome, **report.counts()},
    )


def render_github(report: FleetReport, canvas: Canvas) -> str:
    """Return the annotations of the models that are not consistent, a notice, and the table in a group."""
    annotations = [
        line + "\n"
        for result in report.worst_first
        if result.outcome != "consistent"
        for line in result.texts["github"].splitlines()
        if line.startswith(("::error", "::warning", "::notice"))
    ]
    table = render_terminal(report, Canvas(width=100, ascii_only=canvas.ascii_only))
    notice = f"::notice title=kcheck fleet::{escape_data(report.summary())}\n"
    return "".join((*annotations, notice, f"::group::kcheck fleet\n{table}::endgroup::\n"))

"""`kcheck code` for programs: JSON, SARIF 2.1.0, JUnit XML and annotations of GitHub Actions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from keras_consistency_cli.checks.code.registry import RULES
from keras_consistency_cli.checks.code.rule import Finding, Rule
from keras_consistency_cli.reporting.code.lines import render_concise
from keras_consistency_cli.reporting.code.summary import SCHEMA, CodeResult, place, summary_line
from keras_consistency_cli.reporting.formats.github import escape_data, escape_property
from keras_consistency_cli.reporting.formats.junit import (
    Element,
    add_child,
    allowed_text,
    junit_document,
    junit_suite,
)
from keras_consistency_cli.reporting.formats.sarif import as_uri, sarif_log
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.number_format import escape, one_line

__all__ = ["render_github", "render_json", "render_junit", "render_sarif"]

_LEVELS = {"fail": "error", "warn": "warning", "info": "note"}
_COMMANDS = {"fail": "error", "warn": "warning", "info": "notice"}
_INDICES = {rule.code: index for index, rule in enumerate(RULES)}


def render_json(result: CodeResult, canvas: Canvas) -> str:
    """Return one document; docs/json-report.md describes its keys."""
    report = result.report
    document = {
        "schema": SCHEMA,
        "kcheck": result.version,
        "exit_code": result.exit_code,
        "files": report.files,
        "tests_not_read": report.skipped,
        "ignored": report.ignored,
        "findings": [asdict(finding) for finding in report.findings],
        "unreadable": [asdict(notice) for notice in report.notices],
    }
    return json.dumps(document, indent=2) + "\n"


def render_sarif(result: CodeResult, canvas: Canvas) -> str:
    """Return one run as indented ASCII JSON."""
    notices = [
        {"level": "warning", "message": {"text": one_line(f"{notice.path}: {notice.message}")}}
        for notice in result.report.notices
    ]
    invocation = {
        "executionSuccessful": result.exit_code != 3,
        "exitCode": result.exit_code,
        "toolExecutionNotifications": notices,
    }
    results = [_sarif_result(finding) for finding in result.report.findings]
    return sarif_log(result.version, [_sarif_rule(rule) for rule in RULES], results, [invocation])


def _sarif_rule(rule: Rule) -> Mapping[str, object]:
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.question},
        "fullDescription": {"text": " ".join(rule.page.strip().partition("\n\n")[0].split())},
        "help": {"text": rule.page.strip()},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _sarif_result(finding: Finding) -> Mapping[str, object]:
    identity = "\0".join((finding.code, finding.path, finding.source))
    region = {
        "startLine": finding.line,
        "startColumn": finding.column,
        "snippet": {"text": escape(finding.source)},
    }
    return {
        "ruleId": finding.code,
        "ruleIndex": _INDICES[finding.code],
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{one_line(finding.message)}\nfix: {one_line(finding.fix)}"},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": as_uri(finding.path)}, "region": region}}
        ],
        "partialFingerprints": {
            "kcheck/v1": hashlib.sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()
        },
    }


def render_junit(result: CodeResult, canvas: Canvas) -> str:
    """Return one test suite: a test case for each finding, or one that passes."""
    cases = [_junit_case(finding, result) for finding in result.report.findings]
    for notice in result.report.notices:
        case = Element(
            "testcase", name=allowed_text(one_line(notice.path, 200)), classname="kcheck.code", time="0"
        )
        add_child(case, "skipped", message=one_line(notice.message))
        cases.append(case)
    if not cases:
        cases.append(Element("testcase", name="code", classname="kcheck.code", time="0"))
    return junit_document(junit_suite("code", result.version, cases, 0.0))


def _junit_case(finding: Finding, result: CodeResult) -> Element:
    name = allowed_text(one_line(f"{finding.code} {finding.name} {place(finding)}", 300))
    case = Element("testcase", name=name, classname="kcheck.code", time="0")
    text = f"{place(finding)}\n{finding.source}\nfix: {finding.fix}"
    if result.is_failure(finding):
        add_child(case, "failure", text, message=one_line(finding.message), type=finding.code)
    else:
        add_child(case, "system-out", f"{finding.message}\n{text}")
    return case


def render_github(result: CodeResult, canvas: Canvas) -> str:
    """Return an annotation for each finding, a notice with the result, and all findings in a group."""
    group = f"::group::kcheck code\n{render_concise(result, canvas)}::endgroup::\n"
    notice = f"::notice title=kcheck code::{escape_data(summary_line(result))}\n"
    return "".join((*_annotations(result), notice, group))


def _annotations(result: CodeResult) -> Iterator[str]:
    order = list(_LEVELS)
    for finding in sorted(result.report.findings, key=lambda each: order.index(each.severity)):
        file = f"file={escape_property(one_line(finding.path))}"
        # An annotation of a notebook cannot name a line of a cell.
        position = "" if finding.cell else f",line={finding.line},col={finding.column}"
        title = escape_property(f"{finding.code} {finding.name}")
        text = escape_data(escape(f"{finding.message}; fix: {finding.fix}"))
        yield f"::{_COMMANDS[finding.severity]} {file}{position},title={title}::{text}\n"

"""JUnit XML for GitLab, Jenkins and GitHub's test reporters: one test case per check.

A failed check is a <failure>, a crashed one an <error>, a skipped one <skipped>. A warning passes with its
text in <system-out>, or is a <failure> if warnings count as failures. A run without a verdict is an <error>
of its own, so that it is never green.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath
from xml.etree import ElementTree

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.refusals import refusal_text
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.reporting.parts.blocks import details_with_causes
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.number_format import escape, one_line
from keras_consistency_cli.reporting.parts.verdict_summary import headline, run_summary
from keras_consistency_cli.reporting.report import Report

__all__ = [
    "Element",
    "add_child",
    "allowed_text",
    "junit_document",
    "junit_suite",
    "refuse_junit",
    "render_junit",
]

Element = ElementTree.Element

_CHILD_TAGS = {"failures": "failure", "errors": "error", "skipped": "skipped"}
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Characters that XML 1.0 forbids or discourages."""


def render_junit(report: Report, canvas: Canvas) -> str:
    """Return one test suite; the canvas is not used."""
    cases = [_case(report, verdict) for verdict in report.verdicts]
    if report.exit_code == 3 and not any(case.find("error") is not None for case in cases):
        cases.append(_case_without_verdict(report))
    suite = junit_suite(report.model.path, report.version, cases, report.elapsed_s)
    properties = suite.find("properties")
    assert properties is not None
    for name, value in _properties(report).items():
        add_child(properties, "property", name=name, value=value)
    return junit_document(suite)


def refuse_junit(version: str, model: str, refusal: KcheckError) -> str:
    """Return a suite with one <error>: the model was refused, or nothing could be decided."""
    case = Element("testcase", name="kcheck", classname=_class_name(model), time="0")
    add_child(
        case, "error", refusal_text(refusal), message=one_line(refusal.what), type=type(refusal).__name__
    )
    return junit_document(junit_suite(model, version, [case], 0.0))


def _case(report: Report, verdict: Verdict) -> Element:
    check = f"{verdict.code} {verdict.name}"
    case = Element(
        "testcase",
        name=allowed_text(one_line(check, 80)),
        classname=_class_name(report.model.path),
        time=f"{verdict.elapsed_s:.3f}",
    )
    message, code = one_line(headline(verdict)), one_line(verdict.code, 12)
    if verdict.status is Status.FAIL or (verdict.status is Status.WARN and report.fail_on == "warn"):
        add_child(case, "failure", details_with_causes(report, verdict), message=message, type=code)
    elif verdict.status is Status.ERROR:
        add_child(case, "error", details_with_causes(report, verdict), message=message, type=code)
    elif verdict.status is Status.SKIP:
        add_child(case, "skipped", message=message)
    elif verdict.status is Status.WARN:
        add_child(case, "system-out", details_with_causes(report, verdict))
    return case


def _case_without_verdict(report: Report) -> Element:
    case = Element("testcase", name="kcheck", classname=_class_name(report.model.path), time="0")
    add_child(case, "error", message=f"no verdict: {run_summary(report)}", type="no-verdict")
    return case


def _properties(report: Report) -> dict[str, str]:
    values = {
        "verdict": report.outcome,
        "exit_code": str(report.exit_code),
        "rows": str(report.rows),
        "reproduce": report.reproduce,
    }
    values |= {
        f"environment.{name}": str(value)
        for name, value in report.environment.items()
        if isinstance(value, str | int)
    }
    values |= {
        "model.sha256": report.model.sha256 or "",
        "data": report.data.path,
        "data.sha256": report.data.sha256 or "",
    }
    return {name: value for name, value in values.items() if value}


def junit_suite(model: str, version: str, cases: Iterable[Element], seconds: float) -> Element:
    """Return a test suite with its properties and test cases."""
    listed = list(cases)
    amounts = {
        tag: str(sum(case.find(child) is not None for case in listed)) for tag, child in _CHILD_TAGS.items()
    }
    suite = Element(
        "testsuite",
        {
            "name": allowed_text(f"kcheck {one_line(model)}"),
            "tests": str(len(listed)),
            **amounts,
            "time": f"{seconds:.3f}",
        },
    )
    add_child(add_child(suite, "properties"), "property", name="kcheck", value=version)
    suite.extend(listed)
    return suite


def junit_document(*suites: Element) -> str:
    """Return the document of these test suites."""
    amounts = {
        name: str(sum(int(suite.attrib[name]) for suite in suites))
        for name in ("tests", "failures", "errors")
    }
    seconds = f"{sum(float(suite.attrib['time']) for suite in suites):.3f}"
    root = Element("testsuites", {"name": "kcheck", **amounts, "time": seconds})
    root.extend(suites)
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="us-ascii")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text.decode()}\n'


def add_child(parent: Element, tag: str, text: str = "", **attributes: str) -> Element:
    """Add an element with cleaned text and attributes."""
    child = ElementTree.SubElement(
        parent, tag, {name: allowed_text(escape(value, 2000)) for name, value in attributes.items()}
    )
    child.text = "\n".join(allowed_text(escape(line, 2000)) for line in text.splitlines()) or None
    return child


def _class_name(model: str) -> str:
    """The group of a test case: reports group by the part before the last dot."""
    return "kcheck." + allowed_text(one_line(PurePath(model).name.removesuffix(".keras"), 80)).replace(
        ".", "_"
    )


def allowed_text(text: str) -> str:
    """Escape the characters that XML forbids or discourages."""
    return _FORBIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)

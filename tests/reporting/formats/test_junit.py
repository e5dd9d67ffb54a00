"""JUnit: the parts of the XML that GitLab, Jenkins and others read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.errors import NoVerdictError, RefusedError
from keras_consistency_cli.reporting.formats.junit import refuse_junit, render_junit
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import Report

Maker = Callable[..., Report]

CHILDREN = {"testsuites": {"testsuite"}, "testsuite": {"properties", "testcase"}, "properties": {"property"}}
CHILDREN |= {
    "testcase": {"failure", "error", "skipped", "system-out"},
    "property": set(),
    "failure": set(),
    "error": set(),
    "skipped": set(),
}
REQUIRED = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testcase": {"name", "classname", "time"},
    "property": {"name", "value"},
}
REQUIRED |= {
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
}
REQUIRED |= {"skipped": {"message"}, "properties": set(), "system-out": set()}


def read(text: str) -> ElementTree.Element:
    """Parse, and check the structure that readers share: children, attributes, correct sums."""
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ')
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    for element in root.iter():
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        assert set(element.attrib) == REQUIRED[element.tag]
    for case in root.iter("testcase"):
        assert len(case) <= 1, "one outcome a case"
    for suite in (root, root[0]):
        counted = {"failures": "failure", "errors": "error", "skipped": "skipped"}
        assert int(suite.attrib["tests"]) == len(list(suite.iter("testcase")))
        assert [
            name
            for name, tag in counted.items()
            if name in suite.attrib and int(suite.attrib[name]) != len(list(suite.iter(tag)))
        ] == []
        assert float(suite.attrib["time"]) >= 0
    return root


def outcomes(root: ElementTree.Element) -> dict[str, str]:
    """The outcome of each case by its child, as in GitLab and Jenkins."""
    return {
        case.attrib["name"]: next((child.tag for child in case if child.tag != "system-out"), "passed")
        for case in root.iter("testcase")
    }


def test_every_status_has_its_element(failing: Report) -> None:
    by_name = outcomes(read(render_junit(failing, Canvas())))
    assert len(by_name) == len(failing.verdicts)
    kept = {
        name: by_name[name]
        for name in (
            "KC101 batch-vs-single",
            "KC204 execution-mode",
            "KC202 training-flag",
            "KC205 gradient-flow",
            "KC104 row-order",
        )
    }
    assert list(kept.values()) == ["failure", "error", "passed", "skipped", "passed"]


def test_a_warning_says_so_and_fails_if_warnings_count(failing: Report) -> None:
    case = next(
        one
        for one in read(render_junit(failing, Canvas())).iter("testcase")
        if one.attrib["name"].startswith("KC202")
    )
    assert [child.tag for child in case] == ["system-out"]
    assert "layer 'dropout' answers to training=True." in (case[0].text or "")
    strict = read(render_junit(replace(failing, fail_on="warn"), Canvas()))
    assert outcomes(strict)["KC202 training-flag"] == "failure"


def test_a_failure_carries_its_message_its_causes_and_its_evidence(failing: Report) -> None:
    case = next(
        one
        for one in read(render_junit(failing, Canvas())).iter("testcase")
        if one.attrib["name"].startswith("KC101")
    )
    assert case.attrib == {"name": "KC101 batch-vs-single", "classname": "kcheck.churn", "time": "0.000"}
    assert case[0].attrib == {
        "message": "4 of 256 rows answer differently when they are alone in their batch.",
        "type": "KC101",
    }
    for words in (
        "cross-sample-dependence",
        "mean = keras.ops.mean",
        "one-by-one-16",
    ):
        assert words in (case[0].text or "")


def test_a_skip_has_its_reason(failing: Report) -> None:
    skipped = [element.attrib["message"] for element in read(render_junit(failing, Canvas())).iter("skipped")]
    assert skipped == ["no input is a float: no gradient is defined for int32"]


def test_a_run_without_verdict_is_never_green(make_report: Maker) -> None:
    skip = Verdict(code="KC601", name="gpu-vs-cpu", status=Status.SKIP, message="", reason="no GPU")
    root = read(render_junit(make_report(skip), Canvas()))
    assert outcomes(root) == {"KC601 gpu-vs-cpu": "skipped", "kcheck": "error"}
    assert next(root.iter("error")).attrib["message"] == "no verdict: 1 skipped in 2.9 s, exit 3"
    assert outcomes(read(render_junit(make_report(), Canvas()))) == {"kcheck": "error"}


def test_a_crash_is_reported_once(make_report: Maker) -> None:
    broken = Verdict(
        code="KC101", name="batch-vs-single", status=Status.ERROR, message="crashed", reason="out of memory"
    )
    root = read(render_junit(make_report(broken), Canvas()))
    assert [(element.attrib["message"], element.attrib["type"]) for element in root.iter("error")] == [
        ("crashed: out of memory", "KC101")
    ]


@pytest.mark.parametrize("name", ["healthy", "failing", "stateful", "hostile"])
def test_every_report_is_sound_ascii_xml(request: pytest.FixtureRequest, name: str) -> None:
    report: Report = request.getfixturevalue(name)
    text = render_junit(report, Canvas())
    root = read(text)
    assert text.isascii()
    assert len(list(root.iter("testcase"))) == len(report.verdicts)
    properties = {element.attrib["name"]: element.attrib["value"] for element in root.iter("property")}
    assert properties["kcheck"] == report.version
    assert properties["verdict"] == report.outcome


def test_hostile_names_stay_text(make_report: Maker) -> None:
    evil = "]]></failure><testcase/>&x;\ufffe\x00\x1b[31m\ud800\n::error::"
    verdict = Verdict(code="KC101", name=evil, status=Status.FAIL, message=evil, advice=evil)
    text = render_junit(make_report(verdict), Canvas())
    root = read(text)
    assert outcomes(root) == {next(root.iter("testcase")).attrib["name"]: "failure"}
    assert "]]></failure><testcase/>&x;" in next(root.iter("failure")).attrib["message"]
    assert re.search("&#(0|27|65534|55296);", text) is None
    assert [line for line in "".join(root.itertext()).splitlines() if line.lstrip().startswith("::")] == []


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [(RefusedError("not a zip", fix="save it"), "RefusedError"), (NoVerdictError("died"), "NoVerdictError")],
)
def test_a_refusal_is_an_error(refusal: RefusedError | NoVerdictError, kind: str) -> None:
    root = read(refuse_junit("0.1.0", "a/m.keras", refusal))
    (error,) = root.iter("error")
    assert error.attrib == {"message": refusal.what, "type": kind}
    assert error.text == str(refusal)

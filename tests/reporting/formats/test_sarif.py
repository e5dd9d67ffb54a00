"""SARIF: the parts of SARIF 2.1.0 that code scanning reads, with their constraints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.errors import NoVerdictError, RefusedError
from keras_consistency_cli.reporting.formats.sarif import refuse_sarif, render_sarif
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import Report, Source

Maker = Callable[..., Report]

# Properties by object of the standard: required ones, and optional ones that kcheck writes. No others are
# allowed.
OBJECTS: Mapping[str, tuple[set[str], set[str]]] = {
    "log": ({"version", "runs"}, {"$schema"}),
    "run": ({"tool"}, {"invocations", "artifacts", "results", "columnKind", "properties"}),
    "driver": ({"name"}, {"fullName", "semanticVersion", "rules"}),
    "rule": ({"id"}, {"name", "shortDescription", "fullDescription", "help"}),
    "invocation": ({"executionSuccessful"}, {"commandLine", "exitCode", "toolExecutionNotifications"}),
    "notification": ({"message"}, {"level", "associatedRule"}),
    "artifact": (set(), {"location", "hashes"}),
    "result": (
        {"message"},
        {"ruleId", "ruleIndex", "level", "locations", "partialFingerprints", "properties"},
    ),
    "location": (set(), {"physicalLocation", "logicalLocations"}),
}


def validated(kind: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
    required, optional = OBJECTS[kind]
    assert required <= set(value) <= required | optional, kind
    return value


def read(text: str) -> dict[str, Any]:
    """Parse, compare every object with the standard, and return the run."""
    assert text.isascii()
    log = validated("log", json.loads(text))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = validated("driver", validated("run", run)["tool"]["driver"])
    rules = [validated("rule", rule)["id"] for rule in driver["rules"]]
    assert len(set(rules)) == len(rules)
    for rule in driver["rules"]:
        assert all(rule[name]["text"].strip() for name in ("shortDescription", "fullDescription", "help")), (
            "code scanning asks for these"
        )
    for result in run["results"]:
        _result(validated("result", result), rules)
    (invocation,) = run["invocations"]
    for notice in validated("invocation", invocation)["toolExecutionNotifications"]:
        assert validated("notification", notice)["level"] in ("none", "note", "warning", "error")
        assert notice["message"]["text"]
    artifacts = run.get("artifacts", [])
    assert len({artifact["location"]["uri"] for artifact in artifacts}) == len(artifacts)
    for artifact in artifacts:
        assert re.fullmatch(r"[\w./%:~-]+", validated("artifact", artifact)["location"]["uri"])
    return dict(run)


def _result(result: Mapping[str, Any], rules: list[str]) -> None:
    assert result["level"] in ("warning", "error")
    assert result["message"]["text"]
    assert rules[result["ruleIndex"]] == result["ruleId"]
    (location,) = result["locations"]
    physical = validated("location", location)["physicalLocation"]
    assert re.fullmatch(r"[\w./%:~-]+", physical["artifactLocation"]["uri"])
    assert physical["region"]["startLine"] >= 1


def test_failures_and_warnings_are_results_and_nothing_else_is(failing: Report) -> None:
    run = read(render_sarif(failing, Canvas()))
    assert [(result["ruleId"], result["level"]) for result in run["results"]] == [
        ("KC101", "error"),
        ("KC103", "error"),
        ("KC202", "warning"),
    ]
    (invocation,) = run["invocations"]
    assert [
        (notice["level"], notice["associatedRule"]["id"])
        for notice in invocation["toolExecutionNotifications"]
    ] == [
        ("error", "KC204"),
        ("note", "KC205"),
    ]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 1)
    assert run["properties"]["passed"] == ["KC102", "KC104", "KC201", "KC203", "KC206", "KC602", "KC701"]


def test_every_check_is_a_rule(healthy: Report) -> None:
    run = read(render_sarif(healthy, Canvas()))
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [check.code for check in CHECKS]
    assert run["tool"]["driver"]["rules"][0]["name"] == "BatchVsSingle"
    assert run["results"] == []
    assert run["invocations"][0]["executionSuccessful"] is True


def test_a_result_names_file_layer_cause_and_keeps_its_fingerprint(
    failing: Report, wording: SnapshotAssertion
) -> None:
    result = read(render_sarif(failing, Canvas()))["results"][0]
    assert result["message"]["text"] == wording
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"] == {"uri": "models/churn.keras"}
    assert location["logicalLocations"] == [{"fullyQualifiedName": "encoder/norm", "kind": "member"}]
    assert result["properties"]["causes"] == ["cross-sample-dependence"]
    again = read(render_sarif(replace(failing, elapsed_s=9.0, rows=3), Canvas()))["results"][0]
    assert again["partialFingerprints"] == result["partialFingerprints"]
    other = read(render_sarif(replace(failing, model=Source(path="other.keras")), Canvas()))["results"][0]
    assert other["partialFingerprints"] != result["partialFingerprints"]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("./a b#1.keras", "a%20b%231.keras"),
        ("/m/x.keras", "file:///m/x.keras"),
        ("ü%.keras", "%C3%BC%25.keras"),
        ("\ud800", "%5Cud800"),
    ],
)
def test_paths_become_uris(path: str, uri: str, make_report: Maker) -> None:
    verdict = Verdict(code="KC101", name="batch-vs-single", status=Status.FAIL, message="differs")
    run = read(render_sarif(make_report(verdict, model=Source(path=path)), Canvas()))
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
    assert run["artifacts"][-1]["location"]["uri"] == uri


@pytest.mark.parametrize("name", ["healthy", "failing", "stateful", "hostile"])
def test_every_report_keeps_to_the_standard(request: pytest.FixtureRequest, name: str) -> None:
    report: Report = request.getfixturevalue(name)
    text = render_sarif(report, Canvas())
    run = read(text)
    assert run["properties"]["verdict"] == report.outcome
    shown = json.dumps(json.loads(text), ensure_ascii=False)
    assert {"\x1b", "\\u001b", "\u202e"} & {
        shown[at : at + size] for size in (1, 6) for at in range(len(shown))
    } == set()


def test_nothing_decided_is_no_success(make_report: Maker) -> None:
    skip = Verdict(code="KC601", name="gpu-vs-cpu", status=Status.SKIP, message="", reason="no GPU")
    run = read(render_sarif(make_report(skip), Canvas()))
    assert (
        run["results"],
        run["invocations"][0]["executionSuccessful"],
        run["invocations"][0]["exitCode"],
    ) == ([], False, 3)


def test_a_refused_model_is_a_result_and_a_run_without_verdict_is_not() -> None:
    refused = read(refuse_sarif("0.1.0", "m.keras", RefusedError("not a zip", fix="save it again")))
    assert [(result["ruleId"], result["message"]["text"]) for result in refused["results"]] == [
        ("refused", "not a zip\nfix: save it again")
    ]
    died = read(refuse_sarif("0.1.0", "m.keras", NoVerdictError("the worker died")))
    assert died["results"] == []
    assert [notice["message"]["text"] for notice in died["invocations"][0]["toolExecutionNotifications"]] == [
        "the worker died"
    ]
    assert {run["invocations"][0]["executionSuccessful"] for run in (refused, died)} == {False}

"""Exports and services of one run: each kind is examined by its own checks, and the worst one decides."""

from __future__ import annotations

import pytest

from keras_consistency_cli.checks.analysis.endpoints.answers import ENDPOINTS
from keras_consistency_cli.checks.analysis.exports.opened import EXPORTS
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.measurement.policy import Policy
from keras_consistency_cli.routes.trace import Trace

FACTS = Facts(name="m", kind="Functional", parameters=1, layers=(), inputs=(), outputs=())


def evidence(*routes: str) -> Evidence:
    return Evidence(
        facts=FACTS, policy=Policy(), traces={name: Trace(route=name) for name in routes}, comparisons={}
    )


def test_a_service_is_not_taken_for_an_export() -> None:
    both = evidence("predict", "interface@m.onnx", "answers@host:80", "answers-again@host:80", "state@m.onnx")
    examined: list[str] = []

    def examine(_evidence: Evidence, label: str) -> Verdict:
        examined.append(label)
        return Verdict.ok("fine")

    assert EXPORTS.examine(both, examine, "all fine").status is Status.PASS
    assert ENDPOINTS.examine(both, examine, "all fine").status is Status.PASS
    assert examined == ["m.onnx", "host:80"]


def test_without_targets_nothing_is_examined() -> None:
    assert EXPORTS.examine(evidence("predict"), lambda *_: Verdict.ok(""), "").status is Status.SKIP


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("pass", "pass"), "pass"),
        (("pass", "skip"), "pass"),
        (("skip", "skip"), "skip"),
        (("warn", "pass"), "warn"),
        (("warn", "error"), "error"),
        (("error", "fail"), "fail"),
    ],
)
def test_the_worst_target_decides(statuses: tuple[str, str], expected: str) -> None:
    labels = {f"m{number}": status for number, status in enumerate(statuses)}
    traces = evidence(*(f"interface@{label}" for label in labels))
    verdict = EXPORTS.examine(
        traces, lambda _evidence, label: Verdict(status=Status(labels[label]), message="m"), "all"
    )
    assert verdict.status.value == expected
    assert {label: each["status"] for label, each in verdict.findings["exports"].items()} == labels
    if expected != "pass":
        assert labels[verdict.findings["export"]] == expected


def test_pairs_and_routes_of_every_target() -> None:
    settings = Settings.model_validate({"model": "m.keras", "exports": ["a.onnx", "b.onnx"]})
    pairs = EXPORTS.pairs(("predict", "=predict"), ("companions", "companions-baseline"))(settings)
    assert [(pair.candidate, pair.reference) for pair in pairs] == [
        ("predict@a.onnx", "predict"),
        ("companions@a.onnx", "companions@a.onnx-baseline"),
        ("predict@b.onnx", "predict"),
        ("companions@b.onnx", "companions@b.onnx-baseline"),
    ]
    assert EXPORTS.routes("state")(settings) == ("state@a.onnx", "state@b.onnx")
    assert EXPORTS.are_given(settings)
    assert not ENDPOINTS.are_given(settings)

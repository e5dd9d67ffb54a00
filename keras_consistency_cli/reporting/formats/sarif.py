"""SARIF 2.1.0 for code scanning: a rule per check, a result per failure or warning.

Checks that crashed or were skipped are notifications of the invocation, not results. `executionSuccessful` is
false if one crashed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from keras_consistency_cli.checks.base import Check
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.refusals import refusal_text
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.reporting.formats.json_report import as_document
from keras_consistency_cli.reporting.parts.blocks import details_with_causes
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.number_format import escape, one_line
from keras_consistency_cli.reporting.parts.verdict_summary import find_causes, headline
from keras_consistency_cli.reporting.report import Report, Source

__all__ = ["as_uri", "refuse_sarif", "render_sarif", "sarif_log"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Status.FAIL: "error", Status.WARN: "warning"}
_NOTICE_LEVELS = {Status.ERROR: "error", Status.SKIP: "note"}
_REFUSED = {
    "id": "refused",
    "name": "Refused",
    "shortDescription": {"text": "the model or its scaler is damaged, or needs to run its own code"},
    "fullDescription": {
        "text": "kcheck first reads models and scalers as data, and refuses what it cannot read safely. "
        "No check ran."
    },
    "help": {"text": "Save the model again, or allow the code to run: --allow-unsafe, --trust-scaler."},
}


def render_sarif(report: Report, canvas: Canvas) -> str:
    """Return one run as indented ASCII JSON; the canvas is not used."""
    rules = [_rule(check) for check in CHECKS]
    results = [_result(report, verdict) for verdict in report.verdicts if verdict.status in _LEVELS]
    notices = [_notice(verdict) for verdict in report.verdicts if verdict.status in _NOTICE_LEVELS]
    invocation = {
        "executionSuccessful": report.exit_code != 3
        and all(verdict.status is not Status.ERROR for verdict in report.verdicts),
        "exitCode": report.exit_code,
        "toolExecutionNotifications": notices,
        **({"commandLine": escape(report.reproduce, 2000)} if report.reproduce else {}),
    }
    passed = [verdict.code for verdict in report.verdicts if verdict.status is Status.PASS]
    properties = {
        "verdict": report.outcome,
        "rows": report.rows,
        "passed": passed,
        "environment": as_document(report)["environment"],
    }
    # The standard requires each artifact once, even if one file is both model and data.
    sources = {
        source.path: source for source in (report.data, report.scaler, report.model) if source and source.path
    }
    return sarif_log(
        report.version,
        rules,
        results,
        [invocation],
        artifacts=[_artifact(source) for source in sources.values()],
        properties=properties,
    )


def refuse_sarif(version: str, model: str, refusal: KcheckError) -> str:
    """Return a run without checks: a result if the model was refused, else a notification."""
    message = {"text": "\n".join(escape(line) for line in refusal_text(refusal).splitlines())}
    refused = refusal.exit_code == 1
    results = (
        [
            {
                "ruleId": "refused",
                "ruleIndex": 0,
                "level": "error",
                "message": message,
                "locations": [_location(model, None)],
            }
        ]
        if refused
        else []
    )
    notices = [] if refused else [{"level": "error", "message": message}]
    invocation = {
        "executionSuccessful": False,
        "exitCode": refusal.exit_code,
        "toolExecutionNotifications": notices,
    }
    return sarif_log(version, [_REFUSED], results, [invocation])


def sarif_log(
    version: str,
    rules: Sequence[Any],
    results: Sequence[Any],
    invocations: Sequence[Mapping[str, Any]],
    **more: Any,
) -> str:
    """Return a SARIF document with one run."""
    driver = {
        "name": "kcheck",
        "fullName": "keras-consistency-cli",
        "semanticVersion": version,
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "invocations": invocations,
        "columnKind": "unicodeCodePoints",
        **more,
        "results": results,
    }
    return (
        json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, allow_nan=False) + "\n"
    )


def _rule(check: Check) -> dict[str, Any]:
    return {
        "id": check.code,
        "name": "".join(word.capitalize() for word in check.name.split("-")),
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": " ".join(check.explanation.strip().partition("\n\n")[0].split())},
        "help": {"text": check.explanation.strip()},
    }


def _result(report: Report, verdict: Verdict) -> dict[str, Any]:
    causes = find_causes(report, verdict)
    layer = next((one_line(cause.layer) for cause in causes if cause.layer), None)
    sentences = [
        headline(verdict),
        *(f"{cause.cause} ({cause.confidence}): {cause.sentence}" for cause in causes),
    ]
    identity = "\0".join((verdict.code, report.model.path, *(cause.cause for cause in causes), layer or ""))
    codes = [check.code for check in CHECKS]
    return {
        "ruleId": one_line(verdict.code, 12),
        **({"ruleIndex": codes.index(verdict.code)} if verdict.code in codes else {}),
        "level": _LEVELS[verdict.status],
        "message": {"text": "\n".join(one_line(sentence) for sentence in sentences)},
        "locations": [_location(report.model.path, layer)],
        "partialFingerprints": {
            "kcheck/v1": hashlib.sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()
        },
        "properties": {
            "details": details_with_causes(report, verdict),
            "causes": [one_line(cause.cause) for cause in causes],
        },
    }


def _notice(verdict: Verdict) -> dict[str, Any]:
    message = {
        "text": one_line(f"{verdict.code} {verdict.name}, {verdict.status.value}: {headline(verdict)}")
    }
    return {
        "level": _NOTICE_LEVELS[verdict.status],
        "message": message,
        "associatedRule": {"id": one_line(verdict.code, 12)},
    }


def _location(model: str, layer: str | None) -> dict[str, Any]:
    """The file of the model, line 1: code scanning needs a line, also for a binary file."""
    physical = {"artifactLocation": {"uri": as_uri(model)}, "region": {"startLine": 1}}
    return {
        "physicalLocation": physical,
        **({"logicalLocations": [{"fullyQualifiedName": layer, "kind": "member"}]} if layer else {}),
    }


def _artifact(source: Source) -> dict[str, Any]:
    return {
        "location": {"uri": as_uri(source.path)},
        **({"hashes": {"sha-256": source.sha256}} if source.sha256 else {}),
    }


def as_uri(path: str) -> str:
    """Return a path as a URI reference; a relative path stays relative."""
    encoded = quote(path.encode("utf-8", "backslashreplace"))
    return f"file://{encoded}" if Path(path).is_absolute() else encoded.removeprefix("./")

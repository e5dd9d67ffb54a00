"""The JSON report, kcheck.report/1: everything in a report, for machines.

JSON has neither NaN nor infinity: they are written as the strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np

from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.diagnosis.refusals import diagnose_refusal
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.measurement.comparison import EDGES, Comparison
from keras_consistency_cli.measurement.rounding import noise_multiple
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import SCHEMA, Report

__all__ = ["as_document", "refuse_json", "render_json"]


def render_json(report: Report, canvas: Canvas) -> str:
    """Return the report as indented ASCII JSON; the canvas is not used."""
    return json.dumps(as_document(report), indent=2, allow_nan=False) + "\n"


def refuse_json(version: str, model: str, refusal: KcheckError) -> str:
    """Return a document without results: the model was refused, or nothing could be decided."""
    verdict = "inconsistent" if refusal.exit_code == 1 else "no-verdict"
    error = {"message": refusal.what, "expected": refusal.expected, "to_mend": refusal.fix}
    document = {
        "schema": SCHEMA,
        "kcheck": version,
        "verdict": verdict,
        "exit_code": refusal.exit_code,
        "model": model,
        "error": error,
    }
    diagnoses = [_jsonable(diagnosis) for diagnosis in diagnose_refusal(refusal)]
    return json.dumps({**document, "results": [], "diagnoses": diagnoses}, indent=2) + "\n"


def as_document(report: Report) -> dict[str, Any]:
    """Return the report as plain JSON data, with keys in the order of the schema."""
    document = {
        "schema": SCHEMA,
        "kcheck": report.version,
        "verdict": report.outcome,
        "exit_code": report.exit_code,
        "fail_on": report.fail_on,
        "required": report.required,
        "exit_zero": report.exit_zero,
        "elapsed_s": report.elapsed_s,
        "routes": report.routes,
        "environment": report.environment,
        "subject": {
            "model": report.model,
            "scaler": report.scaler,
            "data": report.data,
            "settings": report.settings,
        },
        "facts": report.facts,
        "rows": report.rows,
        "rows_available": report.rows_available,
        "generated": report.generated,
        "noise": report.noise,
        "calibration": {
            name: [{**_names(comparison), **_measured(comparison)} for comparison in comparisons]
            for name, comparisons in report.calibration.items()
        },
        "notes": report.notes,
        "lost": report.lost,
        "reproduce": report.reproduce,
        "reproducers": report.reproducers,
        "exhibits": [
            {
                "code": failing.code,
                "candidate": failing.candidate,
                "reference": failing.reference,
                "rows": failing.rows,
            }
            for failing in report.exhibits
        ],
        "results": [_result(verdict, report.noise) for verdict in report.verdicts],
        "diagnoses": report.diagnoses,
        "unexplained": report.unexplained,
    }
    return {key: _jsonable(value) for key, value in document.items()}


def _result(verdict: Verdict, noise: Mapping[str, float]) -> dict[str, Any]:
    return {
        "code": verdict.code,
        "name": verdict.name,
        "status": verdict.status,
        "message": verdict.message,
        "reason": verdict.reason,
        "advice": verdict.advice,
        "comparisons": [_judged(judged, noise) for judged in verdict.judged],
        "findings": verdict.findings,
        "elapsed_s": verdict.elapsed_s,
    }


def _judged(judged: Judged, noise: Mapping[str, float]) -> dict[str, Any]:
    return {
        **_names(judged.comparison),
        "within": judged.within,
        "limit": judged.limit.value,
        "origin": judged.limit.origin,
        "measure": judged.limit.measure,
        "reason": judged.reason,
        "noise_multiple": noise_multiple(judged.comparison, noise.get(judged.comparison.output)),
        **_measured(judged.comparison),
        "lifted": None
        if judged.float64_pair is None
        else {**_names(judged.float64_pair), **_measured(judged.float64_pair)},
    }


def _names(comparison: Comparison) -> dict[str, Any]:
    return {"candidate": comparison.candidate, "reference": comparison.reference, "output": comparison.output}


def _measured(comparison: Comparison) -> dict[str, Any]:
    """All fields of a comparison except its names, so that a new field is reported too."""
    elsewhere = {"candidate", "reference", "output", "worst", "row_histogram", "row_digests"}
    measured = {
        field.name: getattr(comparison, field.name)
        for field in fields(comparison)
        if field.name not in elsewhere
    }
    return {
        **measured,
        "distinct_rows": comparison.distinct_rows,
        "scaled": comparison.scaled,
        "worst": comparison.worst,
        "histogram": _histogram(comparison.row_histogram),
    }


def _histogram(rows_by_bin: Sequence[int]) -> list[dict[str, Any]]:
    """The bins with rows, whose largest difference is at least `from` and below `below`."""
    edges = [0.0, *(float(f"{edge:.4g}") for edge in EDGES), math.inf]
    return [
        {"from": edges[place], "below": edges[place + 1], "rows": rows}
        for place, rows in enumerate(rows_by_bin)
        if rows
    ]


def _jsonable(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return _jsonable(value.value)
    if isinstance(value, str):
        # A lone surrogate would become an escape that strict parsers refuse.
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | np.floating):
        return _finite_or_word(float(value))
    if is_dataclass(value):
        return {field.name: _jsonable(getattr(value, field.name)) for field in fields(value)}
    return _jsonable_many(value)


def _jsonable_many(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return _jsonable(value.tolist())
    if isinstance(value, Mapping):
        return {_jsonable(str(key)): _jsonable(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted((_jsonable(item) for item in value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [_jsonable(item) for item in value]
    return _jsonable(str(value))


def _finite_or_word(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")

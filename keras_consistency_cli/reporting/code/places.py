"""`kcheck run --code`: name the line of serving code under the cause that it explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from keras_consistency_cli.checks.code.analysis import analyse
from keras_consistency_cli.checks.code.files import read_model, read_scaler
from keras_consistency_cli.checks.code.reading.collect import collect
from keras_consistency_cli.checks.code.registry import RULES
from keras_consistency_cli.checks.code.rule import Finding
from keras_consistency_cli.diagnosis.base import CodePlace, Diagnosis
from keras_consistency_cli.reporting.report import Report

__all__ = ["join_code"]

_CAUSES = {rule.code: rule.causes for rule in RULES}


def join_code(report: Report, paths: Sequence[Path]) -> Report:
    """Return the report with the places of code that show the same fault as a cause.

    Faults that belong to no cause of this run become notes: the code looks wrong, the run does not show it.

    Raises:
        UsageError: a path does not exist or is not code.
    """
    collected = collect(paths)
    scaler = Path(report.scaler.path) if report.scaler is not None and report.scaler.sha256 else None
    found = analyse(
        collected.files,
        model=read_model(Path(report.model.path)),
        scaler=read_scaler(scaler) if scaler is not None else None,
    )
    joined = [_with_places(diagnosis, found.findings) for diagnosis in report.diagnoses]
    used = {place for diagnosis in joined for place in diagnosis.code}
    notes = [
        f"{place.label} looks wrong, which this run does not show: {place.message}"
        for place in map(_place, (finding for finding in found.findings if finding.severity == "fail"))
        if place not in used
    ]
    notes += [
        f"{notice.path} was {'read in part' if notice.is_partial else 'not read'}: {notice.message}"
        for notice in found.notices
    ]
    return replace(report, diagnoses=joined, notes=(*report.notes, *notes))


def _with_places(diagnosis: Diagnosis, findings: Sequence[Finding]) -> Diagnosis:
    places = [_place(finding) for finding in findings if diagnosis.cause in _CAUSES[finding.code]]
    return replace(diagnosis, code=tuple(places)) if places else diagnosis


def _place(finding: Finding) -> CodePlace:
    return CodePlace(
        path=finding.path, cell=finding.cell, line=finding.line, rule=finding.code, message=finding.message
    )

"""README.txt of a bundle: each failure, its files, and the commands to reproduce it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.reporting.report import FailingRows, Report
from keras_consistency_cli.reporting.reproducer import command
from keras_consistency_cli.text import clean

__all__ = ["render_readme"]

_LISTED = (Status.FAIL, Status.ERROR)


def render_readme(path: Path, report: Report, settings: Settings, files: Mapping[str, bytes]) -> str:
    """Return the text for a bundle in this folder with these files."""
    lines = [
        f"kcheck {report.version}: {report.outcome}, exit {report.exit_code}",
        f"model: {clean(report.model.path, 1000)}",
        "",
    ]
    if report.reproduce:
        lines += ["To repeat the run, in the same folder:", f"    {clean(report.reproduce, 4000)}", ""]
    listed = [verdict for verdict in report.verdicts if verdict.status in _LISTED]
    for verdict in listed:
        lines += _failure(path, report, settings, verdict, files)
    if not listed:
        lines += ["No check failed or crashed.", ""]
    lines += [_report_file(files), "environment.json has versions and settings."]
    return "\n".join(lines) + "\n"


def _report_file(files: Mapping[str, bytes]) -> str:
    name = next((name for name in ("report.json", "report.json.gz") if name in files), None)
    if name is None:
        return "The report is too large for a bundle; --format json writes it."
    return f"{name} is the whole report."


def _failure(
    path: Path, report: Report, settings: Settings, verdict: Verdict, files: Mapping[str, bytes]
) -> list[str]:
    exhibit = next((each for each in report.exhibits if each.code == verdict.code), None)
    return [
        f"{verdict.code} {verdict.name}: {verdict.status.upper()}",
        f"  {clean(verdict.message, 1000)}",
        *(_exhibit(path, exhibit, settings, files) if exhibit else []),
        "  To reproduce this failure only, in the same folder:",
        f"    {clean(report.reproducers.get(verdict.code, ''), 4000)}",
        "",
    ]


def _exhibit(path: Path, exhibit: FailingRows, settings: Settings, files: Mapping[str, bytes]) -> list[str]:
    """The content of the files of one failure, and how to run its rows only."""
    rows_file = f"{exhibit.code}-rows.{'csv' if exhibit.is_table else 'npz'}"
    outputs_file = f"{exhibit.code}-answers.npz"
    problem = [f"  Outputs are missing: {clean(exhibit.problem, 400)}"] if exhibit.problem else []
    if outputs_file not in files:
        return [*problem, "  Its rows are too large for a bundle."]
    with np.load(io.BytesIO(files[outputs_file])) as stored:
        numbers, names = ", ".join(map(str, stored["rows"])), set(stored.files)
    reference = f"'reference.…' by {clean(exhibit.reference)}, 'fed.…' the rows that the model gets"
    is_compared = any(name.startswith("candidate.") for name in names)
    candidate = f"'candidate.…' by {clean(exhibit.candidate)}, " if is_compared else ""
    lines = [f"  rows {numbers}", f"  {outputs_file}: {candidate}{reference}"]
    if not is_compared:
        lines.append("  The check does not compare two routes.")
    if rows_file in files and settings.served is None and settings.expected is None:
        only = command(settings, select=exhibit.code, instead={"data": str(path / rows_file)})
        lines += [
            f"  {rows_file}: the rows of --data. To run these rows only:",
            "    (a fault between rows may need more rows)",
            f"    {clean(only, 4000)}",
        ]
    return [*lines, *problem]

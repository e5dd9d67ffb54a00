"""The report of `kcheck code` with its exit code, and the words that several formats share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from keras_consistency_cli.checks.code.analysis import CodeReport
from keras_consistency_cli.checks.code.rule import Finding, Severity
from keras_consistency_cli.reporting.parts.number_format import one_line
from keras_consistency_cli.text import format_count

__all__ = ["SCHEMA", "CodeResult", "finding_line", "place", "summary_line"]

SCHEMA = "kcheck.code/1"
_NOUNS: Mapping[Severity, str] = {"fail": "fault", "warn": "warning", "info": "note"}


@dataclass(frozen=True, kw_only=True)
class CodeResult:
    """What was found, and what counts as a failure."""

    report: CodeReport
    fail_on: Literal["fail", "warn"]
    version: str
    exit_zero: bool = False

    @property
    def exit_code(self) -> int:
        """1 if a finding counts as a failure, 3 if no file could be read, otherwise 0."""
        if any(map(self.is_failure, self.report.findings)):
            return 0 if self.exit_zero else 1
        return 3 if self.report.files and self.report.unreadable >= self.report.files else 0

    def is_failure(self, finding: Finding) -> bool:
        """Whether a finding counts as a failure."""
        return finding.severity in ("fail", self.fail_on)


def place(finding: Finding) -> str:
    """Return where a finding is: serve.py:42:9, or notebook.ipynb:cell 3:4:1."""
    cell = f"cell {finding.cell}:" if finding.cell else ""
    return f"{one_line(finding.path)}:{cell}{finding.line}:{finding.column}"


def finding_line(finding: Finding) -> str:
    """Return a finding on one line, as linters print it."""
    return f"{place(finding)}: {finding.code} {finding.name}: {one_line(finding.message)}"


def summary_line(result: CodeResult) -> str:
    """Return the last line: what was found, in how many files."""
    report = result.report
    counts = Counter(finding.severity for finding in report.findings)
    found = [format_count(counts[severity], noun) for severity, noun in _NOUNS.items() if counts[severity]]
    parts = [", ".join(found) or "nothing found", f"in {format_count(report.files, 'file')}"]
    others = []
    if report.skipped:
        others.append(f"{format_count(report.skipped, 'test')} not read")
    if report.unreadable:
        others.append(f"{format_count(report.unreadable, 'file')} cannot be read")
    if partial := len(report.notices) - report.unreadable:
        others.append(f"{format_count(partial, 'file')} read in part")
    if report.ignored:
        others.append(f"{format_count(report.ignored, 'finding')} ignored by comments")
    rest = f" ({', '.join(others)})" if others else ""
    return f"{' '.join(parts)}{rest}; exit {result.exit_code}"

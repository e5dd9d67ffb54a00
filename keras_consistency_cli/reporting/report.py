"""Report: everything a reader or a machine may want to know about one run, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.unexplained import Unexplained
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.trace import Outputs, Rows

__all__ = ["SCHEMA", "FailingRows", "Outcome", "Report", "Source"]

SCHEMA = "kcheck.report/1"

Outcome = Literal["consistent", "inconsistent", "no-verdict"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file that took part: its path as the user gave it, its SHA-256 and what it holds in words."""

    path: str
    sha256: str | None = None
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class FailingRows:
    """What shows one failure: rows by input, as the user gave them and as the model gets them, and both routes' answers by output, row for row.

    `rows` are the numbers in the user's data, those that moved most first. `problem` says why answers are lacking.
    """

    code: str
    candidate: str
    reference: str
    rows: tuple[int, ...]
    given: Rows = field(default_factory=dict)
    fed: Rows = field(default_factory=dict)
    answers: Outputs = field(default_factory=dict)
    expected: Outputs = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """The whole answer of one run.

    `facts` is None where the model could not be loaded. `verdicts` are in the order of the checks; renderers sort them failing first.
    """

    version: str
    verdicts: Sequence[Verdict]
    diagnoses: Sequence[Diagnosis] = ()
    unexplained: Sequence[Unexplained] = ()
    """Failing checks that no diagnosis explains, and what was ruled out."""
    facts: Facts | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    model: Source
    data: Source
    scaler: Source | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 0
    rows_available: int = 0
    generated: bool = False
    """Whether the rows were made by kcheck from the model's input spec."""
    noise: Mapping[str, float] = field(default_factory=dict)
    """By output: the greatest |float32 - float64|, the model's own rounding noise."""
    calibration: Mapping[str, Sequence[Comparison]] = field(default_factory=dict)
    """What limits come from, by output: "noise", predict against its float64 copy, and "rounded", that copy rounded layer by layer."""
    reproduce: str = ""
    """The command line that gives this report again."""
    reproducers: Mapping[str, str] = field(default_factory=dict)
    """By code of a check that failed or broke: the command line that shows this failure alone."""
    exhibits: Sequence[FailingRows] = ()
    """By failure the rows it shows on and both answers, for `--bundle`; empty without it."""
    notes: Sequence[str] = ()
    elapsed_s: float = 0.0
    fail_on: Literal["fail", "warn"] = "fail"
    required: Sequence[str] = ()
    """Codes of checks without whose answer there is no verdict."""
    exit_zero: bool = False
    """Whether failing checks are to be told, yet not by the exit code."""
    lost: Sequence[str] = ()
    """How workers ended that had answered everything but were gone before the run was over: nothing that they said is relied on."""

    @property
    def unanswered(self) -> tuple[Verdict, ...]:
        """The required checks that were skipped."""
        return tuple(
            verdict
            for verdict in self.verdicts
            if verdict.code in self.required and verdict.status is Status.SKIP
        )

    @property
    def exit_code(self) -> int:
        """0 consistent, 1 inconsistent (0 with `exit_zero`), 3 no verdict: a check errored, a required one was skipped, or none gave an answer."""
        return 0 if self.exit_zero and self._code == 1 else self._code

    @property
    def _code(self) -> int:
        statuses = [verdict.status for verdict in self.verdicts]
        if Status.FAIL in statuses or (self.fail_on == "warn" and Status.WARN in statuses):
            return 1
        if (
            Status.ERROR in statuses
            or self.lost
            or self.unanswered
            or not any(status in (Status.PASS, Status.WARN) for status in statuses)
        ):
            return 3
        return 0

    @property
    def outcome(self) -> Outcome:
        """The verdict of the whole run in one word."""
        outcomes: dict[int, Outcome] = {0: "consistent", 1: "inconsistent", 3: "no-verdict"}
        return outcomes[self._code]

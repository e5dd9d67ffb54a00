"""Report: the result of one run as plain data, for readers and for machines."""

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

__all__ = ["SCHEMA", "FailingRows", "Outcome", "Report", "RouteTime", "Source"]

SCHEMA = "kcheck.report/1"

Outcome = Literal["consistent", "inconsistent", "no-verdict"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file of the run: its path as the user gave it, its SHA-256 and its content in words."""

    path: str
    sha256: str | None = None
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class FailingRows:
    """The rows that show one failure, with the outputs of both routes, row for row.

    `rows` are their numbers in the user's data, those with the largest differences first. `given` are the
    rows by input as the user gave them, `fed` the rows that the model gets, `answers` and `expected` the
    outputs of candidate and reference. `problem` says why outputs are missing. If `is_table`, `given` are the
    columns of a table with texts.
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
    is_table: bool = False


@dataclass(frozen=True, kw_only=True)
class RouteTime:
    """How long one route took on all of its rows, and the part in which functions were traced.

    `worker` is the process that ran it: routes of different workers run at the same time.
    """

    name: str
    worker: str
    elapsed_s: float
    tracing_s: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of one run.

    `facts` is None if the model could not be loaded. `verdicts` are in the order of the checks; renderers
    sort them failing first.
    """

    version: str
    verdicts: Sequence[Verdict]
    diagnoses: Sequence[Diagnosis] = ()
    unexplained: Sequence[Unexplained] = ()
    """Failed checks that no diagnosis explains, and the causes that are ruled out."""
    facts: Facts | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    model: Source
    data: Source
    scaler: Source | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 0
    rows_available: int = 0
    generated: bool = False
    """Whether kcheck generated the rows from the input spec of the model."""
    noise: Mapping[str, float] = field(default_factory=dict)
    """By output: the largest |float32 - float64|, the rounding noise of the model."""
    calibration: Mapping[str, Sequence[Comparison]] = field(default_factory=dict)
    """The comparisons that limits are computed from, by output.

    "noise" is predict with its float64 copy, "rounded" is predict with that copy rounded layer by layer.
    """
    reproduce: str = ""
    """The command line that gives this report again."""
    reproducers: Mapping[str, str] = field(default_factory=dict)
    """By code of a check that failed or crashed: the command line that shows this failure only."""
    exhibits: Sequence[FailingRows] = ()
    """The rows and outputs of each failure, for `--bundle`; empty without it."""
    notes: Sequence[str] = ()
    elapsed_s: float = 0.0
    routes: Sequence[RouteTime] = ()
    """The routes that ran, in the order of the table of routes, with their times."""
    fail_on: Literal["fail", "warn"] = "fail"
    required: Sequence[str] = ()
    """Codes of checks that must not be skipped, or there is no verdict."""
    exit_zero: bool = False
    """Whether the exit code is 0 although checks fail."""
    lost: Sequence[str] = ()
    """How workers exited before the run was over although they had answered: their results are not
    trusted."""

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
        """0 consistent, 1 inconsistent (0 with `exit_zero`), 3 no verdict.

        There is no verdict if a check crashed, a required check was skipped, or no check gave an answer.
        """
        return 0 if self.exit_zero and self._code == 1 else self._code

    @property
    def _code(self) -> int:
        statuses = [verdict.status for verdict in self.verdicts]
        if Status.FAIL in statuses or (self.fail_on == "warn" and Status.WARN in statuses):
            return 1
        is_answered = any(status in (Status.PASS, Status.WARN) for status in statuses)
        if Status.ERROR in statuses or self.lost or self.unanswered or not is_answered:
            return 3
        return 0

    @property
    def outcome(self) -> Outcome:
        """The verdict of the whole run."""
        outcomes: dict[int, Outcome] = {0: "consistent", 1: "inconsistent", 3: "no-verdict"}
        return outcomes[self._code]

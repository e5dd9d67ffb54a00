"""Check, Evidence and Verdict: what a check is given and what it answers. Free of Keras."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.measurement.policy import Limit, Policy
from keras_consistency_cli.routes.trace import Trace
from keras_consistency_cli.text import clean

__all__ = ["UNDECIDED", "Check", "Evidence", "Judged", "Pair", "Status", "Verdict"]

UNDECIDED = (
    "treat answers this close to a tie as undecided: widen the margin, or decide with a threshold away from "
    "0.5"
)
"""Advice where decisions flip within rounding."""


class Status(StrEnum):
    """The five answers of a check, from good to bad in declaration order."""

    PASS = "pass"  # noqa: S105
    SKIP = "skip"
    WARN = "warn"
    ERROR = "error"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two routes to be compared; `exact` asks for the same bits instead of the calibrated limit."""

    candidate: str
    reference: str
    exact: bool = False


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A comparison and the limit it was held against."""

    comparison: Comparison
    limit: Limit
    within: bool
    float64_pair: Comparison | None = None
    """The same pair on the float64 copy, where there is one."""
    reason: str = ""
    """Which instrument decided, in words."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that a check may look at: facts, traces (without the outputs) and merged comparisons by (candidate, reference)."""

    facts: Facts
    policy: Policy
    traces: Mapping[str, Trace]
    comparisons: Mapping[tuple[str, str], tuple[Comparison, ...]]
    noise: Mapping[str, Comparison] = field(default_factory=dict)
    """By output: predict against the float64 copy, the model's own rounding noise."""
    rows: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    """What was counted in the inputs: rows with NaN, infinity."""

    def details(self, route: str) -> Mapping[str, Any]:
        """What a route measured; empty where it did not run."""
        trace = self.traces.get(route)
        return trace.details if trace is not None and trace.ran else {}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one check says. `findings` are plain data for machines, `advice` the next step for people.

    `code` and `name` are filled in by `Check.verdict`.
    """

    status: Status
    message: str
    code: str = ""
    name: str = ""
    reason: str | None = None
    """Why it was skipped, or what crashed."""
    judged: tuple[Judged, ...] = ()
    findings: Mapping[str, Any] = field(default_factory=dict)
    advice: str | None = None
    elapsed_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question asked of the routes; `explanation` is its module's docstring and what `kcheck explain` prints."""

    code: str
    name: str
    title: str
    explanation: str
    examine: Callable[[Evidence], Verdict]
    pairs: tuple[Pair, ...] = ()
    routes: tuple[str, ...] = ()
    """Routes it needs beyond those of its pairs."""
    on_request: bool = False
    """Whether it runs only where `--select` names it: it costs more than it mostly tells."""

    def verdict(self, evidence: Evidence) -> Verdict:
        """Examine the evidence and sign the answer; a crash is an ERROR of this check, never a pass and never the end of the run."""
        start = time.perf_counter()
        try:
            found = self.examine(evidence)
        except Exception as problem:
            found = Verdict(
                status=Status.ERROR,
                message="the check itself failed",
                reason=f"{type(problem).__name__}: {clean(problem)}",
            )
        found = _downgrade_flipped_pass(found)
        return replace(found, code=self.code, name=self.name, elapsed_s=time.perf_counter() - start)

    def skipped(self, reason: str) -> Verdict:
        """The answer of a check that could not even be asked."""
        return Verdict(status=Status.SKIP, message="not asked", reason=reason, code=self.code, name=self.name)


def _downgrade_flipped_pass(verdict: Verdict) -> Verdict:
    """A pass whose comparisons flip decisions within their limits becomes a warning, whatever the check thinks of the distance."""
    flipping = [each.comparison for each in verdict.judged if each.within and each.comparison.flipped]
    if verdict.status is not Status.PASS or not flipping:
        return verdict
    most = max(flipping, key=lambda each: each.flipped)
    told = (
        f"{verdict.message}; yet {most.flipped} of {most.decisions} decisions flip between {most.candidate} "
        f"and {most.reference}: near ties"
    )
    return replace(verdict, status=Status.WARN, message=told, advice=verdict.advice or UNDECIDED)

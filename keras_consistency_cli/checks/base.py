"""Check and Evidence: a question, and the data that it may look at. Free of Keras."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.near_ties import warn_of_changed_decisions
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.measurement.policy import Policy
from keras_consistency_cli.measurement.rounding import noise_multiple
from keras_consistency_cli.routes.trace import Details, Trace
from keras_consistency_cli.text import clean

__all__ = ["Check", "Evidence", "Pair"]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two routes to compare; `exact` requires the same bits whatever the limit."""

    candidate: str
    reference: str
    exact: bool = False


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that a check may look at; comparisons are by (candidate, reference)."""

    facts: Facts
    policy: Policy
    traces: Mapping[str, Trace]
    comparisons: Mapping[tuple[str, str], tuple[Comparison, ...]]
    noise: Mapping[str, Comparison] = field(default_factory=dict)
    """By output: predict compared with the float64 copy, the model's rounding noise."""
    rows: int = 0
    data: DataContext = field(default_factory=DataContext)
    target: str = ""
    """The export or service whose causes are searched for, "" for those of the model."""

    def noise_multiple(self, comparison: Comparison) -> float | None:
        """Return a difference in multiples of rounding noise; None if there is no noise or it is unknown."""
        noise = self.noise.get(comparison.output)
        return noise_multiple(comparison, noise.max_abs) if noise is not None and noise.max_abs > 0 else None

    def details(self, route: str, kind: Callable[..., Details]) -> Details:
        """Return what a route measured, as the TypedDict that its function fills; empty if it did not run."""
        trace = self.traces.get(route)
        return trace.details_as(kind) if trace is not None and trace.ran else kind()

    def output_rows(self, route: str) -> Mapping[str, int]:
        """Return the number of output rows of a route by output; empty if it did not run."""
        trace = self.traces.get(route)
        return trace.output_rows if trace is not None and trace.ran else {}


def _always(_settings: Settings) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question about the routes.

    `explanation` is the docstring of its module, which `kcheck explain` prints.
    """

    code: str
    name: str
    title: str
    explanation: str
    examine: Callable[[Evidence], Verdict]
    pairs: tuple[Pair, ...] = ()
    pairs_for: Callable[[Settings], tuple[Pair, ...]] | None = None
    """Returns the pairs that these settings ask for; None if `pairs` does not depend on settings."""
    routes_for: Callable[[Settings], tuple[str, ...]] | None = None
    """Returns the routes that these settings ask for besides those of the pairs."""
    routes: tuple[str, ...] = ()
    """Routes it needs besides those of its pairs."""
    on_request: bool = False
    """Whether it runs only if `--select` names it, because it costs more than it usually shows."""
    is_offered: Callable[[Settings], bool] = _always
    """Whether it runs for these settings if `--select` does not name it."""
    is_slow: bool = False
    """Whether `--quick` leaves it out: it takes longer than the checks that find most faults."""
    accepts_refused_rows: bool = False
    """Whether it can judge rows that the model refuses, for which no route runs."""

    def configured(self, settings: Settings) -> Check:
        """Return the check with the pairs that these settings ask for; if they leave it out, it is a skip."""
        if settings.quick and self.is_slow:
            return replace(self, examine=_leave_out, pairs=(), routes=(), accepts_refused_rows=False)
        if self.pairs_for is None and self.routes_for is None:
            return self
        pairs = self.pairs if self.pairs_for is None else self.pairs_for(settings)
        names = self.routes if self.routes_for is None else self.routes_for(settings)
        return replace(self, pairs=pairs, routes=names)

    def verdict(self, evidence: Evidence) -> Verdict:
        """Examine the evidence and return the verdict with code, name and time.

        A crash of the check is an error of this check, never a pass and never the end of the run.
        """
        start = time.perf_counter()
        try:
            verdict = self.examine(evidence)
        except Exception as problem:
            verdict = Verdict.error("the check itself crashed", f"{type(problem).__name__}: {clean(problem)}")
        verdict = warn_of_changed_decisions(verdict)
        return replace(verdict, code=self.code, name=self.name, elapsed_s=time.perf_counter() - start)

    def skipped(self, reason: str) -> Verdict:
        """Return the verdict of a check that was not run."""
        return replace(Verdict.skip(reason), code=self.code, name=self.name)


def _leave_out(_evidence: Evidence) -> Verdict:
    return Verdict.skip("left out by --quick")

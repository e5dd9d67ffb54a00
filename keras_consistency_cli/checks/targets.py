"""Checks of targets (exports, services or backends): pairs, routes, and one verdict for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from keras_consistency_cli.checks.analysis.exports.precision import negligible
from keras_consistency_cli.checks.base import Evidence, Pair
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.routes.targets import route_on, target_of

__all__ = ["Targets", "with_limits"]

_BASELINE = "-baseline"
_ORDER = (Status.PASS, Status.SKIP, Status.WARN, Status.ERROR, Status.FAIL)


@dataclass(frozen=True, kw_only=True)
class Targets:
    """One kind of targets.

    Args:
        key: names them in findings, "export", "endpoint" or "backend".
        labels: their labels in the settings.
        route: a route that is planned for each of them.
        nothing: why checks are skipped without any.
    """

    key: str
    labels: Callable[[Settings], Sequence[str]]
    route: str
    nothing: str

    def are_given(self, settings: Settings) -> bool:
        """Whether a run has any: without them, their checks do not appear in reports."""
        return bool(self.labels(settings))

    def pairs(self, *names: tuple[str, str]) -> Callable[[Settings], tuple[Pair, ...]]:
        """Return the function that gives pairs of routes for every target.

        Args:
            names: a route and the one it is compared with, both without label. "=NAME" is a route of the
                model, "NAME-baseline" the reference that a route brings.
        """
        return lambda settings: tuple(
            Pair(candidate=route_on(candidate, label), reference=_reference(reference, label))
            for label in self.labels(settings)
            for candidate, reference in names
        )

    def routes(self, *names: str) -> Callable[[Settings], tuple[str, ...]]:
        """Return the function that gives these routes for every target."""
        return lambda settings: tuple(
            route_on(name, label) for label in self.labels(settings) for name in names
        )

    def examine(
        self, evidence: Evidence, examine_one: Callable[[Evidence, str], Verdict], agree: str
    ) -> Verdict:
        """Examine every target; return the verdict of the worst one, which it names.

        Args:
            evidence: the evidence.
            examine_one: examines the target with a label.
            agree: the message if all of several pass.
        """
        start = route_on(self.route, "")
        labels = [target_of(name) for name in evidence.traces if name.startswith(start)]
        verdicts = [(label, examine_one(evidence, label)) for label in labels]
        return self._combine(verdicts, agree) if verdicts else Verdict.skip(self.nothing)

    def _combine(self, verdicts: Sequence[tuple[str, Verdict]], agree: str) -> Verdict:
        summaries = {label: _summary(verdict) for label, verdict in verdicts}
        compared = [each for each in verdicts if each[1].status is not Status.SKIP]
        label, worst = max(compared or verdicts, key=lambda each: _ORDER.index(each[1].status))
        findings = {**worst.findings, self.key: label, f"{self.key}s": summaries}
        if worst.status is Status.PASS and len(verdicts) > 1:
            return _all_pass(verdicts, agree, {f"{self.key}s": summaries})
        others = [each for each, verdict in verdicts if verdict.status is worst.status and each != label]
        message = f"{label}: {worst.message}" + (f"; also {', '.join(others)}" if others else "")
        reason = message if worst.status is Status.SKIP else worst.reason
        return replace(worst, message=message, reason=reason, findings=findings, by_target=dict(verdicts))


def _reference(route: str, label: str) -> str:
    if route.startswith("="):
        return route[1:]
    own = route.removesuffix(_BASELINE)
    return route_on(own, label) + route[len(own) :]


def _all_pass(
    verdicts: Sequence[tuple[str, Verdict]], agree: str, findings: Mapping[str, Mapping[str, Any]]
) -> Verdict:
    """A pass that names the targets, and those that were not compared."""
    passed = [label for label, verdict in verdicts if verdict.status is Status.PASS]
    skipped = [f"{label}: {verdict.message}" for label, verdict in verdicts if label not in passed]
    return Verdict.ok(
        f"{agree}: {', '.join(passed)}",
        reason="; ".join(skipped) or None,
        judged=tuple(one for _, verdict in verdicts for one in verdict.judged),
        findings=findings,
    )


def _summary(verdict: Verdict) -> dict[str, Any]:
    """What the verdict of one target is, next to those of the others."""
    return {"status": verdict.status.value, "message": verdict.message, **verdict.findings}


def with_limits(evidence: Evidence, verdict: Verdict) -> Verdict:
    """Add the limit by output, by which the search for causes of one target recognizes agreement.

    NaN on one side fails whatever the other values are; those then agree within rounding.
    """
    limits = {
        one.comparison.output: negligible(evidence, one.comparison.scale)
        if one.by_nonfinite
        else one.limit.value
        for one in verdict.judged
    }
    return replace(verdict, findings={**verdict.findings, "limits": limits})

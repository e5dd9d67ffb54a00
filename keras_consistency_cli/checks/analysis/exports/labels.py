"""The exports of a run, as checks see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from keras_consistency_cli.checks.base import Evidence, Pair
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.routes.exports.interface import INTERFACE, InterfaceDetails
from keras_consistency_cli.routes.exports.names import export_name, export_of

__all__ = [
    "NO_EXPORT",
    "combine",
    "export_labels",
    "has_exports",
    "interface_of",
    "pairs_of_exports",
    "refusal_of",
    "routes_of_exports",
]

NO_EXPORT = "no export to compare: --export FILE or --try-export FORMATS"
_BASELINE = "-baseline"
_ORDER = (Status.PASS, Status.SKIP, Status.WARN, Status.ERROR, Status.FAIL)


def has_exports(settings: Settings) -> bool:
    """Whether a run compares exports: without any, their checks do not appear in reports."""
    return bool(settings.export_labels())


def export_labels(evidence: Evidence) -> tuple[str, ...]:
    """Return the labels of the exports whose routes were planned."""
    return tuple(dict.fromkeys(label for route in evidence.traces if (label := export_of(route))))


def pairs_of_exports(*names: tuple[str, str]) -> Callable[[Settings], tuple[Pair, ...]]:
    """Return the function that gives pairs of routes for every export of the settings.

    Args:
        names: a route of the export and the one it is compared with, both without label. "=NAME" is a route
            of the model.
    """

    def pairs(settings: Settings) -> tuple[Pair, ...]:
        return tuple(
            Pair(candidate=export_name(candidate, label), reference=_named(reference, label))
            for label in settings.export_labels()
            for candidate, reference in names
        )

    return pairs


def _named(route: str, label: str) -> str:
    if route.startswith("="):
        return route[1:]
    own = route.removesuffix(_BASELINE)
    return export_name(own, label) + route[len(own) :]


def routes_of_exports(*names: str) -> Callable[[Settings], tuple[str, ...]]:
    """Return the function that gives these routes for every export of the settings."""
    return lambda settings: tuple(
        export_name(name, label) for label in settings.export_labels() for name in names
    )


def interface_of(evidence: Evidence, label: str) -> InterfaceDetails | None:
    """Return how an export is called, None if it could not be opened."""
    trace = evidence.traces.get(export_name(INTERFACE, label))
    return trace.details_as(InterfaceDetails) if trace is not None and trace.ran else None


def refusal_of(evidence: Evidence, label: str) -> tuple[str, str] | None:
    """Return why an export could not be opened, and the slug of the cause; None if it could."""
    trace = evidence.traces.get(export_name(INTERFACE, label))
    if trace is None or trace.unavailable is None:
        return None
    return trace.unavailable, str(trace.details.get("cause", ""))


def combine(verdicts: Sequence[tuple[str, Verdict]], agree: str) -> Verdict:
    """Return one verdict for all exports: that of the worst one, which it names.

    Args:
        verdicts: the label and the verdict of each export.
        agree: the message if all pass.
    """
    if not verdicts:
        return Verdict.skip(NO_EXPORT)
    summaries = {label: _summary(verdict) for label, verdict in verdicts}
    compared = [each for each in verdicts if each[1].status is not Status.SKIP]
    label, worst = max(compared or verdicts, key=lambda each: _ORDER.index(each[1].status))
    if worst.status is Status.PASS:
        return _all_pass(verdicts, agree, summaries)
    others = [each for each, verdict in verdicts if verdict.status is worst.status and each != label]
    message = f"{label}: {worst.message}" + (f"; also {', '.join(others)}" if others else "")
    return replace(
        worst,
        message=message,
        reason=message if worst.status is Status.SKIP else worst.reason,
        findings={**worst.findings, "export": label, "exports": summaries},
    )


def _all_pass(
    verdicts: Sequence[tuple[str, Verdict]], agree: str, summaries: Mapping[str, Mapping[str, Any]]
) -> Verdict:
    """A pass that names the exports, and those that were not compared."""
    passed = [label for label, verdict in verdicts if verdict.status is Status.PASS]
    skipped = [f"{label}: {verdict.message}" for label, verdict in verdicts if label not in passed]
    return Verdict.ok(
        f"{agree}: {', '.join(passed)}",
        reason="; ".join(skipped) or None,
        judged=tuple(one for _, verdict in verdicts for one in verdict.judged),
        findings={"exports": summaries},
    )


def _summary(verdict: Verdict) -> dict[str, Any]:
    """What one export's verdict is, next to those of the others."""
    return {"status": verdict.status.value, "message": verdict.message, **verdict.findings}

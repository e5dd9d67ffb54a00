"""What a different way of preparing rows does to the outputs, and whether it is harmless."""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.preconditions import error_if_crashed
from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.routes.trace import WhyNoOutputs

__all__ = ["describe_change", "is_harmless", "stop_without_outputs", "why_no_outputs"]

_HARMLESS = 1e-3
"""Share of the largest output up to which a change is harmless if no decision changes."""


def describe_change(judged: Sequence[Judged], rows: int) -> str:
    """Return what happens to the outputs, to follow the word "outputs".

    For example "change by up to 0.4 (0.2 of the largest output), 5 of 64 decisions change".
    """
    if not judged:
        return "were not compared"
    worst = max((one.comparison for one in judged), key=_badness)
    if worst.misshapen:
        return f"have a different shape ({worst.misshapen})"
    if not worst.max_abs and not worst.nonfinite:
        return "stay the same"
    share = f" ({worst.scaled:.2g} of the largest output)" if worst.scale else ""
    flips = max((one.comparison for one in judged), key=lambda comparison: comparison.flipped)
    flipped = f", {flips.flipped} of {flips.rows or rows} decisions change" if flips.flipped else ""
    lost = f", {worst.nonfinite} values become NaN or infinite" if worst.nonfinite else ""
    return f"change by up to {worst.max_abs:.2g}{share}{flipped}{lost}"


def _badness(comparison: Comparison) -> tuple[bool, float]:
    return comparison.misshapen is not None or comparison.nonfinite > 0, comparison.scaled


def is_harmless(judged: Judged) -> bool:
    """Whether outputs change by rounding, or by a thousandth at most and no decision."""
    comparison = judged.comparison
    if comparison.misshapen or comparison.nonfinite or comparison.flipped:
        return False
    return judged.within or comparison.scaled <= _HARMLESS


def why_no_outputs(evidence: Evidence, route: str) -> str | None:
    """Return why a route that ran gave no outputs, such as nothing to scale, else None."""
    return evidence.details(route, WhyNoOutputs).get("reason")


def stop_without_outputs(evidence: Evidence, routes: Sequence[str]) -> Verdict | None:
    """Return an ERROR if one of these routes crashed, a SKIP if none gave outputs, else None."""
    crashed = error_if_crashed(evidence, routes)
    if crashed is not None:
        return crashed
    traces = [trace for route in routes if (trace := evidence.traces.get(route)) is not None]
    reasons = [trace.unavailable or why_no_outputs(evidence, trace.route) for trace in traces]
    if None in reasons:
        return None
    return Verdict.skip(next((reason for reason in reasons if reason), "the routes did not run"))

"""Decisions that change although a difference is within its limit: never silent."""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.decisions import FLIPPED_SHARE

__all__ = ["EQUAL_SCORES", "FLIPPED_SHARE", "UNDECIDED", "flipped_share", "warn_of_changed_decisions"]

UNDECIDED = (
    "treat outputs this close to a tie as undecided: "
    "require a wider margin, or use a threshold other than 0.5"
)
"""Advice if decisions change within rounding noise."""
EQUAL_SCORES = (
    "rounding decides the order of scores that are equal or nearly equal: remove duplicates among the "
    "candidates, or break ties by a fixed rule, such as the smaller number first"
)
"""Advice if what comes first changes, in top_k or sorting."""


def flipped_share(comparison: Comparison) -> float:
    """Return the share of decisions that change between the two routes; 0 without decisions."""
    return comparison.flipped / comparison.decisions if comparison.decisions else 0.0


def warn_of_changed_decisions(verdict: Verdict) -> Verdict:
    """Return a warning in place of a pass if decisions change within a limit."""
    within = [judged.comparison for judged in verdict.judged if judged.within and judged.comparison.flipped]
    if verdict.status is not Status.PASS or not within:
        return verdict
    most = max(within, key=lambda comparison: comparison.flipped)
    message = (
        f"{verdict.message}, but {most.flipped} of {most.decisions} decisions change "
        f"between {most.candidate} and {most.reference}: near ties"
    )
    return replace(verdict, status=Status.WARN, message=message, advice=verdict.advice or UNDECIDED)

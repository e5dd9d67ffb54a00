"""The mistakes in served rows that have one cause, for the texts of that cause."""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.served.kinds import LOW_PRECISION
from keras_consistency_cli.checks.analysis.served.rows import Mistake, find_mistakes
from keras_consistency_cli.checks.base import Evidence

__all__ = ["MAKING_NONFINITE", "are_of_kinds", "make_nonfinite", "own_mistakes"]

MAKING_NONFINITE = (LOW_PRECISION, "function-misapplied")
"""Causes that explain NaN and infinity in served rows where their mistake makes it of numbers."""


def own_mistakes(evidence: Evidence, cause: str) -> tuple[Mistake, ...]:
    """The mistakes in the served rows that have this cause."""
    return tuple(mistake for mistake in find_mistakes(evidence) or () if mistake.cause == cause)


def are_of_kinds(mistakes: tuple[Mistake, ...], *kinds: str) -> bool:
    """Whether there are mistakes, and all of them are of these kinds."""
    return bool(mistakes) and all(mistake.kind in kinds for mistake in mistakes)


def make_nonfinite(evidence: Evidence, *causes: str) -> bool:
    """Whether a mistake with one of these causes makes NaN or infinity of numbers."""
    return any(not mistake.is_finite for cause in causes for mistake in own_mistakes(evidence, cause))

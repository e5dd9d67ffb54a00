"""The mistakes in served rows that have one cause, for the texts of that cause."""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.served.rows import Mistake, find_mistakes
from keras_consistency_cli.checks.base import Evidence

__all__ = ["are_of_kinds", "own_mistakes"]


def own_mistakes(evidence: Evidence, cause: str) -> tuple[Mistake, ...]:
    """The mistakes in the served rows that have this cause."""
    return tuple(mistake for mistake in find_mistakes(evidence) or () if mistake.cause == cause)


def are_of_kinds(mistakes: tuple[Mistake, ...], *kinds: str) -> bool:
    """Whether there are mistakes, and all of them are of these kinds."""
    return bool(mistakes) and all(mistake.kind in kinds for mistake in mistakes)

"""How much of a difference may be left for its cause to count as removed."""

from __future__ import annotations

__all__ = ["NEGLIGIBLE_OF_DIFFERENCE", "NEGLIGIBLE_OF_OUTPUT", "is_nothing_left"]

NEGLIGIBLE_OF_DIFFERENCE = 1e-2
"""The part of a difference that may be left if kernels of a different kind ran, which round differently."""
NEGLIGIBLE_OF_OUTPUT = 1e-4
"""The part of the greatest output that may differ if rows of a different length were run."""


def is_nothing_left(left: float, *, before: float, scale: float) -> bool:
    """Whether next to nothing is left of a difference: rows of another length round differently.

    Args:
        left: the difference with the suspect switched off.
        before: the difference with it.
        scale: the greatest output.
    """
    return left <= min(NEGLIGIBLE_OF_OUTPUT * scale, NEGLIGIBLE_OF_DIFFERENCE * before)

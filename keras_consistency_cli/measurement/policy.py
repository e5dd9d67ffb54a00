"""Policy: which limits the user states, and the limit that a verdict uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Limit", "Measure", "Origin", "Policy", "UserLimit"]

Origin = Literal["calibrated", "calibrated-few-rows", "amplified", "fallback", "stated", "exact"]
Measure = Literal["greatest", "mean", "float64"]
"""What a limit bounds: the greatest difference, the mean one, or the greatest one on the float64 copy."""


@dataclass(frozen=True, kw_only=True)
class UserLimit:
    """A limit that the user states: |a - b| ≤ atol + rtol · |b|, as in numpy.allclose."""

    rtol: float
    atol: float


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The difference allowed, its origin, and which difference that is."""

    value: float
    origin: Origin
    measure: Measure = "greatest"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How limits are found: calibrated by default, stated by the user, or exact."""

    stated: UserLimit | None = None
    per_output: tuple[tuple[str, UserLimit], ...] = ()
    exact: bool = False

    def stated_for(self, output: str) -> UserLimit | None:
        """Return the user's limit for this output, None if it is to be calibrated."""
        return dict(self.per_output).get(output, self.stated)

"""Stored statistics that are not those of the reference rows. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["STALE", "StaleFeature", "compare_statistics", "describe_stale_features"]

STALE = 0.15
"""Standard deviations by which mean or spread may differ from the reference rows, and the share by which a
range may be exceeded."""
_PROOF = 5.0
"""Standard errors that rule out chance."""


@dataclass(frozen=True, kw_only=True)
class StaleFeature:
    """One feature whose stored statistics differ from the reference rows.

    `by` is in standard deviations, a factor, or a share of a range; `what` names it.
    """

    name: str
    what: str
    by: float
    unit: str = ""


def compare_statistics(
    name: str,
    stored: tuple[float, float],
    shown: tuple[float, float],
    *,
    rows: int,
    kurtosis: float = 3.0,
    scatter: float = 1.0,
) -> StaleFeature | None:
    """Compare a stored (centre, spread) with that of the reference rows; None if they agree.

    Args:
        name: the feature.
        stored: centre and spread in the scaler or layer.
        shown: the same of the reference rows.
        rows: reference rows.
        kurtosis: of the feature; heavy tails make its spread uncertain.
        scatter: how much more these statistics scatter than mean and standard deviation.
    """
    (centre, spread), (mean, sd) = stored, shown
    if not spread > 0 or not math.isfinite(centre + spread + mean + sd) or rows < 2:
        return None
    error = scatter / math.sqrt(rows)
    shift = abs(mean - centre) / spread
    if shift > STALE and shift > _PROOF * error * max(sd / spread, 1.0):
        return StaleFeature(name=name, what="the mean is off by", by=shift, unit=" standard deviations")
    ratio = abs(math.log(sd / spread)) if sd > 0 else math.inf
    if ratio > STALE and ratio > _PROOF * error * math.sqrt(max(kurtosis - 1, 1)) / 2:
        factor = math.exp(ratio) if math.isfinite(ratio) else math.inf
        return StaleFeature(name=name, what="the spread is off by a factor of", by=factor)
    return None


def describe_stale_features(stale: Sequence[StaleFeature]) -> str:
    """Return in words how many features differ, and the one that differs most."""
    worst = max(stale, key=lambda feature: feature.by)
    return f"{len(stale)} features differ, '{worst.name}' most: {worst.what} {worst.by:.2g}{worst.unit}"

"""How far each feature has drifted, for the page: the figures of the check of drift and a bar for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.reporting.parts.number_format import count, number, one_line
from keras_consistency_cli.reporting.report import Report

__all__ = ["REACH", "Drift", "Feature", "drift"]

REACH = 50.0
"""Half the width of a bar's view box: what the greatest shift takes, or a standard deviation where all are smaller."""
_MOST = 40


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature: its figures in words, and its bar from the middle, to the left where the mean fell."""

    name: str
    mean: str
    expected: str
    shift: str
    distance: str
    outside: str
    moved: bool
    left: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Drift:
    """All features that are shown, and what they are in a sentence."""

    features: tuple[Feature, ...]
    summary: str


def drift(report: Report) -> Drift | None:
    """Return what the check of drift measured; None where it had nothing to hold the rows against."""
    found = next((verdict.findings for verdict in report.verdicts if verdict.code == "KC702"), {})
    figures = [each for each in found.get("by_feature", ()) if isinstance(each, Mapping)]
    if not figures:
        return None
    several = len({each["input"] for each in figures}) > 1
    furthest = max((abs(each["shift"]) for each in figures if math.isfinite(each["shift"])), default=1.0)
    furthest = max(furthest, 1.0)
    features = tuple(_feature(each, furthest, several) for each in figures[:_MOST])
    shown = (
        f"The {len(features)} furthest of {count(found['features'], 'feature')}"
        if found["features"] > len(features)
        else "Every feature"
    )
    moved = sum(feature.moved for feature in features)
    summary = f"{shown}; {f'{moved} moved further than the limits allow' if moved else 'none moved further than the limits allow'}"
    return Drift(features=features, summary=summary)


def _feature(figures: Mapping[str, Any], furthest: float, several: bool) -> Feature:
    shift = figures["shift"]
    share = 0.0 if math.isnan(shift) else min(abs(shift) / furthest, 1.0)
    width = REACH * share
    return Feature(
        name=one_line(f"{figures['input']}: {figures['name']}" if several else figures["name"], 80),
        mean=f"{figures['mean']:.4g}",
        expected=f"{figures['expected']:.4g}",
        shift=number(shift),
        distance=_percent(figures["distance"]),
        outside=_percent(figures["outside"]),
        moved=bool(figures["moved"]),
        left=-width if shift < 0 else 0.0,
        width=width,
    )


def _percent(share: float | None) -> str:
    return number(None) if share is None else f"{share:.0%}"

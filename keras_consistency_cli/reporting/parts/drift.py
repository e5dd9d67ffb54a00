"""The drift of each feature for the HTML report: numbers and a bar."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.reporting.parts.number_format import format_number, one_line
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.text import format_count

__all__ = ["REACH", "Drift", "FeatureDrift", "build_drift"]

REACH = 50.0
"""Half the width of a bar's view box: the length of the largest shift, or of one standard deviation."""
_MOST_FEATURES = 40


@dataclass(frozen=True, kw_only=True)
class FeatureDrift:
    """One feature: its numbers as texts, and a bar that goes left if the mean fell."""

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
    """The features that are shown, and a sentence about them."""

    features: tuple[FeatureDrift, ...]
    summary: str


def build_drift(report: Report) -> Drift | None:
    """Return the measurements of the check of drift; None if it has none."""
    findings = next((verdict.findings for verdict in report.verdicts if verdict.code == "KC702"), {})
    figures = [each for each in findings.get("by_feature", ()) if isinstance(each, Mapping)]
    if not figures:
        return None
    has_several_inputs = len({each["input"] for each in figures}) > 1
    shifts = (abs(each["shift"]) for each in figures if math.isfinite(each["shift"]))
    largest = max((*shifts, 1.0))
    features = tuple(_feature(each, largest, has_several_inputs) for each in figures[:_MOST_FEATURES])
    return Drift(features=features, summary=_summary(features, findings["features"]))


def _summary(features: tuple[FeatureDrift, ...], total: int) -> str:
    shown = "All features"
    if total > len(features):
        shown = f"The {len(features)} of {format_count(total, 'feature')} that moved most"
    moved = sum(feature.moved for feature in features)
    return f"{shown}; {moved or 'none'} beyond the limits"


def _feature(figures: Mapping[str, Any], largest: float, has_several_inputs: bool) -> FeatureDrift:
    shift = figures["shift"]
    width = 0.0 if math.isnan(shift) else REACH * min(abs(shift) / largest, 1.0)
    name = f"{figures['input']}: {figures['name']}" if has_several_inputs else figures["name"]
    return FeatureDrift(
        name=one_line(name, 80),
        mean=f"{figures['mean']:.4g}",
        expected=f"{figures['expected']:.4g}",
        shift=format_number(shift),
        distance=_percentage(figures["distance"]),
        outside=_percentage(figures["outside"]),
        moved=bool(figures["moved"]),
        left=-width if shift < 0 else 0.0,
        width=width,
    )


def _percentage(share: float | None) -> str:
    return format_number(None) if share is None else f"{share:.0%}"

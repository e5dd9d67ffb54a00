"""The rows should be distributed as those that the model was trained on.

Why: a model answers rows of another kind as readily as those it learned from. A sensor in other units, a category that
no longer comes, a feature that has wandered off: the pipeline is sound and the answers are not.

How: every feature is held against the reference rows where they are given (difference of the means in standard
deviations, greatest distance of the two distributions after Kolmogorov and Smirnov, share of rows beyond the training
range), else against what the scaler and the Normalization layers remember. Effects count, not p-values: with many rows
any difference is significant. Significance only guards against few rows, on either side: it is corrected for the number
of features and, but for means, makes no assumption about their distributions (Kolmogorov and Smirnov, the sign test for
remembered medians, the beta-binomial law of values beyond a training range).

Where every feature that moved holds one number about as often as the reference rows miss a value, missing values were
filled on the way, and that is told instead.

To fix: look at the feature that is named. Mend its units or its source, or train again on rows as they are now. Limits
stand in the YAML: checks: {distribution-shift: {effect: 0.5, outside: 0.05, severity: warn}}.

Sources: Rabanser, Günnemann and Lipton, Failing Loudly: An Empirical Study of Methods for Detecting Dataset Shift (2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict
from keras_consistency_cli.config.setting_types import DriftOptions
from keras_consistency_cli.measurement.facts import DataFacts, DriftFact

__all__ = ["CHECK"]

_CHANCE = 1e-3
"""Probability, over all features together, of calling chance a shift."""
_DISTANCE = 0.3
"""Of the greatest effect: a normal feature that moves by half a deviation is 0.2 away; noise of a few hundred rows 0.1."""
_MOST_NAMED, _MOST_FIGURES = 20, 40
_FIGURES = ("input", "name", "mean", "expected", "shift", "distance", "outside")
_UNFILLED = "leave missing values as they are, and let the pipeline of training fill them"


@dataclass(frozen=True, kw_only=True)
class _Moved:
    """A feature beyond a limit: how far, in multiples of the limit, and in words."""

    fact: DriftFact
    times: float
    words: str


def examine(evidence: Evidence) -> Verdict:
    """WARN, or whatever the owner chose, for features that moved; the worst one is named with its two numbers."""
    known: DataFacts | None = evidence.data.get("description")
    limits: DriftOptions = evidence.data.get("drift_limits") or DriftOptions()
    if known is None or known.generated:
        return _skip("no rows given: those that were made follow what the model remembers")
    if not known.drift:
        return _skip(
            "no reference rows are given, and neither scaler nor Normalization layers remember what "
            "training rows looked like"
        )
    found = [moved for fact in known.drift if (moved := _moved(fact, limits, len(known.drift))) is not None]
    findings = {
        "features": len(known.drift),
        "moved": {each.fact.name: each.words for each in found[:_MOST_NAMED]},
        "by_feature": _by_feature(known.drift, {id(each.fact): each.times for each in found}),
    }
    if not found:
        message = f"{len(known.drift)} features are distributed like {_against(known.drift[0], known)}"
        return Verdict(status=Status.PASS, message=message, findings=findings)
    worst = max(found, key=lambda each: each.times)
    message = (
        f"{len(found)} of {len(known.drift)} features differ from {_against(worst.fact, known)}, "
        f"'{worst.fact.name}' most: {worst.words}"
    )
    status = Status.FAIL if limits.severity == "fail" else Status.WARN
    if all(each.fact.filler is not None for each in found):
        fact = worst.fact
        message += (
            f"; the rows hold {fact.filler:g} about as often as the reference rows miss a value "
            f"({fact.gaps:.0%})"
        )
        return Verdict(
            status=status,
            message=message,
            findings={**findings, "cause": "gaps-filled-otherwise"},
            advice=_UNFILLED,
        )
    findings = {**findings, **_remembering(worst.fact, known), "cause": "distribution-shift"}
    return Verdict(status=status, message=message, findings=findings, advice=_advice(findings.get("layer")))


def _against(fact: DriftFact, known: DataFacts) -> str:
    return "the reference rows" if known.reference else f"what '{fact.against}' remembers"


def _remembering(fact: DriftFact, known: DataFacts) -> dict[str, str]:
    """The Normalization layer that this feature was held against, where it was one."""
    return {"layer": fact.against} if any(layer.path == fact.against for layer in known.layers) else {}


def _advice(layer: object) -> str:
    usual = "look at that feature's units and source; train again if the world has changed"
    return (
        f"{usual}; where the rows are right, '{layer}' was adapted on others, or on too few"
        if layer
        else usual
    )


def _skip(reason: str) -> Verdict:
    return Verdict(status=Status.SKIP, message="nothing to hold the rows against", reason=reason)


def _moved(fact: DriftFact, limits: DriftOptions, features: int) -> _Moved | None:
    """The feature, where its shift, its distance or its outliers are beyond a limit and no accident."""
    found = []
    proven = fact.p_value * features < _CHANCE
    if proven and abs(fact.shift) > limits.effect:
        words = f"{fact.mean:.4g} instead of {fact.expected:.4g}, {abs(fact.shift):.2g} standard deviations"
        found.append(_Moved(fact=fact, times=_times(abs(fact.shift), limits.effect), words=words))
    if proven and fact.distance is not None and fact.distance > _DISTANCE * limits.effect:
        words = (
            f"mean {fact.mean:.4g} instead of {fact.expected:.4g}, distributions {fact.distance:.0%} apart"
        )
        found.append(_Moved(fact=fact, times=_times(fact.distance, _DISTANCE * limits.effect), words=words))
    if fact.outside is not None and fact.outside > limits.outside and fact.outside_p * features < _CHANCE:
        words = f"mean {fact.mean:.4g}, {fact.outside:.0%} of the rows beyond the range of training"
        found.append(_Moved(fact=fact, times=_times(fact.outside, limits.outside), words=words))
    return max(found, key=lambda each: each.times, default=None)


def _by_feature(facts: Sequence[DriftFact], moved: Mapping[int, float]) -> list[dict[str, Any]]:
    """The figures of each feature, those that moved first and the furthest of each kind first."""
    ranked = sorted(facts, key=lambda fact: (moved.get(id(fact), 0.0), abs(fact.shift)), reverse=True)
    return [
        {**{name: getattr(fact, name) for name in _FIGURES}, "moved": id(fact) in moved}
        for fact in ranked[:_MOST_FIGURES]
    ]


def _times(value: float, limit: float) -> float:
    return value / limit if limit else math.inf


CHECK = Check(
    code="KC702",
    name="distribution-shift",
    title="the rows are distributed as those of training",
    explanation=__doc__,
    routes=("rows",),
    examine=examine,
)

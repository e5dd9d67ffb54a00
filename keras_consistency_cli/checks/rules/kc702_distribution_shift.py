"""The rows should have the distribution of the rows that the model was trained on.

Why: a model predicts rows of a different kind as readily as those it learned from. A sensor in different
units, a category that no longer occurs, a feature that has drifted: nothing crashes and the outputs are
wrong.

How: every feature is compared with the reference rows if they are given (difference of the means in standard
deviations, largest distance of the two distributions after Kolmogorov and Smirnov, share of rows beyond the
training range), else with the statistics that the scaler and the Normalization layers store. Effects count,
not p-values: with many rows any difference is significant. Significance only guards against few rows, on
either side: it is corrected for the number of features and, except for means, makes no assumption about their
distributions (Kolmogorov and Smirnov, the sign test for stored medians, the beta-binomial distribution of
values beyond a training range).

If every feature that shifted holds one number about as often as the reference rows miss a value, missing
values were filled on the way, and that is reported instead.

To fix: look at the feature that is named. Correct its units or its source, or train again on current rows.
Limits are set in the YAML: checks: {distribution-shift: {effect: 0.5, outside: 0.05, severity: warn}}.

Sources: Rabanser, Günnemann and Lipton, Failing Loudly: An Empirical Study of Methods for Detecting Dataset
Shift (2019).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.config.setting_types import DriftOptions
from keras_consistency_cli.measurement.data_facts import DataFacts, DriftFact
from keras_consistency_cli.text import format_count

__all__ = ["CHECK"]

_CHANCE = 1e-3
"""Probability, over all features together, of calling chance a shift."""
_DISTANCE = 0.3
"""Limit of the distance as a share of the largest effect: for a normal feature, a shift by half a deviation
gives 0.2, and the noise of a few hundred rows 0.1."""
_MOST_NAMED, _MOST_FIGURES = 20, 40
_FIGURES = ("input", "name", "mean", "expected", "shift", "distance", "outside")
_ADVICE = "look at that feature's units and source; train again if the population has changed"
_UNFILLED = "leave missing values as they are, and let the pipeline of training fill them"


@dataclass(frozen=True, kw_only=True)
class _Shift:
    """A feature beyond a limit: by how many times the limit, and in words."""

    fact: DriftFact
    times: float
    words: str


def examine(evidence: Evidence) -> Verdict:
    """WARN, or FAIL if the owner chose so, for features that shifted; the worst one is named."""
    description, limits = evidence.data.description, evidence.data.drift_limits
    if description.generated:
        return Verdict.skip("no rows given: generated rows follow the statistics that the model stores")
    facts = description.drift
    if not facts:
        return Verdict.skip(
            "no reference rows are given, "
            "and neither scaler nor Normalization layers store training statistics"
        )
    shifts = [shift for fact in facts if (shift := _largest_shift(fact, limits, len(facts))) is not None]
    findings = {
        "features": len(facts),
        "moved": {shift.fact.name: shift.words for shift in shifts[:_MOST_NAMED]},
        "by_feature": _by_feature(facts, {id(shift.fact): shift.times for shift in shifts}),
    }
    if not shifts:
        source = _source(facts[0], description)
        counted = format_count(len(facts), "feature")
        return Verdict.ok(f"the distribution of {counted} is that of {source}", findings=findings)
    return _report(shifts, description, limits, findings)


def _report(
    shifts: Sequence[_Shift], description: DataFacts, limits: DriftOptions, findings: Mapping[str, Any]
) -> Verdict:
    verdict = Verdict.fail if limits.severity == "fail" else Verdict.warn
    worst = max(shifts, key=lambda shift: shift.times)
    fact = worst.fact
    message = (
        f"{len(shifts)} of {len(description.drift)} features differ from {_source(fact, description)}; "
        f"'{fact.name}' most: {worst.words}"
    )
    if all(shift.fact.filler is not None for shift in shifts):
        message += (
            f"; the rows hold {fact.filler:g} about as often as the reference rows miss a value "
            f"({fact.gaps:.0%})"
        )
        return verdict(message, cause="gaps-filled-otherwise", findings=findings, advice=_UNFILLED)
    if any(layer.path == fact.against for layer in description.layers):
        findings = {**findings, "layer": fact.against}
        advice = (
            f"{_ADVICE}; if the rows are right, '{fact.against}' was adapted on different or too few rows"
        )
        return verdict(message, cause="distribution-shift", findings=findings, advice=advice)
    return verdict(message, cause="distribution-shift", findings=findings, advice=_ADVICE)


def _source(fact: DriftFact, description: DataFacts) -> str:
    return "the reference rows" if description.reference else f"the statistics stored by '{fact.against}'"


def _largest_shift(fact: DriftFact, limits: DriftOptions, features: int) -> _Shift | None:
    """The feature's largest difference beyond a limit that is not chance, else None."""
    return max(_shifts(fact, limits, features), key=lambda shift: shift.times, default=None)


def _shifts(fact: DriftFact, limits: DriftOptions, features: int) -> Iterator[_Shift]:
    significant = fact.p_value * features < _CHANCE
    if significant and abs(fact.shift) > limits.effect:
        words = f"{fact.mean:.4g} instead of {fact.expected:.4g}, {abs(fact.shift):.2g} standard deviations"
        yield _Shift(fact=fact, times=_times(abs(fact.shift), limits.effect), words=words)
    if significant and fact.distance is not None and fact.distance > _DISTANCE * limits.effect:
        means = f"mean {fact.mean:.4g} instead of {fact.expected:.4g}, distributions"
        words = f"{'the shares of its texts' if fact.is_text else means} differ by {fact.distance:.0%}"
        yield _Shift(fact=fact, times=_times(fact.distance, _DISTANCE * limits.effect), words=words)
    if fact.outside is not None and fact.outside > limits.outside and fact.outside_p * features < _CHANCE:
        words = f"mean {fact.mean:.4g}, {fact.outside:.0%} of the rows beyond the training range"
        yield _Shift(fact=fact, times=_times(fact.outside, limits.outside), words=words)


def _by_feature(facts: Sequence[DriftFact], times: Mapping[int, float]) -> list[dict[str, Any]]:
    """The figures of each feature, shifted ones and larger shifts first."""
    ranked = sorted(facts, key=lambda fact: (times.get(id(fact), 0.0), abs(fact.shift)), reverse=True)
    return [
        {**{name: getattr(fact, name) for name in _FIGURES}, "moved": id(fact) in times}
        for fact in ranked[:_MOST_FIGURES]
    ]


def _times(value: float, limit: float) -> float:
    return value / limit if limit else math.inf


CHECK = Check(
    code="KC702",
    name="distribution-shift",
    title="the rows have the distribution of the training rows",
    explanation=__doc__,
    routes=("rows",),
    examine=examine,
)

"""Judging pairs of routes: each comparison with its limit, and the worst of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from keras_consistency_cli.checks.base import Evidence, Pair
from keras_consistency_cli.checks.verdict import Judged
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.limits import NoiseEvidence, judge
from keras_consistency_cli.measurement.policy import Policy
from keras_consistency_cli.routes.trace import REFERENCE, ROUNDED, ROUNDED_TO_POLICIES, float64_name

__all__ = ["HIGH_NOISE", "choose_rounded", "judge_pairs", "layer_rounding", "limit_exceeds_output", "worst"]

HIGH_NOISE = 1e-3
"""As a share of the largest output: rounding noise above this leaves float32 outputs three digits."""


def judge_pairs(evidence: Evidence, pairs: Sequence[Pair]) -> Iterator[Judged]:
    """Yield every comparison of these pairs with its limit, except those without elements."""
    rounded = layer_rounding(evidence)
    for pair in pairs:
        float64_pairs = _float64_pairs(evidence, pair)
        for comparison in evidence.comparisons.get((pair.candidate, pair.reference), ()):
            if comparison.elements == 0 and not comparison.misshapen:
                continue
            float64_pair = float64_pairs.get(comparison.output)
            measured = NoiseEvidence(
                pair=comparison,
                noise=evidence.noise.get(comparison.output),
                float64_pair=float64_pair,
                rounded=rounded.get(comparison.output),
                coarsest=evidence.facts.coarsest_dtype,
                quantised=bool(evidence.facts.quantised),
            )
            judgement = judge(measured, policy=evidence.policy, exact=pair.exact)
            yield Judged(
                comparison=comparison,
                limit=judgement.limit,
                within=judgement.within,
                float64_pair=float64_pair,
                reason=judgement.reason,
                by_nonfinite=judgement.by_nonfinite,
            )


def _float64_pairs(evidence: Evidence, pair: Pair) -> dict[str, Comparison]:
    """The same pair of routes on the float64 copy, by output."""
    names = float64_name(pair.candidate), float64_name(pair.reference)
    return {comparison.output: comparison for comparison in evidence.comparisons.get(names, ())}


def layer_rounding(evidence: Evidence) -> dict[str, Comparison]:
    """Return by output the comparison of the layer by layer rounded float64 copy with predict."""
    return {comparison.output: comparison for comparison in choose_rounded(evidence.comparisons)}


def choose_rounded(comparisons: Mapping[tuple[str, str], Sequence[Comparison]]) -> Sequence[Comparison]:
    """Return the comparisons of the rounded float64 copy with predict, in 16 bits where layers are."""
    pairs = ((name, REFERENCE) for name in (ROUNDED_TO_POLICIES, ROUNDED))
    return next(filter(None, map(comparisons.get, pairs)), ())


def limit_exceeds_output(judged: Judged, evidence: Evidence) -> bool:
    """Whether a stated limit is so wide that zeros in place of all outputs would pass too.

    Differences that rounding explains are not at issue: they would pass without the stated limit too.
    """
    comparison = judged.comparison
    stated = judged.limit.origin == "stated" and not comparison.identical
    if not stated or not 0 < comparison.scale <= judged.limit.value:
        return False
    measured = NoiseEvidence(
        pair=comparison,
        noise=evidence.noise.get(comparison.output),
        float64_pair=judged.float64_pair,
        rounded=layer_rounding(evidence).get(comparison.output),
    )
    return not judge(measured, policy=Policy()).within


def worst(judged: Sequence[Judged]) -> Judged:
    """Return the comparison furthest beyond its limit; different shapes and NaN come first."""

    def badness(one: Judged) -> tuple[bool, bool, float]:
        comparison, limit = one.comparison, one.limit.value
        beyond = one.deviation / limit if limit else one.deviation
        return not one.within, comparison.misshapen is not None or comparison.nonfinite > 0, beyond

    return max(judged, key=badness)

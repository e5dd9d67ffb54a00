"""Words for a difference between two routes, as messages of checks use them."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Judged
from keras_consistency_cli.text import describe_changed_decisions

__all__ = ["describe_deviation"]


def describe_deviation(judged: Judged, evidence: Evidence, *, counts_comparisons: bool = False) -> str:
    """Return how large a difference is, in how many rows, and how many decisions it changes.

    For example "off by up to 0.5 (0.44 of the largest output) in 2 of 32 rows of shuffled".
    `counts_comparisons` is for routes that run the same row several times: "in 2 of 32 comparisons".
    """
    comparison, float64_pair = judged.comparison, judged.float64_pair
    counted = "comparisons" if counts_comparisons else "rows"
    if comparison.misshapen:
        return f"{comparison.misshapen} ({comparison.candidate} vs {comparison.reference})"
    if comparison.nonfinite and (judged.limit.origin != "exact" or not comparison.max_abs):
        return f"{_lost_values(judged)} ({comparison.candidate} vs {comparison.reference})"
    if float64_pair is not None and not comparison.max_abs and float64_pair.max_abs:
        return (
            f"off by {float64_pair.max_abs:.2g} on the float64 copy in {float64_pair.rows_differing} of "
            f"{float64_pair.rows} {counted}, too small a difference to show in float32"
        )
    decisive = judged.decisive
    where = f"{decisive.rows} {counted} {'made by' if counts_comparisons else 'of'} {decisive.candidate}"
    text = f"{_size(judged, evidence)} in {judged.rows_beyond} of {where}{_exceeded_limit(judged)}"
    text += f"; {describe_changed_decisions(comparison.flipped)}" if comparison.flipped else ""
    return text + (f"; {_lost_values(judged)}" if comparison.nonfinite else "")


def _exceeded_limit(judged: Judged) -> str:
    """The limit that was exceeded, if it is not one of the greatest difference."""
    deviation, limit = f"{judged.deviation:.2g}", f"{judged.limit.value:.2g}"
    return {
        "greatest": "",
        "mean": f"; the mean error is {deviation}, where rounding gives at most {limit}",
        "float64": f"; {deviation} on the float64 copy, where rounding leaves at most {limit}",
    }[judged.limit.measure]


def _lost_values(judged: Judged) -> str:
    return f"{judged.comparison.nonfinite:,} values are NaN or infinite in one of the two results only"


def _size(judged: Judged, evidence: Evidence) -> str:
    """The largest difference, as a share of the output and in multiples of rounding noise."""
    comparison, multiple = judged.comparison, evidence.noise_multiple(judged.comparison)
    scales = [f"{comparison.scaled:.2g} of the largest output"] if comparison.scale else []
    if multiple is not None:
        scales.append(f"{multiple:.3g} × rounding noise")
    text = f"off by up to {comparison.max_abs:.2g}"
    return f"{text} ({', '.join(scales)})" if scales else text

"""Whether recorded outputs differ only as two runs of the model do: they then show nothing of their own."""

from __future__ import annotations

import math
from collections.abc import Iterator

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.routes.trace import REFERENCE, REPEATED, TRACED_AGAIN

__all__ = ["is_unrepeatable_alone"]

_REPEATS = (REPEATED, *TRACED_AGAIN, "call", "graph")
"""The last two trace or run the model once more: a number of Python is another one there."""
_MOST = 2.0
"""By how much more than two runs a recorded one may differ: a single number is drawn for all of its rows."""


def is_unrepeatable_alone(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether outputs that do not repeat can explain a verdict: KC802 if no more than that is different.

    Other checks compare runs of today, which differ for the same reason.
    """
    if verdict.code != "KC802":
        return True
    moved = [judged.comparison for judged in verdict.judged if not judged.within]
    is_plain = verdict.findings.get("cause", "answers-moved") == "answers-moved"
    return is_plain and all(_root_mean_square(each) <= _MOST * _repeated(evidence, each) for each in moved)


def _repeated(evidence: Evidence, recorded: Comparison) -> float:
    """Return how far two runs of today differ in the output of a comparison."""
    return max(map(_root_mean_square, _repeats(evidence, recorded.output)), default=0.0)


def _repeats(evidence: Evidence, output: str) -> Iterator[Comparison]:
    for route in _REPEATS:
        pairs = evidence.comparisons.get((route, REFERENCE), ())
        yield from (each for each in pairs if each.output == output)


def _root_mean_square(pair: Comparison) -> float:
    """Return the root mean square of the differences; infinite if NaN or the shape differs."""
    if pair.nonfinite or pair.misshapen is not None:
        return math.inf
    return math.sqrt(pair.sum_squares / pair.elements) if pair.elements else 0.0

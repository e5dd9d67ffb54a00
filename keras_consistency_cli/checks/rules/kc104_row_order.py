"""Shuffling the rows must shuffle the answers and change nothing else.

Why: an answer that depends on where a row stands comes from carried state, from positional operations along the batch
axis (cumsum, roll, sorting) or from companions. Order changes silently whenever a data set is shuffled, filtered or
sharded.

How: predict on a seeded permutation of the rows, put back in order, against predict, in float32 and on the float64
float64 copy.

To fix: reset recurrent states between independent rows; remove operations along axis 0.

Sources: keras#10231.
"""

from __future__ import annotations

from keras_consistency_cli.checks.agreement import Wording, agreement, carries_state_on_purpose, with_others
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Verdict

__all__ = ["CHECK"]

_PAIRS = (Pair(candidate="shuffled", reference="predict"),)
_WORDING = Wording(
    agree="shuffled rows get the same answers",
    differ="a row's answer depends on where it stands among the others,",
    advice="run --select KC103,KC203: they tell companions from carried state",
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the shuffled rows against predict."""
    skipped = carries_state_on_purpose(evidence)
    return skipped or with_others(agreement(evidence, _PAIRS, _WORDING), evidence)


CHECK = Check(
    code="KC104",
    name="row-order",
    title="shuffling the rows shuffles the answers",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)

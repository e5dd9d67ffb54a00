"""Shuffled rows must give the same outputs, in the shuffled order.

Why: outputs that depend on the position of a row come from carried state, from operations along the batch
axis that depend on position (cumsum, roll, sorting), or from neighbours in the batch. The order changes
without notice when a data set is shuffled, filtered or split.

How: predict runs on a seeded permutation of the rows; its outputs are put back in order and compared with
predict, in float32 and on the float64 copy.

To fix: reset recurrent states between independent rows; remove operations along axis 0.

Sources: keras#10231.
"""

from __future__ import annotations

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.preconditions import (
    skip_if_state_is_carried_on_purpose,
    skip_pass_of_single_row,
)
from keras_consistency_cli.checks.verdict import Verdict

__all__ = ["CHECK"]

_PAIRS = (Pair(candidate="shuffled", reference="predict"),)
_WORDING = Wording(
    agree="shuffled rows get the same outputs",
    differ="a row's outputs depend on its position among the rows",
    advice="run --select KC103,KC203 to see whether neighbours or carried state is the reason",
)


def examine(evidence: Evidence) -> Verdict:
    """Compare the shuffled rows with predict."""
    skipped = skip_if_state_is_carried_on_purpose(evidence)
    return skipped or skip_pass_of_single_row(agreement(evidence, _PAIRS, _WORDING), evidence)


CHECK = Check(
    code="KC104",
    name="row-order",
    title="shuffling the rows shuffles the outputs",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
    is_slow=True,
)

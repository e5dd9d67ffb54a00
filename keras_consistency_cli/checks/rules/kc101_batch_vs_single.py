"""Predicting all rows in batches and predicting one row at a time must agree.

Why: a model is validated with `model.predict(x)` on thousands of rows and then serves one request at a time.
The outputs differ if rows of a batch influence each other (statistics, attention or sorting over the batch
axis), if layers carry state from batch to batch, if randomness is left on, and slightly if kernels round
differently for one row than for many.

How: the reference is `model.predict(x, batch_size=B)`. It is compared with every row as a request of its own:
the compiled predict step at batch size 1, starting from the state in which the model was loaded. Three rows
also go through a literal `model.predict(x[None])`, which must agree with the compiled step. Both ways also
run on a float64 copy of the model: rounding vanishes there, a fault does not.

To fix: find the layer that computes along axis 0 and make it compute along a feature axis; reset states
between requests; pass `training=False`.

Sources: keras#12040, keras#13762, tensorflow#39663.
"""

from __future__ import annotations

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.preconditions import (
    fail_if_row_axis_is_lost,
    skip_if_state_is_carried_on_purpose,
    skip_pass_of_single_row,
)
from keras_consistency_cli.checks.verdict import Verdict

__all__ = ["CHECK"]

_PAIRS = (
    Pair(candidate="one-by-one", reference="predict"),
    Pair(candidate="single-predict", reference="one-by-one"),
)
_WORDING = Wording(
    agree="one row at a time gives the same outputs as predict",
    differ="a row alone gets different outputs than in a batch",
    advice="run --select KC103,KC203,KC202 to see whether neighbours, state or randomness is the reason",
)


def examine(evidence: Evidence) -> Verdict:
    """Compare one-by-one with predict."""
    stopped = skip_if_state_is_carried_on_purpose(evidence) or fail_if_row_axis_is_lost(evidence)
    return stopped or skip_pass_of_single_row(agreement(evidence, _PAIRS, _WORDING), evidence)


CHECK = Check(
    code="KC101",
    name="batch-vs-single",
    title="predict over the data set equals one row at a time",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)

"""Predicting the whole data set and predicting one row at a time must agree.

Why: a model is validated with `model.predict(x)` over thousands of rows and then served one request at a time. The
two part when rows of a batch influence each other (statistics, attention or sorting over the batch axis), when layers
carry state from batch to batch, when randomness is left on, and a little when kernels round differently for one row
than for many.

How: the reference is `model.predict(x, batch_size=B)`. Against it stands every row as a request of its own: the
compiled predict step at batch size 1, from the state in which the model was loaded. Three rows are also sent through
a literal `model.predict(x[None])`, which must agree with the compiled step. Both ways also run on a float64
float64 copy: rounding vanishes there, a fault does not.

To fix: find the layer that looks along axis 0 and make it look along a feature axis; reset states between requests;
pass `training=False`.

Sources: keras#12040, keras#13762, tensorflow#39663.
"""

from __future__ import annotations

from keras_consistency_cli.checks.agreement import (
    Wording,
    agreement,
    axis_lost,
    carries_state_on_purpose,
    with_others,
)
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Verdict

__all__ = ["CHECK"]

_PAIRS = (
    Pair(candidate="one-by-one", reference="predict"),
    Pair(candidate="single-predict", reference="one-by-one"),
)
_WORDING = Wording(
    agree="one row at a time gives what predict gives",
    differ="a row on its own is answered differently than in a batch,",
    advice=(
        "run --select KC103,KC203,KC202: they tell whether neighbours, carried state or randomness does it"
    ),
)


def examine(evidence: Evidence) -> Verdict:
    """Judge one-by-one against predict."""
    skipped = carries_state_on_purpose(evidence)
    return skipped or axis_lost(evidence) or with_others(agreement(evidence, _PAIRS, _WORDING), evidence)


CHECK = Check(
    code="KC101",
    name="batch-vs-single",
    title="predict over the data set equals one row at a time",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)

"""`model.predict(x)` and `model(x, training=False)` must agree.

Why: people debug with one and serve with the other. They part when `predict` or `predict_step` is overridden, when
Python code in `call()` is frozen at trace time, when NaN is swallowed by a fused kernel, and a little by rounding.

How: the eager call on the same batches as predict, in float32 and on the float64 shadow.

To fix: keep post-processing in a layer, not in `predict_step`; keep Python state and `numpy.random` out of `call()`.

Sources: tensorflow#32799, keras#19403, tf-keras#135.
"""

from __future__ import annotations

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Verdict

__all__ = ["CHECK"]

_PAIRS = (Pair(candidate="call", reference="predict"),)
_WORDING = Wording(
    agree="model(x, training=False) gives what predict gives",
    differ="model(x, training=False) and predict part",
    advice="look for an overridden predict_step, for numpy or Python randomness in call(), and for NaN in the rows",
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the eager call against predict."""
    return agreement(evidence, _PAIRS, _WORDING)


CHECK = Check(
    code="KC201",
    name="predict-vs-call",
    title="predict equals model(x, training=False)",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)

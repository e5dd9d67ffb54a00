"""`model.predict(x)` and `model(x, training=False)` must agree.

Why: people debug with one and serve with the other. The outputs differ if `predict` or `predict_step` is
overridden, if Python code in `call()` is frozen when Keras traces it, if a fused kernel turns NaN into a
number, and slightly by rounding.

How: the eager call runs on the same batches as predict, in float32 and on the float64 copy. For information,
the call also runs on rows in their own dtype: predict casts NumPy floats to floatx first. If float32 does not
hold the numbers of the rows, such as seconds since 1970, the float64 copy runs on the unrounded rows, and a
change of the outputs by more than a thousandth is a warning.

To fix: keep post-processing in a layer, not in `predict_step`; keep Python state and `numpy.random` out of
`call()`.

Sources: tensorflow#32799, keras#19403, tf-keras#135.
"""

from __future__ import annotations

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.analysis.lost_digits import find_digit_loss
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.deviation import describe_deviation
from keras_consistency_cli.checks.judgement import judge_pairs, worst
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.routes.numerics.conditioning import UNROUNDED
from keras_consistency_cli.routes.trace import FLOAT64_COPY

__all__ = ["CHECK"]

_PAIRS = (Pair(candidate="call", reference="predict"),)
_CAST = Pair(candidate="call-as-given", reference="call")
_ROUNDED_ROWS = Pair(candidate=UNROUNDED, reference=FLOAT64_COPY)
_WORDING = Wording(
    agree="model(x, training=False) gives the same outputs as predict",
    differ="model(x, training=False) and predict differ",
    advice="look for an overridden predict_step, for NumPy or Python randomness in call(), for NaN in rows",
)


def examine(evidence: Evidence) -> Verdict:
    """Compare the eager call with predict, then look at predict's cast of the rows."""
    verdict = agreement(evidence, _PAIRS, _WORDING)
    if verdict.status is not Status.PASS:
        return verdict
    return _lost_numbers(verdict, evidence) or _cast(verdict, evidence) or verdict


def _lost_numbers(verdict: Verdict, evidence: Evidence) -> Verdict | None:
    """A WARN if outputs depend on digits of the rows that float32 does not hold."""
    loss = find_digit_loss(evidence)
    if loss is None:
        return None
    digits, effect = loss.digits, loss.effect
    message = (
        f"float32 does not hold the numbers of input '{loss.input}': {digits['given']:.17g} becomes "
        f"{digits['becomes']:.17g}; without that, outputs change by up to {effect.max_abs:.2g} "
        f"({effect.scaled:.2g} of the largest output)"
    )
    advice = (
        "bring the numbers near 0 in float64 before the model gets them: x = (x - origin) / scale; "
        "for ids: keras.Input(shape, dtype='int64')"
    )
    return Verdict.warn(
        message,
        reason=verdict.reason,
        judged=verdict.judged,
        findings={"lost": {loss.input: digits}},
        advice=advice,
    )


def _cast(verdict: Verdict, evidence: Evidence) -> Verdict | None:
    """A WARN if the outputs of a call on rows in their own dtype differ."""
    moved = [judged for judged in judge_pairs(evidence, (_CAST,)) if not judged.within]
    if not moved:
        return None
    message = (
        "predict casts the rows to float32, model(x) does not; "
        f"outputs differ: {describe_deviation(worst(moved), evidence)}"
    )
    advice = (
        "save the rows as float32, or call keras.config.set_floatx('float64') "
        "before predicting with a float64 model"
    )
    return Verdict.warn(
        message,
        reason=verdict.reason,
        judged=(*verdict.judged, *moved),
        findings={"cast": True},
        advice=advice,
    )


CHECK = Check(
    code="KC201",
    name="predict-vs-call",
    title="predict equals model(x, training=False)",
    explanation=__doc__,
    pairs=(*_PAIRS, _CAST, _ROUNDED_ROWS),
    examine=examine,
)

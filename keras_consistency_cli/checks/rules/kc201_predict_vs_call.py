"""`model.predict(x)` and `model(x, training=False)` must agree.

Why: people debug with one and serve with the other. They part when `predict` or `predict_step` is overridden, when
Python code in `call()` is frozen at trace time, when NaN is swallowed by a fused kernel, and a little by rounding.

How: the eager call on the same batches as predict, in float32 and on the float64 copy. For information, the call with
the rows' own dtype: predict casts NumPy floats to floatx before anything else.

To fix: keep post-processing in a layer, not in `predict_step`; keep Python state and `numpy.random` out of `call()`.

Sources: tensorflow#32799, keras#19403, tf-keras#135.
"""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement, judge_pairs, numbers, worst
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict

__all__ = ["CHECK"]

_PAIRS = (Pair(candidate="call", reference="predict"),)
_CAST = Pair(candidate="call-as-given", reference="call")
_WORDING = Wording(
    agree="model(x, training=False) gives what predict gives",
    differ="model(x, training=False) and predict part",
    advice=(
        "look for an overridden predict_step, for numpy or Python randomness in call(), and for NaN in the "
        "rows"
    ),
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the eager call against predict, then tell whether predict's cast of the rows to floatx moves answers."""
    verdict = agreement(evidence, _PAIRS, _WORDING)
    lost = evidence.details("rows").get("lost_in_cast")
    if lost and verdict.status is Status.PASS:
        name, count = next(iter(lost.items()))
        message = (
            f"{count} whole numbers of input '{name}' change when they are cast to float32: two ids may "
            "become one"
        )
        advice = (
            "give the input an integer dtype: keras.Input(shape, dtype='int64'); float32 holds no whole "
            "number above 2^24 exactly"
        )
        return replace(
            verdict, status=Status.WARN, message=message, findings={"cast": dict(lost)}, advice=advice
        )
    moved = [judged for judged in judge_pairs(evidence, (_CAST,)) if not judged.within]
    if verdict.status is not Status.PASS or not moved:
        return verdict
    message = (
        "predict casts the rows to float32 first, model(x) takes them as they are: answers part "
        f"{numbers(worst(moved), evidence)}"
    )
    advice = (
        "save the rows as float32, or keras.config.set_floatx('float64') before predicting with a float64 "
        "model"
    )
    return replace(
        verdict,
        status=Status.WARN,
        message=message,
        judged=(*verdict.judged, *moved),
        findings={"cast": True},
        advice=advice,
    )


CHECK = Check(
    code="KC201",
    name="predict-vs-call",
    title="predict equals model(x, training=False)",
    explanation=__doc__,
    pairs=(*_PAIRS, _CAST),
    routes=("rows",),
    examine=examine,
)

"""`model.predict(x)` and `model(x, training=False)` must agree.

Why: people debug with one and serve with the other. The outputs differ if `predict` or `predict_step` is
overridden, if Python code in `call()` is frozen when Keras traces it, if a fused kernel turns NaN into a
number, and slightly by rounding.

How: the eager call runs on the same batches as predict, in float32 and on the float64 copy. For information,
the call also runs on rows in their own dtype: predict casts NumPy floats to floatx first.

To fix: keep post-processing in a layer, not in `predict_step`; keep Python state and `numpy.random` out of
`call()`.

Sources: tensorflow#32799, keras#19403, tf-keras#135.
"""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.analysis.id_problems import find_rounded_inputs
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.deviation import describe_deviation
from keras_consistency_cli.checks.judgement import judge_pairs, worst
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.routes.calling.rows import RowDetails

__all__ = ["CHECK"]

_PAIRS = (Pair(candidate="call", reference="predict"),)
_CAST = Pair(candidate="call-as-given", reference="call")
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
    rounded = find_rounded_inputs(evidence)  # KC501 reports these
    lost = {
        name: number
        for name, number in evidence.details("rows", RowDetails).get("lost_in_cast", {}).items()
        if name not in rounded
    }
    return (_lost_numbers(verdict, lost) if lost else _cast(verdict, evidence)) or verdict


def _lost_numbers(verdict: Verdict, lost: Mapping[str, int]) -> Verdict:
    """A WARN for whole numbers, by input, that float32 cannot hold."""
    name, count = next(iter(lost.items()))
    message = (
        f"{count} whole numbers of input '{name}' change in the cast to float32; "
        "different ids may become equal"
    )
    advice = (
        "give the input an integer dtype: keras.Input(shape, dtype='int64'); "
        "float32 does not hold all whole numbers above 2^24"
    )
    return Verdict.warn(
        message, reason=verdict.reason, judged=verdict.judged, findings={"cast": dict(lost)}, advice=advice
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
    pairs=(*_PAIRS, _CAST),
    routes=("rows",),
    examine=examine,
)

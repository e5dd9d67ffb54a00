"""What a row costs through predict, through a bare call and through a compiled call. Information, never a failure.

Why: `model.predict` sets up a data pipeline and callbacks for every call, tens of milliseconds; in a loop over single
rows that is nearly all of the time. `model(x)` has less overhead, a compiled step far less. For many rows at once the
order may turn round.

How: warm calls of each kind, for one row and for the sample, divided by the rows.

To fix: one row at a time: a tf.function around the model. Many rows: predict, in batches as large as memory allows.

Sources: https://keras.io/getting_started/faq/.
"""

from __future__ import annotations

from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict

__all__ = ["CHECK"]

_WORTH_TELLING = 3.0
_WAYS = {"predict": "predict", "call": "model(x)", "compiled": "compiled"}


def examine(evidence: Evidence) -> Verdict:
    """Tell the times and the advice that follows from them."""
    trace = evidence.traces.get("costs")
    if trace is None or not trace.ran:
        error = trace.error if trace is not None else None
        reason = error or (trace.unavailable if trace is not None else "not run")
        return Verdict(status=Status.ERROR if error else Status.SKIP, message="not timed", reason=reason)
    seconds: dict[str, dict[str, float]] = trace.details["seconds_a_row"]
    one = {way: times["one"] for way, times in seconds.items()}
    message = "one row: " + ", ".join(f"{_WAYS[way]} {_time(cost)}" for way, cost in one.items())
    message += f"; a row of {trace.details['rows']}: " + ", ".join(
        f"{_WAYS[way]} {_time(times['many'])}" for way, times in seconds.items()
    )
    return Verdict(
        status=Status.PASS,
        message=message,
        findings=dict(trace.details),
        advice=_advice(one, evidence.facts.backend),
    )


def _advice(one: dict[str, float], backend: str) -> str | None:
    times = one["predict"] / one["compiled"] if one["compiled"] else 0.0
    if times < _WORTH_TELLING:
        return None
    way = (
        "step = tf.function(lambda x: model(x, training=False)), made once"
        if backend == "tensorflow"
        else "model.predict_on_batch(x)"
    )
    return f"for single rows: {way}; it is {times:.0f} × quicker than predict"


def _time(seconds: float) -> str:
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= scale:
            return f"{seconds / scale:.{0 if seconds >= 10 * scale else 1}f} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


CHECK = Check(
    code="KC206",
    name="call-cost",
    title="what predict costs against model(x), for one row and for many (information)",
    explanation=__doc__,
    routes=("costs",),
    examine=examine,
)

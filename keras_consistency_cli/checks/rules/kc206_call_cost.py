"""The time per row of predict, a bare call and a compiled call: information only.

Why: `model.predict` sets up a data pipeline and callbacks for every call, which takes tens of milliseconds;
in a loop over single rows that is nearly all of the time. `model(x)` has less overhead, a compiled step far
less. For many rows at once the order may be the opposite.

How: warm calls of each kind are timed, for one row and for the sample, and divided by the number of rows.

To fix: one row at a time: a tf.function around the model. Many rows: predict, in batches as large as memory
allows.

Sources: https://keras.io/getting_started/faq/.
"""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.preconditions import stop_unless_run
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.calling.costs import CostDetails

__all__ = ["CHECK"]

_WORTH_ADVICE = 3.0
"""How many times faster a compiled call must be than predict."""
_CALLS = {"predict": "predict", "call": "model(x)", "compiled": "compiled"}


def examine(evidence: Evidence) -> Verdict:
    """Report the times and the advice that follows from them.

    A call that fails is no error of this check: other checks judge whether the model can be called.
    """
    stopped = stop_unless_run(evidence, "costs")
    if stopped is not None:
        return Verdict.skip(stopped.reason or stopped.message)
    details = evidence.details("costs", CostDetails)
    seconds = details["seconds_a_row"]
    one = {call: times["one"] for call, times in seconds.items()}
    many = {call: times["many"] for call, times in seconds.items() if "many" in times}
    message = f"one row: {_describe(one)}; per row of {details['rows']}: {_describe(many)}"
    return Verdict.ok(message, findings=details, advice=_advice(one, evidence.facts.backend))


def _describe(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{_CALLS[call]} {_duration(time)}" for call, time in seconds.items())


def _advice(seconds: Mapping[str, float], backend: str) -> str | None:
    ratio = seconds["predict"] / seconds["compiled"] if seconds["compiled"] else 0.0
    if ratio < _WORTH_ADVICE:
        return None
    call = (
        "step = tf.function(lambda x: model(x, training=False)), created once"
        if backend == "tensorflow"
        else "model.predict_on_batch(x)"
    )
    return f"for single rows: {call}; it is {ratio:.0f} × faster than predict"


def _duration(seconds: float) -> str:
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= scale:
            return f"{seconds / scale:.{0 if seconds >= 10 * scale else 1}f} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


CHECK = Check(
    code="KC206",
    name="call-cost",
    title="time of predict compared with model(x), for one row and for many (information)",
    explanation=__doc__,
    routes=("costs",),
    examine=examine,
    is_slow=True,
)

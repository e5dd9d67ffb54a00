"""How far the model's answers are from those that float64 arithmetic would give: its own rounding noise.

Why: every limit of this report is a multiple of this number, measured for this model, these rows and each output,
instead of a constant somebody guessed. A model that amplifies rounding (huge inputs, near-singular layers, hundreds
of layers) shows it here first.

How: a float64 shadow of the model (dtype policies raised, same weights) answers the same float32 rows; the greatest
and the mean distance to predict are the noise.

To fix a loud model: scale its inputs, add normalisation, or compute the sensitive part in float64.

Sources: Higham, Accuracy and Stability of Numerical Algorithms, chapter 3.
"""

from __future__ import annotations

from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict
from keras_consistency_cli.routes import REFERENCE, SHADOW
from keras_consistency_cli.tolerance import CALIBRATION_ROWS

__all__ = ["CHECK"]

_LOUD = 1e-3


def examine(evidence: Evidence) -> Verdict:
    """Tell the noise; warn where it is above a thousandth of the output although the model computes in float32."""
    if not evidence.noise or all(noise.noise_elements == 0 for noise in evidence.noise.values()):
        return _unknown(evidence)
    loudest = max(evidence.noise.values(), key=lambda noise: noise.scaled)
    few = f" (from {loudest.rows} rows only: limits are widened)" if loudest.rows < CALIBRATION_ROWS else ""
    message = f"rounding noise is {loudest.max_abs:.1e}, {loudest.scaled:.1e} of the greatest output{few}"
    low = evidence.facts.low_precision
    if loudest.scaled > _LOUD and not low:
        advice = "scale the inputs or normalise between layers; until then digits below this noise mean nothing"
        return Verdict(status=Status.WARN, message=f"{message}: the model amplifies rounding", advice=advice)
    return Verdict(status=Status.PASS, message=message + (f"; it computes in {', '.join(low)}" if low else ""))


def _unknown(evidence: Evidence) -> Verdict:
    traces = [trace for name in (REFERENCE, SHADOW) if (trace := evidence.traces.get(name)) is not None]
    crashed = [f"{trace.route}: {trace.error}" for trace in traces if trace.error]
    missing = [trace.unavailable for trace in traces if trace.unavailable]
    reason = "; ".join(crashed or missing) or "predict gives no numbers, or not the same ones twice"
    message = "rounding noise is not known; limits are 1e-4 of the output"
    return Verdict(status=Status.ERROR if crashed else Status.SKIP, message=message, reason=reason)


CHECK = Check(
    code="KC602",
    name="float32-vs-float64",
    title="the model's own rounding noise, the measure of every limit",
    explanation=__doc__,
    routes=(REFERENCE, SHADOW),
    examine=examine,
)

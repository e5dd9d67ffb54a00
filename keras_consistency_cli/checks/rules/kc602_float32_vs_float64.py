"""How far the model's answers are from those that float64 arithmetic would give: its own rounding noise, and whether that is rounding at all.

Why: every limit of this report is a multiple of this number, measured for this model, these rows and each output,
instead of a constant somebody guessed. A model that amplifies rounding (huge inputs, near-singular layers, hundreds
of layers) shows it here first. And a number that rounding cannot reach is no measure: then something computes in less
than float32, or the float64 copy is another model because the config that it was rebuilt from does not say all.

How: a float64 copy of the model (dtype policies raised, same weights) answers the same float32 rows; the greatest
and the mean distance to predict are the noise. The float64 copy runs once more with float32's rounding put back in layer by
layer: honest models stay within 1.3 × that distance, one half-precision layer is 1000 × beyond it. Above 32 × the
distance is not taken for noise, limits fall back to 1e-4 of the output, and this check warns. The layer where it
starts, or where rounding grows most, is looked for in a run of both models layer by layer. Operations of the compiled
step that produce float16 or bfloat16 although no dtype policy asks for it are named.

To fix a loud model: scale its inputs, add normalisation, or compute the sensitive part in float64.

Sources: Higham, Accuracy and Stability of Numerical Algorithms, chapter 3.
"""

from __future__ import annotations

from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict
from keras_consistency_cli.measurement.rounding import CALIBRATION_ROWS, PLAUSIBLE_FACTOR, rounding_excess
from keras_consistency_cli.routes.trace import FLOAT64_COPY, REFERENCE, ROUNDED

__all__ = ["CHECK"]

_LOUD = 1e-3
_ANOTHER = (
    "run --select KC801 for state and arguments that the config does not hold; else look for a layer that "
    "computes in less than float32"
)


def examine(evidence: Evidence) -> Verdict:
    """Tell the noise; warn where it is above a thousandth of the output although the model computes in float32, or is no rounding."""
    hidden = _hidden(evidence)
    if hidden is not None:
        return hidden
    if not evidence.noise or all(noise.noise_elements == 0 for noise in evidence.noise.values()):
        return _unknown(evidence)
    loudest = max(evidence.noise.values(), key=lambda noise: noise.scaled)
    few = f" (from {loudest.rows} rows only: limits are widened)" if loudest.rows < CALIBRATION_ROWS else ""
    message = f"rounding noise is {loudest.max_abs:.1e}, {loudest.scaled:.1e} of the greatest output{few}"
    low, beyond = evidence.facts.low_precision, _excess(evidence)
    if beyond > PLAUSIBLE_FACTOR:
        where = ", ".join(low) if low else f"less than float32 on {', '.join(evidence.facts.devices)}"
        message += f"; it computes in {where}, {beyond:.2g} × what float32 costs"
        return Verdict(status=Status.PASS, message=message, findings={"excess": beyond})
    if loudest.scaled > _LOUD and not low:
        advice = (
            "scale the inputs or normalise between layers; until then digits below this noise mean nothing"
        )
        findings = {"cause": "ill-conditioned", "excess": beyond}
        return Verdict(
            status=Status.WARN,
            message=f"{message}: the model amplifies rounding",
            advice=advice,
            findings=findings,
        )
    message += f"; it computes in {', '.join(low)}" if low else ""
    return Verdict(status=Status.PASS, message=message, findings={"excess": beyond})


def _excess(evidence: Evidence) -> float:
    return max(
        (rounding_excess(each) for each in evidence.comparisons.get((ROUNDED, REFERENCE), ())), default=0.0
    )


def _hidden(evidence: Evidence) -> Verdict | None:
    """Less than float32 where nothing says so: operations that produce it, or a distance that rounding cannot reach."""
    low = list(evidence.details("low-operations").get("low", ()))
    findings = {"cause": "low-precision", "operations": low, "excess": _excess(evidence)}
    advice = (
        "compute in float32 there, or say with a dtype policy that less is meant; then other checks measure "
        "against that"
    )
    if low:
        message = f"{low[0]} computes in half precision though no dtype policy says so" + (
            f", and {len(low) - 1} more" if low[1:] else ""
        )
        return Verdict(status=Status.WARN, message=message, findings=findings, advice=advice)
    trace = evidence.traces.get(REFERENCE)
    repeats = evidence.comparisons.get(("predict-again", REFERENCE), ())
    if (trace is not None and (trace.changed or trace.details.get("random_operations"))) or not all(
        each.identical for each in repeats
    ):
        return None
    pairs = evidence.comparisons.get((REFERENCE, FLOAT64_COPY), ())
    dropped = [each for each in pairs if each.output not in evidence.noise and each.noise_elements]
    if not dropped or not _excess(evidence) > PLAUSIBLE_FACTOR:
        return None
    furthest = max(dropped, key=lambda each: each.scaled)
    message = (
        f"predict is {furthest.scaled:.1e} of the greatest output away from float64, "
        f"{_excess(evidence):.2g} × what rounding gives"
    )
    if furthest.scaled < _LOUD * 10:
        return Verdict(
            status=Status.WARN, message=f"{message}: no measure for limits", findings=findings, advice=advice
        )
    # Another model is no matter of precision: what makes it another one is told by the checks that fail.
    another = {"excess": _excess(evidence)}
    return Verdict(
        status=Status.WARN,
        message=f"{message}: its float64 copy is another model",
        findings=another,
        advice=_ANOTHER,
    )


def _unknown(evidence: Evidence) -> Verdict:
    traces = [trace for name in (REFERENCE, FLOAT64_COPY) if (trace := evidence.traces.get(name)) is not None]
    crashed = [f"{trace.route}: {trace.error}" for trace in traces if trace.error]
    missing = [trace.unavailable for trace in traces if trace.unavailable]
    drawn = any(trace.details.get("random_operations") for trace in traces)
    otherwise = (
        "predict draws random numbers, and float64 draws others"
        if drawn
        else "predict gives no numbers, or not the same ones twice"
    )
    reason = "; ".join(crashed or missing) or otherwise
    message = "rounding noise is not known; limits are 1e-4 of the output"
    return Verdict(status=Status.ERROR if crashed else Status.SKIP, message=message, reason=reason)


CHECK = Check(
    code="KC602",
    name="float32-vs-float64",
    title="the model's own rounding noise, the measure of every limit",
    explanation=__doc__,
    routes=(REFERENCE, FLOAT64_COPY, ROUNDED, "low-operations"),
    examine=examine,
)

"""Gradients must reach the inputs through `model(x)`.

Why: saliency maps, adversarial tests and optimisation over inputs call `model(x)` under a GradientTape.
`model.predict` returns NumPy and has no gradients at all, whatever is tried. Inside a model, argmax, rounding, casts
to whole numbers and `stop_gradient` cut them off silently.

How: the gradient of every float output, randomly weighted, with respect to every float input through `model(x,
training=False)`; its greatest absolute value, or that there is none.

To fix: call the model instead of predict; replace the cutting operation by a differentiable one.

Sources: https://www.tensorflow.org/guide/autodiff.
"""

from __future__ import annotations

import math

from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict

__all__ = ["CHECK"]

_INDEXING = frozenset(
    {"Discretization", "Hashing", "CategoryEncoding", "IntegerLookup", "StringLookup", "HashedCrossing"}
)
"""Layers without a gradient by nature."""


def examine(evidence: Evidence) -> Verdict:
    """Warn where an input reaches no output, or gradients are zero everywhere or not finite; predictions themselves are not at fault."""
    trace = evidence.traces.get("gradients")
    if trace is None or not trace.ran:
        error = trace.error if trace is not None else None
        reason = error or (trace.unavailable if trace is not None else "not run")
        return Verdict(
            status=Status.ERROR if error else Status.SKIP, message="gradients were not probed", reason=reason
        )
    if "refused" in trace.details:
        return Verdict(
            status=Status.SKIP,
            message="gradients were not probed",
            reason=f"TensorFlow cannot take them: {trace.details['refused']}",
        )
    found: dict[str, dict[str, float | None]] = trace.details["gradients"]
    if not found or not any(found.values()):
        reason = "the model has no float input" if found else "the model has no float output"
        return Verdict(status=Status.SKIP, message="gradients were not probed", reason=reason)
    inputs = list(next(iter(found.values())))
    cut = [name for name in inputs if all(by_input[name] is None for by_input in found.values())]
    odd = [
        name
        for name in inputs
        if any(
            (value := by_input[name]) is not None and not math.isfinite(value) for by_input in found.values()
        )
    ]
    flat = [
        name for name in inputs if name not in cut and all(not by_input[name] for by_input in found.values())
    ]
    findings = {"gradients": found}
    indexing = sorted({layer.kind for layer in evidence.facts.layers if layer.kind in _INDEXING})
    if cut and indexing and not odd:
        message = (
            f"no gradient reaches input {', '.join(repr(name) for name in cut)}, which "
            f"{', '.join(indexing)} turns into an index"
        )
        return Verdict(status=Status.PASS, message=message, findings=findings)
    for names, words in (
        (cut, "no gradient reaches"),
        (odd, "the gradient is not finite at"),
        (flat, "the gradient is zero everywhere at"),
    ):
        if names:
            message = f"{words} input {', '.join(repr(name) for name in names)} through model(x)"
            advice = "predictions are not touched; saliency and input optimisation are"
            return Verdict(status=Status.WARN, message=message, findings=findings, advice=advice)
    return Verdict(status=Status.PASS, message="gradients reach every float input", findings=findings)


CHECK = Check(
    code="KC205",
    name="gradient-flow",
    title="gradients reach the inputs through model(x)",
    explanation=__doc__,
    routes=("gradients",),
    examine=examine,
)

"""Gradients must reach the inputs through `model(x)`.

Why: saliency maps, adversarial tests and optimization over inputs call `model(x)` under a GradientTape.
`model.predict` returns NumPy arrays and never has gradients. Inside a model, argmax, rounding, casts to whole
numbers and `stop_gradient` remove gradients without any error.

How: the gradient of every float output, randomly weighted, is taken with respect to every float input through
`model(x, training=False)`; its largest absolute value is reported, or that there is none.

To fix: call the model instead of predict; replace the operation without a gradient by a differentiable one.

Sources: https://www.tensorflow.org/guide/autodiff.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.preconditions import stop_unless_run
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.calling.gradients import GradientDetails

__all__ = ["CHECK"]

_INDEXING = frozenset(
    {"Discretization", "Hashing", "CategoryEncoding", "IntegerLookup", "StringLookup", "HashedCrossing"}
)
"""Layers that never have a gradient, because they turn their input into an index."""
_ADVICE = "predictions are not affected; saliency maps and optimization over inputs are"

_Gradients = Mapping[str, Mapping[str, float | None]]
"""The largest gradient by output and input, None if there is none."""


def examine(evidence: Evidence) -> Verdict:
    """WARN if an input has no gradient, only zeros, or values that are not finite."""
    stopped = stop_unless_run(evidence, "gradients")
    if stopped is not None:
        return stopped
    details = evidence.details("gradients", GradientDetails)
    if "refused" in details:
        return Verdict.skip(f"TensorFlow cannot take gradients of this model: {details['refused']}")
    gradients = details["gradients"]
    if not gradients or not any(gradients.values()):
        return Verdict.skip("the model has no float input" if gradients else "the model has no float output")
    problem = next(_problems(gradients, _indexing_layers(evidence)), None)
    if problem is not None:
        return Verdict.warn(problem, findings={"gradients": gradients}, advice=_ADVICE)
    return Verdict.ok(_describe_pass(gradients, evidence), findings={"gradients": gradients})


def _problems(gradients: _Gradients, indexing: Sequence[str]) -> Iterator[str]:
    """Each problem in words; before an index, a missing gradient is not a problem."""
    cut, not_finite, zero = _without_gradient(gradients), _not_finite(gradients), _zero(gradients)
    if cut and (not_finite or not indexing):
        yield f"no gradient reaches {_named(cut)} through model(x)"
    elif cut:
        return
    if not_finite:
        yield f"the gradient of model(x) is not finite at {_named(not_finite)}"
    if zero:
        yield f"the gradient of model(x) is zero everywhere at {_named(zero)}"


def _describe_pass(gradients: _Gradients, evidence: Evidence) -> str:
    cut = _without_gradient(gradients)
    if not cut:
        return "gradients reach every float input"
    kinds = ", ".join(_indexing_layers(evidence))
    return f"no gradient reaches {_named(cut)}: a layer turns values into indices ({kinds})"


def _without_gradient(gradients: _Gradients) -> list[str]:
    return [name for name, values in _by_input(gradients) if all(value is None for value in values)]


def _not_finite(gradients: _Gradients) -> list[str]:
    return [
        name
        for name, values in _by_input(gradients)
        if any(value is not None and not math.isfinite(value) for value in values)
    ]


def _zero(gradients: _Gradients) -> list[str]:
    cut = _without_gradient(gradients)
    return [name for name, values in _by_input(gradients) if name not in cut and not any(values)]


def _by_input(gradients: _Gradients) -> Iterator[tuple[str, list[float | None]]]:
    """Each input with its gradients of all outputs."""
    for name in next(iter(gradients.values())):
        yield name, [by_input[name] for by_input in gradients.values()]


def _indexing_layers(evidence: Evidence) -> list[str]:
    return sorted({layer.kind for layer in evidence.facts.layers if layer.kind in _INDEXING})


def _named(inputs: Sequence[str]) -> str:
    return ("input " if len(inputs) == 1 else "inputs ") + ", ".join(repr(name) for name in inputs)


CHECK = Check(
    code="KC205",
    name="gradient-flow",
    title="gradients reach the inputs through model(x)",
    explanation=__doc__,
    routes=("gradients",),
    examine=examine,
)

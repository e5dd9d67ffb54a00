"""Other Keras backends must give the outputs of the backend in use, except for rounding.

Why: a `.keras` file can be loaded with TensorFlow, JAX and PyTorch, and Keras promises the same outputs. But
some kernels differ: padding "same" of average pooling, bicubic resizing, maxima of NaN, the order of equal
numbers, integers of 64 bits. A layer that calls TensorFlow itself runs on TensorFlow only.

How: the same file and the same rows run on each backend of `--backends` in a process of its own, and predict
there is compared with predict of the backend in use. The limit comes from the rounding noise of the model and
from the rounding of its layers. After a failure each layer is called with the inputs that it has on the
backend in use. Then the layers that differ get the outputs that they have there, and the outputs of the model
must agree. Without `--backends` this check does not appear.

To fix: see the cause. Replace the layer by one that all backends compute in the same way, or use the backend
that the model was validated on.

Sources: keras#22876, keras#19721, keras#20804, keras#22697, keras#18648.
"""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.deviation import describe_deviation
from keras_consistency_cli.checks.judgement import layer_rounding, worst
from keras_consistency_cli.checks.preconditions import draws_numbers
from keras_consistency_cli.checks.targets import Targets, with_limits
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.measurement.rounding import MAX_FACTOR, ULP
from keras_consistency_cli.routes.backends.table import BackendDetails
from keras_consistency_cli.routes.targets import route_on
from keras_consistency_cli.routes.trace import REFERENCE, REPEATED

__all__ = ["BACKENDS", "CHECK"]

BACKENDS = Targets(
    key="backend",
    labels=Settings.other_backends,
    route=REFERENCE,
    nothing="no backend to compare: --backends tensorflow,jax,torch",
)
_WORDING = Wording(
    agree="gives the outputs of predict",
    differ="outputs differ from predict",
    advice="use the backend that the model was validated on, or replace the layer that differs",
)
_REPEAT = Pair(candidate=REPEATED, reference=REFERENCE)
_NOT_OF_THE_MODEL = ("MemoryError",)
_FEWEST_ULPS = 16
"""Units of float32 that a single layer may lose."""


def examine(evidence: Evidence) -> Verdict:
    """Compare predict on every other backend with predict on the backend in use."""
    return _skip_if_random(evidence) or BACKENDS.examine(
        evidence, _examine, "every backend gives the outputs of predict"
    )


def _skip_if_random(evidence: Evidence) -> Verdict | None:
    """Return a SKIP if predict draws random numbers or does not repeat itself, else None."""
    trace = evidence.traces.get(REFERENCE)
    if trace is not None and (draws_numbers(trace) or any(each.kind == "seed" for each in trace.changed)):
        return Verdict.skip("predict draws random numbers, and every backend draws its own")
    repeat = agreement(evidence, (_REPEAT,), _WORDING)
    if repeat.status is Status.FAIL and not evidence.facts.stateful_layers:
        return Verdict.skip("predict does not repeat its own outputs, see KC203 repeatability")
    return None


def _examine(evidence: Evidence, label: str) -> Verdict:
    trace = evidence.traces[route_on(REFERENCE, label)]
    if trace.error is not None:
        return _judge_error(label, trace.error, str(trace.details.get("raised", "")))
    details = evidence.details(trace.route, BackendDetails)
    pair = Pair(candidate=trace.route, reference=REFERENCE)
    verdict = with_limits(evidence, agreement(evidence, (pair,), _WORDING))
    verdict = replace(verdict, findings={**verdict.findings, **details})
    if verdict.status is Status.FAIL:
        return _judge_float32(evidence, verdict) or verdict
    if verdict.status is Status.PASS and verdict.judged:
        size = describe_deviation(worst(verdict.judged), evidence)
        return replace(verdict, message=f"{verdict.message}; {size}")
    return verdict


def _judge_float32(evidence: Evidence, verdict: Verdict) -> Verdict | None:
    """A WARN, or a PASS if it is accepted, for float32 in the place of float64; None for anything more."""
    rounded = layer_rounding(evidence)
    for one in verdict.judged:
        comparison = one.comparison
        layers = rounded[comparison.output].max_abs if comparison.output in rounded else 0.0
        most = max(MAX_FACTOR * layers, _FEWEST_ULPS * ULP["float32"] * comparison.scale)
        is_judged = comparison.dtype == "float64" and one.limit.origin != "stated"
        is_float32 = is_judged and not comparison.nonfinite and comparison.max_abs <= most
        if not one.within and not is_float32:
            return None
    message = f"{verdict.message}; that is the rounding of float32"
    if evidence.data.owner.low_precision == "accepted":
        return Verdict.ok(message, judged=verdict.judged, findings=verdict.findings)
    return Verdict.warn(
        message, cause="backend-low-precision", judged=verdict.judged, findings=verdict.findings
    )


def _judge_error(label: str, error: str, raised: str) -> Verdict:
    """A FAIL if the model cannot run there, an ERROR if its process ended or ran out of time or memory."""
    if not raised or raised in _NOT_OF_THE_MODEL:
        return Verdict.error(f"the process with {label} gave no outputs", error)
    return Verdict.fail(f"the model cannot run on {label}: {error}", cause="backend-refuses-layer")


CHECK = Check(
    code="KC607",
    name="backend-agreement",
    title="other Keras backends give the outputs of the backend in use",
    explanation=__doc__,
    pairs_for=BACKENDS.pairs((REFERENCE, f"={REFERENCE}")),
    examine=examine,
    is_offered=BACKENDS.are_given,
)

"""An export must give the outputs of the model on the same rows.

Why: what runs in production is rarely the `.keras` file. It is a SavedModel, a LiteRT, ONNX or OpenVINO file
that a converter made of it at some moment. The converter may leave out statistics, masks or a custom
`predict_step`, keep the training mode, or reorder inputs and outputs; the file may come from an earlier
training run; and the runtime may compute in lower precision than the model.

How: each export runs the rows of the run, in its own runtime and process. Inputs and outputs are matched by
signature, name and shape. Its outputs are compared with predict; the limit is the model's own rounding noise.
An export that computes in lower precision is also expected to differ by the rounding of its numbers: the
noise, times the ratio of the units. That is a warning, unless `facts.low_precision` is `accepted`. Sums of
8-bit products that the runtime cuts, as it does on some processors, are a failure: with exact sums the same
file is much nearer to the model. After a failure one thing at a time is changed, in the export's run or in
the model's: the order of inputs and of outputs, the weights, the training mode, masks, the runtime's
optimizations.

To fix: export the model again from the file that you check; see the cause for what the converter lost.

Sources: keras.io/api/models/model_saving_apis/export/, tensorflow#75177, keras#21133, onnxruntime#23143.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.analysis.exports.opened import EXPORTS, interface_of, skip_if_refused
from keras_consistency_cli.checks.analysis.exports.precision import widened
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.near_ties import FLIPPED_SHARE, flipped_share
from keras_consistency_cli.checks.targets import with_limits
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.routes.exports.exact import EXACT, WIDE_SUMS
from keras_consistency_cli.routes.exports.interface import INTERFACE
from keras_consistency_cli.routes.targets import route_on
from keras_consistency_cli.routes.trace import REFERENCE, REPEATED

__all__ = ["CHECK"]

_WORDING = Wording(
    agree="gives the outputs of the model",
    differ="outputs differ from predict",
    advice="export the model again, and compare the new file",
)
_REPEAT = Pair(candidate=REPEATED, reference=REFERENCE)
_LOW_PRECISION, _CUT_SUMS = "export-low-precision", "export-sums-saturate"
_MOST_LEFT, _FEWEST_CUT = 0.25, 0.02
"""The share of a difference that exact sums leave if cut sums are its cause, and the share of the greatest
output from which that is a fault. ONNX Runtime 1.32 on AVX2: 0.08 to 0.14 of differences of 0.1 to 0.24 were
left."""


def examine(evidence: Evidence) -> Verdict:
    """Compare every export with predict, if predict repeats itself."""
    repeat = agreement(evidence, (_REPEAT,), _WORDING)
    if repeat.status is Status.FAIL and not evidence.facts.stateful_layers:
        return Verdict.skip("predict does not repeat its own outputs, see KC203 repeatability")
    return EXPORTS.examine(evidence, _examine, "every export gives the outputs of the model")


def _examine(evidence: Evidence, label: str) -> Verdict:
    skipped = skip_if_refused(evidence, label)
    if skipped is not None:
        return skipped
    pair = Pair(candidate=route_on(REFERENCE, label), reference=REFERENCE)
    verdict = with_limits(evidence, agreement(evidence, (pair,), _WORDING))
    interface = interface_of(evidence, label)
    if verdict.status is not Status.FAIL or interface is None or interface["precision"] == "float32":
        return verdict
    return _judge_low_precision(evidence, label, verdict, interface["precision"])


def _judge_low_precision(evidence: Evidence, label: str, verdict: Verdict, precision: str) -> Verdict:
    """A failure that low precision explains is a warning, or a pass if the user accepts it."""
    judged = tuple(widened(evidence, verdict.judged, precision))
    most = max((one.comparison for one in judged), key=flipped_share)
    findings = {
        **verdict.findings,
        "precision": precision,
        "wide_limits": {one.comparison.output: one.limit.value for one in judged},
        "exact_agrees": _agrees_exactly(evidence, label),
    }
    exact = (
        _difference_with_wide_sums(evidence, label, verdict.judged) if precision.endswith("int8") else None
    )
    if exact is not None:
        message = f"{_describe(judged)}; with exact sums of 8-bit products, they differ by up to {exact:.2g}"
        return Verdict.fail(message, cause=_CUT_SUMS, judged=verdict.judged, findings=findings)
    if not all(one.within for one in judged):
        return replace(verdict, judged=judged, findings=findings)
    message = f"{_describe(judged)}; the export computes in {precision}"
    if flipped_share(most) > FLIPPED_SHARE:
        message += f"; {most.flipped} of {most.decisions} decisions change"
        return Verdict.fail(message, cause=_LOW_PRECISION, judged=judged, findings=findings)
    if evidence.data.owner.low_precision == "accepted":
        return Verdict.ok(message, judged=judged, findings=findings)
    return Verdict.warn(message, cause=_LOW_PRECISION, judged=judged, findings=findings)


def _describe(judged: tuple[Judged, ...]) -> str:
    largest = max((one.comparison for one in judged), key=lambda comparison: comparison.scaled)
    return f"outputs differ by up to {largest.max_abs:.2g} ({largest.scaled:.2g} of the largest output)"


def _difference_with_wide_sums(evidence: Evidence, label: str, judged: Sequence[Judged]) -> float | None:
    """Return the greatest difference with exact sums, None if cut sums are not most of the difference."""
    exact = {
        each.output: each.max_abs
        for each in evidence.comparisons.get((route_on(WIDE_SUMS, label), REFERENCE), ())
        if not each.misshapen and not each.nonfinite
    }
    plain = [one.comparison for one in judged if one.comparison.output in exact]
    worst = max(plain, key=lambda comparison: comparison.scaled, default=None)
    if worst is None or worst.scaled < _FEWEST_CUT or exact[worst.output] > _MOST_LEFT * worst.max_abs:
        return None
    return exact[worst.output]


def _agrees_exactly(evidence: Evidence, label: str) -> bool | None:
    """Whether the export agrees in float32; None if its runtime has no such mode."""
    pair = Pair(candidate=route_on(EXACT, label), reference=REFERENCE)
    if not evidence.comparisons.get((pair.candidate, pair.reference)):
        return None
    return agreement(evidence, (pair,), _WORDING).status is not Status.FAIL


CHECK = Check(
    code="KC901",
    name="export-agreement",
    title="exports give the outputs of the model",
    explanation=__doc__,
    pairs_for=EXPORTS.pairs(
        (REFERENCE, f"={REFERENCE}"), (EXACT, f"={REFERENCE}"), (WIDE_SUMS, f"={REFERENCE}")
    ),
    routes_for=EXPORTS.routes(INTERFACE),
    examine=examine,
    is_offered=EXPORTS.are_given,
)

"""An export must keep, or not keep, state between calls as the model does.

Why: a stateful recurrent layer carries its state from call to call. An exported SavedModel or LiteRT file
does that too, but starts from the state that the model had when it was exported; an ONNX file contains that
state as a constant, and every call starts from it. A server that answers many customers with one file then
mixes their sequences, or repeats the first step for ever. An export that draws random numbers gives two
customers different outputs for the same row.

How: the export and the model are called twice on the same batch, both as they are after loading. The calls
are compared with each other and with those of the model.

To fix: export a model that takes and returns its states, or one that is not stateful; reset states before the
export; export with `training=False`.

Sources: tensorflow#34644, tensorflow#37250, tflite-support#665.
"""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.exports.opened import EXPORTS, skip_if_refused
from keras_consistency_cli.checks.analysis.exports.precision import negligible
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.routes.exports.interface import INTERFACE
from keras_consistency_cli.routes.exports.state import STATE, ExportStateDetails
from keras_consistency_cli.routes.targets import route_on

__all__ = ["CHECK"]


def examine(evidence: Evidence) -> Verdict:
    """Judge every export by two calls on the same batch."""
    return EXPORTS.examine(evidence, _examine, "exports repeat their outputs as the model does")


def _examine(evidence: Evidence, label: str) -> Verdict:
    skipped = skip_if_refused(evidence, label)
    if skipped is not None:
        return skipped
    trace = evidence.traces[route_on(STATE, label)]
    if not trace.ran:
        return Verdict.error("the export could not be called twice", trace.error or str(trace.unavailable))
    details = trace.details_as(ExportStateDetails)
    return _judge(evidence, details)


def _judge(evidence: Evidence, details: ExportStateDetails) -> Verdict:
    least = negligible(evidence, details["scale"])
    carries, model_carries = details["own"] > least, details["model_own"] > least
    findings = dict(details)
    if model_carries and not evidence.facts.stateful_layers:
        return Verdict.skip("the model does not repeat its own outputs, see KC203 repeatability")
    if carries and not model_carries:
        message = f"two calls on the same rows differ by {details['own']:.2g}, those of the model do not"
        return Verdict.fail(message, cause=_cause(details, least), findings=findings)
    if model_carries and not carries:
        message = "every call starts from the same state, the model carries it from call to call"
        return Verdict.fail(message, cause="export-state-frozen", findings=findings)
    if model_carries:
        message = "the export carries state from call to call, as the model does"
        return Verdict.warn(message, cause="export-state-carried", findings=findings)
    return Verdict.ok("two calls on the same rows give the same outputs", findings=findings)


def _cause(details: ExportStateDetails, least: float) -> str:
    """Why two calls differ: training mode, as in a bare call of the model, a state of the export, or chance.

    A state that is carried on starts from that of the model; random numbers make the first call differ too.
    """
    is_random = details["training"] > least and details["off"] > least
    if details["bare"] > details["model_own"] or is_random:
        return "export-training-true"
    return "export-unrepeatable" if details["fresh"] > least else "export-state-carried"


CHECK = Check(
    code="KC903",
    name="export-state",
    title="exports keep state as the model does",
    explanation=__doc__,
    routes_for=EXPORTS.routes(STATE, INTERFACE),
    examine=examine,
    is_offered=EXPORTS.are_given,
)

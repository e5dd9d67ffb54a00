"""An export must take the inputs and give the outputs of the model, and refuse what it cannot take.

Why: callers of an export pass arrays by name or by position. Converters rename inputs, sort them, and list
outputs in a different order than the model; LiteRT lists two heads of a model in reverse. Where shapes are
equal nothing fails, and the wrong head is read. Some files are written without an error and cannot be loaded:
operators are missing in the runtime, or statistics of a Normalization layer became inputs.

How: names, types and shapes of the export are read from its runtime and compared with the model's. The same
numbers are also passed in other types; the JSON report says what is refused. An export that cannot be loaded
or called is a failure; that the model cannot be exported in a format is a warning.

To fix: name the Inputs and outputs of the model; call exports by signature and name.

Sources: tensorflow#33303, tensorflow#51801, keras-hub#2405.
"""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.exports.opened import EXPORTS, interface_of, refusal_of
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.loading.exports.spec import KINDS
from keras_consistency_cli.routes.exports.interface import INTERFACE, InterfaceDetails
from keras_consistency_cli.routes.targets import route_on

__all__ = ["CHECK"]

_NOT_INSTALLED, _NOT_MADE = "package-missing", "export-fails"
_SHOWN = 2


def examine(evidence: Evidence) -> Verdict:
    """Compare the interface of every export with that of the model."""
    return EXPORTS.examine(evidence, _examine, "exports take the inputs and give the outputs of the model")


def _examine(evidence: Evidence, label: str) -> Verdict:
    refusal, interface = refusal_of(evidence, label), interface_of(evidence, label)
    if refusal is not None:
        return _judge_refusal(*refusal)
    if interface is None:
        trace = evidence.traces[route_on(INTERFACE, label)]
        return Verdict.error("the export cannot be called", trace.error or "")
    return _judge(interface)


def _judge_refusal(reason: str, cause: str) -> Verdict:
    """A FAIL for an export that cannot be loaded; one that cannot be made is no fault of a file."""
    if cause == _NOT_INSTALLED:
        return Verdict.skip(reason)
    if cause == _NOT_MADE:
        return Verdict.warn(reason, cause=cause)
    return Verdict.fail(reason, cause=cause or "export-unloadable")


def _judge(interface: InterfaceDetails) -> Verdict:
    findings = {"interface": dict(interface)}
    if interface["order"] != sorted(interface["order"]) and interface["interchangeable"]:
        order = ", ".join(map(str, interface["order"]))
        message = f"the runtime lists the model's outputs at positions {order}, and their shapes are equal"
        return Verdict.warn(message, cause="export-outputs-reordered", findings=findings)
    return Verdict.ok(_describe(interface), findings=findings)


def _describe(interface: InterfaceDetails) -> str:
    inputs = ", ".join(f"{each['name']} {each['dtype']}" for each in interface["inputs"][:_SHOWN])
    laid_out = [
        f"; '{each['name']}' is {each['layout']}"
        for each in (*interface["inputs"], *interface["outputs"])
        if each["layout"]
    ]
    return f"{KINDS[interface['kind']]}, {interface['precision']}, inputs {inputs}{''.join(laid_out)}"


CHECK = Check(
    code="KC904",
    name="export-interface",
    title="exports have the inputs and outputs of the model",
    explanation=__doc__,
    routes_for=EXPORTS.routes(INTERFACE),
    examine=examine,
    is_offered=EXPORTS.are_given,
)

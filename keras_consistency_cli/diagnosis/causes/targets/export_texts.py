"""Advice about exports by the runtime that serves them, where the general one names a different runtime."""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.loading.exports.spec import ExportKind
from keras_consistency_cli.routes.exports.interface import INTERFACE, InterfaceDetails
from keras_consistency_cli.routes.targets import route_on

__all__ = ["ADVICE_BY_KIND", "EXPORT_AGAIN", "advice_for_runtime"]

_ARGUMENTS: Mapping[ExportKind, str] = {
    "tf_saved_model": "'exported'",
    "litert": "'model.tflite', format='litert'",
    "onnx": "'model.onnx', format='onnx'",
    "openvino": "'model.xml', format='openvino'",
}
_AGAIN_BY_KIND: Mapping[ExportKind, str] = {
    kind: f"    keras.models.load_model('model.keras').export({arguments})"
    for kind, arguments in _ARGUMENTS.items()
}
EXPORT_AGAIN = f"{_AGAIN_BY_KIND['onnx']}   # or your format"
"""For exports of every kind; the advice for one export has the line for its kind."""

_BY_NAME = "take outputs by name, not by position:\n"
_WITHOUT_STATE = (
    "export a model that keeps no state: give its weights to one that is built without stateful=True\n"
    "    stateless.set_weights(model.get_weights())\n"
    "    stateless.export('exported')"
)
_IN_FLOATS = (
    "export in float32 where the difference matters, without conversion to float16 and without quantization; "
    "or accept it: facts: {{low_precision: accepted}}"
)

ADVICE_BY_KIND: Mapping[str, Mapping[ExportKind, str]] = {
    "export-outputs-reordered": {
        "onnx": f"{_BY_NAME}    head, tail = session.run(['head', 'tail'], inputs)",
        "openvino": f"{_BY_NAME}    head = compiled(inputs)[compiled.output('head')]",
        "tf_saved_model": f"{_BY_NAME}    head = loaded.signatures['serving_default'](**inputs)['head']",
    },
    "export-state-carried": {
        "tf_saved_model": _WITHOUT_STATE,
        "onnx": _WITHOUT_STATE,
        "openvino": _WITHOUT_STATE,
    },
    "export-low-precision": {"onnx": _IN_FLOATS, "litert": _IN_FLOATS, "tf_saved_model": _IN_FLOATS},
}
"""By cause: the advice for exports of one kind; other kinds have the general one."""


def advice_for_runtime(slug: str, general: str, evidence: Evidence) -> str | None:
    """Return the advice for the kind of the export that is diagnosed, None if the general one fits."""
    trace = evidence.traces.get(route_on(INTERFACE, evidence.target))
    # Also of an export that could not be opened; then nothing else is known of it.
    kind = trace.details_as(InterfaceDetails).get("kind") if trace is not None else None
    if kind is None:
        return None
    specific = ADVICE_BY_KIND.get(slug, {}).get(kind)
    if specific is None and EXPORT_AGAIN in general:
        return general.replace(EXPORT_AGAIN, _AGAIN_BY_KIND[kind])
    return specific

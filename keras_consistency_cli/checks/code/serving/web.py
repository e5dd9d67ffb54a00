"""Web frameworks: what a user sends, functions that are called for each request, and requests to services."""

from __future__ import annotations

import re

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handlers, nothing
from keras_consistency_cli.checks.code.serving.batches import note_batch_size
from keras_consistency_cli.checks.code.values.value import NOTHING, Function, Instance, Mark, Prepared, Value

__all__ = ["WEB", "is_service_url", "post", "stream"]

_SERVICE = re.compile(r"[:/]predict(ions?)?(?![\w.-])|/invocations(?!\w)|/infer(?!\w)")
"""TensorFlow Serving, Vertex AI and many own services; SageMaker and MLflow; Triton and KServe."""

_TEXTS = ("text_input", "text_area", "chat_input")
_NUMBERS = ("number_input", "slider")
_OTHERS = (
    "selectbox",
    "radio",
    "multiselect",
    "date_input",
    "file_uploader",
    "camera_input",
    "checkbox",
    "select_slider",
    "data_editor",
    "audio_input",
    "toggle",
    "form_submit_button",
    "button",
)


def _typed(machine: Machine, call: Call) -> Value:
    """st.text_input(...): what the user typed."""
    name = call.name.rpartition(".")[2]
    kind = "number" if name in _NUMBERS else ""
    return Value(
        kind=kind, marks=frozenset({Mark("request")}), rank=0 if name in (*_NUMBERS, *_TEXTS) else None
    )


def _component(machine: Machine, call: Call) -> Value:
    """A component of Gradio; functions among its arguments are called for each request."""
    given = [value.ref for value in call.arguments.all()]
    given = [ref.function.ref if isinstance(ref, Prepared) else ref for ref in given]
    machine.callbacks += [ref for ref in given if isinstance(ref, Function)]
    return Value(kind="component")


def _lit_server(machine: Machine, call: Call) -> Value:
    """LitServer(api, max_batch_size=8): whether requests are collected for predict()."""
    given = call.arguments.get(0, "lit_api")
    for api in given.items or (given,):
        if isinstance(api.ref, Instance):
            note_batch_size(api.ref.kind, call.arguments.options.get("max_batch_size"))
    return NOTHING


def _depends(machine: Machine, call: Call) -> Value:
    """Depends(function): what the function returns is passed to the request handler."""
    return Value(kind="depends", ref=call.arguments.get(0, "dependency").ref)


def is_service_url(text: str) -> bool:
    """Whether a text is, or ends, the address at which a service gives outputs of a model."""
    return _SERVICE.search(text) is not None


def post(machine: Machine, call: Call) -> Value:
    """requests.post(url, json=...), session.post(url, data=...): rows go to a model elsewhere."""
    options = call.arguments.options
    payload = next((options[name] for name in ("json", "data", "content") if name in options), None)
    if payload is None and call.name.startswith("requests."):
        payload = call.arguments.get(1)
    if call.arguments.get(0, "url").has("service-url") and payload is not None:
        machine.add("send", call.node, NOTHING, payload, method=call.name)
    return Value()


def stream(machine: Machine, call: Call) -> Value:
    """KafkaConsumer("topic"), socket.iter_json(), pubsub.listen(): messages that arrive one by one."""
    return Value(kind="stream", marks=call.receiver.marks)


WEB: Handlers = {
    "kafka.KafkaConsumer": stream,
    "requests.post": post,
    "httpx.post": post,
    "fastapi.Depends": _depends,
    "fastapi.Security": _depends,
    **{f"streamlit.{name}": _typed for name in (*_TEXTS, *_NUMBERS, *_OTHERS)},
    "gradio.*": _component,
    "litserve.LitServer": _lit_server,
    "flask.jsonify": nothing,
    "flask.render_template": nothing,
}

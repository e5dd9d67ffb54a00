"""Services that run a model elsewhere: requests to them are predictions, too."""

from __future__ import annotations

import re

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handlers
from keras_consistency_cli.checks.code.values.value import NOTHING, Value

__all__ = ["CLIENTS", "is_service_url", "post", "stream"]

_SERVICE = re.compile(r"[:/]predict(ions?)?(?![\w.-])|/invocations(?!\w)|/infer(?!\w)")
"""TensorFlow Serving, Vertex AI and many own services; SageMaker and MLflow; Triton and KServe."""


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


CLIENTS: Handlers = {
    "kafka.KafkaConsumer": stream,
    "requests.post": post,
    "httpx.post": post,
}

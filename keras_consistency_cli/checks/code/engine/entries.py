"""Which functions and classes of a program are called for each request."""

from __future__ import annotations

from keras_consistency_cli.checks.code.values.value import Class, Function, Module

__all__ = [
    "PREPARE",
    "REQUEST_CHAIN",
    "REQUEST_METHODS",
    "describe_module",
    "describe_request",
    "is_serving_class",
    "is_startup",
]

_ROUTES = frozenset(
    {"route", "get", "post", "put", "patch", "delete", "api_route", "websocket", "websocket_route"}
)
_TASKS = frozenset({"task", "shared_task", "actor", "periodic_task"})
_VIEWS = frozenset({"api_view", "csrf_exempt", "require_POST", "require_http_methods", "login_required"})
_CLOUD = frozenset({"http", "on_request", "on_call", "function_name", "cloud_event", "blob_trigger"})
_EVENTS = frozenset(
    {"on_message", "message_handler", "callback", "event", "api", "on", "subscriber", "agent"}
)
_SHINY = frozenset({"render", "reactive"})
_COMMAND_LINES = frozenset({"click", "typer"})
_STARTUP = frozenset(
    {"on_event", "before_first_request", "asynccontextmanager", "on_startup", "before_serving"}
)
_STARTUP_NAMES = frozenset(
    {"init", "model_fn", "setup", "lifespan", "startup", "load_artifacts", "initialize"}
)
_BASES = frozenset(
    {
        "MLModel", "LitAPI", "PythonModel", "Resource", "MethodView", "APIView", "View", "ViewSet",
        "GenericAPIView", "RequestHandler", "HTTPEndpoint", "BasePredictor", "BaseHandler", "Servable",
        "TemplateView", "FormView", "AsyncWebsocketConsumer", "WebsocketConsumer", "SeldonComponent",
        "BatchedModel",
    }
)  # fmt: skip
_CLASS_DECORATORS = frozenset({"service", "deployment", "ingress", "cls"})
PREPARE = ("__init__", "setup", "load", "load_context", "initialize", "on_start", "build")
"""Methods that prepare an object for requests, in this order."""
REQUEST_CHAIN = ("decode_request", "preprocess", "predict", "inference", "postprocess", "encode_response")
"""Methods that a serving framework calls one after another, each with what the one before returned."""
REQUEST_METHODS = (
    "get",
    "post",
    "put",
    "execute",
    "__call__",
    "infer",
    "explain",
    "handle",
    "receive",
    "transform",
)


def describe_module(module: Module) -> str:
    """Return the words for a module that runs again for each input, "" if it does not."""
    return "a Streamlit page" if "streamlit" in module.imports else ""


def describe_request(function: Function, module: Module) -> str:
    """Return the words for a function that is called for each request, "" if it is not."""
    for decorator in function.decorators:
        before, _, last = decorator.rpartition(".")
        if last in _ROUTES and before:
            return "a request handler"
        if before.rpartition(".")[2] in _SHINY or decorator in _SHINY:
            return "a request handler"
        if last in _TASKS:
            return "a task"
        if last in _VIEWS or last in _CLOUD:
            return "a request handler"
        if last in _EVENTS and before and not _COMMAND_LINES & module.imports:
            return "a request handler"
    return _described_by_signature(function, module)


def _described_by_signature(function: Function, module: Module) -> str:
    entered = function.wrapper if function.wrapper and function.wrapper.node.args.args else function
    names = [argument.arg for argument in entered.node.args.args]
    if function.name in ("lambda_handler", "handler") and names[:2] == ["event", "context"]:
        return "a Lambda handler"
    if function.owner is None and names[:1] in (["request"], ["req"]):
        return "a request handler"
    if function.name in ("predict_fn", "input_fn", "transform_fn") and names:
        return "a request handler"
    if function.name == "run" and names and any(each.name == "init" for each in module.functions):
        return "a request handler"
    return ""


def is_startup(function: Function) -> bool:
    """Whether a function runs once, before the first request."""
    last_names = {decorator.rpartition(".")[2] for decorator in function.decorators}
    return bool(last_names & _STARTUP) or (function.owner is None and function.name in _STARTUP_NAMES)


def is_serving_class(kind: Class) -> bool:
    """Whether a framework calls the methods of a class for each request."""
    if kind.name == "TritonPythonModel":
        return True
    if any(base.rpartition(".")[2] in _BASES or base == "kserve.Model" for base in kind.bases):
        return True
    if any(decorator.rpartition(".")[2] in _CLASS_DECORATORS for decorator in kind.decorators):
        return True
    return any(map(is_serving_class, kind.parents))

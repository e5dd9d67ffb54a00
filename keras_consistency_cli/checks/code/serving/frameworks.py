"""What web, message and serving frameworks call for each request, by the names that they give it."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "AFTER",
    "BARE_ROUTERS",
    "BASES",
    "BASES_OF",
    "BEFORE",
    "CALLBACKS",
    "CLASS_DECORATORS",
    "CLASS_NAMES",
    "CLOUD",
    "COMMAND_LINES",
    "EVENTS",
    "FLOWS",
    "GATEWAYS",
    "HANDLERS_OF",
    "LISTS_OF_TASKS",
    "ONCE",
    "PREPARE",
    "REQUEST_CHAIN",
    "REQUEST_METHODS",
    "ROUTES",
    "SENT_ATTRIBUTES",
    "SHINY",
    "STARTUP",
    "STARTUP_NAMES",
    "TASKS",
    "VIEWS",
]

ROUTES = frozenset(
    {"route", "get", "post", "put", "patch", "delete", "api_route", "websocket", "websocket_route"}
)
BARE_ROUTERS = frozenset({"litestar", "starlite", "bottle"})
"""Libraries whose routes are functions of their own: from litestar import post."""
TASKS = frozenset({"task", "shared_task", "actor", "periodic_task"})
FLOWS = frozenset(
    {"prefect", "airflow", "dagster", "flytekit", "metaflow", "zenml", "kfp", "luigi", "invoke", "doit"}
)
"""Libraries whose tasks are steps of a flow, which run once for each run of it, not for each request."""
VIEWS = frozenset({"api_view", "csrf_exempt", "require_POST", "require_http_methods", "login_required"})
CLOUD = frozenset({"http", "on_request", "on_call", "function_name", "cloud_event", "blob_trigger"})
EVENTS = frozenset({"on_message", "message_handler", "callback", "event", "api", "on", "subscriber", "agent"})
_DISCORD = frozenset(
    {"command", "hybrid_command", "slash_command", "user_command", "message_command", "context_menu"}
    | {"listener"}
)
HANDLERS_OF: Mapping[str, frozenset[str]] = {
    "discord": _DISCORD,
    "nextcord": _DISCORD,
    "disnake": _DISCORD,
    "slack_bolt": frozenset({"message", "command", "event", "action", "shortcut", "view", "options"}),
    "cherrypy": frozenset({"expose"}),
    "nameko": frozenset({"rpc", "http", "event_handler", "consume"}),
    "strawberry": frozenset({"field", "mutation", "subscription"}),
}
"""Last names of decorators of one library, which mean something else in others."""
GATEWAYS = (["environ", "start_response"], ["scope", "receive", "send"])
"""The parameters of an application of WSGI and of one of ASGI."""
LISTS_OF_TASKS = frozenset({"functions", "cron_jobs"})
"""Attributes of the settings of a worker of ARQ."""
CALLBACKS = frozenset({"on_message"})
"""Attributes of clients of libraries whose function is called for each message: paho, websocket."""
SHINY = frozenset({"render", "reactive"})
COMMAND_LINES = frozenset({"click", "typer"})
BEFORE = frozenset({"before_request", "before_app_request", "middleware"})
AFTER = frozenset({"after_request", "after_app_request", "teardown_request", "teardown_app_request"})
"""Last names of decorators of functions that are called before, or after, each request."""
STARTUP = frozenset(
    {"on_event", "before_first_request", "asynccontextmanager", "on_startup", "before_serving"}
)
ONCE = frozenset({"on_ready", "on_connect", "setup_hook", "cog_load"})
"""Functions and methods that a bot calls once it is connected, and not for each message."""
STARTUP_NAMES = frozenset(
    {"init", "model_fn", "setup", "lifespan", "startup", "load_artifacts", "initialize", *ONCE}
)
BASES = frozenset(
    {
        "MLModel", "LitAPI", "PythonModel", "Resource", "MethodView", "APIView", "View", "ViewSet",
        "GenericAPIView", "RequestHandler", "HTTPEndpoint", "BasePredictor", "BaseHandler", "Servable",
        "TemplateView", "FormView", "AsyncWebsocketConsumer", "WebsocketConsumer", "SeldonComponent",
        "BatchedModel", "CreateView", "UpdateView", "DetailView", "ListView", "BaseHTTPRequestHandler",
        "SimpleHTTPRequestHandler", "BaseRequestHandler", "StreamRequestHandler",
    }
)  # fmt: skip
_BOTS = frozenset({"Client", "AutoShardedClient", "Bot", "AutoShardedBot", "Cog"})
BASES_OF: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("discord", "nextcord", "disnake"), _BOTS),
    "google": frozenset({"Predictor"}),
    "apache_beam": frozenset({"DoFn"}),
}
"""Last names of classes of one library, which mean something else in others."""
CLASS_NAMES = frozenset({"TritonPythonModel", "EndpointHandler"})
"""Classes that Triton and the endpoints of Hugging Face find by their names."""
CLASS_DECORATORS = frozenset({"service", "deployment", "ingress", "cls"})
PREPARE = (
    "__init__",
    "setup",
    "load",
    "load_context",
    "initialize",
    "on_start",
    "build",
    "setup_hook",
    "cog_load",
    "on_ready",
)
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
    "form_valid",
    "get_context_data",
    "on_message",
    "process",
    "process_batch",
    "do_GET",
    "do_POST",
    "do_PUT",
)
SENT_ATTRIBUTES = ("request", "rfile")
"""Where a framework puts what a user sends into the object that serves it: Django, Tornado, http.server."""

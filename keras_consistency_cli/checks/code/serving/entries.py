"""Which functions and classes of a program are called for each request."""

from __future__ import annotations

import re

from keras_consistency_cli.checks.code.serving.frameworks import (
    AFTER,
    BARE_ROUTERS,
    BASES,
    BASES_OF,
    BEFORE,
    CLASS_DECORATORS,
    CLASS_NAMES,
    CLOUD,
    COMMAND_LINES,
    EVENTS,
    FLOWS,
    GATEWAYS,
    HANDLERS_OF,
    ONCE,
    ROUTES,
    SHINY,
    STARTUP,
    STARTUP_NAMES,
    TASKS,
    VIEWS,
)
from keras_consistency_cli.checks.code.values.naming import library_name
from keras_consistency_cli.checks.code.values.value import Class, Function, Module

__all__ = [
    "describe_module",
    "describe_request",
    "hooks",
    "is_request_method",
    "is_serving_class",
    "is_startup",
]

_RESPONDER = re.compile(r"on_(get|post|put|patch|delete)(_\w+)?")
"""Methods of a resource of Falcon, which has no base class."""
_WITH_CONTEXT = 3
"""Arguments of a method that gets itself, a request, and its context or its response."""
_NAMES_OF_COLUMNS = ("features_names", "feature_names", "names")


def describe_module(module: Module) -> str:
    """Return the words for a module that runs again for each input, "" if it does not."""
    return "a Streamlit page" if "streamlit" in module.imports else ""


def describe_request(function: Function, module: Module) -> str:
    """Return the words for a function that is called for each request, "" if it is not."""
    if function.name in ONCE:
        return ""
    for decorator in function.decorators:
        before, _, last = decorator.rpartition(".")
        if last in TASKS:
            return "a task" if _root(decorator, function) not in FLOWS else ""
        if (last in ROUTES and before) or _is_bare_route(decorator, function):
            return "a request handler"
        if before.rpartition(".")[2] in SHINY or decorator in SHINY:
            return "a request handler"
        if last in VIEWS or last in CLOUD or _is_handler_of(decorator, function, module):
            return "a request handler"
        if last in EVENTS and before and not COMMAND_LINES & module.imports:
            return "a request handler"
    return _described_by_signature(function, module)


def _root(decorator: str, function: Function) -> str:
    """The library from which a decorator was imported, "" if it was not."""
    return library_name(decorator, function.scope).partition(".")[0]


def _is_bare_route(decorator: str, function: Function) -> bool:
    """Whether a decorator is a route that was imported by itself: from litestar import post."""
    name = library_name(decorator, function.scope)
    return name.partition(".")[0] in BARE_ROUTERS and name.rpartition(".")[2] in ROUTES


def _is_handler_of(decorator: str, function: Function, module: Module) -> bool:
    """Whether a library that the file uses registers functions with this decorator: @bot.command()."""
    last = decorator.rpartition(".")[2]
    is_known = any(last in HANDLERS_OF[library] for library in HANDLERS_OF.keys() & module.imports)
    return is_known and _root(decorator, function) not in COMMAND_LINES


def _described_by_signature(function: Function, module: Module) -> str:
    entered = function.wrapper if function.wrapper and function.wrapper.node.args.args else function
    names = [argument.arg for argument in entered.node.args.args]
    if function.name in ("lambda_handler", "handler") and names[:2] == ["event", "context"]:
        return "a Lambda handler"
    if function.owner is None and names in GATEWAYS:
        return "a request handler"
    if function.owner is None and names[:1] in (["request"], ["req"]):
        return "a request handler"
    if function.owner is not None and _RESPONDER.fullmatch(function.name) and len(names) >= _WITH_CONTEXT:
        return "a method that serves requests"
    if function.name in ("predict_fn", "input_fn", "transform_fn") and names:
        return "a request handler"
    if function.name == "run" and names and any(each.name == "init" for each in module.functions):
        return "a request handler"
    return ""


def hooks(module: Module) -> tuple[list[Function], list[Function]]:
    """Return the functions of a file that are called before, and after, each request: @app.before_request."""
    before, after = (
        [
            each
            for each in module.functions
            if any(name.rpartition(".")[2] in last for name in each.decorators)
        ]
        for last in (BEFORE, AFTER)
    )
    return before, after


def is_startup(function: Function) -> bool:
    """Whether a function runs once, before the first request."""
    last_names = {decorator.rpartition(".")[2] for decorator in function.decorators}
    return bool(last_names & STARTUP) or (function.owner is None and function.name in STARTUP_NAMES)


def is_serving_class(kind: Class) -> bool:
    """Whether a framework calls the methods of a class for each request."""
    if kind.name in CLASS_NAMES or any(map(_is_serving_base, kind.bases)):
        return True
    if any(decorator.rpartition(".")[2] in CLASS_DECORATORS for decorator in kind.decorators):
        return True
    return _is_of_seldon(kind) or _is_of_torchserve(kind) or any(map(is_serving_class, kind.parents))


def _is_serving_base(base: str) -> bool:
    root, last = base.partition(".")[0], base.rpartition(".")[2]
    return last in BASES or last in BASES_OF.get(root, ()) or base == "kserve.Model" or _is_servicer(base)


def _is_servicer(base: str) -> bool:
    """Whether a class is what gRPC generates for a service: predictor_pb2_grpc.PredictorServicer."""
    return base.endswith("Servicer")


def _is_of_seldon(kind: Class) -> bool:
    """Whether a class is served by Seldon, which asks for no base: predict(self, X, features_names)."""
    method = kind.methods.get("predict")
    names = [argument.arg for argument in method.node.args.args[1:]] if method is not None else []
    return names[:1] == ["X"] and bool({*names[1:]} & {*_NAMES_OF_COLUMNS})


def _is_of_torchserve(kind: Class) -> bool:
    """Whether a class is a service of TorchServe, which asks for no base: initialize(self, context), and
    handle(self, data, context).
    """
    initialize, handle = kind.methods.get("initialize"), kind.methods.get("handle")
    if initialize is None or handle is None:
        return False
    names = [argument.arg for argument in (*initialize.node.args.args[1:], *handle.node.args.args[2:])]
    return names in (["context", "context"], ["ctx", "ctx"])


def is_request_method(method: Function, kind: Class, module: Module) -> bool:
    """Whether a framework calls a method of a serving class, by its decorators or its form."""
    if describe_request(method, module):
        return True
    is_public = not method.name.startswith("_") and len(method.node.args.args) == _WITH_CONTEXT
    return is_public and any(map(_is_servicer, kind.bases))

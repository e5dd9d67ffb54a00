"""Follow calls: into functions and classes of the program, and to what is known of libraries."""

from __future__ import annotations

import ast
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.inlining import Inlining
from keras_consistency_cli.checks.code.engine.machine import Arguments, Call, label_of
from keras_consistency_cli.checks.code.library.methods import METHODS, call_object
from keras_consistency_cli.checks.code.library.numbers import drawn
from keras_consistency_cli.checks.code.library.table import find_handler
from keras_consistency_cli.checks.code.library.tables import TABLE_METHODS
from keras_consistency_cli.checks.code.serving.batches import is_called_later, note_batch_size
from keras_consistency_cli.checks.code.values.value import (
    NOTHING,
    Class,
    Function,
    Instance,
    Mark,
    Prepared,
    Value,
)

__all__ = ["Calls"]

_OBJECTS = frozenset({"model", "layer", "signature", "bound", "augmentation", "transformer"})
_CHANNELS = ("rgb", "bgr", "exchanged")
_PICTURE_LIBRARIES = ("cv2", "numpy", "np", "tensorflow", "tf", "keras", "PIL", "skimage", "imutils")
_WRITES = ("to_", "write", "save", "dump")
"""How names of methods begin that write their object."""
_REGISTERS = frozenset(
    {
        "click", "change", "submit", "add_url_rule", "add_api_route", "add_handler", "Interface", "upload",
        "ChatInterface", "subscribe", "basic_consume", "MessageHandler", "CommandHandler", "add_route",
        "Button", "enqueue", "enqueue_in", "enqueue_at", "enqueue_call",
        "start_server", "start_unix_server", "websockets.serve",
        "stream", "Route", "path", "re_path", "recognize", "webrtc_streamer", "CallbackQueryHandler",
    }
)  # fmt: skip
"""Functions and methods that take a function and call it for each request."""


class Calls(Inlining):
    """The calls of a program."""

    def call(self, node: ast.Call) -> Value:
        """Return the result of a call."""
        if isinstance(node.func, ast.Attribute):
            base = self.evaluate(node.func.value)
            arguments = self.arguments(node)
            return self._method(node, base, node.func.attr, arguments)
        function = self.evaluate(node.func)
        return self.apply(node, function, self.arguments(node))

    def arguments(self, node: ast.Call) -> Arguments:
        """Return the arguments of a call."""
        values: list[Value] = []
        for argument in node.args:
            value = self.evaluate(argument)
            is_several = isinstance(argument, ast.Starred) and value.items is not None
            values += (value.items or ()) if is_several else (value,)
        options: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value)
            options[keyword.arg or "**"] = value
            if keyword.arg is None:
                options.update(value.entries)
        return Arguments(tuple(values), options)

    def _method(self, node: ast.Call, base: Value, name: str, arguments: Arguments) -> Value:
        if base.kind == "name":
            return self.apply(node, self._library_name(base, name), arguments)
        found = self.attribute_of(base, name)
        if found is not None and (found.kind or isinstance(base.ref, Instance)):
            if found.kind in ("model", "transformer", "loaded"):
                return self.apply(node, found, arguments)
            return self.apply(node, found, self._with_class(base, found, arguments))
        if isinstance(node.func, ast.Attribute) and label_of(node.func.value) == "super":
            return self._call_parents(name, arguments)
        self._register(name, arguments)
        return self.call_method(Call(node, name, arguments, base))

    def _library_name(self, base: Value, name: str) -> Value:
        if base.text in ("flask.request", "bottle.request", "quart.request"):
            return Value(kind="getter", marks=frozenset({Mark("request")}))
        return Value(kind="name", ref=f"{base.text}.{name}")

    def _with_class(self, base: Value, found: Value, arguments: Arguments) -> Arguments:
        """A method that is called on its class takes the object as the first argument; a class method the
        class.
        """
        function = found.ref if isinstance(found.ref, Function) else None
        if isinstance(base.ref, Class) and function is not None and "classmethod" in function.decorators:
            return replace(arguments, values=(base, *arguments.values))
        return arguments

    def _call_parents(self, name: str, arguments: Arguments) -> Value:
        """Return the result of super().preprocess(...), a method of the parents of the class."""
        function = self.frame.function
        owner, own = function.owner if function else None, self.frame.scope.find("self")
        if owner is None or own is None:
            return NOTHING
        if "max_batch_size" in arguments.options:
            note_batch_size(owner, arguments.options["max_batch_size"])
        methods = [method for parent in owner.parents if (method := parent.find(name)) is not None]
        results = [self.enter(method, arguments, own) for method in methods]
        return results[0] if results else NOTHING

    def apply(self, node: ast.Call, function: Value, arguments: Arguments) -> Value:
        """Return the result of calling a value."""
        if isinstance(function.ref, Function):
            is_later = bool(function.ref.decorators) and is_called_later(function.ref)
            return NOTHING if is_later else self.enter(function.ref, arguments)
        if isinstance(function.ref, tuple):
            return self.enter(function.ref[0], arguments, function.ref[1])
        if isinstance(function.ref, Prepared):
            before = function.ref
            options = {**dict(before.options), **arguments.options}
            return self.apply(node, before.function, Arguments((*before.values, *arguments.values), options))
        if isinstance(function.ref, Class):
            return self.create(function.ref, arguments)
        if isinstance(function.ref, Instance):
            method = function.ref.kind.find("__call__")
            return (
                self.enter(method, arguments, function)
                if method
                else self._opaque(Call(node, "", arguments, function))
            )
        if function.kind == "name":
            return self.library(Call(node, function.text, arguments))
        if function.kind == "getter":
            return replace(function, kind="request")
        call = Call(node, "__call__", arguments, function)
        if function.kind in _OBJECTS:
            return call_object(self, call)
        return self._opaque(call) if function.kind in ("", "request") else call.result

    def _opaque(self, call: Call) -> Value:
        """The result of something that may be a model: a gradient may go through it."""
        result = call.result
        return result if result.has("pred") else result.marked(Mark("opaque", self.site(call.node)))

    def library(self, call: Call) -> Value:
        """Return the result of a function of a library."""
        root, last = call.name.partition(".")[0], call.name.rpartition(".")[2]
        self._register(f"{root}.{last}" if f"{root}.{last}" in _REGISTERS else last, call.arguments)
        handler = find_handler(call.name)
        if (handler is None and root != "builtins") or "keras" in call.name:
            self.note_written(call.node, *call.arguments.all())
        return handler(self, call) if handler is not None else _of_unknown_library(call)

    def call_method(self, call: Call) -> Value:
        """Return the result of a method of an object that is not of the program."""
        own = TABLE_METHODS.get(call.name) if call.receiver.kind == "frame" else None
        handler = drawn if call.receiver.kind == "random" else own or METHODS.get(call.name)
        if handler is not None:
            return handler(self, call)
        is_write = call.name.startswith(_WRITES)
        self.note_written(call.node, *call.arguments.all(), *([call.receiver] if is_write else ()))
        result = call.result if call.receiver.has("image") else call.result.without(*_CHANNELS)
        if "training" in call.arguments.options or isinstance(call.receiver.ref, Instance):
            result = result.marked(*self._opaque(call).of("opaque"))
        return replace(result, kind="request" if call.receiver.kind == "request" else "")

    def _register(self, name: str, arguments: Arguments) -> None:
        if name in _REGISTERS:
            given = [value.ref for value in arguments.all()]
            given = [ref.function.ref if isinstance(ref, Prepared) else ref for ref in given]
            self.callbacks += [ref for ref in given if isinstance(ref, Function)]
            self.callbacks += [ref[0] for ref in given if isinstance(ref, tuple)]


def _of_unknown_library(call: Call) -> Value:
    """Something that was made from the arguments; only libraries of pictures return pictures."""
    is_of_pictures = call.name.partition(".")[0] in _PICTURE_LIBRARIES
    return call.result if is_of_pictures else call.result.without(*_CHANNELS)

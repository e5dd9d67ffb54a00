"""Follow a program: its modules, and every way through them from a script, a request or a function."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from keras_consistency_cli.checks.code.engine.annotations import SENT
from keras_consistency_cli.checks.code.engine.interpreter import Interpreter
from keras_consistency_cli.checks.code.engine.locations import candidates, file_key
from keras_consistency_cli.checks.code.engine.trace import Trace
from keras_consistency_cli.checks.code.serving.chains import chained, from_others, run_chain, run_request
from keras_consistency_cli.checks.code.serving.entries import (
    describe_module,
    describe_request,
    is_request_method,
    is_serving_class,
    is_startup,
)
from keras_consistency_cli.checks.code.serving.frameworks import PREPARE, REQUEST_METHODS, SENT_ATTRIBUTES
from keras_consistency_cli.checks.code.values.value import NOTHING, Class, Function, Instance, Module, Value

__all__ = ["Followed", "Parsed", "Program"]

_MOST_STEPS = 60_000
"""Steps of one file in all ways through it."""


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A file that was parsed; `has_model` says whether it mentions that a model is loaded or saved."""

    tree: ast.Module
    has_model: bool = True


@dataclass(kw_only=True, eq=False)
class Followed:
    """One module with all ways through it."""

    module: Module
    traces: list[Trace] = field(default_factory=list)
    steps: int = 0
    callbacks: list[Function] = field(default_factory=list)
    is_started: bool = False


class Program:
    """The modules of a program, read when they are needed.

    Args:
        read: returns a file that was parsed, None if it cannot be read.
        show: returns the path of a file as findings name it.
    """

    def __init__(self, read: Callable[[Path], Parsed | None], show: Callable[[Path], str]) -> None:
        self._read, self._show = read, show
        self._known: dict[str, Followed | None] = {}
        self._of_libraries: set[tuple[str, str]] = set()
        """Names in imports that no file of the program stands for, by folder: most are asked for again."""

    def start(self, path: Path, parsed: Parsed) -> Followed:
        """Follow what a file does before the first request: it may prepare objects for other files."""
        followed = self._known.get(file_key(path))
        if followed is None:
            followed = self._followed(path, parsed)
        if not followed.is_started:
            followed.is_started = True
            self._follow_startup(followed)
        return followed

    def _followed(self, path: Path, parsed: Parsed) -> Followed:
        """Follow the statements of a module."""
        shown = self._show(path)
        module = Module(path=shown, tree=parsed.tree, folder=str(path.parent), has_model=parsed.has_model)
        followed = Followed(module=module)
        self._known[file_key(path)] = followed
        trace = Trace(kind="script", is_request=False, path=shown)
        machine = self._machine(followed, trace)
        machine.run_module()
        words = describe_module(module)
        if words:
            trace.kind, trace.is_request = words, True
        self._close(followed, machine)
        return followed

    def _machine(self, followed: Followed, trace: Trace) -> Interpreter:
        followed.traces.append(trace)
        return Interpreter(trace, followed.module, self.find_module)

    def _close(self, followed: Followed, machine: Interpreter) -> None:
        followed.steps += machine.steps
        followed.callbacks += machine.callbacks

    # --- entries

    def follow(self, followed: Followed) -> None:
        """Follow every way through a file that was started."""
        module = followed.module
        callbacks = self._follow_callbacks(followed, [])
        # What input_fn() returns is what predict_fn() gets.
        for function in sorted(module.functions, key=lambda each: each.name != "input_fn"):
            words = describe_request(function, module)
            if words and function not in callbacks:
                self._follow_function(followed, function, words)
        served = [kind for kind in module.classes if is_serving_class(kind)]
        self._follow_makers(followed, served)
        for kind in served:
            self._follow_class(followed, kind)
        if module.has_model or module.imports_model:
            self._follow_uncalled(followed)
            self._follow_callbacks(followed, callbacks)

    def _follow_callbacks(self, followed: Followed, done: list[Function]) -> list[Function]:
        """Follow functions and methods that were passed to a framework, except those that were followed."""
        callbacks = [each for each in dict.fromkeys(followed.callbacks) if each not in done]
        for function in callbacks:
            is_bound = function.owner is not None and "staticmethod" not in function.decorators
            owner = self._prepared(followed, function.owner) if is_bound and function.owner else None
            self._follow_function(followed, function, "a request handler", owner)
        return [*done, *callbacks]

    def _follow_makers(self, followed: Followed, kinds: list[Class]) -> None:
        """Follow functions that nothing calls and that make an object whose methods are called for requests:
        they know what it gets, def serve(): server.add(Servicer(load_model("a.keras"))).
        """
        module = followed.module
        names = {kind.name for kind in kinds if _gets_objects(kind)}
        for function in module.functions if names else ():
            is_free = not function.is_called and not describe_request(function, module)
            if is_free and any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(function.node)):
                self._follow_function(followed, function, "")

    def _follow_uncalled(self, followed: Followed) -> None:
        """Follow what nothing in the program calls; following a function can define further ones."""
        module = followed.module
        for function in module.functions:
            if not function.is_called:
                self._follow_function(followed, function, describe_request(function, module))
        for kind in list(module.classes):
            if not is_serving_class(kind):
                self._follow_methods(followed, kind)

    def _follow_startup(self, followed: Followed) -> None:
        """Follow functions that run before the first request, or that set global names."""
        functions = [
            function
            for function in followed.module.functions
            if not function.is_called
            and not describe_request(function, followed.module)
            and (is_startup(function) or _sets_global_names(function))
        ]
        for function in functions:
            trace = Trace(kind="startup", is_request=False, path=followed.module.path)
            machine = self._machine(followed, trace)
            is_model = function.name == "model_fn"  # its folder is not what a user sends
            names = [argument.arg for argument in function.node.args.args] if is_model else ()
            result = machine.run_function(function, None, dict.fromkeys(names, NOTHING))
            if is_model:
                followed.module.loose["model_fn"] = result
            self._close(followed, machine)

    def _follow_function(
        self, followed: Followed, function: Function, words: str, owner: Value | None = None
    ) -> Value:
        if followed.steps > _MOST_STEPS:
            return NOTHING
        trace = Trace(
            kind=words or "function",
            is_request=bool(words),
            path=followed.module.path,
            is_async=isinstance(function.node, ast.AsyncFunctionDef),
        )
        given = from_others(followed.module, function)
        given |= self._task(followed, function) if words == "a task" else {}
        machine = self._machine(followed, trace)
        result = run_request(machine, function, owner, given)
        if function.name == "input_fn" and result != NOTHING:
            followed.module.loose["input_fn"] = result
        self._close(followed, machine)
        return result

    def _task(self, followed: Followed, function: Function) -> dict[str, Value]:
        """The object that a task gets as its first argument: @app.task(bind=True, base=ModelTask)."""
        names = [argument.arg for argument in function.node.args.args]
        for decorator in function.node.decorator_list if not isinstance(function.node, ast.Lambda) else ():
            for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
                base = keyword.value.id if isinstance(keyword.value, ast.Name) else ""
                kind = function.scope.find(base) if keyword.arg == "base" else None
                if kind is not None and isinstance(kind.ref, Class) and names:
                    return {names[0]: self._prepared(followed, kind.ref)}
        return {}

    def _prepared(self, followed: Followed, kind: Class) -> Value:
        """Return an object of a class after the methods that prepare it."""
        value = Value(kind="instance", ref=Instance(kind=kind))
        trace = Trace(kind="startup", is_request=False, path=followed.module.path)
        machine = self._machine(followed, trace)
        machine.run_class(value, PREPARE)
        self._close(followed, machine)
        return value

    def _follow_class(self, followed: Followed, kind: Class) -> None:
        """Follow the methods that a serving framework calls."""
        owner = self._prepared(followed, kind)
        if isinstance(owner.ref, Instance):
            for name in SENT_ATTRIBUTES:
                owner.ref.attributes.setdefault(name, SENT)
        methods = chained(kind)
        trace = Trace(
            kind="a method that serves requests",
            is_request=True,
            path=followed.module.path,
            is_async=any(isinstance(method.node, ast.AsyncFunctionDef) for method in methods),
        )
        if methods:
            machine = self._machine(followed, trace)
            run_chain(machine, kind, owner)
            self._close(followed, machine)
        served = [method for name in REQUEST_METHODS if (method := kind.methods.get(name)) is not None]
        served += [
            method
            for method in kind.methods.values()
            if method not in served and is_request_method(method, kind, followed.module)
        ]
        for method in served:
            self._follow_function(followed, method, "a method that serves requests", owner)

    def _follow_methods(self, followed: Followed, kind: Class) -> None:
        """Follow the methods of an ordinary class that nothing called."""
        uncalled = [
            method
            for method in kind.methods.values()
            if not method.is_called and not method.name.startswith("__")
        ]
        if not uncalled or followed.steps > _MOST_STEPS:
            return
        owner = self._prepared(followed, kind)
        for method in uncalled:
            if not method.is_called:
                words = describe_request(method, followed.module)
                self._follow_function(followed, method, words, owner)

    # --- imports

    def find_module(self, name: str, importer: Module) -> Module | None:
        """Return a module of the program by its name in an import, None if it belongs to a library."""
        if (name, importer.folder) in self._of_libraries:
            return None
        for path in candidates(name, Path(importer.folder)):
            key = file_key(path)
            if key not in self._known:
                parsed = self._read(path)
                if parsed is None:
                    continue
                self._known[key] = None
                self._known[key] = self._followed(path, parsed)
            found = self._known[key]
            if found is None:
                return None
            importer.connect(found.module)
            importer.imports_model = importer.imports_model or found.module.has_model
            return found.module
        self._of_libraries.add((name, importer.folder))
        return None


def _gets_objects(kind: Class) -> bool:
    """Whether an object of a class gets something when it is made."""
    methods = [kind.find(name) for name in ("__init__", "initialize")]
    return any(len(method.node.args.args) > 1 for method in methods if method is not None)


def _sets_global_names(function: Function) -> bool:
    return any(isinstance(statement, ast.Global) for statement in ast.walk(function.node))

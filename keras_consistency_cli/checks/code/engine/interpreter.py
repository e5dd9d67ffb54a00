"""Follow one way through a program from its entry, and return what happened."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from keras_consistency_cli.checks.code.engine.annotations import sent
from keras_consistency_cli.checks.code.engine.machine import Arguments, Frame, OutOfStepsError, label_of
from keras_consistency_cli.checks.code.engine.statements import Statements
from keras_consistency_cli.checks.code.engine.trace import Trace
from keras_consistency_cli.checks.code.values.value import NOTHING, Class, Function, Instance, Module, Value

__all__ = ["Interpreter"]


class Interpreter(Statements):
    """Follows a module or a function of it."""

    def __init__(
        self, trace: Trace, module: Module, find_module: Callable[[str, Module], Module | None]
    ) -> None:
        super().__init__(trace, find_module)
        self.frames.append(Frame(scope=module.scope))

    def run_module(self) -> None:
        """Follow the statements of the module."""
        self._guarded(lambda: self.run_block(self.module.tree.body))

    def run_function(
        self, function: Function, owner: Value | None = None, given: Mapping[str, Value] | None = None
    ) -> Value:
        """Follow a function with what a user sends as arguments, and return what it returns.

        Args:
            function: the entry.
            owner: the object of its class.
            given: arguments that are known, by name.
        """
        results: list[Value] = []
        self._guarded(lambda: results.append(self._entered(function, owner, given or {})))
        return results[0] if results else NOTHING

    def _entered(self, function: Function, owner: Value | None, given: Mapping[str, Value]) -> Value:
        signature = function.node.args
        entered = [each for each in (function.wrapper, function) if each is not None]
        parameters = [parameter for each in entered for parameter in _parameters(each, function)]
        options = {each.arg: sent(each.annotation, function.scope) for each in parameters} | dict(given)
        options |= self._depended_on(signature)
        for dependency in _of_decorators(function.node):
            self._dependency(dependency, None)
        return self.enter(function, Arguments((), options), owner)

    def _depended_on(self, signature: ast.arguments) -> dict[str, Value]:
        """What FastAPI's Depends(function) gives, as a default or in Annotated[...], and constants."""
        positional = [*signature.posonlyargs, *signature.args]
        defaults: dict[str, ast.expr | None] = {argument.arg: None for argument in positional}
        start = len(positional) - len(signature.defaults)
        defaults |= {
            each.arg: node for each, node in zip(positional[start:], signature.defaults, strict=True)
        }
        pairs = zip(signature.kwonlyargs, signature.kw_defaults, strict=True)
        defaults |= {each.arg: node for each, node in pairs}
        values: dict[str, Value] = {}
        for argument in (*positional, *signature.kwonlyargs):
            default = defaults[argument.arg]
            if isinstance(default, ast.Constant) and isinstance(default.value, bool):
                values[argument.arg] = NOTHING
                continue
            given = self._dependency(default, argument.annotation)
            if given is not None:
                values[argument.arg] = given
        return values

    def _dependency(self, default: ast.expr | None, annotation: ast.expr | None) -> Value | None:
        """The value of a parameter that a function or a class of the program gives, None if none does."""
        if isinstance(default, ast.Call) and label_of(default.func) in ("Depends", "Security"):
            source = self.evaluate(default.args[0] if default.args else annotation or default)
        elif isinstance(annotation, ast.Subscript | ast.Name | ast.Attribute):
            source = self.evaluate(annotation)
            source = source if source.kind == "depends" else NOTHING
        else:
            return None
        if isinstance(source.ref, Function):
            self.depended.add(source.ref)
            return self._entered(source.ref, None, {})
        return self.create(source.ref, Arguments()) if isinstance(source.ref, Class) else None

    def run_class(self, value: Value, methods: tuple[str, ...]) -> None:
        """Follow the methods that prepare an object."""
        instance = value.ref
        for name in methods:
            found = self.attribute_of(value, name)
            function = found.ref[0] if found is not None and isinstance(found.ref, tuple) else None
            if function is not None and instance is not None:
                self._guarded(partial(self._prepared, function, value))

    def _prepared(self, function: Function, owner: Value) -> None:
        given = owner.ref.kind.given if isinstance(owner.ref, Instance) else {}
        names = {argument.arg for argument in function.node.args.args}
        self.enter(function, Arguments((), {name: given[name] for name in given if name in names}), owner)

    def _guarded(self, follow: Callable[[], object]) -> None:
        """Follow something until it ends, or until the way is too long or too deep."""
        depth = len(self.frames)
        try:
            follow()
        except (OutOfStepsError, RecursionError):
            del self.frames[depth:]


def _of_decorators(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Iterator[ast.expr]:
    """What FastAPI calls before a request: @app.post("/", dependencies=[Depends(reset)])."""
    decorators = () if isinstance(node, ast.Lambda) else node.decorator_list
    for keyword in (each for call in decorators if isinstance(call, ast.Call) for each in call.keywords):
        if keyword.arg == "dependencies" and isinstance(keyword.value, ast.List | ast.Tuple):
            yield from keyword.value.elts


def _parameters(function: Function, entry: Function) -> list[ast.arg]:
    """The parameters that a framework gives values, of an entry or of its wrapper."""
    signature = function.node.args
    found = [*signature.posonlyargs, *signature.args, *signature.kwonlyargs]
    return found[1:] if entry.owner is not None and "staticmethod" not in entry.decorators else found

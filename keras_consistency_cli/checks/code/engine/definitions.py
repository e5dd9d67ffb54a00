"""Follow definitions of functions and classes, and imports."""

from __future__ import annotations

import ast

from keras_consistency_cli.checks.code.engine.expressions import Expressions
from keras_consistency_cli.checks.code.engine.machine import Arguments
from keras_consistency_cli.checks.code.serving.frameworks import LISTS_OF_TASKS
from keras_consistency_cli.checks.code.values.naming import name_thing
from keras_consistency_cli.checks.code.values.value import NOTHING, Class, Function, Value

__all__ = ["Definitions", "dotted"]


class Definitions(Expressions):
    """The definitions and imports of a program."""

    def define_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Remember a function; it is followed where it is called."""
        function = self._defined(node)
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.evaluate(default)
        self.module.functions.append(function)
        self.frame.scope.names[node.name] = Value(kind="function", ref=function)

    def _defined(self, node: ast.FunctionDef | ast.AsyncFunctionDef, owner: Class | None = None) -> Function:
        decorators = tuple(map(dotted, node.decorator_list))
        function = Function(
            node=node, scope=self.frame.scope, name=node.name, decorators=decorators, owner=owner
        )
        for decorator in reversed(node.decorator_list):
            wrapper = self._decorated(decorator, function.wrapper or function)
            function.wrapper = wrapper if wrapper is not function else None
        return function

    def _decorated(self, node: ast.expr, function: Function) -> Function:
        """Return what a decorator makes of a function; one of a library leaves it as it is."""
        name = node.func if isinstance(node, ast.Call) else node
        known = self.evaluate(name) if isinstance(name, ast.Name) else NOTHING
        if not isinstance(known.ref, Function):
            return function
        decorator = self.evaluate(node)
        given = Arguments((Value(kind="function", ref=function),))
        made = self.enter(decorator.ref, given) if isinstance(decorator.ref, Function) else NOTHING
        return made.ref if isinstance(made.ref, Function) else function

    def define_class(self, node: ast.ClassDef) -> None:
        """Remember a class, its methods and its attributes."""
        parents = [self.evaluate(base) for base in node.bases]
        defined = Class(
            node=node,
            scope=self.frame.scope,
            name=node.name,
            bases=tuple(
                parent.text or dotted(base) for parent, base in zip(parents, node.bases, strict=True)
            ),
            parents=tuple(parent.ref for parent in parents if isinstance(parent.ref, Class)),
            decorators=tuple(map(dotted, node.decorator_list)),
        )
        self.frame.scope.names[node.name] = Value(kind="class", ref=defined)
        self.module.classes.append(defined)
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                defined.methods[statement.name] = self._defined(statement, defined)
            elif isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                self._class_attribute(defined, statement)

    def _class_attribute(self, defined: Class, node: ast.Assign | ast.AnnAssign) -> None:
        value = self.evaluate(node.value) if node.value is not None else NOTHING
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name):
                name_thing(value, target.id, defined.name)
                if target.id in LISTS_OF_TASKS:
                    self._note_tasks(defined, value)
                defined.attributes[target.id] = value

    def _note_tasks(self, defined: Class, value: Value) -> None:
        """The functions that a worker of ARQ calls: class WorkerSettings: functions = [score]."""
        if defined.name == "WorkerSettings" or "arq" in self.module.imports:
            self.callbacks += [item.ref for item in value.items or () if isinstance(item.ref, Function)]

    def declare_global(self, node: ast.Global) -> None:
        """Assignments to these names are assignments of the module."""
        self.frame.scope.global_names.update(node.names)
        for name in node.names:
            self.frame.scope.names.pop(name, None)

    # --- imports

    def import_module(self, node: ast.Import) -> None:
        """Follow `import a.b as c`."""
        for alias in node.names:
            first = alias.name.partition(".")[0]
            self.module.imports.add(first)
            found = self.find_module(alias.name, self.module)
            name = alias.asname or first
            dotted_name = alias.name if alias.asname else first
            known = (
                Value(kind="module", ref=found) if found and (alias.asname or "." not in alias.name) else None
            )
            self.frame.scope.names[name] = known or Value(kind="name", ref=dotted_name)

    def import_names(self, node: ast.ImportFrom) -> None:
        """Follow `from a.b import c`."""
        module = f"{'.' * node.level}{node.module or ''}"
        found = self.find_module(module, self.module)
        if not node.level:
            self.module.imports.add(module.partition(".")[0])
        for alias in node.names:
            if alias.name == "*":
                self.frame.scope.names.update(found.scope.names if found else {})
                continue
            value = found.scope.names.get(alias.name) if found else None
            if value is None:
                separator = "" if module.endswith(".") else "."
                inner = self.find_module(f"{module}{separator}{alias.name}", self.module)
                value = Value(kind="module", ref=inner) if inner else None
            if value is None:
                value = Value(kind="name", ref=f"{module}.{alias.name}") if not node.level else NOTHING
            self.frame.scope.names[alias.asname or alias.name] = value


def dotted(node: ast.expr) -> str:
    """Return the dotted name of an expression, "app.post" for @app.post("/predict")."""
    if isinstance(node, ast.Call):
        return dotted(node.func)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""

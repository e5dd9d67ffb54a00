"""Follow assignments: to names, attributes and items."""

from __future__ import annotations

import ast
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.definitions import Definitions
from keras_consistency_cli.checks.code.engine.machine import ITEM, is_of_application, label_of
from keras_consistency_cli.checks.code.serving.frameworks import CALLBACKS
from keras_consistency_cli.checks.code.values.channels import replaced_plane
from keras_consistency_cli.checks.code.values.naming import name_thing
from keras_consistency_cli.checks.code.values.parts import unpacked
from keras_consistency_cli.checks.code.values.value import Class, Function, Instance, Mark, Scope, Value, join

__all__ = ["Assignments"]

_OBJECTS = ("model", "transformer", "loaded")


class Assignments(Definitions):
    """The assignments of a program."""

    def assign(self, target: ast.expr, value: Value) -> None:
        """Follow an assignment to a name, an attribute, an item or several of them."""
        if isinstance(target, ast.Name):
            self._assign_name(target.id, value)
        elif isinstance(target, ast.Attribute):
            self._assign_attribute(target, value)
        elif isinstance(target, ast.Subscript):
            self._assign_item(target, value)
        elif isinstance(target, ast.Tuple | ast.List):
            for place, each in enumerate(target.elts):
                self.assign(each, unpacked(value, place, len(target.elts)))
        elif isinstance(target, ast.Starred):
            self.assign(target.value, replace(value, items=None))

    def _assign_name(self, name: str, value: Value) -> None:
        scope = self.frame.scope
        function = self.frame.function
        name_thing(value, name, function.name if function else "", code="" if function else name)
        if self.place.loops and value.kind not in ("function", "class", "model"):
            value = value.marked(*(Mark("loop", None, loop) for loop, _ in self.place.loops))
        if name in scope.global_names:
            _keep(value)
            scope.module.scope.names[name] = value
        else:
            scope.names[name] = value

    def _assign_attribute(self, target: ast.Attribute, value: Value) -> None:
        base = self.evaluate(target.value)
        name_thing(value, target.attr, ".", code=ast.unparse(target) if value.thing else "")
        _keep(value)
        self.note_written(target, value)
        if isinstance(base.ref, Instance):
            before = base.ref.attributes.get(target.attr)
            is_reset = value.is_const(None) and before is not None
            base.ref.attributes[target.attr] = join(before, value) if is_reset and before else value
        elif isinstance(base.ref, Class):
            base.ref.attributes[target.attr] = value
        elif not value.is_const(None):
            self._note_callback(target.attr, value)
            self.module.loose[target.attr] = value
            if is_of_application(target.value):
                self.module.of_application[target.attr] = value

    def _note_callback(self, name: str, value: Value) -> None:
        """client.on_message = function: it is called for each message."""
        given = value.ref[0] if isinstance(value.ref, tuple) else value.ref
        if name in CALLBACKS and isinstance(given, Function):
            self.callbacks.append(given)

    def _assign_item(self, target: ast.Subscript, value: Value) -> None:
        """An item is part of the whole: what is true of it is true of the whole."""
        index = self.evaluate(target.slice)
        self.note_samples(target, value)
        self.note_samples(target, index)  # votes[np.argmax(outputs)] += 1
        if not (isinstance(target.value, ast.Name) and target.value.id in self.frame.scope.names):
            _keep(value)
        hashes = index.of("hash")
        base = self.evaluate(target.value)
        if not base.kind:  # a file of HDF5, a table of a database
            self.note_written(target, value)
        if isinstance(index.ref, str) and index.kind == "const":
            # models[KEY]: the name of the key is read where the object is, too.
            key = index.ref if isinstance(target.slice, ast.Constant) else label_of(target.slice)
            code = ast.unparse(target) if value.thing else ""
            name_thing(value, key, "[]", holder=label_of(target.value), code=code)
        whole = base if value.kind in ("", "const") else join(base, value)
        if isinstance(base.ref, Instance):
            base.ref.attributes[ITEM] = value
            _keep(value)
        elif base.kind in ("dict", "list") and index.kind != "const" and value.kind in _OBJECTS:
            whole = value
        number = index.items[-1].ref if index.items else None
        if type(number) is int and value.has("plane"):
            base = whole = replaced_plane(base, number, value)
            value = value.without("bgr", "rgb", "plane")
        marks = base.marks | value.marks | frozenset(hashes)
        whole = replace(whole, marks=marks, rank=base.rank, rows=base.rows, entries=base.entries)
        if isinstance(index.ref, str) and index.kind == "const" and base.kind not in ("frame", "column"):
            whole = whole.with_entry(index.ref, value)
        self._replace_root(target.value, whole)

    def _replace_root(self, node: ast.expr, value: Value) -> None:
        if isinstance(node, ast.Name):
            scope: Scope | None = self.frame.scope
            while scope is not None and node.id not in scope.names:
                scope = scope.parent
            (scope or self.frame.scope).names[node.id] = value
        elif isinstance(node, ast.Attribute):
            self._assign_attribute(node, value)
        elif isinstance(node, ast.Subscript):
            base = self.evaluate(node.value)
            self._replace_root(node.value, base.marked(*value.marks))

    def assignment(self, node: ast.Assign) -> None:
        """Follow `a = b = value`."""
        value = self.evaluate(node.value)
        for target in node.targets:
            self.assign(target, value)

    def annotated(self, node: ast.AnnAssign) -> None:
        """Follow `a: int = value`."""
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value))

    def augmented(self, node: ast.AugAssign) -> None:
        """Follow `a += value`."""
        value = self.evaluate(node.value)
        before = self.evaluate(node.target)
        self.assign(node.target, self.combine(node, node.op, before, value))


def _keep(value: Value) -> None:
    if value.thing is not None:
        value.thing.is_kept = True

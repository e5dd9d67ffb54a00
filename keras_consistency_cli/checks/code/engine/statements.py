"""Follow statements: branches, loops, blocks, definitions and imports."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.assignments import Assignments
from keras_consistency_cli.checks.code.engine.machine import label_of
from keras_consistency_cli.checks.code.syntax import (
    always_leaves,
    asks_for_existence,
    captured_names,
    catches_missing,
    compared_orders,
    is_counted,
    returns_value,
)
from keras_consistency_cli.checks.code.values.parts import is_repeat, item_of
from keras_consistency_cli.checks.code.values.value import NOTHING, Instance, Value, join

__all__ = ["Statements"]

_LOCKS = ("lock", "mutex", "semaphore")
_ENTRY = 2
"""Frames while an entry is followed: that of its module, and its own."""
_MOST_NESTED = 2
"""The body of a loop is followed twice, so that what one pass leaves reaches the next; deeper ones once."""


class Statements(Assignments):
    """The statements of a program."""

    def run_block(self, body: Sequence[ast.stmt]) -> None:
        """Follow statements until one of them leaves the block."""
        place = self.place
        try:
            for statement in body:
                self.step()
                if self.frame.is_left:
                    return
                follow = _STATEMENTS.get(type(statement))
                if follow is not None:
                    follow(self, statement)
                if isinstance(statement, ast.If) and returns_value(statement):
                    self.place = replace(self.place, branches=(*self.place.branches, id(statement)))
        finally:
            self.place = place

    def expression(self, node: ast.Expr) -> None:
        """Follow a call whose result is not used."""
        self.evaluate(node.value)

    # --- branches and loops

    def branch(self, node: ast.If) -> None:
        """Follow both branches; afterwards, names have either value."""
        self.evaluate(node.test)
        if isinstance(node.test, ast.Constant) and not node.test.value:
            self.run_block(node.orelse)
            return
        guarded = replace(self.place, is_guarded=self.place.is_guarded or asks_for_existence(node.test))
        with self.within(guarded):
            ways = ((node.body, True), (node.orelse, False))
            self._either(*(self._branch(body, compared_orders(node.test, is_true)) for body, is_true in ways))
        if always_leaves(node.body):
            self._check_orders(compared_orders(node.test, False))

    def asserted(self, node: ast.Assert) -> None:
        """Follow `assert list(data) == NAMES`; other assertions say nothing of use."""
        self._check_orders(compared_orders(node.test, True))

    def _check_orders(self, dictionaries: Iterable[ast.expr]) -> None:
        """The program has compared the order of what a client sent with its own."""
        for node in dictionaries:
            value = self.evaluate(node)
            if value.kind == "request":
                self.assign(node, replace(value, kind="declared"))

    def _branch(self, body: Sequence[ast.stmt], checked: Iterable[ast.expr] = ()) -> Callable[[], None]:
        """Return a way that follows statements which other ways do not reach."""
        branches = (*self.place.branches, id(body))

        def follow() -> None:
            self._check_orders(checked)
            with self.within(replace(self.place, branches=branches)):
                self.run_block(body)

        return follow

    def _either(self, *ways: Callable[[], None]) -> None:
        """Follow several ways from the same state, and join the states of those that go on."""
        frame = self.frame
        before = dict(frame.scope.names)
        held, states = self.held, list[dict[str, Value]]()
        held_afterwards = frozenset[str]()
        for way in ways:
            frame.scope.names, frame.is_left, self.held = dict(before), False, held
            way()
            if not frame.is_left:
                states.append(frame.scope.names)
                held_afterwards |= self.held
        frame.is_left, self.held = not states, held_afterwards if states else held
        frame.scope.names = _joined(states) if states else before

    def for_loop(self, node: ast.For | ast.AsyncFor) -> None:
        """Follow the body with any item."""
        source = self.evaluate(node.iter)
        item = item_of(source, id(node))
        is_live = isinstance(node, ast.AsyncFor) or source.kind == "stream"
        kind = "stream" if is_live else "repeat" if is_repeat(source) else "for"
        self._loop(node.body, id(node), kind, lambda: self.assign(node.target, item))
        self.run_block(node.orelse)

    def while_loop(self, node: ast.While) -> None:
        """Follow the body."""
        self.evaluate(node.test)
        kind = "for" if is_counted(node.test) else "while"
        self._loop(node.body, id(node), kind, lambda: None)
        self.run_block(node.orelse)

    def _loop(self, body: Sequence[ast.stmt], loop: int, kind: str, bind: Callable[[], None]) -> None:
        frame = self.frame
        before = dict(frame.scope.names)
        nested = replace(self.place, loops=(*self.place.loops, (loop, kind)))
        with self.within(nested):
            for _ in range(2 if len(nested.loops) <= _MOST_NESTED else 1):
                bind()
                self.run_block(body)
                frame.is_left = False
        frame.scope.names = _joined([before, frame.scope.names])

    def with_block(self, node: ast.With | ast.AsyncWith) -> None:
        """Follow a `with` block; tapes and locks are kept in mind."""
        contexts: list[str] = []
        leaves: list[Value] = []
        for item in node.items:
            value = self.evaluate(item.context_expr)
            contexts += _contexts(value, item.context_expr)
            if isinstance(value.ref, Instance):
                value, leave = self._entered_object(value)
                leaves.append(leave)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
        with self.within(replace(self.place, contexts=(*self.place.contexts, *contexts))):
            self.run_block(node.body)
        for leave in leaves:
            self.call_own(leave)

    def _entered_object(self, value: Value) -> tuple[Value, Value]:
        """What `with` gets from an object of the program, and the method that ends the block."""
        enter, leave = (self.attribute_of(value, f"__{name}__") for name in ("enter", "exit"))
        return self.call_own(enter) if enter else value, leave or NOTHING

    def try_block(self, node: ast.Try) -> None:
        """Follow the body, and each handler as if the body had ended."""
        self._either(
            lambda: self.run_block([*node.body, *node.orelse]),
            *map(self._handler, node.handlers),
        )
        was_left, self.frame.is_left = self.frame.is_left, False
        self.run_block(node.finalbody)
        self.frame.is_left = self.frame.is_left or was_left

    def _handler(self, handler: ast.ExceptHandler) -> Callable[[], None]:
        """Return a way through a handler: what it loads and keeps because it was missing is loaded once."""
        follow = self._branch(handler.body)
        context = ("missing",) if catches_missing(handler) else ()

        def follow_handler() -> None:
            with self.within(replace(self.place, contexts=(*self.place.contexts, *context))):
                follow()

        return follow_handler

    def match_block(self, node: ast.Match) -> None:
        """Follow every case."""
        subject = self.evaluate(node.subject)
        for case in node.cases:
            for name in captured_names(case.pattern):
                self._assign_name(name, Value(marks=subject.marks))
        ways = [self._branch(case.body) for case in node.cases]
        self._either(*ways, lambda: None)

    def leave(self, node: ast.stmt) -> None:
        """Follow return, raise, break and continue."""
        if isinstance(node, ast.Return):
            value = self.evaluate(node.value) if node.value else NOTHING
            self.frame.returned.append(value)
            if node.value is not None and len(self.frames) == _ENTRY:
                self.note_written(node.value, value)
        elif isinstance(node, ast.Raise) and node.exc is not None:
            self.evaluate(node.exc)
        self.frame.is_left = True


def _joined(states: Sequence[Mapping[str, Value]]) -> dict[str, Value]:
    merged = dict(states[0])
    for state in states[1:]:
        for name, value in state.items():
            before = merged.get(name)
            if before is not value:
                merged[name] = value if before is None else join(before, value)
    return merged


def _contexts(value: Value, node: ast.expr) -> list[str]:
    """The kinds of a `with` block: by what is known of the object, or else by its name.

    A function of the program, with @contextmanager, holds what it holds where it yields.
    """
    found = [mark.kind.removeprefix("within:") for mark in value.marks if mark.kind.startswith("within:")]
    if value.kind in ("tape", "lock"):
        return [value.kind]
    name = (value.text or label_of(node)).casefold()
    is_named = not found and not isinstance(value.ref, Instance) and any(map(name.__contains__, _LOCKS))
    return ["lock"] if is_named else found


_STATEMENTS: Mapping[type[ast.stmt], Callable[..., None]] = {
    ast.Assign: Statements.assignment,
    ast.AnnAssign: Statements.annotated,
    ast.AugAssign: Statements.augmented,
    ast.Expr: Statements.expression,
    ast.If: Statements.branch,
    ast.For: Statements.for_loop,
    ast.AsyncFor: Statements.for_loop,
    ast.While: Statements.while_loop,
    ast.With: Statements.with_block,
    ast.AsyncWith: Statements.with_block,
    ast.Try: Statements.try_block,
    ast.TryStar: Statements.try_block,
    ast.Match: Statements.match_block,
    ast.Return: Statements.leave,
    ast.Raise: Statements.leave,
    ast.Assert: Statements.asserted,
    ast.Break: Statements.leave,
    ast.Continue: Statements.leave,
    ast.FunctionDef: Statements.define_function,
    ast.AsyncFunctionDef: Statements.define_function,
    ast.ClassDef: Statements.define_class,
    ast.Global: Statements.declare_global,
    ast.Import: Statements.import_module,
    ast.ImportFrom: Statements.import_names,
}

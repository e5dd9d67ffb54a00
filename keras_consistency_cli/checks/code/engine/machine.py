"""The state of the reader while it follows a program, and what all of its parts need."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from keras_consistency_cli.checks.code.engine.trace import Event, Place, Trace
from keras_consistency_cli.checks.code.values.value import (
    NOTHING,
    Class,
    Function,
    Instance,
    Mark,
    Module,
    Scope,
    Site,
    Thing,
    Value,
    merge_marks,
)

__all__ = [
    "ITEM",
    "Arguments",
    "Call",
    "Frame",
    "Machine",
    "OutOfStepsError",
    "is_of_application",
    "label_of",
]

_APPLICATION = frozenset({"app", "application", "current_app", "server"})
_SENT = ("request", "declared", "fields")
ITEM = "[]"
"""Under this name, an object of the program keeps what is assigned to its items."""
_PROPERTIES = frozenset({"property", "cached_property", "functools.cached_property", "computed_field"})
_MOST_STEPS = 30_000
"""Steps of one way through a program: a file of 1,000 lines takes about 10,000."""


class OutOfStepsError(Exception):
    """The way through the program is too long: the rest is not followed."""


@dataclass(kw_only=True, slots=True)
class Frame:
    """One function that is being followed."""

    scope: Scope
    function: Function | None = None
    returned: list[Value] = field(default_factory=list)
    loops: int = 0
    """How many loops are around the call."""
    series: frozenset[Mark] | None = None
    """What is true of the series of values that it yields in a loop, None if it yields none."""
    is_left: bool = False
    """Whether the last statement was return, raise, break or continue."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call."""

    values: tuple[Value, ...] = ()
    options: Mapping[str, Value] = field(default_factory=dict)

    def get(self, position: int, name: str = "") -> Value:
        """Return an argument by position or by name."""
        if name and name in self.options:
            return self.options[name]
        return self.values[position] if 0 <= position < len(self.values) else NOTHING

    def all(self) -> list[Value]:
        """Return all arguments."""
        return [*self.values, *self.options.values()]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function of a library, or of a method of an object that is not of the program.

    `name` is dotted for a function of a library, and the name of a method otherwise.
    """

    node: ast.Call
    name: str
    arguments: Arguments
    receiver: Value = NOTHING

    @property
    def result(self) -> Value:
        """A value that was made from all arguments, and nothing else is known of it."""
        return Value(marks=merge_marks((self.receiver, *self.arguments.all())))


class Machine:
    """The state of the reader: the scopes, the surroundings, and the trace that it writes."""

    def __init__(self, trace: Trace, find_module: Callable[[str, Module], Module | None]) -> None:
        self.trace = trace
        self.find_module = find_module
        self.frames: list[Frame] = []
        self.place = Place()
        self.held: frozenset[str] = frozenset()
        """The names of the locks that were acquired and not released."""
        self.depended: set[Function] = set()
        """Generators that go on after the request: FastAPI's Depends(function)."""
        self.steps = 0
        self.callbacks: list[Function] = []
        """Functions that were passed to a framework, to be called for each request."""

    # --- what the parts of the reader do for each other

    def evaluate(self, node: ast.expr) -> Value:
        """Return what is known of an expression."""
        raise NotImplementedError

    def run_block(self, body: Sequence[ast.stmt]) -> None:
        """Follow statements."""
        raise NotImplementedError

    def enter(self, function: Function, arguments: Arguments, owner: Value | None = None) -> Value:
        """Follow a function of the program, and return what it returns."""
        raise NotImplementedError

    def create(self, kind: Class, arguments: Arguments) -> Value:
        """Follow the creation of an object of a class of the program."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value) -> None:
        """Follow an assignment."""
        raise NotImplementedError

    def combine(self, node: ast.BinOp | ast.AugAssign, op: ast.operator, left: Value, right: Value) -> Value:
        """Return the result of an operator."""
        raise NotImplementedError

    def apply(self, node: ast.Call, function: Value, arguments: Arguments) -> Value:
        """Return the result of calling a value."""
        raise NotImplementedError

    # --- shared

    @property
    def frame(self) -> Frame:
        """The innermost function."""
        return self.frames[-1]

    @property
    def module(self) -> Module:
        """The file of the innermost function."""
        return self.frame.scope.module

    @property
    def contexts(self) -> tuple[str, ...]:
        """The kinds of blocks around this point; a lock that was acquired is one until it is released."""
        return (*self.place.contexts, "lock") if self.held else self.place.contexts

    def site(self, node: ast.expr | ast.stmt) -> Site:
        """Return the place of a node."""
        return Site(self.module.path, node.lineno, node.col_offset + 1)

    def step(self) -> None:
        """Count a step.

        Raises:
            OutOfStepsError: there were too many.
        """
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise OutOfStepsError

    def add(
        self,
        kind: str,
        node: ast.expr,
        subject: Value,
        data: Value,
        *,
        method: str = "",
        options: Mapping[str, Value] | None = None,
    ) -> None:
        """Write an event into the trace."""
        event = Event(
            kind=kind,
            node=node,
            site=self.site(node),
            subject=subject,
            data=data,
            place=replace(self.place, contexts=self.contexts) if self.held else self.place,
            options=options or {},
            method=method,
        )
        self.trace.events.append(event)

    def note_samples(self, node: ast.expr, value: Value) -> None:
        """Keep in mind that the outputs of a model are kept together, one of each pass of a loop."""
        if value.has("called") or value.has("pred"):
            self.add("collect", node, value, NOTHING)

    def note_written(self, node: ast.expr, *values: Value) -> None:
        """Keep in mind what was learned and leaves the program: it is saved, or becomes part of a model."""
        for value in values:
            if value.has("learned"):
                self.add("written", node, value, NOTHING)

    @contextmanager
    def within(self, place: Place) -> Iterator[None]:
        """Follow something with other surroundings."""
        before, self.place = self.place, place
        try:
            yield
        finally:
            self.place = before

    def new_thing(self, node: ast.expr, made: str, name: str, kind: str, call: Call | None = None) -> Value:
        """Return a new object with a state."""
        path = call.arguments.get(0) if call else NOTHING
        thing = Thing(made=made, name=name, path=path.text, label=label_of(node))
        if call is not None:
            thing.options = dict(call.arguments.options)
        return Value(kind=kind, ref=thing)

    def attribute_of(self, base: Value, name: str) -> Value | None:
        """Return an attribute of an object of the program, or a field of what was sent, None without one."""
        if isinstance(base.ref, Instance):
            return self._instance_attribute(base, base.ref, name)
        if base.kind in _SENT:
            method = base.ref.find(name) if isinstance(base.ref, Class) else None
            return base.entry(name) or (self._bound(base, method) if method is not None else None)
        if isinstance(base.ref, Class):
            method = base.ref.find(name)
            if method is not None:
                return Value(kind="function", ref=method)
            return base.ref.attributes.get(name)
        if isinstance(base.ref, Module):
            return base.ref.scope.names.get(name, NOTHING)
        return None

    def own_item(self, base: Value, index: Value) -> Value | None:
        """An item of an object of the program: by its method, what was kept in it, or what is made then."""
        method = self.attribute_of(base, "__getitem__")
        if method is not None:
            return self.call_own(method, index)
        kept = base.ref.attributes.get(ITEM) if isinstance(base.ref, Instance) else None
        missing = self.attribute_of(base, "__missing__") if kept is None else None
        if missing is None:
            return kept
        with self.within(replace(self.place, contexts=(*self.place.contexts, "missing"))):
            return self.call_own(missing, index)

    def call_own(self, method: Value, *values: Value) -> Value:
        """Follow a method that a class of the program defines for an operator or a function: __getitem__."""
        if not isinstance(method.ref, tuple):
            return NOTHING
        return self.enter(method.ref[0], Arguments(values), method.ref[1])

    def _instance_attribute(self, base: Value, instance: Instance, name: str) -> Value | None:
        if name in instance.attributes:
            return instance.attributes[name]
        method = instance.kind.find(name)
        return self._bound(base, method) if method is not None else instance.kind.attributes.get(name)

    def _bound(self, base: Value, method: Function) -> Value:
        """A method of an object, or the value of a property."""
        if _PROPERTIES & set(method.decorators):
            return self.enter(method, Arguments(), base)
        return Value(kind="method", ref=(method, base))


def is_of_application(node: ast.expr) -> bool:
    """Whether an expression is the application, or a part of it that keeps objects: request.app.state."""
    while isinstance(node, ast.Attribute):
        if node.attr in _APPLICATION:
            return True
        node = node.value
    return isinstance(node, ast.Name) and node.id in _APPLICATION


def label_of(node: ast.expr) -> str:
    """Return the last name of an expression: "scaler" for self.scaler, "load" for joblib.load(...)."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call):
        return label_of(node.func)
    if isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            return node.slice.value
        return label_of(node.value)
    return ""

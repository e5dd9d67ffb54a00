"""What the reader of code knows of a value: its kind, its origin, what was done to it. No code is run.

A value that nothing is known of has no kind and no marks."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import NamedTuple

__all__ = [
    "NOTHING",
    "Class",
    "Function",
    "Instance",
    "Mark",
    "Module",
    "Prepared",
    "Scope",
    "Site",
    "Thing",
    "Value",
    "join",
    "merge_marks",
]


class Site(NamedTuple):
    """A place in a file: where a finding is reported."""

    path: str
    line: int
    column: int


class Mark(NamedTuple):
    """Something that is true of a value because of what it was made from: `kind` says what, `site` where.

    `about` identifies the object that the mark is about: a transformer, a model, a loop. `names` are those of
    the columns, in their order; `before` is where the same was done first.
    """

    kind: str
    site: Site | None = None
    about: int = 0
    names: tuple[str, ...] = ()
    before: Site | None = None


_IDENTITIES = count(1)


@dataclass(kw_only=True, eq=False, slots=True)
class Thing:
    """An object with a state: a model, a transformer, a file that was loaded.

    `made` is "loaded" or "built"; `name` is the class or the function that made it. Not frozen, because fits
    and loaded weights change it.
    """

    made: str
    name: str
    path: str = ""
    label: str = ""
    code: str = ""
    """How the program names it last: "self.scaler"."""
    names: set[tuple[str, str]] = field(default_factory=set)
    """All names that it was given, each with the function, or the kind of holder, of the name."""
    holders: dict[str, str] = field(default_factory=dict)
    """The names of what keeps it: as an item, in a "dict" that is written out, in an "object" with fields."""
    is_keras: bool = False
    is_kept: bool = False
    """Whether it is assigned to something that outlives a request: a global name, an attribute, an item."""
    fit_marks: frozenset[Mark] = frozenset()
    """What the last fit makes true of everything that is transformed afterwards."""
    options: dict[str, Value] = field(default_factory=dict)
    layers: set[str] = field(default_factory=set)
    """Names of layer classes, of a model that is built in the code."""
    identity: int = field(default_factory=_IDENTITIES.__next__)


@dataclass(kw_only=True, eq=False, slots=True)
class Scope:
    """The names of a module, a function or a class."""

    module: Module
    names: dict[str, Value] = field(default_factory=dict)
    parent: Scope | None = None
    global_names: set[str] = field(default_factory=set)

    def find(self, name: str) -> Value | None:
        """Return the value of a name in this scope or in those around it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None


@dataclass(kw_only=True, eq=False, slots=True)
class Module:
    """A file of the program."""

    path: str
    tree: ast.Module
    folder: str = ""
    scope: Scope = field(init=False)
    imports: set[str] = field(default_factory=set)
    """The first part of every imported name: {"flask", "numpy"}."""
    functions: list[Function] = field(default_factory=list)
    classes: list[Class] = field(default_factory=list)
    loose: dict[str, Value] = field(default_factory=dict)
    """Attributes that were assigned to objects that nothing is known of: app.state.model = ..."""
    has_model: bool = True
    """Whether it mentions that a model is loaded or saved, or a tape."""
    imports_model: bool = False
    """Whether a file of the program that it imports has one."""
    program: list[Module] = field(default_factory=list)
    """All files that are connected with it by imports, and the file itself."""
    of_application: dict[str, Value] = field(default_factory=dict)
    """What any of these files keeps on the application: app.state.model = ..."""

    def __post_init__(self) -> None:
        """Every module has a scope, and is a program of its own until it imports another one."""
        self.scope = Scope(module=self)
        self.program.append(self)

    def connect(self, other: Module) -> None:
        """Keep in mind that both belong to one program."""
        if self.program is not other.program:
            self.program += other.program
            self.of_application.update(other.of_application)
            for module in other.program:
                module.program, module.of_application = self.program, self.of_application


@dataclass(kw_only=True, eq=False, slots=True)
class Function:
    """A function of the program with the scope in which it was defined."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    name: str
    decorators: tuple[str, ...] = ()
    owner: Class | None = None
    is_called: bool = False
    is_entered: bool = False
    """Whether its own body was followed, and not only that of its wrapper."""
    wrapper: Function | None = None
    """What a decorator of the program puts in its place."""


@dataclass(kw_only=True, eq=False, slots=True)
class Class:
    """A class of the program."""

    node: ast.ClassDef
    scope: Scope
    name: str
    bases: tuple[str, ...]
    parents: tuple[Class, ...] = ()
    decorators: tuple[str, ...] = ()
    methods: dict[str, Function] = field(default_factory=dict)
    attributes: dict[str, Value] = field(default_factory=dict)
    given: dict[str, Value] = field(default_factory=dict)
    """What the program gives an object of the class when it is made, by the names of parameters."""
    batches: str = ""
    """Whether a server collects requests for it: "many", "one" if not, "" if no server says so."""

    def find(self, name: str) -> Function | None:
        """Return a method of the class or of its parents."""
        if name in self.methods:
            return self.methods[name]
        return next((found for parent in self.parents if (found := parent.find(name))), None)


@dataclass(kw_only=True, eq=False, slots=True)
class Instance:
    """An object of a class of the program."""

    kind: Class
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A function or an object with arguments that it is called with later: partial(model, training=True)."""

    function: Value
    values: tuple[Value, ...] = ()
    options: tuple[tuple[str, Value], ...] = ()


Constant = str | bytes | int | float | complex | bool | None
Ref = Constant | Thing | Function | Class | Instance | Module | Prepared | tuple[Function, "Value"]


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of a value.

    Args:
        kind: "const", "name" (of a library), "model", "transformer", "loaded", "function", "class", ...
        ref: the object, or the constant, or the dotted name.
        marks: what is true of it because of what it was made from.
        rank: its number of axes, None if unknown.
        rows: of the first axis: "one" row, "many", "some" (any number), "keyed" (the values of a dictionary).
        items: the items of a tuple or list that is written out.
        entries: the values of a dictionary by their keys, as far as the keys are texts that are written out.
    """

    kind: str = ""
    ref: Ref = None
    marks: frozenset[Mark] = frozenset()
    rank: int | None = None
    rows: str = ""
    items: tuple[Value, ...] | None = None
    entries: tuple[tuple[str, Value], ...] = ()

    def entry(self, key: Ref) -> Value | None:
        """Return the value of a dictionary under a key, None if it is not known."""
        return next((value for name, value in self.entries if name == key), None)

    def with_entry(self, key: str, value: Value) -> Value:
        """Return the dictionary with another value under a key."""
        return replace(self, entries=tuple({**dict(self.entries), key: value.as_entry()}.items()))

    def as_entry(self) -> Value:
        """Return the value as it is kept in another one: joins of entries in many levels would not end."""
        is_deep = any(inner.entries for _, inner in self.entries)
        return replace(self, entries=()) if is_deep else self

    def has(self, kind: str) -> bool:
        """Whether one of the marks has this kind."""
        return any(mark.kind == kind for mark in self.marks)

    def of(self, kind: str) -> list[Mark]:
        """Return the marks of this kind."""
        return [mark for mark in self.marks if mark.kind == kind]

    def marked(self, *marks: Mark) -> Value:
        """Return the value with further marks."""
        return self._with_marks(self.marks.union(marks))

    def without(self, *kinds: str) -> Value:
        """Return the value without marks of these kinds."""
        kept = frozenset(mark for mark in self.marks if mark.kind not in kinds)
        return self if len(kept) == len(self.marks) else self._with_marks(kept)

    def _with_marks(self, marks: frozenset[Mark]) -> Value:
        """Several times faster than dataclasses.replace, and the most frequent change."""
        return Value(self.kind, self.ref, marks, self.rank, self.rows, self.items, self.entries)

    @property
    def thing(self) -> Thing | None:
        """The object with a state, if it is one."""
        return self.ref if isinstance(self.ref, Thing) else None

    @property
    def text(self) -> str:
        """The constant, if it is a string; the dotted name of a library's name."""
        return self.ref if isinstance(self.ref, str) and self.kind in ("const", "name") else ""

    def is_const(self, constant: Constant) -> bool:
        """Whether it is this constant."""
        return self.kind == "const" and type(self.ref) is type(constant) and self.ref == constant


NOTHING = Value()
_WEAK = ("", "const", "declared")  # kinds that give way to others


def merge_marks(values: Iterable[Value]) -> frozenset[Mark]:
    """Return the marks of all values."""
    found: frozenset[Mark] = frozenset()
    for value in values:
        if value.marks and value.marks is not found:
            found = found | value.marks
    return found


def join(first: Value, second: Value) -> Value:
    """Return what is true of a value that is one of two; an object wins over the unknown and None."""
    if first is second or first == second:
        return first
    if first.items == () or second.items == ():
        first, second = _as_filled(first, second), _as_filled(second, first)
    base = second if first.kind in _WEAK and second.kind not in _WEAK else first
    return Value(
        kind=base.kind,
        ref=base.ref,
        marks=first.marks | second.marks,
        rank=first.rank if first.rank == second.rank else None,
        rows=first.rows if first.rows == second.rows else "",
        items=base.items if first.items == second.items else None,
        entries=_joined_entries(first, second) if first.entries or second.entries else (),
    )


def _as_filled(value: Value, other: Value) -> Value:
    """An empty list says nothing of the rows that it gets later: `rows = []` before a loop that fills it."""
    is_filled = value.items == () and value.kind == other.kind == "list"
    return replace(value, rank=other.rank, rows=other.rows) if is_filled else value


def _joined_entries(first: Value, second: Value) -> tuple[tuple[str, Value], ...]:
    joined = dict(first.entries)
    for key, value in second.entries:
        joined[key] = join(joined[key], value) if key in joined else value
    return tuple(joined.items())

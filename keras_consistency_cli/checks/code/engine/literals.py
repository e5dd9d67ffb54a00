"""Follow literals and comprehensions: lists, tuples, dictionaries, functions without a name."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from keras_consistency_cli.checks.code.engine.calls import Calls
from keras_consistency_cli.checks.code.serving.web import is_service_url
from keras_consistency_cli.checks.code.syntax import dictionary_of
from keras_consistency_cli.checks.code.values.naming import dictionary
from keras_consistency_cli.checks.code.values.parts import (
    TABLES,
    as_one_sample,
    collected,
    is_repeat,
    item_of,
    of_keys,
    shallow,
)
from keras_consistency_cli.checks.code.values.value import (
    Class,
    Function,
    Mark,
    Scope,
    Value,
    merge_marks,
)

__all__ = ["Literals"]

_MOST_ITEMS = 64
_MEANS = [103.939, 116.779, 123.68]
"""Means of ImageNet in the order blue, green, red: who subtracts them feeds a model of that order."""
_OF_TEXTS = frozenset({"service-url", "request", "loop", "learned"})
"""What is true of a text that is made from values: the address of a service, who sent it, what it says."""


class Literals(Calls):
    """The literals of a program."""

    def constant(self, node: ast.Constant) -> Value:
        """Return a constant."""
        known = None if node.value is ... else node.value
        is_url = isinstance(known, str) and is_service_url(known)
        marks = frozenset({Mark("service-url")}) if is_url else frozenset()
        return Value(kind="const", ref=known, marks=marks, rank=0)

    def joined(self, node: ast.JoinedStr) -> Value:
        """Return an f-string: of its parts, what a text can tell is kept."""
        marks = merge_marks([self.evaluate(part) for part in node.values])
        return Value(marks=frozenset(mark for mark in marks if mark.kind in _OF_TEXTS))

    def sequence(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        """Return a list that is written out, with its number of axes if all of its items agree."""
        values = [shallow(self.evaluate(each)) for each in node.elts[:_MOST_ITEMS]]
        starred = any(isinstance(each, ast.Starred) for each in node.elts)
        inner = {value.rank for value in values}
        rank = inner.pop() if len(inner) == 1 else None
        rows = ""
        if starred and len(values) == 1 and values[0].rows == "keyed":
            rows = "keyed"
        elif rank is None or rank >= 1 or (len(values) == 1 and values[0].kind in ("list", "column")):
            rows = "one" if len(values) == 1 and not starred else ""
        marks = _marks_of(values)
        for kind, given in pairwise(values) if isinstance(node, ast.Tuple) else ():
            if isinstance(kind.ref, Class) and kind.kind == "class" and given.entries:
                kind.ref.given = dict(given.entries)  # (r"/score", Handler, {"model": model})
        return Value(
            kind="list" if isinstance(node, ast.List) else "tuple",
            marks=marks,
            rank=None if rank is None or starred else rank + 1,
            rows=rows,
            items=None if starred or len(node.elts) > _MOST_ITEMS else tuple(values),
        )

    def mapping(self, node: ast.Dict) -> Value:
        """Return a dictionary: what is true of a value in it is true of the whole."""
        for key in node.keys:
            if key is not None:
                self.evaluate(key)
        values = [self.evaluate(value) for value in node.values]
        is_complete = bool(node.keys) and all(
            isinstance(key, ast.Constant) and isinstance(key.value, str) for key in node.keys
        )
        return dictionary(_entries(node, values), values, is_complete=is_complete)

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        """Return a list of one value for each item."""
        element = self._comprehended(node.generators, node.elt)
        source = self.evaluate(node.generators[0].iter)
        self.note_samples(node, element)
        # [draw(row) for _ in range(30)]
        repeated = [Mark("repeated", self.site(node))] if is_repeat(source) else []
        order = [] if source.kind in TABLES else source.of("order")  # its rows know what of them is in order
        is_number = element.rank == 0 or (element.rank is None and element.has("numbers"))
        if is_number and element.has("request") and not isinstance(node, ast.SetComp):
            order += self._order_of_keys(node)
        whole = collected(element, *order, *repeated)
        return of_keys(whole, source, element) if len(node.generators) == 1 else whole

    def _order_of_keys(self, node: ast.ListComp | ast.GeneratorExp) -> list[Mark]:
        """Numbers under the keys of a dictionary come in the order in which the client sent them."""
        given = dictionary_of(node.generators[0], node.elt) if len(node.generators) == 1 else None
        is_sent = given is not None and self.evaluate(given).kind == "request"
        return [Mark("order", self.site(node.generators[0].iter))] if is_sent else []

    def mapping_comprehension(self, node: ast.DictComp) -> Value:
        """Return a dictionary of one value for each item."""
        value = self._comprehended(node.generators, node.value)
        is_of_lists = value.kind in ("list", "tuple")
        is_one = is_of_lists and len(value.items or ()) == 1
        kind = "dict" if is_of_lists else value.kind or "dict"
        return replace(value, kind=kind, rank=None, rows="one" if is_one else "", items=None)

    def _comprehended(self, generators: Sequence[ast.comprehension], element: ast.expr) -> Value:
        scope = Scope(module=self.module, parent=self.frame.scope)
        outer, self.frame.scope = self.frame.scope, scope
        loops = self.place.loops
        try:
            for generator in generators:
                item = item_of(self.evaluate(generator.iter), id(generator))
                loops = (*loops, (id(generator), "comprehension"))
                with self.within(replace(self.place, loops=())):
                    self.assign(generator.target, item)
            with self.within(replace(self.place, loops=loops)):
                for generator in generators:
                    for condition in generator.ifs:
                        self.evaluate(condition)
                return self.evaluate(element)
        finally:
            self.frame.scope = outer

    def anonymous(self, node: ast.Lambda) -> Value:
        """Return a lambda; it is followed where it is called."""
        function = Function(node=node, scope=self.frame.scope, name="lambda")
        return Value(kind="function", ref=function)


def _marks_of(values: Sequence[Value]) -> frozenset[Mark]:
    """What is true of a list that is written out."""
    if len(values) == 1:
        return merge_marks(map(as_one_sample, values))
    marks = merge_marks(values)
    if values and all(map(_may_be_number, values)):
        marks |= {Mark("numbers")}
    return marks | {Mark("means-of-bgr")} if [value.ref for value in values] == _MEANS else marks


def _may_be_number(value: Value) -> bool:
    """Whether a value may be one number that a user sent, and no picture or series."""
    return value.has("request") and not (value.has("image") or value.rank or value.rows)


def _entries(node: ast.Dict, values: Sequence[Value]) -> dict[str, Value]:
    """The values under keys that are written out; those of {**other} come first or replace."""
    found: dict[str, Value] = {}
    for key, value in zip(node.keys, values, strict=True):
        if key is None:
            found.update(value.entries)
        elif isinstance(key, ast.Constant) and isinstance(key.value, str):
            found[key.value] = value
    return found

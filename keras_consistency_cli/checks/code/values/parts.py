"""What is known of a part of a value."""

from __future__ import annotations

import ast
from dataclasses import replace

from keras_consistency_cli.checks.code.values.value import Instance, Mark, Site, Value, join

__all__ = [
    "TABLES",
    "as_one_sample",
    "broadcast",
    "collected",
    "element_of",
    "is_repeat",
    "is_row",
    "item_of",
    "of_keys",
    "one_step",
    "parts_of",
    "plus",
    "shallow",
    "unpacked",
    "words_of",
]


TABLES = ("frame", "records", "record")
"""Kinds of values whose columns have names: a table, its rows one after another, one of them."""
_LEVELS = 3
"""Lists inside lists whose items are known."""


def as_one_sample(value: Value) -> Value:
    """Return a value whose rows become the steps of one sample: what was said of a batch of rows is over."""
    return value.without("rows-scaled", "statistic-of-rows", "largest-of-rows", "one-step")


def shallow(value: Value) -> Value:
    """Return a value without its items if they are lists in many levels: to compare those would not end."""
    return value if _is_shallow(value, _LEVELS) else replace(value, items=None)


def _is_shallow(value: Value, levels: int) -> bool:
    return not value.items or (levels > 0 and all(_is_shallow(item, levels - 1) for item in value.items))


def one_step(value: Value, site: Site) -> Value:
    """Return a value that got a second axis of length one: of rows, each is a series of one time step."""
    return value.marked(Mark("one-step", site)) if value.rank in (None, 3) else value


_ELEMENTS = {"request": "request", **dict.fromkeys((*TABLES, "order"), "record")}


def element_of(value: Value) -> Value:
    """Return what is known of one item of a value."""
    if value.kind in ("model", "transformer", "loaded", "instance"):
        return value
    if value.items:
        found = value.items[0]
        for item in value.items[1:]:
            found = join(found, item)
        return replace(found, marks=found.marks | value.marks)
    rank = plus(value.rank, -1)
    kind = value.kind if isinstance(value.ref, Instance) else _ELEMENTS.get(value.kind, "")
    return Value(kind=kind, ref=value.ref if kind == value.kind else None, marks=value.marks, rank=rank)


_ROWS = ("frame", "array", "column", "stream")


def is_repeat(source: Value) -> bool:
    """Whether a loop goes over a number of passes, range(30), and not over rows."""
    return source.kind in ("", "range") and not source.marks


def is_row(item: Value) -> bool:
    """Whether an item of a list is a row, and no single number: np.array(x) of what was sent is one."""
    is_output = item.has("pred") or item.has("called")
    is_array = item.kind == "array" and item.rank is None and not is_output
    return is_array or (item.rank or 0) >= 1


def collected(element: Value, *marks: Mark) -> Value:
    """Return a list of such elements, that a comprehension or a generator makes; one of models is a model."""
    if element.kind == "model":
        return element
    rows = "many" if is_row(element) else ""
    element = element.without("one-step")  # it is no longer the second axis
    return Value(kind="list", marks=element.marks.union(marks), rank=plus(element.rank, 1), rows=rows)


def of_keys(whole: Value, source: Value, element: Value) -> Value:
    """Return a list that was made from another one, one element of each; numbers are no rows under keys."""
    if source.rows != "keyed" or element.rows == "keyed" or element.rank == 0:
        return whole
    if element.rank is None:
        return replace(whole, rows="keyed")
    return replace(whole, marks=whole.marks.difference(source.of("order")))


def parts_of(model: Value) -> Value:
    """Return layers of a model: what is done to their state is done to that of the model."""
    marks = {Mark("part-of", None, model.thing.identity)} if model.thing is not None else frozenset()
    return Value(kind="layers", marks=model.marks | marks)


def item_of(items: Value, loop: int) -> Value:
    """Return what is known of any item of a loop; of rows and pictures, each pass gets a different one."""
    item = element_of(items).marked(Mark("loop", None, loop))
    is_rows = items.has("request") or items.has("image") or items.kind in _ROWS
    return item.marked(Mark("rows-of", None, loop)) if is_rows else item


def unpacked(value: Value, place: int, amount: int) -> Value:
    """Return one of the values that an assignment to several names unpacks."""
    if value.items is not None and len(value.items) == amount:
        return value.items[place]
    item = element_of(value)
    is_number = value.kind == "list" and item.rank == 0  # a, b = (float(x) for x in data)
    return replace(item, rank=0 if is_number else None, rows="")


def broadcast(left: Value, right: Value) -> tuple[int | None, str]:
    """Return the axes of the result of an operator, and what is known of its rows."""
    if left.rank == 0 or (right.kind == "" and right.rank is None and left.rank is None):
        return (right.rank, right.rows) if left.rank == 0 else (None, left.rows or right.rows)
    if right.rank == 0 or left.rank == right.rank:
        return left.rank, left.rows
    return None, left.rows


def plus(rank: int | None, amount: int) -> int | None:
    """Return a number of axes that is larger by an amount, None if it is unknown."""
    return None if rank is None or rank + amount < 0 else rank + amount


def words_of(node: ast.expr) -> tuple[str, ...]:
    """Return the names, attributes and text keys of an expression: what it is about."""
    found = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            found.add(each.id)
        elif isinstance(each, ast.Attribute):
            found.add(each.attr)
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            found.add(each.value)
    return tuple(sorted(found))

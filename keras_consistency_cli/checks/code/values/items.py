"""Items and parts of values: x[0], x[:1], x[..., ::-1], x["name"]."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from keras_consistency_cli.checks.code.syntax import (
    is_column,
    is_ellipsis,
    is_new_axis,
    is_reversed,
    is_single,
    is_window,
)
from keras_consistency_cli.checks.code.values.channels import chosen_planes, flipped_channels, plane_of
from keras_consistency_cli.checks.code.values.parts import TABLES, as_one_sample, plus
from keras_consistency_cli.checks.code.values.value import NOTHING, Mark, Value

__all__ = ["dependency", "indexed", "known_item", "masked", "named_column", "part", "sliced"]


def dependency(index: Value) -> Value:
    """What Annotated[Service, Depends(get)] says of a parameter: where its value comes from."""
    found = next((each for each in index.items or () if each.kind == "depends"), NOTHING)
    is_of_class = found.kind == "depends" and found.ref is None and index.items
    return replace(found, ref=index.items[0].ref) if is_of_class and index.items else found


def indexed(part: Value, index: Value) -> Value:
    """Return a part of a value: if a loop makes the index, each pass takes a different one."""
    loops = index.of("loop") if index.kind != "const" else ()
    if not loops:
        return part
    is_rows = part.has("request") or part.has("image")
    marks = (mark._replace(kind=kind) for mark in loops for kind in ("loop", "rows-of")[: 1 + is_rows])
    return part.marked(*marks)


def known_item(base: Value, index: Value) -> Value | None:
    """Return an item of a list that is written out, an object in a dictionary, or a column of a table."""
    entry = base.entry(index.ref) if base.entries and index.kind == "const" else None
    if entry is not None:
        return entry
    if base.items is not None and isinstance(index.ref, int) and index.kind == "const":
        is_inside = -len(base.items) <= index.ref < len(base.items)
        return base.items[index.ref] if is_inside else None
    if base.kind == "signatures":
        return replace(base, kind="signature")
    if base.kind in ("model", "transformer", "loaded"):
        return base
    return named_column(base, index)


def named_column(base: Value, index: Value) -> Value | None:
    """Return a column of a table, or of one of its rows, by a name: alone, it has no order of columns.

    The first axis of a column is that of the rows. A name that comes from the table itself is in its order.
    """
    is_name = index.kind == "const" and isinstance(index.ref, str)
    if base.kind not in TABLES or not (is_name or (base.kind != "frame" and not index.kind)):
        return None
    kept = base if index.has("order") else base.without("order", "columns")
    if base.kind == "frame":
        return replace(kept, kind="column", rank=1, rows="some", items=None)
    return indexed(Value(marks=kept.marks), index)


def masked(base: Value) -> Value:
    """Return the rows of a table for which something is true; of an array, the axes are not known."""
    is_table = base.kind in ("frame", "column")
    return replace(base, rank=base.rank if is_table else None, rows="some" if is_table else "", items=None)


def part(base: Value, index: ast.Tuple, given: Sequence[Value]) -> Value:
    """Index by several axes: x[0, 1], x[..., ::-1], x[:, None]."""
    rank, rows = base.rank, base.rows
    for place, each in enumerate(index.elts):
        if is_new_axis(each):
            rank, rows = plus(rank, 1), "one" if place == 0 else rows
        elif place == 0 and is_single(each):
            rows = "one"
        elif not isinstance(each, ast.Slice | ast.List) and not is_ellipsis(each):
            rank, rows = plus(rank, -1), "" if place == 0 else rows
    kept = _channels(base, index, given[-1]) if len(index.elts) == len(given) > 1 else base
    first = index.elts[0] if index.elts else None
    is_sample = first is not None and (is_new_axis(first) or is_window(first))
    kept = as_one_sample(kept) if is_sample else kept
    if is_column(index):
        kept = kept.marked(Mark("one-column"))
    return replace(kept, rank=rank, rows=rows, items=None)


def _channels(base: Value, index: ast.Tuple, given: Value) -> Value:
    """The channels of a picture that the last part of an index takes."""
    last, first = index.elts[-1], index.elts[0]
    if isinstance(last, ast.Slice):
        return flipped_channels(base) if is_reversed(last) else base
    if given.items is not None:
        return chosen_planes(base, given)
    is_of_channels = is_ellipsis(first) or base.rank in (None, len(index.elts))
    return plane_of(base, given.ref) if is_of_channels and type(given.ref) is int else base


def sliced(base: Value, node: ast.Slice) -> str:
    """The first axis after a slice: x[:1] is one row, and so is x[i : i + 1]."""
    if is_single(node):
        return "one"
    is_whole = node.lower is None and node.upper is None
    return base.rows if is_whole or base.kind == "column" else ""

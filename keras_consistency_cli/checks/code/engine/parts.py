"""What is known of a part of a value."""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.code.engine.values import Instance, Mark, Value, join

__all__ = ["element_of", "item_of", "plus", "unpacked"]


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
    kind = value.kind if isinstance(value.ref, Instance) else "request" if value.kind == "request" else ""
    return Value(kind=kind, ref=value.ref if kind == value.kind else None, marks=value.marks, rank=rank)


def item_of(items: Value, loop: int) -> Value:
    """Return what is known of any item of a loop; of rows and pictures, each pass gets a different one."""
    item = element_of(items).marked(Mark("loop", None, loop))
    is_rows = items.has("request") or items.has("image")
    return item.marked(Mark("rows-of", None, loop)) if is_rows else item


def unpacked(value: Value, place: int, amount: int) -> Value:
    """Return one of the values that an assignment to several names unpacks."""
    if value.items is not None and len(value.items) == amount:
        return value.items[place]
    return replace(element_of(value), rank=None, rows="")


def plus(rank: int | None, amount: int) -> int | None:
    """Return a number of axes that is larger by an amount, None if it is unknown."""
    return None if rank is None or rank + amount < 0 else rank + amount

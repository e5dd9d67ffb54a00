"""Methods of lists and dictionaries, and of what a request sends like one."""

from __future__ import annotations

import ast
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handlers
from keras_consistency_cli.checks.code.values.parts import is_row
from keras_consistency_cli.checks.code.values.value import NOTHING, Mark, Value, join

__all__ = ["CONTAINERS", "appended"]


def appended(machine: Machine, call: Call) -> Value:
    """items.append(x): what is true of an item is true of the list."""
    func = call.node.func
    base, item = call.receiver, call.arguments.get(len(call.arguments.values) - 1)
    machine.note_samples(call.node, item)
    target = getattr(func, "value", None)
    if target is None or base.kind in ("name", "model", "transformer"):
        return NOTHING
    rank, rows = base.rank, base.rows
    if base.items == ():
        rank = None if item.rank is None else item.rank + 1
        is_of_loop = bool(_filling(machine, base) & {mark.about for mark in item.of("loop")})
        rows = "many" if is_row(item) and is_of_loop else ""
    holder = item if item.kind in ("model", "transformer", "loaded") else base
    grown = replace(holder, marks=base.marks | item.marks, rank=rank, rows=rows, items=None)
    if holder is base and base.kind in ("", "const"):
        grown = replace(grown, kind="list", ref=None)
    machine.assign(target, grown)
    return NOTHING


def _filling(machine: Machine, base: Value) -> set[int]:
    """The loops of this function around an append, except those that make the list anew in each pass."""
    loops = machine.place.loops[machine.frame.loops :]
    return {loop for loop, _ in loops} - {mark.about for mark in base.of("loop")}


def _extended(machine: Machine, call: Call) -> Value:
    func = call.node.func
    target = getattr(func, "value", None)
    machine.note_samples(call.node, call.arguments.get(0))
    if target is not None and call.receiver.kind not in ("name", "model", "transformer"):
        machine.assign(target, replace(call.receiver, marks=call.result.marks, items=None))
    return NOTHING


def _updated(machine: Machine, call: Call) -> Value:
    """kept.update(model=x), kept.update({"model": x}): as an assignment to each of the keys."""
    func, given = call.node.func, call.arguments
    entries = dict(given.get(0).entries) | {key: each for key, each in given.options.items() if key != "**"}
    is_of_dictionary = call.receiver.kind not in ("model", "transformer") and bool(entries)
    if not isinstance(func, ast.Attribute) or not is_of_dictionary:
        return _extended(machine, call)
    for key, value in entries.items():
        item = ast.Subscript(value=func.value, slice=ast.Constant(value=key), ctx=ast.Store())
        machine.assign(ast.fix_missing_locations(ast.copy_location(item, call.node)), value)
    return NOTHING


def _values(machine: Machine, call: Call) -> Value:
    """data.values(): in the order in which the client sent them, if it is a request.

    They are columns if they become one row. Until then, the first axis is that of the keys: of whole rows or
    pictures, each under a name of its own.
    """
    base = call.receiver
    is_sent = base.kind == "request" or (base.kind == "record" and base.has("request"))
    is_first = is_sent and not base.has("order")
    marks = base.marks | ({Mark("order", machine.site(call.node))} if is_first else frozenset())
    return Value(kind="order" if is_sent else "list", marks=marks, rows="keyed" if is_sent else "")


def _declared(machine: Machine, call: Call) -> Value:
    """payload.model_dump(): the order is that of the class."""
    return Value(kind="declared", marks=call.receiver.marks, entries=call.receiver.entries)


def _item(machine: Machine, call: Call) -> Value:
    """data.get("age")."""
    base, key = call.receiver, call.arguments.get(0)
    entry = base.entry(key.ref) if base.entries and key.kind == "const" else None
    if entry is not None:
        return entry
    if base.kind in ("model", "transformer", "loaded"):
        return base
    if isinstance(key.ref, str) and not base.kind and key.ref in machine.module.loose:
        return machine.module.loose[key.ref]
    return Value(kind="request" if base.kind == "request" else "", marks=base.marks)


def _set_default(machine: Machine, call: Call) -> Value:
    """items.setdefault(key, x): x is kept under the key, unless something else is already."""
    value, func = call.arguments.get(1), call.node.func
    if isinstance(func, ast.Attribute) and len(call.node.args) > 1:
        item = ast.Subscript(value=func.value, slice=call.node.args[0], ctx=ast.Store())
        machine.assign(ast.copy_location(item, call.node), value)
    return join(_item(machine, call), value)


CONTAINERS: Handlers = {
    "append": appended,
    "appendleft": appended,
    "insert": appended,
    "extend": _extended,
    "update": _updated,
    "values": _values,
    "dict": _declared,
    "model_dump": _declared,
    "get": _item,
    "getlist": _item,
    "setdefault": _set_default,
}

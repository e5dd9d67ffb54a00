"""Methods of arrays, tensors and tables: their axes, and what is true of their numbers."""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.arrays import described, position, repeated
from keras_consistency_cli.checks.code.library.axes import note_shape, reshaped
from keras_consistency_cli.checks.code.library.handlers import WIDE, Handlers, is_double
from keras_consistency_cli.checks.code.library.images import resized
from keras_consistency_cli.checks.code.library.numbers import OPERATOR_METHODS
from keras_consistency_cli.checks.code.values.marks import (
    OPEN,
    STATED,
    ordered_columns,
    renamed,
    without_names,
)
from keras_consistency_cli.checks.code.values.value import Mark, Value

__all__ = ["ARRAY_METHODS"]


def _reshape(machine: Machine, call: Call) -> Value:
    return note_shape(machine, call, reshaped(call.receiver, call.arguments.values))


def _statistic(machine: Machine, call: Call) -> Value:
    """x.mean(): a number; x.mean(axis=0): one axis less."""
    return described(machine, call, call.receiver, call.arguments.get(0, "axis"))


def _argmax(machine: Machine, call: Call) -> Value:
    return position(machine, call, call.receiver, call.arguments.get(0, "axis"))


def _same(machine: Machine, call: Call) -> Value:
    return replace(
        call.receiver, kind="array" if call.receiver.kind == "list" else call.receiver.kind, items=None
    )


def _resized(machine: Machine, call: Call) -> Value:
    """image.resize((224, 224))."""
    return replace(_same(machine, call), marks=resized(call.receiver, call.arguments.get(0, "size")).marks)


def _numbers(machine: Machine, call: Call) -> Value:
    """frame.to_numpy(): the same numbers, without the names of columns."""
    return replace(_same(machine, call), marks=without_names(call.receiver, machine.site(call.node)).marks)


def _as_type(machine: Machine, call: Call) -> Value:
    """x.astype("float32")."""
    dtype = call.arguments.get(0, "dtype")
    kept = call.receiver.without(*WIDE)
    if is_double(dtype):
        kept = kept.marked(Mark("float64", machine.site(call.node)))
    if dtype.is_const("category"):
        kept = kept.marked(Mark(OPEN))
    elif dtype.kind not in ("const", "name"):
        kept = kept.marked(Mark(STATED))
    return replace(kept, kind="array" if kept.kind == "list" else kept.kind, items=None)


def _flat(machine: Machine, call: Call) -> Value:
    return Value(marks=call.receiver.marks)


def _flattened(machine: Machine, call: Call) -> Value:
    return Value(kind="array", marks=call.receiver.marks, rank=1)


def _converted(machine: Machine, call: Call) -> Value:
    """image.convert("L")."""
    mode = call.arguments.get(0, "mode")
    if mode.is_const("L") or mode.is_const("1"):
        kept = call.receiver.without("rgb")
        return replace(kept, marks=kept.marks | {Mark("gray")}, rank=2)
    return call.receiver


def _reindexed(machine: Machine, call: Call) -> Value:
    """frame.reindex(columns=[...]): the columns are in this order."""
    columns = call.arguments.get(0, "columns")
    kept = renamed(call.receiver.without("order", "columns"))
    if columns.items and all(isinstance(each.ref, str) for each in columns.items):
        kept = kept.marked(ordered_columns(machine.site(call.node), columns.items))
    return kept


ARRAY_METHODS: Handlers = {
    **OPERATOR_METHODS,
    "reshape": _reshape,
    **dict.fromkeys(("mean", "std", "min", "max", "var", "median", "ptp"), _statistic),
    "argmax": _argmax,
    **dict.fromkeys(("copy", "numpy", "cpu", "result", "fillna", "clip"), _same),
    **dict.fromkeys(("to_frame", "reset_index", "drop", "round", "sort_values", "assign"), _same),
    "to_numpy": _numbers,
    "resize": _resized,
    "astype": _as_type,
    "tolist": _flat,
    "repeat": lambda machine, call: repeated(machine, call, call.receiver),
    "squeeze": _flat,
    "flatten": _flattened,
    "ravel": _flattened,
    "convert": _converted,
    **dict.fromkeys(("reindex", "align", "reindex_like"), _reindexed),
    "unsqueeze": lambda _machine, call: call.receiver,
}

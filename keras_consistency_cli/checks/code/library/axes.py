"""Functions of NumPy, TensorFlow and Keras that change the axes of arrays."""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handlers
from keras_consistency_cli.checks.code.values.parts import as_one_sample, one_step, plus
from keras_consistency_cli.checks.code.values.value import Mark, Value

__all__ = ["AXES", "note_shape", "reshaped"]

_AXES_OF_TABLE = 2


def expanded(machine: Machine, call: Call) -> Value:
    """np.expand_dims(x, axis=0): one more axis, the batch if it is the first."""
    given, axis = call.arguments.get(0), call.arguments.get(1, "axis")
    is_first = axis.is_const(0)
    rows = "one" if is_first else given.rows
    given = as_one_sample(given) if is_first else given
    kept = Value(kind="array", marks=given.marks, rank=plus(given.rank, 1), rows=rows)
    return one_step(kept, machine.site(call.node)) if axis.is_const(1) else kept


def reshaped(given: Value, shape: tuple[Value, ...]) -> Value:
    """Return the value in a new shape: (1, -1) is one row."""
    if len(shape) == 1 and shape[0].items is not None:
        shape = shape[0].items
    elif len(shape) == 1 and shape[0].kind != "const":
        return Value(kind="array", marks=as_one_sample(given).marks)
    rows = "one" if shape and shape[0].is_const(1) and len(shape) > 1 else ""
    given = as_one_sample(given) if len(shape) > _AXES_OF_TABLE or rows else given
    given = given if any(size.kind != "const" for size in shape[1:]) else given.without("any-size")
    return Value(kind="array", marks=given.marks, rank=len(shape), rows=rows, items=shape)


def _reshape(machine: Machine, call: Call) -> Value:
    shaped = reshaped(call.arguments.get(0), call.arguments.values[1:])
    return note_shape(machine, call, shaped)


def note_shape(machine: Machine, call: Call, shaped: Value) -> Value:
    """Keep in mind a reshape to a series of one time step."""
    shape = shaped.items or ()
    if len(shape) == 3 and shape[1].is_const(1):
        shaped = shaped.marked(Mark("one-step", machine.site(call.node)))
    elif len(shape) == 3:
        shaped = shaped.without("one-step")
    return replace(shaped, items=None)


def _zeros(machine: Machine, call: Call) -> Value:
    shape = call.arguments.get(0)
    sizes = shape.items
    if sizes:
        rows = "one" if sizes[0].is_const(1) and len(sizes) > 1 else ""
        return Value(kind="array", rank=len(sizes), rows=rows)
    return Value(kind="array", rank=1 if shape.kind == "const" else None)


def _squeeze(machine: Machine, call: Call) -> Value:
    return Value(marks=call.arguments.get(0).marks)


def _at_least_table(machine: Machine, call: Call) -> Value:
    """np.atleast_2d(x): one row, if x is one."""
    given = call.arguments.get(0)
    return replace(given, rank=2, rows="one" if given.rank == 1 else "", items=None)


AXES: Handlers = {
    **{f"{root}.expand_dims": expanded for root in ("numpy", "tensorflow", "keras")},
    **{f"{root}.reshape": _reshape for root in ("numpy", "tensorflow", "keras")},
    **{f"{root}.squeeze": _squeeze for root in ("numpy", "tensorflow", "keras")},
    **{f"numpy.{name}": _zeros for name in ("zeros", "ones", "empty", "full", "zeros_like")},
    "numpy.atleast_2d": _at_least_table,
    "numpy.ravel": _squeeze,
}

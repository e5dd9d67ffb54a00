"""What handlers of functions and methods of libraries share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.values.value import NOTHING, Value

__all__ = ["WIDE", "Handler", "Handlers", "is_double", "nothing"]

Handler = Callable[[Machine, Call], Value]
Handlers = Mapping[str, Handler]
"""By the name of the function or method."""

WIDE = ("float64", "untyped")
"""What is true of arrays of 64 bits until they get a dtype: of floats, or of what a user sent."""


def nothing(machine: Machine, call: Call) -> Value:
    """A result that says nothing of the numbers of its arguments: len(x), isinstance(x, y)."""
    return NOTHING


def is_double(dtype: Value) -> bool:
    """Whether a dtype is float64: "float64", np.float64, np.double, float."""
    return dtype.text.endswith(("float64", "double")) or dtype.text == "builtins.float"

"""The route that finds integers that leave the range of their dtype and wrap around, without an error.

TensorFlow computes with integers of 8 and 16 bits as they are: in uint8, 12 - 30 is 238 and 200 + 100 is 44.
The graph of predict tells whether there is such an operation. Only then the model is called layer by layer,
and each result is compared with the same result in 64 bits. To show what that changes, the model is called
again, with results that stop at the end of the range.

Rows of integers can also leave the range of the input that takes them: Keras converts them without an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.numerics.op_hooks import changing_operations, needs_operation_hooks
from keras_consistency_cli.routes.session.distances import greatest_difference, greatest_value
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls, layer_path
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["INTEGER_ROUTES", "WRAPPED_INTEGERS", "IntegerDetails", "OutOfRange"]

WRAPPED_INTEGERS = "wrapped-integers"
_WIDE: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Square": np.square,
    "Cast": np.trunc,
}
"""By kind of operation, the function that gives its exact results for numbers of 64 bits."""
_OVER_AXES: dict[str, Callable[..., Any]] = {"Sum": np.sum, "Prod": np.prod}


class OutOfRange(TypedDict):
    """Numbers outside the range of a dtype: how many of how many, and one of them with what it became."""

    dtype: str
    count: int
    of: int
    exact: float
    became: int


class IntegerDetails(LocatedLayer, total=False):
    """Details of `wrapped-integers`; empty if nothing leaves its range.

    `inputs` are the inputs whose rows do. The located layer is the first in which an operation does:
    `operation` is its kind, `wrapped` describes its results. `changed` is by how much the outputs change if
    results stop at the end of the range, and `scale` the largest output.
    """

    inputs: dict[str, OutOfRange]
    operation: str
    wrapped: OutOfRange
    changed: float
    scale: float


class _Watcher:
    """Compares results with those in 64 bits, and notes the first that differ and the layer at work."""

    def __init__(self, running: CallStack) -> None:
        self._running = running
        self.first: tuple[str, OutOfRange] | None = None
        self.layer: LocatedLayer = {}

    def note(self, kind: str, inputs: Any, outputs: list[Any]) -> None:
        """Receive an operation of the model; its results stay as they are."""
        found = None if self.first else _find_wrapped(kind, inputs, outputs)
        if found is None:
            return
        exact, wrapped = found
        self.first = (kind, _describe(exact, np.asarray(outputs[0]), wrapped))
        self.layer = _name(self._running)


def _run(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.routes.session.tensorflow import on_tensorflow

    details: IntegerDetails = {"inputs": dict(_inputs_out_of_range(session, rows))}
    batch, positions = session.one_batch(rows)
    if not on_tensorflow(session).has_small_integers(batch):
        return Result(outputs={}, rows=positions, details=details)
    session.restore()
    with intercept_calls() as running:
        watcher = _Watcher(running)
        with changing_operations(watcher.note):
            outputs = session.call_once(batch, training=False)
    if watcher.first is not None:
        session.restore()
        with changing_operations(_stop_at_the_end):
            stopped = session.call_once(batch, training=False)
        operation, wrapped = watcher.first
        details = {
            **details,
            **watcher.layer,
            "operation": operation,
            "wrapped": wrapped,
            "changed": greatest_difference(stopped, outputs),
            "scale": greatest_value(outputs),
        }
    session.restore()
    return Result(outputs={}, rows=positions, details=details)


def _name(running: CallStack) -> LocatedLayer:
    if len(running) < 2:
        return {}
    layer = running[-1]
    return {"layer": layer_path(running), "kind": type(layer).__name__}


def _find_wrapped(kind: str, inputs: Any, outputs: list[Any]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the exact results and which of them do not fit the dtype; None if all do."""
    dtype = np.dtype(outputs[0].dtype.as_numpy_dtype) if len(outputs) == 1 else None
    if dtype is None or dtype.kind not in "iu" or dtype.itemsize > 2:
        return None
    exact = _compute_exactly(kind, inputs, tuple(outputs[0].shape))
    if exact is None:
        return None
    limits = np.iinfo(dtype)
    wrapped = (exact < limits.min) | (exact > limits.max)
    return (exact, wrapped) if wrapped.any() else None


def _compute_exactly(kind: str, inputs: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the results of an operation for the same numbers in 64 bits; None for other kinds."""
    if kind not in _WIDE and kind not in _OVER_AXES:
        # Such as the reading of a variable, whose input is no number.
        return None
    numbers = [_widen(np.asarray(each)) for each in inputs]
    if kind in _OVER_AXES and numbers[0].size:
        axes = tuple(int(axis) for axis in np.atleast_1d(numbers[1]))
        return np.asarray(_OVER_AXES[kind](numbers[0], axis=axes)).reshape(shape)
    return np.asarray(_WIDE[kind](*numbers)) if kind in _WIDE else None


def _widen(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int64 if values.dtype.kind in "iub" else np.float64)


def _stop_at_the_end(kind: str, inputs: Any, outputs: list[Any]) -> None:
    import tensorflow as tf

    found = _find_wrapped(kind, inputs, outputs)
    if found is not None:
        dtype = outputs[0].dtype
        limits = np.iinfo(dtype.as_numpy_dtype)
        outputs[0] = tf.constant(np.clip(found[0], limits.min, limits.max), dtype)


def _inputs_out_of_range(session: Session, rows: Rows) -> Iterator[tuple[str, OutOfRange]]:
    """Yield the inputs of integers whose rows do not fit, as Keras converts them."""
    for fact in session.facts.inputs:
        values = rows.get(fact.name)
        dtype = np.dtype(fact.dtype) if fact.dtype.startswith(("int", "uint")) else None
        if values is None or dtype is None or values.dtype.kind not in "iu":
            continue
        limits = np.iinfo(dtype)
        wrapped = (values < limits.min) | (values > limits.max)
        if wrapped.any():
            yield fact.name, _describe(values, values.astype(dtype), wrapped)


def _describe(exact: np.ndarray, became: np.ndarray, wrapped: np.ndarray) -> OutOfRange:
    place = tuple(int(part[0]) for part in np.nonzero(wrapped))
    return {
        "dtype": str(became.dtype),
        "count": int(wrapped.sum()),
        "of": int(wrapped.size),
        "exact": float(exact[place]),
        "became": int(became[place]),
    }


INTEGER_ROUTES: tuple[Route, ...] = (
    Route(
        name=WRAPPED_INTEGERS,
        summary="integers that leave the range of their dtype",
        run=_run,
        unavailable=needs_operation_hooks,
    ),
)

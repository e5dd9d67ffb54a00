"""The route that finds integers that leave the range of their dtype and wrap around, without an error.

TensorFlow computes with integers of 8 and 16 bits as they are: in uint8, 12 - 30 is 238 and 200 + 100 is 44.
The graph of predict tells whether there is such an operation. Only then the model is called layer by layer,
and each result is compared with the same result in 64 bits. To show what that changes, the model is called
again with the exact results, which go on as far as the next cast to a wider dtype. Where an operation in
between takes numbers of its dtype only, results stop at the end of the range instead.

Rows of integers can also leave the range of the input that takes them: Keras converts them without an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.numerics.exact_integers import ExactIntegers, find_wrapped
from keras_consistency_cli.routes.numerics.op_hooks import Change, changing_operations, needs_operation_hooks
from keras_consistency_cli.routes.session.distances import greatest_difference, greatest_value
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls, layer_path
from keras_consistency_cli.routes.trace import Outputs, Result, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["INTEGER_ROUTES", "WRAPPED_INTEGERS", "IntegerDetails", "OutOfRange"]

WRAPPED_INTEGERS = "wrapped-integers"


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
    `operation` is its kind, `wrapped` describes its results. `changed` is by how much the outputs change with
    exact results, or with results that stop at the end of the range if `stopped` is true; `scale` is the
    largest output. `refused` is the error with exact results, which a table behind them does not have.
    """

    inputs: dict[str, OutOfRange]
    operation: str
    wrapped: OutOfRange
    changed: float
    scale: float
    stopped: bool
    refused: str


class _Watcher:
    """Compares results with those in 64 bits, and notes the first that differ and the layer at work."""

    def __init__(self, running: CallStack) -> None:
        self._running = running
        self.first: tuple[str, OutOfRange] | None = None
        self.layer: LocatedLayer = {}

    def note(self, kind: str, inputs: Any, outputs: list[Any]) -> None:
        """Receive an operation of the model; its results stay as they are."""
        found = None if self.first else find_wrapped(kind, inputs, outputs)
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
        operation, wrapped = watcher.first
        details = {**details, **watcher.layer, "operation": operation, "wrapped": wrapped}
        details |= _measure_effect(session, batch, outputs)
    session.restore()
    return Result(outputs={}, rows=positions, details=details)


def _measure_effect(session: Session, batch: Rows, outputs: Outputs) -> IntegerDetails:
    """Return by how much the outputs change with exact results, or with results that stop at the end."""
    details: IntegerDetails = {"scale": greatest_value(outputs), "stopped": False}
    exact = ExactIntegers()
    try:
        right = _call_with(session, batch, exact.follow)
    except Exception as problem:
        if exact.is_complete:
            return {**details, "changed": 0.0, "refused": f"{type(problem).__name__}: {clean(problem, 120)}"}
    if not exact.is_complete:
        details["stopped"] = True
        right = _call_with(session, batch, _stop_at_the_end)
    return {**details, "changed": greatest_difference(right, outputs)}


def _call_with(session: Session, batch: Rows, change: Change) -> Outputs:
    session.restore()
    with changing_operations(change):
        return session.call_once(batch, training=False)


def _name(running: CallStack) -> LocatedLayer:
    if len(running) < 2:
        return {}
    layer = running[-1]
    return {"layer": layer_path(running), "kind": type(layer).__name__}


def _stop_at_the_end(kind: str, inputs: Any, outputs: list[Any]) -> None:
    import tensorflow as tf

    found = find_wrapped(kind, inputs, outputs)
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

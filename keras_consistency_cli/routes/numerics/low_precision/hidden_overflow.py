"""The route that finds numbers that overflow in float16 inside a layer, whose outputs are finite again.

A layer that divides by the root of the mean of squares gives 0 where a square is beyond 65,504: the infinity
is gone before the layer returns, and no scan of outputs finds it. The model is called operation by operation,
on the rows that differ most from the float64 copy. Where finite numbers become infinite in float16, the model
is called again with the largest number of float16 in their place, then with the infinities of one layer only.
An infinity that changes nothing, such as that of a mask before a softmax, is no fault, and neither is one for
which the outputs are right.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.numerics.op_hooks import changing_operations, needs_operation_hooks
from keras_consistency_cli.routes.session.batches import count_rows, select_rows
from keras_consistency_cli.routes.session.distances import greatest_value
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls, layer_path
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.float64 import Float64Session
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["HIDDEN_OVERFLOW", "OVERFLOW_ROUTES", "OverflowDetails", "choose_furthest", "find_hidden_overflow"]

HIDDEN_OVERFLOW = "hidden-overflow"
_MOST_LAYERS = 6
_LARGEST = float(np.finfo(np.float16).max)
_WRONG = 0.02
"""As a share of the largest output: outputs that are this far from float64 are more than rounded.

The rounding of a float16 number is 0.0005 of it.
"""


class OverflowDetails(LocatedLayer, total=False):
    """Details of `hidden-overflow`; empty if no overflow makes finite outputs wrong.

    `overflowed` of `of` numbers of the layer became infinite in its operations. `off` is the greatest
    difference from the float64 copy of outputs that depend on them, and `scale` the largest output.
    """

    overflowed: int
    of: int
    off: float
    scale: float


class _Watcher:
    """Counts the numbers that overflow in float16, by layer; replaces them except in the layers `kept`."""

    def __init__(self, running: CallStack, kept: Collection[str] | None) -> None:
        self._running, self._kept = running, kept
        self.found: dict[str, OverflowDetails] = {}

    def note(self, _kind: str, inputs: Any, outputs: list[Any]) -> None:
        """Receive an operation of the model."""
        import tensorflow as tf

        for position, output in enumerate(outputs):
            if getattr(output, "dtype", None) != tf.float16 or not _are_finite(inputs):
                continue
            beyond = tf.math.is_inf(output)
            count = int(tf.math.count_nonzero(beyond))
            if count:
                path = self._count(count, int(tf.size(output)))
                if self._kept is not None and path not in self._kept:
                    outputs[position] = tf.clip_by_value(output, -_LARGEST, _LARGEST)

    def _count(self, count: int, size: int) -> str:
        path = layer_path(self._running) if len(self._running) > 1 else ""
        kind = type(self._running[-1]).__name__ if path else ""
        found = self.found.setdefault(path, {"layer": path, "kind": kind, "overflowed": 0, "of": 0})
        found["overflowed"] += count
        found["of"] += size
        return path


def _are_finite(inputs: Any) -> bool:
    """Whether an operation has inputs and all of them are finite; a constant has none."""
    import tensorflow as tf

    floats = [each for each in inputs if getattr(each, "dtype", tf.int32).is_floating]
    return bool(floats) and all(bool(tf.reduce_all(tf.math.is_finite(each))) for each in floats)


def _run(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.routes.session.float64 import on_float64_copy

    float64_copy = on_float64_copy(session)
    try:
        batch, positions = choose_furthest(float64_copy, rows)
        details = find_hidden_overflow(float64_copy, float64_copy.original, batch)
        return Result(outputs={}, rows=positions, details=details)
    finally:
        float64_copy.original.restore()


def choose_furthest(float64_copy: Float64Session, rows: Rows) -> tuple[Rows, np.ndarray]:
    """Return the batch of the rows that differ most from the float64 copy, and their positions.

    For a fixed batch size, or a model with state, it is an ordinary batch.
    """
    original = float64_copy.original
    if original.facts.batch_size or original.facts.stateful_layers:
        return original.one_batch(rows)
    original.restore()
    float64_copy.restore()
    given = original.steps(rows, original.batch_size)
    distances = _measure_rows(given, float64_copy.steps(rows, float64_copy.batch_size), count_rows(rows))
    positions = np.sort(np.argsort(-distances, kind="stable")[: original.small_batch])
    return select_rows(rows, positions), positions


def _measure_rows(given: Outputs, exact: Outputs, count: int) -> np.ndarray:
    """Return the greatest difference of each row, over all outputs with a row axis; NaN counts as 0."""
    distances = np.zeros(count)
    for name, values in given.items():
        if is_float(values.dtype) and len(values) == count:
            off = _difference(values, exact[name]).reshape(count, -1)
            distances = np.maximum(distances, off.max(axis=1, initial=0.0))
    return distances


def find_hidden_overflow(float64_copy: Session, session: Session, batch: Rows) -> OverflowDetails:
    """Return the first layer in which numbers overflow and the outputs are wrong because of that."""
    given, watcher = _call(session, batch)
    if not watcher.found:
        return {}
    float64_copy.restore()
    exact = float64_copy.call_once(batch, training=False)
    scale, stopped = greatest_value(exact), _call(session, batch, ())[0]
    for path, found in list(watcher.found.items())[:_MOST_LAYERS]:
        off = _measure_harm(given, exact, stopped, _call(session, batch, (path,))[0])
        if off > _WRONG * scale:
            details: OverflowDetails = {**found, "off": off, "scale": scale}
            return details
    return {}


def _call(session: Session, batch: Rows, kept: Collection[str] | None = None) -> tuple[Outputs, _Watcher]:
    session.restore()
    with intercept_calls() as running:
        watcher = _Watcher(running, kept)
        with changing_operations(watcher.note):
            return session.call_once(batch, training=False), watcher


def _measure_harm(given: Outputs, exact: Outputs, stopped: Outputs, kept: Outputs) -> float:
    """Return how far outputs are from the exact ones, as far as they depend on the infinities of a layer."""
    harms = [
        np.minimum(_difference(values, exact[name]), _difference(kept[name], stopped[name])).max(initial=0.0)
        for name, values in given.items()
        if is_float(values.dtype) and name in exact
    ]
    return float(max(harms, default=0.0))


def _difference(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        off = np.abs(np.subtract(values, others, dtype=np.float64))
    return np.where(np.isfinite(off), off, 0.0)


def _explain_no_float16(facts: Facts) -> str | None:
    if not any("float16" in policy and "bfloat16" not in policy for policy in facts.low_precision):
        return "no layer computes in float16"
    return needs_operation_hooks(facts)


OVERFLOW_ROUTES: tuple[Route, ...] = (
    Route(
        name=HIDDEN_OVERFLOW,
        summary="numbers that overflow in float16 inside a layer",
        run=_run,
        unavailable=_explain_no_float16,
        precision="float64",
        placement="float64",
    ),
)

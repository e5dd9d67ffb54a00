"""Routes with Normalization layers adapted again: to all rows, each batch, or each row.

No weight is assigned: while the model is called, each Normalization layer takes mean and variance from its
own inputs, as `adapt` would have left them. Later layers receive what the earlier ones then give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import count_rows, select_rows
from keras_consistency_cli.routes.trace import Result, Rows, WhyNoOutputs

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["ADAPTING_ROUTES", "AdaptingDetails"]

_SINGLE_ROWS, _FEWEST_SINGLE_ROWS = 16, 2
"""Rows that are called one at a time: of any model, and of a heavy one."""


class AdaptingDetails(WhyNoOutputs, total=False):
    """Details of these routes: the rows of a batch, and the shifts of the layers by path.

    A shift is how many saved standard deviations the mean of a layer moved.
    """

    shifts: dict[str, float]
    batch: int


def _find_layers(model: Any) -> dict[str, Any]:
    """Return the Normalization layers by path.

    Inverted ones are left out: they undo a different layer and have no statistics of their own.
    """
    import keras

    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    return {
        path: layer
        for path, layer in walk_layers(model)
        if isinstance(layer, keras.layers.Normalization) and not layer.invert
    }


@contextmanager
def _adapt_on_call(layers: dict[str, Any]) -> Iterator[dict[str, float]]:
    """Let these layers take their statistics from their inputs.

    Yields by path how many saved standard deviations their mean moved.
    """
    import keras

    paths = {id(layer): path for path, layer in layers.items()}
    shifts: dict[str, float] = {}
    original = keras.layers.Normalization.call

    def call(self: Any, inputs: Any) -> Any:
        path = paths.get(id(self))
        if path is None:
            return original(self, inputs)
        values = keras.ops.convert_to_tensor(inputs, dtype=self.compute_dtype)
        axes = tuple(self._reduce_axis)
        mean = keras.ops.mean(values, axis=axes, keepdims=True)
        deviation = keras.ops.sqrt(keras.ops.var(values, axis=axes, keepdims=True))
        shifts[path] = max(shifts.get(path, 0.0), _measure_shift(self, mean))
        return (values - mean) / keras.ops.maximum(deviation, keras.config.epsilon())

    keras.layers.Normalization.call = call
    try:
        yield shifts
    finally:
        keras.layers.Normalization.call = original


def _measure_shift(layer: Any, mean: Any) -> float:
    """Return the distance of the inputs' mean from the saved one, in saved deviations."""
    import keras

    current, saved, variance = (
        np.asarray(keras.ops.convert_to_numpy(tensor), np.float64)
        for tensor in (mean, layer.mean, layer.variance)
    )
    deviation = np.maximum(np.sqrt(variance), keras.config.epsilon())
    return float(np.abs((current - saved) / deviation).max(initial=0.0))


def _run(size: int | None) -> Callable[[Session, Rows], Result]:
    """Return a route's function that adapts to batches of `size` rows; only some are run one at a time.

    None as the size means all rows, 0 the batch size in use.
    """

    def run(session: Session, rows: Rows) -> Result:
        layers = _find_layers(session.model)
        if not layers:
            return _refuse("the model has no Normalization layer")
        if size == 0 and count_rows(rows) <= session.batch_size:
            return _refuse("all rows are in one batch")
        most = _most_singles(session) if size == 1 else count_rows(rows)
        positions = np.arange(min(most, count_rows(rows)))
        batch = (size or session.batch_size) if size is not None else count_rows(rows)
        if session.facts.batch_size not in (None, batch):
            return _refuse(f"the model is built for batches of {session.facts.batch_size}")
        with _adapt_on_call(layers) as shifts:
            outputs = session.calls(select_rows(rows, positions), batch, training=False)
        details: AdaptingDetails = {"shifts": shifts, "batch": batch}
        return Result(outputs=outputs, rows=positions, details=details)

    return run


def _most_singles(session: Session) -> int:
    return _FEWEST_SINGLE_ROWS if session.is_heavy else _SINGLE_ROWS


def _refuse(reason: str) -> Result:
    details: AdaptingDetails = {"reason": reason}
    return Result(outputs={}, details=details)


ADAPTING_ROUTES: tuple[Route, ...] = (
    Route(name="adapt-all", summary="Normalization layers adapted to all these rows", run=_run(None)),
    Route(name="adapt-batches", summary="Normalization layers adapted to each batch", run=_run(0)),
    Route(
        name="adapt-single",
        summary="Normalization layers adapted to each row alone",
        run=_run(1),
    ),
)

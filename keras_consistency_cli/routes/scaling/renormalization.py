"""Routes with Normalization layers adapted anew: to all these rows, to every batch, to every row alone.

Nothing is assigned: while the model is called, each Normalization layer takes mean and variance from what it is given, as
`adapt` would have left them. Layers that come later see what the earlier ones make of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import batches, count, some, stack
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["ADAPTING_ROUTES"]

_SINGLES = 16


def _layers(model: Any) -> dict[str, Any]:
    """Normalization layers by path; inverted ones undo another and have nothing of their own to learn."""
    import keras

    from keras_consistency_cli.loading.model.facts import walk_layers

    return {
        path: layer
        for path, layer in walk_layers(model)
        if isinstance(layer, keras.layers.Normalization) and not layer.invert
    }


@contextmanager
def _adapted(layers: dict[str, Any]) -> Iterator[dict[str, float]]:
    """Let these layers take their statistics from what they are given; by path, how many remembered deviations their mean moved by."""
    import keras

    paths = {id(layer): path for path, layer in layers.items()}
    shifts: dict[str, float] = {}
    original = keras.layers.Normalization.call

    def call(self: Any, inputs: Any) -> Any:
        if id(self) not in paths:
            return original(self, inputs)
        given = keras.ops.convert_to_tensor(inputs, dtype=self.compute_dtype)
        axes = tuple(self._reduce_axis)
        mean, variance = (
            keras.ops.mean(given, axis=axes, keepdims=True),
            keras.ops.var(given, axis=axes, keepdims=True),
        )
        shifts[paths[id(self)]] = max(shifts.get(paths[id(self)], 0.0), _shift(self, mean))
        return (given - mean) / keras.ops.maximum(keras.ops.sqrt(variance), keras.config.epsilon())

    keras.layers.Normalization.call = call
    try:
        yield shifts
    finally:
        keras.layers.Normalization.call = original


def _shift(layer: Any, mean: Any) -> float:
    import keras

    now, known, variance = (
        np.asarray(keras.ops.convert_to_numpy(each), np.float64)
        for each in (mean, layer.mean, layer.variance)
    )
    return float(
        np.abs((now - known) / np.maximum(np.sqrt(variance), keras.config.epsilon())).max(initial=0.0)
    )


def _route(size: int | None, most: int | None = None) -> Callable[[Session, Rows], Result]:
    """Adapt to batches of so many rows; None means all rows, 0 the batch size in use. At most so many rows are run."""

    def run(session: Session, rows: Rows) -> Result:
        layers = _layers(session.model)
        if not layers:
            return Result(outputs={}, details={"reason": "the model has no Normalization layer"})
        chosen = np.arange(min(most or count(rows), count(rows)))
        step = (size or session.batch_size) if size is not None else count(rows)
        if session.facts.batch_size not in (None, step):
            return Result(
                outputs={},
                details={"reason": f"the model is built for batches of {session.facts.batch_size}"},
            )
        with _adapted(layers) as shifts:
            outputs = stack(
                [session.call(batch, training=False) for batch in batches(some(rows, chosen), step)]
            )
        return Result(outputs=outputs, rows=chosen, details={"shifts": shifts, "batch": step})

    return run


ADAPTING_ROUTES: tuple[Route, ...] = (
    Route(name="adapt-all", summary="Normalization layers adapted to all these rows", run=_route(None)),
    Route(name="adapt-batches", summary="Normalization layers adapted to each batch", run=_route(0)),
    Route(
        name="adapt-single",
        summary="Normalization layers adapted to each row alone",
        run=_route(1, most=_SINGLES),
    ),
)

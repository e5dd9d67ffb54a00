"""The layer through which later time steps change the outputs of earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, relative_difference
from keras_consistency_cli.routes.sequences.masks import LayerName
from keras_consistency_cli.routes.sequences.series import TOLERANCE
from keras_consistency_cli.routes.session.layer_hooks import (
    CallStack,
    intercept_calls,
    is_in_model_graph,
    layer_path,
)
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["find_layer_looking_ahead", "has_time_axis"]


@dataclass(frozen=True, kw_only=True)
class _StepOutputs:
    """The outputs of a layer for each time step."""

    layer: LayerName
    values: np.ndarray


def has_time_axis(values: np.ndarray, length: int) -> bool:
    """Whether these are floats for each of `length` time steps."""
    return values.ndim > 2 and values.shape[1] == length and is_float(values.dtype)


def find_layer_looking_ahead(
    session: Session, rows: Rows, changed_rows: Rows, *, length: int, cut: int
) -> LayerName | None:
    """Return the first layer whose outputs for early time steps change with later ones.

    Args:
        session: the session of the model.
        rows: series of `length` time steps.
        changed_rows: the same rows with different time steps from `cut` on.
        length: number of time steps.
        cut: number of time steps that are the same.
    """
    recorded, changed = (_record(session, series, length) for series in (rows, changed_rows))
    for reference, candidate in zip(recorded, changed, strict=False):
        if reference.values.shape != candidate.values.shape:
            continue
        if relative_difference(candidate.values[:, :cut], reference.values[:, :cut]) > TOLERANCE:
            return reference.layer
    return None


def _record(session: Session, rows: Rows, length: int) -> list[_StepOutputs]:
    session.restore()
    with _recording_step_outputs(length) as recorded:
        session.call(rows, training=False)
    return recorded


@contextmanager
def _recording_step_outputs(length: int) -> Iterator[list[_StepOutputs]]:
    """Record what layers and operations of the graph output for each time step."""
    import keras

    recorded: list[_StepOutputs] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        leaf = next(iter(keras.tree.flatten(outputs)), None)
        if is_in_model_graph(running) and len(getattr(leaf, "shape", ())) > 2:
            values = np.asarray(keras.ops.convert_to_numpy(leaf))
            if has_time_axis(values, length):
                layer: LayerName = {"layer": layer_path(running), "kind": type(running[-1]).__name__}
                recorded.append(_StepOutputs(layer=layer, values=values))
        return outputs

    with intercept_calls(around):
        yield recorded

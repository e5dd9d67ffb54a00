"""Layers that are given the mask and do not use it.

Such a layer gives different outputs for the same true time steps with padding and without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, relative_difference
from keras_consistency_cli.routes.sequences.masks import LayerName, find_mask, has_mask_argument
from keras_consistency_cli.routes.sequences.padding_detection import Side, cut_to_length
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

__all__ = ["find_ignoring_layer"]


@dataclass(frozen=True, kw_only=True)
class _Call:
    """One call of a layer that was given a mask."""

    layer: LayerName
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]


def find_ignoring_layer(
    session: Session, padded_rows: Rows, cut_rows: Rows, *, length: int, side: Side
) -> LayerName | None:
    """Return the first layer that ignores its mask.

    Its true time steps are the same with padding and without, and its outputs differ.

    Args:
        session: the session of a model that takes series of any length.
        padded_rows: rows with padding.
        cut_rows: the same rows without padding.
        length: number of true time steps of all these rows.
        side: the side with the padding.
    """
    padded_calls, cut_calls = (_record(session, rows) for rows in (padded_rows, cut_rows))
    for padded, cut in zip(padded_calls, cut_calls, strict=False):
        if padded.layer["layer"] != cut.layer["layer"]:
            return None
        if _agree(padded.inputs, cut.inputs, length, side) and not _agree(
            padded.outputs, cut.outputs, length, side
        ):
            return padded.layer
    return None


def _record(session: Session, rows: Rows) -> list[_Call]:
    session.restore()
    with _recording_masked_calls() as calls:
        session.call(rows, training=False)
    return calls


@contextmanager
def _recording_masked_calls() -> Iterator[list[_Call]]:
    """Record every call of a layer of the graph that takes a mask and is given one."""
    import keras

    calls: list[_Call] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        layer = running[-1]
        is_layer = is_in_model_graph(running) and not isinstance(layer, keras.Model)
        if is_layer and find_mask((args, kwargs)) is not None and has_mask_argument(layer):
            calls.append(
                _Call(
                    layer={"layer": layer_path(running), "kind": type(layer).__name__},
                    inputs=_as_arrays((args, kwargs)),
                    outputs=_as_arrays(outputs),
                )
            )
        return outputs

    with intercept_calls(around):
        yield calls


def _as_arrays(tensors: Any) -> list[np.ndarray]:
    import keras

    leaves = [leaf for leaf in keras.tree.flatten(tensors) if hasattr(leaf, "shape")]
    return [np.asarray(keras.ops.convert_to_numpy(leaf)) for leaf in leaves]


def _agree(padded: list[np.ndarray], cut: list[np.ndarray], length: int, side: Side) -> bool:
    """Whether the values are close; only the true time steps of a series count."""
    if len(padded) != len(cut):
        return False
    return all(
        _is_close(_true_steps(candidate, reference, length, side), reference)
        for candidate, reference in zip(padded, cut, strict=True)
    )


def _true_steps(padded: np.ndarray, cut: np.ndarray, length: int, side: Side) -> np.ndarray:
    has_padding = padded.shape != cut.shape and padded.ndim == cut.ndim >= 2 and cut.shape[1] == length
    return cut_to_length(padded, length, side) if has_padding else padded


def _is_close(candidate: np.ndarray, reference: np.ndarray) -> bool:
    if candidate.shape != reference.shape or not is_float(candidate.dtype):
        return candidate.shape == reference.shape and bool((candidate == reference).all())
    return relative_difference(candidate, reference) <= TOLERANCE

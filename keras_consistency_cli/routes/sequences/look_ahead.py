"""The layer through which later time steps change the outputs of earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, relative_difference
from keras_consistency_cli.routes.locating.step_recorder import is_symbolic, owning_layer
from keras_consistency_cli.routes.sequences.masks.lost_masks import LayerName
from keras_consistency_cli.routes.sequences.series import TOLERANCE
from keras_consistency_cli.routes.session.layer_hooks import (
    CallStack,
    intercept_calls,
    layer_path,
)
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["contradicting_layer", "find_layer_looking_ahead", "has_time_axis"]

_PARTS = ("query", "value")


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
    """Record what layers, their parts and operations of the graph output for each time step."""
    import keras

    recorded: list[_StepOutputs] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        leaf = next(iter(keras.tree.flatten(outputs)), None)
        if len(running) > 1 and not is_symbolic([leaf]) and len(getattr(leaf, "shape", ())) > 2:
            values = _as_array(leaf)
            if has_time_axis(values, length):
                owner = owning_layer(running)
                layer: LayerName = {"layer": owner.path, "kind": owner.kind}
                recorded.append(_StepOutputs(layer=layer, values=values))
        return outputs

    with intercept_calls(around):
        yield recorded


def contradicting_layer(session: Session, rows: Rows, layer: LayerName, length: int) -> LayerName | None:
    """Return the layer that looks ahead although it is, or follows, self-attention with a causal mask.

    None if it does not follow any. Attention to a different series, as that of a decoder to its encoder,
    decides nothing: what looks ahead then may be meant to.
    """
    masks = _CausalMasks(length)
    plain = _layer_outputs(session, rows, layer, masks.watch)
    if not masks.causal or masks.is_crossed:
        return None
    path = layer["layer"]
    around = next((each for each in masks.causal if path == each or path.startswith(f"{each}/")), None)
    if around is not None:
        return {"layer": around, "kind": masks.causal[around]}
    silenced = _layer_outputs(session, rows, layer, masks.silence)
    follows = plain is not None and silenced is not None and not np.array_equal(plain, silenced)
    return layer if follows else None


class _CausalMasks:
    """The calls of self-attention with a causal mask, of series of `length` time steps."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.causal: dict[str, str] = {}  # the kind of each layer
        self.is_crossed = False

    def watch(self, running: CallStack, outputs: Any, args: Any, kwargs: Any) -> Any:
        """Note the layers that are called with a causal mask, and attention to a different series."""
        parts = _query_and_value(args, kwargs) if _is_attention(running[-1]) else None
        if parts is not None and not is_symbolic(parts):
            query, value = (_as_array(part) for part in parts)
            self.is_crossed |= query.shape != value.shape or not np.array_equal(query, value)
            if self._is_causal(kwargs):
                self.causal[layer_path(running)] = type(running[-1]).__name__
        return outputs

    def silence(self, running: CallStack, outputs: Any, _args: Any, _kwargs: Any) -> Any:
        """Return zeros in place of the outputs of the layers with a causal mask."""
        import keras

        if layer_path(running) not in self.causal:
            return outputs
        return keras.tree.map_structure(keras.ops.zeros_like, outputs)  # it may return its scores too

    def _is_causal(self, kwargs: Any) -> bool:
        if kwargs.get("use_causal_mask"):
            return True
        mask = kwargs.get("attention_mask")
        values = _as_array(mask) if mask is not None else np.zeros(())
        return values.shape[-2:] == (self.length, self.length) and not np.triu(values, 1).any()


def _is_attention(layer: Any) -> bool:
    """Whether the class of the layer, or one that it extends, is named as attention."""
    return any("Attention" in each.__name__ for each in type(layer).__mro__)


def _query_and_value(args: Any, kwargs: Any) -> list[Any] | None:
    parts = args[0] if args and isinstance(args[0], list) else [*args, *(kwargs.get(name) for name in _PARTS)]
    given = [part for part in parts if hasattr(part, "shape")]
    return given[:2] if len(given) > 1 else None


def _as_array(tensor: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(tensor))


def _layer_outputs(
    session: Session, rows: Rows, layer: LayerName, after: Callable[[CallStack, Any, Any, Any], Any]
) -> np.ndarray | None:
    """Return what a layer outputs in a call, while `after` sees the call of each layer and its outputs."""
    import keras

    found: list[np.ndarray] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = after(running, original(*args, **kwargs), args, kwargs)
        if layer_path(running) == layer["layer"]:
            found.append(_as_array(keras.tree.flatten(outputs)[0]))
        return outputs

    session.restore()
    with intercept_calls(around):
        session.call(rows, training=False)
    return found[0] if found else None

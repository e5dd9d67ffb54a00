"""Masks that the code of a model drops between its layers, as in x * 2 or a slice of a tensor.

A tensor of the backend has no mask, so that no layer loses it, and the next one that would use it gets none.
Such a layer is found by values: other values in the masked time steps arrive there in these time steps, and
in no others. A series that never had this mask does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_consistency_cli.routes.session.layer_hooks import (
    CallStack,
    intercept_calls,
    is_in_model_graph,
    layer_path,
)

__all__ = ["DroppedMask", "changing_masked_steps", "find_dropped_masks", "passing_masks"]

_SERIES_AXES = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class DroppedMask:
    """A layer that gets a series without its mask.

    Args:
        layer: its path.
        kind: its class.
        after: the layer that makes the mask.
        mask: the mask, (rows, time steps).
    """

    layer: str
    kind: str
    after: str
    mask: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class _Consumer:
    """A call of a layer that takes a mask and gets none."""

    layer: str
    kind: str
    values: np.ndarray


def find_dropped_masks(run: Callable[[], object]) -> dict[int, DroppedMask]:
    """Return the layers whose mask the code before them drops, by the number of their call.

    Args:
        run: runs the model on padded rows, from the state in which it was loaded.
    """
    with _recording_consumers() as plain:
        run()
    if not plain:
        return {}
    with _recording_consumers() as changed, changing_masked_steps() as masks:
        run()
    if len(masks) != 1 or len(plain) != len(changed):
        return {}
    ((maker, mask),) = masks
    return {
        number: DroppedMask(layer=one.layer, kind=one.kind, after=maker, mask=mask)
        for number, (one, other) in enumerate(zip(plain, changed, strict=True))
        if _arrives_in_masked_steps(one.values, other.values, mask)
    }


def _arrives_in_masked_steps(plain: np.ndarray, changed: np.ndarray, mask: np.ndarray) -> bool:
    if plain.shape != changed.shape or plain.shape[:2] != mask.shape:
        return False
    differs = (plain != changed).reshape(*mask.shape, -1).any(axis=-1)
    return bool(differs.any() and not (differs & mask).any())


@contextmanager
def _recording_consumers() -> Iterator[list[_Consumer]]:
    """Record the calls of layers that take a mask, with the series that they get without one."""
    import keras

    found: list[_Consumer] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if _lacks_mask(running, args, kwargs):
            values = np.array(keras.ops.convert_to_numpy(args[0]))
            kind = type(running[-1]).__name__
            found.append(_Consumer(layer=layer_path(running), kind=kind, values=values))
        return original(*args, **kwargs)

    with intercept_calls(around):
        yield found


@contextmanager
def passing_masks(dropped: Mapping[int, DroppedMask]) -> Iterator[None]:
    """Give each of these calls its mask."""
    import keras

    count = 0

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal count
        if _lacks_mask(running, args, kwargs):
            if count in dropped:
                args[0]._keras_mask = keras.ops.convert_to_tensor(dropped[count].mask)
            count += 1
        return original(*args, **kwargs)

    with intercept_calls(around):
        yield


def _lacks_mask(running: CallStack, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a layer of a model that takes a mask gets a series without one."""
    import keras

    from keras_consistency_cli.routes.sequences.masks.lost_masks import has_mask_argument, is_given_mask

    if isinstance(running[-1], keras.Model) or not is_in_model_graph(running) or not args:
        return False
    is_series = len(getattr(args[0], "shape", ())) >= _SERIES_AXES
    return is_series and has_mask_argument(running[-1]) and not is_given_mask(args, kwargs)


@contextmanager
def changing_masked_steps() -> Iterator[list[tuple[str, np.ndarray]]]:
    """Add one to the masked time steps of each layer that creates a mask; yield these layers and masks."""
    import keras

    from keras_consistency_cli.routes.sequences.masks.lost_masks import expand_mask, find_mask

    masks: list[tuple[str, np.ndarray]] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        mask = getattr(outputs, "_keras_mask", None)
        if mask is None or find_mask((args, kwargs)) is not None or isinstance(running[-1], keras.Model):
            return outputs
        masks.append((layer_path(running), np.asarray(keras.ops.convert_to_numpy(mask))))
        hidden = keras.ops.cast(keras.ops.logical_not(mask), outputs.dtype)
        changed = outputs + expand_mask(hidden, outputs)
        changed._keras_mask = mask
        return changed

    with intercept_calls(around):
        yield masks

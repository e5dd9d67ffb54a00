"""Runs in which the mask is reversed after a layer that reverses the time steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from keras_consistency_cli.routes.locating.call_records import is_recorded, tensors_of
from keras_consistency_cli.routes.sequences.masks.lost_masks import call_keeping_masks, find_mask
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls

__all__ = ["reversing_mask"]


@contextmanager
def reversing_mask(number: int) -> Iterator[None]:
    """Reverse the mask of the outputs of one call, and of what later layers make of them.

    The graph of a functional model passes masks as arguments, the code of a subclassed model passes them with
    the tensors. A mask that the model itself passes to a later layer stays as it is.

    Args:
        number: the number of the call, counted as `record_calls` does.
    """
    import keras

    count = 0
    old: list[Any] = []
    turned: list[Any] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal count
        is_mine = is_recorded(running) and count == number
        count += is_recorded(running)
        is_after = _shares(tensors_of((args, kwargs)), turned)
        if is_after:
            kwargs = {
                name: keras.ops.flip(value, axis=1) if _shares([value], old) else value
                for name, value in kwargs.items()
            }
        outputs = call_keeping_masks(running, original, args, kwargs)
        if is_mine or is_after:
            turned.extend(tensors_of(outputs))
        if is_mine:
            old.extend(_masks_of(args, kwargs))
            for leaf in tensors_of(outputs) if old else ():
                leaf._keras_mask = keras.ops.flip(old[0], axis=1)
        return outputs

    with intercept_calls(around):
        yield


def _masks_of(args: Any, kwargs: Mapping[str, Any]) -> list[Any]:
    """The masks that a call is given: as arguments, or attached to its tensors."""
    passed = [kwargs.get("mask"), find_mask((args, kwargs))]
    return [mask for mask in passed if mask is not None]


def _shares(some: Sequence[Any], others: Sequence[Any]) -> bool:
    return any(one is other for one in some for other in others)

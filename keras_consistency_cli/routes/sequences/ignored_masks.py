"""Layers that are given the mask and do not use it: found by what they make of the same true steps, with padding and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.routes.sequences.masks import mask_of, takes_mask
from keras_consistency_cli.routes.session.distances import share
from keras_consistency_cli.routes.session.layer_hooks import Running, among_layers, intercepted, path_of
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["unheeded"]

_APART = 1e-4
"""Share of the greatest number: sums of other lengths round by far less, and padding that is computed on moves them by far more."""


@dataclass(frozen=True, kw_only=True)
class _Call:
    """One call of a layer that was given a mask: its series, and what it made of them."""

    path: str
    kind: str
    given: list[np.ndarray]
    gave: list[np.ndarray]


def unheeded(session: Session, whole: Rows, cut: Rows, *, length: int, side: str) -> dict[str, str]:
    """Return the first layer that is given the same true steps and a mask, and answers otherwise with padding; empty where there is none.

    Args:
        session: its model takes series of any length.
        whole: rows with padding.
        cut: the same rows without.
        length: true steps of all these rows.
        side: where the padding is, "left" or "right".
    """
    runs = []
    for rows in (whole, cut):
        session.restore()
        with _noted() as calls:
            session.call(rows, training=False)
        runs.append(calls)
    for padded, plain in zip(*runs, strict=False):
        if padded.path != plain.path:
            return {}
        if _agree(padded.given, plain.given, length, side) and not _agree(
            padded.gave, plain.gave, length, side
        ):
            return {"layer": padded.path, "kind": padded.kind}
    return {}


@contextmanager
def _noted() -> Iterator[list[_Call]]:
    """Note every call of a layer of the graph that takes a mask and is given one."""
    import keras

    calls: list[_Call] = []

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        layer = running[-1]
        if (
            among_layers(running)
            and not isinstance(layer, keras.Model)
            and mask_of((args, kwargs)) is not None
            and takes_mask(layer)
        ):
            calls.append(
                _Call(
                    path=path_of(running),
                    kind=type(layer).__name__,
                    given=_arrays((args, kwargs)),
                    gave=_arrays(outputs),
                )
            )
        return outputs

    with intercepted(around):
        yield calls


def _arrays(tensors: Any) -> list[np.ndarray]:
    import keras

    leaves = [leaf for leaf in keras.tree.flatten(tensors) if hasattr(leaf, "shape")]
    return [np.asarray(keras.ops.convert_to_numpy(leaf)) for leaf in leaves]


def _agree(padded: list[np.ndarray], plain: list[np.ndarray], length: int, side: str) -> bool:
    """Whether numbers are the same but for rounding; of series only the true steps count."""
    if len(padded) != len(plain):
        return False
    return all(
        _close(_true_steps(mine, theirs, length, side), theirs)
        for mine, theirs in zip(padded, plain, strict=True)
    )


def _true_steps(padded: np.ndarray, plain: np.ndarray, length: int, side: str) -> np.ndarray:
    if (
        padded.shape == plain.shape
        or padded.ndim < 2
        or plain.ndim != padded.ndim
        or plain.shape[1] != length
    ):
        return padded
    return padded[:, :length] if side == "right" else padded[:, -length:]


def _close(mine: np.ndarray, theirs: np.ndarray) -> bool:
    if mine.shape != theirs.shape or mine.dtype.kind != "f":
        return mine.shape == theirs.shape and bool((mine == theirs).all())
    return share(mine, theirs) <= _APART

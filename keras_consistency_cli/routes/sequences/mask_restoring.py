"""Masks put back where they get lost, and what they hide changed: two experiments that tell whether a lost mask matters.

Both need rows of one length only. With the mask restored behind the layer that loses it, and not a number changed, answers move where a later layer
would have used it. With other numbers in the steps that are masked, answers move where these steps are computed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from keras_consistency_cli.routes.sequences.masks import mask_of, takes_mask
from keras_consistency_cli.routes.session.distances import furthest, share
from keras_consistency_cli.routes.session.layer_hooks import Running, among_layers, intercepted, path_of
from keras_consistency_cli.routes.trace import Outputs, Rows

__all__ = ["lost_mask_moves", "restoring_masks"]

_NOTHING = 1e-4
"""Share of the greatest answer: other kernels, which layers with a mask may use, round differently by far less."""


def lost_mask_moves(answer: Callable[[Rows], Outputs], rows: Rows) -> dict[str, Any]:
    """Return by how much of the greatest answer a lost mask moves these padded rows.

    Args:
        answer: answers rows with an eager call, from the state in which the model was loaded.
        rows: padded rows of the model's own length.

    Returns:
        `restored`, the layers behind which the mask was put back, and `restored_moves`, what it did; where it did nothing, `filled_moves`, what
        other numbers in masked steps do. Empty where nothing is masked.
    """
    with restoring_masks(hide=False) as restored:
        heeding = answer(rows)
    plain = answer(rows)
    if (moves := furthest(heeding, plain)) > _NOTHING:
        return {"restored": list(dict.fromkeys(restored)), "restored_moves": moves}
    with _filled() as masks:
        filled = answer(rows)
    return {"filled_moves": _true_steps_move(filled, plain, masks[0])} if masks else {}


def _true_steps_move(mine: Outputs, theirs: Outputs, mask: np.ndarray) -> float:
    """As `furthest`, but steps that are masked are left out of answers by step."""
    return max(
        (
            share(mine[name], values, mask if values.shape[:2] == mask.shape else None)
            for name, values in theirs.items()
        ),
        default=0.0,
    )


@contextmanager
def _filled() -> Iterator[list[np.ndarray]]:
    """Add one to what a layer that makes a mask gives in the steps that are masked; the masks themselves are kept."""
    import keras

    masks: list[np.ndarray] = []

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        mask = getattr(outputs, "_keras_mask", None)
        if mask is None or mask_of((args, kwargs)) is not None or isinstance(running[-1], keras.Model):
            return outputs
        masks.append(np.asarray(keras.ops.convert_to_numpy(mask)))
        hidden = keras.ops.cast(keras.ops.logical_not(mask), outputs.dtype)
        changed = outputs + keras.ops.reshape(
            hidden, (*keras.ops.shape(hidden), *(1,) * (len(outputs.shape) - 2))
        )
        changed._keras_mask = mask
        return changed

    with intercepted(around):
        yield masks


@contextmanager
def restoring_masks(*, hide: bool = True) -> Iterator[list[str]]:
    """Where a layer loses the mask, put it back behind that layer, as far as steps still are steps; yields the paths of these layers.

    Args:
        hide: whether what the mask hides is zeroed before that layer as well.
    """
    import keras

    restored: list[str] = []

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        mask = mask_of((args, kwargs))
        if mask is None or not among_layers(running) or takes_mask(running[-1]):
            return original(*args, **kwargs)
        outputs = original(*args, **kwargs)
        if mask_of(outputs) is not None:
            return outputs
        outputs = original(*keras.tree.map_structure(_hidden, args), **kwargs) if hide else outputs
        steps = None if type(running[-1]).__name__ in _TURNING else _steps_of(mask, outputs)
        if steps is not None:
            outputs._keras_mask = steps
            restored.append(path_of(running))
        return outputs

    with intercepted(around):
        yield restored


_TURNING = frozenset({"Permute", "Transpose", "Swapaxes", "Moveaxis", "Flip", "Roll"})
"""Behind these, axis 1 is no longer time, or runs the other way."""


def _hidden(leaf: Any) -> Any:
    """A series with 0 in the steps that its mask hides."""
    import keras

    mask = getattr(leaf, "_keras_mask", None)
    if mask is None or len(leaf.shape) < 3:
        return leaf
    wide = keras.ops.cast(mask, leaf.dtype)
    return leaf * keras.ops.reshape(wide, (*keras.ops.shape(wide), *(1,) * (len(leaf.shape) - 2)))


def _steps_of(mask: Any, outputs: Any) -> Any:
    """The mask for what comes out: as it was, or shorter where a window of steps must all be there; None where there are no steps any more."""
    import keras

    if not hasattr(outputs, "shape") or len(outputs.shape) < 3 or None in (outputs.shape[1], mask.shape[1]):
        return None
    shorter = mask.shape[1] - outputs.shape[1]
    if shorter == 0:
        return mask
    return (
        keras.ops.logical_and(mask[:, shorter:], mask[:, :-shorter])
        if 0 < shorter < mask.shape[1] // 2
        else None
    )

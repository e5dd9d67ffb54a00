"""Lost masks that are restored, and changes of the values that a mask hides.

These two experiments tell whether a lost mask matters, with rows of one length only. With a restored mask,
outputs change if a later layer would have used it. With different values in the masked time steps, outputs
change if these time steps are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import relative_difference
from keras_consistency_cli.routes.sequences.alignment.code_masks import (
    DroppedMask,
    changing_masked_steps,
    find_dropped_masks,
    passing_masks,
)
from keras_consistency_cli.routes.sequences.masks.lost_masks import (
    call_keeping_masks,
    expand_mask,
    find_mask,
    has_mask_argument,
)
from keras_consistency_cli.routes.sequences.series import TOLERANCE
from keras_consistency_cli.routes.session.distances import greatest_relative_difference
from keras_consistency_cli.routes.session.layer_hooks import (
    CallStack,
    intercept_calls,
    is_in_model_graph,
    layer_path,
)
from keras_consistency_cli.routes.trace import Outputs, Rows

__all__ = ["LostMaskEffect", "measure_lost_mask", "restoring_masks"]

_CHANGING_TIME = frozenset({"Permute", "Transpose", "Swapaxes", "Moveaxis", "Flip", "Roll"})
"""Layers and operations after which axis 1 is not time, or runs backwards."""


class LostMaskEffect(TypedDict, total=False):
    """The effect of a lost mask on padded rows, as a share of the greatest output.

    It is empty if nothing is masked. `restored` are the layers after which the mask was restored, or to which
    it was given if the code before them drops it, and `restored_moves` is the effect of that. If there is
    none, `filled_moves` is the effect of different values in the masked time steps.
    """

    restored: list[str]
    restored_moves: float
    filled_moves: float


def measure_lost_mask(predict: Callable[[Rows], Outputs], rows: Rows) -> LostMaskEffect:
    """Measure the effect of a lost mask on padded rows.

    Args:
        predict: calls the model eagerly, from the state in which it was loaded.
        rows: padded rows of the model's own length.
    """
    with restoring_masks(hide=False) as restored:
        with_mask = predict(rows)
    plain = predict(rows)
    if (difference := greatest_relative_difference(with_mask, plain)) > TOLERANCE:
        return {"restored": list(dict.fromkeys(restored)), "restored_moves": difference}
    dropped = find_dropped_masks(lambda: predict(rows))
    if (difference := _measure_dropped(predict, rows, plain, dropped)) > TOLERANCE:
        return {"restored": [each.layer for each in dropped.values()], "restored_moves": difference}
    with changing_masked_steps() as masks:
        changed = predict(rows)
    return {"filled_moves": _compare_true_steps(changed, plain, masks[0][1])} if masks else {}


def _measure_dropped(
    predict: Callable[[Rows], Outputs], rows: Rows, plain: Outputs, dropped: Mapping[int, DroppedMask]
) -> float:
    """Return the effect of masks that the code of the model drops, 0 if a layer refuses them."""
    if not dropped:
        return 0.0
    with suppress(Exception), passing_masks(dropped):
        return greatest_relative_difference(predict(rows), plain)
    return 0.0


def _compare_true_steps(candidate: Outputs, reference: Outputs, mask: np.ndarray) -> float:
    """Return the greatest difference of all outputs, without masked time steps."""
    differences = (
        relative_difference(candidate[name], values, mask if values.shape[:2] == mask.shape else None)
        for name, values in reference.items()
    )
    return max(differences, default=0.0)


@contextmanager
def restoring_masks(*, hide: bool = True) -> Iterator[list[str]]:
    """Restore the mask after each layer that loses it, if it keeps the time steps.

    Yields the paths of these layers.

    Args:
        hide: whether the masked time steps are also set to 0 before that layer.
    """
    import keras

    restored: list[str] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        mask = find_mask((args, kwargs))
        if mask is None or not is_in_model_graph(running) or has_mask_argument(running[-1]):
            return call_keeping_masks(running, original, args, kwargs)
        outputs = call_keeping_masks(running, original, args, kwargs)
        if find_mask(outputs) is not None:
            return outputs
        if hide:
            outputs = original(*keras.tree.map_structure(_zero_masked_steps, args), **kwargs)
        changes_time = type(running[-1]).__name__ in _CHANGING_TIME
        output_mask = None if changes_time else _fit_mask(mask, outputs)
        if output_mask is not None:
            outputs._keras_mask = output_mask
            restored.append(layer_path(running))
        return outputs

    with intercept_calls(around):
        yield restored


def _zero_masked_steps(leaf: Any) -> Any:
    """Return a series with 0 in its masked time steps."""
    import keras

    mask = getattr(leaf, "_keras_mask", None)
    if mask is None or len(leaf.shape) < 3:
        return leaf
    return leaf * expand_mask(keras.ops.cast(mask, leaf.dtype), leaf)


def _fit_mask(mask: Any, outputs: Any) -> Any:
    """Return the mask for a layer's outputs, None if they have no time steps.

    It is shorter than the layer's mask if the layer only gives time steps whose whole window is there.
    """
    import keras

    if not hasattr(outputs, "shape") or len(outputs.shape) < 3 or None in (outputs.shape[1], mask.shape[1]):
        return None
    missing = mask.shape[1] - outputs.shape[1]
    if missing == 0:
        return mask
    if 0 < missing < mask.shape[1] // 2:
        return keras.ops.logical_and(mask[:, missing:], mask[:, :-missing])
    return None

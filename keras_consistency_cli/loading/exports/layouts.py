"""How the arrays of an export are laid out, if not as those of the model: a careful caller changes them."""

from __future__ import annotations

from typing import Literal

import numpy as np

__all__ = ["Layout", "Shape", "fits", "from_export", "layout_of", "to_export"]

Shape = tuple[int | None, ...]
Layout = Literal["", "channels first", "without axes of one"]
"""That of the model, its last axis before the others, or axes of size one left out or added."""
_FEWEST_AXES = 3


def fits(shape: Shape | None, other: Shape | None) -> bool:
    """Whether two shapes can be the same, the batch axis left out; None accepts every size."""
    if shape is None or other is None:
        return True
    pairs = list(zip(shape[1:], other[1:], strict=False))
    return len(shape) == len(other) and all(a is None or b is None or a == b for a, b in pairs)


def layout_of(shape: Shape | None, own: Shape | None) -> Layout | None:
    """Return how an array of the export is laid out, None if it cannot be that of the model.

    Args:
        shape: the shape in the model.
        own: the shape in the export.
    """
    if shape is None or own is None or fits(shape, own):
        return ""
    if len(shape) >= _FEWEST_AXES and fits((shape[0], shape[-1], *shape[1:-1]), own):
        return "channels first"
    if fits(_without_ones(shape), _without_ones(own)):
        return "without axes of one"
    return None


def _without_ones(shape: Shape) -> Shape:
    return (shape[0] if shape else None, *(size for size in shape[1:] if size != 1))


def to_export(values: np.ndarray, layout: Layout, own: Shape | None) -> np.ndarray:
    """Return rows of the model in the layout of the export."""
    if layout == "channels first":
        return np.ascontiguousarray(np.moveaxis(values, -1, 1))
    return _with_ones(values, own) if layout and own is not None else values


def from_export(values: np.ndarray, layout: Layout, shape: Shape | None) -> np.ndarray:
    """Return outputs of the export in the layout of the model."""
    if layout == "channels first":
        return np.moveaxis(values, 1, -1)
    return _with_ones(values, shape) if layout and shape is not None else values


def _with_ones(values: np.ndarray, shape: Shape) -> np.ndarray:
    """Return the values with axes of one exactly where the shape has them."""
    kept = values.reshape([values.shape[0], *(size for size in values.shape[1:] if size != 1)])
    return np.expand_dims(kept, [axis for axis, size in enumerate(shape) if axis and size == 1])

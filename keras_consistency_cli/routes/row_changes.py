"""Changes of rows that are often made in one place and not in another: pixels, axes, channels, inputs.

Pure NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, is_numeric

__all__ = ["OTHER_CHANGES", "UNSCALED_CHANGES", "RowChange", "list_other_orders"]

RowChange = Callable[[np.ndarray], np.ndarray | None]
"""Changes the rows of one input; None if it does not apply to them."""

_PICTURE_AXES = 4


def _if_float(change: Callable[[np.ndarray], np.ndarray]) -> RowChange:
    return lambda values: change(values) if is_float(values.dtype) else None


def _if_number(change: Callable[[np.ndarray], np.ndarray]) -> RowChange:
    return lambda values: change(values) if is_numeric(values.dtype) else None


def _if_picture(change: Callable[[np.ndarray], np.ndarray]) -> RowChange:
    """Change pictures only, and only if they keep their shape."""

    def changed(values: np.ndarray) -> np.ndarray | None:
        if values.ndim < _PICTURE_AXES or (other := change(values)).shape != values.shape:
            return None
        return other

    return changed


UNSCALED_CHANGES: Mapping[str, RowChange] = {
    "rows times 255": _if_float(lambda values: values * 255),
    "rows changed from -1 to 1 into 0 to 255": _if_float(lambda values: (values + 1) * 127.5),
}
"""What rows of pixels were before usual scalings."""
OTHER_CHANGES: Mapping[str, RowChange] = {
    "rows divided by 255": _if_number(lambda values: values / np.float32(255)),
    "rows divided by 127.5, minus 1": _if_number(lambda values: values / np.float32(127.5) - 1),
    "rows with their channels in reverse order": _if_picture(lambda values: values[..., ::-1]),
    "rows with their channels first": _if_picture(lambda values: np.moveaxis(values, -1, 1)),
    "rows with height and width exchanged": _if_picture(lambda values: values.swapaxes(1, 2)),
    "rows mirrored from left to right": _if_picture(lambda values: values[:, :, ::-1]),
    "rows mirrored from top to bottom": _if_picture(lambda values: values[:, ::-1]),
    "rows turned by a quarter to the left": _if_picture(lambda values: np.rot90(values, 1, (1, 2))),
    "rows turned by a quarter to the right": _if_picture(lambda values: np.rot90(values, -1, (1, 2))),
}
"""Usual scalings of pixels, and other layouts."""


def list_other_orders(names: Sequence[str], fits: Callable[[str, str], bool]) -> Iterator[tuple[str, ...]]:
    """Yield the other orders in which each name may take the place of the one that is there.

    Only orders that fit are visited: of twelve inputs with shapes of their own, there are 12! others.

    Args:
        names: the names in their own order.
        fits: whether the second name may be in the place of the first.
    """

    def complete(order: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if len(order) == len(names):
            yield order
            return
        for name in names:
            if name not in order and fits(names[len(order)], name):
                yield from complete((*order, name))

    return (order for order in complete(()) if order != tuple(names))

"""How far answers are apart, as routes measure it to tell a cause; what a verdict rests on is measured in compare.py."""

from __future__ import annotations

import numpy as np

from keras_consistency_cli.routes.trace import Outputs

__all__ = ["furthest", "rms_share", "same_answers", "share"]


def same_answers(mine: Outputs, theirs: Outputs) -> bool:
    """Whether two runs gave the same outputs of the same shapes and numbers; NaN is NaN."""
    return mine.keys() == theirs.keys() and all(
        np.array_equal(values, theirs[name], equal_nan=values.dtype.kind == "f")
        for name, values in mine.items()
    )


def share(mine: np.ndarray, theirs: np.ndarray, where: np.ndarray | None = None) -> float:
    """Return the greatest distance as a share of the greatest number of `theirs`; infinite for other shapes, 0 where they hold no floats.

    Args:
        mine: numbers.
        theirs: numbers to hold them against.
        where: a mask of the first axes: what is left of it counts for the distance, all for the greatest number.
    """
    if mine.shape != theirs.shape:
        return float("inf")
    if theirs.dtype.kind != "f" or not theirs.size:
        return 0.0
    apart = np.nan_to_num(np.abs(mine.astype(np.float64) - theirs))
    apart = apart if where is None else apart[where]
    return float(apart.max(initial=0.0)) / (float(np.nan_to_num(np.abs(theirs)).max()) or 1.0)


def furthest(mine: Outputs, theirs: Outputs) -> float:
    """Return the greatest `share` over all outputs of `theirs`."""
    return max((share(mine[name], values) for name, values in theirs.items()), default=0.0)


@np.errstate(invalid="ignore", over="ignore")
def rms_share(mine: np.ndarray, theirs: np.ndarray) -> float:
    """Return the root mean square distance as a share of the root mean square of `theirs`; 0 for no floats, only zeros or other shapes."""
    if mine.dtype.kind != "f" or mine.shape != theirs.shape or not theirs.size:
        return 0.0
    size = float(np.sqrt(np.mean(np.square(theirs))))
    return float(np.sqrt(np.mean(np.square(mine - theirs)))) / size if size else 0.0

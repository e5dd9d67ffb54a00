"""Distances between two arrays, each with a stated rule for NaN, and the dtype tests before them.

A verdict rests on comparison.py; everything else that needs a distance takes it from here.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = [
    "NanRule",
    "abs_differences",
    "expand_row_mask",
    "is_float",
    "is_float_or_integer",
    "is_integer",
    "is_numeric",
    "is_text",
    "max_abs_difference",
    "relative_difference",
    "relative_rms_difference",
    "rms_difference",
    "same_bits",
    "same_values",
]

Array = npt.NDArray[Any]
_Dtype = np.dtype[Any]

NanRule = Literal["equal", "infinite", "skip", "finite"]
"""What a difference that is not a number counts for.

"equal": NaN equals NaN and an infinity equals itself; NaN on one side only is infinitely far away.
"infinite": NaN on either side is infinitely far away, and so are two equal infinities.
"skip": NaN on either side counts as 0, as do two equal infinities; a single infinity is infinitely far away.
"finite": only finite differences count, all others are 0.
"""


def is_numeric(dtype: _Dtype) -> bool:
    """Whether the values are floats, integers or booleans that NumPy itself can compute with."""
    return dtype.kind in "fiub"


def is_float_or_integer(dtype: _Dtype) -> bool:
    """Whether the values are floats or integers; booleans are not."""
    return dtype.kind in "fiu"


def is_float(dtype: _Dtype) -> bool:
    """Whether the values are floats that NumPy itself can compute with; bfloat16 is not one."""
    return dtype.kind == "f"


def is_integer(dtype: _Dtype) -> bool:
    """Whether the values are signed or unsigned integers."""
    return dtype.kind in "iu"


def is_text(dtype: _Dtype) -> bool:
    """Whether the values are strings or bytes of a fixed width."""
    return dtype.kind in "US"


def same_bits(candidate: Array, reference: Array) -> bool:
    """Whether shape, dtype and bytes are the same; 0.0 and -0.0 differ, NaN equals the same NaN."""
    return (
        candidate.shape == reference.shape
        and candidate.dtype == reference.dtype
        and candidate.tobytes() == reference.tobytes()
    )


def same_values(candidate: Array, reference: Array) -> bool:
    """Whether shape and values are the same; 0.0 equals -0.0, NaN equals NaN."""
    return bool(np.array_equal(candidate, reference, equal_nan=is_float(candidate.dtype)))


@np.errstate(invalid="ignore", over="ignore")
def abs_differences(candidate: Array, reference: Array, *, nan: NanRule) -> npt.NDArray[np.float64]:
    """Return |candidate - reference| element by element, computed in float64.

    Args:
        candidate: numbers.
        reference: numbers of a shape that broadcasts with it.
        nan: what counts when the difference is not a number.
    """
    distance = np.abs(candidate.astype(np.float64) - reference.astype(np.float64))
    if nan == "equal":
        equal = (candidate == reference) | ((candidate != candidate) & (reference != reference))
        distance = np.where(equal, 0.0, distance)
    if nan == "finite":
        return np.where(np.isfinite(distance), distance, 0.0)
    return np.where(np.isnan(distance), 0.0 if nan == "skip" else np.inf, distance)


def max_abs_difference(candidate: Array, reference: Array, *, nan: NanRule) -> float:
    """Return the greatest absolute difference; 0 for empty arrays, infinite for different shapes.

    Values that are not numbers are 0 away if all are equal, infinitely far otherwise.

    Args:
        candidate: values.
        reference: values to compare them with.
        nan: what counts when a difference is not a number.
    """
    if candidate.shape != reference.shape:
        return float("inf")
    if not (is_numeric(candidate.dtype) and is_numeric(reference.dtype)):
        return 0.0 if np.array_equal(candidate, reference) else float("inf")
    return float(abs_differences(candidate, reference, nan=nan).max(initial=0.0))


def relative_difference(
    candidate: Array, reference: Array, mask: npt.NDArray[np.bool_] | None = None
) -> float:
    """Return the greatest difference as a share of the greatest absolute value of the reference.

    NaN counts as 0 and an infinity as the greatest float, in the difference and in the reference. The result
    is infinite for different shapes, 0 if the reference holds no floats, and the plain difference if the
    reference is all zeros.

    Args:
        candidate: values.
        reference: values to compare them with.
        mask: over the first axes: only the elements it selects count for the difference, all elements count
            for the greatest value of the reference.
    """
    if candidate.shape != reference.shape:
        return float("inf")
    if not is_float(reference.dtype) or not reference.size:
        return 0.0
    distance = np.nan_to_num(np.abs(candidate.astype(np.float64) - reference))
    distance = distance if mask is None else distance[mask]
    return float(distance.max(initial=0.0)) / (float(np.nan_to_num(np.abs(reference)).max()) or 1.0)


@np.errstate(invalid="ignore", over="ignore")
def rms_difference(candidate: Array, reference: Array) -> float:
    """Return the root mean square difference, in the arrays' precision.

    NaN if any value is NaN, 0 for empty arrays.
    """
    return float(np.sqrt(np.mean(np.square(candidate - reference)))) if reference.size else 0.0


@np.errstate(invalid="ignore", over="ignore")
def relative_rms_difference(candidate: Array, reference: Array) -> float:
    """Return the root mean square difference as a share of the reference's root mean square.

    NaN if any value is NaN; 0 if the candidate holds no floats, the shapes differ, or the reference is empty
    or all zeros.
    """
    if not is_float(candidate.dtype) or candidate.shape != reference.shape or not reference.size:
        return 0.0
    size = float(np.sqrt(np.mean(np.square(reference))))
    return rms_difference(candidate, reference) / size if size else 0.0


def expand_row_mask(mask: npt.NDArray[np.bool_], values: Array) -> npt.NDArray[np.bool_]:
    """Return a mask over rows in a shape that broadcasts with `values`, whose first axis are the rows."""
    return mask.reshape((-1,) + (1,) * (values.ndim - 1))

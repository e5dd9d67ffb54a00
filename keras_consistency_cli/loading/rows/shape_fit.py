"""Whether an array fits an input of the model, and if not, code that makes it fit.

Keras takes some arrays of a different shape silently; these rules are here as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.distance import is_float, is_text

__all__ = [
    "DtypeClash",
    "find_dtype_clash",
    "fits",
    "is_taken_silently",
    "suggest_shape_fix",
]

Shape = tuple[int, ...]

_MAX_SAMPLED = 1000
"""Values that are read to see whether floats are whole numbers: enough to tell ids from measurements."""
_MAX_RANK = 5
"""Axes of larger arrays are not permuted: such advice could not be followed."""


@dataclass(frozen=True, kw_only=True)
class DtypeClash:
    """The reason why an input does not take a dtype, and the code that fixes it."""

    reason: str
    fix: str


def fits(shape: Sequence[int], expected: Sequence[int | None]) -> bool:
    """Whether rows of `shape` can be fed to an input of shape `expected`.

    Axis 0 is the batch in both and may have any length.
    """
    return len(shape) == len(expected) and all(
        wanted is None or size == wanted for size, wanted in zip(shape[1:], expected[1:], strict=True)
    )


def is_taken_silently(shape: Sequence[int], expected: Sequence[int | None], lenient: str) -> bool:
    """Whether Keras takes rows of this undeclared shape without an error.

    Args:
        shape: of the rows, batch first.
        expected: of the input.
        lenient: `InputFact.lenient`.
    """
    adapted = adapt_last_axis(shape, expected) if lenient else None
    if adapted is None or len(expected) < 2 or not shape:
        return False
    if fits(adapted, expected):
        return True
    # Even a functional model takes one series (20, 1): Keras ignores the length if both shapes end in one.
    is_one_series = len(shape) == 2 and len(expected) == 3 and (shape[-1] == 1 or lenient == "length")
    has_other_length = (
        lenient == "length" and len(shape) == len(expected) and expected[-1] in (None, shape[-1])
    )
    return is_one_series or has_other_length


def adapt_last_axis(shape: Sequence[int], expected: Sequence[int | None]) -> Shape | None:
    """Return the shape after Keras adds or drops a last axis of one.

    None if the rank does not agree even then.
    """
    if len(shape) == len(expected) - 1 and expected[-1] == 1:
        return (*shape, 1)
    if len(shape) == len(expected) + 1 and shape[-1] == 1:
        return tuple(shape[:-1])
    return tuple(shape) if len(shape) == len(expected) else None


def suggest_shape_fix(shape: Shape, expected: Sequence[int | None]) -> str | None:
    """Return code that brings an array `x` into the expected shape, such as "x[..., None]".

    None if no simple step does.
    """
    candidates = _list_candidates(shape, tuple(expected))
    return next((code for code, changed in candidates if fits(changed, expected)), None)


def _list_candidates(shape: Shape, expected: tuple[int | None, ...]) -> Iterator[tuple[str, Shape]]:
    """Likely fixes and the shape after each one, most likely first."""
    yield "x[None]", (1, *shape)
    yield "x[..., None]", (*shape, 1)
    yield "x[:, None]", (shape[0], 1, *shape[1:])
    if len(shape) > 1 and shape[-1] == 1:
        yield "x[..., 0]", shape[:-1]
    if len(shape) > 2 and shape[1] == 1:
        yield "x[:, 0]", (shape[0], *shape[2:])
    if len(shape) > 1 and shape[0] == 1:
        yield "x[0]", shape[1:]
    if 2 <= len(shape) <= _MAX_RANK:
        for axes in permutations(range(len(shape))):
            yield f"x.transpose({', '.join(map(str, axes))})", tuple(shape[axis] for axis in axes)
    yield from _list_reshapes(shape, expected)


def _list_reshapes(shape: Shape, expected: tuple[int | None, ...]) -> Iterator[tuple[str, Shape]]:
    """The reshape that keeps every row in one piece; a flat array may be cut into rows."""
    row = [size for size in expected[1:] if size is not None]
    if not row or len(row) != len(expected) - 1:
        return
    rows, rest = divmod(math.prod(shape), math.prod(row) or 1)
    if rest == 0 and (len(shape) == 1 or rows == shape[0]):
        yield f"x.reshape(-1, {', '.join(map(str, row))})", (rows, *row)


def find_dtype_clash(array: npt.NDArray[Any], wanted: str) -> DtypeClash | None:
    """Return why an input of dtype `wanted` does not take these rows, or None.

    Strings go to string inputs only. Integers and booleans go to any other input, and floats go to integer
    inputs if the first thousand values are whole. An unknown dtype ("") takes anything.
    """
    if not wanted:
        return None
    if wanted == "string":
        return None if is_text(array.dtype) else DtypeClash(reason="takes strings", fix="x.astype(str)")
    if is_text(array.dtype):
        kind = "float32" if "float" in wanted else "int64"
        return DtypeClash(reason=f"takes numbers ({wanted})", fix=f"x.astype(np.{kind})")
    if is_float(array.dtype) and wanted.startswith(("int", "uint", "bool")) and not _is_whole(array):
        return DtypeClash(
            reason=f"takes whole numbers ({wanted}), and not all values are whole",
            fix="pass the ids, not scaled values; x.astype(np.int64) if rounding is intended",
        )
    return None


def _is_whole(array: npt.NDArray[Any]) -> bool:
    values_per_row = max(1, math.prod(array.shape[1:]))
    # Rows are cut first: to flatten a mapped array would read all of it.
    values = array[: -(-_MAX_SAMPLED // values_per_row)].ravel()[:_MAX_SAMPLED]
    return bool(np.all(np.isfinite(values)) and np.all(values == np.floor(values)))

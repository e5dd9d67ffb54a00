"""Does an array fit an input of the model, and if not, which line of NumPy would make it fit?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["dtype_clash", "fits", "mending", "repaired", "taken_silently"]

Shape = tuple[int, ...]

_LOOKED_AT = 1000
"""How many values are looked at to see whether floats are whole numbers: cheap for any file, and enough to tell ids from measurements."""
_MAX_RANK = 5
"""Axes of larger arrays are not permuted: nobody could follow the advice."""


def fits(shape: Sequence[int], expected: Sequence[int | None]) -> bool:
    """Whether rows of `shape` can be fed to an input of shape `expected`; axis 0 is the batch in both and may have any length."""
    return len(shape) == len(expected) and all(
        want is None or have == want for have, want in zip(shape[1:], expected[1:], strict=True)
    )


def taken_silently(shape: Sequence[int], expected: Sequence[int | None], lenient: str) -> bool:
    """Whether Keras takes rows of this shape without a word, although they are not of the shape that the input declares.

    Args:
        shape: of the rows, batch first.
        expected: of the input.
        lenient: `InputFact.lenient`.
    """
    made = repaired(shape, expected) if lenient else None
    if made is None or len(expected) < 2 or not shape:
        return False
    if fits(made, expected):
        return True
    # Even a functional model takes one series (20, 1): Keras overlooks the length where both shapes end in one.
    lone_series = len(shape) == 2 and len(expected) == 3 and (shape[-1] == 1 or lenient == "length")
    other_length = lenient == "length" and len(shape) == len(expected) and expected[-1] in (None, shape[-1])
    return lone_series or other_length


def repaired(shape: Sequence[int], expected: Sequence[int | None]) -> Shape | None:
    """Return the shape that Keras makes of rows of `shape`: a last axis of one is added or dropped where the rank asks for it; None elsewhere."""
    if len(shape) == len(expected) - 1 and expected[-1] == 1:
        return (*shape, 1)
    if len(shape) == len(expected) + 1 and shape[-1] == 1:
        return tuple(shape[:-1])
    return tuple(shape) if len(shape) == len(expected) else None


def mending(shape: Shape, expected: Sequence[int | None]) -> str | None:
    """Return code that brings an array `x` of `shape` into the form `expected`, such as "x[..., None]", or None where nothing obvious does."""
    return next((code for code, new in _candidates(shape, tuple(expected)) if fits(new, expected)), None)


def _candidates(shape: Shape, expected: tuple[int | None, ...]) -> Iterator[tuple[str, Shape]]:
    """Likely repairs with the shape each would give, likeliest first."""
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
    yield from _reshapes(shape, expected)


def _reshapes(shape: Shape, expected: tuple[int | None, ...]) -> Iterator[tuple[str, Shape]]:
    """The reshape that leaves every row in one piece; a flat array may be cut into rows."""
    row = [want for want in expected[1:] if want is not None]
    if not row or len(row) != len(expected) - 1:
        return
    rows, rest = divmod(math.prod(shape), math.prod(row) or 1)
    if rest == 0 and (len(shape) == 1 or rows == shape[0]):
        yield f"x.reshape(-1, {', '.join(map(str, row))})", (rows, *row)


def dtype_clash(array: npt.NDArray[Any], wanted: str) -> tuple[str, str] | None:
    """Return why rows of this dtype cannot be fed to an input of dtype `wanted`, and the code that mends it; None where they can.

    Strings go to string inputs only, integers and booleans to any other, floats to integer inputs where the first thousand values are whole.
    An unknown dtype ("") takes anything.
    """
    if not wanted:
        return None
    text = array.dtype.kind in "SU"
    if wanted == "string":
        return None if text else ("which takes strings", "x.astype(str)")
    if text:
        return (
            f"which takes numbers ({wanted})",
            f"x.astype(np.{'float32' if 'float' in wanted else 'int64'})",
        )
    if array.dtype.kind == "f" and wanted.startswith(("int", "uint", "bool")) and not _whole(array):
        fix = "give the ids, not scaled values; x.astype(np.int64) if rounding is meant"
        return f"which takes whole numbers ({wanted}), and not all values are whole", fix
    return None


def _whole(array: npt.NDArray[Any]) -> bool:
    per_row = max(1, math.prod(array.shape[1:]))
    # Rows first: flattening a mapped array would read all of it.
    values = array[: -(-_LOOKED_AT // per_row)].ravel()[:_LOOKED_AT]
    return bool(np.all(np.isfinite(values)) and np.all(values == np.floor(values)))

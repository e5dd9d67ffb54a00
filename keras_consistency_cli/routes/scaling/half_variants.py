"""Variants of rows beyond the range of float16: values become infinite, or are clipped before the cast.

Smaller values of the same rows are only rounded, so that a part of a column is far off and the rest is not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_consistency_cli.routes.served.mistakes import Array, ServedInput, Variant

__all__ = ["generate_half_variants", "generate_plain_half_variants"]

_LARGEST = float(np.finfo(np.float16).max)


def generate_half_variants(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows scaled from float16 that does not hold all raw values, and cast after scaling."""
    yield from generate_plain_half_variants(case.expected)
    if not _overflows(case.raw):
        return
    clipped = _cast_clipped(case.raw)
    # NumPy's own arithmetic in float16, and a scaler that takes the numbers in their dtype of before.
    for narrow in (clipped, clipped.astype(np.float64)):
        rows = case.scaling.apply(narrow)
        yield Variant(kind=f"float16-clipped-first:{_list_beyond(case.raw)}", rows=rows)
        if rows.shape == case.raw.shape:
            infinite = _make_infinite(rows, case.raw)
            yield Variant(kind=f"float16-overflow-first:{_list_beyond(case.raw)}", rows=infinite)


def generate_plain_half_variants(expected: Array) -> Iterator[Variant]:
    """Yield the right rows cast to float16, with and without clipping to its range."""
    if _overflows(expected):
        yield Variant(kind=f"float16-clipped:{_list_beyond(expected)}", rows=_cast_clipped(expected))
        with np.errstate(over="ignore"):
            infinite = expected.astype(np.float16)
        yield Variant(kind=f"float16-overflow:{_list_beyond(expected)}", rows=infinite)


def _overflows(rows: Array) -> bool:
    """Whether some finite values are beyond float16, but not all of them."""
    if rows.dtype.kind not in "fiu" or rows.dtype == np.float16:
        return False
    beyond = _is_beyond(rows)
    return bool(beyond.any() and not beyond.all())


def _is_beyond(rows: Array) -> Array:
    return np.asarray(np.isfinite(rows) & (np.abs(rows.astype(np.float64)) > _LARGEST))


def _list_beyond(rows: Array) -> str:
    """The positions of the columns with values beyond the range."""
    columns = _is_beyond(rows).reshape(-1, rows.shape[-1] if rows.ndim > 1 else 1).any(axis=0)
    return ",".join(map(str, np.flatnonzero(columns)))


def _cast_clipped(rows: Array) -> Array:
    return np.clip(rows.astype(np.float64), -_LARGEST, _LARGEST).astype(np.float16)


def _make_infinite(scaled: Array, raw: Array) -> Array:
    """Put infinity where float16 gives it: scaling keeps it."""
    wide = np.asarray(scaled, dtype=np.float64)
    return np.where(_is_beyond(raw), np.copysign(np.inf, raw), wide)

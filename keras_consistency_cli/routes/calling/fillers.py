"""Batches in which some rows are kept and all neighbours are replaced. Pure NumPy.

No model is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from keras_consistency_cli.measurement.distance import expand_row_mask
from keras_consistency_cli.routes.base import Precision

__all__ = ["ENDLESS_FILLERS", "REAL_ROWS", "Replacement", "keep_masks", "replace_neighbours", "replacements"]

REAL_ROWS = "other rows"
"""The filler that consists of real rows; all other fillers may be refused by a model."""
_COPIES = "copies"
"""The filler that repeats the one kept row."""
_EXTREME_FILLERS = (_COPIES, "zeros", "huge values", "NaN")
ENDLESS_FILLERS = ("huge values", "NaN")
"""Fillers with which a loop that waits for numbers to agree may never end."""
_HUGE = 1e30


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """One batch to run: its size, the positions that keep their row, and the filler."""

    size: int
    keep: np.ndarray
    filler: str


def keep_masks(size: int, *, few: bool = False) -> Iterator[np.ndarray]:
    """Yield masks of kept positions: first, middle and last alone, then halves; if `few`, only halves.

    For every ordered pair of positions there is a mask that keeps the first and replaces the second.
    """
    if not few:
        yield from _single_masks(size)
    positions = np.arange(size)
    for bit in range(max(size - 1, 1).bit_length()):
        for value in (0, 1):
            mask = (positions >> bit) & 1 == value
            if 0 < mask.sum() < size:
                yield mask


def _single_masks(size: int) -> Iterator[np.ndarray]:
    for position in sorted({0, size // 2, size - 1}):
        yield np.arange(size) == position


def replacements(
    size: int, second_size: int | None, precision: Precision, *, few: bool = False
) -> Iterator[Replacement]:
    """Yield the batches to run.

    Real rows replace the neighbours of single rows, at two batch sizes; in float32 also those of half the
    batch, and extreme fillers replace those of the first and the last row.

    Args:
        size: rows of a batch.
        second_size: rows of a batch of another size, None for none.
        precision: that of the model that is run.
        few: in float32, leave out batches that repeat a question. The halves replace each row beside each
            kept one already, and one batch of each extreme filler but copies keeps both ends.
    """
    masks = keep_masks(size, few=few) if precision == "float32" else _single_masks(size)
    yield from (Replacement(size=size, keep=mask, filler=REAL_ROWS) for mask in masks)
    if second_size is not None:
        for mask in _single_masks(second_size):
            yield Replacement(size=second_size, keep=mask, filler=REAL_ROWS)
    if precision == "float32":
        for filler in _EXTREME_FILLERS:
            ends = _end_masks(size, are_one=few and filler != _COPIES)
            yield from (Replacement(size=size, keep=mask, filler=filler) for mask in ends)


def _end_masks(size: int, *, are_one: bool) -> Iterator[np.ndarray]:
    """Yield the masks that keep the first row, and the last one; if `are_one`, a single mask for both."""
    positions = np.arange(size)
    first, last = positions == 0, positions == size - 1
    yield from [first | last] if are_one and size > 2 else [first, last]


def replace_neighbours(values: np.ndarray, replacement: Replacement, *, any_number: bool) -> np.ndarray:
    """Return one input's batch with the kept rows in place and the filler everywhere else.

    Args:
        values: rows of one input, at least as many as the batch needs.
        replacement: the batch to build.
        any_number: whether the input accepts every number, so that a filler may lie outside its range.
    """
    batch = values[: replacement.size]
    if replacement.filler == _COPIES:
        return np.repeat(batch[replacement.keep], len(batch), axis=0)
    if replacement.filler == REAL_ROWS or batch.dtype.kind == "b":
        filler = _real_rows(values, replacement.size, any_number=any_number)
    elif batch.dtype.kind in "US":
        filler = np.broadcast_to(_extreme_text(values, replacement.filler), batch.shape)
    else:
        extreme = _extreme_value(batch, replacement.filler, any_number=any_number)
        filler = np.broadcast_to(np.asarray(extreme, batch.dtype), batch.shape)
    return np.where(expand_row_mask(replacement.keep, batch), batch, filler)


def _extreme_value(values: np.ndarray, filler: str, *, any_number: bool) -> float | np.ndarray:
    if any_number:
        huge = _HUGE if values.dtype.itemsize >= 4 else 6e4
        return {"zeros": 0.0, "huge values": huge, "NaN": np.nan}[filler]
    # Whole numbers may index a table: fillers stay inside the range of each column of the rows themselves.
    return np.asarray(values.max(axis=0) if filler == "huge values" else values.min(axis=0))


def _extreme_text(values: np.ndarray, filler: str) -> np.ndarray:
    """Return the longest text of each column for "huge values", else the shortest.

    Where texts are padded to the longest one of the batch, only their lengths have an effect.
    """
    flat = values.reshape(len(values), -1)
    lengths = np.char.str_len(flat)
    rows = lengths.argmax(axis=0) if filler == "huge values" else lengths.argmin(axis=0)
    chosen: np.ndarray = flat[rows, np.arange(flat.shape[1])]
    return chosen.reshape(values.shape[1:])


def _real_rows(values: np.ndarray, size: int, *, any_number: bool) -> np.ndarray:
    """Return the rows that replace those of the batch.

    They are later rows of the data, else the batch shifted by one.

    If the input accepts every number, rows that equal the replaced ones are changed.
    """
    later = values[size : 2 * size]
    rows = later if len(later) == size else np.roll(values[:size], 1, axis=0)
    if not any_number:
        return rows
    equal = (rows == values[:size]).reshape(size, -1).all(axis=1)
    return np.where(expand_row_mask(equal, values), (values[:size] * 1.5 + 1).astype(values.dtype), rows)

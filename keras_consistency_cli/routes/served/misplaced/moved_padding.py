"""Served rows that are padded, or cut, at the other end than the expected rows.

Such a row is the expected row, moved along time by its own number of places. A row that was too long holds
the other end of its values: the two ends have some in common.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from keras_consistency_cli.routes.served.mistakes import Array

__all__ = ["MovedRows", "find_moved_padding"]

_TOLERANCE = 1e-5
"""Relative, because moved values are copies: a cast to float32 costs less."""
_LEAST_VALUES = 3
"""Values of a row that are unlikely to be in other places by chance."""
_TELLING_ROWS = 3
_LEAST_SHARE = 0.5
_LEAST_EVIDENCE = 20.0
"""In bits: values in common are chance with a probability of 2 to the minus this."""
_SAMPLE = 64
_MOST_COMPARED = 2 * 10**8
_PADDED = {1: "before the values instead of after them", -1: "after the values instead of before them"}
_CUT = {1: "its first values instead of its last ones", -1: "its last values instead of its first ones"}


@dataclass(frozen=True, kw_only=True)
class MovedRows:
    """Rows that are moved in one way: the kind of mistake, and for each row whether it has it."""

    kind: str
    mask: Array


@dataclass(frozen=True, kw_only=True)
class _Edges:
    """For each row, the padding before its values and after them."""

    before: Array
    after: Array

    @classmethod
    def of(cls, steps: Array, padding: Array) -> _Edges:
        """Count the time steps that are padding."""
        is_padding: Array = np.asarray(_are_equal(steps, padding).all(axis=-1))
        length = steps.shape[1]
        first, last = np.argmin(is_padding, axis=1), np.argmin(is_padding[:, ::-1], axis=1)
        empty = is_padding.all(axis=1)
        return cls(before=np.where(empty, length, first), after=np.where(empty, length, last))


def find_moved_padding(served: Array, expected: Array, wrong: Array) -> list[MovedRows]:
    """Return the rows that are padded or cut at the other end; nothing if most wrong rows are not.

    Args:
        served: the served rows, (rows, time steps) or (rows, time steps, channels).
        expected: the expected rows, of the same shape.
        wrong: for each row whether it is wrong.
    """
    if expected.ndim not in (2, 3) or not wrong.any() or expected.shape[1] <= _LEAST_VALUES:
        return []
    ours, theirs = (rows.reshape(*rows.shape[:2], -1)[wrong] for rows in (served, expected))
    moves = [_find_moved(ours, theirs, padding) for padding in _suggest_paddings(theirs)]
    moved = max(moves, key=lambda each: int(np.count_nonzero(each)), default=np.zeros(len(ours), np.int64))
    # The columns of a table that are exchanged in one way move by the same number of places in all rows.
    if expected.ndim == 2 and len(np.unique(moved[moved != 0])) < 2:
        moved = np.zeros_like(moved)
    cut = _find_cut(ours, theirs, moved == 0)
    if len(np.unique(cut[cut != 0])) + np.any(moved) < 2:
        cut = np.zeros_like(cut)
    if np.count_nonzero(moved) + np.count_nonzero(cut) < max(_LEAST_SHARE * len(ours), 1):
        return []
    found = (("padding-side", _PADDED, moved), ("cut-side", _CUT, cut))
    return [
        MovedRows(kind=f"{kind}:{words[int(np.sign(places.sum()))]}", mask=_spread(places != 0, wrong))
        for kind, words, places in found
        if places.any()
    ]


def _spread(mask: Array, wrong: Array) -> Array:
    """Return the mask of all rows from that of the wrong ones."""
    spread = np.zeros(len(wrong), dtype=bool)
    spread[wrong] = mask
    return spread


def _suggest_paddings(steps: Array) -> Iterator[Array]:
    """Yield zeros, and the time steps with which several rows begin or end."""
    yield np.zeros(steps.shape[-1])
    for edge in (steps[:, 0], steps[:, -1]):
        values, counts = np.unique(edge, axis=0, return_counts=True)
        if counts.max() > 1:
            yield values[np.argmax(counts)]


def _find_moved(served: Array, expected: Array, padding: Array) -> Array:
    """Return for each row by how many places it is moved within this padding; 0 if it is not."""
    ours, theirs = _Edges.of(served, padding), _Edges.of(expected, padding)
    places = ours.before - theirs.before
    length = served.shape[1]
    sources = (np.arange(length) - places[:, None]) % length
    is_moved = _are_equal(served, np.take_along_axis(expected, sources[..., None], axis=1)).all(axis=(1, 2))
    # All padding must be on one side: before the values there, and after them here, or the other way round.
    later, earlier = (ours.after == 0) & (theirs.before == 0), (ours.before == 0) & (theirs.after == 0)
    values = length - theirs.before - theirs.after
    is_moved &= (ours.before + ours.after == theirs.before + theirs.after) & (places != 0)
    ways = [np.where(is_moved & side, places, 0) for side in (later & (places > 0), earlier & (places < 0))]
    best = max(ways, key=lambda each: int(np.count_nonzero(each)))
    telling = (best != 0) & (values >= _LEAST_VALUES) & _vary(expected, padding)
    return best if telling.sum() >= min(_TELLING_ROWS, len(served)) else np.zeros_like(best)


def _vary(steps: Array, padding: Array) -> Array:
    """Whether a row has at least two different values that are not padding."""
    is_value = ~_are_equal(steps, padding)
    low = np.where(is_value, steps, np.inf).min(axis=(1, 2))
    return np.asarray(low < np.where(is_value, steps, -np.inf).max(axis=(1, 2)))


def _find_cut(served: Array, expected: Array, candidates: Array) -> Array:
    """Return for each of the candidates by how many places the two ends of a long row differ, else 0.

    It is positive if the expected row is the end of the long row, and the served one its beginning.
    """
    rows, length = np.flatnonzero(candidates), served.shape[1]
    places = np.zeros(len(served), dtype=np.int64)
    if not len(rows) or served[rows].size * length > _MOST_COMPARED:
        return places
    ways = []
    for sign, later, earlier in ((1, served, expected), (-1, expected, served)):
        found = places.copy()
        for step in range(1, length - _count_telling_values(expected[rows]) + 1):
            left = rows[found[rows] == 0]
            near = left[_are_equal(later[left, step], earlier[left, 0]).all(axis=-1)]
            ends = later[near, step:], earlier[near, : length - step]
            same = _are_equal(*ends).all(axis=(1, 2)) & (np.ptp(ends[0], axis=1) > 0).any(axis=-1)
            found[near[same]] = sign * step
        ways.append(found)
    best = max(ways, key=lambda each: int(np.count_nonzero(each)))
    return best if np.count_nonzero(best) >= min(_TELLING_ROWS, len(rows)) else places


def _count_telling_values(steps: Array) -> int:
    """Return how many time steps two rows must have in common, so that this is no chance."""
    flat = steps[:_SAMPLE].reshape(-1, steps.shape[-1])
    counts = np.unique(flat, axis=0, return_counts=True)[1]
    bits = -math.log2(float(np.square(counts / counts.sum()).sum()))
    return max(_LEAST_VALUES + 1, math.ceil(_LEAST_EVIDENCE / max(bits, 1e-9)))


def _are_equal(left: Array, right: Array) -> Array:
    return np.asarray(np.isclose(left, right, rtol=_TOLERANCE, atol=1e-12, equal_nan=True))

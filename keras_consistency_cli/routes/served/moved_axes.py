"""Served rows whose columns, channels or axes are in a different place, exactly or nearly.

A different interpolation or a lossy format moves values a little. Then the right values in other places are
still much nearer to the served ones than the right values in their own places.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from keras_consistency_cli.routes.scaling.column_distance import ColumnComparison, is_beyond_limit
from keras_consistency_cli.routes.served.mistakes import Array, Mistake, Variant

__all__ = ["find_moved_columns", "find_nearly_moved", "find_nearly_moved_rows", "generate_axis_variants"]

_FEWEST = 8
"""Rows and time steps in which a column must have the values of another one."""
_FIRST = 16
_MOST_AXES = 3
_TURNED = "images-turned"
_MOST_CHANNELS = 16
_FEWEST_VALUES = 64
"""Values of a row whose own move can be found; fewer may be nearer in other places by chance."""
_NEARER, _NEAR = 0.25, 0.3
"""How much nearer to the served values the moved ones must be than the ones in place, and how near, in
spreads."""


def find_moved_columns(comparison: ColumnComparison, columns: list[int], distances: Array) -> Mistake | None:
    """Return the columns that have the values of other columns, with the columns they were made from."""
    if len(comparison.expected) < _FEWEST:
        return None
    sources = {
        column: source for column in columns if (source := _find_source(comparison, column)) is not None
    }
    if not sources:
        return None
    return Mistake(
        kind="other-columns",
        columns=tuple(sources),
        off=float(distances[list(sources)].max()),
        sources=tuple(sources.values()),
    )


def _find_source(comparison: ColumnComparison, column: int) -> int | None:
    """Return the first other column that varies and has the served values."""
    served, expected, limit = comparison.served[:, column], comparison.expected, comparison.limit
    head = is_beyond_limit(served[:_FIRST, None], expected[:_FIRST], limit)
    for source in np.flatnonzero(~head.any(axis=0)):
        varies = np.ptp(expected[:, source]) > 0
        if (
            source != column
            and varies
            and not is_beyond_limit(served, expected[:, source], limit[source]).any()
        ):
            return int(source)
    return None


@dataclass(frozen=True, kw_only=True)
class _Move:
    """One way to move values, and the rows that it gives.

    Attributes:
        kind: the kind of mistake where served rows have exactly these values.
    """

    words: str
    rows: Array
    kind: str = "axes-moved"


def generate_axis_variants(expected: Array) -> Iterator[Variant]:
    """Yield the rows with axes exchanged, reversed or reshaped into each other, and images turned."""
    for move in _generate_moves(expected):
        yield Variant(kind=f"{move.kind}:{move.words}", rows=move.rows)
    for move in _generate_reshapes(expected):
        yield Variant(kind=f"axes-reshaped:{move.words}", rows=move.rows)


def _generate_moves(rows: Array) -> Iterator[_Move]:
    """Yield the moves of axes that keep the shape; the last axis alone is left to its columns."""
    axes = range(1, rows.ndim)
    if not 2 < rows.ndim <= _MOST_AXES + 1:
        return
    for order in itertools.permutations(axes):
        moved = rows.transpose(0, *order)
        if order != tuple(axes) and moved.shape == rows.shape:
            yield _Move(words=f"its axes in the order {', '.join(map(str, order))}", rows=moved)
    if rows.ndim == _MOST_AXES + 1:
        yield from _generate_turns(rows)
        return
    yield _Move(words="their time steps in reverse order", rows=np.flip(rows, 1), kind="steps-reversed")


def _generate_turns(images: Array) -> Iterator[_Move]:
    """Yield the images mirrored and rotated, as far as that keeps their shape."""
    for axis, words in ((1, "mirrored from top to bottom"), (2, "mirrored from left to right")):
        yield _Move(words=words, rows=np.flip(images, axis), kind=_TURNED)
    for quarters in (1, 2, 3):
        rows = np.rot90(images, quarters, axes=(1, 2))
        if rows.shape == images.shape:
            yield _Move(words=f"rotated by {90 * quarters} degrees", rows=rows, kind=_TURNED)


def _generate_reshapes(rows: Array) -> Iterator[_Move]:
    """Yield the rows after reshape() where axes had to be transposed, on the way to the model or before."""
    if not 2 < rows.ndim <= _MOST_AXES + 1:
        return
    axes = range(1, rows.ndim)
    for order in itertools.permutations(axes):
        there = rows.transpose(0, *order)
        if order == tuple(axes):
            continue
        listed = ", ".join(map(str, order))
        yield _Move(words=f"its axes in the order {listed}, then reshaped", rows=there.reshape(rows.shape))
        back = np.argsort((0, *order))
        yield _Move(
            words=f"its values reshaped, then its axes in the order {', '.join(map(str, back[1:]))}",
            rows=rows.reshape(there.shape).transpose(*back),
        )


def find_nearly_moved(served: Array, expected: Array) -> Mistake | None:
    """Return the move after which the expected rows are nearly the served ones, for all columns."""
    if served.size == 0 or not (np.isfinite(served).all() and np.isfinite(expected).all()):
        return None
    in_place, spread = _measure_error(served, expected), float(np.std(served.astype(np.float64)))
    moves = [*_generate_moves(expected), *_generate_channel_moves(served, expected)]
    errors = [_measure_error(served, move.rows) for move in moves]
    if not errors or spread == 0 or min(errors) > min(_NEARER * in_place, _NEAR * spread):
        return None
    features, move = expected.shape[-1], moves[errors.index(min(errors))]
    return Mistake(
        kind=_name_nearly(move),
        columns=tuple(range(features)),
        off=in_place / spread,
    )


def find_nearly_moved_rows(served: Array, expected: Array) -> dict[str, Array] | None:
    """Return by kind of mistake the positions of the rows that are nearly the expected ones, moved.

    Each row has its own move: a camera is held in different ways. The rest are the rows of the key "unknown".
    None if most rows are not nearer in any place than in their own.
    """
    moves = list(_generate_moves(expected))
    if not moves or expected[:1].size < _FEWEST_VALUES:
        return None
    if not (np.isfinite(served).all() and np.isfinite(expected).all()):
        return None
    errors = np.stack([_measure_rows(served, move.rows) for move in moves])
    spreads = served.reshape(len(served), -1).std(axis=1, dtype=np.float64)
    limit = np.minimum(_NEARER * _measure_rows(served, expected), _NEAR * spreads)
    best = np.where(errors.min(axis=0) < limit, errors.argmin(axis=0), -1)
    if 2 * (best >= 0).sum() <= len(best):
        return None
    kinds = {
        int(number): _name_nearly(moves[number]) if number >= 0 else "unknown" for number in np.unique(best)
    }
    # Those of most rows come first, and the unknown ones last.
    ordered = sorted(kinds, key=lambda number: (number < 0, -int((best == number).sum())))
    return {kinds[number]: np.flatnonzero(best == number) for number in ordered}


def _name_nearly(move: _Move) -> str:
    return f"{'images-nearly-turned' if move.kind == _TURNED else 'nearly-moved'}:{move.words}"


def _measure_rows(candidate: Array, reference: Array) -> Array:
    """The root of the mean squared difference of each row."""
    squares = np.square(np.subtract(candidate, reference, dtype=np.float64))
    return np.asarray(np.sqrt(squares.reshape(len(squares), -1).mean(axis=1)))


def _generate_channel_moves(served: Array, expected: Array) -> Iterator[_Move]:
    """Yield the rows with each channel in the place of the served one that it is nearest to."""
    features = expected.shape[-1]
    if not (expected.ndim > 1 and 1 < features <= _MOST_CHANNELS):
        return
    errors = [
        [_measure_error(served[..., here], expected[..., there]) for there in range(features)]
        for here in range(features)
    ]
    order = [int(np.argmin(row)) for row in errors]
    if sorted(order) == list(range(features)) and order != sorted(order):
        name = "channels" if expected.ndim > _MOST_AXES else "columns"
        yield _Move(words=f"its {name} in the order {', '.join(map(str, order))}", rows=expected[..., order])


def _measure_error(candidate: Array, reference: Array) -> float:
    return float(np.sqrt(np.square(np.subtract(candidate, reference, dtype=np.float64)).mean()))

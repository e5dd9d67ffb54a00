"""Cutting rows into batches and joining their outputs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.trace import Outputs, Rows

__all__ = [
    "AXIS_LOST",
    "SHAPE_VARIES",
    "check_row_axis",
    "choose_batch",
    "count_rows",
    "count_steps",
    "find_nonfinite_rows",
    "first_batch",
    "join_outputs",
    "mark_nonfinite_rows",
    "select_rows",
    "split_batches",
]

_SHARE_OF_BAD_ROWS = 4

SHAPE_VARIES = "the shape of an output depends on the batch size"
AXIS_LOST = "an output has no row axis if the batch is a single row"


def count_rows(rows: Rows) -> int:
    """Return the number of rows."""
    return len(next(iter(rows.values())))


def select_rows(rows: Rows, positions: np.ndarray) -> Rows:
    """Return the rows at these positions."""
    return {name: values[positions] for name, values in rows.items()}


def find_nonfinite_rows(rows: Rows) -> dict[str, np.ndarray]:
    """Return, for each input, which rows hold a NaN or an infinity."""
    nonfinite: dict[str, np.ndarray] = {}
    for name, values in rows.items():
        finite = np.isfinite(values) if is_float(values.dtype) else np.ones(values.shape, dtype=bool)
        nonfinite[name] = np.logical_not(finite.reshape(len(values), -1).all(axis=1))
    return nonfinite


def mark_nonfinite_rows(rows: Rows) -> np.ndarray:
    """Return whether each row holds a NaN or an infinity in any input."""
    return np.asarray(np.any(list(find_nonfinite_rows(rows).values()), axis=0))


def first_batch(rows: Rows, size: int) -> Rows:
    """Return the first batch of `size` rows."""
    return next(split_batches(rows, size))


def count_steps(rows: Rows) -> int:
    """Return the number of time steps: the longest second axis of an input, 0 without one."""
    return max((values.shape[1] for values in rows.values() if values.ndim > 1), default=0)


def choose_batch(rows: Rows, size: int) -> np.ndarray:
    """Return the positions of a batch of `size` rows: the first, or one with a few rows of NaN or infinity.

    One batch answers most questions, but rows that are not finite may be anywhere. The batch is one that
    predict runs too, because a model that mixes rows gives a row other outputs among other rows.
    """
    is_bad = mark_nonfinite_rows(rows)
    wanted = max(1, size // _SHARE_OF_BAD_ROWS)

    def usefulness(start: int) -> tuple[bool, int]:
        bad, length = int(is_bad[start : start + size].sum()), len(is_bad[start : start + size])
        return 0 < bad < max(2, length), min(bad, wanted)

    best = max(range(0, len(is_bad), size), key=usefulness)
    return np.arange(best, min(best + size, len(is_bad)))


def split_batches(rows: Rows, size: int) -> Iterator[Rows]:
    """Cut rows into batches of `size`; the last one may be shorter."""
    for start in range(0, count_rows(rows), size):
        yield {name: values[start : start + size] for name, values in rows.items()}


def join_outputs(parts: Sequence[Outputs]) -> dict[str, np.ndarray]:
    """Concatenate the outputs of batches.

    An output without a row axis becomes one value per batch.

    Raises:
        ValueError: batches of different sizes give rows of different shapes; the message begins with
            `SHAPE_VARIES` or `AXIS_LOST`.
    """
    for name in parts[0]:
        check_row_axis(name, {part[name].shape for part in parts})
        shapes = sorted({part[name].shape[1:] for part in parts})
        if len(shapes) > 1:
            raise ValueError(
                f"{SHAPE_VARIES}: rows of output '{name}' have shape {shapes[0]} or {shapes[-1]}"
            )
    return {name: np.concatenate([np.atleast_1d(part[name]) for part in parts]) for name in parts[0]}


def check_row_axis(name: str, shapes: Collection[tuple[int, ...]]) -> None:
    """Check that an output has the same number of axes for batches of every size.

    Args:
        name: name of the output.
        shapes: its shapes in the batches.

    Raises:
        ValueError: one of them has fewer axes than another; the message begins with `AXIS_LOST`.
    """
    shortest, longest = min(shapes, key=len), max(shapes, key=len)
    if len(shortest) < len(longest):
        raise ValueError(f"{AXIS_LOST}: output '{name}' has shape {shortest} or {longest}")

"""One-pass statistics of rows.

Chunks of any size, in any order, add up to the same facts, in memory that does not grow with the data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.data_facts import QUANTILES, ColumnFact, RowsFact
from keras_consistency_cli.text import clean

__all__ = ["MOST_COLUMNS", "Statistics"]

Floats = npt.NDArray[np.float64]

MOST_COLUMNS = 4096
"""Rows with more features are described as one column of all their values."""
_SAMPLE_VALUES = 2**21
_SAMPLE_ROWS = (256, 8192)
"""Fewest and most sampled rows; in between, as many as fit into `_SAMPLE_VALUES`."""
_LISTED_BAD = 5


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Statistics of some rows of one input.

    `a + b` are the statistics of both sets of rows together. `sample` holds the rows whose numbers have
    the lowest hashes, and `ranks` these hashes, in any order. So the sample does not depend on how the
    rows were cut into chunks. Columns are features of the last axis; the axes between count as more
    rows.
    """

    shape: tuple[int, ...]
    rows: int
    count: npt.NDArray[np.int64]
    nan: npt.NDArray[np.int64]
    inf: npt.NDArray[np.int64]
    mean: Floats
    squares: Floats
    low: Floats
    high: Floats
    sample: Floats
    ranks: npt.NDArray[np.uint64]
    bad_rows: int
    first_bad: tuple[int, ...]

    @classmethod
    def of(
        cls,
        values: npt.NDArray[np.generic],
        numbers: npt.NDArray[np.int64],
        padded: npt.NDArray[np.bool_] | None = None,
    ) -> Statistics:
        """Measure one chunk.

        Args:
            values: numbers, (rows, ...).
            numbers: the rows' numbers in the data; they decide which rows are sampled.
            padded: which time steps are padding, (rows, steps); they do not count.
        """
        flat = _flatten(values)
        positions = _number_steps(numbers, len(flat) // max(len(values), 1))
        hidden = None if padded is None else _hide(padded, values)
        # Most data are finite everywhere. Then nothing has to be masked, which would take most of the time.
        is_finite = bool(np.isfinite(values).all())
        bad = np.zeros(len(values), dtype=bool)
        if not is_finite:
            is_known = np.isfinite(flat) if hidden is None else np.isfinite(flat) | hidden
            bad = np.logical_not(is_known.reshape(len(values), -1).all(axis=1))
        nan_hidden: int | npt.NDArray[np.int64] = 0
        if hidden is not None and values.ndim > 2:
            is_true = ~hidden[:, 0]
            flat, positions = flat[is_true], positions[is_true]
        elif hidden is not None:
            flat, is_finite, nan_hidden = np.where(hidden, np.nan, flat), False, hidden.sum(axis=0)
        finite = np.ones((1, flat.shape[1]), dtype=bool) if is_finite else np.isfinite(flat)
        count = np.full(flat.shape[1], len(flat)) if is_finite else finite.sum(axis=0)
        mean = (flat if is_finite else np.where(finite, flat, 0.0)).sum(axis=0) / np.maximum(count, 1)
        deviations = flat - mean if is_finite else np.where(finite, flat - mean, 0.0)
        ranks, sample = _draw_sample(flat, positions)
        return cls(
            shape=values.shape[1:],
            rows=len(values),
            count=count,
            nan=np.zeros_like(count) if is_finite else np.isnan(flat).sum(axis=0) - nan_hidden,
            inf=np.zeros_like(count) if is_finite else np.isinf(flat).sum(axis=0),
            mean=mean,
            squares=np.einsum("ij,ij->j", deviations, deviations),
            low=(flat if is_finite else np.where(finite, flat, np.inf)).min(axis=0, initial=np.inf),
            high=(flat if is_finite else np.where(finite, flat, -np.inf)).max(axis=0, initial=-np.inf),
            sample=sample,
            ranks=ranks,
            bad_rows=int(bad.sum()),
            first_bad=tuple(numbers[bad][:_LISTED_BAD].tolist()),
        )

    def __add__(self, other: Statistics) -> Statistics:
        count = self.count + other.count
        weight = np.maximum(count, 1)
        difference = other.mean - self.mean
        ranks, sample = _merge_samples(self, other)
        return Statistics(
            shape=self.shape,
            rows=self.rows + other.rows,
            count=count,
            nan=self.nan + other.nan,
            inf=self.inf + other.inf,
            mean=self.mean + difference * other.count / weight,
            squares=self.squares + other.squares + np.square(difference) * self.count * other.count / weight,
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
            sample=sample,
            ranks=ranks,
            bad_rows=self.bad_rows + other.bad_rows,
            first_bad=tuple(sorted(self.first_bad + other.first_bad)[:_LISTED_BAD]),
        )

    @property
    def ordered(self) -> Floats:
        """The sample in the order of its ranks, which does not depend on the chunks."""
        return np.asarray(self.sample[np.argsort(self.ranks)])

    def finite(self, column: int) -> Floats:
        """Return the finite values of the sample in one column, in no particular order."""
        values = self.sample[:, column]
        return np.asarray(values[np.isfinite(values)])

    def describe(self, name: str, columns: Sequence[str] | None = None) -> RowsFact:
        """Return the statistics as plain data.

        Args:
            name: the input.
            columns: names of the features; if there are none, or not as many, their positions are used.
        """
        names = [str(position) for position in range(len(self.count))]
        if columns is not None and len(columns) == len(self.count):
            names = [clean(column) for column in columns]
        return RowsFact(
            input=name,
            rows=self.rows,
            shape=self.shape,
            columns=tuple(self._describe_column(position, column) for position, column in enumerate(names)),
            bad_rows=self.bad_rows,
            first_bad=self.first_bad,
        )

    @cached_property
    def _shapes(self) -> _Shapes | None:
        """The shapes of all columns at once, None if the sample is not finite everywhere."""
        return _Shapes.of(self.sample) if len(self.sample) and np.isfinite(self.sample).all() else None

    def _describe_column(self, at: int, name: str) -> ColumnFact:
        counted = ColumnFact(
            name=name, count=int(self.count[at]), nan=int(self.nan[at]), inf=int(self.inf[at])
        )
        shapes, at_shape = self._shapes, at
        if shapes is None:
            values = self.finite(at)
            if not len(values):
                return replace(counted, mean=math.nan, sd=math.nan, low=math.nan, high=math.nan)
            shapes, at_shape = _Shapes.of(values[:, None]), 0
        return replace(
            counted,
            mean=float(self.mean[at]),
            sd=math.sqrt(self.squares[at] / self.count[at]),
            low=float(self.low[at]),
            high=float(self.high[at]),
            quantiles=tuple(shapes.quantiles[:, at_shape].tolist()),
            kurtosis=float(shapes.kurtosis[at_shape]),
            distinct=int(shapes.distinct[at_shape]),
            whole=bool(shapes.whole[at_shape]),
        )


@dataclass(frozen=True, kw_only=True)
class _Shapes:
    """The shapes of the columns of a sample, all at once.

    `quantiles` has the shape (len(QUANTILES), columns), the others have the shape (columns,).
    """

    quantiles: Floats
    kurtosis: Floats
    distinct: npt.NDArray[np.int64]
    whole: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, values: Floats) -> _Shapes:
        ordered = np.sort(values, axis=0)
        distinct = 1 + (ordered[1:] != ordered[:-1]).sum(axis=0)
        return cls(
            quantiles=_compute_quantiles(ordered),
            kurtosis=_compute_kurtosis(ordered),
            distinct=distinct,
            whole=(ordered == np.rint(ordered)).all(axis=0),
        )


def _compute_quantiles(ordered: Floats) -> Floats:
    """The result of np.percentile, which would sort once more."""
    positions = np.array(QUANTILES)[:, None] / 100 * (len(ordered) - 1)
    below = np.floor(positions).astype(np.int64)[:, 0]
    low, high = ordered[below], ordered[np.minimum(below + 1, len(ordered) - 1)]
    share = positions - below[:, None]
    return np.asarray(np.where(share < 0.5, low + (high - low) * share, high - (high - low) * (1 - share)))


def _flatten(values: npt.NDArray[np.generic]) -> Floats:
    is_one_column = values.ndim < 2 or values.shape[-1] > MOST_COLUMNS
    return values.reshape(-1, 1 if is_one_column else values.shape[-1]).astype(np.float64)


def _hide(padded: npt.NDArray[np.bool_], values: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """The padding in the shape of the flattened values."""
    axes = (1,) * (values.ndim - padded.ndim)
    return _flatten(np.broadcast_to(padded.reshape(*padded.shape, *axes), values.shape)) > 0


def _number_steps(numbers: npt.NDArray[np.int64], steps: int) -> npt.NDArray[np.int64]:
    return (numbers[:, None] * max(steps, 1) + np.arange(max(steps, 1), dtype=np.int64)).reshape(-1)


def _draw_sample(flat: Floats, positions: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.uint64], Floats]:
    ranks, size = _hash(positions.astype(np.uint64)), _choose_sample_size(flat.shape[1])
    lowest = np.argpartition(ranks, size)[:size] if len(ranks) > size else slice(None)
    return ranks[lowest], flat[lowest]


def _merge_samples(first: Statistics, second: Statistics) -> tuple[npt.NDArray[np.uint64], Floats]:
    """The rows of lowest rank in both samples.

    When the first sample is full, only few rows of a chunk enter it, and only these are copied.
    """
    ranks = np.concatenate([first.ranks, second.ranks])
    size, length = _choose_sample_size(first.sample.shape[1]), len(first.ranks)
    if len(ranks) <= size:
        return ranks, np.concatenate([first.sample, second.sample])
    is_lowest = np.zeros(len(ranks), dtype=bool)
    is_lowest[np.argpartition(ranks, size)[:size]] = True
    entering, leaving = length + np.flatnonzero(is_lowest[length:]), np.flatnonzero(~is_lowest[:length])
    if not len(entering):
        return first.ranks, first.sample
    positions = np.concatenate([leaving, np.arange(length, size)])
    merged = np.concatenate([np.arange(length), np.arange(length, size)])
    merged[positions] = entering
    sample = np.empty((size, first.sample.shape[1]))
    sample[:length] = first.sample
    sample[positions] = second.sample[entering - length]
    return ranks[merged], sample


def _choose_sample_size(columns: int) -> int:
    fewest, most = _SAMPLE_ROWS
    return max(fewest, min(most, _SAMPLE_VALUES // max(columns, 1)))


def _hash(positions: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Hash whole numbers as splitmix64 does, so that neighbours get very different ranks."""
    with np.errstate(over="ignore"):
        mixed = positions + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def _compute_kurtosis(values: Floats) -> Floats:
    """The kurtosis of each column, 3 if nothing varies."""
    deviations = values - values.mean(axis=0)
    squares = np.square(deviations)
    variance = squares.mean(axis=0)
    normal = np.full(len(variance), 3.0)
    return np.asarray(np.divide(np.square(squares).mean(axis=0), variance**2, out=normal, where=variance > 0))

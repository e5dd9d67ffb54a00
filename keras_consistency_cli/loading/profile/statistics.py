"""One-pass statistics of rows: chunks of any size, in any order, add up to the same facts in memory that does not grow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.column_facts import QUANTILES, ColumnFact
from keras_consistency_cli.measurement.facts import RowsFact
from keras_consistency_cli.text import clean

__all__ = ["MOST_COLUMNS", "Statistics"]

Floats = npt.NDArray[np.float64]

MOST_COLUMNS = 4096
"""Wider rows are one column of all their values."""
_SAMPLE_VALUES = 2**21
_SAMPLE_ROWS = (256, 8192)
"""Fewest and most sampled rows; between, as many as fit into `_SAMPLE_VALUES`."""
_KEPT_BAD = 5


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Statistics of some rows of one input. A monoid: `a + b` is what both sets of rows have together.

    `sample` holds the rows whose numbers have the lowest hashes, `ranks`, in any order: which rows these are does not depend on how rows were cut.
    Columns are features of the last axis; the axes between count as further rows.
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
    def of(cls, values: npt.NDArray[np.generic], numbers: npt.NDArray[np.int64]) -> Statistics:
        """Measure one chunk.

        Args:
            values: numbers, (rows, ...).
            numbers: the rows' numbers in the whole data; they decide which rows are sampled.
        """
        flat = _flat(values)
        whole = bool(np.isfinite(values).all())
        finite = np.ones((1, flat.shape[1]), dtype=bool) if whole else np.isfinite(flat)
        bad = np.zeros(len(values), dtype=bool) if whole else ~finite.reshape(len(values), -1).all(axis=1)
        count = np.full(flat.shape[1], len(flat)) if whole else finite.sum(axis=0)
        # Where all is finite, as it mostly is, nothing has to be masked, which would cost most of the time.
        kept = flat if whole else np.where(finite, flat, 0.0)
        mean = kept.sum(axis=0) / np.maximum(count, 1)
        apart = flat - mean if whole else np.where(finite, flat - mean, 0.0)
        ranks, sample = _sampled(flat, numbers, len(flat) // max(len(values), 1))
        return cls(
            shape=values.shape[1:],
            rows=len(values),
            count=count,
            nan=np.zeros_like(count) if whole else np.isnan(flat).sum(axis=0),
            inf=np.zeros_like(count) if whole else np.isinf(flat).sum(axis=0),
            mean=mean,
            squares=np.einsum("ij,ij->j", apart, apart),
            low=(flat if whole else np.where(finite, flat, np.inf)).min(axis=0, initial=np.inf),
            high=(flat if whole else np.where(finite, flat, -np.inf)).max(axis=0, initial=-np.inf),
            sample=sample,
            ranks=ranks,
            bad_rows=int(bad.sum()),
            first_bad=tuple(numbers[bad][:_KEPT_BAD].tolist()),
        )

    def __add__(self, other: Statistics) -> Statistics:
        count = self.count + other.count
        weight = np.maximum(count, 1)
        apart = other.mean - self.mean
        ranks, sample = _merged(self, other)
        return Statistics(
            shape=self.shape,
            rows=self.rows + other.rows,
            count=count,
            nan=self.nan + other.nan,
            inf=self.inf + other.inf,
            mean=self.mean + apart * other.count / weight,
            squares=self.squares + other.squares + np.square(apart) * self.count * other.count / weight,
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
            sample=sample,
            ranks=ranks,
            bad_rows=self.bad_rows + other.bad_rows,
            first_bad=tuple(sorted(self.first_bad + other.first_bad)[:_KEPT_BAD]),
        )

    @property
    def ordered(self) -> Floats:
        """The sample in the order of its ranks, which does not depend on how rows were cut."""
        return np.asarray(self.sample[np.argsort(self.ranks)])

    def finite(self, column: int) -> Floats:
        """Return the finite values of the sample in one column, in no particular order."""
        values = self.sample[:, column]
        return np.asarray(values[np.isfinite(values)])

    def facts(self, name: str, columns: Sequence[str] | None = None) -> RowsFact:
        """Return it as plain data.

        Args:
            name: the input.
            columns: names of the features; their places are used where there are none, or not as many.
        """
        named = columns is not None and len(columns) == len(self.count)
        names = (
            [clean(each) for each in columns or ()] if named else [str(at) for at in range(len(self.count))]
        )
        facts = tuple(self._column(at, each, self._shapes) for at, each in enumerate(names))
        return RowsFact(
            input=name,
            rows=self.rows,
            shape=self.shape,
            columns=facts,
            bad_rows=self.bad_rows,
            first_bad=self.first_bad,
        )

    @cached_property
    def _shapes(self) -> _Shapes | None:
        """Of all columns at once where the sample is finite, as it mostly is."""
        return _Shapes.of(self.sample) if len(self.sample) and np.isfinite(self.sample).all() else None

    def _column(self, at: int, name: str, shapes: _Shapes | None) -> ColumnFact:
        counted = ColumnFact(
            name=name, count=int(self.count[at]), nan=int(self.nan[at]), inf=int(self.inf[at])
        )
        values = self.finite(at) if shapes is None else self.sample[:, at]
        if not len(values):
            return replace(counted, mean=math.nan, sd=math.nan, low=math.nan, high=math.nan)
        shapes, at_shape = (_Shapes.of(values[:, None]), 0) if shapes is None else (shapes, at)
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
    """What the values of a sample look like, for all columns at once: `quantiles` (len(QUANTILES), columns), the others (columns,)."""

    quantiles: Floats
    kurtosis: Floats
    distinct: npt.NDArray[np.int64]
    whole: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, values: Floats) -> _Shapes:
        ordered = np.sort(values, axis=0)
        distinct = 1 + (ordered[1:] != ordered[:-1]).sum(axis=0)
        whole = (ordered == np.rint(ordered)).all(axis=0)
        return cls(quantiles=_quantiles(ordered), kurtosis=_kurtosis(ordered), distinct=distinct, whole=whole)


def _quantiles(ordered: Floats) -> Floats:
    """What np.percentile gives, which would sort once more."""
    at = np.array(QUANTILES)[:, None] / 100 * (len(ordered) - 1)
    below = np.floor(at).astype(np.int64)[:, 0]
    low, high, share = ordered[below], ordered[np.minimum(below + 1, len(ordered) - 1)], at - below[:, None]
    return np.asarray(np.where(share < 0.5, low + (high - low) * share, high - (high - low) * (1 - share)))


def _flat(values: npt.NDArray[np.generic]) -> Floats:
    wide = values.ndim < 2 or values.shape[-1] > MOST_COLUMNS
    return values.reshape(-1, 1 if wide else values.shape[-1]).astype(np.float64)


def _sampled(
    flat: Floats, numbers: npt.NDArray[np.int64], steps: int
) -> tuple[npt.NDArray[np.uint64], Floats]:
    places = numbers[:, None] * max(steps, 1) + np.arange(max(steps, 1), dtype=np.int64)
    ranks, size = _mixed(places.reshape(-1).astype(np.uint64)), _size(flat.shape[1])
    kept = np.argpartition(ranks, size)[:size] if len(ranks) > size else slice(None)
    return ranks[kept], flat[kept]


def _merged(mine: Statistics, other: Statistics) -> tuple[npt.NDArray[np.uint64], Floats]:
    """The rows of lowest rank of both. Few rows of a chunk are among them once a sample is full, and only these are put in."""
    ranks, size, here = (
        np.concatenate([mine.ranks, other.ranks]),
        _size(mine.sample.shape[1]),
        len(mine.ranks),
    )
    if len(ranks) <= size:
        return ranks, np.concatenate([mine.sample, other.sample])
    lowest = np.zeros(len(ranks), dtype=bool)
    lowest[np.argpartition(ranks, size)[:size]] = True
    entering, leaving = here + np.flatnonzero(lowest[here:]), np.flatnonzero(~lowest[:here])
    if not len(entering):
        return mine.ranks, mine.sample
    places = np.concatenate([leaving, np.arange(here, size)])
    kept = np.concatenate([np.arange(here), np.arange(here, size)])
    kept[places] = entering
    sample = np.empty((size, mine.sample.shape[1]))
    sample[:here] = mine.sample
    sample[places] = other.sample[entering - here]
    return ranks[kept], sample


def _size(columns: int) -> int:
    fewest, most = _SAMPLE_ROWS
    return max(fewest, min(most, _SAMPLE_VALUES // max(columns, 1)))


def _mixed(places: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Hash whole numbers as splitmix64 does: neighbours get ranks far apart, and the same ones every time."""
    with np.errstate(over="ignore"):
        mixed = places + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def _kurtosis(values: Floats) -> Floats:
    """By column; 3 where nothing varies."""
    centred = values - values.mean(axis=0)
    squares = np.square(centred)
    variance = squares.mean(axis=0)
    return np.asarray(
        np.divide(
            np.square(squares).mean(axis=0), variance**2, out=np.full(len(variance), 3.0), where=variance > 0
        )
    )

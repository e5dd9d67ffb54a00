"""One-pass statistics of rows: chunks of any size, in any order, add up to the same facts in memory that does not grow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.facts import QUANTILES, ColumnFact, RowsFact
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

    `sample` holds the rows whose numbers have the lowest hashes, in the order of `ranks`, so that it does not depend on how rows were cut.
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
        finite = np.isfinite(flat)
        bad = ~finite.reshape(len(values), -1).all(axis=1)
        count = finite.sum(axis=0)
        kept = np.where(finite, flat, 0.0)
        mean = kept.sum(axis=0) / np.maximum(count, 1)
        ranks, sample = _sampled(flat, numbers, len(flat) // max(len(values), 1))
        return cls(
            shape=values.shape[1:],
            rows=len(values),
            count=count,
            nan=np.isnan(flat).sum(axis=0),
            inf=np.isinf(flat).sum(axis=0),
            mean=mean,
            squares=np.square(np.where(finite, flat - mean, 0.0)).sum(axis=0),
            low=np.where(finite, flat, np.inf).min(axis=0, initial=np.inf),
            high=np.where(finite, flat, -np.inf).max(axis=0, initial=-np.inf),
            sample=sample,
            ranks=ranks,
            bad_rows=int(bad.sum()),
            first_bad=tuple(numbers[bad][:_KEPT_BAD].tolist()),
        )

    def __add__(self, other: Statistics) -> Statistics:
        count = self.count + other.count
        weight = np.maximum(count, 1)
        apart = other.mean - self.mean
        ranks, sample = _lowest(np.concatenate([self.ranks, other.ranks]), np.concatenate([self.sample, other.sample]))
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

    def finite(self, column: int) -> Floats:
        """Return the finite values of the sample in one column."""
        values = self.sample[:, column]
        return values[np.isfinite(values)]

    def facts(self, name: str, columns: Sequence[str] | None = None) -> RowsFact:
        """Return it as plain data.

        Args:
            name: the input.
            columns: names of the features; their places are used where there are none, or not as many.
        """
        named = columns is not None and len(columns) == len(self.count)
        names = [clean(each) for each in columns or ()] if named else [str(at) for at in range(len(self.count))]
        facts = tuple(self._column(at, each) for at, each in enumerate(names))
        return RowsFact(input=name, rows=self.rows, shape=self.shape, columns=facts, bad_rows=self.bad_rows, first_bad=self.first_bad)

    def _column(self, at: int, name: str) -> ColumnFact:
        counted = ColumnFact(name=name, count=int(self.count[at]), nan=int(self.nan[at]), inf=int(self.inf[at]))
        values = self.finite(at)
        if not len(values):
            return replace(counted, mean=math.nan, sd=math.nan, low=math.nan, high=math.nan)
        return replace(
            counted,
            mean=float(self.mean[at]),
            sd=math.sqrt(self.squares[at] / self.count[at]),
            low=float(self.low[at]),
            high=float(self.high[at]),
            quantiles=tuple(np.percentile(values, QUANTILES).tolist()),
            kurtosis=_kurtosis(values),
            distinct=len(np.unique(values)),
        )


def _flat(values: npt.NDArray[np.generic]) -> Floats:
    wide = values.ndim < 2 or values.shape[-1] > MOST_COLUMNS
    return values.reshape(-1, 1 if wide else values.shape[-1]).astype(np.float64)


def _sampled(flat: Floats, numbers: npt.NDArray[np.int64], steps: int) -> tuple[npt.NDArray[np.uint64], Floats]:
    places = numbers[:, None] * max(steps, 1) + np.arange(max(steps, 1), dtype=np.int64)
    return _lowest(_mixed(places.reshape(-1).astype(np.uint64)), flat)


def _lowest(ranks: npt.NDArray[np.uint64], rows: Floats) -> tuple[npt.NDArray[np.uint64], Floats]:
    fewest, most = _SAMPLE_ROWS
    size = max(fewest, min(most, _SAMPLE_VALUES // max(rows.shape[1], 1)))
    kept = np.argpartition(ranks, size)[:size] if len(ranks) > size else np.arange(len(ranks))
    kept = kept[np.argsort(ranks[kept], kind="stable")]
    return ranks[kept], rows[kept]


def _mixed(places: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Hash whole numbers as splitmix64 does: neighbours get ranks far apart, and the same ones every time."""
    with np.errstate(over="ignore"):
        mixed = places + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def _kurtosis(values: Floats) -> float:
    centred = values - values.mean()
    variance = float(np.square(centred).mean())
    return float(np.square(np.square(centred)).mean() / variance**2) if variance > 0 else 3.0

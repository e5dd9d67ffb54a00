"""Passes over the rows of a subject, in chunks that are read, measured and released.

Of large files only blocks spread over the file are read, unless the user asks for all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.loading.declared_padding import DeclaredPadding
from keras_consistency_cli.loading.profile.expected_columns import measure_shares, read_expected_columns
from keras_consistency_cli.loading.profile.statistics import Statistics
from keras_consistency_cli.loading.row_chunks import split_into_chunks
from keras_consistency_cli.loading.scalers.fitted_scaler import get_expected_features
from keras_consistency_cli.loading.scalers.scaling import Scaling
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.measurement.data_facts import RowsFact
from keras_consistency_cli.measurement.distance import is_numeric

__all__ = ["RowPasses", "Summary"]

_BUDGET = 64 * 2**20
"""Bytes of rows that are read unless the user asks for all rows: in blocks, spread over the data."""
_CHUNK = 4 * 2**20
_BLOCKS = 32
_FUNCTION_ROWS = 4096
"""Rows that are passed to a preprocess function; it may be slow."""

Rows = Mapping[str, npt.NDArray[Any]]
Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Read = Callable[[Numbers], Rows]
Summary = dict[str, Statistics]
"""Statistics by input."""


@dataclass(frozen=True, kw_only=True)
class RowPasses:
    """Passes over the rows of a subject.

    Args:
        subject: the loaded subject.
        every: whether all rows of large files are read.
        padding: what is declared as padding and does not count; None counts everything.
        found: the inputs in which padding was found, filled by the passes.
    """

    subject: Subject
    every: bool
    padding: DeclaredPadding | None = None
    found: set[str] = field(default_factory=set)

    def measure_raw_and_fed(self, length: int, read: Read) -> tuple[Summary, Summary]:
        """Return the statistics of the rows as read, and of the rows as the model gets them.

        It takes one pass, unless a preprocess function, which may be slow, comes between.
        """
        scaling = self.subject.scaling
        if (scaling is None and self.subject.joint is None) or self.subject.files.data_state == "scaled":
            summary = self.measure(length, read)
            return summary, summary
        if scaling is None or scaling.function is not None:
            raw = self.measure(length, read)
            most = min(length, _FUNCTION_ROWS)
            return raw, self.measure(length, read, prepare=self.subject.scaled, most=most)
        raw = {}
        fed: Summary = {}
        for numbers in self._iterate_chunks(length, read, None):
            rows = read(numbers)
            scaled = self.subject.scaled(rows)
            padded = self._find_padding(rows, scaled, numbers, read)
            _add(raw, rows, numbers, padded)
            _add(fed, scaled, numbers, padded)
        return raw, fed

    def _find_padding(self, rows: Rows, fed: Rows, numbers: Numbers, read: Read) -> Mapping[str, Flags]:
        if self.padding is None:
            return {}
        # Reference rows have lengths of their own, which the user did not state.
        is_reference = read == self.subject.sources.reference
        padded = self.padding.find(rows, fed=fed, numbers=None if is_reference else numbers)
        self.found.update(padded)
        return padded

    def measure_reference(self) -> tuple[Summary, Summary]:
        """Return the same two statistics of the reference rows.

        If the data are already scaled, the reference rows may be raw or scaled. If they are scaled, nothing
        is known about the raw ones.
        """
        scaling, length, read = (
            self.subject.scaling,
            self.subject.sources.reference_length,
            self.subject.sources.reference,
        )
        if scaling is None or self.subject.files.data_state == "raw":
            return self.measure_raw_and_fed(length, read)
        summary = self.measure(length, read)
        if (
            scaling.scaler is None
            or scaling.input not in summary
            or not _is_raw(scaling, summary[scaling.input])
        ):
            return {}, summary
        return summary, self.measure(length, read, prepare=lambda rows: _scale(scaling, rows))

    def measure_served(self) -> Summary:
        """Return the statistics of the served rows."""
        return self.measure(self.subject.length, lambda numbers: self.subject.sources.served(numbers) or {})

    def measure(
        self,
        length: int,
        read: Read,
        *,
        prepare: Callable[[Rows], Rows] = lambda rows: rows,
        most: int | None = None,
    ) -> Summary:
        """Return the statistics of the rows that `read` returns, after `prepare`.

        Row numbers are below `length`.
        """
        summary: Summary = {}
        for numbers in self._iterate_chunks(length, read, most):
            rows = read(numbers)
            prepared = prepare(rows)
            _add(summary, prepared, numbers, self._find_padding(rows, prepared, numbers, read))
        return summary

    def _iterate_chunks(self, length: int, read: Read, most: int | None) -> Iterator[Numbers]:
        row_bytes = sum(values.nbytes for values in read(np.arange(1)).values()) or 1
        size = max(1, _CHUNK // row_bytes)
        budget = length if self.every else max(1, _BUDGET // row_bytes)
        wanted = min(budget, length if most is None else most)
        if wanted >= length:
            starts = range(0, length, size)
            yield from (np.arange(start, min(start + size, length)) for start in starts)
            return
        block = max(1, wanted // _BLOCKS)
        for start in np.linspace(0, length - block, min(_BLOCKS, wanted)).astype(np.int64):
            yield from split_into_chunks(np.arange(start, start + block), size)

    def describe(self, summary: Summary) -> tuple[RowsFact, ...]:
        """Return the statistics as plain data, with the names of columns if known."""
        scaling = self.subject.scaling
        return tuple(
            statistics.describe(name, _get_column_names(scaling, name) or self.subject.sources.columns)
            for name, statistics in summary.items()
        )


def _is_raw(scaling: Scaling, statistics: Statistics) -> bool:
    """Whether more values lie in the range of raw values than in that of scaled ones."""
    if len(statistics.count) != get_expected_features(scaling.scaler)[0]:
        return False
    columns = measure_shares(read_expected_columns(scaling.scaler), statistics)
    return sum(column.within[0] for column in columns) > sum(column.within[1] for column in columns)


def _scale(scaling: Scaling, rows: Rows) -> Rows:
    return {**rows, scaling.input: scaling.apply(rows[scaling.input])}


def _get_column_names(scaling: Scaling | None, name: str) -> tuple[str, ...] | None:
    return scaling.column_names if scaling is not None and scaling.input == name else None


def _add(summary: Summary, rows: Rows, numbers: Numbers, padded: Mapping[str, Flags]) -> None:
    for name, values in rows.items():
        if is_numeric(values.dtype):
            flags = padded.get(name)
            has_same_steps = flags is not None and flags.shape == values.shape[:2]
            statistics = Statistics.of(values, numbers, flags if has_same_steps else None)
            summary[name] = summary[name] + statistics if name in summary else statistics

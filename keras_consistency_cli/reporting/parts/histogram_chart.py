"""The histogram of the HTML report: rows by their largest difference."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.verdict import Judged
from keras_consistency_cli.measurement.comparison import EDGES
from keras_consistency_cli.reporting.parts.chart_geometry import (
    FLOOR,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Mark,
    can_be_drawn,
    tick_exponents,
)
from keras_consistency_cli.reporting.parts.number_format import format_number
from keras_consistency_cli.text import format_count

__all__ = ["Bar", "Histogram", "build_histogram"]

_EQUAL_WIDTH, _EQUAL_BAR = 68.0, 40.0
"""The width for rows without a difference, which have no place on a logarithmic axis; the width of their
bar."""
_LOWEST_BAR = 4.0
"""High enough to show a single row among thousands."""
_MOST_BARS = 48


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar on the axis, whether its rows are beyond the limit, and its text for the pointer."""

    x: float
    y: float
    width: float
    height: float
    title: str
    over: bool = False


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Rows by their largest difference; `summary` says the same in words."""

    bars: tuple[Bar, ...]
    ticks: tuple[Mark, ...]
    limit: Mark | None
    noise: Mark | None
    most: int
    summary: str


@dataclass(frozen=True, kw_only=True)
class _Bin:
    """Rows whose largest difference is at least `low` and below `high`."""

    low: float
    high: float
    rows: int


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """The logarithmic axis, from one power of ten to another."""

    low: int
    high: int

    def x(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return LEFT + _EQUAL_WIDTH + share * (WIDTH - LEFT - _EQUAL_WIDTH - RIGHT)

    def ticks(self) -> tuple[Mark, ...]:
        decades = (
            Mark(at=self.x(10.0**exponent), label=f"1e{exponent}")
            for exponent in tick_exponents(self.low, self.high)
        )
        return (Mark(at=LEFT + _EQUAL_BAR / 2, label="equal"), *decades)

    def mark(self, value: float, label: str) -> Mark | None:
        """Return a mark whose label stays inside the chart; None if the value cannot be drawn."""
        if not can_be_drawn(value):
            return None
        x = self.x(value)
        return Mark(at=x, label=label, anchor="end" if x > WIDTH * 2 / 3 else "start")


def build_histogram(judged: Judged, noise: Mapping[str, float]) -> Histogram | None:
    """Return the histogram of a comparison; None if nothing was measured."""
    comparison, limit = judged.comparison, judged.limit.value
    if comparison.misshapen or not any(comparison.row_histogram):
        return None
    equal, *differing = comparison.row_histogram
    floor = noise.get(comparison.output, 0.0)
    axis = _axis((*_occupied_edges(differing), *filter(can_be_drawn, (limit, floor))))
    bins = _merged_bins(differing)
    most = max(equal, *(each.rows for each in bins), 1)
    rows, largest = format_count(comparison.rows, "row"), format_number(comparison.max_abs)
    others = f", the others differ by up to {largest}" if comparison.max_abs else ""
    return Histogram(
        bars=tuple(_bars(axis, equal, bins, limit, most)),
        ticks=axis.ticks(),
        limit=axis.mark(limit, f"limit {format_number(limit)}"),
        noise=axis.mark(floor, f"noise {format_number(floor)}"),
        most=most,
        summary=f"{equal:,} of {rows} equal{others}",
    )


def _axis(values: Sequence[float]) -> _Axis:
    exponents = [math.log10(value) for value in values]
    lowest = math.floor(min(exponents, default=-8.0))
    return _Axis(low=lowest, high=max(math.ceil(max(exponents, default=0.0)), lowest + 1))


def _bars(axis: _Axis, equal: int, bins: Sequence[_Bin], limit: float, most: int) -> Iterable[Bar]:
    if equal:
        yield _bar(LEFT, _EQUAL_BAR, equal, most, "without a difference")
    for each in bins:
        width = max(axis.x(each.high) - axis.x(each.low) - 1, 1.5)
        text = f"with a difference of about {format_number(each.low)}"
        yield _bar(axis.x(each.low), width, each.rows, most, text, over=each.low >= limit)


def _bar(x: float, width: float, rows: int, most: int, text: str, *, over: bool = False) -> Bar:
    height = max((FLOOR - TOP) * rows / most, _LOWEST_BAR)
    title = f"{format_count(rows, 'row')} {text}"
    return Bar(x=x, y=FLOOR - height, width=width, height=height, title=title, over=over)


def _occupied_edges(rows_by_bin: Sequence[int]) -> Iterable[float]:
    """Both edges of every bin that has rows."""
    for place, rows in enumerate(rows_by_bin):
        if rows:
            yield from (float(EDGES[place]), float(EDGES[min(place + 1, len(EDGES) - 1)]))


def _merged_bins(rows_by_bin: Sequence[int]) -> list[_Bin]:
    """The bins that have rows; adjacent ones are merged until at most _MOST_BARS are left."""
    occupied = [place for place, rows in enumerate(rows_by_bin) if rows]
    if not occupied:
        return []
    size = math.ceil((occupied[-1] - occupied[0] + 1) / _MOST_BARS)
    edges = [float(edge) for edge in EDGES]
    bins = []
    for start in range(occupied[0], occupied[-1] + 1, size):
        end = min(start + size, len(rows_by_bin))
        rows = sum(rows_by_bin[start:end])
        if rows:
            bins.append(_Bin(low=edges[start], high=edges[min(end, len(edges) - 1)], rows=rows))
    return bins

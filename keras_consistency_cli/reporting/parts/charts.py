"""The geometry of two small charts, in units of their view box; the page's templates draw them as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from keras_consistency_cli.checks.verdict import Judged
from keras_consistency_cli.measurement.comparison import EDGES
from keras_consistency_cli.reporting.parts.number_format import count, number

__all__ = [
    "HEIGHT",
    "WIDTH",
    "AlongDepth",
    "Bar",
    "Dot",
    "Histogram",
    "Mark",
    "Place",
    "along_depth",
    "histogram",
]

WIDTH, HEIGHT = 480.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 24.0, 40.0, 30.0
_SAME, _SAME_BAR = 68.0, 40.0
"""Width kept for the rows that came out the same, which no logarithm has room for; and that of their bar."""
_FLOOR = _TOP + (HEIGHT - _TOP - _BOTTOM)
_LOWEST_BAR = 4.0
"""A single row among thousands is to be seen."""
_MOST_TICKS, _MOST_BARS, _MOST_DOTS = 6, 48, 60


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar that stands on the axis, whether its rows are beyond the limit, and what it says when pointed at."""

    x: float
    y: float
    width: float
    height: float
    title: str
    over: bool = False


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A labelled place on an axis; `anchor` is SVG's text-anchor."""

    at: float
    label: str
    anchor: str = "middle"


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Rows by their greatest distance, on a logarithmic axis; `summary` says the same in words."""

    bars: tuple[Bar, ...]
    ticks: tuple[Mark, ...]
    limit: Mark | None
    noise: Mark | None
    most: int
    summary: str


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One layer of the chart along the depth."""

    x: float
    y: float
    culprit: bool
    title: str


@dataclass(frozen=True, kw_only=True)
class AlongDepth:
    """Deviation behind each layer, in the order in which layers finish; `line` is the points of an SVG polyline.

    Where there are many layers, only the culprit has a dot.
    """

    dots: tuple[Dot, ...]
    line: str
    ticks: tuple[Mark, ...]
    culprit: Mark | None
    summary: str


class Place(Protocol):
    """What is known of one layer along the depth: distances before and behind it, as shares of the greatest number there."""

    @property
    def layer(self) -> str:
        """Its path."""

    @property
    def inputs(self) -> float:
        """The distance before it."""

    @property
    def outputs(self) -> float:
        """The distance behind it."""

    @property
    def culprit(self) -> bool:
        """Whether it answers the same inputs differently."""


def histogram(judged: Judged, noise: Mapping[str, float]) -> Histogram | None:
    """Lay out how far the rows of a comparison are apart, with its limit and the rounding noise; None where nothing was measured."""
    comparison = judged.comparison
    same, *moved = comparison.row_histogram
    if comparison.misshapen or not any(comparison.row_histogram):
        return None
    limit, floor = judged.limit.value, noise.get(comparison.output, 0.0)
    marks = [value for value in (limit, floor) if _shown(value)]
    exponents = [math.log10(value) for value in (*_occupied(moved), *marks)]
    lowest = math.floor(min(exponents, default=-8.0))
    axis = _Axis(low=lowest, high=max(math.ceil(max(exponents, default=0.0)), lowest + 1))
    together = _together(moved)
    most = max(same, *(rows for _, _, rows in together), 1)
    bars = [_bar(_LEFT, _SAME_BAR, same, most, "do not differ")] if same else []
    for low, high, rows in together:
        bars.append(
            _bar(
                axis.x(low),
                max(axis.x(high) - axis.x(low) - 1, 1.5),
                rows,
                most,
                f"moved by about {number(low)}",
                over=low >= limit,
            )
        )
    return Histogram(
        bars=tuple(bars),
        ticks=axis.ticks(),
        limit=_mark(axis, limit, f"limit {number(limit)}"),
        noise=_mark(axis, floor, f"noise {number(floor)}"),
        most=most,
        summary=f"{count(same, 'row')} of {comparison.rows:,} the same, the others up to {number(comparison.max_abs)} apart",
    )


def along_depth(places: Sequence[Place]) -> AlongDepth | None:
    """Lay out the deviation behind each layer; None for fewer than two."""
    if len(places) < 2:
        return None
    measured = [place.outputs for place in places if _shown(place.outputs)]
    low = math.floor(min(map(math.log10, measured), default=-8.0)) - 1
    high = max(math.ceil(max(map(math.log10, measured), default=0.0)), low + 2)
    step = (WIDTH - _LEFT - _RIGHT) / (len(places) - 1)
    dots = tuple(
        Dot(
            x=_LEFT + at * step,
            y=_level(place.outputs, low, high),
            culprit=place.culprit,
            title=f"{place.layer}: {number(place.outputs)}",
        )
        for at, place in enumerate(places)
    )
    found = next(((dot, place) for dot, place in zip(dots, places, strict=True) if place.culprit), None)
    return AlongDepth(
        dots=dots if len(dots) <= _MOST_DOTS else tuple(dot for dot in dots if dot.culprit),
        line=" ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in dots),
        ticks=tuple(
            Mark(at=_level(10.0**exponent, low, high), label=f"1e{exponent}")
            for exponent in _spread(low + 1, high)
        ),
        culprit=_placed(found[0].x, found[1].layer) if found else None,
        summary=_along(places),
    )


@dataclass(frozen=True, kw_only=True)
class _Axis:
    low: int
    high: int

    def x(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return _LEFT + _SAME + share * (WIDTH - _LEFT - _SAME - _RIGHT)

    def ticks(self) -> tuple[Mark, ...]:
        decades = tuple(
            Mark(at=self.x(10.0**exponent), label=f"1e{exponent}")
            for exponent in _spread(self.low, self.high)
        )
        return (Mark(at=_LEFT + _SAME_BAR / 2, label="same"), *decades)


def _spread(low: int, high: int) -> range:
    """A few whole exponents from low to high."""
    return range(low, high + 1, max(1, math.ceil((high - low) / _MOST_TICKS)))


def _together(moved: Sequence[int]) -> list[tuple[float, float, int]]:
    """The bins that hold rows, as (from, to, rows); neighbours are taken together until no more than _MOST_BARS are left."""
    occupied = [at for at, rows in enumerate(moved) if rows]
    if not occupied:
        return []
    size = math.ceil((occupied[-1] - occupied[0] + 1) / _MOST_BARS)
    groups = [
        range(start, min(start + size, len(moved))) for start in range(occupied[0], occupied[-1] + 1, size)
    ]
    edges = [float(edge) for edge in EDGES]
    found = [
        (edges[group[0]], edges[min(group[-1] + 1, len(edges) - 1)], sum(moved[at] for at in group))
        for group in groups
    ]
    return [(low, high, rows) for low, high, rows in found if rows]


def _shown(value: float) -> bool:
    return math.isfinite(value) and float(EDGES[0]) <= value <= float(EDGES[-1])


def _occupied(moved: Sequence[int]) -> Iterable[float]:
    """Both edges of every bin that holds rows."""
    return (
        float(EDGES[min(edge, len(EDGES) - 1)])
        for at, rows in enumerate(moved)
        if rows
        for edge in (at, at + 1)
    )


def _bar(x: float, width: float, rows: int, most: int, words: str, *, over: bool = False) -> Bar:
    height = max((_FLOOR - _TOP) * rows / most, _LOWEST_BAR)
    return Bar(
        x=x, y=_FLOOR - height, width=width, height=height, title=f"{count(rows, 'row')} {words}", over=over
    )


def _mark(axis: _Axis, value: float, label: str) -> Mark | None:
    if not _shown(value):
        return None
    x = axis.x(value)
    return Mark(at=x, label=label, anchor="end" if x > WIDTH * 2 / 3 else "start")


def _placed(x: float, label: str) -> Mark:
    """A label that stays inside the chart: it grows away from the nearer edge."""
    if x < WIDTH / 3:
        return Mark(at=x, label=label, anchor="start")
    return Mark(at=x, label=label, anchor="end" if x > WIDTH * 2 / 3 else "middle")


def _level(value: float, low: int, high: int) -> float:
    """The height of a value; what does not differ at all lies on the floor, what is not finite at the top."""
    if not value > 0:
        return _FLOOR if value == 0 else _TOP
    share = (min(max(math.log10(value), low), high) - low) / (high - low) if math.isfinite(value) else 1.0
    return _FLOOR - share * (_FLOOR - _TOP)


def _along(places: Sequence[Place]) -> str:
    culprit = next((place for place in places if place.culprit), None)
    ending = f"{number(places[-1].outputs)} behind the last of {count(len(places), 'layer')}"
    return (
        f"{number(culprit.inputs)} before '{culprit.layer}', {number(culprit.outputs)} behind it, {ending}"
        if culprit
        else ending
    )

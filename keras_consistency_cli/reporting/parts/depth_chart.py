"""The depth chart of the HTML report: the difference at the output of each layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from keras_consistency_cli.diagnosis.depth import LayerDeviation
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

__all__ = ["DepthChart", "Dot", "build_depth_chart"]

_MOST_DOTS = 60


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One layer on the chart."""

    x: float
    y: float
    culprit: bool
    title: str


@dataclass(frozen=True, kw_only=True)
class DepthChart:
    """The difference at each layer, in the order in which layers finish.

    `line` is the points of an SVG polyline. If there are many layers, only the culprit has a dot.
    """

    dots: tuple[Dot, ...]
    line: str
    ticks: tuple[Mark, ...]
    culprit: Mark | None
    summary: str


def build_depth_chart(points: Sequence[LayerDeviation]) -> DepthChart | None:
    """Return the chart of these layers; None for fewer than two."""
    if len(points) < 2:
        return None
    exponents = [math.log10(point.outputs) for point in points if can_be_drawn(point.outputs)]
    low = math.floor(min(exponents, default=-8.0)) - 1
    high = max(math.ceil(max(exponents, default=0.0)), low + 2)
    step = (WIDTH - LEFT - RIGHT) / (len(points) - 1)
    dots = tuple(
        Dot(
            x=LEFT + place * step,
            y=_height(point.outputs, low, high),
            culprit=point.culprit,
            title=f"{point.layer}: {format_number(point.outputs)}",
        )
        for place, point in enumerate(points)
    )
    culprit = next(((dot, point) for dot, point in zip(dots, points, strict=True) if point.culprit), None)
    return DepthChart(
        dots=dots if len(dots) <= _MOST_DOTS else tuple(dot for dot in dots if dot.culprit),
        line=" ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in dots),
        ticks=tuple(
            Mark(at=_height(10.0**exponent, low, high), label=f"1e{exponent}")
            for exponent in tick_exponents(low + 1, high)
        ),
        culprit=_label(culprit[0].x, culprit[1].layer) if culprit else None,
        summary=_summary(points),
    )


def _label(x: float, text: str) -> Mark:
    """A label that stays inside the chart: it extends away from the nearer edge."""
    if x < WIDTH / 3:
        return Mark(at=x, label=text, anchor="start")
    return Mark(at=x, label=text, anchor="end" if x > WIDTH * 2 / 3 else "middle")


def _height(value: float, low: int, high: int) -> float:
    """The height of a value: zero is on the floor, and a value that is not finite at the top."""
    if not value > 0:
        return FLOOR if value == 0 else TOP
    share = (min(max(math.log10(value), low), high) - low) / (high - low) if math.isfinite(value) else 1.0
    return FLOOR - share * (FLOOR - TOP)


def _summary(points: Sequence[LayerDeviation]) -> str:
    last = f"{format_number(points[-1].outputs)} after the last of {format_count(len(points), 'layer')}"
    culprit = next((point for point in points if point.culprit), None)
    if culprit is None:
        return last
    before, after = format_number(culprit.inputs), format_number(culprit.outputs)
    return f"{before} before '{culprit.layer}', {after} after it, {last}"

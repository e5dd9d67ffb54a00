"""charts: where bars, dots and marks stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Judged
from keras_consistency_cli.measurement.comparison import Answers, compare
from keras_consistency_cli.measurement.tolerance import Limit
from keras_consistency_cli.reporting.parts.charts import HEIGHT, WIDTH, Mark, along_depth, histogram

Pairing = Callable[..., Judged]


@dataclass(frozen=True, kw_only=True)
class Behind:
    """A layer along the depth."""

    layer: str
    inputs: float = 0.0
    outputs: float = 0.0
    culprit: bool = False


def moved(*distances: float, limit: float = 1e-6) -> Judged:
    """Rows that moved by these distances."""
    reference = np.zeros((len(distances), 1))
    answers = Answers(outputs={"y": np.array(distances)[:, None]}), Answers(outputs={"y": reference})
    return Judged(
        comparison=compare(("a", "b"), *answers)[0],
        limit=Limit(value=limit, origin="calibrated"),
        within=False,
    )


def test_bars_count_rows_and_stand_where_their_distance_is(wording: SnapshotAssertion) -> None:
    chart = histogram(moved(0.0, 0.0, 1e-3, 0.5, 0.5, 0.5), {"y": 1e-8})
    assert chart is not None
    assert [bar.title.split()[0] for bar in chart.bars] == ["2", "1", "3"]
    assert [bar.title for bar in chart.bars] == wording
    assert chart.most == 3
    assert [bar.over for bar in chart.bars] == [False, True, True]
    heights = [bar.height for bar in chart.bars]
    assert heights == pytest.approx([heights[2] * 2 / 3, heights[2] / 3, heights[2]])
    assert len({round(bar.y + bar.height, 6) for bar in chart.bars}) == 1, "all stand on the axis"
    assert chart.bars[0].x < chart.bars[1].x < chart.bars[2].x
    assert chart.noise is not None
    assert chart.limit is not None
    assert chart.bars[0].x + chart.bars[0].width < chart.noise.at < chart.limit.at < chart.bars[1].x
    assert (chart.noise.label, chart.limit.label) == ("noise 1.0e-08", "limit 1.0e-06")
    assert chart.summary == wording


@pytest.mark.parametrize(
    "distances", [(0.0,), (1e-30, 1e30), (np.inf, 1.0), tuple(10.0 ** np.linspace(-19, 11, 400)), (1.0,)]
)
@pytest.mark.parametrize("limit", [0.0, 1e-6, float("nan"), float("inf"), 1e300])
def test_everything_stays_inside(distances: tuple[float, ...], limit: float) -> None:
    chart = histogram(moved(*distances, limit=limit), {"y": 0.0})
    assert chart is not None
    assert all(
        bar.x >= 0 and bar.x + bar.width <= WIDTH + 1 and bar.y >= 0 and bar.y + bar.height <= HEIGHT
        for bar in chart.bars
    )
    marks = [mark for mark in (*chart.ticks, chart.limit, chart.noise) if mark is not None]
    assert all(0 <= mark.at <= WIDTH for mark in marks)
    assert len(chart.bars) <= 50
    assert sum(int(bar.title.split()[0].replace(",", "")) for bar in chart.bars) == len(distances)


def test_one_row_among_many_is_seen() -> None:
    chart = histogram(moved(*[0.0] * 5000, 1.0), {})
    assert chart is not None
    assert [bar.height >= 4 for bar in chart.bars] == [True, True]


def test_nothing_measured_is_no_chart(judged: Pairing) -> None:
    one = judged("a", "b", 0.1)
    assert histogram(replace(one, comparison=replace(one.comparison, misshapen="(3,) for (4,)")), {}) is None


def test_the_line_follows_the_layers_and_marks_the_culprit(wording: SnapshotAssertion) -> None:
    places = [
        Behind(layer="in"),
        Behind(layer="norm", inputs=1e-8, outputs=0.4, culprit=True),
        Behind(layer="out", outputs=0.04),
    ]
    chart = along_depth(places)
    assert chart is not None
    assert [dot.culprit for dot in chart.dots] == [False, True, False]
    assert chart.dots[0].y > chart.dots[2].y > chart.dots[1].y, "the greater, the higher"
    assert [dot.x for dot in chart.dots] == pytest.approx(
        [chart.dots[0].x, (chart.dots[0].x + chart.dots[2].x) / 2, chart.dots[2].x]
    )
    assert chart.line == " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in chart.dots)
    assert chart.culprit == Mark(at=chart.dots[1].x, label="norm")
    assert chart.summary == wording


def test_many_layers_have_a_line_and_one_dot() -> None:
    places = [Behind(layer=f"l{at}", outputs=10.0 ** (at % 9 - 8), culprit=at == 150) for at in range(200)]
    chart = along_depth(places)
    assert chart is not None
    assert [dot.title for dot in chart.dots] == ["l150: 0.01"]
    assert len(chart.line.split()) == 200
    assert chart.culprit is not None
    assert chart.culprit.anchor == "end"


@pytest.mark.parametrize("outputs", [(0.0, 0.0), (float("inf"), float("nan")), (1e-300, 1e300)])
def test_odd_deviations_stay_inside(outputs: tuple[float, float]) -> None:
    chart = along_depth([Behind(layer=str(at), outputs=value) for at, value in enumerate(outputs)])
    assert chart is not None
    assert all(0 <= dot.y <= HEIGHT and 0 <= dot.x <= WIDTH for dot in chart.dots)
    assert all(0 <= tick.at <= HEIGHT for tick in chart.ticks)


def test_one_layer_is_no_line() -> None:
    assert along_depth([Behind(layer="only")]) is None
    assert along_depth(()) is None

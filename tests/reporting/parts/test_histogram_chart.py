"""Histogram: where bars and marks stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Judged
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.reporting.parts.chart_geometry import HEIGHT, WIDTH
from keras_consistency_cli.reporting.parts.histogram_chart import build_histogram

Pairing = Callable[..., Judged]


def differing(*differences: float, limit: float = 1e-6) -> Judged:
    """A comparison with these differences, one per row."""
    reference = np.zeros((len(differences), 1))
    answers = (
        RowOutputs(outputs={"y": np.array(differences)[:, None]}),
        RowOutputs(outputs={"y": reference}),
    )
    return Judged(
        comparison=compare(("a", "b"), *answers)[0],
        limit=Limit(value=limit, origin="calibrated"),
        within=False,
    )


def test_bars_count_rows_and_stand_at_their_difference(wording: SnapshotAssertion) -> None:
    chart = build_histogram(differing(0.0, 0.0, 1e-3, 0.5, 0.5, 0.5), {"y": 1e-8})
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
    "differences", [(0.0,), (1e-30, 1e30), (np.inf, 1.0), tuple(10.0 ** np.linspace(-19, 11, 400)), (1.0,)]
)
@pytest.mark.parametrize("limit", [0.0, 1e-6, float("nan"), float("inf"), 1e300])
def test_everything_stays_inside(differences: tuple[float, ...], limit: float) -> None:
    chart = build_histogram(differing(*differences, limit=limit), {"y": 0.0})
    assert chart is not None
    assert all(
        bar.x >= 0 and bar.x + bar.width <= WIDTH + 1 and bar.y >= 0 and bar.y + bar.height <= HEIGHT
        for bar in chart.bars
    )
    marks = [mark for mark in (*chart.ticks, chart.limit, chart.noise) if mark is not None]
    assert all(0 <= mark.at <= WIDTH for mark in marks)
    assert len(chart.bars) <= 50
    assert sum(int(bar.title.split()[0].replace(",", "")) for bar in chart.bars) == len(differences)


def test_one_row_among_many_is_seen() -> None:
    chart = build_histogram(differing(*[0.0] * 5000, 1.0), {})
    assert chart is not None
    assert [bar.height >= 4 for bar in chart.bars] == [True, True]


def test_nothing_measured_is_no_chart(judged: Pairing) -> None:
    one = judged("a", "b", 0.1)
    assert (
        build_histogram(replace(one, comparison=replace(one.comparison, misshapen="(3,) for (4,)")), {})
        is None
    )

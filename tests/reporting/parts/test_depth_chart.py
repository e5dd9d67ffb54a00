"""Depth chart: where dots, line and labels stand."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.diagnosis.depth import LayerDeviation
from keras_consistency_cli.reporting.parts.chart_geometry import HEIGHT, WIDTH, Mark
from keras_consistency_cli.reporting.parts.depth_chart import build_depth_chart


def point(*, layer: str, inputs: float = 0.0, outputs: float = 0.0, culprit: bool = False) -> LayerDeviation:
    """One layer."""
    return LayerDeviation(layer=layer, kind="Dense", depth=1, inputs=inputs, outputs=outputs, culprit=culprit)


def test_the_line_follows_the_layers_and_marks_the_culprit(wording: SnapshotAssertion) -> None:
    points = [
        point(layer="in"),
        point(layer="norm", inputs=1e-8, outputs=0.4, culprit=True),
        point(layer="out", outputs=0.04),
    ]
    chart = build_depth_chart(points)
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
    points = [point(layer=f"l{at}", outputs=10.0 ** (at % 9 - 8), culprit=at == 150) for at in range(200)]
    chart = build_depth_chart(points)
    assert chart is not None
    assert [dot.title for dot in chart.dots] == ["l150: 0.01"]
    assert len(chart.line.split()) == 200
    assert chart.culprit is not None
    assert chart.culprit.anchor == "end"


@pytest.mark.parametrize("outputs", [(0.0, 0.0), (float("inf"), float("nan")), (1e-300, 1e300)])
def test_extreme_deviations_stay_inside(outputs: tuple[float, float]) -> None:
    chart = build_depth_chart([point(layer=str(at), outputs=value) for at, value in enumerate(outputs)])
    assert chart is not None
    assert all(0 <= dot.y <= HEIGHT and 0 <= dot.x <= WIDTH for dot in chart.dots)
    assert all(0 <= tick.at <= HEIGHT for tick in chart.ticks)


def test_one_layer_is_no_line() -> None:
    assert build_depth_chart([point(layer="only")]) is None
    assert build_depth_chart(()) is None

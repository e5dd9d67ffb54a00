"""Details of a cause: impact, and a small table of differences by layer."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.depth import LayerDeviation
from keras_consistency_cli.diagnosis.impact import AffectedRow, Impact
from keras_consistency_cli.reporting.parts.blocks import diagnosis_block
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.cause_details import depth_lines, impact_lines

WORST = (
    AffectedRow(row=1017, output="y", index=(0,), distance=0.5, margin=0.25, flipped=True, in_units=125.0),
    AffectedRow(row=7, output="y", index=(0,), distance=0.125),
)


def layers(count: int, culprit: int, name: str = "block/dense_{}") -> tuple[LayerDeviation, ...]:
    return tuple(
        LayerDeviation(
            layer=name.format(at),
            kind="Dense",
            depth=at + 1,
            inputs=0.25 * (at > culprit),
            outputs=0.25 * (at >= culprit),
            culprit=at == culprit,
        )
        for at in range(count)
    )


def diagnosis(depth: tuple[LayerDeviation, ...]) -> Diagnosis:
    return Diagnosis(cause="c", severity="fail", sentence="s", depth=depth)


def table(depth: tuple[LayerDeviation, ...], **canvas: object) -> list[str]:
    return [line.plain for line in depth_lines(Canvas(**canvas), diagnosis(depth))]  # type: ignore[arg-type]


def test_impact_in_words(wording: SnapshotAssertion) -> None:
    impact = Impact(
        rows_hit=31,
        rows=256,
        share=31 / 256,
        worst=WORST,
        decision="threshold",
        decisions=256,
        flipped=4,
        flipped_rows=(17, 90, 1017, 5),
    )
    lines = [line.plain for line in impact_lines(Canvas(), impact)]
    assert max(map(len, lines)) <= 80
    assert "\n".join(lines) == wording


@pytest.mark.parametrize(
    ("hit", "rows", "text"),
    [
        (1, 5000, "1 of 5,000 compared rows (under 1 %) affected"),
        (0, 256, "none of 256 compared rows affected"),
        (256, 256, "256 of 256 compared rows (100 %) affected"),
    ],
)
def test_shares_are_never_rounded_to_nothing(hit: int, rows: int, text: str) -> None:
    (line,) = impact_lines(Canvas(), Impact(rows_hit=hit, rows=rows, share=hit / rows))
    assert line.plain.split(maxsplit=1)[1] == text


def test_no_impact_is_no_line() -> None:
    assert impact_lines(Canvas(), None) == []
    assert impact_lines(Canvas(), Impact(rows_hit=0, rows=0, share=0.0)) == []


def test_a_small_model_is_shown_whole() -> None:
    assert table(layers(3, 1)) == [
        "  depth          layer                      in   out",
        "                 1 block/dense_0 (Dense)     0     0",
        "              >  2 block/dense_1 (Dense)     0  0.25",
        "                 3 block/dense_2 (Dense)  0.25  0.25",
    ]


@pytest.mark.parametrize(
    ("count", "culprit"), [(1, 0), (2, 1), (200, 0), (200, 1), (200, 100), (200, 198), (200, 199)]
)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_at_most_eight_lines_with_the_culprit_and_both_ends(count: int, culprit: int, width: int) -> None:
    lines = table(layers(count, culprit), width=width, ascii_only=True)
    assert 2 <= len(lines) <= 8
    assert max(map(len, lines)) <= width
    assert all(line.isascii() for line in lines)
    marked = [line for line in lines if line.lstrip().startswith(">")]
    assert [line.split()[1] for line in marked] == [str(culprit + 1)]
    numbered = [word for line in lines[1:] for word in line.replace(">", " ").split()[:1] if word.isdigit()]
    assert {"1", str(count)} <= set(numbered)


@pytest.mark.parametrize(
    ("width", "name"),
    [
        (80, "1 encoder/block_3/normalization (BatchNormalization)"),
        (70, "1 encoder/block_3/normalization"),
        (52, "1 …/block_3/normalization"),
        (45, "1 …/normalization"),
        (40, "1 …/normaliza…"),
    ],
)
def test_a_narrow_name_loses_its_class_and_then_the_beginning_of_its_path(width: int, name: str) -> None:
    layer = LayerDeviation(
        layer="encoder/block_3/normalization",
        kind="BatchNormalization",
        depth=1,
        inputs=0.0,
        outputs=0.5,
        culprit=True,
    )
    _, line = table((layer,), width=width)
    assert line.split(maxsplit=1)[1].rsplit(maxsplit=2)[0] == name


def test_multiples_of_noise_are_shown_if_they_are_known() -> None:
    layer = LayerDeviation(
        layer="a", kind="Cast", depth=1, inputs=0.0, outputs=3e-4, noise=5000.0, culprit=True
    )
    assert table((layer,)) == [
        "  depth          layer       in      out  × noise",
        "              >  1 a (Cast)   0  3.0e-04     5000",
    ]


def test_names_from_the_model_cannot_move_or_colour() -> None:
    lines = table(layers(2, 0, name="a\x1b[31m\n::error::{}" + "b" * 200))
    assert len(lines) == 3
    assert all("\x1b" not in line and len(line) <= 80 for line in lines)


def test_without_a_culprit_there_is_no_table() -> None:
    assert table(()) == []


def test_both_stand_in_the_block_of_the_cause() -> None:
    block = Diagnosis(
        cause="c",
        severity="fail",
        sentence="s",
        layer="l",
        depth=layers(2, 0),
        damage=Impact(rows_hit=1, rows=2, share=0.5),
    )
    labels = [line.plain[:14].strip() for line in diagnosis_block(Canvas(), block)]
    assert [label for label in labels if label in ("layer", "depth", "impact")] == [
        "layer",
        "depth",
        "impact",
    ]

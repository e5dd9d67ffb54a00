"""Two parts of a cause: its effect on the rows, and the difference at each layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich.text import Text

from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.depth import LayerDeviation
from keras_consistency_cli.diagnosis.impact import AffectedRow, Impact
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.layout import (
    LABEL_WIDTH,
    align,
    labelled_lines,
    shorten,
    styled_text,
)
from keras_consistency_cli.reporting.parts.number_format import format_number
from keras_consistency_cli.text import format_count

__all__ = ["code_text", "depth_lines", "impact_lines", "impact_texts"]

_WORST_ROWS = 3
_CHANGED_ROWS = 3
_MARGIN = 2 + LABEL_WIDTH
_GAP = 2
_SHORTEST_NAME = 10
_TITLES = ("", "layer", "in", "out", "× noise")
_NAME = 1


def code_text(diagnosis: Diagnosis) -> str:
    """Return the lines of code that show the same fault: "serve.py:42 KS101, app.py:7 KS102"."""
    return ", ".join(place.label for place in diagnosis.code)


def impact_lines(canvas: Canvas, impact: Impact | None) -> list[Text]:
    """Return the effect of a cause on the rows; nothing if it is unknown."""
    lines: list[Text] = []
    for text in impact_texts(impact):
        lines += labelled_lines(canvas, "" if lines else "impact", styled_text(canvas, text))
    return lines


def impact_texts(impact: Impact | None) -> Iterator[str]:
    """Yield how many rows are affected, how many decisions changed, and the worst rows."""
    if impact is None or not impact.rows:
        return
    rows = format_count(impact.rows, "compared row")
    hit = f"{impact.rows_hit:,} of {rows} ({_percentage(impact)})" if impact.rows_hit else f"none of {rows}"
    yield f"{hit} affected"
    if impact.flipped:
        first = ", ".join(f"{row:,}" for row in impact.flipped_rows[:_CHANGED_ROWS])
        rows_word = "row" if len(impact.flipped_rows) == 1 else "rows"
        decisions = format_count(impact.decisions, "decision")
        yield f"{impact.flipped:,} of {decisions} changed ({impact.decision}), first in {rows_word} {first}"
    yield from map(_row_text, impact.worst[:_WORST_ROWS])


def _percentage(impact: Impact) -> str:
    if impact.rows_hit and impact.share < 0.01:
        return "under 1 %"
    return f"{impact.share:.0%}".replace("%", " %")


def _row_text(row: AffectedRow) -> str:
    units = (
        f" ({format_number(row.in_units)} in the units of the targets)" if row.in_units is not None else ""
    )
    is_finite = math.isfinite(row.distance)
    difference = f"off by {format_number(row.distance)}{units}" if is_finite else "infinite difference"
    text = f"row {row.row:,}: {difference}"
    if row.flipped:
        return f"{text}, class changed"
    if row.margin is not None:
        return f"{text}, {format_number(row.margin)} from the decision boundary"
    return text


def depth_lines(canvas: Canvas, diagnosis: Diagnosis) -> list[Text]:
    """Return a table of the first layer, those around the culprit, and the last one.

    Differences are shares of the largest number at that place.
    """
    shown = _shown_layers(diagnosis.depth)
    if not shown:
        return []
    rows = [_cells(canvas, layer) for layer in shown]
    titles = [styled_text(canvas, title, "dim") for title in _TITLES]
    columns = len(_TITLES) - all(layer is None or layer.noise is None for layer in shown)
    rows = [row[:columns] for row in [titles, *rows]]
    widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
    room = canvas.width - _MARGIN - sum(widths) + widths[_NAME] - _GAP * (columns - 1)
    widths[_NAME] = min(widths[_NAME], max(room, _SHORTEST_NAME))
    for row, layer in zip(rows[1:], shown, strict=True):
        if layer is not None:
            row[_NAME] = _fitted_name(canvas, layer, widths[_NAME])
    label = Text.assemble("  ", ("depth", "dim"), " " * (_MARGIN - 7))
    margins = [label] + [Text(" " * _MARGIN)] * len(shown)
    return [
        Text.assemble(margin, align(row, widths, 2, _GAP)) for margin, row in zip(margins, rows, strict=True)
    ]


def _cells(canvas: Canvas, layer: LayerDeviation | None) -> list[Text]:
    if layer is None:
        return [Text(), styled_text(canvas, "…", "dim"), Text(), Text(), Text()]
    style = "bold" if layer.culprit else ""
    numbers = [format_number(value) for value in (layer.inputs, layer.outputs, layer.noise)]
    texts = [">" if layer.culprit else "", f"{layer.depth} {layer.layer} ({layer.kind})", *numbers]
    return [styled_text(canvas, text, style) for text in texts]


def _fitted_name(canvas: Canvas, layer: LayerDeviation, width: int) -> Text:
    """The number and the path of a layer, with its class if that fits; a long path loses its first parts."""
    style = "bold" if layer.culprit else ""
    parts = layer.layer.split("/")
    paths = [layer.layer, *(f"…/{'/'.join(parts[place:])}" for place in range(1, len(parts)))]
    for text in (f"{layer.layer} ({layer.kind})", *paths):
        name = styled_text(canvas, f"{layer.depth} {text}", style)
        if name.cell_len <= width:
            return name
    return shorten(canvas, styled_text(canvas, f"{layer.depth} {paths[-1]}", style), width)


def _shown_layers(depth: Sequence[LayerDeviation]) -> list[LayerDeviation | None]:
    """The first layer, those around the culprit, the last one; None for layers in between."""
    culprit = next((place for place, layer in enumerate(depth) if layer.culprit), None)
    if culprit is None:
        return []
    places = sorted({0, culprit - 1, culprit, culprit + 1, len(depth) - 1} & set(range(len(depth))))
    shown: list[LayerDeviation | None] = []
    for before, place in pairwise([-1, *places]):
        shown += [None, depth[place]] if place > before + 1 else [depth[place]]
    return shown

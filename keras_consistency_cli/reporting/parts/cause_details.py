"""Two parts of a cause's block: what it does to the rows, and how the deviation runs along the layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich.text import Text

from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.depth import LayerDeviation
from keras_consistency_cli.diagnosis.impact import Damage, HitRow
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.layout import LABEL_WIDTH, aligned, labelled, shortened, written
from keras_consistency_cli.reporting.parts.number_format import count, number

__all__ = ["damage_lines", "depth_lines"]

_WORST_ROWS = 3
_FLIPPED_ROWS = 3
_MARGIN = 2 + LABEL_WIDTH
_COLUMNS_FOR_NUMBERS = 34
_TITLES = ("", "layer", "in", "out", "× noise")


def damage_lines(canvas: Canvas, damage: Damage | None) -> list[Text]:
    """Return how many rows are hit, how many decisions flip, and the rows hit most; nothing where nothing is known."""
    if damage is None:
        return []
    worst = [_row(each) for each in damage.worst[:_WORST_ROWS]]
    return labelled(canvas, "damage", written(canvas, "; ".join([*_amounts(damage), *worst])))


def _amounts(damage: Damage) -> Iterator[str]:
    share = (
        f"{damage.share:.0%}".replace("%", " %")
        if damage.share >= 0.01 or not damage.rows_hit
        else "under 1 %"
    )
    yield f"{damage.rows_hit:,} of {count(damage.rows, 'row')} ({share})"
    if damage.flipped:
        named = ", ".join(f"{row:,}" for row in damage.flipped_rows[:_FLIPPED_ROWS])
        yield f"{damage.flipped:,} of {count(damage.decisions, 'decision')} flipped ({damage.decision}), first in row {named}"


def _row(hit: HitRow) -> str:
    units = f", {number(hit.in_units)} in the units of the targets" if hit.in_units is not None else ""
    margin = f", {number(hit.margin)} from deciding otherwise" if hit.margin is not None else ""
    return f"row {hit.row:,} by {number(hit.distance)}{units}{margin}" + (" (flipped)" if hit.flipped else "")


def depth_lines(canvas: Canvas, diagnosis: Diagnosis) -> list[Text]:
    """Return a table of at most eight lines: the first layer, those around the culprit and the last; deviations as shares of what is there."""
    shown = _chosen(diagnosis.depth)
    if not shown:
        return []
    width = max(canvas.width - _MARGIN - _COLUMNS_FOR_NUMBERS, 10)
    rows = [[written(canvas, title, "dim") for title in _TITLES]]
    rows += [
        _cells(canvas, each, width) if each else [Text(), written(canvas, "…", "dim"), Text(), Text(), Text()]
        for each in shown
    ]
    if all(each is None or each.noise is None for each in shown):
        rows = [row[:-1] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
    margins = [Text.assemble("  ", ("depth", "dim"), " " * (_MARGIN - 7))] + [Text(" " * _MARGIN)] * len(
        shown
    )
    return [
        Text.assemble(margin, aligned(row, widths, 2, 2)) for margin, row in zip(margins, rows, strict=True)
    ]


def _cells(canvas: Canvas, layer: LayerDeviation, width: int) -> list[Text]:
    style = "bold" if layer.culprit else ""
    name = shortened(canvas, written(canvas, f"{layer.depth} {layer.layer} ({layer.kind})", style), width)
    numbers = [number(layer.inputs), number(layer.outputs), number(layer.noise)]
    return [
        written(canvas, ">" if layer.culprit else "", style),
        name,
        *(written(canvas, each, style) for each in numbers),
    ]


def _chosen(depth: Sequence[LayerDeviation]) -> list[LayerDeviation | None]:
    """First, before the culprit, culprit, after it, last; None stands for the layers in between."""
    at = next((place for place, each in enumerate(depth) if each.culprit), None)
    if at is None:
        return []
    wanted = sorted({0, at - 1, at, at + 1, len(depth) - 1} & set(range(len(depth))))
    found: list[LayerDeviation | None] = []
    for before, place in pairwise([-1, *wanted]):
        found += [None, depth[place]] if place > before + 1 else [depth[place]]
    return found

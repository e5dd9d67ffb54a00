"""Layers that scale the rows: whether what they get is already scaled, or not scaled at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.analysis.scaling_state import (
    UNLIKE,
    by_input,
    distance,
    is_clearly_nearer,
    mean_distance,
)
from keras_consistency_cli.checks.analysis.staleness import (
    gets_rows_of_training,
    is_adapted_on_unscaled_rows,
)
from keras_consistency_cli.checks.central_range import differ_by_factor
from keras_consistency_cli.measurement.data_facts import ColumnFact, DataFacts, PreprocessingFact

__all__ = ["RANGE", "SPAN_FACTOR", "TWICE", "RangeProblem", "layer_problems"]

_FULL_RANGES = (255, 256, 127.5, 128, 65535, 65536, 32767, 32768)
"""Divisors for whole numbers of 8 or 16 bits: pixels, depths, and samples of sound."""
_UNIT, _BEYOND_UNIT = 1.0 + 1e-3, 2.0
_BINARY = 2
SPAN_FACTOR = 20.0
"""Factor by which rows and reference rows may differ in range, in every feature."""
_FEWEST_ROWS = 8
"""So many rows have a reliable spread."""
TWICE, RANGE = "normalized-twice", "input-range"
"""Causes that a check names."""


@dataclass(frozen=True, kw_only=True)
class RangeProblem:
    """A problem of a layer or an input, the cause that it points to, and the line that fixes it, if known."""

    place: str
    message: str
    cause: str
    fix: str = ""


def layer_problems(description: DataFacts) -> Iterator[RangeProblem]:
    """Layers whose input is already normalized, or not normalized at all."""
    tests = {"Rescaling": _test_rescaling, "Normalization": _test_normalization}
    for layer in description.layers:
        if any(column.count for column in layer.seen):
            problem = tests.get(layer.kind, _test_batch_normalization)(layer, description)
            if problem is not None:
                yield problem


def _test_rescaling(layer: PreprocessingFact, description: DataFacts) -> RangeProblem | None:
    divides = any(math.isclose(scale * end, 1, rel_tol=1e-3) for scale in layer.scale for end in _FULL_RANGES)
    low, high = min(each.low for each in layer.seen), max(each.high for each in layer.seen)
    several = any(each.distinct > _BINARY and not each.whole for each in layer.seen)
    is_unit = -_UNIT <= low <= high <= _UNIT
    if not divides or not several or not (is_unit or _is_narrowed_by_serving(layer, description)):
        return None
    before = f" after '{layer.after[-1]}'" if layer.after else ""
    message = (
        f"'{layer.path}'{before} divides by {1 / layer.scale[0]:.5g}; "
        f"its input already lies between {low:.3g} and {high:.3g}"
    )
    return RangeProblem(place=layer.path, message=message, cause=TWICE)


def _is_narrowed_by_serving(layer: PreprocessingFact, description: DataFacts) -> bool:
    """Whether serving made the rows for this layer much narrower, with no scaler between."""
    if description.scaling is not None or layer.after:
        return False
    served, right = (by_input(rows, layer.input) for rows in (description.served, description.fed))
    return (
        served is not None
        and right is not None
        and len(served.columns) == len(right.columns)
        and differ_by_factor(served.columns, right.columns, SPAN_FACTOR)
        and served.bounds[1] - served.bounds[0] < right.bounds[1] - right.bounds[0]
    )


def _test_normalization(layer: PreprocessingFact, description: DataFacts) -> RangeProblem | None:
    if not layer.adapted or not layer.is_finite:
        return None
    rows = _row_count(description, layer)
    fit = mean_distance(layer.seen, layer.mean, layer.sd, rows=rows)
    if _is_for_unscaled_rows(layer, description, fit):
        kind = "scaler" if description.scaling is None else description.scaling.kind
        return _normalization_problem(layer, f"expects raw rows, but the {kind} scales them first", TWICE)
    if gets_rows_of_training(layer, description):
        return None
    zeros, ones = [0.0] * len(layer.seen), [1.0] * len(layer.seen)
    standard = mean_distance(layer.seen, zeros, ones, rows=rows)
    # A scaler that was fitted on other rows gives some values beyond 1.
    most = _BEYOND_UNIT if _fits_right_rows(layer, description, than=fit) else _UNIT
    is_unlike = fit > UNLIKE or most > _UNIT
    if is_clearly_nearer(standard, than=fit) or (is_unlike and _is_within_unit(layer.seen, most)):
        return _normalization_problem(layer, "normalizes rows that are already normalized", TWICE)
    if fit > UNLIKE and _holds_standard(layer):
        return _normalization_problem(
            layer, "was adapted on standardized rows, but gets different ones", RANGE
        )
    return None


def _fits_right_rows(layer: PreprocessingFact, description: DataFacts, *, than: float) -> bool:
    """Whether the rows that should have been served clearly fit the layer better than the served ones."""
    right = by_input(description.fed, layer.input)
    if right is None or not description.served or description.scaling is not None or layer.after:
        return False
    fit = mean_distance(right.columns, layer.mean, layer.sd, rows=right.rows)
    return is_clearly_nearer(fit, than=than)


def _is_for_unscaled_rows(layer: PreprocessingFact, description: DataFacts, fit: float) -> bool:
    """Whether the layer was adapted on rows before the scaler, of the reference or like the rows."""
    scaling = description.scaling
    if scaling is None or scaling.input != layer.input or description.state != "raw":
        return False
    raw_fit = mean_distance(layer.seen_raw, layer.mean, layer.sd, rows=_row_count(description, layer))
    by_reference = not description.served and is_adapted_on_unscaled_rows(layer, description)
    return by_reference or is_clearly_nearer(raw_fit, than=fit)


def _normalization_problem(layer: PreprocessingFact, what: str, cause: str) -> RangeProblem:
    message = f"'{layer.path}' {what}; {_describe_furthest(layer)}"
    return RangeProblem(place=layer.path, message=message, cause=cause)


def _describe_furthest(layer: PreprocessingFact) -> str:
    """The feature that differs most, in words."""
    features = [each for each in zip(layer.seen, layer.mean, layer.sd, strict=False) if each[2] > 0]
    column, mean, sd = max(
        features,
        key=lambda each: (distance(*each, rows=_FEWEST_ROWS), abs(each[0].mean - each[1]) / each[2]),
    )
    return (
        f"feature '{column.name}' has mean {column.mean:.3g} and standard deviation {column.sd:.3g}, "
        f"the layer expects {mean:.3g} and {sd:.3g}"
    )


def _row_count(description: DataFacts, layer: PreprocessingFact) -> int:
    fed = by_input(description.served or description.fed, layer.input)
    return fed.rows if fed is not None else 0


def _is_within_unit(columns: Sequence[ColumnFact], most: float) -> bool:
    """Whether every feature lies in 0 to 1, or -1 to 1, and has more values than a flag."""
    filled = [column for column in columns if column.count]
    inside = all(column.low >= -most and column.high <= most for column in filled)
    return inside and any(column.distinct > _BINARY for column in filled)


def _holds_standard(layer: PreprocessingFact) -> bool:
    """Whether the layer's statistics are those of standardized rows."""
    centred = all(abs(mean) < 0.3 for mean in layer.mean)
    return centred and all(0.7 < sd < 1.5 or sd == 0 for sd in layer.sd) and any(layer.sd)


def _test_batch_normalization(layer: PreprocessingFact, description: DataFacts) -> RangeProblem | None:
    """Rows that fit only if divided or multiplied by 255 are pixels in the wrong range."""
    if not layer.is_finite or gets_rows_of_training(layer, description):
        return None
    rows = _row_count(description, layer)
    fit = mean_distance(layer.seen, layer.mean, layer.sd, rows=rows)
    for factor in (255.0, 1 / 255.0):
        means, spreads = ([value * factor for value in values] for values in (layer.mean, layer.sd))
        scaled_fit = mean_distance(layer.seen, means, spreads, rows=rows)
        if fit > UNLIKE and is_clearly_nearer(scaled_fit, than=fit):
            times = "255 times smaller" if factor > 1 else "255 times larger"
            message = f"'{layer.path}' was trained on rows {times}; {_describe_furthest(layer)}"
            return RangeProblem(place=layer.path, message=message, cause=RANGE)
    return None

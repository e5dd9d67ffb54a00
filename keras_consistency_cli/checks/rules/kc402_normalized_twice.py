"""The inputs must be in the range that the model was made for, and normalized once.

Why: a model that normalizes its inputs gets rows that a scaler has already scaled; images divided by 255 go
through Rescaling(1/255) again; pixels of 0 to 255 go into a model that was trained on 0 to 1. And a
preprocess function that works in place changes its caller's rows, which are then preprocessed again at the
next call (keras#8741).

How: every Normalization, Rescaling and first BatchNormalization stores or implies what it expects. The look
of the rows that reach it, computed through the layers before it, is compared with that, for each input
separately. Reference rows, with their central ranges and norms, and facts.value_range say what other models
expect; a layer with the statistics of the reference rows is right for rows of their distribution.
The preprocess function gets a copy of the rows, which is checked for changes afterwards. A failure needs rows
that fit a different, usual range and not this one, or reference rows that were divided by their norms.

To fix: normalize in one place, either in the model or before it; let preprocess functions begin with a copy.

Sources: keras#8741, keras#11591.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
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
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.central_range import differ_by_factor
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.column_facts import ColumnFact
from keras_consistency_cli.measurement.facts import DataFacts, PreprocessingFact, RowsFact
from keras_consistency_cli.text import format_count

__all__ = ["CHECK"]

_PIXEL_STEPS = (1 / 255, 1 / 256, 1 / 127.5, 1 / 128)
_UNIT, _BEYOND_UNIT = 1.0 + 1e-3, 2.0
_BINARY = 2
_SPAN_FACTOR = 20.0
"""Factor by which rows and reference rows may differ in range, in every feature."""
_PIXEL_TOLERANCE = 0.1
_FILLED, _BEYOND = 0.02, 0.5
"""Share of the range stated by the owner that rows must fill, and share by which they may exceed it."""
_LIGHT_TAILED = 15.0
"""Kurtosis of features of which a sample shows the range; that of an exponential distribution is 9."""
_FEWEST_ROWS = 8
"""So many rows have a reliable spread."""
_TWICE, _RANGE, _MUTATED = "normalized-twice", "input-range", "input-mutated"
_ADVICE = {
    _TWICE: "normalize in one place: give the model raw rows, or remove the layer",
    _RANGE: "bring the rows into the range of training before the model",
    _MUTATED: "begin the function with rows = np.array(rows, dtype=np.float64), which copies",
}


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """A problem of a layer or an input, the cause that it points to, and the line that fixes it, if known."""

    place: str
    message: str
    cause: str
    fix: str = ""


def examine(evidence: Evidence) -> Verdict:
    """FAIL if a layer gets rows in the wrong range, or if preprocessing changes its input."""
    description = evidence.data.description
    if description.generated:
        return Verdict.skip("no rows given: generated rows follow the model's own layers")
    if not _sources(description):
        return Verdict.skip(
            "the model has no Normalization or Rescaling layer, "
            "and neither reference rows nor facts.value_range are given"
        )
    problems = [problem for test in _TESTS for problem in test(description)]
    if not problems:
        compared = ", ".join(_sources(description))
        return Verdict.ok(f"the inputs are in the expected range; compared with: {compared}")
    first = problems[0]
    fix = {"mend": first.fix} if first.fix else {}
    return Verdict.fail(
        first.message,
        cause=first.cause,
        findings={"found": [problem.message for problem in problems], "layer": first.place, **fix},
        advice=_ADVICE[first.cause],
    )


def _sources(description: DataFacts) -> list[str]:
    """What the rows can be compared with, in words."""
    sources = {
        format_count(len(description.layers), "layer"): bool(description.layers),
        "reference rows": bool(description.reference),
        "facts.value_range": description.value_range is not None,
    }
    found = [words for words, available in sources.items() if available]
    has_function = description.scaling is not None and description.scaling.function
    return found or (["the preprocess function"] if has_function else [])


def _layer_problems(description: DataFacts) -> Iterator[_Problem]:
    """Layers whose input is already normalized, or not normalized at all."""
    tests = {"Rescaling": _test_rescaling, "Normalization": _test_normalization}
    for layer in description.layers:
        if any(column.count for column in layer.seen):
            problem = tests.get(layer.kind, _test_batch_normalization)(layer, description)
            if problem is not None:
                yield problem


def _test_rescaling(layer: PreprocessingFact, description: DataFacts) -> _Problem | None:
    pixels = any(math.isclose(scale, step, rel_tol=1e-3) for scale in layer.scale for step in _PIXEL_STEPS)
    low, high = min(each.low for each in layer.seen), max(each.high for each in layer.seen)
    several = max(each.distinct for each in layer.seen) > _BINARY
    is_unit = -_UNIT <= low <= high <= _UNIT
    if not pixels or not several or not (is_unit or _is_narrowed_by_serving(layer, description)):
        return None
    before = f" after '{layer.after[-1]}'" if layer.after else ""
    message = (
        f"'{layer.path}'{before} divides by {1 / layer.scale[0]:.4g}; "
        f"its input already lies between {low:.3g} and {high:.3g}"
    )
    return _Problem(place=layer.path, message=message, cause=_TWICE)


def _is_narrowed_by_serving(layer: PreprocessingFact, description: DataFacts) -> bool:
    """Whether serving made the rows for this layer much narrower, with no scaler between."""
    if description.scaling is not None or layer.after:
        return False
    served, right = (by_input(rows, layer.input) for rows in (description.served, description.fed))
    return (
        served is not None
        and right is not None
        and len(served.columns) == len(right.columns)
        and differ_by_factor(served.columns, right.columns, _SPAN_FACTOR)
        and served.bounds[1] - served.bounds[0] < right.bounds[1] - right.bounds[0]
    )


def _test_normalization(layer: PreprocessingFact, description: DataFacts) -> _Problem | None:
    if not layer.adapted or not layer.is_finite:
        return None
    rows = _row_count(description, layer)
    fit = mean_distance(layer.seen, layer.mean, layer.sd, rows=rows)
    if _is_for_unscaled_rows(layer, description, fit):
        kind = "scaler" if description.scaling is None else description.scaling.kind
        return _normalization_problem(layer, f"expects raw rows, but the {kind} scales them first", _TWICE)
    if gets_rows_of_training(layer, description):
        return None
    zeros, ones = [0.0] * len(layer.seen), [1.0] * len(layer.seen)
    standard = mean_distance(layer.seen, zeros, ones, rows=rows)
    # A scaler that was fitted on other rows gives some values beyond 1.
    most = _BEYOND_UNIT if _fits_right_rows(layer, description, than=fit) else _UNIT
    is_unlike = fit > UNLIKE or most > _UNIT
    if is_clearly_nearer(standard, than=fit) or (is_unlike and _is_within_unit(layer.seen, most)):
        return _normalization_problem(layer, "normalizes rows that are already normalized", _TWICE)
    if fit > UNLIKE and _holds_standard(layer):
        return _normalization_problem(
            layer, "was adapted on standardized rows, but gets different ones", _RANGE
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


def _normalization_problem(layer: PreprocessingFact, what: str, cause: str) -> _Problem:
    message = f"'{layer.path}' {what}; {_describe_furthest(layer)}"
    return _Problem(place=layer.path, message=message, cause=cause)


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


def _test_batch_normalization(layer: PreprocessingFact, description: DataFacts) -> _Problem | None:
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
            return _Problem(place=layer.path, message=message, cause=_RANGE)
    return None


def _norm_problems(description: DataFacts) -> Iterator[_Problem]:
    """Rows that were not divided by their norms, as the reference rows were."""
    for norm in description.norms:
        whole = len(norm.axes) > 1
        where = "of each row" if whole else f"along axis {norm.axes[0]}"
        message = (
            f"input '{norm.input}' has norms of {norm.found:.3g}; "
            f"the L{norm.order} norms {where} are 1 in the reference rows"
        )
        fix = f"rows = keras.utils.normalize(rows, axis={norm.axes[0]}, order={norm.order})"
        if whole:
            flat = f"keras.utils.normalize(rows.reshape(len(rows), -1), order={norm.order})"
            fix = f"rows = {flat}.reshape(rows.shape)"
        yield _Problem(place=norm.input, message=message, cause=_RANGE, fix=fix)


def _reference_problems(description: DataFacts) -> Iterator[_Problem]:
    """Rows of a different size than the reference rows, in every feature and apart from extreme values."""
    for fed in description.served or description.fed:
        trained = by_input(description.reference_fed, fed.input)
        if trained is None or len(trained.columns) != len(fed.columns):
            continue
        if differ_by_factor(fed.columns, trained.columns, _SPAN_FACTOR):
            message = (
                f"input '{fed.input}' lies between {_range(fed)}; "
                f"the reference rows lie between {_range(trained)}"
            )
            pairs = zip(fed.columns, trained.columns, strict=True)
            ratios = [
                column.span / other.span for column, other in pairs if column.span > 0 and other.span > 0
            ]
            is_pixels = all(math.isclose(ratio, 255, rel_tol=_PIXEL_TOLERANCE) for ratio in ratios)
            fix = "rows = rows / 255.0" if is_pixels else ""
            yield _Problem(place=fed.input, message=message, cause=_RANGE, fix=fix)


def _range(rows: RowsFact) -> str:
    low, high = rows.bounds
    return f"{low:.3g} and {high:.3g}"


def _stated_problems(description: DataFacts) -> Iterator[_Problem]:
    """Rows that are not in the range that their owner states."""
    if description.value_range is None:
        return
    low, high = description.value_range
    for rows in description.raw:
        if not any(column.count for column in rows.columns):
            continue
        lowest, highest = rows.bounds
        beyond = max(low - lowest, highest - high) / (high - low)
        is_narrow = _FILLED * (high - low) > highest - lowest > 0
        if beyond > _BEYOND or (is_narrow and _shows_its_range(rows)):
            stated = f"{low:.3g} to {high:.3g}"
            message = f"input '{rows.input}' lies between {_range(rows)}; facts.value_range is {stated}"
            yield _Problem(place=rows.input, message=message, cause=_RANGE)


def _shows_its_range(rows: RowsFact) -> bool:
    """Whether a widest feature has no heavy tail, so that more rows would hardly reach further."""
    widest = max(each.span for each in rows.columns)
    return any(each.span > 0.9 * widest and each.kurtosis < _LIGHT_TAILED for each in rows.columns)


def _mutation_problems(description: DataFacts) -> Iterator[_Problem]:
    if description.scaling is not None and description.mutated_input:
        message = (
            f"{description.scaling.kind} changes the rows that it is given; "
            "preprocessed again, the same rows come out differently"
        )
        yield _Problem(place=description.scaling.input, message=message, cause=_MUTATED)


_TESTS: tuple[Callable[[DataFacts], Iterator[_Problem]], ...] = (
    _layer_problems,
    _norm_problems,
    _reference_problems,
    _stated_problems,
    _mutation_problems,
)

CHECK = Check(
    code="KC402",
    name="normalized-twice",
    title="values reach the model in the range that it was made for, normalized once",
    explanation=__doc__,
    routes=("rows",),
    examine=examine,
)

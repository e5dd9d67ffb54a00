"""The inputs must be in the range that the model was made for, and normalized once.

Why: a model that normalizes its inputs gets rows that a scaler has already scaled; images divided by 255 go
through Rescaling(1/255) again; pixels of 0 to 255 go into a model that was trained on 0 to 1. And a
preprocess function that works in place changes its caller's rows, which are then preprocessed again at the
next call (keras#8741).

How: every Normalization, Rescaling and first BatchNormalization stores or implies what it expects, and so
does an operation such as x / 255.0 on the inputs. The look of the rows that reach it, computed through the
layers before it, is compared with that, for each input separately. Reference rows, with their central ranges
and norms, and facts.value_range say what other models expect; a layer with the statistics of the reference
rows is right for rows of their distribution.
The preprocess function gets a copy of the rows, which is checked for changes afterwards. A failure needs rows
that fit a different, usual range and not this one, or reference rows that were divided by their norms.

To fix: normalize in one place, either in the model or before it; let preprocess functions begin with a copy.

Sources: keras#8741, keras#11591.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from keras_consistency_cli.checks.analysis.range_problems import (
    RANGE,
    SPAN_FACTOR,
    TWICE,
    RangeProblem,
    layer_problems,
)
from keras_consistency_cli.checks.analysis.scaling_state import (
    by_input,
)
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.central_range import differ_by_factor
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.data_facts import DataFacts, RowsFact
from keras_consistency_cli.text import format_count

__all__ = ["CHECK"]

_PIXEL_TOLERANCE = 0.1
_FILLED, _BEYOND = 0.02, 0.5
"""Share of the range stated by the owner that rows must fill, and share by which they may exceed it."""
_LIGHT_TAILED = 15.0
"""Kurtosis of features of which a sample shows the range; that of an exponential distribution is 9."""
_REFERENCE = "reference rows"
_SCALED_ALIKE = (
    "the inputs are in the range of the reference rows, which the same scaler scaled; "
    "nothing else tells the range that the model expects"
)
_MUTATED = "input-mutated"
_ADVICE = {
    TWICE: "normalize in one place: give the model raw rows, or remove the layer",
    RANGE: "bring the rows into the range of training before the model",
    _MUTATED: "begin the function with rows = np.array(rows, dtype=np.float64), which copies",
}


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
        if _is_scaled_alike(description):
            return Verdict.ok(_SCALED_ALIKE)
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


def _is_scaled_alike(description: DataFacts) -> bool:
    """Whether the rows are only compared with reference rows that the same scaler scaled."""
    is_scaled = description.scaling is not None and description.state == "raw"
    return is_scaled and _sources(description) == [_REFERENCE]


def _sources(description: DataFacts) -> list[str]:
    """What the rows can be compared with, in words."""
    sources = {
        format_count(len(description.layers), "layer"): bool(description.layers),
        _REFERENCE: bool(description.reference),
        "facts.value_range": description.value_range is not None,
    }
    found = [words for words, available in sources.items() if available]
    has_function = description.scaling is not None and description.scaling.function
    return found or (["the preprocess function"] if has_function else [])


def _norm_problems(description: DataFacts) -> Iterator[RangeProblem]:
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
        yield RangeProblem(place=norm.input, message=message, cause=RANGE, fix=fix)


def _reference_problems(description: DataFacts) -> Iterator[RangeProblem]:
    """Rows of a different size than the reference rows, in every feature and apart from extreme values."""
    for fed in description.served or description.fed:
        trained = by_input(description.reference_fed, fed.input)
        if trained is None or len(trained.columns) != len(fed.columns):
            continue
        if differ_by_factor(fed.columns, trained.columns, SPAN_FACTOR):
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
            yield RangeProblem(place=fed.input, message=message, cause=RANGE, fix=fix)


def _range(rows: RowsFact) -> str:
    low, high = rows.bounds
    return f"{low:.3g} and {high:.3g}"


def _stated_problems(description: DataFacts) -> Iterator[RangeProblem]:
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
            yield RangeProblem(place=rows.input, message=message, cause=RANGE)


def _shows_its_range(rows: RowsFact) -> bool:
    """Whether a widest feature has no heavy tail, so that more rows would hardly reach further."""
    widest = max(each.span for each in rows.columns)
    return any(each.span > 0.9 * widest and each.kurtosis < _LIGHT_TAILED for each in rows.columns)


def _mutation_problems(description: DataFacts) -> Iterator[RangeProblem]:
    if description.scaling is not None and description.mutated_input:
        message = (
            f"{description.scaling.kind} changes the rows that it is given; "
            "preprocessed again, the same rows come out differently"
        )
        yield RangeProblem(place=description.scaling.input, message=message, cause=_MUTATED)


_TESTS: tuple[Callable[[DataFacts], Iterator[RangeProblem]], ...] = (
    layer_problems,
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

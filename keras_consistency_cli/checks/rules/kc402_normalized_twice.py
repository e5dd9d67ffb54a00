"""What reaches the model must be in the range that it was made for, and normalised once.

Why: a model that normalises within itself is fed rows that a scaler has been over already; images divided by 255 go
through Rescaling(1/255) once more; pixels of 0 to 255 go into a model that learned from 0 to 1. And a preprocess
function that works in place changes its caller's rows, which are then prepared again at the next call (keras#8741).

How: every Normalization, Rescaling and first BatchNormalization remembers or tells what it expects. What the rows look
like where they reach it, computed through the layers before, is held against that, for each input of its own. Reference
rows and facts.value_range say what other models expect. The preprocess function is given a copy, which is looked at
afterwards. A failure needs rows that fit another, usual range and not this one.

To fix: normalise in one place, either in the model or before it; let preprocess functions begin with a copy.

Sources: keras#8741, keras#11591.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from keras_consistency_cli.checks.analysis.scaling_state import UNLIKE, by_input, clearly, mean_distance
from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict
from keras_consistency_cli.measurement.column_facts import ColumnFact
from keras_consistency_cli.measurement.facts import DataFacts, PreprocessingFact, RowsFact

__all__ = ["CHECK"]

_PIXEL_STEPS = (1 / 255, 1 / 256, 1 / 127.5, 1 / 128)
_UNIT = 1.0 + 1e-3
_BINARY = 2
_SPANS_APART = 20.0
"""Times that rows and reference rows may differ in range, in every feature."""
_FILLED, _BEYOND = 0.02, 0.5
"""Share of the range stated by the owner that rows must fill, and by which they may exceed it."""

_Finding = tuple[str, str, str]
"""Layer or input, message, cause."""


def examine(evidence: Evidence) -> Verdict:
    """FAIL where rows reach a layer in another range than it was made for, or where preprocessing changes its input."""
    known: DataFacts | None = evidence.data.get("description")
    if known is None or known.generated:
        return _skip("no rows given: those that were made follow the model's own layers")
    if not known.layers and not known.reference and known.value_range is None and not _has_function(known):
        return _skip(
            "the model has no Normalization or Rescaling layer, and neither reference rows nor "
            "facts.value_range are given"
        )
    found = [finding for step in _STEPS for finding in step(known)]
    if not found:
        return Verdict(
            status=Status.PASS,
            message=f"what reaches the model is in the range that it was made for ({_looked_at(known)})",
        )
    place, message, cause = found[0]
    findings: dict[str, Any] = {"found": [message for _, message, _ in found], "layer": place, "cause": cause}
    return Verdict(status=Status.FAIL, message=message, findings=findings, advice=_ADVICE[cause])


_ADVICE = {
    "normalized-twice": "normalise in one place: give the model raw rows, or take the layer out of it",
    "input-range": "bring the rows into the range of training before the model",
    "input-mutated": "begin the function with rows = np.array(rows, dtype=np.float64), which copies",
}


def _skip(reason: str) -> Verdict:
    return Verdict(status=Status.SKIP, message="nothing to hold the rows against", reason=reason)


def _has_function(known: DataFacts) -> bool:
    return known.scaling is not None and known.scaling.function


def _looked_at(known: DataFacts) -> str:
    words = {
        f"{len(known.layers)} layers": known.layers,
        "reference rows": known.reference,
        "facts.value_range": known.value_range,
    }
    return ", ".join(word for word, given in words.items() if given) or "the preprocess function"


def _rows_of(known: DataFacts, layer: PreprocessingFact) -> int:
    fed = by_input(known.served or known.fed, layer.input)
    return fed.rows if fed is not None else 0


def _layers(known: DataFacts) -> Iterator[_Finding]:
    """Layers that are given what is normalised already, or what is not normalised at all."""
    for layer in known.layers:
        if not layer.seen or not any(column.count for column in layer.seen):
            continue
        judge = (
            _rescaling
            if layer.kind == "Rescaling"
            else _normalization
            if layer.kind == "Normalization"
            else _batch_normalization
        )
        finding = judge(layer, known)
        if finding is not None:
            yield layer.path, *finding


def _rescaling(layer: PreprocessingFact, _known: DataFacts) -> tuple[str, str] | None:
    pixels = any(math.isclose(scale, step, rel_tol=1e-3) for scale in layer.scale for step in _PIXEL_STEPS)
    low, high = min(each.low for each in layer.seen), max(each.high for each in layer.seen)
    several = max(each.distinct for each in layer.seen) > _BINARY
    if not pixels or not several or high > _UNIT or low < -_UNIT:
        return None
    before = f" behind '{layer.after[-1]}'" if layer.after else ""
    return (
        (
            f"'{layer.path}'{before} divides by {1 / layer.scale[0]:.4g} what lies between {low:.3g} and "
            f"{high:.3g} already"
        ),
        "normalized-twice",
    )


def _normalization(layer: PreprocessingFact, known: DataFacts) -> tuple[str, str] | None:
    if not layer.adapted:
        return None
    rows = _rows_of(known, layer)
    fits = mean_distance(layer.seen, layer.mean, layer.sd, rows=rows)
    scaling = known.scaling
    between = scaling is not None and scaling.input == layer.input and known.state == "raw"
    if between and clearly(mean_distance(layer.seen_raw, layer.mean, layer.sd, rows=rows), rather_than=fits):
        assert scaling is not None
        return (
            f"'{layer.path}' normalises raw rows, and gets them from the {scaling.kind}: {_means(layer)}",
            "normalized-twice",
        )
    standard = mean_distance(layer.seen, [0.0] * len(layer.seen), [1.0] * len(layer.seen), rows=rows)
    if clearly(standard, rather_than=fits) or (fits > UNLIKE and _within_unit(layer.seen)):
        return f"'{layer.path}' normalises what is normalised already: {_means(layer)}", "normalized-twice"
    if fits > UNLIKE and _is_unit(layer):
        return (
            f"'{layer.path}' was adapted on standardised rows, and gets others: {_means(layer)}",
            "input-range",
        )
    return None


def _means(layer: PreprocessingFact) -> str:
    """The feature that is furthest off, in words."""
    pairs = zip(layer.seen, layer.mean, layer.sd, strict=False)
    worst = max(pairs, key=lambda each: abs(each[0].mean - each[1]) / each[2] if each[2] > 0 else 0.0)
    column, mean, sd = worst
    return (
        f"feature '{column.name}' comes with mean {column.mean:.3g} and deviation {column.sd:.3g}, it "
        f"expects {mean:.3g} and {sd:.3g}"
    )


def _within_unit(columns: tuple[ColumnFact, ...]) -> bool:
    """Whether every feature lies in 0 to 1, or -1 to 1, and takes more values than a flag does."""
    held = [each for each in columns if each.count]
    return all(each.low >= -_UNIT and each.high <= _UNIT for each in held) and any(
        each.distinct > _BINARY for each in held
    )


def _is_unit(layer: PreprocessingFact) -> bool:
    return (
        all(abs(mean) < 0.3 for mean in layer.mean)
        and all(0.7 < sd < 1.5 or sd == 0 for sd in layer.sd)
        and any(layer.sd)
    )


def _batch_normalization(layer: PreprocessingFact, known: DataFacts) -> tuple[str, str] | None:
    """Statistics of training batches: rows that fit them only once they are divided or multiplied by 255 are pixels in the wrong range."""
    rows = _rows_of(known, layer)
    fits = mean_distance(layer.seen, layer.mean, layer.sd, rows=rows)
    for factor in (255.0, 1 / 255.0):
        means, spreads = ([each * factor for each in values] for values in (layer.mean, layer.sd))
        if fits > UNLIKE and clearly(mean_distance(layer.seen, means, spreads, rows=rows), rather_than=fits):
            times = "255 times smaller" if factor > 1 else "255 times greater"
            return (
                f"'{layer.path}' knows rows that are {times} than those it gets: {_means(layer)}",
                "input-range",
            )
    return None


def _reference(known: DataFacts) -> Iterator[_Finding]:
    """Rows whose range differs in every feature from that of the reference rows, by an order of magnitude and more."""
    for fed in known.served or known.fed:
        trained = by_input(known.reference_fed, fed.input)
        if trained is None or len(trained.columns) != len(fed.columns):
            continue
        spans = [
            (_span(mine), _span(theirs)) for mine, theirs in zip(fed.columns, trained.columns, strict=True)
        ]
        ratios = [mine / theirs for mine, theirs in spans if mine > 0 and theirs > 0]
        if ratios and (min(ratios) > _SPANS_APART or max(ratios) < 1 / _SPANS_APART):
            message = (
                f"input '{fed.input}' lies between {_ends(fed)}, the reference rows lie between "
                f"{_ends(trained)}"
            )
            yield fed.input, message, "input-range"


def _span(column: ColumnFact) -> float:
    return column.high - column.low if column.count else 0.0


def _ends(rows: RowsFact) -> str:
    return (
        f"{min(each.low for each in rows.columns if each.count):.3g} and "
        f"{max(each.high for each in rows.columns if each.count):.3g}"
    )


def _stated(known: DataFacts) -> Iterator[_Finding]:
    """Rows that are not in the range that their owner states."""
    if known.value_range is None:
        return
    low, high = known.value_range
    for rows in known.raw:
        held = [each for each in rows.columns if each.count]
        if not held:
            continue
        lowest, highest = min(each.low for each in held), max(each.high for each in held)
        beyond = max(low - lowest, highest - high) / (high - low)
        if beyond > _BEYOND or (_FILLED * (high - low) > highest - lowest > 0):
            yield (
                rows.input,
                (
                    f"input '{rows.input}' lies between {_ends(rows)}, facts.value_range says {low:.3g} to "
                    f"{high:.3g}"
                ),
                "input-range",
            )


def _mutated(known: DataFacts) -> Iterator[_Finding]:
    if known.mutated_input:
        assert known.scaling is not None
        message = (
            f"{known.scaling.kind} changes the rows that it is given: prepared again, the same rows come "
            "out differently"
        )
        yield known.scaling.input, message, "input-mutated"


_STEPS: tuple[Callable[[DataFacts], Iterator[_Finding]], ...] = (_layers, _reference, _stated, _mutated)

CHECK = Check(
    code="KC402",
    name="normalized-twice",
    title="what reaches the model is in the range that it was made for, and normalised once",
    explanation=__doc__,
    routes=("rows",),
    examine=examine,
)

"""Drift: how far each feature of the rows lies from the reference rows, or from what scaler and Normalization layers remember."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.loading.profile.significance import (
    UNKNOWN_ROWS,
    centre_by_chance,
    distance_by_chance,
    mean_by_chance,
    outside_by_chance,
)
from keras_consistency_cli.loading.profile.statistics import Statistics
from keras_consistency_cli.measurement.column_facts import ColumnFact, ExpectedColumn
from keras_consistency_cli.measurement.facts import DataFacts, DriftFact, PreprocessingFact, RowsFact

__all__ = ["drift_facts"]

_BY_MEDIAN = ("RobustScaler", "QuantileTransformer", "PowerTransformer")
"""They remember a median, not a mean."""
_BY_RANGE = ("MinMaxScaler", "MaxAbsScaler")
_TIMES, _RARE, _FEWEST = 3.0, 10.0, 3
"""A filler comes as often as gaps do, give or take this factor, so many times as often as it did before, and in so many rows at the least."""
_MARGIN = 1e-6
"""Of the training range: values that far beyond it are rounding."""


def drift_facts(
    known: DataFacts, raw: Mapping[str, Statistics], reference: Mapping[str, Statistics]
) -> tuple[DriftFact, ...]:
    """Return the drift of every feature, against the reference rows where there are some, else against what is remembered.

    Args:
        known: the description so far: statistics, scaler, layers.
        raw: the rows as given, with their samples.
        reference: the reference rows likewise.
    """
    if reference:
        sides = ((rows, reference) for rows in known.raw if rows.input in reference)
        moved = chain.from_iterable(
            _against_reference(rows, raw[rows.input], other[rows.input]) for rows, other in sides
        )
        return tuple(_filled_otherwise(fact, known) for fact in moved)
    found = list(_against_scaler(known, raw))
    told = {each.input for each in found}
    for layer in known.layers:
        if (
            layer.kind == "Normalization"
            and layer.adapted
            and not layer.after
            and layer.input not in told
            and layer.seen
        ):
            found += _against_layer(
                layer, next((each.rows for each in known.fed if each.input == layer.input), 0)
            )
            told.add(layer.input)
    return tuple(found)


def _against_reference(rows: RowsFact, mine: Statistics, theirs: Statistics) -> Iterator[DriftFact]:
    if len(mine.count) != len(theirs.count):
        return
    for at, (column, other) in enumerate(zip(rows.columns, theirs.facts(rows.input).columns, strict=True)):
        ours, reference = mine.finite(at), theirs.finite(at)
        if not len(ours) or not len(reference):
            continue
        # The values of one row are no independent ones: there is as much proof as there are rows.
        here, trained = min(mine.rows, len(ours)), min(theirs.rows, len(reference))
        distance, outside = _apart(ours, reference), _outside(ours, other.low, other.high)
        yield DriftFact(
            input=rows.input,
            name=column.name,
            against="reference",
            mean=column.mean,
            expected=other.mean,
            shift=_shift(column.mean - other.mean, other.sd, column.sd),
            p_value=distance_by_chance(distance, here, trained),
            distance=distance,
            outside=outside,
            # The range is that of all reference rows, not only of the sampled ones.
            outside_p=outside_by_chance(round(outside * here), here, min(theirs.rows, other.count)),
            rows=mine.rows,
            filler=None if column.nan or not other.nan else _filler(ours, reference, _gaps(other)),
            gaps=_gaps(other),
        )


def _gaps(column: ColumnFact) -> float:
    return column.nan / (column.nan + column.count)


def _filler(ours: npt.NDArray[np.float64], reference: npt.NDArray[np.float64], gaps: float) -> float | None:
    """The one number that stands where values are missing in the reference rows: it comes about as often, and there next to never."""
    values, counts = np.unique(ours, return_counts=True)
    before = np.sort(reference)
    known = (np.searchsorted(before, values, side="right") - np.searchsorted(before, values)) / len(before)
    shares = counts / len(ours)
    new = np.where((counts >= _FEWEST) & (known * _RARE <= shares), shares, 0.0)
    often = new.argmax()
    return float(values[often]) if gaps / _TIMES <= new[often] - known[often] <= gaps * _TIMES else None


def _filled_otherwise(fact: DriftFact, known: DataFacts) -> DriftFact:
    """A number is only out of place where the pipeline's imputer is known to put another one there."""
    scaling = known.scaling
    if fact.filler is None:
        return fact
    expected = scaling.expected if scaling is not None and scaling.input == fact.input else ()
    own = next((each.filled for each in expected if each.name == fact.name), None)
    return (
        fact
        if own is not None and not math.isclose(own, fact.filler, rel_tol=1e-6)
        else replace(fact, filler=None)
    )


def _apart(ours: npt.NDArray[np.float64], reference: npt.NDArray[np.float64]) -> float:
    """The greatest distance of two distribution functions, after Kolmogorov and Smirnov."""
    every = np.concatenate([ours, reference])
    below = [
        np.searchsorted(np.sort(values), every, side="right") / len(values) for values in (ours, reference)
    ]
    return float(np.abs(below[0] - below[1]).max())


def _against_scaler(known: DataFacts, raw: Mapping[str, Statistics]) -> Iterator[DriftFact]:
    scaling = known.scaling
    if scaling is None or scaling.function or known.state == "scaled" or scaling.input not in raw:
        return
    rows = next(rows for rows in known.raw if rows.input == scaling.input)
    columns = rows.columns
    for expected in scaling.expected:
        if not expected.constant and expected.column < len(columns) and columns[expected.column].count:
            yield _against_expected(rows, scaling.kind, expected, raw[scaling.input].finite(expected.column))


def _against_expected(
    rows: RowsFact, against: str, expected: ExpectedColumn, values: npt.NDArray[np.float64]
) -> DriftFact:
    column, (centre, spread) = rows.columns[expected.column], expected.raw
    here, trained = min(rows.rows, len(values)), _trained(expected, rows)
    outside = (
        None
        if expected.low is None or expected.high is None
        else _outside(values, expected.low, expected.high)
    )
    middling = expected.kind in _BY_MEDIAN
    typical = column.quantiles[3] if middling else column.mean
    # Of a remembered range only the ends are known: where between them the mean lay is not, and no shift can be told.
    shift = 0.0 if expected.kind in _BY_RANGE else _shift(typical - centre, spread, 0.0)
    by_median = centre_by_chance(values, centre, here, trained) if middling else 1.0
    return DriftFact(
        input=rows.input,
        name=column.name,
        against=against,
        mean=typical,
        expected=centre,
        shift=shift,
        p_value=by_median if middling else _p_value(shift, column, spread, rows.rows, trained),
        outside=outside,
        outside_p=1.0 if outside is None else outside_by_chance(round(outside * here), here, trained),
        rows=rows.rows,
    )


def _trained(expected: ExpectedColumn, rows: RowsFact) -> float:
    """Training rows, as far as the scaler remembers: it counts time steps where there are some, which are no independent rows."""
    steps = math.prod(rows.shape[:-1])
    return expected.rows / steps if expected.rows else UNKNOWN_ROWS


def _against_layer(layer: PreprocessingFact, rows: int) -> Iterator[DriftFact]:
    for column, mean, sd in zip(layer.seen, layer.mean, layer.sd, strict=False):
        if sd > 0 and column.count:
            shift = _shift(column.mean - mean, sd, 0.0)
            yield DriftFact(
                input=layer.input,
                name=column.name,
                against=layer.path,
                mean=column.mean,
                expected=mean,
                shift=shift,
                p_value=_p_value(shift, column, sd, rows, UNKNOWN_ROWS),
                rows=rows,
            )


def _shift(apart: float, spread: float, other: float) -> float:
    """In standard deviations of the training rows; where those never varied, in those of the rows themselves."""
    scale = spread or other
    return apart / scale if scale else (0.0 if apart == 0 else math.copysign(math.inf, apart))


def _p_value(shift: float, column: ColumnFact, spread: float, rows: int, trained: float) -> float:
    """How probable so great a shift of the mean is by chance."""
    if rows < 2 or not spread:
        return 1.0
    return mean_by_chance(shift, column.sd / spread, min(rows, column.count), trained)


def _outside(values: npt.NDArray[np.float64], low: float, high: float) -> float:
    margin = _MARGIN * (high - low)
    return float(((values < low - margin) | (values > high + margin)).mean()) if len(values) else 0.0

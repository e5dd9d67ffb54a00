"""Drift: how far each feature of the rows lies from the reference rows, or from what scaler and Normalization layers remember."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.facts import ColumnFact, DataFacts, DriftFact, ExpectedColumn, PreprocessingFact, RowsFact
from keras_consistency_cli.loading.statistics import Statistics

__all__ = ["drift_facts"]

_MARGIN = 1e-6
"""Of the training range: values that far beyond it are rounding."""


def drift_facts(known: DataFacts, raw: Mapping[str, Statistics], reference: Mapping[str, Statistics]) -> tuple[DriftFact, ...]:
    """Return the drift of every feature, against the reference rows where there are some, else against what is remembered.

    Args:
        known: the description so far: statistics, scaler, layers.
        raw: the rows as given, with their samples.
        reference: the reference rows likewise.
    """
    if reference:
        sides = ((rows, reference) for rows in known.raw if rows.input in reference)
        return tuple(chain.from_iterable(_against_reference(rows, raw[rows.input], other[rows.input]) for rows, other in sides))
    found = list(_against_scaler(known, raw))
    told = {each.input for each in found}
    for layer in known.layers:
        if layer.kind == "Normalization" and layer.adapted and not layer.after and layer.input not in told and layer.seen:
            found += _against_layer(layer, next((each.rows for each in known.fed if each.input == layer.input), 0))
            told.add(layer.input)
    return tuple(found)


def _against_reference(rows: RowsFact, mine: Statistics, theirs: Statistics) -> Iterator[DriftFact]:
    if len(mine.count) != len(theirs.count):
        return
    from scipy.stats import ks_2samp, kstwobign

    trained = theirs.facts(rows.input).columns
    for at, (column, other) in enumerate(zip(rows.columns, trained, strict=True)):
        ours, reference = mine.finite(at), theirs.finite(at)
        if not len(ours) or not len(reference):
            continue
        distance = float(ks_2samp(ours, reference, method="asymp").statistic)
        # The values of one row are no independent ones: there is as much proof as there are rows.
        proof = math.sqrt(1 / (1 / min(mine.rows, len(ours)) + 1 / min(theirs.rows, len(reference))))
        yield DriftFact(
            input=rows.input,
            name=column.name,
            against="reference",
            mean=column.mean,
            expected=other.mean,
            shift=_shift(column.mean - other.mean, other.sd, column.sd),
            p_value=float(kstwobign.sf(distance * proof)),
            distance=distance,
            outside=_outside(ours, other.low, other.high),
            rows=mine.rows,
        )


def _against_scaler(known: DataFacts, raw: Mapping[str, Statistics]) -> Iterator[DriftFact]:
    scaling = known.scaling
    if scaling is None or scaling.function or known.state == "scaled" or scaling.input not in raw:
        return
    rows = next(rows for rows in known.raw if rows.input == scaling.input)
    columns = rows.columns
    for expected in scaling.expected:
        if not expected.constant and expected.column < len(columns) and columns[expected.column].count:
            yield _against_expected(rows, scaling.kind, expected, raw[scaling.input].finite(expected.column))


def _against_expected(rows: RowsFact, against: str, expected: ExpectedColumn, values: npt.NDArray[np.float64]) -> DriftFact:
    column = rows.columns[expected.column]
    centre, spread = expected.raw
    outside = None if expected.low is None or expected.high is None else _outside(values, expected.low, expected.high)
    # Of a remembered range only the ends are known: where between them the mean lay is not, and no shift can be told.
    ranged = expected.kind in ("MinMaxScaler", "MaxAbsScaler")
    typical = column.quantiles[3] if expected.kind in ("RobustScaler", "QuantileTransformer", "PowerTransformer") else column.mean
    shift = 0.0 if ranged else _shift(typical - centre, spread, 0.0)
    return DriftFact(
        input=rows.input,
        name=column.name,
        against=against,
        mean=typical,
        expected=centre,
        shift=shift,
        p_value=_p_value(shift, column, spread, rows.rows),
        outside=outside,
        rows=rows.rows,
    )


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
                p_value=_p_value(shift, column, sd, rows),
                rows=rows,
            )


def _shift(apart: float, spread: float, other: float) -> float:
    """In standard deviations of the training rows; where those never varied, in those of the rows themselves."""
    scale = spread or other
    return apart / scale if scale else (0.0 if apart == 0 else math.copysign(math.inf, apart))


def _p_value(shift: float, column: ColumnFact, spread: float, rows: int) -> float:
    """How probable so great a shift of the mean is by chance, for as many rows, with the greater of the two spreads."""
    if rows < 2 or not spread:
        return 1.0
    wide = max(column.sd / spread, 1.0)
    return math.erfc(abs(shift) * math.sqrt(min(rows, column.count)) / wide / math.sqrt(2))


def _outside(values: npt.NDArray[np.float64], low: float, high: float) -> float:
    margin = _MARGIN * (high - low)
    return float(((values < low - margin) | (values > high + margin)).mean()) if len(values) else 0.0

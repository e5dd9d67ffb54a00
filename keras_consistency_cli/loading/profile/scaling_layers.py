"""Layers of the model that scale their input, their statistics, and the rows that reach them.

The model is not run: the statistics of the rows are mapped through the layers in between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_consistency_cli.loading.hints.layer_hints import as_numbers, keras_class_names
from keras_consistency_cli.loading.model.graph_walk import (
    ARITHMETIC,
    Arithmetic,
    EnteredLayer,
    find_entered_layers,
)
from keras_consistency_cli.loading.model.layer_walk import walk_layers
from keras_consistency_cli.measurement.data_facts import ColumnFact, PreprocessingFact, RowsFact

__all__ = ["InputStatistics", "describe_scaling_layers"]

_KINDS = frozenset({"Normalization", "Rescaling"})
_FOLLOWED = _KINDS | {"BatchNormalization", ARITHMETIC}


@dataclass(frozen=True, kw_only=True)
class InputStatistics:
    """Statistics of the rows by input.

    `fed` are the rows as the model gets them, `raw` the rows before the scaler, `reference` the reference
    rows as the model got them in training, `reference_raw` these before the scaler.
    """

    fed: Mapping[str, RowsFact]
    raw: Mapping[str, RowsFact]
    reference: Mapping[str, RowsFact]
    reference_raw: Mapping[str, RowsFact]


def describe_scaling_layers(model: Any, statistics: InputStatistics) -> tuple[PreprocessingFact, ...]:
    """Return the layers that scale their input.

    These are every Normalization and Rescaling, each division of an input by a number (`x / 255`), and each
    BatchNormalization directly after an input. A layer with several inputs is listed once for each; one that
    no input reaches unchanged is listed without an input.
    """
    paths = {id(layer): path for path, layer in walk_layers(model)}
    entered = [
        entry
        for entry in find_entered_layers(model, _FOLLOWED)
        if not (entry.passed and _find_kind(entry.layer) == "BatchNormalization")
        and not (isinstance(entry.layer, Arithmetic) and abs(entry.layer.scale) >= 1)
    ]
    facts = [
        _add_rows(
            _describe(paths.get(id(entry.layer), entry.layer.name), entry.layer), entry, paths, statistics
        )
        for entry in entered
    ]
    reached = {id(entry.layer) for entry in entered}
    facts += [
        _describe(path, layer)
        for path, layer in walk_layers(model)
        if id(layer) not in reached and _KINDS & set(keras_class_names(layer))
    ]
    return tuple(facts)


def _find_kind(layer: Any) -> str:
    if isinstance(layer, Arithmetic):
        return "Rescaling"
    return next(kind for kind in keras_class_names(layer) if kind in _FOLLOWED)


def _describe(path: str, layer: Any) -> PreprocessingFact:
    kind = _find_kind(layer)
    if isinstance(layer, Arithmetic):
        return PreprocessingFact(path=path, kind="Rescaling", scale=(layer.scale,), offset=(layer.offset,))
    if kind == "Rescaling":
        scale, offset = (tuple(as_numbers(tensor).tolist()) for tensor in (layer.scale, layer.offset))
        return PreprocessingFact(path=path, kind="Rescaling", scale=scale, offset=offset)
    if kind == "BatchNormalization":
        return PreprocessingFact(
            path=path,
            kind="BatchNormalization",
            mean=tuple(as_numbers(layer.moving_mean).tolist()),
            sd=tuple(np.sqrt(as_numbers(layer.moving_variance)).tolist()),
        )
    return _describe_normalization(path, layer)


def _describe_normalization(path: str, layer: Any) -> PreprocessingFact:
    if layer.mean is None:
        return PreprocessingFact(path=path, kind="Normalization", adapted=False)
    used, weights = (layer.mean, layer.variance), _find_stored_statistics(layer)
    is_consistent = all(_is_rounded(*pair) for pair in zip(used, weights, strict=True))
    weights = (as_numbers(weights[0]), as_numbers(weights[1]))
    mean, variance = weights if is_consistent else map(as_numbers, used)
    is_identity = not weights[0].any() and bool((weights[1] == 1).all())
    return PreprocessingFact(
        path=path,
        kind="Normalization",
        mean=tuple(mean.tolist()),
        sd=tuple(np.sqrt(np.maximum(variance, 0)).tolist()),
        adapted=layer.input_mean is not None or not is_identity,
        is_given=layer.input_mean is not None,
        consistent=is_consistent,
        compute_dtype=str(layer.compute_dtype),
        count=0 if getattr(layer, "count", None) is None else int(as_numbers(layer.count)[0]),
    )


def _find_stored_statistics(layer: Any) -> tuple[Any, Any]:
    """Return mean and variance as they are stored: in weights, or in the config."""
    if layer.input_mean is None and getattr(layer, "adapt_mean", None) is not None:
        return layer.adapt_mean, layer.adapt_variance
    given = (np.asarray(layer.input_mean, np.float32), np.asarray(layer.input_variance, np.float32))
    has_all = layer.input_mean is not None and given[0].size == given[1].size == np.size(layer.mean)
    return given if has_all else (layer.mean, layer.variance)


def _is_rounded(used: Any, stored: Any) -> bool:
    """Whether a layer computes with these stored numbers, rounded to its compute dtype.

    A policy such as mixed_float16 rounds them, which is no fault: the stored ones are exact.
    """
    import keras

    return np.array_equal(as_numbers(used), as_numbers(keras.ops.cast(stored, used.dtype)), equal_nan=True)


def _add_rows(
    fact: PreprocessingFact, entry: EnteredLayer, paths: Mapping[int, str], statistics: InputStatistics
) -> PreprocessingFact:
    """The fact with its input, the layers before it, and the rows that reach it.

    A number that is subtracted before a division, as in (x - 127.5) / 127.5, belongs to the division.
    """
    if isinstance(entry.layer, Arithmetic):
        passed = entry.passed
        while passed and isinstance(passed[-1], Arithmetic) and passed[-1].scale == 1:
            passed = passed[:-1]
        entry = replace(entry, passed=passed)
    after = tuple(paths.get(id(layer), layer.name) for layer in entry.passed)
    fact = replace(fact, input=entry.input, after=after)
    is_inverted = getattr(entry.layer, "invert", False)
    if entry.offset is None or is_inverted or not _keeps_features_apart(entry.layer):
        return fact
    fed, raw, reference, reference_raw = (
        _map_columns(rows.get(entry.input), entry)
        for rows in (statistics.fed, statistics.raw, statistics.reference, statistics.reference_raw)
    )
    width = len(fed)
    own = slice(entry.offset, entry.offset + width)
    return replace(
        fact,
        seen=fed,
        seen_raw=raw,
        seen_reference=reference,
        seen_reference_raw=reference_raw,
        mean=_select(fact.mean, own, width),
        sd=_select(fact.sd, own, width),
        scale=_select(fact.scale, own, width),
        offset=_select(fact.offset, own, width),
    )


def _keeps_features_apart(layer: Any) -> bool:
    """Whether the layer scales each feature of the last axis, or all in one way."""
    if _find_kind(layer) == "Rescaling":
        return True
    axes = tuple(layer.axis) if isinstance(layer.axis, list | tuple) else (layer.axis,)
    if _find_kind(layer) == "BatchNormalization":
        return axes[0] in (-1, (getattr(layer.input_spec, "ndim", None) or 0) - 1)
    return bool(layer.mean is not None) and (axes in ((), (-1,)) or axes == (len(layer.mean.shape) - 1,))


def _select(values: tuple[float, ...], own: slice, width: int) -> tuple[float, ...]:
    """The values of an input's own features; a single value is repeated for each."""
    return values * width if len(values) == 1 else values[own]


def _map_columns(rows: RowsFact | None, entry: EnteredLayer) -> tuple[ColumnFact, ...]:
    """The columns after the layers that come before."""
    if rows is None or not rows.columns or entry.offset is None:
        return ()
    columns = rows.columns
    for layer in entry.passed:
        if not _keeps_features_apart(layer):
            return ()
        factors, shifts = _read_line(layer)
        positions = [0 if len(factors) == 1 else entry.offset + at for at in range(len(columns))]
        if max(positions) >= len(factors):
            return ()
        columns = tuple(
            _map_column(column, factors[position], shifts[position])
            for column, position in zip(columns, positions, strict=True)
        )
    return columns


def _read_line(layer: Any) -> tuple[list[float], list[float]]:
    """The factors of a layer, and the shifts that it adds afterwards."""
    fact = _describe("", layer)
    if fact.kind == "Rescaling":
        width = max(len(fact.scale), len(fact.offset))
        return list(_select(fact.scale, slice(None), width)), list(_select(fact.offset, slice(None), width))
    factors = [1 / max(sd, 1e-7) for sd in fact.sd]
    return factors, [-mean * factor for mean, factor in zip(fact.mean, factors, strict=True)]


def _map_column(column: ColumnFact, factor: float, shift: float) -> ColumnFact:
    ends = [math.nan, math.nan]
    if math.isfinite(column.low):
        ends = sorted((column.low * factor + shift, column.high * factor + shift))
    return replace(
        column,
        mean=column.mean * factor + shift,
        sd=column.sd * abs(factor),
        low=ends[0],
        high=ends[1],
        quantiles=tuple(sorted(quantile * factor + shift for quantile in column.quantiles)),
        whole=False,
    )

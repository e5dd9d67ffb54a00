"""Layers of the model that scale their input, what they remember, and what the rows look like where they reach them. Nothing is run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.loading.model.facts import walk_layers
from keras_consistency_cli.loading.model.graph_walk import EnteredLayer, find_entered_layers
from keras_consistency_cli.loading.model.layer_hints import keras_class_names
from keras_consistency_cli.measurement.column_facts import ColumnFact
from keras_consistency_cli.measurement.facts import PreprocessingFact, RowsFact

__all__ = ["Seen", "preprocessing_facts"]

Floats = npt.NDArray[np.float64]

_KINDS = frozenset({"Normalization", "Rescaling"})
_FOLLOWED = _KINDS | {"BatchNormalization"}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Statistics of the rows by input: as the model gets them, before the scaler, and of the reference rows as the model got those."""

    fed: Mapping[str, RowsFact]
    raw: Mapping[str, RowsFact]
    reference: Mapping[str, RowsFact]


def preprocessing_facts(model: Any, seen: Seen) -> tuple[PreprocessingFact, ...]:
    """Return every Normalization and Rescaling of the model, and a BatchNormalization where it is the first thing that an input enters.

    A layer that several inputs enter is there once for each; one that no input reaches unchanged is there without an input.
    """
    paths = {id(layer): path for path, layer in walk_layers(model)}
    entered = [
        entry
        for entry in find_entered_layers(model, _FOLLOWED)
        if not (entry.passed and _kind(entry.layer) == "BatchNormalization")
    ]
    found = [
        _with_rows(_fact(paths.get(id(entry.layer), entry.layer.name), entry.layer), entry, paths, seen)
        for entry in entered
    ]
    reached = {id(entry.layer) for entry in entered}
    found += [
        _fact(path, layer)
        for path, layer in walk_layers(model)
        if id(layer) not in reached and _KINDS & set(keras_class_names(layer))
    ]
    return tuple(found)


def _kind(layer: Any) -> str:
    return next(kind for kind in keras_class_names(layer) if kind in _FOLLOWED)


def _fact(path: str, layer: Any) -> PreprocessingFact:
    kind = _kind(layer)
    if kind == "Rescaling":
        scale, offset = (tuple(_numbers(each).tolist()) for each in (layer.scale, layer.offset))
        return PreprocessingFact(path=path, kind="Rescaling", scale=scale, offset=offset)
    if kind == "BatchNormalization":
        sd = np.sqrt(_numbers(layer.moving_variance))
        return PreprocessingFact(
            path=path,
            kind="BatchNormalization",
            mean=tuple(_numbers(layer.moving_mean).tolist()),
            sd=tuple(sd.tolist()),
        )
    return _normalization(path, layer)


def _normalization(path: str, layer: Any) -> PreprocessingFact:
    if layer.mean is None:
        return PreprocessingFact(path=path, kind="Normalization", adapted=False)
    mean, variance = _numbers(layer.mean), _numbers(layer.variance)
    own = getattr(layer, "adapt_mean", None) if layer.input_mean is None else None
    kept = (mean, variance) if own is None else (_numbers(own), _numbers(layer.adapt_variance))
    same = all(
        np.array_equal(a.astype(np.float32), b.astype(np.float32))
        for a, b in zip((mean, variance), kept, strict=True)
    )
    identity = not kept[0].any() and bool((kept[1] == 1).all())
    return PreprocessingFact(
        path=path,
        kind="Normalization",
        mean=tuple(mean.tolist()),
        sd=tuple(np.sqrt(np.maximum(variance, 0)).tolist()),
        adapted=layer.input_mean is not None or not identity,
        consistent=same,
        count=0 if getattr(layer, "count", None) is None else int(_numbers(layer.count)[0]),
    )


def _numbers(tensor: Any) -> Floats:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(keras.ops.reshape(tensor, (-1,))), dtype=np.float64)


def _with_rows(
    fact: PreprocessingFact, entry: EnteredLayer, paths: Mapping[int, str], seen: Seen
) -> PreprocessingFact:
    fact = replace(
        fact, input=entry.input, after=tuple(paths.get(id(layer), layer.name) for layer in entry.passed)
    )
    if entry.offset is None or getattr(entry.layer, "invert", False) or not _by_feature(entry.layer):
        return fact
    shown = [_through(rows.get(entry.input), entry) for rows in (seen.fed, seen.raw, seen.reference)]
    fact = replace(fact, seen=shown[0], seen_raw=shown[1], seen_reference=shown[2])
    width = len(fact.seen)
    mine = slice(entry.offset, entry.offset + width)
    mean, sd, scale, offset = (
        _spread(values, mine, width) for values in (fact.mean, fact.sd, fact.scale, fact.offset)
    )
    return replace(fact, mean=mean, sd=sd, scale=scale, offset=offset)


def _by_feature(layer: Any) -> bool:
    """Whether statistics are kept for the last axis, or one for everything."""
    if _kind(layer) == "Rescaling":
        return True
    axes = tuple(layer.axis) if isinstance(layer.axis, list | tuple) else (layer.axis,)
    if _kind(layer) == "BatchNormalization":
        return axes[0] in (-1, (getattr(layer.input_spec, "ndim", None) or 0) - 1)
    return bool(layer.mean is not None) and (axes in ((), (-1,)) or axes == (len(layer.mean.shape) - 1,))


def _spread(values: tuple[float, ...], mine: slice, width: int) -> tuple[float, ...]:
    """The values of an input's own features; one for all is repeated."""
    return values * width if len(values) == 1 else values[mine]


def _through(rows: RowsFact | None, entry: EnteredLayer) -> tuple[ColumnFact, ...]:
    """The columns as they are behind the layers that came before."""
    if rows is None or not rows.columns or entry.offset is None:
        return ()
    columns = rows.columns
    for layer in entry.passed:
        if not _by_feature(layer):
            return ()
        factors, shifts = _line(layer)
        places = [0 if len(factors) == 1 else entry.offset + at for at in range(len(columns))]
        if max(places) >= len(factors):
            return ()
        columns = tuple(
            _mapped(column, factors[at], shifts[at]) for column, at in zip(columns, places, strict=True)
        )
    return columns


def _line(layer: Any) -> tuple[list[float], list[float]]:
    """What a layer multiplies by, and then adds."""
    fact = _fact("", layer)
    if fact.kind == "Rescaling":
        width = max(len(fact.scale), len(fact.offset))
        return list(_spread(fact.scale, slice(None), width)), list(_spread(fact.offset, slice(None), width))
    factors = [1 / max(sd, 1e-7) for sd in fact.sd]
    return factors, [-mean * factor for mean, factor in zip(fact.mean, factors, strict=True)]


def _mapped(column: ColumnFact, factor: float, shift: float) -> ColumnFact:
    ends = (
        sorted((column.low * factor + shift, column.high * factor + shift))
        if math.isfinite(column.low)
        else [math.nan, math.nan]
    )
    moved = tuple(sorted(each * factor + shift for each in column.quantiles))
    return replace(
        column,
        mean=column.mean * factor + shift,
        sd=column.sd * abs(factor),
        low=ends[0],
        high=ends[1],
        quantiles=moved,
        whole=False,
    )

"""Which numbers of a row reach a lookup with their value unchanged.

The model runs once on a few rows of random whole numbers. A place whose numbers arrive at a table in all of
these rows holds ids, however they get there: through slices, casts, splits or a custom layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_consistency_cli.loading.hints.layer_hints import IdPlaces
from keras_consistency_cli.loading.model.input_structure import pack_inputs
from keras_consistency_cli.loading.model.layer_walk import walk_layers
from keras_consistency_cli.loading.model.table_calls import (
    TableCall,
    is_lookup,
    read_table_sizes,
    recording_table_calls,
)
from keras_consistency_cli.measurement.facts import Facts

__all__ = ["find_id_places", "has_lookups"]

_Rows = Mapping[str, np.ndarray]
_Shape = tuple[int | None, ...]
_Columns = dict[str, tuple[TableCall, np.ndarray]]
"""By table, a call and all values that it was given, with one row for each row of the model."""

_MARKED_ROWS = 7
"""Rows of random numbers: enough of them that two places do not have the same numbers by chance."""
_HIGHEST = 255
"""The greatest number that is fed: bfloat16 holds it exactly."""
_FEWEST_NUMBERS = 16
"""Different numbers that tell places apart; smaller tables, such as those of two segments, do not count."""


def has_lookups(model: Any) -> bool:
    """Whether any layer of the model looks up ids."""
    return any(is_lookup(layer) for _, layer in walk_layers(model))


def find_id_places(model: Any, facts: Facts, sample: _Rows) -> dict[str, tuple[IdPlaces, ...]] | None:
    """Return the places of ids by input, None if they cannot be followed.

    Args:
        model: a built model; what its variables hold does not change.
        facts: of the model.
        sample: a few rows of each input, for their shapes and dtypes; texts are fed as they are.
    """
    passes: list[_Columns] = []
    size = facts.batch_size or _MARKED_ROWS
    random = np.random.default_rng(0)
    highest = _choose_highest(model)
    marked = {name: _mark(values[:1], highest, random) for name, values in sample.items()}
    for start in range(0, _MARKED_ROWS, size):
        batch = {
            name: np.resize(values[start:], (size, *values.shape[1:])) for name, values in marked.items()
        }
        try:
            inputs = pack_inputs(model, _to_tensors(batch))
            with keras.StatelessScope(), recording_table_calls(model) as recorded:
                model(inputs, training=False)
        except Exception:
            return None
        if recorded.hidden:
            return None
        passes.append(_join_calls(recorded.calls, size))
    shapes = {fact.name: fact.shape[1:] for fact in facts.inputs}
    places = {name: tuple(_match(values, passes, shapes.get(name, ()))) for name, values in marked.items()}
    return {name: found for name, found in places.items() if found}


def _choose_highest(model: Any) -> int:
    """Return the greatest number to feed: a model may fold larger ids into a table by a modulo."""
    sizes = (size for size in read_table_sizes(model) if size > _FEWEST_NUMBERS)
    return min(_HIGHEST, min(sizes, default=_HIGHEST + 1) - 1)


def _mark(values: np.ndarray, highest: int, random: np.random.Generator) -> np.ndarray:
    """Return rows of random numbers up to the highest, or the same texts and flags in each row."""
    shape = (_MARKED_ROWS, *values.shape[1:])
    if values.dtype.kind not in "fiu":
        return np.resize(values, shape)
    if values.dtype.kind in "iu":
        highest = min(highest, np.iinfo(values.dtype).max)
    return random.integers(1, highest, size=shape, endpoint=True).astype(values.dtype)


def _to_tensors(batch: _Rows) -> dict[str, Any]:
    return {
        name: keras.ops.convert_to_tensor(values.astype(object) if values.dtype.kind == "U" else values)
        for name, values in batch.items()
    }


def _join_calls(calls: Sequence[TableCall], size: int) -> _Columns:
    """Return the values of each table by row; a table may be called for each time step, or for each row."""
    by_table: dict[str, list[TableCall]] = {}
    for call in calls:
        if call.values.dtype.kind in "fiu":
            by_table.setdefault(call.table, []).append(call)
    joined = {}
    for table, own in by_table.items():
        whole = [call.values.reshape(size, -1) for call in own if call.values.size % size == 0]
        rest = [call.values.ravel() for call in own if call.values.size % size]
        if len(rest) == size + 1:
            # ops.map calls its function once more, to see what it returns.
            rest = rest[1:]
        if sum(map(len, rest)) % size == 0 and rest:
            whole.append(np.concatenate(rest).reshape(size, -1))
        joined[table] = own[0], np.concatenate([np.zeros((size, 0)), *whole], axis=1)
    return joined


def _match(marked: np.ndarray, passes: Sequence[_Columns], shape: _Shape) -> Iterator[IdPlaces]:
    """Yield the places of one input that reach a table, by table."""
    if marked.dtype.kind not in "fiu":
        return
    codes = _encode(marked.reshape(len(marked), -1))
    for table, (call, _) in passes[0].items():
        looked_up = _encode(_stack([columns[table][1] for columns in passes if table in columns]))
        mask = np.isin(codes, looked_up[looked_up >= 0]).reshape(marked.shape[1:])
        if mask.any():
            yield IdPlaces(
                table=table,
                kind=call.kind,
                size=call.size,
                masks_zero=call.masks_zero,
                mask=_join_free_axes(mask, shape),
            )


def _join_free_axes(mask: np.ndarray, shape: _Shape) -> np.ndarray:
    """Return the mask with one place for all of an axis of any length."""
    free = tuple(axis for axis, length in enumerate(shape) if length is None)
    return np.asarray(mask.any(axis=free, keepdims=True)) if len(shape) == mask.ndim else mask


def _stack(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the rows of all passes; no column if the passes have different ones."""
    is_alike = len({part.shape[1] for part in parts}) == 1
    return np.concatenate(parts)[:_MARKED_ROWS] if is_alike else np.zeros((_MARKED_ROWS, 0))


def _encode(rows: np.ndarray) -> np.ndarray:
    """Return one number for the numbers of each column, -1 if one of them is not such a number."""
    wide = rows.astype(np.float64)
    is_marker = (wide == np.floor(wide)) & (wide >= 0) & (wide <= _HIGHEST)
    weights = np.int64(_HIGHEST + 1) ** np.arange(len(rows), dtype=np.int64)
    numbers = np.where(is_marker, wide, 0).astype(np.int64)
    return np.where(is_marker.all(axis=0), (numbers * weights[:, None]).sum(axis=0), -1)

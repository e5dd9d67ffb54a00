"""The data context of the checks, filled from settings, files and statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial

import numpy as np

from keras_consistency_cli.checks.context import DataContext, GivenRows, ReferenceRows
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.loading.row_chunks import take
from keras_consistency_cli.loading.rows.axes import MovedAxes, find_moved_axes, measure_axes, smoothness
from keras_consistency_cli.loading.rows.input_matching import match_inputs
from keras_consistency_cli.loading.rows.input_order import contradictory_keys, shifted_inputs, swapped_inputs
from keras_consistency_cli.loading.rows.shape_fit import fits
from keras_consistency_cli.loading.rows.source import ArrayName, RowSource
from keras_consistency_cli.loading.subject_spec import raw_inputs
from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.facts import Facts, InputFact
from keras_consistency_cli.pipeline.inputs import Inputs
from keras_consistency_cli.pipeline.sampling import choose_rows
from keras_consistency_cli.workers.load_request import subject_files

__all__ = ["data_context"]

_Rows = Mapping[str, np.ndarray]

_SAMPLED_ROWS = 256
"""Rows that are enough to measure what axes look like."""
_SMALLEST_AXIS = 3
"""Axes shorter than this say nothing about smoothness."""


def data_context(settings: Settings, inputs: Inputs, facts: Facts, description: DataFacts) -> DataContext:
    """Return what checks may know besides routes and facts of the model.

    Args:
        settings: validated settings, with the owner's facts.
        inputs: the files.
        facts: of the model.
        description: statistics of the rows.
    """
    context = DataContext(
        description=description,
        owner=settings.facts,
        drift_limits=settings.checks.distribution_shift,
        batch_size=settings.batch_size,
        endpoint_rows={
            label: endpoint.rows
            for label, endpoint in zip(settings.endpoint_labels(), settings.endpoints, strict=True)
        },
        scaler_saved_with=inputs.scaler.sklearn_version if inputs.scaler else None,
        nonfinite_weights=inputs.archive.nonfinite,
    )
    keys = contradictory_keys(facts.inputs)
    orders = {"keys": keys} if keys else {}
    if inputs.rows is None or not facts.inputs:
        return replace(context, input_orders=orders)
    model_inputs = raw_inputs(subject_files(settings), facts.inputs, inputs.rows)
    names = match_inputs(inputs.rows, model_inputs, batch_size=None)
    shapes = {fact.name: inputs.rows.array(names[fact.name]).shape for fact in model_inputs}
    sample = cache(partial(_sample, inputs.rows, names))
    others = dict(_comparable_rows(inputs, names))
    return replace(
        context,
        rows_given={fact.name: _given_rows(shapes[fact.name], fact, sample) for fact in model_inputs},
        reference_rows=_reference_rows(others.get("reference", {})),
        moved_axes=dict(_moved_axes(sample(), others.get("reference", {}))),
        input_orders={**orders, **_find_orders(inputs.rows, facts, sample(), others)},
    )


def _find_orders(
    source: RowSource, facts: Facts, rows: _Rows, others: Mapping[str, _Rows]
) -> dict[str, Mapping[str, str]]:
    """Return by evidence which array is in the place of which input."""
    found = {"surplus": shifted_inputs(source.arrays, facts.inputs)}
    for name, compared in others.items():
        found[name] = swapped_inputs(rows, compared, exact=name == "served")
    return {name: order for name, order in found.items() if order}


def _given_rows(shape: tuple[int, ...], fact: InputFact, sample: Callable[[], _Rows]) -> GivenRows:
    swappable = _may_be_swapped(shape, fact.shape)
    channels = _channels_may_come_first(shape, fact.shape)
    return GivenRows(
        shape=shape,
        expected=fact.shape,
        looks=measure_axes(sample()[fact.name]) if swappable else None,
        smooth=smoothness(sample()[fact.name]) if channels else (),
    )


def _may_be_swapped(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether the model would also accept a series with its two axes swapped."""
    swapped = (
        len(shape) == 3
        and len(expected) == 3
        and expected[1] in (None, shape[2])
        and expected[2] in (None, shape[1])
    )
    return swapped and min(shape[1:]) >= _SMALLEST_AXIS


def _channels_may_come_first(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether the model would also accept images or videos with axis 1 moved to the end."""
    return (
        len(shape) > 3
        and min(shape[1:]) >= _SMALLEST_AXIS
        and fits((shape[0], *shape[2:], shape[1]), expected)
    )


def _sample(source: RowSource, names: Mapping[str, ArrayName]) -> _Rows:
    return take(source, names, choose_rows(source.length, min(_SAMPLED_ROWS, source.length), seed=0))


def _reference_rows(rows: _Rows) -> dict[str, ReferenceRows]:
    return {
        name: ReferenceRows(shape=values.shape, looks=measure_axes(values))
        for name, values in rows.items()
        if values.ndim == 3
    }


def _moved_axes(rows: _Rows, reference: _Rows) -> Iterator[tuple[str, MovedAxes]]:
    for name, values in rows.items():
        moved = find_moved_axes(values, reference[name]) if name in reference else None
        if moved is not None:
            yield name, moved


def _comparable_rows(inputs: Inputs, names: Mapping[str, ArrayName]) -> Iterator[tuple[str, _Rows]]:
    """Reference and served rows by input, if their arrays can be assigned to the inputs."""
    for name in ("reference", "served"):
        source = inputs.additional.get(name)
        if source is None:
            continue
        same_names = set(source.arrays) == set(names.values())
        if same_names or len(source.arrays) + len(names) <= 2:
            arrays = names if same_names else dict(zip(names, source.arrays, strict=True))
            yield name, _sample(source, arrays)

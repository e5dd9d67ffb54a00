"""What is given beside the model: the shapes and looks of the rows, and what their owner says of them. Plain data for the checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.loading.rows.axes import describe_axes, find_input_order, measure_smoothness
from keras_consistency_cli.loading.rows.input_matching import match_inputs
from keras_consistency_cli.loading.rows.shape_fit import fits
from keras_consistency_cli.loading.rows.source import RowSource, choose_rows, take
from keras_consistency_cli.loading.subject_spec import raw_inputs
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.pipeline.inputs import Opened, subject_files

__all__ = ["known_of"]

Rows = Mapping[str, np.ndarray]

_LOOKED_AT = 256
"""Rows that are enough to tell how axes look."""
_SMALLEST_AXIS = 3
"""Axes shorter than this say nothing about smoothness."""


def known_of(settings: Settings, opened: Opened, facts: Facts) -> dict[str, Any]:
    """Return what the parent knows without running the model, for `Evidence.data`.

    `rows_given` holds by input: "shape", "dtype" and "expected" (the declared shape); for series whose axes could be swapped "looks" too.
    `orders` says by source ("served", "reference") which order of the inputs the rows are in, where it is not the model's own.
    """
    owner = settings.facts
    said = {
        name: getattr(owner, name)
        for name in ("stateful_rows", "time_axis", "variable_length", "step_by_step")
    }
    padding = {"value": owner.padding.value, "side": owner.padding.side} if owner.padding else None
    known = {
        "nonfinite_weights": opened.archive.nonfinite,
        **said,
        "padding": padding,
        "batch_size": settings.batch_size,
    }
    if opened.rows is None or not facts.inputs:
        return known
    files = subject_files(settings)
    inputs = raw_inputs(files, facts.inputs, opened.rows)
    names = match_inputs(opened.rows, inputs, batch_size=None)
    some = cache(partial(_some, opened.rows, names))
    given: dict[str, dict[str, Any]] = {}
    for fact in inputs:
        array = opened.rows.arrays[names[fact.name]]
        given[fact.name] = {
            "shape": array.shape,
            "dtype": str(array.dtype),
            "expected": fact.shape,
            "lenient": fact.lenient,
        }
        if _may_be_swapped(array.shape, fact.shape):
            given[fact.name]["looks"] = describe_axes(some()[fact.name])
        if _channels_may_come_first(array.shape, fact.shape):
            given[fact.name]["smooth"] = measure_smoothness(some()[fact.name])
    return {**known, "rows_given": given, **_beside(opened, names, some)}


def _may_be_swapped(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether a series would be taken with its two axes swapped as well."""
    swapped = (
        len(shape) == 3
        and len(expected) == 3
        and expected[1] in (None, shape[2])
        and expected[2] in (None, shape[1])
    )
    return swapped and min(shape[1:]) >= _SMALLEST_AXIS


def _channels_may_come_first(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether pictures or films would be taken with axis 1 moved to the end as well."""
    return (
        len(shape) > 3
        and min(shape[1:]) >= _SMALLEST_AXIS
        and fits((shape[0], *shape[2:], shape[1]), expected)
    )


def _some(source: RowSource, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    return take(source, names, choose_rows(source.length, min(_LOOKED_AT, source.length), seed=0))


def _beside(opened: Opened, names: Mapping[str, str], some: Callable[[], Rows]) -> dict[str, Any]:
    """What the reference rows and the served rows say of axes and of the order of inputs; `some` reads rows of the data."""
    found: dict[str, Any] = {"orders": {}}
    for source in ("reference", "served"):
        other = opened.beside.get(source)
        if other is None:
            continue
        named_alike = set(other.arrays) == set(names.values())
        if not named_alike and len(other.arrays) + len(names) > 2:
            continue
        theirs = _some(other, names if named_alike else dict(zip(names, other.arrays, strict=True)))
        order = find_input_order(some(), theirs, exact=source == "served")
        if order:
            found["orders"][source] = order
        if source == "reference":
            found["reference_looks"] = {
                name: {"shape": values.shape, **describe_axes(values)}
                for name, values in theirs.items()
                if values.ndim == 3
            }
    return found

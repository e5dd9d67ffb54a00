"""Variants of all rows: the rows that each mistake of serving would have fed.

They are generated one by one, the likeliest and cheapest first, so that the search can stop at a match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.loading.scalers.scaling import CannotRefit
from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.scaling.batch_variants import (
    generate_batch_variants,
    generate_request_variants,
    generate_run_variants,
    scale_in_batches,
)
from keras_consistency_cli.routes.scaling.growing_variants import (
    generate_group_variants,
    generate_updated_variants,
    generate_window_variants,
)
from keras_consistency_cli.routes.scaling.half_variants import (
    generate_half_variants,
    generate_plain_half_variants,
)
from keras_consistency_cli.routes.scaling.imputation_match import generate_filled_variants
from keras_consistency_cli.routes.scaling.rounding_variants import (
    generate_rounded_before,
    generate_rounded_variants,
)
from keras_consistency_cli.routes.scaling.step_refits import generate_step_variants
from keras_consistency_cli.routes.scaling.unit_variants import (
    generate_plain_unit_variants,
    generate_unit_variants,
)
from keras_consistency_cli.routes.served.applied_functions import generate_time_functions
from keras_consistency_cli.routes.served.mistakes import Array, ServedInput, Variant
from keras_consistency_cli.routes.served.moved_axes import generate_axis_variants
from keras_consistency_cli.text import clean

__all__ = ["SINGLE_ROWS", "generate_plain_variants", "generate_variants", "move_columns", "stop_at_refusal"]

SINGLE_ROWS = 64
"""Rows that are scaled one by one."""
_MAX_MOVED_COLUMNS, _MOVED_ROWS = 64, 256
_LEAST_UNCLIPPED = 0.1
"""Share of the right values between the ends at which a column was clipped."""
_LARGEST_WHOLE = 2.0**62
_FLOATS_OF_IDS = (np.float16, np.float32)
_NARROW_INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32")


def generate_variants(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows that each mistake would have served; impossible ones are left out."""
    for generate in (
        _refit_rows,
        generate_request_variants,
        _skip_scaling,
        _scale_twice,
        _skip_step,
        _skip_clipping,
        generate_filled_variants,
        _cast_to_narrow_floats,
        generate_half_variants,
        _round,
        _cast_to_narrow_integers,
        _clip,
        generate_unit_variants,
        _move_axes,
        _preprocess_single_rows,
        generate_run_variants,
        generate_batch_variants,
        _move_columns,
        generate_updated_variants,
        generate_window_variants,
        generate_group_variants,
        generate_step_variants,
    ):
        yield from stop_at_refusal(generate(case))


def stop_at_refusal(variants: Iterator[Variant]) -> Iterator[Variant]:
    """Yield variants until the scaler or the preprocess function refuses the rows."""
    try:
        yield from variants
    except (CannotRefit, KcheckError):
        return


def _refit_rows(case: ServedInput) -> Iterator[Variant]:
    rows, tolerance = case.refit_all()
    yield Variant(kind="refit-all", rows=rows, tolerance=tolerance)
    single = scale_in_batches(case.raw[:SINGLE_ROWS], 1, case.scaling.refit_transform)
    yield Variant(kind="refit-single", rows=single, batch=1)


def _skip_scaling(case: ServedInput) -> Iterator[Variant]:
    yield Variant(kind="unscaled", rows=case.raw)


def _scale_twice(case: ServedInput) -> Iterator[Variant]:
    if case.expected.shape[1:] == case.raw.shape[1:]:
        yield Variant(kind="scaled-twice", rows=case.scaling.apply(case.expected))


def _skip_step(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows scaled by a pipeline without one of its steps."""
    for step, rows in case.scaling.apply_without_each_step(case.raw):
        yield Variant(kind=f"without-step:{clean(step)}", rows=rows)


def _skip_clipping(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows as the saved scaler gives them without clipping them to its range."""
    rows = case.scaling.apply_without_clipping(case.raw)
    if rows is not None:
        yield Variant(kind="not-clipped", rows=rows)


def _cast_to_narrow_floats(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows cast to fewer bits, after scaling and before.

    Values beyond the narrow range, which a scaler refuses, end this.
    """
    for name, dtype in (("float32", np.float32), ("float16", np.float16)):
        with np.errstate(over="ignore"):
            yield Variant(kind=f"{name}-after", rows=case.expected.astype(dtype))
            if is_float(case.raw.dtype) and case.raw.dtype.itemsize > np.dtype(dtype).itemsize:
                narrow = case.scaling.narrow(case.raw, dtype)
                # A scaler computes in the precision of its rows. Rows that were only stored in fewer bits are
                # scaled in their own precision again.
                yield Variant(kind=f"{name}-first", rows=case.scaling.apply(narrow))
                stored = narrow.astype(case.raw.dtype)
                yield Variant(kind=f"{name}-first", rows=case.scaling.apply(stored))


def _round(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows cut or rounded before scaling and after."""
    yield from generate_rounded_before(case.raw, case.scaling.apply)
    yield from generate_rounded_variants(case.expected, case.served)


def _cast_to_narrow_integers(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows in integers that do not hold them, cast before scaling and after it."""
    for name, wrapped in _wrap(case.raw):
        yield Variant(kind=f"wrapped-first:{name}", rows=case.scaling.apply(wrapped))
    yield from _wrap_after(case.expected)


def _wrap_after(expected: Array) -> Iterator[Variant]:
    """Yield the expected rows as arithmetic in narrow integers gives them, if they are whole numbers."""
    if (expected == np.rint(expected)).all():
        for name, wrapped in _wrap(expected):
            yield Variant(kind=f"wrapped-after:{name}", rows=wrapped)


def _wrap(rows: Array) -> Iterator[tuple[str, Array]]:
    """Yield the rows in each dtype of integers that some of their values exceed, and so wrap around."""
    if not np.isfinite(rows).all() or np.abs(rows).max(initial=0) >= _LARGEST_WHOLE:
        return
    whole = np.trunc(rows).astype(np.int64)
    for name in _NARROW_INTEGERS:
        wrapped = whole.astype(name).astype(np.int64)
        if (wrapped != whole).any():
            yield name, wrapped.astype(rows.dtype if is_float(rows.dtype) else np.int64)


def generate_plain_variants(expected: Array, served: Array) -> Iterator[Variant]:
    """Yield variants of rows that no scaler belongs to: cast, or with values in other places."""
    yield from generate_plain_half_variants(expected)
    with np.errstate(over="ignore"):
        if is_float(expected.dtype):
            yield Variant(kind="float16-after", rows=expected.astype(np.float16))
        else:
            yield from _store_ids_as_floats(expected)
    yield from generate_rounded_variants(expected, served)
    yield from _wrap_after(expected)
    yield from _clip_to_range(expected, served)
    yield from generate_plain_unit_variants(expected, served)
    yield from generate_axis_variants(expected)
    yield from generate_time_functions(expected, served)
    if expected.ndim > 1 and 1 < expected.shape[-1] <= _MAX_MOVED_COLUMNS:
        yield from move_columns(expected[:_MOVED_ROWS], lambda rows: rows)


def _store_ids_as_floats(expected: Array) -> Iterator[Variant]:
    """Yield whole numbers as each float dtype keeps them that does not keep all of them."""
    for dtype in _FLOATS_OF_IDS:
        stored = expected.astype(dtype).astype(np.float64)
        if expected.dtype.kind in "iu" and (stored != expected).any():
            yield Variant(kind=f"ids-stored:{np.dtype(dtype).name}", rows=stored)


def _clip(case: ServedInput) -> Iterator[Variant]:
    yield from _clip_to_range(case.expected, case.served)


def _clip_to_range(expected: Array, served: Array) -> Iterator[Variant]:
    """Yield the expected rows clipped to the range served in each column."""
    if served.shape != expected.shape or not is_float(served.dtype):
        return
    if np.isfinite(served).all():
        axes = tuple(range(served.ndim - 1))
        low, high = served.min(axis=axes), served.max(axis=axes)
        # A served column of one number was not clipped at that number. Neither was one with hardly any right
        # value between its ends: any narrow column lies there.
        between = ((expected > low) & (expected < high)).mean(axis=axes)
        is_clipped = (low < high) & (between > _LEAST_UNCLIPPED)
        yield Variant(kind="clipped", rows=np.where(is_clipped, np.clip(expected, low, high), expected))


def _move_axes(case: ServedInput) -> Iterator[Variant]:
    yield from generate_axis_variants(case.expected)
    yield from generate_time_functions(case.expected, case.served)


def _preprocess_single_rows(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows preprocessed one by one; a scaler gives the same rows as always."""
    if case.scaling.scaler is None:
        single = scale_in_batches(case.raw[:SINGLE_ROWS], 1, case.scaling.apply)
        yield Variant(kind="scaled-alone", rows=single, batch=1)


def _move_columns(case: ServedInput) -> Iterator[Variant]:
    if 1 < case.raw.shape[-1] <= _MAX_MOVED_COLUMNS:
        yield from move_columns(case.raw[:_MOVED_ROWS], case.scaling.apply)


def move_columns(rows: Array, apply: Callable[[Array], Array]) -> Iterator[Variant]:
    """Yield the rows with their columns moved by one, two, ... places.

    Columns are moved before scaling and after. Over all of these variants every column stands in the place
    of every other one. If a transformer makes more or fewer columns, such as a one-hot encoder, the columns
    before it are not sources of those after it.
    """
    scaled = apply(rows)
    keeps_columns = scaled.shape == rows.shape
    if scaled.shape[-1] <= _MAX_MOVED_COLUMNS:
        yield from _roll_columns(scaled, lambda moved: moved)
    for variant in _roll_columns(rows, apply):
        yield variant if keeps_columns else replace(variant, sources=None)


def _roll_columns(rows: Array, apply: Callable[[Array], Array]) -> Iterator[Variant]:
    features = rows.shape[-1]
    for places in range(1, features):
        sources = tuple((column - places) % features for column in range(features))
        yield Variant(kind="other-columns", rows=apply(np.roll(rows, places, axis=-1)), sources=sources)

"""Served series and images that show a different part, or have a different resolution, than the right ones.

A window starts one time step later; a recording has a different sampling rate; an image was cropped, padded
or resized by a different method, or stored in a lossy format.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from keras_consistency_cli.routes.scaling.column_distance import (
    compute_limits,
    compute_spreads,
    flatten_to_columns,
    is_beyond_limit,
)
from keras_consistency_cli.routes.served.mistakes import Array
from keras_consistency_cli.text import format_count

__all__ = ["find_nearly_resampled", "find_resampled"]

_FEWEST_ROWS, _FEWEST_STEPS = 5, 4
_MOST_STEPS = 16
"""Time steps, or pixels, by which rows may be shifted."""
_MOST_STEP = 8
"""Of how many time steps or pixels one is left."""
_COMPARED = 32
"""Rows that are resampled."""
_IMAGE_AXES = 4
_RATES = (8.0, 11.025, 16.0, 22.05, 24.0, 32.0, 44.1, 48.0)
"""Sampling rates of sound, in kHz."""
_ZOOMS = (0.5, 9 / 16, 2 / 3, 0.75, 0.8, 0.875, 0.9, 1.0, 1 / 0.9, 1 / 0.875, 1.25, 4 / 3, 1.5, 16 / 9, 2.0)
_LEAST_PART = 0.25
_NEARER, _NEAR = 0.5, 0.3
"""How much nearer than in place, and how near in spreads, rows must be."""
_POOLED, _SAME_AT_A_DISTANCE = 4, 0.15
"""Pixels that are averaged; images differ in detail only if their averages differ less, in spreads."""


def find_resampled(served: Array, expected: Array) -> str | None:
    """Return the words for the shift or the distance between time steps that gives the served values.

    None if there is none.
    """
    if not _is_comparable(served, expected):
        return None
    columns = flatten_to_columns(expected)
    limit = compute_limits(columns, compute_spreads(columns))
    for words, part, right in _generate_parts(served, expected):
        is_enough = 2 * part.size >= served.size or part.shape[1] >= _MOST_STEPS
        first = is_beyond_limit(part[:1], right[:1], limit).any()
        if is_enough and not first and not is_beyond_limit(part, right, limit).any() and _varies(right):
            return words
    return None


def _is_comparable(served: Array, expected: Array) -> bool:
    """Whether rows have an axis of time or pixels, and enough of it."""
    is_long = expected.ndim > 2 and expected.shape[1] >= _FEWEST_STEPS
    return (
        is_long
        and len(served) >= _FEWEST_ROWS
        and bool(np.isfinite(served).all() and np.isfinite(expected).all())
    )


def _varies(rows: Array) -> bool:
    """Whether the values change along the axes between the first and the last one."""
    return bool((np.ptp(rows.reshape(len(rows), -1, rows.shape[-1]), axis=1) > 0).any(axis=1).mean() > 0.5)


def _generate_parts(served: Array, expected: Array) -> Iterator[tuple[str, Array, Array]]:
    """Yield the parts of the served and of the right rows that are the same after a mistake."""
    is_image = expected.ndim == _IMAGE_AXES
    noun = "pixel" if is_image else "time step"
    for axis in (1, 2) if is_image else (1,):
        shown, right = np.moveaxis(served, axis, 1), np.moveaxis(expected, axis, 1)
        place = f" along axis {axis}" if is_image else ""
        for step in range(1, min(_MOST_STEPS, right.shape[1] // 2) + 1):
            amount = format_count(step, noun)
            yield f"cut {amount} later{place}", shown[:, :-step], right[:, step:]
            yield f"cut {amount} earlier{place}", shown[:, step:], right[:, :-step]
        for step in range(2, _MOST_STEP + 1):
            part = right[:, ::step]
            yield f"made of every {step} {noun}s{place}", shown[:, : part.shape[1]], part


def find_nearly_resampled(served: Array, expected: Array) -> str | None:
    """Return the words for the zoom or the loss of detail after which right rows are nearly the served ones.

    None if there is none.
    """
    if not _is_comparable(served, expected):
        return None
    served, expected = served[:_COMPARED], expected[:_COMPARED]
    if np.ptp(served) == 0:
        return None
    zooms = (_zoom_images if expected.ndim == _IMAGE_AXES else _stretch)(served, expected)
    share, words = min(zooms, default=(1.0, ""))
    if share < 1:
        return words
    if expected.ndim == _IMAGE_AXES and _differs_in_detail(served, expected):
        return "except in fine detail, as with a different resizing method or a lossy format"
    return None


def _stretch(served: Array, expected: Array) -> Iterator[tuple[float, str]]:
    """Yield distance and words of each sampling rate; a series begins where it began."""
    ratios = {there / here for here in _RATES for there in _RATES if here != there}
    for ratio in sorted(ratios | {2.0, 0.5, 3.0, 1 / 3, 4.0, 0.25}):
        places = np.arange(expected.shape[1]) * ratio
        rows, inside = _sample(expected, places, 1)
        if inside.sum() >= max(_FEWEST_STEPS, _LEAST_PART * len(inside)):
            distance = _measure_share(served[:, inside], rows[:, inside], expected[:, inside])
            yield distance, f"with {1 / ratio:.4g} times as many time steps"


def _zoom_images(served: Array, expected: Array) -> Iterator[tuple[float, str]]:
    """Yield distance and words of each zoom around the centre, along height and width."""
    sampled = {}
    for zoom in _ZOOMS:
        height = expected.shape[1]
        sampled[zoom] = _sample(expected, (np.arange(height) - (height - 1) / 2) / zoom + (height - 1) / 2, 1)
    width = expected.shape[2]
    for tall, (rows, inside) in sampled.items():
        for wide in _ZOOMS if tall == 1.0 else (1.0, tall):
            if (tall, wide) == (1.0, 1.0):
                continue
            zoomed, across = _sample(rows, (np.arange(width) - (width - 1) / 2) / wide + (width - 1) / 2, 2)
            part = [each[:, inside][:, :, across] for each in (served, zoomed, expected)]
            words = f"zoomed by {tall:.3g} in height and {wide:.3g} in width, as after cropping or padding"
            yield _measure_share(*part), words


def _sample(rows: Array, places: Array, axis: int) -> tuple[Array, Array]:
    """Return the rows interpolated at these places of an axis, and which of these are inside."""
    last = rows.shape[axis] - 1
    inside = (places >= 0) & (places <= last)
    low = np.clip(np.floor(places).astype(int), 0, max(last - 1, 0))
    shape = [1] * rows.ndim
    shape[axis] = -1
    part = np.clip(places - low, 0.0, 1.0).reshape(shape)
    below, above = np.take(rows, low, axis), np.take(rows, np.minimum(low + 1, last), axis)
    return np.asarray(below * (1 - part) + above * part), np.asarray(inside)


def _differs_in_detail(served: Array, expected: Array) -> bool:
    """Whether averages over a few pixels are nearly the same in every image."""
    pooled, right = _pool(served), _pool(expected)
    if min(pooled.shape[1:3]) < _FEWEST_STEPS:
        return False
    error = np.sqrt(np.square(pooled - right).mean(axis=(1, 2, 3)))
    return bool((error < _SAME_AT_A_DISTANCE * right.std()).all())


def _pool(images: Array) -> Array:
    """Return the averages of squares of pixels."""
    height, width = (size // _POOLED * _POOLED for size in images.shape[1:3])
    part = images[:, :height, :width].astype(np.float64)
    shape = (len(part), height // _POOLED, _POOLED, width // _POOLED, _POOLED, part.shape[-1])
    return np.asarray(part.reshape(shape).mean(axis=(2, 4)))


def _measure_share(served: Array, resampled: Array, in_place: Array) -> float:
    """Return how far the resampled rows are, as a share of how far they may be."""
    limit = min(_NEARER * _measure_error(served, in_place), _NEAR * float(served.std()))
    return _measure_error(served, resampled) / limit if limit > 0 else math.inf


def _measure_error(candidate: Array, reference: Array) -> float:
    return float(np.sqrt(np.square(np.subtract(candidate, reference, dtype=np.float64)).mean()))

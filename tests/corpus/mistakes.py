"""Mistakes between the saved scaler and the model: each turns raw rows into served rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.corpus.kits import Rework
from tests.corpus.worlds import Array, World

__all__ = [
    "another_kind",
    "another_split",
    "by_hand",
    "cut",
    "cut_off",
    "early_float32",
    "filled_at_hand",
    "filled_behind",
    "filled_with",
    "gaps",
    "half",
    "now_and_then",
    "one_batch",
    "one_column",
    "one_column_refitted",
    "other_unit",
    "refitted",
    "refitted_on_the_first",
    "reordered",
    "rightly",
    "rightly_float32",
    "rounded",
    "shifted_mean",
    "stored",
    "twice",
    "unscaled",
]


def rightly(world: World, rows: Array) -> Array:
    """Scale with the saved scaler, which is not a mistake."""
    return world.scaled(rows)


def rightly_float32(world: World, rows: Array) -> Array:
    """Scale with the saved scaler and cast afterwards, which is not a mistake either."""
    return world.scaled(rows).astype("float32")


def by_hand(world: World, rows: Array) -> Array:
    """Multiply by one over the scale instead of dividing; it only rounds differently."""
    return (rows - world.fitted.mean_) * (1.0 / world.fitted.scale_)


def cut(world: World, rows: Array) -> Array:
    """Cast to whole numbers before scaling."""
    return world.scaled(np.trunc(rows))


def cut_off(world: World, rows: Array) -> Array:
    """Scale, and clip extreme values."""
    return np.clip(world.scaled(rows), -0.8, 0.8)


def gaps(world: World, rows: Array) -> Array:
    """Replace one value in eleven by 0 after scaling, as a join without a match leaves it."""
    served = world.scaled(rows).copy()
    served.reshape(-1)[::11] = 0.0
    return served


def other_unit(column: int, factor: float, shift: float = 0.0) -> Rework:
    """Give one column in a different unit."""

    def serve(world: World, rows: Array) -> Array:
        turned = rows.copy()
        turned[..., column] = turned[..., column] * factor + shift
        return world.scaled(turned)

    return serve


def rounded(decimals: int) -> Rework:
    """Scale with the saved scaler and keep so many decimals, as a log does."""
    return lambda world, rows: np.round(world.scaled(rows), decimals)


def now_and_then(mistake: Rework, period: int) -> Rework:
    """Make the mistake only with every n-th row, as one of several servers would."""

    def serve(world: World, rows: Array) -> Array:
        served = world.scaled(rows).copy()
        served[::period] = mistake(world, rows)[::period]
        return served

    return serve


def one_batch(mistake: Rework, start: int, stop: int) -> Rework:
    """Make the mistake only with the rows of one batch."""

    def serve(world: World, rows: Array) -> Array:
        served = world.scaled(rows).copy()
        served[start:stop] = mistake(world, rows[start:stop])
        return served

    return serve


def refitted(size: int | None = None) -> Rework:
    """Fit the scaler again on each batch of so many rows, or on all rows."""
    return lambda world, rows: np.concatenate(
        [world.transformed(world.fit(batch), batch) for batch in _batches(rows, size or len(rows))]
    )


def refitted_on_the_first(size: int) -> Rework:
    """Fit the scaler on the first batch and keep it for the rest."""
    return lambda world, rows: world.transformed(world.fit(rows[:size]), rows)


def unscaled(world: World, rows: Array) -> Array:
    """Leave the scaler out."""
    return rows


def twice(world: World, rows: Array) -> Array:
    """Scale twice."""
    return world.scaled(world.scaled(rows))


def reordered(*order: int) -> Rework:
    """Pass the columns in a different order."""
    return lambda world, rows: world.scaled(rows[..., list(order)])


def half(world: World, rows: Array) -> Array:
    """Send the scaled rows as float16."""
    return world.scaled(rows).astype("float16")


def early_float32(world: World, rows: Array) -> Array:
    """Cast to float32 before scaling."""
    return world.scaled(rows.astype("float32"))


def stored(dtype: str) -> Rework:
    """Store the raw rows in a different precision, and scale them in the old one."""
    return lambda world, rows: world.scaled(rows.astype(dtype).astype(rows.dtype))


def filled_with(value: float) -> Rework:
    """Replace missing values by a number, so that the pipeline imputes nothing."""
    return lambda world, rows: world.scaled(np.where(np.isnan(rows), value, rows))


def filled_at_hand(world: World, rows: Array) -> Array:
    """Fill missing values with the means of the current rows."""
    return world.scaled(np.where(np.isnan(rows), np.nanmean(rows, axis=0), rows))


def filled_behind(world: World, rows: Array) -> Array:
    """Scale rows with missing values, and replace these by zeros afterwards."""
    return np.where(np.isnan(rows), 0.0, world.transformed(world.fitted[-1], rows))


def one_column(change: Rework, column: int) -> Rework:
    """Change one column of the raw rows."""
    return lambda world, rows: _with_column(rows, column, change(world, rows))


def one_column_refitted(column: int) -> Rework:
    """Fit again for one column only."""
    return lambda world, rows: _with_column(world.scaled(rows), column, refitted()(world, rows))


def another_split(world: World, rows: Array) -> Array:
    """Use the scaler of a small, different split of the training rows."""
    return world.transformed(world.fit(world.training[-40:]), rows)


def another_kind(scaler: Any) -> Rework:
    """Use a scaler of a different kind, fitted on the same rows."""
    return lambda world, rows: world.transformed(
        scaler().fit(world.training.reshape(-1, world.training.shape[-1])), rows
    )


def shifted_mean(column: int, deviations: float) -> Rework:
    """Use a scaler whose mean is off in one column by so many standard deviations."""

    def shift(world: World, rows: Array) -> Array:
        scaled = world.scaled(rows)
        return _with_column(scaled, column, scaled - deviations)

    return shift


def _batches(rows: Array, size: int) -> Iterator[Array]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _with_column(rows: Array, column: int, other: Array) -> Array:
    mixed = rows.copy()
    mixed[..., column] = other[..., column]
    return mixed

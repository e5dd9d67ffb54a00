"""Rows of a different part, a different resolution, or a scale of their own are recognised; noise is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from keras_consistency_cli.routes.served.mistake_matching import match_served_rows
from keras_consistency_cli.routes.served.relabelled_columns import are_encoded_by_row
from keras_consistency_cli.routes.served.variants import generate_plain_variants

Array = np.ndarray
RANDOM = np.random.default_rng(7)
TIME = np.arange(64)[None, :, None]
PITCH, PHASE, LOUD = (RANDOM.uniform(*ends, (40, 1, 2)) for ends in ((0.05, 0.3), (0, 6), (1, 4)))
SERIES = (np.sin(TIME * PITCH + PHASE) * LOUD + 3).astype("f4")
IMAGES = RANDOM.uniform(0, 1, (12, 8, 8, 3)).repeat(4, 1).repeat(4, 2).astype("f4")
TABLE = RANDOM.lognormal(0, 1, (50, 6))
IDS = np.minimum(np.random.default_rng(3).zipf(1.4, (40, 12)), 60)


def fine_noise(images: Array) -> Array:
    return images + np.random.default_rng(1).normal(0, 0.1, images.shape)


def kinds(served: Array, expected: Array) -> list[str]:
    served = served.astype("float32")
    return [
        each.kind
        for each in match_served_rows(served, expected, generate_plain_variants(expected, served)).mistakes
    ]


def by_moments(rows: Array, axes: tuple[int, ...]) -> Array:
    return (rows - rows.mean(axes, keepdims=True)) / rows.std(axes, keepdims=True)


def by_quartiles(rows: Array) -> Array:
    low, middle, high = np.quantile(rows, [0.25, 0.5, 0.75], axis=1, keepdims=True)
    return np.asarray((rows - middle) / (high - low))


def levels(x: Array) -> Array:
    """Series whose differences were taken and scaled in training, scaled with the same numbers as levels."""
    start = RANDOM.normal(40.0, 5.0, x[:, :1].shape)
    return np.concatenate([start, start + np.cumsum(0.7 * x[:, 1:] + 0.2, axis=1)], axis=1).astype(x.dtype)


@pytest.mark.parametrize(
    ("rows", "serve", "expected"),
    [
        (SERIES, lambda x: np.roll(x, -1, 1), "resampled:cut 1 time step later"),
        (SERIES, lambda x: np.roll(x, 3, 1), "resampled:cut 3 time steps earlier"),
        (
            SERIES,
            lambda x: np.concatenate([x[:, ::3]] * 3, 1)[:, :64],
            "resampled:made of every 3 time steps",
        ),
        (IMAGES, lambda x: np.roll(x, 2, 2), "resampled:cut 2 pixels earlier along axis 2"),
        (SERIES, lambda x: (x[:, :-1:2] + x[:, 1::2]).repeat(2, 1) / 2, "unknown"),
        (
            IMAGES,
            fine_noise,
            "nearly-resampled:except in fine detail, as with a different resizing method or a lossy format",
        ),
        (
            SERIES,
            lambda x: by_moments(x, (1,)),
            "own-statistics:mean and deviation of each feature in each row",
        ),
        (IMAGES, lambda x: by_moments(x, (1, 2, 3)), "own-statistics:mean and deviation of each row"),
        (SERIES, lambda x: x / x[:, :1], "own-statistics:first value of each feature in each row"),
        (SERIES, by_quartiles, "own-statistics:statistics of each feature in each row"),
        (
            SERIES * np.float32([1, 3]),
            lambda x: by_moments(x / [1, 3], (1, 2)),
            "own-statistics:mean and deviation of each row",
        ),
        (TABLE, lambda x: x / np.linalg.norm(x, axis=1, keepdims=True), "own-statistics:length of each row"),
        (SERIES, lambda x: np.cumsum(x, axis=1), "function:the running sums along time"),
        (SERIES, levels, "function:the running sums along time"),
        (SERIES, lambda x: levels(x) + RANDOM.normal(0, 0.3, x.shape), "unknown"),
        (SERIES, lambda x: RANDOM.normal(size=x.shape), "unknown"),
        (IMAGES, lambda x: RANDOM.uniform(size=x.shape), "unknown"),
        (SERIES, lambda x: 2 * x + 1, "another-scaler"),
    ],
)
def test_other_parts_and_own_scales_are_named(
    rows: Array, serve: Callable[[Array], Array], expected: str
) -> None:
    assert kinds(serve(rows), rows) == [expected]
    assert kinds(rows, rows) == []


def test_counts_of_a_different_scaler_are_not_rounded() -> None:
    counts = np.random.default_rng(0).poisson(2, (80, 2)).astype("f8")
    flags = np.random.default_rng(1).integers(0, 2, (80, 1))
    right = np.concatenate([counts, flags], axis=1)
    assert kinds(right * 1.004 + 0.02, right) == ["another-scaler"]


def test_words_that_are_numbered_in_each_text_are_told_from_random_ids() -> None:
    served = np.stack([np.unique(row, return_inverse=True)[1] + 1 for row in IDS])
    assert are_encoded_by_row(served, IDS)
    assert not are_encoded_by_row(np.random.default_rng(5).integers(1, 60, IDS.shape), IDS)
    padding = np.where(np.arange(12) < 11, 0, IDS)
    assert not are_encoded_by_row(np.where(padding > 0, 77, 0)[:4], padding[:4])

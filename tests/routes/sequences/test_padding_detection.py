"""Padding that is detected by how rows end, or known from true lengths."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.routes.sequences.padding_detection import detect_padding, padding_from_lengths
from tests.helpers.series_models import padded_rows

LENGTHS = np.arange(24) % 6 + 3
RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_is_detected_by_common_ends(side: str) -> None:
    padding = detect_padding(padded_rows(0.75, side)["x"], None, None)
    assert padding is not None
    assert (padding.side, padding.value.tolist(), padding.inner) == (side, [0.75] * 3, 0)
    assert padding.lengths.tolist() == LENGTHS.tolist()


@pytest.mark.parametrize(
    "values",
    [
        RANDOM.normal(size=(30, 9, 3)),
        RANDOM.integers(0, 2, size=(30, 9, 1)).astype("float32"),
        RANDOM.integers(0, 4, size=(30, 9)),
        np.zeros((30, 9, 3)),
    ],
    ids=["noise", "binary", "ids", "zeros"],
)
def test_common_values_are_not_padding(values: np.ndarray) -> None:
    assert detect_padding(values, None, None) is None


@pytest.mark.parametrize("side", ["right", "left"])
def test_known_lengths_give_the_side_with_uniform_padding(side: str) -> None:
    rows = padded_rows(0.75, side)["x"]
    padding = padding_from_lengths(rows, LENGTHS, side=None, mask=0.75)
    assert (padding.side, padding.value.tolist()) == (side, [0.75] * 3)
    assert (padding.inner, padding.foreign, padding.has_padded_rows) == (0, 0, True)

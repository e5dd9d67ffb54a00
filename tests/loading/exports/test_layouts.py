"""Rows and outputs in the layout of an export."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.loading.exports.layouts import Shape, from_export, layout_of, to_export

PICTURE, TURNED = (None, 12, 10, 3), (None, 3, 12, 10)


@pytest.mark.parametrize(
    ("shape", "own", "layout"),
    [
        (PICTURE, PICTURE, ""),
        (PICTURE, None, ""),
        (PICTURE, TURNED, "channels first"),
        ((None, 8, 3), (1, 3, 8), "channels first"),
        ((None, 3, 3, 3), (None, 3, 3, 3), ""),
        ((None, 1), (None,), "without axes of one"),
        ((None, 4), (None, 1, 4), "without axes of one"),
        ((None, 4), (None, 5), None),
        (PICTURE, (None, 12, 3, 10), None),
        ((None, 10), (None,), None),
    ],
)
def test_layout_of_shapes(shape: Shape, own: Shape | None, layout: str | None) -> None:
    assert layout_of(shape, own) == layout


def test_arrays_go_there_and_back() -> None:
    rows = np.arange(2 * 12 * 10 * 3).reshape(2, 12, 10, 3)
    turned = to_export(rows, "channels first", TURNED)
    assert turned.shape == (2, 3, 12, 10)
    assert np.array_equal(from_export(turned, "channels first", PICTURE), rows)
    column = np.arange(4.0).reshape(4, 1)
    assert from_export(column[:, 0], "without axes of one", (None, 1)).shape == (4, 1)
    assert to_export(column, "without axes of one", (None,)).shape == (4,)
    assert to_export(column, "", (None, 1)) is column

"""Time steps that are declared as padding, by the user or by a mask of the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.loading.declared_padding import DeclaredPadding

LENGTHS = np.array([2, 4, 3])
NUMBERS = np.arange(3)


def series(side: str = "right", value: float = 0.0) -> np.ndarray:
    """Three rows of 4 time steps and 2 features, with 2, 4 and 3 true ones."""
    values = np.random.default_rng(0).normal(5.0, 1.0, (3, 4, 2)).astype("float32")
    values[beyond(side)] = value
    return values


def beyond(side: str) -> np.ndarray:
    flags = np.arange(4) >= LENGTHS[:, None]
    return flags if side == "right" else flags[:, ::-1]


def find(values: np.ndarray, numbers: np.ndarray | None = NUMBERS, **declared: Any) -> Any:
    padding = DeclaredPadding(**declared)
    return padding.find({"x": values}, fed={"x": values}, numbers=numbers).get("x")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    "declared",
    [
        {"masked": {"x": 0.0}},
        {"value": 0.0},
        {"lengths": lambda _numbers: LENGTHS, "has_lengths": True},
    ],
    ids=["mask", "value", "lengths"],
)
def test_every_declaration_is_followed(side: str, declared: dict[str, Any]) -> None:
    assert DeclaredPadding(**declared).is_possible
    assert np.array_equal(find(series(side), **declared), beyond(side))


def test_nothing_is_padding_unless_it_is_declared() -> None:
    assert find(series()) is None
    assert not DeclaredPadding().is_possible
    assert find(series(value=-1.0), value=0.0) is None


def test_a_stated_value_counts_at_the_ends_and_a_masked_one_everywhere() -> None:
    values = series(value=5.5)
    values[1, 1] = 0.0
    assert find(values, value=0.0) is None
    assert find(values, masked={"x": 0.0}).sum() == 1


def test_lengths_belong_to_the_data_only() -> None:
    declared = {"lengths": lambda _numbers: LENGTHS, "has_lengths": True}
    assert find(series(value=9.0), numbers=None, **declared) is None


def test_a_stated_side_is_followed() -> None:
    values = np.zeros((3, 4, 2), "float32")
    flags = find(values, lengths=lambda _numbers: LENGTHS, side="left")
    assert np.array_equal(flags, beyond("left"))


def test_a_mask_is_about_rows_as_the_model_gets_them() -> None:
    raw = series(value=3.0)
    found = DeclaredPadding(masked={"x": 0.0}).find({"x": raw}, fed={"x": raw - 3.0}, numbers=None)
    assert np.array_equal(found["x"], beyond("right"))


def test_tables_have_no_time() -> None:
    assert find(np.zeros((3, 4)), value=0.0) is None


def test_ids_are_series_if_the_model_masks_them() -> None:
    ids = np.array([[3, 4, 0, 0], [1, 2, 3, 4], [5, 6, 7, 0]])
    assert np.array_equal(find(ids, masked={"x": 0.0}), ids == 0)

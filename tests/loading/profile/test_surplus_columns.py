"""Columns that a scaler without names does not know are found by its statistics, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, StandardScaler

from keras_consistency_cli.loading.profile.surplus_columns import find_surplus_columns

NUMBERS = np.random.default_rng(0).normal(size=(300, 4)) * [12.0, 900.0, 0.3, 4.0] + [40.0, 5e4, 1.0, -20.0]
NAMES = ("age", "income", "share", "price")


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler])
@pytest.mark.parametrize("place", range(4))
def test_the_column_that_does_not_fit_the_statistics_is_named(kind: type, place: int) -> None:
    scaler = kind().fit(np.delete(NUMBERS, place, axis=1))
    assert find_surplus_columns(scaler, NUMBERS, NAMES) == (NAMES[place],)


def test_two_columns_are_found_as_well() -> None:
    scaler = StandardScaler().fit(NUMBERS[:, [1, 3]])
    assert find_surplus_columns(scaler, NUMBERS, NAMES) == ("age", "share")


def test_alike_columns_are_not_guessed() -> None:
    alike = np.random.default_rng(1).normal(size=(300, 3))
    assert find_surplus_columns(StandardScaler().fit(alike[:, :2]), alike, "abc") == ()


def test_columns_that_all_differ_from_the_statistics_are_not_guessed() -> None:
    assert find_surplus_columns(StandardScaler().fit(NUMBERS[:, :3] * 50), NUMBERS, NAMES) == ()


def test_a_scaler_without_known_statistics_says_nothing() -> None:
    assert find_surplus_columns(PowerTransformer().fit(NUMBERS[:, :3]), NUMBERS[:, ::-1], NAMES) == ()

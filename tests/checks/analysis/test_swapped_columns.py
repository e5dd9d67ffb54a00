"""Columns in each other's place are named by what they hold, or by the place in which they are."""

from __future__ import annotations

import pytest

from keras_consistency_cli.checks.analysis.swapped_columns import SwappedFeatures

PLACES = {0: 1, 1: 0}


@pytest.mark.parametrize(
    ("names", "trained", "expected"),
    [
        (("rooms", "area", "age"), ("area", "rooms", "age"), "'rooms' is in the place of 'area'"),
        (("area", "rooms", "age"), ("area", "rooms", "age"), "'area' holds 'rooms'"),
        (("0", "1", "2"), (), "'0' holds '1'"),
        (("a", "b", "c"), ("area", "rooms", "age"), "'a' holds 'b'"),
    ],
    ids=["order", "content", "no names", "other names"],
)
def test_what_is_wrong_with_a_column(names: tuple[str, ...], trained: tuple[str, ...], expected: str) -> None:
    swapped = SwappedFeatures(input="x", against="rows", names=names, places=PLACES, trained=trained)
    assert swapped.describe()[0] == expected

"""Orders of inputs that fit, without a look at those that do not."""

from __future__ import annotations

import itertools

import pytest

from keras_consistency_cli.routes.row_changes import list_other_orders


@pytest.mark.parametrize("kinds", ["aab", "abc", "aabb", "aaa", "ababa", "a"])
def test_they_are_the_permutations_that_fit(kinds: str) -> None:
    names = [f"n{number}" for number in range(len(kinds))]
    kind_of = dict(zip(names, kinds, strict=True))
    fitting = [
        order
        for order in itertools.permutations(names)
        if list(order) != names and all(kind_of[a] == kind_of[b] for a, b in zip(names, order, strict=True))
    ]
    found = list_other_orders(names, lambda name, other: kind_of[name] == kind_of[other])
    assert list(found) == fitting


def test_many_names_that_cannot_be_exchanged_are_not_permuted() -> None:
    asked = 0

    def fits(name: str, other: str) -> bool:
        nonlocal asked
        asked += 1
        return name == other

    assert list(list_other_orders([f"n{number}" for number in range(30)], fits)) == []
    assert asked < 30**2

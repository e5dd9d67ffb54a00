"""Functions of the right values are recognised, and similar columns are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from keras_consistency_cli.routes.served.mistake_matching import match_served_rows
from keras_consistency_cli.routes.served.variants import generate_plain_variants

Array = np.ndarray
RANDOM = np.random.default_rng(0)
HEAVY = RANDOM.lognormal(1.0, 0.7, (90, 3))
SCALED = (HEAVY - [1.0, 2.0, 3.0]) / [2.0, 1.0, 4.0]


def kinds(served: Array, expected: Array, raw: Array | None = None) -> list[tuple[str, tuple[int, ...]]]:
    match = match_served_rows(served, expected, generate_plain_variants(expected, served), raw=raw)
    return [(each.kind, each.columns) for each in match.mistakes]


@pytest.mark.parametrize("name", ["log1p", "log", "sqrt", "exp", "expm1", "square", "log10", "log2"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_function_of_all_columns(name: str, dtype: str) -> None:
    served = getattr(np, name)(HEAVY).astype(dtype)
    assert kinds(served, HEAVY.astype(dtype)) == [(f"function:{name}", (0, 1, 2))]


def test_a_function_of_one_column_next_to_a_constant() -> None:
    served = HEAVY.copy()
    served[:, 0], served[:, 2] = np.log1p(served[:, 0]), 7.0
    assert sorted(kinds(served, HEAVY)) == [("constant", (2,)), ("function:log1p", (0,))]


@pytest.mark.parametrize(("name", "function"), [("log1p", np.log1p), ("sqrt", np.sqrt), ("log", np.log10)])
def test_a_function_before_a_scaler(name: str, function: Callable[[Array], Array]) -> None:
    served = (function(HEAVY) - [1.0, 2.0, 3.0]) / [2.0, 1.0, 4.0]
    assert kinds(served, SCALED, HEAVY) == [(f"function-first:{name}", (0, 1, 2))]


@pytest.mark.parametrize(
    "served",
    [
        np.log1p(HEAVY) + RANDOM.normal(0, 0.05, HEAVY.shape),
        np.cbrt(HEAVY),
        np.where(np.arange(90)[:, None] % 2, HEAVY, np.log1p(HEAVY)),
    ],
    ids=["noise", "unknown function", "half of the rows"],
)
def test_similar_columns_are_unknown(served: Array) -> None:
    assert {kind for kind, _ in kinds(served, HEAVY)} == {"unknown"}


def test_a_different_scaler_comes_first() -> None:
    far = 1e6 + HEAVY
    assert kinds(2 * far + 3, far) == [("another-scaler", (0, 1, 2))]


def test_few_values_lie_on_a_line_by_chance() -> None:
    levels = np.array([[1.0], [4.0], [9.0]])[np.arange(60) % 3]
    served = np.array([[0.1], [0.2], [0.3]])[np.arange(60) % 3]
    assert "function-first:sqrt" not in [kind for kind, _ in kinds(served, levels - 5, levels)]

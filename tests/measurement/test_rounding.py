"""The rounding noise of a model as a unit of differences."""

from __future__ import annotations

import math

import pytest

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.rounding import noise_multiple


def _comparison(max_abs: float = 0.0, elements: int = 4, misshapen: str | None = None) -> Comparison:
    return Comparison(
        candidate="a", reference="b", output="y", max_abs=max_abs, elements=elements, misshapen=misshapen
    )


@pytest.mark.parametrize(
    ("max_abs", "noise", "multiple"),
    [(3e-7, 1.5e-7, 2.0), (0.0, 0.0, 0.0), (1e-9, 0.0, math.inf), (1e-9, math.nan, None), (1e-9, None, None)],
)
def test_a_difference_in_multiples_of_noise(
    max_abs: float, noise: float | None, multiple: float | None
) -> None:
    assert noise_multiple(_comparison(max_abs), noise) == multiple


@pytest.mark.parametrize(
    "nothing", [_comparison(elements=0), _comparison(misshapen="(2,) against (3,)")], ids=["none", "shapes"]
)
def test_the_multiple_of_nothing_is_unknown_and_not_zero(nothing: Comparison) -> None:
    assert noise_multiple(nothing, 1e-7) is None

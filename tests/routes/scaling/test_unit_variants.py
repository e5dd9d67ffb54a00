"""A different unit in front of a scaler, or without one, is recognised, and nothing else is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)

from tests.helpers.scaled_subjects import Setting

Array = np.ndarray
RANDOM = np.random.default_rng(7)


def rows(amount: int) -> Array:
    """Temperatures in °C, lengths with a long tail, and a share."""
    return np.column_stack(
        [RANDOM.normal(5, 9, amount), RANDOM.gamma(2.0, 4.0, amount) + 1, RANDOM.uniform(0.1, 0.9, amount)]
    )


TRAINED, RAW = rows(400), rows(90)
QUANTILES = QuantileTransformer(n_quantiles=80, output_distribution="normal", random_state=0).fit(TRAINED)
UNIFORM = QuantileTransformer(n_quantiles=80, random_state=0).fit(TRAINED)
POWER = PowerTransformer().fit(TRAINED)
STANDARD = StandardScaler().fit(TRAINED)
LOGARITHM = make_pipeline(FunctionTransformer(np.arcsinh), MinMaxScaler()).fit(TRAINED)
ROTATED = make_pipeline(PowerTransformer(), PCA(3)).fit(TRAINED)


def changed(column: int, factor: float, offset: float = 0.0, every: int = 1) -> Array:
    result = RAW.copy()
    result[::every, column] = RAW[::every, column] * factor + offset
    return result


def kinds(folder: Path, scaler: Any, served: Array) -> list[tuple[str, tuple[int, ...]]]:
    (match,) = Setting(folder, RAW, scaler=scaler, served=served).run("served").details["inputs"].values()
    return [(each["kind"], tuple(each["columns"])) for each in match["mistakes"]]


@pytest.mark.parametrize(
    ("scaler", "raw", "words", "columns"),
    [
        (QUANTILES, changed(0, 1.8, 32), "°F in place of °C (1.8 x + 32)", (0,)),
        (UNIFORM, changed(1, 1 / 2.54), "2.54 times as small", (1,)),
        (POWER, changed(1, 100), "100 times as large", (1,)),
        (LOGARITHM, changed(1, 1e-3), "1000 times as small", (1,)),
        (POWER, changed(1, 3.6), "3.6 times as large", (1,)),
        (QUANTILES, changed(0, 1.25, -3.5), "1.25 times as large and minus 3.5", (0,)),
        (ROTATED, changed(1, 100), "100 times as large", (0, 1, 2)),
        (POWER, changed(1, 100, every=2), "100 times as large", (1,)),
        (STANDARD, changed(0, 1.8, 32), "°F in place of °C (1.8 x + 32)", (0,)),
        (STANDARD, changed(0, 1, 273.15), "K in place of °C (x + 273.15)", (0,)),
        (STANDARD, changed(2, 100), "100 times as large", (2,)),
        (MinMaxScaler().fit(TRAINED), changed(1, 1 / 1.609344), "1.60934 times as small", (1,)),
        (STANDARD, changed(1, 3.6, every=3), "3.6 times as large", (1,)),
    ],
)
def test_a_different_unit_is_named(
    tmp_path: Path, scaler: Any, raw: Array, words: str, columns: tuple[int, ...]
) -> None:
    served = scaler.transform(raw).astype("float32")
    assert kinds(tmp_path, scaler, served) == [(f"other-unit:{words}", columns)]


@pytest.mark.parametrize(
    ("scaler", "serve"),
    [
        (QUANTILES, QUANTILES.transform),
        (QUANTILES, lambda raw: QuantileTransformer(n_quantiles=80, random_state=0).fit_transform(raw)),
        (POWER, lambda raw: PowerTransformer().fit(raw[:40]).transform(raw)),
        (POWER, lambda raw: POWER.transform(raw[:, [1, 0, 2]])),
        (POWER, lambda raw: POWER.transform(raw) * 1.8),
        (QUANTILES, lambda raw: QUANTILES.transform(changed(0, 1e6))),
        (QUANTILES, lambda raw: QUANTILES.transform(raw) + RANDOM.normal(0, 0.2, raw.shape)),
        (STANDARD, lambda raw: StandardScaler().fit_transform(raw)),
        (STANDARD, lambda _: STANDARD.transform(changed(0, 1.7, 30))),
        (STANDARD, lambda raw: 10 * STANDARD.transform(raw)),
    ],
    ids=[
        "right",
        "fitted again",
        "fitted on some",
        "exchanged",
        "after the scaler",
        "all at the end of the range",
        "noise",
        "a straight line that is fitted again",
        "numbers of no unit in front of a straight line",
        "a factor after a straight line",
    ],
)
def test_other_mistakes_are_no_unit(tmp_path: Path, scaler: Any, serve: Callable[[Array], Array]) -> None:
    assert not [kind for kind, _ in kinds(tmp_path, scaler, serve(RAW)) if kind.startswith("other-unit")]


def test_values_at_the_end_of_a_range_come_from_no_other_column(tmp_path: Path) -> None:
    served = QUANTILES.transform(RAW)
    ends = RANDOM.random(len(RAW)) < 0.85
    served[:, 0] = np.where(ends, QUANTILES.transform(RAW * 1e6)[:, 0], RANDOM.normal(size=len(RAW)))
    assert "other-columns" not in [kind for kind, _ in kinds(tmp_path, QUANTILES, served)]


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        (changed(0, 1.8, 32), [("other-unit:°F in place of °C (1.8 x + 32)", (0,))]),
        (changed(2, 100.0), [("other-unit:100 times as large", (2,))]),
        (changed(0, 1.3, 4.0), [("another-scaler", (0,))]),
        (RAW, []),
    ],
)
def test_a_different_unit_is_named_without_a_scaler(
    tmp_path: Path, served: Array, expected: list[tuple[str, tuple[int, ...]]]
) -> None:
    (match,) = Setting(tmp_path, RAW, served=served).run("served").details["inputs"].values()
    assert [(each["kind"], tuple(each["columns"])) for each in match["mistakes"]] == expected

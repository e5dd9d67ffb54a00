"""Variants for missing values: the rows that serving would have fed if it filled the gaps itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.routes.scaling.imputation_match import generate_filled_variants
from keras_consistency_cli.routes.served.mistakes import ServedInput
from tests.helpers.scaled_subjects import RAW, TRAINED, Setting

GAPPY = np.where(np.random.default_rng(5).random(RAW.shape) < 0.15, np.nan, RAW)
PIPELINE = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(TRAINED)
FILLED = np.isnan(GAPPY)


@pytest.fixture
def setting(tmp_path: Path) -> Callable[..., Setting]:
    return partial(Setting, tmp_path)


def forward(rows: np.ndarray) -> np.ndarray:
    """Return what pandas' ffill gives."""
    filled = rows.copy()
    for row in range(1, len(filled)):
        filled[row] = np.where(np.isnan(filled[row]), filled[row - 1], filled[row])
    return filled


SERVED: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str | None]] = {
    "by the pipeline": (PIPELINE.transform, None),
    "with 0": (lambda rows: PIPELINE.transform(np.nan_to_num(rows)), "filled:0"),
    "with a sentinel": (
        lambda rows: PIPELINE.transform(np.where(np.isnan(rows), -999.0, rows)),
        "filled:-999",
    ),
    "with the value before": (lambda rows: PIPELINE.transform(forward(rows)), "filled-forward"),
    "with 0 after the pipeline": (
        lambda rows: np.where(np.isnan(rows), 0.0, PIPELINE.transform(rows)),
        "filled-after:0",
    ),
    "with the mean of these rows": (
        lambda rows: PIPELINE.transform(np.where(FILLED, np.nanmean(rows, axis=0), rows)),
        "filled:the mean of these rows",
    ),
    "with the median of these rows": (
        lambda rows: PIPELINE.transform(np.where(FILLED, np.nanmedian(rows, axis=0), rows)),
        "filled:the median of these rows",
    ),
    "with numbers of its own": (
        lambda rows: PIPELINE.transform(np.where(FILLED, [61.0, 0.9, -2.5], rows)),
        "filled-alike",
    ),
}


@pytest.mark.parametrize(("serve", "kind"), SERVED.values(), ids=list(SERVED))
def test_the_filling_is_recognised(setting: Any, serve: Any, kind: str | None) -> None:
    (match,) = setting(GAPPY, scaler=PIPELINE, served=serve(GAPPY)).run("served").details["inputs"].values()
    assert [(mistake["kind"], mistake["columns"]) for mistake in match["mistakes"]] == (
        [(kind, (0, 1, 2))] if kind else []
    )


def test_different_numbers_in_the_gaps_stay_unknown(setting: Any) -> None:
    noise = np.random.default_rng(2).normal(size=GAPPY.shape)
    served = np.where(FILLED, noise, PIPELINE.transform(GAPPY))
    (match,) = setting(GAPPY, scaler=PIPELINE, served=served).run("served").details["inputs"].values()
    assert {mistake["kind"] for mistake in match["mistakes"]} == {"unknown"}


def test_a_gap_that_the_scaler_leaves_is_filled_after_it(setting: Any) -> None:
    scaler = StandardScaler().fit(TRAINED)
    served = np.nan_to_num(scaler.transform(GAPPY))
    (match,) = setting(GAPPY, scaler=scaler, served=served).run("served").details["inputs"].values()
    assert [mistake["kind"] for mistake in match["mistakes"]] == ["filled-after:0"]


def variants(
    raw: np.ndarray, apply: Callable[[np.ndarray], np.ndarray], expected: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The rows of each variant by kind, for rows that were served rightly."""
    expected = raw if expected is None else expected
    scaling: Any = SimpleNamespace(apply=apply)
    case = ServedInput(
        scaling=scaling,
        raw=raw,
        expected=expected,
        served=expected,
        consecutive=len(raw),
        sizes=(),
        refit_all=lambda: (expected, 0.0),
    )
    return {variant.kind: variant.rows for variant in generate_filled_variants(case)}


def test_rows_without_gaps_have_nothing_filled() -> None:
    assert variants(RAW, lambda rows: rows) == {}
    assert variants(np.array([["a"], ["b"]]), lambda rows: rows) == {}


def test_series_are_filled_along_time() -> None:
    raw = np.array([[[np.nan], [2.0], [np.nan]], [[5.0], [np.nan], [np.nan]]])
    filled = variants(raw, lambda rows: rows)["filled-forward"]
    np.testing.assert_array_equal(filled[..., 0], [[np.nan, 2.0, 2.0], [5.0, 5.0, 5.0]])


def test_a_number_that_the_scaler_refuses_is_left_out() -> None:
    def positive(rows: np.ndarray) -> np.ndarray:
        if (rows < 0).any():
            raise DataError("negative")
        return rows

    kinds = [kind for kind in variants(np.abs(GAPPY), positive) if kind.startswith("filled:")]
    statistics = ["filled:the mean of these rows", "filled:the median of these rows"]
    assert kinds == ["filled:0", "filled:99", "filled:999", "filled:9999", *statistics]


def test_columns_that_a_pipeline_adds_are_matched_too() -> None:
    trained = np.where(np.random.default_rng(7).random(TRAINED.shape) < 0.1, np.nan, TRAINED)
    scaler = make_pipeline(SimpleImputer(add_indicator=True), PowerTransformer()).fit(trained)
    filled = variants(GAPPY, scaler.transform, scaler.transform(GAPPY))
    np.testing.assert_allclose(filled["filled:0"], scaler.transform(np.nan_to_num(GAPPY)))
    assert "filled-alike" not in filled

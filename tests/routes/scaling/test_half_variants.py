"""Numbers beyond float16 are recognised, clipped and infinite, and name their columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from tests.helpers.scaled_subjects import Setting

Array = np.ndarray
RANDOM = np.random.default_rng(2)
RAW = np.column_stack([RANDOM.normal(5, 2, 60), RANDOM.lognormal(10.6, 0.7, 60)])
SCALER = StandardScaler().fit(RAW)


def narrow(rows: Array) -> Array:
    with np.errstate(over="ignore"):
        return rows.astype(np.float16).astype(np.float64)


def clip(rows: Array) -> Array:
    return narrow(np.clip(rows, -65504.0, 65504.0))


def kinds(folder: Path, served: Array, **files: Any) -> list[str]:
    (match,) = Setting(folder, RAW, served=served, **files).run("served").details["inputs"].values()
    return [each["kind"] for each in match["mistakes"]]


@pytest.mark.parametrize(
    ("serve", "kind"),
    [
        (lambda rows: SCALER.transform(clip(rows)), "float16-clipped-first:1"),
        (lambda rows: (narrow(rows) - SCALER.mean_) / SCALER.scale_, "float16-overflow-first:1"),
        (lambda rows: narrow(SCALER.transform(rows)), "float16-after"),
    ],
)
def test_with_a_scaler(tmp_path: Path, serve: Callable[[Array], Array], kind: str) -> None:
    assert kinds(tmp_path, serve(RAW), scaler=SCALER) == [kind]


@pytest.mark.parametrize(
    ("serve", "found"),
    [(clip, ["float16-clipped:1"]), (narrow, ["float16-overflow:1"]), (lambda rows: rows, [])],
)
def test_without_a_scaler(tmp_path: Path, serve: Callable[[Array], Array], found: list[str]) -> None:
    assert kinds(tmp_path, serve(RAW)) == found


def test_a_limit_of_its_own_is_no_cast(tmp_path: Path) -> None:
    assert kinds(tmp_path, np.clip(RAW, None, 60000.0)) == ["clipped"]

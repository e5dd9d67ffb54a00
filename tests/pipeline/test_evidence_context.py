"""The data context of the checks, from settings and files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.context import DataContext, GivenRows
from keras_consistency_cli.config.setting_types import OwnerFacts, Padding
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.loading.rows.source import open_rows
from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.facts import Facts, InputFact
from keras_consistency_cli.pipeline.evidence_context import data_context

RANDOM = np.random.default_rng(1)
LEFT, RIGHT = RANDOM.normal(size=(80, 4)), RANDOM.normal(size=(80, 4)) + 3.0


def facts(**inputs: tuple[int | None, ...]) -> Facts:
    declared = tuple(
        InputFact(name=name, shape=shape, dtype="float32", lenient="length") for name, shape in inputs.items()
    )
    return Facts(name="m", kind="Functional", parameters=1, layers=(), inputs=declared, outputs=())


def context(folder: Path, declared: Facts, rows: Any, **options: Any) -> DataContext:
    """The context of rows saved in a folder."""
    data = folder / ("x.npz" if isinstance(rows, dict) else "x.npy")
    if isinstance(rows, dict):
        np.savez(data, **rows)
    else:
        np.save(data, rows)
    settings = Settings.model_validate({"model": folder / "m.keras", "data": data, **options})
    additional = {
        name: open_rows(getattr(settings, name)) for name in ("served", "reference") if name in options
    }
    opened: Any = SimpleNamespace(
        rows=open_rows(data),
        scaler=SimpleNamespace(sklearn_version="1.6.1"),
        archive=SimpleNamespace(nonfinite=("w",)),
        additional=additional,
    )
    return data_context(settings, opened, declared, DataFacts(state="scaled"))


def test_settings_and_shapes_are_in_the_context(tmp_path: Path) -> None:
    owner = {"time_axis": 2, "padding": {"value": -1.0}, "step_by_step": "one-step"}
    rows = np.zeros((6, 7, 3), np.float32)
    assert context(tmp_path, facts(x=(None, 9, 3)), rows, facts=owner) == DataContext(
        description=DataFacts(state="scaled"),
        owner=OwnerFacts(time_axis=2, padding=Padding(value=-1.0), step_by_step="one-step"),
        batch_size=32,
        scaler_saved_with="1.6.1",
        nonfinite_weights=("w",),
        rows_given={"x": GivenRows(shape=(6, 7, 3), expected=(None, 9, 3))},
    )


def test_a_model_that_declares_no_inputs_has_no_rows_to_compare(tmp_path: Path) -> None:
    found = context(tmp_path, facts(), np.zeros((6, 7), np.float32))
    assert (found.rows_given, found.input_orders, found.nonfinite_weights) == ({}, {}, ("w",))


def test_axes_are_measured_only_if_they_could_be_swapped(tmp_path: Path) -> None:
    rows = RANDOM.normal(size=(6, 7, 7)).astype("float32")
    assert context(tmp_path, facts(x=(None, None, 7)), rows).rows_given["x"].looks is not None
    assert context(tmp_path, facts(x=(None, None, 7)), rows[:, :5]).rows_given["x"].looks is None


def test_inputs_in_each_others_place_are_found_in_served_rows(tmp_path: Path) -> None:
    np.savez(tmp_path / "served.npz", left=RIGHT, right=LEFT)
    np.savez(tmp_path / "reference.npz", left=LEFT + 0.05, right=RIGHT)
    files = {"served": tmp_path / "served.npz", "reference": tmp_path / "reference.npz"}
    found = context(tmp_path, facts(left=(None, 4), right=(None, 4)), {"left": LEFT, "right": RIGHT}, **files)
    assert found.input_orders == {"served": {"left": "right", "right": "left"}}


def test_reference_series_are_measured(tmp_path: Path) -> None:
    np.save(tmp_path / "reference.npy", RANDOM.normal(size=(9, 7, 3)))
    rows = RANDOM.normal(size=(6, 7, 3)).astype("float32")
    found = context(tmp_path, facts(x=(None, None, 3)), rows, reference=tmp_path / "reference.npy")
    assert {name: each.shape for name, each in found.reference_rows.items()} == {"x": (9, 7, 3)}


def test_smoothness_is_measured_only_if_channels_may_come_first(tmp_path: Path) -> None:
    pictures = np.cumsum(np.cumsum(RANDOM.normal(size=(30, 6, 6, 6)), axis=1), axis=2).astype("float32")
    open_shape = facts(x=(None, None, None, 6))
    last = context(tmp_path, open_shape, pictures).rows_given["x"].smooth
    first = context(tmp_path, open_shape, np.moveaxis(pictures, -1, 1)).rows_given["x"].smooth
    assert (last[0] > 0.7, last[1] > 0.7, abs(last[2]) < 0.3) == (True, True, True)
    assert first == pytest.approx((last[2], last[0], last[1]))
    fixed = context(tmp_path, facts(x=(None, None, None, 5)), pictures[..., :5])
    assert fixed.rows_given["x"].smooth == ()

"""given: what the rows beside the model say, in plain data."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.loading.rows.source import open_rows
from keras_consistency_cli.measurement.facts import Facts, InputFact
from keras_consistency_cli.pipeline.evidence_context import known_of

RANDOM = np.random.default_rng(1)
LEFT, RIGHT = RANDOM.normal(size=(80, 4)), RANDOM.normal(size=(80, 4)) + 3.0


def facts(**inputs: tuple[int | None, ...]) -> Facts:
    declared = tuple(
        InputFact(name=name, shape=shape, dtype="float32", lenient="length") for name, shape in inputs.items()
    )
    return Facts(name="m", kind="Functional", parameters=1, layers=(), inputs=declared, outputs=())


def known(folder: Path, declared: Facts, rows: Any, **options: Any) -> dict[str, Any]:
    """What is known of rows saved in a folder."""
    data = folder / ("x.npz" if isinstance(rows, dict) else "x.npy")
    if isinstance(rows, dict):
        np.savez(data, **rows)
    else:
        np.save(data, rows)
    settings = Settings.model_validate({"model": folder / "m.keras", "data": data, **options})
    beside = {name: open_rows(getattr(settings, name)) for name in ("served", "reference") if name in options}
    opened: Any = SimpleNamespace(
        rows=open_rows(data), archive=SimpleNamespace(nonfinite=("w",)), beside=beside
    )
    return known_of(settings, opened, declared)


def test_shapes_and_what_the_owner_says(tmp_path: Path) -> None:
    said = {"facts": {"time_axis": 2, "padding": {"value": -1.0}, "step_by_step": "one-step"}}
    assert known(tmp_path, facts(x=(None, 9, 3)), np.zeros((6, 7, 3), np.float32), **said) == {
        "nonfinite_weights": ("w",),
        "stateful_rows": "independent",
        "time_axis": 2,
        "variable_length": False,
        "step_by_step": "one-step",
        "padding": {"value": -1.0, "side": "right"},
        "batch_size": 32,
        "rows_given": {
            "x": {"shape": (6, 7, 3), "dtype": "float32", "expected": (None, 9, 3), "lenient": "length"}
        },
        "orders": {},
    }


def test_looks_are_taken_only_where_axes_could_be_swapped(tmp_path: Path) -> None:
    rows = RANDOM.normal(size=(6, 7, 7)).astype("float32")
    assert "looks" in known(tmp_path, facts(x=(None, None, 7)), rows)["rows_given"]["x"]
    assert "looks" not in known(tmp_path, facts(x=(None, None, 7)), rows[:, :5])["rows_given"]["x"]


def test_served_inputs_in_each_others_place(tmp_path: Path) -> None:
    np.savez(tmp_path / "served.npz", left=RIGHT, right=LEFT)
    np.savez(tmp_path / "reference.npz", left=LEFT + 0.05, right=RIGHT)
    beside = {"served": tmp_path / "served.npz", "reference": tmp_path / "reference.npz"}
    told = known(tmp_path, facts(left=(None, 4), right=(None, 4)), {"left": LEFT, "right": RIGHT}, **beside)
    assert told["orders"] == {"served": {"left": "right", "right": "left"}}


def test_smoothness_is_taken_where_channels_may_come_first(tmp_path: Path) -> None:
    pictures = np.cumsum(np.cumsum(RANDOM.normal(size=(30, 6, 6, 6)), axis=1), axis=2).astype("float32")
    last = known(tmp_path, facts(x=(None, None, None, 6)), pictures)["rows_given"]["x"]["smooth"]
    first = known(tmp_path, facts(x=(None, None, None, 6)), np.moveaxis(pictures, -1, 1))["rows_given"]["x"][
        "smooth"
    ]
    assert (last[0] > 0.7, last[1] > 0.7, abs(last[2]) < 0.3) == (True, True, True)
    assert first == pytest.approx((last[2], last[0], last[1]))
    assert (
        "smooth" not in known(tmp_path, facts(x=(None, None, None, 5)), pictures[..., :5])["rows_given"]["x"]
    )

"""A run with another backend, for which a second TensorFlow with a planted difference stands."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.pipeline import inputs, worker_setup
from keras_consistency_cli.pipeline.run import inspect
from keras_consistency_cli.reporting.report import Report

SHIFT = "KCHECK_TEST_SHIFT"


@keras.saving.register_keras_serializable(package="planted")
class ShiftedElsewhere(keras.layers.Layer):
    """Adds what an environment variable says, which only the process of the other backend has."""

    def call(self, inputs: Any) -> Any:
        return inputs + float(os.environ.get(SHIFT, "0"))


def run_with(shift: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Run KC607 with a process for JAX that computes with TensorFlow and this shift."""
    own = worker_setup.backend_environment

    def environment(name: str) -> Mapping[str, str]:
        return own("tensorflow") | ({SHIFT: shift} if name == "jax" else {})

    monkeypatch.setattr(worker_setup, "backend_environment", environment)
    monkeypatch.setattr(inputs, "_check_installed", lambda *_names: None)
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8), ShiftedElsewhere(name="shifted"), layers.Dense(2)]
    )
    model.save(folder / "m.keras")
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32))
    values = {
        "model": folder / "m.keras",
        "data": folder / "x.npy",
        "custom_objects": [Path(__file__)],
        "backends": ["jax"],
        "select": ["KC607"],
    }
    return inspect(Settings.model_validate(values))


@pytest.mark.parametrize(("shift", "status"), [("0", Status.PASS), ("0.01", Status.FAIL)])
def test_a_planted_difference_is_found_in_its_layer(
    shift: str, status: Status, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = run_with(shift, tmp_path, monkeypatch)
    (verdict,) = report.verdicts
    assert (verdict.status, verdict.findings["backend" if shift != "0" else "backends"] is not None) == (
        status,
        True,
    )
    found = [(each.cause, each.layer, each.confidence, each.targets) for each in report.diagnoses]
    assert found == ([("backend-layer-differs", "shifted", "confirmed", ("jax",))] if shift != "0" else [])


def test_a_backend_that_is_not_installed_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs.importlib.util, "find_spec", lambda name: None if name == "torch" else name)
    with pytest.raises(UsageError) as refusal:
        inputs.open_files(Settings.model_validate({"model": "m.keras", "backends": ["torch"]}))
    assert refusal.value.fix is not None
    assert "torch" in refusal.value.fix


def test_only_the_backend_in_use_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        Settings.model_validate({"model": "m.keras", "backends": ["tensorflow"]})
    with pytest.raises(UsageError) as refusal:
        Settings.model_validate({"model": "m.keras", "backend": "jax", "backends": ["jax"]})
    assert refusal.value.fix == "name the other ones: --backends tensorflow,torch"
    settings = Settings.model_validate({"model": "m.keras", "backends": ["torch", "tensorflow", "torch"]})
    assert settings.other_backends() == ("torch",)
    named = {"model": "m.keras", "backends": ["torch"], "exports": ["torch"]}
    assert Settings.model_validate(named).export_labels() == ("torch-2",)

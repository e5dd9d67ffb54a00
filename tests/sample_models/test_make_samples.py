"""Every sample folder has a builder and an expected.yaml, and faulty models have the fault in their story."""

from __future__ import annotations

import importlib
import pickle
import sys
from pathlib import Path
from types import ModuleType
from unittest import mock

import keras
import numpy as np
import pytest
import yaml

from tests.helpers.built_samples import SAMPLES

NAMES = sorted(path.parent.name for path in SAMPLES.glob("*/expected.yaml"))


@pytest.fixture(scope="module")
def built(built_samples: Path) -> Path:
    """All samples, with their custom layers registered."""
    with mock.patch.object(sys, "path", [str(SAMPLES), *sys.path]):
        __import__("layers")
    return built_samples


def _load_sample(built: Path, name: str) -> tuple[keras.Model, np.ndarray]:
    return keras.models.load_model(built / name / "model.keras"), np.load(built / name / "data.npy")


def test_every_folder_has_a_builder_and_every_builder_a_folder(built: Path) -> None:
    assert sorted(path.name for path in built.iterdir() if path.is_dir()) == NAMES
    assert all((built / name / "model.keras").is_file() for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_expected_yaml_is_complete(name: str, built: Path) -> None:
    expected = yaml.safe_load((SAMPLES / name / "expected.yaml").read_text())
    assert set(expected) - {"confidence"} == {"exit_code", "failing", "args", "cause", "story"}
    assert expected.get("confidence", "likely") in ("likely", "confirmed")
    assert (expected["exit_code"] == 1) == bool(expected["failing"]) == (expected["cause"] is not None)
    files = [
        (built if (built / name / argument).exists() else SAMPLES) / name / argument
        for option, argument in zip(expected["args"][::2], expected["args"][1::2], strict=True)
        if option != "--select"
    ]
    assert all(file.exists() for file in files)


@pytest.fixture(scope="module")
def make_samples() -> ModuleType:
    """The script that builds the samples; `built_samples` runs it as a command."""
    with mock.patch.object(sys, "path", [str(SAMPLES), *sys.path]):
        return importlib.import_module("make_samples")


def test_an_unknown_name_is_refused(make_samples: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        make_samples.main(["helthy"])
    assert end.value.code == 2
    assert "unknown sample: helthy" in capsys.readouterr().err


def test_a_sample_can_be_built_again(make_samples: ModuleType, built: Path, tmp_path: Path) -> None:
    assert make_samples.main(["healthy-mlp", "--into", str(tmp_path)]) == 0
    (first, rows), (second, repeated_rows) = (
        _load_sample(built, "healthy-mlp"),
        _load_sample(tmp_path, "healthy-mlp"),
    )
    assert np.array_equal(rows, repeated_rows)
    assert np.array_equal(first.predict(rows, verbose=0), second.predict(rows, verbose=0))


def test_healthy_outputs_vary(built: Path) -> None:
    model, rows = _load_sample(built, "healthy-mlp")
    outputs = model.predict(rows, verbose=0)
    assert outputs.min() < 0.2
    assert outputs.max() > 0.8


@pytest.mark.parametrize("name", ["batchnorm-training-inside", "batch-mean-leak", "attention-over-batch"])
def test_neighbours_change_the_row(built: Path, name: str) -> None:
    model, rows = _load_sample(built, name)
    neighbours = np.concatenate([rows[:1], 50.0 * rows[32:63]])
    assert not np.array_equal(model.predict(rows[:32], verbose=0)[0], model.predict(neighbours, verbose=0)[0])


@pytest.mark.parametrize(("name", "batch"), [("stateful-lstm", 4), ("dropout-left-on", 32)])
def test_a_second_prediction_differs(built: Path, name: str, batch: int) -> None:
    model, rows = _load_sample(built, name)
    assert not np.allclose(
        model.predict(rows, batch_size=batch, verbose=0), model.predict(rows, batch_size=batch, verbose=0)
    )


def test_augmentation_is_active_only_in_a_bare_call(built: Path) -> None:
    model, rows = _load_sample(built, "augmentation-on-call")
    predicted = model.predict(rows, verbose=0)
    assert np.allclose(predicted, model(rows, training=False), atol=1e-5)
    assert np.abs(predicted - np.asarray(model(rows))).max() > 0.01


def _predict_scaled_and_served(built: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the predictions for rows scaled with the saved scaler, and for the served rows."""
    model, rows = _load_sample(built, name)
    scaler = pickle.loads((built / name / "scaler.pkl").read_bytes())
    return model.predict(scaler.transform(rows), verbose=0), model.predict(
        np.load(built / name / "served.npy"), verbose=0
    )


def test_a_reused_scaler_gives_identical_predictions(built: Path) -> None:
    expected, served = _predict_scaled_and_served(built, "scaled-alike")
    model, rows = _load_sample(built, "scaled-alike")
    scaler = pickle.loads((built / "scaled-alike" / "scaler.pkl").read_bytes())
    one_by_one = np.concatenate([model.predict(scaler.transform(row[None]), verbose=0) for row in rows[:5]])
    assert np.array_equal(expected, served)
    assert np.allclose(expected[:5], one_by_one, atol=1e-6)
    assert (expected.min() < 0.2, expected.max() > 0.8) == (True, True)


@pytest.mark.parametrize("name", ["scaler-missing", "scaler-refitted"])
def test_different_scaling_flips_decisions(built: Path, name: str) -> None:
    expected, served = _predict_scaled_and_served(built, name)
    assert np.abs(expected - served).max() > 0.1
    assert ((expected > 0.5) != (served > 0.5)).sum() >= 3

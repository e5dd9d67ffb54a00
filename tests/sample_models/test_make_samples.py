"""The samples: each folder has a builder and an expectation, and each builder's model really has the fault
that its story tells.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
NAMES = sorted(path.parent.name for path in SAMPLES.glob("*/expected.yaml"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("samples")
    done = subprocess.run(
        [sys.executable, str(SAMPLES / "make_samples.py"), "--into", str(into)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sys.path.insert(0, str(SAMPLES))
    try:
        __import__("layers")
    finally:
        sys.path.remove(str(SAMPLES))
    return into


def _load(built: Path, name: str) -> tuple[keras.Model, np.ndarray]:
    return keras.models.load_model(built / name / "model.keras"), np.load(built / name / "data.npy")


def test_every_folder_has_a_builder_and_every_builder_a_folder(built: Path) -> None:
    assert sorted(path.name for path in built.iterdir()) == NAMES
    assert all((built / name / "model.keras").is_file() for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_expectation_is_complete(name: str, built: Path) -> None:
    expected = yaml.safe_load((SAMPLES / name / "expected.yaml").read_text())
    assert set(expected) - {"confidence"} == {"exit_code", "failing", "args", "cause", "story"}
    assert expected.get("confidence", "likely") in ("likely", "confirmed")
    assert (expected["exit_code"] == 1) == bool(expected["failing"]) == (expected["cause"] is not None)
    files = [
        (built if (built / name / argument).exists() else SAMPLES) / name / argument
        for argument in expected["args"][1::2]
    ]
    assert all(file.is_file() for file in files)


def test_unknown_name_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, str(SAMPLES / "make_samples.py"), "helthy"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "unknown sample: helthy" in done.stderr


def test_same_seed_same_sample(built: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(SAMPLES / "make_samples.py"), "healthy-mlp", "--into", str(tmp_path)],
        capture_output=True,
        check=True,
    )
    (first, rows), (second, again) = _load(built, "healthy-mlp"), _load(tmp_path, "healthy-mlp")
    assert np.array_equal(rows, again)
    assert np.array_equal(first.predict(rows, verbose=0), second.predict(rows, verbose=0))


def test_healthy_outputs_spread(built: Path) -> None:
    model, rows = _load(built, "healthy-mlp")
    outputs = model.predict(rows, verbose=0)
    assert outputs.min() < 0.2
    assert outputs.max() > 0.8


@pytest.mark.parametrize("name", ["batchnorm-training-inside", "batch-mean-leak", "attention-over-batch"])
def test_companions_change_the_row(built: Path, name: str) -> None:
    model, rows = _load(built, name)
    companions = np.concatenate([rows[:1], 50.0 * rows[32:63]])
    assert not np.array_equal(model.predict(rows[:32], verbose=0)[0], model.predict(companions, verbose=0)[0])


@pytest.mark.parametrize(("name", "batch"), [("stateful-lstm", 4), ("dropout-left-on", 32)])
def test_predicting_twice_differs(built: Path, name: str, batch: int) -> None:
    model, rows = _load(built, name)
    assert not np.allclose(
        model.predict(rows, batch_size=batch, verbose=0), model.predict(rows, batch_size=batch, verbose=0)
    )


def test_augmentation_answers_to_a_bare_call_only(built: Path) -> None:
    model, rows = _load(built, "augmentation-on-call")
    predicted = model.predict(rows, verbose=0)
    assert np.allclose(predicted, model(rows, training=False), atol=1e-5)
    assert np.abs(predicted - np.asarray(model(rows))).max() > 0.01


def _served(built: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """What the model says about the rows as the saved scaler gives them, and about those that were served."""
    model, rows = _load(built, name)
    scaler = pickle.loads((built / name / "scaler.pkl").read_bytes())
    return model.predict(scaler.transform(rows), verbose=0), model.predict(
        np.load(built / name / "served.npy"), verbose=0
    )


def test_reused_scaler_gives_identical_predictions(built: Path) -> None:
    right, served = _served(built, "scaled-alike")
    model, rows = _load(built, "scaled-alike")
    scaler = pickle.loads((built / "scaled-alike" / "scaler.pkl").read_bytes())
    alone = np.concatenate([model.predict(scaler.transform(row[None]), verbose=0) for row in rows[:5]])
    assert np.array_equal(right, served)
    assert np.allclose(right[:5], alone, atol=1e-6)
    assert (right.min() < 0.2, right.max() > 0.8) == (True, True)


@pytest.mark.parametrize("name", ["scaler-missing", "scaler-refitted"])
def test_other_scaling_flips_decisions(built: Path, name: str) -> None:
    right, served = _served(built, name)
    assert np.abs(right - served).max() > 0.1
    assert ((right > 0.5) != (served > 0.5)).sum() >= 3

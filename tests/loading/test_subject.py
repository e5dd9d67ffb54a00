"""Subject: model, facts and rows, which are scaled or generated if necessary."""

from __future__ import annotations

from pathlib import Path

import joblib
import keras
import numpy as np
import pytest
from keras import layers
from sklearn.preprocessing import StandardScaler

from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles

ROWS = np.random.default_rng(0).normal(3.0, 2.0, (9, 4)).astype("float32")
NUMBERS = np.array([7, 0, 3])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, rows and a scaler."""
    into = tmp_path_factory.mktemp("subject")
    keras.Sequential([keras.Input((4,), name="x"), layers.Dense(2)]).save(into / "m.keras")
    two = [keras.Input((4,), name="b"), keras.Input((2,), dtype="int32", name="a")]
    keras.Model(two, layers.Dense(1)(two[0])).save(into / "two.keras")
    keras.Sequential([keras.Input((4,), batch_size=6), layers.Dense(2)]).save(into / "six.keras")
    np.save(into / "x.npy", ROWS)
    np.savez(into / "two.npz", a=np.arange(18, dtype="int32").reshape(9, 2), b=ROWS)
    joblib.dump(StandardScaler().fit(ROWS), into / "s.joblib")
    return into


def load(folder: Path, model: str = "m.keras", **files: object) -> Subject:
    entries = {
        name: str(folder / value) if isinstance(value, str) else value for name, value in files.items()
    }
    return Subject.load(SubjectFiles(model=str(folder / model), **entries))  # type: ignore[arg-type]


def test_rows_of_the_data_are_taken_by_number(folder: Path) -> None:
    subject = load(folder, data="x.npy")
    assert {name: values.tolist() for name, values in subject.rows(NUMBERS).items()} == {
        "x": ROWS[NUMBERS].tolist()
    }
    assert subject.described_rows == ""
    assert subject.facts.kind == "Sequential"


def test_rows_of_several_inputs_have_the_order_of_the_model(folder: Path) -> None:
    rows = load(folder, "two.keras", data="two.npz").rows(NUMBERS)
    assert list(rows) == ["b", "a"]
    assert rows["a"].tolist() == [[14, 15], [0, 1], [6, 7]]


def test_generated_rows_are_seeded_and_described(folder: Path) -> None:
    first, again, other = (load(folder, generated_rows=9, seed=seed) for seed in (1, 1, 2))
    rows = first.rows(NUMBERS)["x"]
    assert (rows.shape, rows.dtype) == ((3, 4), np.float32)
    assert np.array_equal(rows, again.rows(NUMBERS)["x"])
    assert not np.array_equal(rows, other.rows(NUMBERS)["x"])
    assert first.described_rows


def test_at_least_one_whole_batch_is_generated(folder: Path) -> None:
    (rows,) = load(folder, "six.keras", generated_rows=2).rows(np.arange(6)).values()
    assert rows.shape == (6, 4)


def test_rows_go_through_the_scaler(folder: Path) -> None:
    subject = load(folder, data="x.npy", scaler="s.joblib", trust_scaler=True)
    scaled = (ROWS - ROWS.mean(axis=0)) / ROWS.std(axis=0)
    np.testing.assert_allclose(subject.rows(NUMBERS)["x"], scaled[NUMBERS], atol=1e-5)


def test_generated_rows_are_in_the_range_before_scaling(folder: Path) -> None:
    subject = load(folder, scaler="s.joblib", trust_scaler=True, generated_rows=9)
    scaled = (subject.raw(NUMBERS)["x"] - ROWS.mean(axis=0)) / ROWS.std(axis=0)
    np.testing.assert_allclose(subject.rows(NUMBERS)["x"], scaled, atol=1e-4)
    assert subject.length == 9


def test_the_scaler_of_the_targets_is_loaded_once(folder: Path) -> None:
    subject = load(folder, target_scaler="s.joblib")
    assert subject.target_scaler is subject.target_scaler is not None
    assert load(folder).target_scaler is None


def test_lengths_are_taken_by_number(folder: Path, tmp_path: Path) -> None:
    assert load(folder, data="x.npy").lengths(NUMBERS) is None
    np.save(tmp_path / "lengths.npy", np.arange(1, 10))
    lengths = load(folder, data="x.npy", lengths=str(tmp_path / "lengths.npy")).lengths(NUMBERS)
    assert lengths is not None
    assert lengths.tolist() == [8, 1, 4]

"""The subject: model, facts and rows, scaled where there is a scaler, made where there are none."""

from __future__ import annotations

from pathlib import Path

import joblib
import keras
import numpy as np
import pytest
from keras import layers
from sklearn.preprocessing import StandardScaler

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles

ROWS = np.random.default_rng(0).normal(3.0, 2.0, (9, 4)).astype("float32")
NUMBERS = np.array([7, 0, 3])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, rows, a scaler, and rows that do not fit."""
    into = tmp_path_factory.mktemp("subject")
    keras.Sequential([keras.Input((4,), name="x"), layers.Dense(2)]).save(into / "m.keras")
    two = [keras.Input((4,), name="b"), keras.Input((2,), dtype="int32", name="a")]
    keras.Model(two, layers.Dense(1)(two[0])).save(into / "two.keras")
    keras.Sequential([keras.Input((4,), batch_size=6), layers.Dense(2)]).save(into / "six.keras")
    np.save(into / "x.npy", ROWS)
    np.save(into / "wide.npy", np.zeros((9, 5), "float32"))
    np.savez(into / "two.npz", a=np.arange(18, dtype="int32").reshape(9, 2), b=ROWS)
    joblib.dump(StandardScaler().fit(ROWS), into / "s.joblib")
    return into


def load(folder: Path, model: str = "m.keras", **files: object) -> Subject:
    given = {name: str(folder / value) if isinstance(value, str) else value for name, value in files.items()}
    return Subject.load(SubjectFiles(model=str(folder / model), **given))  # type: ignore[arg-type]


def test_rows_of_the_data_by_number(folder: Path) -> None:
    subject = load(folder, data="x.npy")
    assert {name: values.tolist() for name, values in subject.rows(NUMBERS).items()} == {
        "x": ROWS[NUMBERS].tolist()
    }
    assert subject.described_rows == ""
    assert subject.facts.kind == "Sequential"


def test_rows_of_several_inputs_by_name_in_the_models_order(folder: Path) -> None:
    rows = load(folder, "two.keras", data="two.npz").rows(NUMBERS)
    assert list(rows) == ["b", "a"]
    assert rows["a"].tolist() == [[14, 15], [0, 1], [6, 7]]


def test_made_rows_are_seeded_and_described(folder: Path) -> None:
    first, again, other = (load(folder, generated_rows=9, seed=seed) for seed in (1, 1, 2))
    rows = first.rows(NUMBERS)["x"]
    assert (rows.shape, rows.dtype) == ((3, 4), np.float32)
    assert np.array_equal(rows, again.rows(NUMBERS)["x"])
    assert not np.array_equal(rows, other.rows(NUMBERS)["x"])
    assert first.described_rows


def test_at_least_one_whole_batch_is_made(folder: Path) -> None:
    assert load(folder, "six.keras", generated_rows=2).rows(np.arange(6))[
        next(iter(load(folder, "six.keras", generated_rows=2).rows(np.arange(6))))
    ].shape == (6, 4)


def test_rows_go_through_the_scaler(folder: Path) -> None:
    subject = load(folder, data="x.npy", scaler="s.joblib", trust_scaler=True)
    scaled = (ROWS - ROWS.mean(axis=0)) / ROWS.std(axis=0)
    np.testing.assert_allclose(subject.rows(NUMBERS)["x"], scaled[NUMBERS], atol=1e-5)


def test_rows_that_do_not_fit_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"has shape \(9, 5\), the model's input 'x' takes \(None, 4\)"):
        load(folder, data="wide.npy").rows(NUMBERS)


def test_a_scaler_judges_the_features_itself(folder: Path) -> None:
    with pytest.raises(DataError, match="5"):
        load(folder, data="wide.npy", scaler="s.joblib", trust_scaler=True).rows(NUMBERS)

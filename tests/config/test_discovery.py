"""Discovery: which files belong to a model by name and folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.config.discovery import NAMES, AdjacentFiles, find_adjacent_files
from keras_consistency_cli.config.settings import Settings


def create(folder: Path, *names: str) -> Path:
    """Put empty files into a folder; the model's path."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder / "m.keras"


def test_every_option_with_names_is_one_of_run() -> None:
    assert set(NAMES) - {"config"} <= set(Settings.model_fields)
    assert not {"custom_objects", "preprocess"} & set(NAMES), "a file with code is used only if named"


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((), {}),
        (("m.keras", "notes.txt", "layers.py", "y.npy"), {}),
        (("x.npy",), {"data": "x.npy"}),
        (("data/x.csv", "scaler.pkl"), {"data": "data/x.csv", "scaler": "scaler.pkl"}),
        (("kcheck.yml", "expected.npz", "served.npy", "reference.parquet", "target_scaler.skops", "data.npz"),
         {"config": "kcheck.yml", "expected": "expected.npz", "served": "served.npy", "reference": (
             "reference.parquet"
         ),
          "target_scaler": "target_scaler.skops", "data": "data.npz"}),
    ],
)  # fmt: skip
def test_names_stand_for_options(names: tuple[str, ...], found: dict[str, str], tmp_path: Path) -> None:
    model = create(tmp_path, *names)
    assert find_adjacent_files(model) == AdjacentFiles(
        files={option: tmp_path / name for option, name in found.items()}
    )


def test_an_option_with_two_possible_files_gets_none(tmp_path: Path, wording: SnapshotAssertion) -> None:
    model = create(tmp_path, "x.npy", "data.npy", "scaler.pkl")
    found = find_adjacent_files(model)
    assert found.files == {"scaler": tmp_path / "scaler.pkl"}
    assert [note.replace(str(tmp_path), "FOLDER") for note in found.ambiguous] == wording


def test_folders_and_invalid_names_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "x.npy").mkdir()
    assert find_adjacent_files(tmp_path / "m.keras") == AdjacentFiles()
    assert find_adjacent_files(Path("a\0b") / "m.keras") == AdjacentFiles()


def test_files_that_suit_an_option_by_their_kind_are_named(tmp_path: Path) -> None:
    names = ("x.npy", "test.csv", "feature_scaler.pkl", "y_test.npy", "x-train.parquet", "encoder.pkl",
             "served_rows.npz", "y_scaler.pkl", "notes.txt", "ct.joblib", "preprocessor.pkl",
             "direct.pkl", "test.txt", "requirements-test.txt", "training_log.txt")  # fmt: skip
    model = create(tmp_path, *names)
    for folder in ("images", "train_images", "logs", "__pycache__"):
        (tmp_path / folder).mkdir()
    assert {path.name: option for path, option in find_adjacent_files(model).others} == {
        "test.csv": "data",
        "feature_scaler.pkl": "scaler",
        "x-train.parquet": "reference",
        "served_rows.npz": "served",
        "y_scaler.pkl": "target_scaler",
        "ct.joblib": "scaler",
        "preprocessor.pkl": "scaler",
        "test.txt": "data",
        "images": "data",
        "train_images": "reference",
    }

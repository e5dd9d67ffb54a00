"""beside: which files belong to a model by name and place."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_consistency_cli.config.discovery import NAMES, Neighbours, neighbours
from keras_consistency_cli.config.settings import Settings


def laid(folder: Path, *names: str) -> Path:
    """Put empty files into a folder; the model's path."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder / "m.keras"


def test_every_option_with_names_is_one_of_run() -> None:
    assert set(NAMES) - {"config"} <= set(Settings.model_fields)
    assert not {"custom_objects", "preprocess"} & set(NAMES), "a file of code is never taken unasked"


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((), {}),
        (("m.keras", "notes.txt", "layers.py", "y.npy"), {}),
        (("x.npy",), {"data": "x.npy"}),
        (("data/x.csv", "scaler.pkl"), {"data": "data/x.csv", "scaler": "scaler.pkl"}),
        (("kcheck.yml", "expected.npz", "served.npy", "reference.parquet", "target_scaler.skops", "data.npz"),
         {"config": "kcheck.yml", "expected": "expected.npz", "served": "served.npy", "reference": "reference.parquet",
          "target_scaler": "target_scaler.skops", "data": "data.npz"}),
    ],
)  # fmt: skip
def test_names_stand_for_options(names: tuple[str, ...], found: dict[str, str], tmp_path: Path) -> None:
    model = laid(tmp_path, *names)
    assert neighbours(model) == Neighbours(files={option: tmp_path / name for option, name in found.items()})


def test_two_that_could_be_meant_are_neither(tmp_path: Path) -> None:
    model = laid(tmp_path, "x.npy", "data.npy", "scaler.pkl")
    found = neighbours(model)
    assert found.files == {"scaler": tmp_path / "scaler.pkl"}
    assert found.unclear == (
        f"not taken from beside the model, for --data could be {tmp_path / 'x.npy'} or {tmp_path / 'data.npy'}",
    )


def test_folders_and_impossible_names_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "x.npy").mkdir()
    assert neighbours(tmp_path / "m.keras") == Neighbours()
    assert neighbours(Path("a\0b") / "m.keras") == Neighbours()

"""init: the file that is written is valid, holds what was found, and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.cli.main import main
from keras_consistency_cli.config.settings import load_settings


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of a series, with some files beside it."""
    keras.Sequential([keras.Input((4, 2)), keras.layers.GRU(3), keras.layers.Dense(1)]).save(
        tmp_path / "m: #1.keras"
    )
    (tmp_path / "data").mkdir()
    for name in ("data/x.npy", "scaler.pkl", "expected.npy", "expected.npz"):
        (tmp_path / name).touch()
    return tmp_path / "m: #1.keras"


def test_existing_files_are_stated_and_the_rest_is_comments(
    model: Path, capsys: pytest.CaptureFixture[str], wording: SnapshotAssertion
) -> None:
    assert main(["init", str(model)]) == 0
    path = model.parent / "kcheck.yaml"
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.replace(str(model.parent), "FOLDER") == wording
    found = load_settings({"config": str(path)}, {})
    defaults = load_settings(
        {
            "model": str(model),
            "data": str(model.parent / "data/x.npy"),
            "scaler": str(model.parent / "scaler.pkl"),
        },
        {},
    )
    assert found == defaults
    text = path.read_text(encoding="utf-8")
    assert "#   time_axis: 1 " in text
    assert text.replace(str(model.parent), "FOLDER") == wording


def test_every_comment_of_an_option_is_valid_once_it_is_none(model: Path) -> None:
    main(["init", str(model)])
    path = model.parent / "kcheck.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    opened = [
        line.removeprefix("# ")
        if line.startswith(("# facts:", "#   ", "# select", "# ignore", "# require", "# tolerance"))
        else line
        for line in lines
    ]
    path.write_text(
        "\n".join(opened).replace("#   ", "  ").replace("growing-prefix #", "growing-prefix   #") + "\n",
        encoding="utf-8",
    )
    settings = load_settings({"config": str(path)}, {})
    assert (settings.facts.time_axis, settings.facts.step_by_step, settings.select) == (
        1,
        "growing-prefix",
        ("KC1", "execution-mode"),
    )


def test_a_file_is_overwritten_only_with_force(
    model: Path, capsys: pytest.CaptureFixture[str], wording: SnapshotAssertion
) -> None:
    path = model.parent / "kcheck.yaml"
    path.write_text("rows: 7\n", encoding="utf-8")
    assert main(["init", str(model)]) == 2
    assert capsys.readouterr().err.replace(str(model.parent), "FOLDER") == wording
    assert path.read_text(encoding="utf-8") == "rows: 7\n"
    assert main(["init", str(model), "--force"]) == 0
    assert path.read_text(encoding="utf-8").startswith("# Options of kcheck for ")


@pytest.mark.parametrize(
    ("line", "code"),
    [(["none.keras"], 2), (["text.keras"], 1), ([], 2)],
)
def test_wrong_calls_are_refused(
    line: list[str],
    wording: SnapshotAssertion,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.keras").write_text("text")
    assert main(["init", *line]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.replace(str(tmp_path), "FOLDER") == wording
    assert not (tmp_path / "kcheck.yaml").exists()

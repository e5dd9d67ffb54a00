"""[tool.kcheck] of a pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.config.pyproject import read_pyproject
from keras_consistency_cli.config.settings import load_settings
from keras_consistency_cli.config.sources import DiscoveredConfig
from keras_consistency_cli.errors import UsageError

TEXT = """\
[project]
name = "rows"
rows = 1

[tool.kcheck]
rows = 7
tolerance = {rtol = 1e-5, atol = 0}
checks.batch-size.sizes = [1, 2]

[tool.kcheck.facts]  # from the owner
time_axis = 1

[tool.other]
seed = 5
"""


def write(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_table_is_read_with_its_lines(tmp_path: Path) -> None:
    document = read_pyproject(write(tmp_path, TEXT))
    assert document is not None
    assert document.name == str(tmp_path / "pyproject.toml")
    assert document.data == {
        "rows": 7,
        "tolerance": {"rtol": 1e-5, "atol": 0},
        "checks": {"batch-size": {"sizes": [1, 2]}},
        "facts": {"time_axis": 1},
    }
    assert document.lines == {
        ("rows",): 6,
        ("tolerance",): 7,
        ("checks", "batch-size", "sizes"): 8,
        ("facts",): 10,
        ("facts", "time_axis"): 11,
    }
    settings = load_settings({"model": "m.keras"}, {}, DiscoveredConfig(project=document))
    assert (settings.rows, settings.seed, settings.facts.time_axis, settings.checks.batch_size.sizes) == (
        7,
        0,
        1,
        (1, 2),
    )


@pytest.mark.parametrize(
    "text", [None, "", "[project]\n", "[tool.black]\nname = 'kcheck'\n", "not toml", "[kcheck]\n= broken"]
)
def test_files_without_a_kcheck_table_are_ignored(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        write(tmp_path, text)
    assert read_pyproject(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "[tool.kcheck]\nrows = \n",
        "[tool]\nkcheck = 3\n",
    ],
)
def test_an_unreadable_kcheck_table_is_refused(text: str, wording: SnapshotAssertion, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read_pyproject(write(tmp_path, text.replace("[tool]\nkcheck", '[tool]\n"kcheck"')))
    assert str(raised.value).replace(str(tmp_path), "FOLDER") == wording


@pytest.mark.parametrize(
    "line",
    [
        "row = 3",
        "rows = 0",
        "rows = 1979-05-27",
        "facts.time_axes = 1",
        "trust.code = true",
        "exit_zero = true",
        "custom_objects = ['a.py']",
    ],
)
def test_errors_name_file_and_line(line: str, wording: SnapshotAssertion, tmp_path: Path) -> None:
    document = read_pyproject(write(tmp_path, f"[tool.kcheck]\n{line}\n"))
    with pytest.raises(UsageError) as raised:
        load_settings({"model": "m.keras"}, {}, DiscoveredConfig(project=document))
    assert str(raised.value).replace(str(tmp_path), "FOLDER") == wording

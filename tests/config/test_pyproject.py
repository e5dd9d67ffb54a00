"""project: [tool.kcheck] of a pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_consistency_cli.config.pyproject import read_project
from keras_consistency_cli.config.settings import load_settings
from keras_consistency_cli.config.sources import Found
from keras_consistency_cli.errors import UsageError

TEXT = """\
[project]
name = "rows"
rows = 1

[tool.kcheck]
rows = 7
tolerance = {rtol = 1e-5, atol = 0}
checks.batch-size.sizes = [1, 2]

[tool.kcheck.facts]  # said by the owner
time_axis = 1

[tool.other]
seed = 5
"""


def written(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_table_is_read_with_its_lines(tmp_path: Path) -> None:
    document = read_project(written(tmp_path, TEXT))
    assert document is not None
    assert document.name == str(tmp_path / "pyproject.toml")
    assert document.data == {
        "rows": 7, "tolerance": {"rtol": 1e-5, "atol": 0}, "checks": {"batch-size": {"sizes": [1, 2]}}, "facts": {"time_axis": 1},
    }  # fmt: skip
    assert document.lines == {
        ("rows",): 6,
        ("tolerance",): 7,
        ("checks", "batch-size", "sizes"): 8,
        ("facts",): 10,
        ("facts", "time_axis"): 11,
    }
    settings = load_settings({"model": "m.keras"}, {}, Found(project=document))
    assert (settings.rows, settings.seed, settings.facts.time_axis, settings.checks.batch_size.sizes) == (
        7,
        0,
        1,
        (1, 2),
    )


@pytest.mark.parametrize(
    "text", [None, "", "[project]\n", "[tool.black]\nname = 'kcheck'\n", "not toml", "[kcheck]\n= broken"]
)
def test_what_is_not_said_to_kcheck_is_none_of_its_business(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        written(tmp_path, text)
    assert read_project(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.kcheck]\nrows = \n", "pyproject.toml: not valid TOML: "),
        ("[tool]\nkcheck = 3\n", "pyproject.toml: tool.kcheck is not a table"),
    ],
)
def test_what_is_said_to_kcheck_must_be_readable(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read_project(written(tmp_path, text.replace("[tool]\nkcheck", '[tool]\n"kcheck"')))
    assert str(tmp_path / message) in str(raised.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("row = 3", "pyproject.toml:2: unknown key 'row' (did you mean 'rows'?)"),
        ("rows = 0", "pyproject.toml:2: rows is 0, expected a whole number of at least 1, or all"),
        ("rows = 1979-05-27", "pyproject.toml:2: rows is 'datetime.date(1979, 5, 27)'"),
        ("facts.time_axes = 1", "pyproject.toml:2: unknown key 'time_axes' (did you mean 'time_axis'?)"),
        ("trust.code = true", "pyproject.toml: trust lets code run, and this file was found, not named"),
        (
            "exit_zero = true",
            "pyproject.toml:2: exit_zero hides faults from whoever asks for the exit code, and this file was found, not named",
        ),
        (
            "custom_objects = ['a.py']",
            "pyproject.toml:2: custom_objects lets code run, and this file was found, not named",
        ),
    ],
)
def test_mistakes_are_told_with_file_and_line(line: str, message: str, tmp_path: Path) -> None:
    document = read_project(written(tmp_path, f"[tool.kcheck]\n{line}\n"))
    with pytest.raises(UsageError) as raised:
        load_settings({"model": "m.keras"}, {}, Found(project=document))
    assert str(raised.value).startswith(
        str(tmp_path / message).replace("'datetime.date(1979, 5, 27)'", "datetime.date(1979, 5, 27)")
    )

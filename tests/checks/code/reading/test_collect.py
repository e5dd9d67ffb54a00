"""Files are found below folders, without tests, hidden folders and environments."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_consistency_cli.checks.code.reading.collect import collect
from keras_consistency_cli.errors import UsageError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (
        "serve.py",
        "train.ipynb",
        "readme.md",
        "app/views.py",
        "test_serve.py",
        "tests/helpers.py",
        ".venv/lib.py",
        "venv/lib.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
    return tmp_path


def test_code_is_found_without_tests_and_environments(project: Path) -> None:
    found = collect([project])
    assert [path.relative_to(project).as_posix() for path in found.files] == [
        "serve.py",
        "train.ipynb",
        "app/views.py",
    ]
    assert found.tests == 1


def test_a_file_that_is_named_is_always_read(project: Path) -> None:
    files = [project / "test_serve.py", project / "tests" / "helpers.py"]
    assert collect([*files, files[0]]).files == tuple(files)


def test_patterns_leave_files_out(project: Path) -> None:
    assert [path.name for path in collect([project], ("app/*", "*.ipynb")).files] == ["serve.py"]


def test_other_files_and_missing_ones_are_refused(project: Path) -> None:
    with pytest.raises(UsageError):
        collect([project / "readme.md"])
    with pytest.raises(UsageError):
        collect([project / "server.py"])

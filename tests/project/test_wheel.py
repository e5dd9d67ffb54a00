"""The wheel contains all files that the installed command needs, and nothing else."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from keras_consistency_cli import __version__

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "keras_consistency_cli"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without an isolated environment."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        timeout=120,
    )
    (built,) = folder.glob("*.whl")
    return built


def contents(wheel: Path) -> Mapping[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_contains_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    info = f"{PACKAGE}-{__version__}.dist-info"
    metadata = {
        f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    }
    assert set(contents(wheel)) == sources | metadata
    assert {
        f"{PACKAGE}/py.typed",
        f"{PACKAGE}/reporting/formats/templates/report.html",
        f"{PACKAGE}/loading/model_file/known_classes.json",
    } <= sources


def test_its_entry_points_are_the_command_and_the_plugin(wheel: Path) -> None:
    points = configparser.ConfigParser(delimiters=("=",))
    points.read_string(contents(wheel)[f"{PACKAGE}-{__version__}.dist-info/entry_points.txt"].decode())
    assert {section: dict(points[section]) for section in points.sections()} == {
        "console_scripts": {"kcheck": f"{PACKAGE}.__main__:main"},
        "pytest11": {"kcheck": f"{PACKAGE}.pytest_plugin"},
    }


def test_it_works_without_the_sources_as_command_plugin_and_page(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    test_code = (
        f"import {PACKAGE}\n\ndef test_it(kcheck):\n    assert kcheck.assert_consistent and "
        f"{PACKAGE}.__file__.startswith({str(tmp_path)!r})\n"
    )
    (tmp_path / "test_it.py").write_text(test_code, encoding="utf-8")
    page = (
        f"from {PACKAGE}.reporting.formats.html import refuse_html; from {PACKAGE}.errors import UsageError; "
        "refuse_html('1', 'm', UsageError('no'))"
    )
    calls = (
        ["-m", PACKAGE, "--version"],
        ["-m", PACKAGE, "explain", "KC103"],
        ["-m", PACKAGE, "schema", "config"],
        ["-c", page],
    )
    plugin = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
        str(tmp_path / "test_it.py"),
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "site"),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for call in (*calls, plugin):
        completed = subprocess.run(
            [sys.executable, *call],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert completed.returncode == 0, (call, completed.stdout, completed.stderr)

"""The wheel contains all files that the installed command needs, and nothing else."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from keras_consistency_cli import __version__
from tests.helpers.crafted_archives import write_archive

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


@pytest.mark.integration
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


def test_the_sources_that_are_published_build_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path)]
    subprocess.run([*build, "--target", "sdist"], cwd=ROOT, check=True, timeout=120)
    (sources,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sources) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / sources.name.removesuffix(".tar.gz")
    subprocess.run([*build, "--target", "wheel"], cwd=unpacked, check=True, timeout=120)
    (built,) = tmp_path.glob("*.whl")
    assert contents(built) == contents(wheel)
    assert {"README.md", "LICENSE", "CHANGELOG.md", "configs", "docs"} <= {
        path.name for path in unpacked.iterdir()
    }


def _needed_distributions() -> set[str]:
    """The names of the packages that an installation without extras brings."""
    found: set[str] = set()
    pending = list(
        tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    )
    while pending:
        requirement = Requirement(pending.pop())
        is_needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if is_needed and requirement.name not in found:
            found.add(requirement.name)
            pending += metadata.requires(requirement.name) or []
    return found


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel and the packages that it declares, and no others."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    for name in _needed_distributions():
        distribution = metadata.distribution(name)
        for top in {
            file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")
        }:
            source = Path(str(distribution.locate_file(top)))
            if source.exists() and not (site / top).exists():
                (site / top).symlink_to(source)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return folder / "venv" / "bin" / "python"


@pytest.mark.integration
def test_it_works_with_the_packages_that_it_declares_alone(bare: Path, tmp_path: Path) -> None:
    write_archive(tmp_path / "m.keras")
    (tmp_path / "x.csv").write_text("a,b,c,d\n" + "1,2,3,4\n0.5,1,-1,0\n" * 8, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        call = [str(bare), "-m", PACKAGE, *words]
        return subprocess.run(
            call, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    names = ("pandas", "pyarrow", "PIL", "pytest")
    absent = f"import importlib.util as util; print([name for name in {names} if util.find_spec(name)])"
    shown = subprocess.run([bare, "-c", absent], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
    checked = run("run", "m.keras", "--data", "x.csv", "--select", "KC101,KC104", "--format", "concise")
    assert (checked.returncode, "consistent" in checked.stdout) == (0, True), checked.stdout + checked.stderr
    refused = run("run", "m.keras", "--data", str(tmp_path))
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr

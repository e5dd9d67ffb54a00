"""What a release states is the same everywhere: version, range of Python, names, and the Dockerfile."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from keras_consistency_cli import __version__

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ["3.11", "3.12", "3.13"]
SENTENCE = "Python 3.11, 3.12 or 3.13"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    newest = re.search(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", read("CHANGELOG.md"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__


def test_the_pictures_and_the_tutorial_show_this_version() -> None:
    shown = {
        version
        for name in ("docs/images/passing.svg", "docs/images/failing.svg", "docs/tutorial.md")
        for version in re.findall(r"^\W*kcheck[\s ]+(\d+\.\d+\.\d+)\b", _plain(read(name)), re.MULTILINE)
    }
    assert shown == {__version__}


def test_the_commands_without_an_installation_name_the_wheel_of_this_version() -> None:
    wheels = set(re.findall(r"keras_consistency_cli-[\d.]+-py3-none-any\.whl", read("docs/pipelines.md")))
    assert wheels == {f"keras_consistency_cli-{__version__}-py3-none-any.whl"}


def _plain(text: str) -> str:
    return re.sub(r"<[^>]*>", "", text.replace("&#160;", " "))


def test_one_range_of_python_is_stated_everywhere() -> None:
    first, last = PYTHONS[0], PYTHONS[-1]
    after = f"3.{int(last.partition('.')[2]) + 1}"
    assert PYPROJECT["requires-python"] == f">={first},<{after}"
    prefix = "Programming Language :: Python :: "
    stated = [entry.removeprefix(prefix) for entry in PYPROJECT["classifiers"] if entry.startswith(prefix)]
    assert [entry for entry in stated if entry[2:].isdigit()] == PYTHONS
    ci = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]
    assert ci["test"]["strategy"]["matrix"]["python"] == PYTHONS
    for name in ("README.md", "CONTRIBUTING.md", "Makefile", "action.yml"):
        assert SENTENCE in read(name), name
        assert "or newer" not in " ".join(re.findall(r"Python 3\.\d+[^.]*", read(name))), name


@pytest.mark.parametrize("name", ["README.md", "docs/pipelines.md"])
def test_the_place_of_the_repository_has_one_name(name: str) -> None:
    text = read(name)
    assert not re.search(r"PLACE_OF|YOUR_|<owner>|example\.com/", text)
    assert set(re.findall(r"OWNER/\w+", text)) <= {"OWNER/REPOSITORY"}


def _instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", read("Dockerfile"), flags=re.MULTILINE))
    return [tuple(line.split(" ", 1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]


def test_the_dockerfile_has_the_instructions_that_it_needs_in_order() -> None:
    names = [name for name, _ in _instructions()]
    assert names[0] == "FROM"
    assert names.count("FROM") == 1
    assert set(names) <= {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "ENTRYPOINT", "CMD"}
    assert names.index("RUN") < names.index("USER") < names.index("ENTRYPOINT")


def test_the_dockerfile_starts_from_a_stated_python_of_the_range() -> None:
    image = dict(_instructions())["FROM"]
    assert re.fullmatch(r"python:(3\.\d+)-slim-\w+", image)
    assert image[7:11] in PYTHONS


def test_the_dockerfile_installs_pinned_versions_and_keeps_no_cache() -> None:
    words = shlex.split(dict(_instructions())["RUN"])
    assert words[:2] == ["pip", "install"]
    assert "--no-cache-dir" in words
    assert words[words.index("--constraint") + 1] == "constraints.txt"
    (target,) = [word for word in words if word.startswith(".[")]
    assert set(target[2:-1].split(",")) <= set(PYPROJECT["optional-dependencies"])


def test_the_container_runs_the_command_without_the_rights_of_root() -> None:
    instructions = dict(_instructions())
    assert json.loads(instructions["ENTRYPOINT"]) == [*PYPROJECT["scripts"]]
    assert instructions["USER"] not in ("root", "0")
    assert f"useradd --create-home {instructions['USER']}" in instructions["RUN"]


def test_everything_that_is_copied_exists_and_is_sent_to_the_engine() -> None:
    copied = [word for name, text in _instructions() if name == "COPY" for word in text.split()[:-1]]
    sent = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
    assert set(copied) == sent
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert {PYPROJECT["readme"], *PYPROJECT["license-files"]} <= sent

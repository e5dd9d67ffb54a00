"""kcheck gives the exit code, failing checks and cause that the expected.yaml of each sample states."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.helpers.built_samples import SAMPLES
from tests.helpers.in_process import SharedForkServer, in_folder, run_in_process
from tests.helpers.script_modules import script

NAMES = sorted(path.parent.name for path in SAMPLES.glob("*/expected.yaml"))


def expected(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((SAMPLES / name / "expected.yaml").read_text(encoding="utf-8"))
    return content


def test_there_are_healthy_and_faulty_samples() -> None:
    assert len(NAMES) >= 10
    assert {expected(name)["exit_code"] for name in NAMES} == {0, 1}


@pytest.mark.verdicts
@pytest.mark.parametrize("name", NAMES)
def test_the_sample_has_the_expected_verdict(
    name: str, built_samples: Path, shared_fork_server: SharedForkServer
) -> None:
    folder, stated = built_samples / name, expected(name)
    (data,) = folder.glob("data.np*")
    line = ("run", "model.keras", "--data", data.name, "--format", "json", *stated["args"])
    # The fork server was started in another folder, so relative paths would not be found.
    absolute = [str((folder / word).resolve()) if (folder / word).exists() else word for word in line]
    with in_folder(folder):
        completed = run_in_process(*absolute, fork_server=shared_fork_server)
    assert completed.err == ""
    report = json.loads(completed.out)
    failing = {result["code"] for result in report["results"] if result["status"] == "fail"}
    crashed = {
        result["code"]: result["reason"] for result in report["results"] if result["status"] == "error"
    }
    assert (completed.code, failing, crashed) == (stated["exit_code"], set(stated["failing"]), {})
    assert (report["diagnoses"][0]["cause"] if report["diagnoses"] and failing else None) == stated["cause"]
    if "confidence" in stated:
        assert (report["diagnoses"][0]["confidence"], report["unexplained"]) == (stated["confidence"], [])
        assert report["diagnoses"][0]["confirmation"]


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    """scripts/demo.py, which draws the README's pictures."""
    return script("demo")


def outline(lines: list[str]) -> list[str]:
    """Return the label or first words of each line, without numbers, devices and continuation lines."""
    parts = [
        re.match(r"  [a-z][a-z ]{2,10}(?=  )|[^\s.](\S* +\S+){1,3}|\$.*", line)
        for line in lines
        if "KC601" not in line
    ]
    return [re.sub(r"\b\d[\d.]*", "#", part[0]) for part in parts if part]


@pytest.mark.parametrize("name", ["passing", "failing"])
def test_the_pictures_of_the_readme_show_the_output_of_the_command(
    name: str, built_samples: Path, demo: ModuleType
) -> None:
    showing = demo.README_REPORTS[name]
    text, code = demo.capture(showing, built_samples / showing.sample)
    assert code == expected(showing.sample)["exit_code"]
    current, saved = (
        demo.read_lines(drawing)
        for drawing in (
            demo.draw_terminal(text, name=name, title=""),
            (demo.IMAGES / f"{name}.svg").read_text(encoding="utf-8"),
        )
    )
    assert outline(saved) == outline(current)
    assert len(outline(current)) > 25

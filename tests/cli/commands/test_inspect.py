"""`kcheck inspect` through the real command line, and what it prints."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.cli.main import main
from keras_consistency_cli.cli.model_summary import render_summary
from keras_consistency_cli.loading.model_file import summary as summary_module
from keras_consistency_cli.loading.model_file.summary import summarise
from tests.helpers import crafted_archives as crafted

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = "::error::[bold]x[red]\x1b[31m\n##[group]\u202e<b>|"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(summary_module, "installed_keras_version", lambda: "3.15.1")
    inner = crafted.valid_config() | {"build_config": {"input_shape": [None, 4]}}
    inner["config"] |= {"name": "inner"}
    crafted.write_archive(tmp_path / "fine.keras", crafted.config_with(inner))
    crafted.write_archive(
        tmp_path / "custom.keras",
        crafted.config_with(crafted.layer("Swish", "layers", registered="mine>Swish")),
    )
    crafted.write_archive(tmp_path / "lambda.keras", crafted.config_with(crafted.layer("Lambda")))
    crafted.write_archive(
        tmp_path / "hostile.keras",
        crafted.config_with(crafted.dense(name=HOSTILE), crafted.layer(HOSTILE, "m", name="n" * 5000)),
    )
    (tmp_path / "text.keras").write_text("no model\n" * 9)
    (tmp_path / "layers.py").write_text("raise SystemExit(77)\n")
    return tmp_path


def stable(text: str) -> str:
    """The text without the size and the hash of the file, which differ from build to build."""
    return re.sub(r"\S+ (kB|bytes) \| sha256 \w+", "SIZE | sha256 HASH", text)


def test_a_model_is_shown_on_one_screen(
    here: Path, capsys: pytest.CaptureFixture[str], wording: SnapshotAssertion
) -> None:
    assert main(["inspect", "fine.keras"]) == 0
    out, err = capsys.readouterr()
    first, second, *rest = out.splitlines()
    assert err == ""
    assert first == "fine.keras | Sequential 'm' | 3 layers, 15 parameters"
    assert second.startswith("saved with Keras 3.15.1 on 2025-01-02 03:04:05 | ")
    assert rest == wording


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("lambda.keras", 1),
        ("lambda.keras --allow-unsafe", 0),
        ("custom.keras", 1),
        ("custom.keras --custom-objects layers.py", 0),
    ],
)
def test_what_run_would_refuse_is_described_and_exits_with_1(
    here: Path, capsys: pytest.CaptureFixture[str], line: str, code: int, wording: SnapshotAssertion
) -> None:
    assert main(["inspect", *line.split()]) == code
    out, err = capsys.readouterr()
    assert err == ""
    assert stable(out) == wording


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("text.keras", 1),
        ("fime.keras", 2),
        ("fine.keras --format xml", 2),
        ("fine.keras --color blue", 2),
        ("custom.keras --custom-objects none.py", 2),
        ("", 2),
    ],
)
def test_what_cannot_be_described_says_why(
    here: Path, capsys: pytest.CaptureFixture[str], line: str, code: int, wording: SnapshotAssertion
) -> None:
    assert main(["inspect", *line.split()]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == wording
    assert 1 <= len(err.splitlines()) <= 3


def test_machines_get_the_same_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "custom.keras", "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["exit_code"], document["parameters"]) == ("kcheck.model/1", 1, 15)
    assert document["layers"][0] == {
        "depth": 0,
        "name": "dense",
        "kind": "Dense",
        "shape": [None, 3],
        "parameters": 15,
        "policy": "",
    }
    assert [(hazard["kind"], hazard["refused"]) for hazard in document["hazards"]] == [("custom", True)]
    assert set(document["hazards"][0]) == {"kind", "words", "mend", "refused"}
    assert [member["name"] for member in document["members"]] == [
        "metadata.json",
        "config.json",
        "model.weights.h5",
    ]


def test_a_refusal_as_json_says_why(
    here: Path, capsys: pytest.CaptureFixture[str], wording: SnapshotAssertion
) -> None:
    assert main(["inspect", "text.keras", "--format", "json"]) == 1
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (document["exit_code"], document["path"]) == (1, "text.keras")
    assert document["error"] == wording


@pytest.mark.parametrize("width", [40, 80, 200])
def test_hostile_names_stay_text(here: Path, width: int) -> None:
    shown = render_summary(summarise(Path("hostile.keras"), custom_objects=True), width=width)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert not [line for line in shown.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert "\\x3a:" in shown


def test_tables_fit_their_width(here: Path) -> None:
    summary = summarise(Path("hostile.keras"), custom_objects=True)
    for width in (60, 80, 120):
        lines = render_summary(summary, width=width).splitlines()
        assert max(map(len, lines)) <= width


def test_colour_changes_no_words(here: Path) -> None:
    summary = summarise(Path("lambda.keras"))
    colored, bare = render_summary(summary, color=True), render_summary(summary)
    assert "\x1b[1;31mx REFUSED code\x1b[0m" in colored
    for style in ("1", "2", "1;31", "1;33", "0"):
        colored = colored.replace(f"\x1b[{style}m", "")
    assert colored == bare


def test_neither_a_backend_nor_the_reports_nor_the_given_file_are_loaded(here: Path) -> None:
    code = (
        "import sys; from keras_consistency_cli.cli.main import main;"
        "code = main(['inspect', 'custom.keras', '--custom-objects', 'layers.py']);"
        "print(code, "
        "sorted({'keras', 'tensorflow', 'sklearn', 'rich.console', 'keras_consistency_cli.checks.registry'} "
        "& set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=here,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.splitlines()[-1] == "0 []"

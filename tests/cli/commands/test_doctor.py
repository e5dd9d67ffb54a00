"""doctor: what is shown, in which form, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.cli.doctor import findings, probing
from keras_consistency_cli.cli.main import main

WELL: dict[str, dict[str, Any]] = {
    "tensorflow": {"version": "2.21.0", "devices": ["CPU:0"], "TF32": True},
    "jax": {"missing": True},
    "torch": {"missing": True},
    "isolation": {"lacks": []},
}


@pytest.fixture(autouse=True)
def _played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "probe", lambda: WELL)
    monkeypatch.setattr(findings, "free_memory", lambda: 8 * 2**30)


def test_each_finding_has_a_line_and_its_advice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert "  ✓ tensorflow: 2.21.0 on CPU:0" in lines
    assert lines[lines.index("  ! jax: not installed") + 1].startswith("      -> pip install jax")
    assert lines[-1] == wording
    assert max(map(len, lines)) <= 80
    assert ("\x1b" in shown.out, shown.err) == (False, "")
    assert main(["doctor", "--color", "always"]) == 0
    assert "  \x1b[32m✓\x1b[0m tensorflow: 2.21.0 on CPU:0" in capsys.readouterr().out.splitlines()


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["exit_code"]) == ("kcheck.doctor/1", 0)
    (torch,) = (finding for finding in document["findings"] if finding["name"] == "torch")
    assert set(torch) == {"section", "level", "name", "value", "advice"}
    assert (torch["section"], torch["level"]) == ("backends", "note")


def test_a_backend_that_is_broken_is_no_verdict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "probe", lambda: {**WELL, "tensorflow": {"problem": "ImportError: libx"}})
    assert main(["doctor"]) == 3
    shown = capsys.readouterr().out.splitlines()
    assert "  ✗ tensorflow: cannot be imported: ImportError: libx" in shown
    assert sum(line.startswith("  ✗") for line in shown) == 1


@pytest.mark.parametrize(
    "line",
    [
        ["--model", "none.keras"],
        ["--format", "jso"],
        ["--colour"],
    ],
)
def test_wrong_calls_are_refused(
    line: list[str],
    wording: SnapshotAssertion,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", *line]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.replace(str(tmp_path), "FOLDER") == wording

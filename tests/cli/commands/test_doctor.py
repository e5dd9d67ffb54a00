"""doctor: what is shown, in which form, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keras_consistency_cli.cli.doctor import findings
from keras_consistency_cli.cli.main import main

WELL: dict[str, dict[str, Any]] = {
    "tensorflow": {"version": "2.21.0", "devices": ["CPU:0"], "TF32": True},
    "jax": {"missing": True},
    "torch": {"missing": True},
    "isolation": {"lacks": []},
}


@pytest.fixture(autouse=True)
def _played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "probe", lambda: WELL)
    monkeypatch.setattr(findings, "free_memory", lambda: 8 * 2**30)


def test_each_thing_has_its_line_and_its_advice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert "  ✓ tensorflow: 2.21.0 on CPU:0" in lines
    assert (
        lines[lines.index("  ! jax: not installed") + 1]
        == "      -> pip install jax, to check with --backend jax"
    )
    assert lines[-1] == "nothing stands in the way"
    assert max(map(len, lines)) <= 80
    assert ("\x1b" in shown.out, shown.err) == (False, "")
    assert main(["doctor", "--color", "always"]) == 0
    assert "  \x1b[32m✓\x1b[0m tensorflow: 2.21.0 on CPU:0" in capsys.readouterr().out.splitlines()


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["exit_code"]) == ("kcheck.doctor/1", 0)
    assert {"section": "backends", "level": "note", "name": "torch", "value": "not installed",
            "advice": "pip install torch, to check with --backend torch"} in told["findings"]  # fmt: skip


def test_a_backend_that_is_broken_is_no_verdict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "probe", lambda: {**WELL, "tensorflow": {"problem": "ImportError: libx"}})
    assert main(["doctor"]) == 3
    shown = capsys.readouterr().out.splitlines()
    assert "  ✗ tensorflow: cannot be imported: ImportError: libx" in shown
    assert shown[-1].endswith("in trouble")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["--model", "none.keras"], "none.keras: "),
        (["--format", "jso"], "--format jso is unknown (did you mean 'json'?)"),
        (["--colour"], "unknown option --colour (did you mean '--color'?)"),
    ],
)
def test_mistakes(
    line: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", *line]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.startswith(f"kcheck: {message}")) == ("", True)

"""The GitHub action and the pre-commit hooks call kcheck as documented, and exit with its exit code."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from keras_consistency_cli.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
HOOKS = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
}
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


@pytest.fixture
def stub(tmp_path: Path) -> dict[str, str]:
    """A stub of kcheck that records its arguments, and exits with the number in its last argument."""
    script = tmp_path / "kcheck"
    script.write_text(
        '#!/bin/sh\nprintf "%s|" "$@" >> calls.txt; echo >> calls.txt\nfor last; do :; done\nexit "$(echo '
        '"$last" | tr -cd 0-9)"\n'
    )
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}


def read_calls(folder: Path) -> list[list[str]]:
    return [line.split("|")[:-1] for line in (folder / "calls.txt").read_text().splitlines()]


@pytest.mark.parametrize(
    ("models", "code"), [(["0.keras"], 0), (["0.keras", "1 of two.keras"], 1), (["3.keras", "1.keras"], 3)]
)
def test_the_hook_checks_each_model_and_exits_with_the_worst_code(
    models: list[str], code: int, stub: dict[str, str], tmp_path: Path
) -> None:
    completed = subprocess.run(
        [*shlex.split(HOOKS["kcheck"]["entry"]), *models], env=stub, cwd=tmp_path, check=False
    )
    assert read_calls(tmp_path) == [["run", "--format", "concise", model] for model in models]
    assert completed.returncode == code


def test_the_config_hook_passes_no_file_names() -> None:
    hook = HOOKS["kcheck-config"]
    assert (hook["entry"], hook["pass_filenames"]) == ("kcheck run", False)
    assert [name for name in ("m.keras", "x.npy", "s.pkl", "notes.md") if re.search(hook["files"], name)] == [
        "m.keras",
        "x.npy",
        "s.pkl",
    ]


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_action_passes_arguments_and_the_exit_code(
    code: int, stub: dict[str, str], tmp_path: Path
) -> None:
    step = next(step for step in ACTION["runs"]["steps"] if step.get("id") == "run")
    inputs = {
        "MODEL": "my model.keras",
        "ARGUMENTS": f"--data=a b.npy\n\n--seed={code}\n",
        "SARIF": "k.sarif",
    }
    summary, output = tmp_path / "summary.md", tmp_path / "output"
    github = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    completed = subprocess.run(command, env={**stub, **inputs, **github}, cwd=tmp_path, check=False)
    formats = ["--format", "github", "--format", f"markdown={summary}", "--format", "sarif=k.sarif"]
    assert read_calls(tmp_path) == [["run", *formats, "my model.keras", "--data=a b.npy", f"--seed={code}"]]
    assert (completed.returncode, output.read_text()) == (code, f"exit-code={code}\n")


def test_the_action_without_inputs_runs_a_bare_command(stub: dict[str, str], tmp_path: Path) -> None:
    step = next(step for step in ACTION["runs"]["steps"] if step.get("id") == "run")
    github = {"GITHUB_STEP_SUMMARY": "0", "GITHUB_OUTPUT": str(tmp_path / "output")}
    subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        env={**stub, "MODEL": "", "ARGUMENTS": "", "SARIF": "", **github},
        cwd=tmp_path,
        check=True,
    )
    assert read_calls(tmp_path) == [["run", "--format", "github", "--format", "markdown=0"]]


def test_inputs_reach_the_shell_as_variables_only() -> None:
    scripts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    assert scripts
    assert not any("${{" in script for script in scripts)
    used = {
        name
        for step in ACTION["runs"]["steps"]
        for value in step.get("env", {}).values()
        for name in re.findall(r"inputs\.(\w+)", value)
    }
    assert used == set(ACTION["inputs"])


def test_the_command_of_action_and_hooks_exists() -> None:
    assert "run" in {command.callback.__name__ for command in app.registered_commands if command.callback}

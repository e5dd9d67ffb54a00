"""Reproducers: a command per failure that fails with this check and no other."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.cli.main import app, main
from keras_consistency_cli.config.settings import Settings, load_settings
from keras_consistency_cli.config.sources import read_layers
from keras_consistency_cli.pipeline.run import inspect
from keras_consistency_cli.reporting.reproducer import command, reproducers
from tests.helpers import live_models

pytestmark = pytest.mark.usefixtures("forks_are_shared")
OBJECTS = str(live_models.__file__)
EVERYTHING: dict[str, Any] = {
    "model": "my model.keras",
    "data": "-x.npy",
    "scaler": "it's.pkl",
    "reference": "r.npy",
    "served": "s.npy",
    "expected": ("e.npy"),
    "target_scaler": "t.pkl",
    "custom_objects": ["a.py", "b c.py"],
    "exports": ["e.onnx", "saved#serve"],
    "try_export": ["litert", "onnx"],
    "endpoints": ["http://localhost:8501/v1/models/m:predict"],
    "endpoint_requests": 150,
    "rows": "all",
    "batch_size": 7,
    "seed": 5,
    "backend": ("jax"),
    "backends": ["tensorflow", "torch"],
    "tolerance": {"rtol": 1e-5, "atol": 0.0},
    "trust": {"scaler": True, "code": True},
    "timeout": 9.5,
    "fail_on": ("warn"),
    "total_timeout": 90.5,
    "memory_limit": 3.5,
    "isolation": "off",
    "quick": True,
    "columns": ["a", "b"],
    "drop": ["c"],
    "window": "24,6",
    "facts": {"value_range": [0.0, 255.0]},
}
PLAIN: dict[str, Any] = {
    "color": "never",
    "format": "json",
    "output": "o.json",
    "select": ["KC1"],
    "ignore": ["KC104"],
    "debug": True,
}


def again(line: str) -> Settings:
    """The settings that a command line gives when it is pasted."""
    kcheck, run, *arguments = shlex.split(line)
    assert (kcheck, run) == ("kcheck", "run")
    chosen = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    return load_settings(chosen.make_context("run", arguments).params, {})


def verdict(code: str, status: Status) -> Verdict:
    return Verdict(status=status, message="", code=code)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"tolerance": "exact"},
        {"tolerance": {"out0": {"rtol": 0.0, "atol": 1e-4}, "b": {"rtol": 1e-3, "atol": 0.0}}},
        {"preprocess": "my serve.py:prepare", "scaler": None},
        {"rows": 12},
    ],
    ids=str,
)
def test_the_pasted_command_gives_the_same_settings(changed: dict[str, Any]) -> None:
    settings = Settings.model_validate({**EVERYTHING, **changed})
    kept = again(command(settings, select="KC103"))
    assert kept == settings.model_copy(update={"select": ("KC103",)})


def test_options_of_the_report_only_are_left_out() -> None:
    assert (
        command(Settings.model_validate({"model": "m.keras", **PLAIN}), select="KC103")
        == "kcheck run m.keras --select KC103"
    )


def test_rows_are_stated_only_if_they_were_stated() -> None:
    """Generated rows depend on their number, and the default number on the model."""
    assert "--rows 256" in command(Settings.model_validate({"model": "m.keras", "rows": 256}), select="KC101")
    assert "--rows" not in command(Settings.model_validate({"model": "m.keras"}), select="KC101")


def test_the_yaml_file_is_named_if_no_flag_can_express_it(tmp_path: Path) -> None:
    path = tmp_path / "my kcheck.yaml"
    for text, named in (
        ("rows: 12\n", False),
        ("facts: {stateful_rows: consecutive}\n", True),
        ("checks: {batch-size: {sizes: [5]}}\n", True),
    ):
        path.write_text(f"model: m.keras\n{text}", encoding="utf-8")
        settings = load_settings({"config": str(path)}, {})
        line = command(settings, select="KC102", config=path)
        assert (f"--config {shlex.quote(str(path))}" in line) is named
        kept = again(line)
        assert (kept.facts, kept.checks, kept.rows, kept.model) == (
            settings.facts,
            settings.checks,
            settings.rows,
            settings.model,
        )


def test_files_can_stand_in_for_those_of_the_run() -> None:
    settings = Settings.model_validate({"model": "m.keras", "data": "x.npy"})
    assert (
        command(settings, select="KC1", instead={"data": "rows.npy"})
        == "kcheck run m.keras --data rows.npy --select KC1"
    )


def test_a_model_that_looks_like_a_flag_is_still_a_model() -> None:
    settings = Settings.model_validate({"model": "-m.keras"})
    assert again(command(settings, select="KC1")).model == Path("-m.keras")


def test_every_flag_is_kept_or_concerns_the_report_only() -> None:
    """A new flag is either in the command or listed here as irrelevant for the verdict."""
    options = {parameter.name for parameter in typer.main.get_command(app).commands["run"].params}  # type: ignore[attr-defined]
    reporting = {
        "format",
        "output",
        "color",
        "debug",
        "config",
        "select",
        "ignore",
        "help",
        "bundle",
        "quiet",
        "verbose",
        "scheduler",
        "show_settings",
        "code",
    }
    reporting |= {"exit_zero", "exit_first", "require"}
    everything = Settings.model_validate({**EVERYTHING, "scaler": None, "preprocess": "a.py:f"})
    shown = command(everything, select="KC1") + command(
        Settings.model_validate({**EVERYTHING, "tolerance": "exact"}), select="KC1"
    )
    missing = {
        name for name in options - reporting - {"model"} if f"--{str(name).replace('_', '-')}" not in shown
    }
    assert missing == set()
    assert read_layers({"model": "m"}, {}).values == {"model": "m"}


@pytest.mark.parametrize(
    ("fail_on", "codes"), [("fail", ["KC101", "KC203"]), ("warn", ["KC101", "KC102", "KC203"])]
)
def test_failed_and_crashed_checks_have_one(fail_on: str, codes: list[str]) -> None:
    statuses = {
        "KC101": Status.FAIL,
        "KC102": Status.WARN,
        "KC103": Status.PASS,
        "KC104": Status.SKIP,
        "KC203": Status.ERROR,
    }
    settings = Settings.model_validate({"model": "m.keras", "fail_on": fail_on})
    assert list(reproducers(settings, [verdict(*each) for each in statuses.items()])) == codes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("re produce")
    live_models.save_leaking(into / "my model.keras")
    return into


def test_the_pasted_command_fails_with_this_check_only(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every failed check of a leaking model, with its own command."""
    settings = Settings.model_validate(
        {
            "model": folder / "my model.keras",
            "data": folder / "x.npy",
            "custom_objects": [OBJECTS],
            "rows": 64,
            "seed": 3,
            "select": ["KC10"],
        }
    )
    report = inspect(settings)
    failing = [each.code for each in report.verdicts if each.status is Status.FAIL]
    assert {"KC101", "KC103"} <= set(failing)
    assert list(report.reproducers) == failing
    for code in ("KC101", "KC103"):
        assert main(shlex.split(report.reproducers[code])[1:]) == 1
        output = capsys.readouterr().out
        assert f"FAIL  {code}" in output
        assert not [other for other in failing if other != code and f"FAIL  {other}" in output]

"""`kcheck MODEL`: what is next to the model is used and reported; a command's name, and a plain run, take
nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.cli.main import main
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.reporting.report import Report, Source


class Stage:
    """The played pipeline: what it was asked with, and the notes of the report that came of it."""

    settings: Settings
    config: Path | None
    notes: tuple[str, ...]

    def inspect(self, settings: Settings, line: str, *, config: Path | None, **_context: object) -> Report:
        """Stand in for pipeline.inspect."""
        self.settings, self.config = settings, config
        source = Source(path=str(settings.model))
        return Report(
            version="1",
            verdicts=(Verdict(status=Status.PASS, message="yes"),),
            model=source,
            data=source,
            notes=("of the run",),
        )

    def render(self, report: Report, format: str, **look: Any) -> str:
        """Stand in for reporting.render."""
        self.notes = tuple(report.notes)
        return "report\n"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    """A folder with a model in it, as the working directory, and the played modules."""
    played = Stage()
    contents: Mapping[str, Mapping[str, object]] = {
        "pipeline.run": {"inspect": played.inspect},
        "reporting.render": {"render": played.render},
    }
    for name, content in contents.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, f"keras_consistency_cli.{name}", module)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.keras").touch()
    return played


def lay(*names: str, text: str = "") -> None:
    for name in names:
        Path(name).write_text(text, encoding="utf-8")


def test_the_model_alone_takes_what_lies_beside_it(stage: Stage) -> None:
    lay("x.npy", "scaler.pkl", "layers.py")
    lay("kcheck.yaml", text="rows: 9\n")
    assert main(["m.keras", "--seed", "3"]) == 0
    assert stage.settings == Settings.model_validate(
        {"model": "m.keras", "data": "x.npy", "scaler": "scaler.pkl", "rows": 9, "seed": 3}
    )
    assert stage.config == Path("kcheck.yaml")
    assert stage.notes == ("used from the model's folder: kcheck.yaml, x.npy, scaler.pkl", "of the run")


def test_files_that_were_not_taken_are_named_with_their_flags(stage: Stage) -> None:
    lay("test.csv", "feature_scaler.pkl", "best_scaler.pkl")
    assert main(["m.keras", "--scaler", "best_scaler.pkl"]) == 0
    assert stage.notes == ("not used from the model's folder: test.csv (--data)", "of the run")


@pytest.mark.parametrize("line", [["run", "m.keras"], ["run", "./m.keras", "--rows", "5"]])
def test_a_plain_run_takes_only_what_is_given(line: list[str], stage: Stage) -> None:
    lay("x.npy", "scaler.pkl")
    lay("kcheck.yaml", text="rows: 9\n")
    assert main(line) == 0
    assert (stage.settings.data, stage.settings.scaler, stage.config, stage.notes) == (
        None,
        None,
        None,
        ("of the run",),
    )


def test_options_may_stand_first(stage: Stage) -> None:
    lay("x.npy")
    assert main(["--seed", "3", "m.keras"]) == 0
    assert (stage.settings.seed, stage.settings.data) == (3, Path("x.npy"))


def test_what_is_given_wins(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    lay("x.npy", "expected.npy", "served.npy", "scaler.pkl")
    monkeypatch.setenv("KCHECK_PREPROCESS", "module:function")
    assert main(["m.keras", "--data", "other.npy"]) == 0
    assert stage.settings.data == Path("other.npy")
    assert (stage.settings.expected, stage.settings.served, stage.settings.scaler) == (None, None, None), (
        "they go with other rows, or other scaling"
    )
    assert stage.notes == ("of the run",)


def test_null_in_the_file_means_none(stage: Stage) -> None:
    lay("x.npy", "scaler.pkl")
    lay("kcheck.yaml", text="scaler: null\n")
    assert main(["m.keras"]) == 0
    assert (stage.settings.data, stage.settings.scaler) == (Path("x.npy"), None)


def test_a_named_config_takes_the_place_of_the_found_one(stage: Stage) -> None:
    lay("kcheck.yaml", text="rows: 9\n")
    lay("mine.yaml", text="seed: 4\n")
    assert main(["m.keras", "--config", "mine.yaml"]) == 0
    assert (stage.settings.rows, stage.settings.seed, stage.config) == (256, 4, Path("mine.yaml"))
    assert stage.notes == ("of the run",)


@pytest.mark.parametrize(
    "line",
    [
        "trust: {code: true}",
        "custom_objects: [a.py]",
        "preprocess: a.py:f",
        "output: a",
        "format: [json=a]",
        "isolation: 'off'",
    ],
)
def test_a_discovered_file_cannot_run_code(
    line: str, stage: Stage, capsys: pytest.CaptureFixture[str], wording: SnapshotAssertion
) -> None:
    lay("kcheck.yaml", text=f"rows: 9\n{line}\n")
    assert main(["m.keras"]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"kcheck: kcheck.yaml:2: {line.partition(':')[0]} ")
    assert message == wording
    assert not hasattr(stage, "settings")


def test_a_discovered_copy_of_the_defaults_is_accepted(stage: Stage) -> None:
    lay(
        "kcheck.yaml",
        text=(Path(__file__).parents[2] / "configs" / "default.yaml").read_text(encoding="utf-8"),
    )
    assert main(["m.keras"]) == 0


def test_the_project_counts_least(stage: Stage) -> None:
    lay("pyproject.toml", text="[tool.kcheck]\nrows = 5\nseed = 6\nbatch_size = 7\n")
    lay("kcheck.yaml", text="seed: 8\n")
    assert main(["m.keras", "--batch-size", "9"]) == 0
    assert (stage.settings.rows, stage.settings.seed, stage.settings.batch_size) == (5, 8, 9)
    assert main(["run", "m.keras"]) == 0
    assert (stage.settings.rows, stage.settings.seed, stage.settings.batch_size) == (5, 6, 7)


def test_a_command_is_never_a_file(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    lay("list")
    assert main(["list"]) == 0
    assert capsys.readouterr().out.startswith("KC101")


@pytest.mark.parametrize("line", [["rnu", "m.keras"], ["--sed", "3", "m.keras"], ["--seed"], [""]])
def test_typing_errors_are_usage_errors(
    line: list[str], stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 2

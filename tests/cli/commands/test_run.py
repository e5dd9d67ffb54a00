"""run: options that decide what is shown and how it ends, refused before anything runs where they make no
sense.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from keras_consistency_cli.cli.main import main
from keras_consistency_cli.config.settings import Settings, load_settings


class Stage:
    """The played pipeline and renderer: what they were asked."""

    settings: Settings | None = None
    scheduler: str | None = None
    look: Mapping[str, Any]

    def inspect(
        self,
        settings: Settings,
        line: str,
        *,
        fork_server: object,
        config: Path | None,
        scheduler: str | None,
        observe: object,
    ) -> SimpleNamespace:
        """Stand in for pipeline.inspect."""
        self.settings, self.scheduler = settings, scheduler
        return SimpleNamespace(exit_code=0)

    def render(self, report: object, format: str, **look: Any) -> str:
        """Stand in for reporting.render."""
        self.look = look
        return "report\n"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Put the played modules where the real ones are imported from."""
    played = Stage()
    for name, content in {
        "pipeline.run": {"inspect": played.inspect},
        "reporting.render": {"render": played.render},
    }.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, f"keras_consistency_cli.{name}", module)
    return played


def test_short_options(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "k.yaml").write_text("rows: 5\n", encoding="utf-8")
    assert (
        main(
            [
                "run",
                "m.keras",
                "-d",
                "x.npy",
                "-c",
                str(tmp_path / "k.yaml"),
                "-o",
                str(tmp_path / "r"),
                "-x",
                "-q",
            ]
        )
        == 0
    )
    long = {
        "model": "m.keras",
        "data": "x.npy",
        "rows": 5,
        "output": str(tmp_path / "r"),
        "exit_first": True,
        "quiet": True,
    }
    assert stage.settings == Settings.model_validate(long)


@pytest.mark.parametrize(("flags", "amount"), [([], "usual"), (["-q"], "quiet"), (["--verbose"], "verbose")])
def test_the_renderer_gets_the_amount_to_show(flags: list[str], amount: str, stage: Stage) -> None:
    assert main(["run", "m.keras", *flags]) == 0
    assert stage.look.get("amount") == amount


def test_quiet_and_verbose_exclude_each_other(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "m.keras", "-qv"]) == 2
    assert (
        capsys.readouterr().err
        == "kcheck: --quiet and --verbose exclude each other\n        fix: give one of them\n"
    )
    assert stage.settings is None


def test_words_of_require_are_collected_and_its_settings_read(stage: Stage) -> None:
    assert main(["run", "m.keras", "--require", "KC1,finite", "--require", "KC301", "--exit-zero"]) == 0
    assert stage.settings == load_settings(
        {"model": "m.keras", "require": ["KC1,finite", "KC301"], "exit_zero": True}, {}
    )
    assert stage.settings is not None
    assert stage.settings.require == ("KC1", "finite", "KC301")


def test_settings_are_shown_with_their_sources_and_nothing_runs(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KCHECK_SEED", "4")
    Path("pyproject.toml").write_text("[tool.kcheck]\nbatch_size = 7\n", encoding="utf-8")
    Path("k.yaml").write_text("rows: 5\nfacts:\n  time_axis: 1\n", encoding="utf-8")
    assert main(["run", "m.keras", "-c", "k.yaml", "--show-settings", "--rtol", "0", "--atol", "1e-3"]) == 0
    shown = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    descriptions = {name: " ".join(rest.split()) for name, rest in shown}
    expected = {
        "model": '"m.keras" MODEL', "rows": "5 k.yaml:1", "seed": "4 KCHECK_SEED", "batch_size": (
            "7 pyproject.toml:2"
        ), "quiet": "false default",
        "facts.time_axis": "1 k.yaml:3", "facts.padding": "null default", "tolerance": (
            '{"rtol": 0.0, "atol": 0.001} --rtol'
        ),
    }  # fmt: skip
    assert {name: descriptions[name] for name in expected} == expected
    assert {name.split(".")[0] for name in descriptions} == set(Settings.model_fields)
    assert stage.settings is None


def test_wrong_settings_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "m.keras", "--show-settings", "--rows", "0"]) == 2
    assert capsys.readouterr() == (
        "",
        "kcheck: --rows: rows is 0, expected a whole number of at least 1, or all\n",
    )


def test_the_scheduler_is_not_a_setting_of_the_run(stage: Stage) -> None:
    assert main(["run", "m.keras"]) == 0
    assert stage.scheduler is None
    assert main(["run", "m.keras", "--scheduler", "local:4"]) == 0
    assert stage.scheduler == "local:4"

"""models: patterns, folders and YAML files give tasks with settings; bad input is refused in few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from keras_consistency_cli.cli.fleet.models import find_tasks
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import UsageError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a/model.keras", "a/x.npy", "b/model.keras", "b/deep/other.keras", "b/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def names(*words: str, **flags: Any) -> list[str]:
    return [task.name for task in find_tasks(words, flags)]


def options(*words: str, **flags: Any) -> list[Settings]:
    found = [task.settings for task in find_tasks(words, flags)]
    assert all(isinstance(each, Settings) for each in found)
    return [each for each in found if isinstance(each, Settings)]


def test_folders_patterns_and_files_are_found_once() -> None:
    everything = ["a/model.keras", "b/deep/other.keras", "b/model.keras"]
    assert names(".") == everything
    assert names("*/model.keras") == ["a/model.keras", "b/model.keras"]
    assert sorted(names("*/model.keras", "b", "a/model.keras")) == everything


def test_files_next_to_each_model_are_used() -> None:
    assert [each.data for each in options("*/model.keras")] == [Path("a/x.npy"), None]


def test_entries_share_defaults_and_flags_win(folder: Path) -> None:
    (folder / "fleet.yaml").write_text(
        "defaults: {rows: 64, seed: 3}\nmodels:\n  - model: a/model.keras\n    rows: 32\n"
        "    trust: {code: true}\n  - b/*.keras\n"
    )
    first, second = options("fleet.yaml", seed="5")
    assert (first.rows, first.seed, first.trust.code) == (32, 5, True)
    assert (second.rows, second.seed, second.trust.code) == (64, 5, False)
    assert first.data == Path("a/x.npy")


def test_an_entry_may_use_a_model_twice_with_different_names(folder: Path) -> None:
    entries = "  - {model: a/model.keras, name: one}\n  - {model: a/model.keras, name: two, seed: 1}\n"
    (folder / "fleet.yaml").write_text(f"models:\n{entries}")
    assert names("fleet.yaml") == ["one", "two"]


def test_a_file_may_name_other_files_whose_options_override_its_own(folder: Path) -> None:
    (folder / "b/team.yaml").write_text(
        "defaults: {seed: 4}\nmodels:\n  - model.keras\n  - {model: deep/other.keras, rows: 16}\n"
    )
    (folder / "fleet.yaml").write_text(
        "defaults: {rows: 64, seed: 3}\nmodels:\n  - a/model.keras\n  - {model: b/team.yaml, rows: 32}\n"
    )
    assert names("fleet.yaml") == ["a/model.keras", "b/model.keras", "b/deep/other.keras"]
    found = options("fleet.yaml")
    assert [(each.rows, each.seed) for each in found] == [(64, 3), (32, 4), (16, 4)]


@pytest.mark.parametrize("inner", ["fleet.yaml", "b/team.yaml", "b/../fleet.yaml"])
def test_a_file_that_contains_itself_is_refused(inner: str, folder: Path) -> None:
    (folder / "b/team.yaml").write_text("models: [../fleet.yaml]\n")
    (folder / "fleet.yaml").write_text(f"models: [a/model.keras, {inner}]\n")
    with pytest.raises(UsageError, match=r"(fleet|team).yaml:1") as refused:
        names("fleet.yaml")
    assert len(str(refused.value).splitlines()) <= 3


def test_a_missing_model_of_an_entry_is_left_to_its_run(folder: Path) -> None:
    (folder / "fleet.yaml").write_text("models: [a/model.keras, gone.keras]\n")
    assert names("fleet.yaml") == ["a/model.keras", "gone.keras"]


def test_a_wrong_file_next_to_one_model_is_an_error_of_that_model(folder: Path) -> None:
    (folder / "a/kcheck.yaml").write_text("rows: -1\n")
    wrong, right = find_tasks(["*/model.keras"], {})
    assert isinstance(wrong.settings, UsageError)
    assert isinstance(right.settings, Settings)


@pytest.mark.parametrize(
    "text",
    [
        "models:\n  - a/model.keras\n  - a/model.keras\n",
        "models:\n  - {model: a/model.keras, name: x}\n  - {model: b/model.keras, name: x}\n",
        "models:\n  - {model: '*/model.keras', name: x}\n",
        "models:\n  - nowhere/*.keras\n",
        "models:\n  - {model: a/model.keras, rows: -1}\n",
        "models:\n  - {model: a/model.keras, rowz: 1}\n",
        "models:\n  - {model: team.yaml, name: x}\n",
        "defaults: {rows: none}\nmodels:\n  - a/model.keras\n",
    ],
)
def test_a_wrong_entry_is_refused_with_its_line(text: str, folder: Path) -> None:
    (folder / "fleet.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"fleet.yaml:\d") as refused:
        names("fleet.yaml")
    assert len(str(refused.value).splitlines()) <= 3


@pytest.mark.parametrize("word", ["gone.keras", "nowhere/*.keras", "b/notes", "gone.yaml", "a\0.keras"])
def test_a_word_without_models_is_refused(word: str) -> None:
    with pytest.raises(UsageError) as refused:
        names(word)
    assert len(str(refused.value).splitlines()) <= 3


def test_an_empty_folder_is_refused(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(UsageError):
        names("empty")

"""known_classes: the table that is chosen, and that every supported minor version of Keras has one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from keras_consistency_cli.loading.model_file import classes
from keras_consistency_cli.loading.model_file.classes import known_classes

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("installed", "saved_with", "table"),
    [
        ("3.12.4", "3.15.1", "3.12"),
        ("3.13.2", "", "3.13"),
        ("3.15.1", "3.12.4", "3.15"),
        ("", "3.14.0", "3.14"),
        ("", "3.8.0", "3.15"),
        ("3.99.0", "3.12.4", "3.15"),
    ],
)
def test_the_installed_keras_decides_and_without_one_the_version_in_the_file(
    monkeypatch: pytest.MonkeyPatch, installed: str, saved_with: str, table: str
) -> None:
    monkeypatch.setattr(classes, "installed_keras_version", lambda: installed)
    assert known_classes(saved_with).version == table


def test_versions_differ_in_what_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    has = {}
    for minor in ("3.12", "3.15"):
        monkeypatch.setattr(classes, "installed_keras_version", lambda minor=minor: f"{minor}.9")
        has[minor] = known_classes().classes
    assert "keras.layers.Dense" in has["3.12"] & has["3.15"]
    assert has["3.15"] - has["3.12"], "a newer Keras has classes that an older one would not load"


def test_every_supported_minor_version_has_a_table() -> None:
    tables = json.loads(
        (ROOT / "keras_consistency_cli" / "loading" / "model_file" / "known_classes.json").read_text(
            encoding="utf-8"
        )
    )
    lowest = re.search(r'"keras>=3\.(\d+)', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert lowest
    newest = max(int(version.split(".")[1]) for version in tables)
    assert list(tables) == [f"3.{minor}" for minor in range(int(lowest[1]), newest + 1)]

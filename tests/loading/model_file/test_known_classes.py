"""read_known_names: the table that is chosen, its content, and the script that writes it."""

from __future__ import annotations

import json
import pathlib
import re
from types import ModuleType
from typing import Any

import pytest

from keras_consistency_cli.loading.model_file import known_classes
from keras_consistency_cli.loading.model_file.known_classes import read_known_names
from tests.helpers.script_modules import script as script_module

ROOT = pathlib.Path(__file__).parents[3]
TABLE = ROOT / "keras_consistency_cli" / "loading" / "model_file" / "known_classes.json"

pytestmark = pytest.mark.filterwarnings("ignore")


def _tables(path: pathlib.Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


@pytest.fixture
def no_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_classes, "installed_keras_version", lambda: "")


@pytest.mark.usefixtures("no_keras")
@pytest.mark.parametrize("version", ["", "3.15.1", "3.999.0", "2.12.0", "nonsense"])
def test_an_unknown_version_gets_the_newest_table(version: str) -> None:
    assert read_known_names(version).version == "3.15"


@pytest.mark.parametrize(
    "name",
    [
        "Lambda",
        "TFSMLayer",
        "TorchModuleWrapper",
        "JaxLayer",
        "FlaxLayer",
        "WhileLoop",
        "Map",
        "Cond",
        "Switch",
    ],
)
def test_classes_that_carry_code_are_in_no_table(name: str) -> None:
    assert not [full for full in read_known_names().classes if full.rpartition(".")[2] == name]


@pytest.mark.parametrize(
    "name",
    [
        "keras.utils.get_file",
        "keras.saving.load_model",
        "keras.config.set_floatx",
        "keras.activations.deserialize",
        "builtins.get",
    ],
)
def test_functions_that_are_not_part_of_a_model_are_in_no_table(name: str) -> None:
    assert name not in read_known_names().functions | read_known_names().classes


@pytest.mark.parametrize(
    "name",
    [
        "keras.layers.Dense",
        "keras.src.models.functional.Functional",
        "keras.src.ops.numpy.Add",
        "keras.src.activations.activations.ReLU",
        "keras.src.applications.convnext.LayerScale",
        "keras.utils.FeatureSpace",
    ],
)
def test_ordinary_classes_are_in_the_table(name: str) -> None:
    assert name in read_known_names().classes


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
    monkeypatch.setattr(known_classes, "installed_keras_version", lambda: installed)
    assert read_known_names(saved_with).version == table


def test_versions_differ_in_what_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    has = {}
    for minor in ("3.12", "3.15"):
        monkeypatch.setattr(known_classes, "installed_keras_version", lambda minor=minor: f"{minor}.9")
        has[minor] = read_known_names().classes
    assert "keras.layers.Dense" in has["3.12"] & has["3.15"]
    assert has["3.15"] - has["3.12"], "a newer Keras has classes that an older one would not load"


def test_every_supported_minor_version_has_a_table() -> None:
    tables = _tables(TABLE)
    lowest = re.search(r'"keras>=3\.(\d+)', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert lowest
    newest = max(int(version.split(".")[1]) for version in tables)
    assert list(tables) == [f"3.{minor}" for minor in range(int(lowest[1]), newest + 1)]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_module("known_classes")


@pytest.fixture(scope="module")
def minor() -> str:
    keras = pytest.importorskip("keras")
    return ".".join(keras.__version__.split(".")[:2])


def test_the_table_matches_the_installed_keras(script: ModuleType, minor: str) -> None:
    frozen = _tables(TABLE)
    if minor not in frozen:
        pytest.skip(f"known_classes.json has no table for Keras {minor} yet")
    assert script.table() == frozen[minor]


def test_other_versions_keep_their_tables_in_order(
    script: ModuleType, minor: str, tmp_path: pathlib.Path
) -> None:
    other = {"classes": {"keras.layers": ["Dense"]}, "functions": {"builtins": ["relu"]}}
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"99.0": other, "3.2": other}), encoding="utf-8")
    assert script.main([str(path)]) == 0
    written = _tables(path)
    assert list(written) == ["3.2", minor, "99.0"]
    assert written["3.2"] == written["99.0"] == other
    assert written[minor] == script.table()

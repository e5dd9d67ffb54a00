"""The table in the package is the one that the script writes, and the script keeps the tables of other versions."""

from __future__ import annotations

import json
import pathlib
from types import ModuleType
from typing import Any

import pytest

from tests.helpers.script_modules import script as script_module

ROOT = pathlib.Path(__file__).parents[3]
TABLE = ROOT / "keras_consistency_cli" / "loading" / "model_file" / "known_classes.json"

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_module("known_classes")


@pytest.fixture(scope="module")
def minor() -> str:
    keras = pytest.importorskip("keras")
    return ".".join(keras.__version__.split(".")[:2])


def _tables(path: pathlib.Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


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

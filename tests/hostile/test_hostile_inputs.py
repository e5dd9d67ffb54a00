"""Every row of the safety table, through the real command line: exit code, words, no traceback, nothing run
and nothing left behind.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from tests.helpers import crafted_archives as crafted
from tests.helpers.in_process import Completed, NoWorkers, SharedForkServer, in_folder, run_in_process
from tests.hostile.inputs import archives, arrays, loaded, models, scalers
from tests.hostile.inputs.rows import Row

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = {row.name: row for rows in (archives.ROWS, models.ROWS, scalers.ROWS, arrays.ROWS) for row in rows}
LOADED = {row.name: row for row in loaded.ROWS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("hostile")
    crafted.write_archive(into / "mlp.keras")
    for part in (archives, arrays, models, scalers, loaded):
        part.build(into)
    return into


@pytest.fixture(scope="module")
def table() -> str:
    return (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")


def _check(row: Row, completed: Completed) -> None:
    told = " ".join((completed.out + completed.err).split())
    assert completed.code == row.code, told
    assert [word for word in row.words if word not in told] == [], told
    assert "Traceback" not in told
    assert "internal error" not in told
    assert "\x1b" not in told


@pytest.mark.parametrize("name", AT_ONCE)
def test_what_is_broken_or_hostile_is_refused_before_a_backend_is_there(
    name: str, folder: Path, table: str
) -> None:
    row = AT_ONCE[name]
    before = sorted(path.name for path in folder.iterdir())
    with in_folder(folder):
        completed = run_in_process(*row.line.split(), fork_server=NoWorkers(), further=NoWorkers())
    _check(row, completed)
    assert completed.out == ""
    lines = completed.err.splitlines()
    assert 1 <= len(lines) <= 3
    assert lines[0].startswith("kcheck: ")
    assert sorted(path.name for path in folder.iterdir()) == before, "something was written, or a payload ran"
    assert (
        f"| {row.name} | {row.code} | `{lines[0].removeprefix('kcheck: ').replace('|', chr(92) + '|')}` |"
        in table
    ), "docs/safety.md is out of date: python scripts/safety_table.py --write docs/safety.md"


@pytest.mark.parametrize("name", LOADED)
def test_what_shows_only_in_the_loaded_model_is_told_as_well(
    name: str, folder: Path, warm: SharedForkServer, table: str
) -> None:
    row = LOADED[name]
    with in_folder(folder):
        completed = run_in_process(*row.line.split(), fork_server=warm, further=warm)
    _check(row, completed)
    assert len(completed.err.splitlines()) <= 3
    assert not [
        line for line in (completed.out + completed.err).splitlines() if line.lstrip().startswith("::")
    ]
    assert f"| {row.name} | {row.code} | `" in table


def test_order_of_bytes_and_axes_changes_no_number(folder: Path, warm: SharedForkServer) -> None:
    line = "run mlp.keras --rows 8 --select KC104 --format json --data "
    with in_folder(folder):
        native, turned = (
            _results(run_in_process(*line.split(), file, fork_server=warm, further=warm).out)
            for file in ("x.npy", "turned.npy")
        )
    assert turned == native
    assert [result["status"] for result in native] == ["pass"]


def _results(text: str) -> list[dict[str, object]]:
    return [
        {key: value for key, value in result.items() if key != "elapsed_s"}
        for result in json.loads(text)["results"]
    ]


def test_the_payloads_are_live(folder: Path) -> None:
    """What the rows refuse would run: without this, the rows would show nothing."""
    with in_folder(folder):
        pickle.loads((folder / "system.pkl").read_bytes())
        assert (folder / scalers.CANARY).exists()
        (folder / scalers.CANARY).unlink()


def test_names_and_lines_of_rows_are_unique() -> None:
    rows = [*AT_ONCE.values(), *LOADED.values()]
    assert len(rows) == sum(len(part.ROWS) for part in (archives, arrays, models, scalers, loaded))
    assert len({row.line for row in rows}) == len(rows)
    assert len(rows) >= 50

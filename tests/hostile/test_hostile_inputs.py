"""The command gives the exit code and message of every row of the safety table, and writes no file."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from tests.helpers import crafted_archives as crafted
from tests.helpers.in_process import (
    Completed,
    NoWorkers,
    SharedForkServer,
    in_folder,
    lowered,
    run_in_process,
)
from tests.hostile.inputs import archives, arrays, loaded, models, scalers, tables
from tests.hostile.inputs.rows import Row

ROOT = Path(__file__).resolve().parents[2]
_EARLY = (archives.ROWS, models.ROWS, scalers.ROWS, arrays.ROWS, tables.ROWS)
BEFORE_LOADING = {row.name: row for rows in _EARLY for row in rows}
_OUT_OF_DATE = "run: python scripts/safety_table.py --write docs/safety.md"
LOADED = {row.name: row for row in loaded.ROWS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    crafted.write_archive(folder / "mlp.keras")
    for part in (archives, arrays, models, scalers, tables, loaded):
        part.build(folder)
    return folder


@pytest.fixture(scope="module")
def table() -> str:
    return (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")


def _run(row: Row, server: NoWorkers) -> Completed:
    return run_in_process(*row.line.split(), fork_server=server)


def _check(row: Row, completed: Completed) -> None:
    output = " ".join((completed.out + completed.err).split())
    assert completed.code == row.code, output
    assert "Traceback" not in output
    assert "internal error" not in output
    assert "\x1b" not in output


@pytest.mark.parametrize("name", BEFORE_LOADING)
def test_broken_and_hostile_files_are_refused_before_a_backend_is_imported(
    name: str, folder: Path, table: str
) -> None:
    row = BEFORE_LOADING[name]
    before = sorted(path.name for path in folder.iterdir())
    with in_folder(folder), lowered(row.caps):
        completed = _run(row, NoWorkers())
    _check(row, completed)
    assert ("CAUSE" in completed.out) is (row.code == 1), "a refusal has a report, a wrong call has none"
    lines = completed.err.splitlines()
    assert 1 <= len(lines) <= 3
    assert lines[0].startswith("kcheck: ")
    assert sorted(path.name for path in folder.iterdir()) == before, "something was written"
    message = completed.message.replace("|", "\\|")
    assert f"| {row.name} | {row.code} | `{message}` |" in table, _OUT_OF_DATE


@pytest.mark.parametrize("name", [name for name, row in BEFORE_LOADING.items() if row.caps])
def test_the_file_is_refused_only_because_of_the_lowered_limit(name: str, folder: Path) -> None:
    """With the default limit, reading goes on, to another error or to a worker that would load the model."""
    row = BEFORE_LOADING[name]
    with in_folder(folder):
        unlimited = _run(row, NoWorkers())
        with lowered(row.caps):
            limited = _run(row, NoWorkers())
    assert unlimited.message != limited.message


@pytest.mark.parametrize("name", LOADED)
def test_problems_of_the_loaded_model_are_reported(
    name: str, folder: Path, warm: SharedForkServer, table: str
) -> None:
    row = LOADED[name]
    with in_folder(folder):
        completed = _run(row, warm)
    _check(row, completed)
    assert len(completed.err.splitlines()) <= 3
    output = (completed.out + completed.err).splitlines()
    assert not [line for line in output if line.lstrip().startswith("::")]
    assert f"| {row.name} | {row.code} | `" in table


def test_byte_order_and_memory_order_change_no_number(folder: Path, warm: SharedForkServer) -> None:
    line = "run mlp.keras --rows 8 --select KC104 --format json --data "
    with in_folder(folder):
        native, reordered = (
            _results(run_in_process(*line.split(), file, fork_server=warm).out)
            for file in ("x.npy", "turned.npy")
        )
    assert reordered == native
    assert [result["status"] for result in native] == ["pass"]


def _results(text: str) -> list[dict[str, object]]:
    return [
        {key: value for key, value in result.items() if key != "elapsed_s"}
        for result in json.loads(text)["results"]
    ]


def test_unpickling_the_refused_file_runs_its_call(folder: Path) -> None:
    """The call is harmless, but kcheck must refuse every call."""
    assert pickle.loads((folder / "call.pkl").read_bytes()) == 2.0


def test_names_and_command_lines_of_rows_are_unique() -> None:
    rows = [*BEFORE_LOADING.values(), *LOADED.values()]
    assert len(rows) == sum(len(part.ROWS) for part in (archives, arrays, models, scalers, tables, loaded))
    assert len({row.line for row in rows}) == len(rows)
    assert len(rows) >= 50

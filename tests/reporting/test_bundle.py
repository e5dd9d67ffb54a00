"""Bundles are smaller than 1 MB, written completely or not at all, and can be loaded."""

from __future__ import annotations

import gzip
import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.cli.main import main
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import KcheckError, NoVerdictError, UsageError
from keras_consistency_cli.reporting.bundle import MANIFEST, MOST_BYTES, check_bundle, write_bundle
from keras_consistency_cli.reporting.report import FailingRows, Report, Source
from tests.helpers import live_models

pytestmark = pytest.mark.usefixtures("forks_are_shared")
SETTINGS = Settings.model_validate({"model": "m.keras", "data": "x.npy", "seed": 4})


def exhibit(code: str = "KC101", rows: int = 3, width: int = 2, **changed: Any) -> FailingRows:
    values = np.random.default_rng(0).normal(size=(rows, width))
    defaults: dict[str, Any] = {
        "answers": {"y": values + 1},
        "expected": {"y": values},
        "given": {"x": values},
        "fed": {"x": values / 2},
    }
    return FailingRows(
        **{
            "code": code,
            "candidate": "one-by-one",
            "reference": "predict",
            "rows": tuple(range(7, 7 + rows)),
            **defaults,
            **changed,
        }
    )


def report(*exhibits: FailingRows, **changed: Any) -> Report:
    verdicts = tuple(
        Verdict(status=Status.FAIL, message="differs", code=each.code, name="batch-vs-single")
        for each in exhibits
    )
    defaults = {
        "version": "9",
        "verdicts": verdicts,
        "model": Source(path="m.keras"),
        "data": Source(path="x.npy"),
        "exhibits": exhibits,
        "reproducers": {each.code: f"kcheck run m.keras --select {each.code}" for each in exhibits},
        "environment": {"keras": "3.15.1"},
    }
    return Report(**{**defaults, **changed})


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_a_bundle_has_rows_both_outputs_versions_settings_and_commands(
    tmp_path: Path, wording: SnapshotAssertion
) -> None:
    into = tmp_path / "evidence"
    shown = exhibit()
    write_bundle(into, report(shown, settings={"seed": 4}), SETTINGS)
    names = {"KC101-rows.npz", "KC101-answers.npz", "README.txt", "report.json", "environment.json"}
    assert {path.name for path in into.iterdir()} == {*names, MANIFEST}
    assert json.loads((into / MANIFEST).read_text()) == {
        "made_by": "kcheck",
        "version": "9",
        "files": sorted(names),
    }
    with np.load(into / "KC101-rows.npz") as rows, np.load(into / "KC101-answers.npz") as answers:
        assert rows.files == ["x"]
        assert np.array_equal(rows["x"], shown.given["x"])
        assert {name: answers[name].tolist() for name in answers.files} == {
            "rows": [7, 8, 9],
            "candidate.y": shown.answers["y"].tolist(),
            "reference.y": shown.expected["y"].tolist(),
            "fed.x": shown.fed["x"].tolist(),
        }
    around = json.loads((into / "environment.json").read_text())
    assert (around["environment"], around["settings"]) == ({"keras": "3.15.1"}, {"seed": 4})
    assert json.loads((into / "report.json").read_text())["exhibits"][0]["rows"] == [7, 8, 9]
    readme = (into / "README.txt").read_text()
    assert "    kcheck run m.keras --select KC101\n" in readme
    assert f"kcheck run m.keras --data {into / 'KC101-rows.npz'} --select KC101 --seed 4" in readme
    assert readme.replace(str(tmp_path), "FOLDER") == wording


def test_rows_with_texts_are_a_table_that_kcheck_reads_again(tmp_path: Path) -> None:
    given = {"age": np.array([1.5, np.nan]), "town": np.array(["New, York", ""])}
    shown = replace(exhibit(), rows=(7, 8), given=given, is_table=True)
    write_bundle(tmp_path / "evidence", report(shown), SETTINGS)
    assert (tmp_path / "evidence" / "KC101-rows.csv").read_text() == 'age,town\n1.5,"New, York"\n,\n'
    assert "KC101-rows.csv --select" in (tmp_path / "evidence" / "README.txt").read_text()


@pytest.mark.parametrize("width", [10, 3_000, 30_000, 1_000_000])
@pytest.mark.parametrize("failures", [1, 9])
def test_it_is_always_smaller_than_a_megabyte(tmp_path: Path, width: int, failures: int) -> None:
    many = [
        exhibit(f"KC10{number}", rows=32 if width < 1_000_000 else 1, width=width)
        for number in range(failures)
    ]
    write_bundle(tmp_path / "b", report(*many), SETTINGS)
    assert size(tmp_path / "b") < MOST_BYTES
    kept = sorted(path.name for path in (tmp_path / "b").glob("*-answers.npz"))
    readme = (tmp_path / "b" / "README.txt").read_text()
    if width == 10:
        assert len(kept) == failures
    if width == 1_000_000:
        assert kept == []
        assert all(f"{shown.code}-answers.npz" not in readme for shown in many)


def test_the_rows_that_differ_most_are_kept(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", report(exhibit(rows=32, width=3_000)), SETTINGS)
    with np.load(tmp_path / "b" / "KC101-answers.npz") as answers:
        assert 1 <= len(answers["rows"]) < 32
        assert answers["rows"][0] == 7
        assert {len(answers[name]) for name in answers.files} == {len(answers["rows"])}


def test_a_large_report_is_compressed_and_a_larger_one_left_out(tmp_path: Path) -> None:
    dense = report(exhibit(), notes=("a" * 400_000,))
    write_bundle(tmp_path / "b", dense, SETTINGS)
    assert json.loads(gzip.decompress((tmp_path / "b" / "report.json.gz").read_bytes()))["notes"] == [
        "a" * 400_000
    ]
    noise = np.random.default_rng(0).bytes(1_500_000).hex()
    write_bundle(tmp_path / "c", replace(dense, notes=(noise,)), SETTINGS)
    assert not list((tmp_path / "c").glob("report*"))
    assert "--format json" in (tmp_path / "c" / "README.txt").read_text()
    assert size(tmp_path / "c") < MOST_BYTES


def test_without_a_failure_it_says_so(tmp_path: Path, wording: SnapshotAssertion) -> None:
    write_bundle(tmp_path / "b", report(), SETTINGS)
    assert (tmp_path / "b" / "README.txt").read_text() == wording


def test_rows_that_are_too_large_are_named_with_the_reason(
    tmp_path: Path, wording: SnapshotAssertion
) -> None:
    wide = exhibit(rows=1, width=1_000_000, problem="a worker was killed")
    write_bundle(tmp_path / "b", report(wide), SETTINGS)
    assert (tmp_path / "b" / "README.txt").read_text() == wording


# --- files of others


def foreign_file(folder: Path) -> None:
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")


def foreign_file_in_a_bundle(folder: Path) -> None:
    write_bundle(folder, report(exhibit()), SETTINGS)
    (folder / "mine.txt").write_text("mine")


def forged_manifest(folder: Path) -> None:
    folder.mkdir()
    (folder / MANIFEST).write_text('["no manifest"]')


def folder_named_as_a_file(folder: Path) -> None:
    write_bundle(folder, report(exhibit()), SETTINGS)
    (folder / "README.txt").unlink()
    (folder / "README.txt").mkdir()


def message(caught: pytest.ExceptionInfo[KcheckError], folder: Path) -> str:
    """The text of an error without the temporary folder."""
    return str(caught.value).replace(str(folder), "FOLDER")


@pytest.mark.parametrize(
    "make", [foreign_file, foreign_file_in_a_bundle, forged_manifest, folder_named_as_a_file]
)
def test_files_of_others_are_never_changed(
    tmp_path: Path, wording: SnapshotAssertion, make: Callable[[Path], None]
) -> None:
    into = tmp_path / "b"
    make(into)
    before = {path.name: path.read_bytes() for path in into.iterdir() if path.is_file()}
    with pytest.raises(UsageError) as refused:
        check_bundle(into)
    with pytest.raises(NoVerdictError) as failed:
        write_bundle(into, report(exhibit("KC103")), SETTINGS)
    assert [message(caught, tmp_path) for caught in (refused, failed)] == wording
    assert {path.name: path.read_bytes() for path in into.iterdir() if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize(
    "make",
    [Path.mkdir, lambda path: write_bundle(path, report(exhibit("KC701")), SETTINGS)],
    ids=["empty", "own"],
)
def test_an_empty_folder_is_filled_and_a_bundle_replaced(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    into = tmp_path / "b"
    make(into)
    check_bundle(into)
    write_bundle(into, report(exhibit("KC103")), SETTINGS)
    assert sorted(path.name for path in into.glob("KC*")) == ["KC103-answers.npz", "KC103-rows.npz"]
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_file_and_a_missing_parent_are_refused(tmp_path: Path, wording: SnapshotAssertion) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(UsageError) as file:
        check_bundle(tmp_path / "f")
    with pytest.raises(UsageError) as parent:
        check_bundle(tmp_path / "none" / "b")
    assert [message(caught, tmp_path) for caught in (file, parent)] == wording
    check_bundle(tmp_path / "new")


def test_a_failed_write_keeps_the_previous_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    into = tmp_path / "b"
    write_bundle(into, report(exhibit("KC701")), SETTINGS)
    before = sorted(path.name for path in into.iterdir())
    plain = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "README.txt":
            raise OSError(28, "No space left on device")
        return plain(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(NoVerdictError) as caught:
        write_bundle(into, report(exhibit("KC103")), SETTINGS)
    assert message(caught, tmp_path) == wording
    assert sorted(path.name for path in into.iterdir()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


# --- through the command line


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("bundling")
    live_models.save_leaking(into / "m.keras")
    return into


def test_the_command_writes_a_bundle(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--data", str(folder / "x.npy"), "--custom-objects", str(live_models.__file__)]
    into = folder / "bundle"
    assert (
        main(["run", str(folder / "m.keras"), *files, "--select", "KC101,KC103", "--bundle", str(into)]) == 1
    )
    assert "FAIL  KC101" in capsys.readouterr().out
    rows = np.load(folder / "x.npy")
    for code in ("KC101", "KC103"):
        with np.load(into / f"{code}-answers.npz") as answers, np.load(into / f"{code}-rows.npz") as stored:
            assert np.array_equal(stored["x"], rows[answers["rows"]])
            # Neighbours of NaN make NaN of a row that depends on them.
            differences = np.nan_to_num(
                np.abs(answers["candidate.kind"] - answers["reference.kind"]).max(axis=1), nan=9.0
            )
            assert differences[0] > 1e-3
            assert (np.diff(differences) <= 0).all()
    readme = (into / "README.txt").read_text()
    only = next(
        line.strip()
        for line in readme.splitlines()
        if line.strip().startswith("kcheck run") and "KC103-rows.npz" in line
    )
    assert main(shlex.split(only)[1:]) == 1
    assert size(into) < MOST_BYTES


def test_a_folder_with_other_files_is_refused_before_anything_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(folder / "m.keras"), "--bundle", str(folder)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"--bundle {folder}" in shown.err


def test_a_name_that_is_too_long_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        check_bundle(tmp_path / ("n" * 5000))
    assert "File name too long" in caught.value.what

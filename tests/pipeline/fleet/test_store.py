"""store: a result is found again if nothing has changed that decides it, and only then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import NoVerdictError, UsageError
from keras_consistency_cli.pipeline.fleet import store as module
from keras_consistency_cli.pipeline.fleet.store import ResultStore, subject_key
from keras_consistency_cli.reporting.fleet.report import ModelResult

RESULT = ModelResult(
    name="m", model="m.keras", document={"verdict": "consistent", "exit_code": 0}, texts={"html": "<p>"}
)


def settings(folder: Path, **more: object) -> Settings:
    return Settings.model_validate({"model": folder / "m.keras", **more})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in ("m.keras", "x.npy", "scaler.joblib"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def test_a_result_is_read_again(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "new" / "folder")
    store.write("k", RESULT)
    found = store.read("k")
    store.close()
    assert found is not None
    assert found.stored
    assert (found.name, found.document, found.texts) == (RESULT.name, RESULT.document, RESULT.texts)
    assert [path.name for path in (tmp_path / "new" / "folder").glob("*.part")] == []


@pytest.mark.parametrize("harm", ["cut", "edited", "other", "missing"])
def test_a_file_that_was_harmed_is_not_used(harm: str, tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    store.write("k", RESULT)
    path = tmp_path / "k.json"
    text = path.read_text()
    harmed = {"cut": text[:40], "edited": text.replace('"exit_code": 0', '"exit_code": 1'), "other": "[]"}
    if harm == "missing":
        path.unlink()
    else:
        path.write_text(harmed[harm])
    assert store.read("k") is None
    store.close()


def test_two_runs_do_not_use_one_folder(tmp_path: Path) -> None:
    first = ResultStore(tmp_path)
    with pytest.raises(UsageError):
        ResultStore(tmp_path)
    first.close()
    ResultStore(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError):
        ResultStore(tmp_path / "file" / "folder")


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    store = ResultStore(tmp_path)
    monkeypatch.setattr(Path, "write_text", no_space)
    with pytest.raises(NoVerdictError, match="No space"):
        store.write("k", RESULT)
    store.close()
    assert list(tmp_path.glob("*.json")) == list(tmp_path.glob("*.part")) == []


@pytest.mark.parametrize("name", ["m.keras", "x.npy", "scaler.joblib"])
def test_the_key_changes_with_each_file(name: str, files: Path) -> None:
    chosen = settings(files, data=files / "x.npy", scaler=files / "scaler.joblib")
    before = subject_key(chosen, {})
    assert subject_key(chosen, {}) == before
    (files / name).write_bytes(b"other")
    assert subject_key(chosen, {}) not in (before, None)


def test_the_key_changes_with_settings_but_not_with_the_form_of_the_report(files: Path) -> None:
    before = subject_key(settings(files), {})
    assert subject_key(settings(files, color="always", format=["json"]), {}) == before
    assert subject_key(settings(files, seed=1), {}) != before
    assert subject_key(settings(files, rows=256), {}) != before, "a stated number counts for heavy models"


def test_the_key_changes_with_the_version(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = subject_key(settings(files), {})
    monkeypatch.setattr(module, "__version__", "99")
    assert subject_key(settings(files), {}) != before


def test_a_file_that_cannot_be_read_has_no_key(tmp_path: Path) -> None:
    assert subject_key(settings(tmp_path), {}) is None


def test_the_store_is_plain_json(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    store.write("k", RESULT)
    store.close()
    assert json.loads((tmp_path / "k.json").read_text())["schema"] == "kcheck.fleet-result/1"

"""A run on files behind URLs: the report of a run on local files, with the URLs, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli import check
from keras_consistency_cli.cli.main import main
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import DataError
from keras_consistency_cli.pipeline.files.local import local_files
from keras_consistency_cli.workers.deadline import Deadline
from tests.helpers.in_process import SharedForkServer, run_in_process

fsspec = pytest.importorskip("fsspec")
TIMES = ("elapsed_s", "tracing_s", "reproduce")
ROWS = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model that centres each batch, its rows as a file and as a folder, in memory and on the disk."""
    folder = tmp_path_factory.mktemp("bucket")
    rows = keras.Input((3,), name="x")
    centred = rows - 0.01 * keras.ops.mean(rows, axis=0, keepdims=True)
    keras.utils.set_random_seed(0)
    keras.Model(rows, layers.Dense(2, name="out")(centred)).save(folder / "m.keras")
    np.save(folder / "x.npy", ROWS)
    np.save(folder / "wide.npy", np.ones((4, 9), np.float32))
    (folder / "bad.npy").write_bytes(b"not an array")
    (folder / "rows").mkdir()
    for number in range(3):
        np.save(folder / "rows" / f"part-{number}.npy", ROWS[100 * number : 100 * (number + 1)])
    memory = fsspec.filesystem("memory")
    memory.put(f"{folder}/", "/bucket/", recursive=True)
    yield folder
    memory.rm("/bucket", recursive=True)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if key not in TIMES}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def report(server: SharedForkServer, *words: str) -> Any:
    line = ("run", *words, "--rows", "all", "--select", "KC101", "--format", "json")
    completed = run_in_process(*line, fork_server=server)
    assert (completed.code, completed.err) == (1, "")
    return json.loads(completed.out)


@pytest.mark.parametrize(("rows", "more"), [("x.npy", ()), ("rows/", ("--scheduler", "local:2"))])
def test_the_report_is_that_of_local_files_with_the_urls(
    rows: str, more: tuple[str, ...], bucket: Path, scratch: Path, shared_fork_server: SharedForkServer
) -> None:
    model, data = f"{bucket}/m.keras", f"{bucket}/{rows}"
    local = report(shared_fork_server, model, "--data", data, *more)
    url = f"memory://bucket/{rows}"
    remote = report(shared_fork_server, "memory://bucket/m.keras", "--data", url, *more)
    assert url in remote["reproduce"]
    assert (remote["subject"]["data"]["path"], remote["subject"]["settings"]["data"]) == (url, url)
    expected = json.dumps(without_times(local)).replace(data.rstrip("/"), url)
    assert without_times(remote) == json.loads(expected.replace(str(bucket), "memory://bucket"))
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["bad.npy", "wide.npy", "none.npy"])
def test_errors_name_the_url(
    name: str, bucket: Path, scratch: Path, shared_fork_server: SharedForkServer
) -> None:
    words = ("run", f"{bucket}/m.keras", "--data", f"memory://bucket/{name}", "--select", "KC101")
    completed = run_in_process(*words, fork_server=shared_fork_server)
    assert completed.code == 2
    assert str(scratch) not in completed.err
    assert len(completed.err.splitlines()) <= 3
    assert list(scratch.iterdir()) == []


def test_live_objects_take_urls(scratch: Path, bucket: Path) -> None:
    model = keras.saving.load_model(bucket / "m.keras")
    found = check(model, "memory://bucket/rows/", reference="memory://bucket/x.npy", select="KC101")
    assert (found.exit_code, found.data.path) == (1, "memory://bucket/rows/")
    assert str(scratch) not in found.render("json")
    assert list(scratch.iterdir()) == []
    with pytest.raises(DataError) as refused:
        check(model, "memory://bucket/bad.npy")
    assert "memory://bucket/bad.npy" in str(refused.value)


def test_a_copy_keeps_the_name_and_stays_in_its_folder(scratch: Path) -> None:
    fsspec.filesystem("memory").pipe({"/a/x.npy": b"1", "/a//x.npy": b"2", "/a/..": b"3"})
    urls = {"data": "memory://a/x.npy", "reference": "memory://a//x.npy", "scaler": "memory://a/.."}
    settings = Settings.model_validate({"model": "m", **urls})
    with local_files(settings, Deadline(answer=1)) as files:
        copies = [getattr(files.settings, name) for name in urls]
        assert [copy.name for copy in copies] == ["x.npy", "x.npy", "rows"]
        assert [copy.read_bytes() for copy in copies] == [b"1", b"2", b"3"]
        assert {copy.parent.parent.parent for copy in copies} == {scratch}


def test_one_url_is_copied_once(scratch: Path) -> None:
    url = "memory://bucket/x.npy"
    settings = Settings.model_validate({"model": "m", "data": url, "reference": url, "scaler": "s.pkl"})
    with local_files(settings, Deadline(answer=1)) as files:
        assert files.settings.data == files.settings.reference
        assert (files.settings.model, files.settings.scaler) == (Path("m"), Path("s.pkl"))
        assert files.settings.data is not None
        assert scratch in files.settings.data.parents
        assert os.path.exists(files.settings.data)
    assert list(scratch.iterdir()) == []


def test_local_settings_stay_as_they_are(scratch: Path) -> None:
    settings = Settings.model_validate({"model": "m", "data": "x.npy"})
    with local_files(settings, Deadline(answer=1)) as files:
        assert files.settings is settings
        assert list(scratch.iterdir()) == []


INTERRUPTED = """
import sys, threading, time
from fsspec.implementations.memory import MemoryFileSystem
from keras_consistency_cli.__main__ import main

MemoryFileSystem().pipe("/x.npy", b"1" * 10**8)

def slow(*_, **__):
    class Slow:
        __enter__ = lambda self: self
        __exit__ = lambda *_: None
        def read(self, size):
            print("reading", flush=True)
            time.sleep(0.05)
            return b"1" * 1000
    return Slow()

MemoryFileSystem.open = slow
sys.argv = ["kcheck", "run", "m.keras", "--data", "memory://x.npy"]
sys.exit(main())
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_removes_what_was_copied(number: int, code: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"reading\n"
    assert list(tmp_path.rglob("x.npy"))
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    assert list(tmp_path.rglob("x.npy")) == []


def test_a_fleet_takes_urls(bucket: Path, tmp_path: Path, scratch: Path) -> None:
    """A URL has no hash before it is copied, so that its result is not stored."""
    (tmp_path / "fleet.yaml").write_text(
        "models:\n"
        "- {model: memory://bucket/m.keras, name: by URL, data: memory://bucket/rows/}\n"
        "- {model: memory://bucket/none.keras}\n"
        f"- {{model: {bucket}/m.keras, name: local, data: {bucket}/x.npy}}\n",
        encoding="utf-8",
    )
    words = ("fleet", str(tmp_path / "fleet.yaml"), "--select", "KC101", "--quiet", "--jobs", "1")
    assert main([*words, "--resume", f"{tmp_path}/done", "--format", f"json={tmp_path}/out.json"]) == 1
    document = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    found = {each["name"]: each["exit_code"] for each in document["models"]}
    assert found == {"by URL": 1, "memory://bucket/none.keras": 3, "local": 1}
    assert len(list((tmp_path / "done").glob("*.json"))) == 1
    assert str(scratch) not in json.dumps(document)
    assert list(scratch.iterdir()) == []

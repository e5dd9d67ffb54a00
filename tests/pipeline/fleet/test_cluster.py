"""A fleet on a Dask cluster: results, workers that are killed, and schedulers that are not there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.cli.main import main
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.pipeline.fleet.cluster import Cluster
from keras_consistency_cli.pipeline.fleet.place import FleetOptions
from keras_consistency_cli.pipeline.fleet.task import FleetTask
from keras_consistency_cli.reporting.fleet.report import ModelResult

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def local() -> Iterator[Any]:
    """A cluster of two processes on this machine."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        yield cluster


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models below a folder: a healthy one, and one that subtracts the mean of the batch."""
    rows = keras.Input((4,), name="x")
    (tmp_path / "models").mkdir()
    keras.Model(rows, layers.Dense(2, name="out")(rows)).save(tmp_path / "models" / "good.keras")
    centred = rows - keras.ops.mean(rows, axis=0, keepdims=True)
    keras.Model(rows, layers.Dense(1, name="out")(centred)).save(tmp_path / "models" / "leak.keras")
    (tmp_path / "models" / "cut.keras").write_bytes(b"PK\x03\x04")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.integration
def test_the_cluster_gives_the_verdicts_although_a_worker_is_killed(
    models: Path, local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, killed = distributed.Client.submit, []

    def kill_the_first(client: Any, *call: Any, **options: Any) -> Any:
        future = submit(client, *call, **options)
        if not killed:
            killed.append(next(iter(local.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)
        return future

    monkeypatch.setattr(distributed.Client, "submit", kill_the_first)
    words = ["fleet", "models", "--select", "KC101", "--format", "json=out.json", "--quiet"]
    assert main([*words, "--scheduler", local.scheduler_address]) == 1
    document = json.loads((models / "out.json").read_text(encoding="utf-8"))
    assert {each["name"]: each["exit_code"] for each in document["models"]} == {
        "models/cut.keras": 1,
        "models/good.keras": 0,
        "models/leak.keras": 1,
    }
    assert document["not_run"] == []
    assert killed


@pytest.mark.integration
def test_workers_that_see_no_files_get_them_although_one_is_killed(
    models: Path, local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (models / "rows").mkdir()
    np.save(models / "rows" / "a.npy", np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32))
    (models / "fleet.yaml").write_text(
        f"defaults: {{data: {models}/rows}}\n"
        "models: [models/good.keras, models/leak.keras, models/cut.keras, models/none.keras]\n",
        encoding="utf-8",
    )
    submit, submitted = distributed.Client.submit, list[str]()

    def hide_and_kill(client: Any, act: Any, assignment: Any, **options: Any) -> Any:
        """Submit a task when its files are gone, and kill a worker after the first."""
        assignment.task.model.rename(models / "models" / f"hidden-{len(submitted)}")
        submitted.append(assignment.task.name)
        if len(submitted) == 3:
            shutil.rmtree(models / "rows")
        future = submit(client, act, assignment, **options)
        if len(submitted) == 1:
            os.kill(next(iter(local.workers.values())).pid, signal.SIGKILL)
        return future

    monkeypatch.setattr(distributed.Client, "submit", hide_and_kill)
    words = ["fleet", "fleet.yaml", "--select", "KC101", "--format", "json=out.json", "--quiet"]
    assert main([*words, "--scheduler", local.scheduler_address, "--send-files"]) == 1
    document = json.loads((models / "out.json").read_text(encoding="utf-8"))
    found = {Path(each["name"]).stem: each for each in document["models"]}
    assert {name: each["exit_code"] for name, each in found.items()} == {
        "good": 0,
        "leak": 1,
        "cut": 1,
        "none": 3,
    }
    subject = found["leak"]["report"]["subject"]
    assert (subject["model"]["path"], subject["data"]["path"]) == ("models/leak.keras", f"{models}/rows")
    assert f"{tempfile.gettempdir()}/kcheck-" not in json.dumps(document)


def test_files_are_sent_only_to_a_cluster(models: Path) -> None:
    assert main(["fleet", "models", "--send-files"]) == 2


def test_the_cluster_is_found_by_the_variable_of_dask(
    local: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", local.scheduler_address)
    (tmp_path / "cut.keras").write_bytes(b"PK\x03\x04")
    assert main(["fleet", str(tmp_path), "--jobs", "2"]) == 2
    assert "--jobs" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [("--scheduler", "tcp://x:1", "--scheduler-file", "s.json"), ("--scheduler", "tcp://x:1", "--jobs", "2")],
)
def test_options_that_contradict_each_other_are_refused(words: tuple[str, ...], models: Path) -> None:
    assert main(["fleet", "models", *words]) == 2


class _Client:
    """A client whose futures are finished: what the workers of a cluster would return."""

    loop = None

    def __init__(self, answers: list[SimpleNamespace]) -> None:
        self._answers, self.cancelled = answers, 0

    def submit(self, *_: object, **__: object) -> SimpleNamespace:
        return self._answers.pop(0)

    def cancel(self, futures: list[SimpleNamespace]) -> None:
        self.cancelled += len(futures)

    def close(self, **_: object) -> None:
        """Close nothing."""


class _Future(SimpleNamespace):
    def __hash__(self) -> int:
        return id(self)


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], ModelResult]:
    """Return the result of a model for an exception of its task."""
    monkeypatch.setattr(distributed, "as_completed", lambda futures, **_: iter(futures))

    def check(error: Exception) -> ModelResult:
        path = tmp_path / "m.keras"
        task = FleetTask(name="m", model=path, settings=Settings.model_validate({"model": path}))
        results: list[ModelResult] = []
        client = _Client([_Future(status="error", exception=lambda: error)])
        Cluster(client).check([task], FleetOptions(jobs=1), results.append)
        return results[0]

    return check


def test_a_model_that_ends_every_worker_has_no_verdict(
    checked: Callable[[Exception], ModelResult],
) -> None:
    killed = distributed.KilledWorker("key", SimpleNamespace(address="tcp://a"), 3)
    assert (checked(killed).exit_code, checked(ValueError("a\nb")).exit_code) == (3, 3)
    assert "\n" not in str(checked(ValueError("a\nb")).error)


def test_the_first_fault_ends_the_check_without_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "as_completed", lambda futures, **_: iter(futures))
    path = tmp_path / "m.keras"
    tasks = [
        FleetTask(name=name, model=path, settings=Settings.model_validate({"model": path})) for name in "ab"
    ]
    faulty = _Future(status="error", exception=lambda: ValueError("a"))
    client = _Client([faulty, _Future(status="cancelled")])
    cluster, results = Cluster(client), list[ModelResult]()

    def accept(result: ModelResult) -> None:
        results.append(result)
        cluster.stop()

    cluster.check(tasks, FleetOptions(jobs=1), accept)
    assert ([result.name for result in results], client.cancelled) == (["a"], 1)


def test_the_scheduler_holds_the_files_of_few_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Client(_Client):
        """A client of three threads."""

        submitted = 0

        def nthreads(self) -> dict[str, int]:
            return {"tcp://a": 1, "tcp://b": 2}

        def submit(self, *_: object, **__: object) -> SimpleNamespace:
            self.submitted += 1
            return _Future(status="error", exception=lambda: ValueError("a"))

    class Completed(list[Any]):
        """Futures that are finished one after another."""

        add = list.append

    monkeypatch.setattr(distributed, "as_completed", lambda futures, **_: Completed(futures))
    (tmp_path / "m.keras").write_bytes(b"1")
    settings = Settings.model_validate({"model": tmp_path / "m.keras"})
    tasks = [FleetTask(name=f"{number}", model=settings.model, settings=settings) for number in range(20)]
    client, ahead = Client([]), list[int]()
    cluster = Cluster(client, sends_files=True)
    cluster.check(tasks, FleetOptions(jobs=1), lambda _: ahead.append(client.submitted - len(ahead)))
    assert (client.submitted, len(ahead), max(ahead)) == (20, 20, 6)

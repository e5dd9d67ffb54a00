"""The report is the same wherever rows are measured, and although workers are killed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.pipeline import sampling
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.streaming.chunk import ChunkEvidence
from tests.helpers.in_process import SharedForkServer, run_in_process

TIMES = ("elapsed_s", "tracing_s", "reproduce")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that centres each batch, 3,000 rows, and a NaN and an infinity after the first chunk."""
    into = tmp_path_factory.mktemp("streaming")
    rows = keras.Input((3,), name="x")
    centred = rows - 0.01 * keras.ops.mean(rows, axis=0, keepdims=True)
    keras.utils.set_random_seed(0)
    keras.Model(rows, layers.Dense(2, "softmax", name="out")(centred)).save(into / "m.keras")
    values = np.random.default_rng(0).normal(size=(3_000, 3)).astype(np.float32)
    values[1_700, 0], values[2_900, 1] = np.nan, np.inf
    np.save(into / "x.npy", values)
    return into


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_MOST_CHUNK_ROWS", 256)


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if key not in TIMES}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def report(folder: Path, server: SharedForkServer, *words: str) -> Any:
    files = (str(folder / "m.keras"), "--data", str(folder / "x.npy"))
    line = ("run", *files, "--rows", "all", "--select", "KC101,KC201", "--format", "json", *words)
    completed = run_in_process(*line, fork_server=server)
    assert (completed.code, completed.err) == (1, "")
    return without_times(json.loads(completed.out))


@pytest.fixture(scope="module")
def expected(folder: Path, shared_fork_server: SharedForkServer) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "_MOST_CHUNK_ROWS", 256)
        return report(folder, shared_fork_server)


def test_all_rows_are_measured(expected: Any) -> None:
    assert expected["rows"] == 3_000
    (failed,) = [result for result in expected["results"] if result["code"] == "KC101"]
    assert failed["comparisons"][0]["rows"] == 3_000


@pytest.mark.parametrize("groups", [1, 3])
def test_groups_of_workers_give_the_same_report(
    groups: int, folder: Path, expected: Any, shared_fork_server: SharedForkServer
) -> None:
    assert report(folder, shared_fork_server, "--scheduler", f"local:{groups}") == expected


def test_a_killed_worker_changes_nothing(
    folder: Path,
    expected: Any,
    shared_fork_server: SharedForkServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measure = EvidenceCollector.measure
    killed: dict[int, int] = {}

    def kill_twice(own: EvidenceCollector, chunk: np.ndarray) -> ChunkEvidence:
        """Kill the worker of two chunks, not again when they are measured once more."""
        child = own.clients["main"]._child
        if child and len(killed) < 2 and int(chunk[0]) not in killed:
            killed[int(chunk[0])] = child
            os.kill(child, signal.SIGKILL)
        return measure(own, chunk)

    monkeypatch.setattr(EvidenceCollector, "measure", kill_twice)
    assert report(folder, shared_fork_server, "--scheduler", "local:2") == expected
    assert len(killed) == 2


@pytest.mark.integration
def test_a_cluster_gives_the_same_report_although_a_worker_is_killed(
    folder: Path, expected: Any, shared_fork_server: SharedForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    submit = distributed.Client.submit
    killed: list[int] = []

    def kill_the_first(client: Any, *call: Any, **options: Any) -> Any:
        future = submit(client, *call, **options)
        if not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)
        return future

    monkeypatch.setattr(distributed.Client, "submit", kill_the_first)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        scheduler = ("--scheduler", cluster.scheduler_address)
        assert report(folder, shared_fork_server, *scheduler) == expected
    assert killed

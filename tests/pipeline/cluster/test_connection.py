"""The connection to a Dask cluster: versions, clusters without workers, schedulers that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.pipeline.cluster import connection as module
from keras_consistency_cli.pipeline.cluster.connection import connect

distributed = pytest.importorskip("distributed")


def test_workers_of_another_version_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "__version__", "9.9.9")
    with (
        distributed.LocalCluster(n_workers=1, processes=True, dashboard_address=":0") as cluster,
        pytest.raises(UsageError, match="9\\.9\\.9"),
    ):
        connect(cluster.scheduler_address)


def test_a_cluster_without_workers_is_refused() -> None:
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty,
        pytest.raises(UsageError, match="workers"),
    ):
        connect(empty.scheduler_address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://", "http://x y"])
def test_a_scheduler_that_is_not_there_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_S", 0.3)
    with pytest.raises(UsageError) as refused:
        connect(address)
    assert len(str(refused.value).splitlines()) <= 3


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        connect(None, tmp_path / "scheduler.json")

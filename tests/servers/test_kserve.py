"""kcheck run against a real KServe, by both of its protocols."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keras_consistency_cli.workers.endpoints import budget
from tests.helpers.in_process import SharedForkServer, run_in_process

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("path", ["v1/models/{}:predict", "v2/models/{}/infer"])
def test_a_healthy_model_passes_and_exchanged_columns_are_found(
    kserve: str,
    served_folder: Path,
    shared_fork_server: SharedForkServer,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    monkeypatch.setattr(budget, "PER_SECOND", 10_000)
    urls = [f"{kserve}/{path.format(name)}" for name in ("healthy", "reordered")]
    files = (str(served_folder / "model.keras"), "--data", str(served_folder / "x.npy"))
    line = ("run", *files, *(word for url in urls for word in ("--endpoint", url)), "--select", "KC91")
    done = run_in_process(*line, "--format", "json", fork_server=shared_fork_server)
    report: dict[str, Any] = json.loads(done.out)
    (cause,) = report["diagnoses"]
    assert (cause["cause"], cause["confidence"]) == ("endpoint-columns-reordered", "confirmed")
    (target,) = cause["targets"]
    assert target.split("/", 1)[1] == path.format("reordered")
    statuses = {one["code"]: one["status"] for one in report["results"]}
    assert statuses == {"KC911": "fail", "KC912": "pass", "KC913": "pass", "KC914": "pass"}

"""kcheck run against a real MLServer, which puts rows of several requests into one batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keras_consistency_cli.workers.endpoints import budget
from tests.helpers.in_process import SharedForkServer, run_in_process

pytestmark = pytest.mark.integration

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(
    mlserver: str, served_folder: Path, shared_fork_server: SharedForkServer, monkeypatch: pytest.MonkeyPatch
) -> Ask:
    """Return the report of a run on the .keras file and some of the served models."""
    monkeypatch.setattr(budget, "PER_SECOND", 10_000)

    def run(*names: str) -> dict[str, Any]:
        urls = [f"{mlserver}/v2/models/{name}/infer" for name in names]
        files = (str(served_folder / "model.keras"), "--data", str(served_folder / "x.npy"))
        line = ("run", *files, *(word for url in urls for word in ("--endpoint", url)))
        done = run_in_process(*line, "--select", "KC91", "--format", "json", fork_server=shared_fork_server)
        report: dict[str, Any] = json.loads(done.out)
        assert report["exit_code"] == done.code
        return report

    return run


def test_a_healthy_model_passes(ask: Ask) -> None:
    report = ask("healthy")
    assert (report["exit_code"], report["diagnoses"]) == (0, [])
    assert {one["status"] for one in report["results"]} == {"pass"}


def test_each_fault_has_its_cause(ask: Ask) -> None:
    report = ask("healthy", "batched", "rounding", "reordered", "centring")
    assert report["exit_code"] == 1
    found = {
        (cause["cause"], target.split("/")[-2], cause["severity"])
        for cause in report["diagnoses"]
        for target in cause["targets"]
    }
    # Whether the server puts the wrong row into a batch with others depends on when they arrive.
    found.discard(("endpoint-wrong-row-fails-batch", "centring", "warn"))
    assert found == {
        ("endpoint-wrong-row-fails-batch", "batched", "warn"),
        ("endpoint-rounds-answers", "rounding", "warn"),
        ("endpoint-columns-reordered", "reordered", "fail"),
        ("endpoint-rows-influence-each-other", "centring", "fail"),
    }

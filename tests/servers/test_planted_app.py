"""kcheck run against FastAPI and uvicorn: services with one planted fault each, and their healthy twins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.workers.endpoints import budget
from tests.helpers.asked_services import ask, found
from tests.helpers.in_process import SharedForkServer, run_in_process
from tests.helpers.planted_services import EXPECTED, predict
from tests.helpers.recurrent import FEATURES, STEPS
from tests.helpers.recurrent_model import recurrent_model

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "name",
    [
        "healthy",
        "healthy with a lock",
        "no scaling",
        "scaled twice",
        "fit_transform per request",
        "columns reordered",
        "six digits",
        "a race",
        "a batcher",
        "stale rows after a large batch",
        "sorted by score",
        "a cache by length",
        "a cache by content",
    ],
)
def test_fault_is_found_and_its_twin_passes(planted_app: str, name: str) -> None:
    assert found(ask(f"{planted_app}/{name.replace(' ', '-')}/predict", predict)) == EXPECTED[name]


@pytest.fixture(scope="module")
def recurrent_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model with a stateful layer, for one series at a time, and its rows."""
    folder = tmp_path_factory.mktemp("recurrent")
    recurrent_model().save(folder / "model.keras")
    rows = np.random.default_rng(3).normal(size=(24, STEPS, FEATURES)).astype("float32")
    np.save(folder / "x.npy", rows)
    return folder


@pytest.mark.parametrize(
    ("name", "causes"), [("state-reset", []), ("state-shared", ["endpoint-keeps-state"])]
)
def test_state_that_all_callers_share(
    planted_app: str,
    recurrent_folder: Path,
    shared_fork_server: SharedForkServer,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    causes: list[str],
) -> None:
    monkeypatch.setattr(budget, "PER_SECOND", 10_000)
    line = ("--endpoint", f"{planted_app}/{name}/predict")
    assert causes_of(recurrent_folder, line, shared_fork_server) == causes


@pytest.mark.parametrize(
    ("name", "causes"),
    [
        ("state by sequence", []),
        ("state of the last sequence", ["endpoint-mixes-sequences"]),
        ("no state", ["endpoint-loses-state"]),
        ("state of all callers", ["endpoint-keeps-state"]),
    ],
)
def test_sequences_of_requests(
    planted_app: str,
    recurrent_folder: Path,
    shared_fork_server: SharedForkServer,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    causes: list[str],
) -> None:
    monkeypatch.setattr(budget, "PER_SECOND", 10_000)
    url = f"{planted_app}/{name.replace(' ', '-')}/predict"
    template = {"session": "SEQUENCE", "instances": "ROWS"}
    settings = recurrent_folder / f"{name.replace(' ', '-')}.yaml"
    settings.write_text(json.dumps({"endpoints": [{"url": url, "template": template}]}))
    assert causes_of(recurrent_folder, ("--config", str(settings)), shared_fork_server) == causes


def causes_of(folder: Path, asked: tuple[str, ...], fork_server: SharedForkServer) -> list[str]:
    """What kcheck finds about a service of the recurrent model; its exit code fits."""
    files = (str(folder / "model.keras"), "--data", str(folder / "x.npy"))
    line = ("run", *files, *asked, "--select", "KC91", "--format", "json")
    done = run_in_process(*line, fork_server=fork_server)
    report: dict[str, Any] = json.loads(done.out)
    causes = [cause["cause"] for cause in report["diagnoses"]]
    assert (report["exit_code"], done.code) == (int(bool(causes)),) * 2
    return causes

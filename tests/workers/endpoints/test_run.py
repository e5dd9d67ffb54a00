"""A whole run against a service: settings, workers, causes, report and exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import joblib
import keras
import numpy as np
import pytest

from keras_consistency_cli.workers.endpoints import budget
from tests.helpers.in_process import Completed, SharedForkServer, run_in_process
from tests.helpers.planted_services import COLUMNS, RAW, SCALER, SERVICES, WEIGHTS, predict
from tests.helpers.stub_services import Stub, refuse_wrong_rows, running

Run = Callable[..., Completed]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of the planted services, its scaler and rows; and a stateful model."""
    into = tmp_path_factory.mktemp("served")
    layers = [keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((COLUMNS,), name="x"), *layers])
    model.set_weights(WEIGHTS)
    model.save(into / "model.keras")
    joblib.dump(SCALER, into / "scaler.joblib")
    np.save(into / "x.npy", RAW)
    return into


@pytest.fixture
def run(folder: Path, shared_fork_server: SharedForkServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run kcheck on the model, its scaler and a service."""
    monkeypatch.setattr(budget, "PER_SECOND", 10_000)

    def call(url: str, *arguments: str) -> Completed:
        files = ("--data", str(folder / "x.npy"), "--scaler", str(folder / "scaler.joblib"))
        line = ("run", str(folder / "model.keras"), *files, "--endpoint", url, "--format", "json", *arguments)
        return run_in_process(*line, fork_server=shared_fork_server)

    return call


def test_a_healthy_service_passes(run: Run) -> None:
    with running(Stub(refuse_wrong_rows(SERVICES["healthy"](predict), COLUMNS))) as stub:
        done = run(stub.url, "--select", "KC91")
    assert done.code == 0
    assert {one["status"] for one in json.loads(done.out)["results"]} == {"pass"}


def test_each_service_has_its_own_cause(run: Run) -> None:
    """The healthy one is given twice, by URLs that differ in their query only."""
    names = ("scaled twice", "healthy", "columns reordered", "no scaling")
    stubs = {name: Stub(refuse_wrong_rows(SERVICES[name](predict), COLUMNS)) for name in names}
    with ExitStack() as stack:
        urls = {name: stack.enter_context(running(stub)).url for name, stub in stubs.items()}
        first, *others = *urls.values(), f"{urls['healthy']}?key=b"
        done = run(first, *(word for url in others for word in ("--endpoint", url)), "--select", "KC911")
    report = json.loads(done.out)
    (result,) = report["results"]
    endpoints = result["findings"]["endpoints"]
    assert [label[-2:] for label, each in endpoints.items() if each["status"] == "pass"] == ["ct", "-2"]
    found = {each["cause"]: each for each in report["diagnoses"]}
    of = {
        cause: [name for name in names if urls[name].endswith(each["targets"][0])]
        for cause, each in found.items()
    }
    assert of == {
        "endpoint-scales-twice": ["scaled twice"],
        "endpoint-columns-reordered": ["columns reordered"],
        "endpoint-does-not-scale": ["no scaling"],
    }
    assert {each["severity"] for each in found.values()} == {"fail", "warn"}
    assert all(each["confidence"] == "confirmed" and each["damage"] for each in found.values())


def test_a_service_that_refits_is_found_with_its_cause(run: Run) -> None:
    answers = SERVICES["fit_transform per request"](predict)
    with running(Stub(refuse_wrong_rows(answers, COLUMNS))) as stub:
        done = run(stub.url, "--select", "KC91")
    report = json.loads(done.out)
    assert done.code == 1
    causes = [(one["cause"], one["confidence"]) for one in report["diagnoses"]]
    assert causes == [("endpoint-refits-scaler", "confirmed")]
    (cause,) = report["diagnoses"]
    assert cause["explains"] == ["KC911", "KC912"]


def test_the_order_of_columns_is_found_by_the_worker(run: Run) -> None:
    answers = SERVICES["columns reordered"](predict)
    with running(Stub(refuse_wrong_rows(answers, COLUMNS))) as stub:
        done = run(stub.url, "--select", "KC911")
    causes = [(one["cause"], one["confidence"]) for one in json.loads(done.out)["diagnoses"]]
    assert causes == [("endpoint-columns-reordered", "confirmed")]


@pytest.mark.parametrize(("raw", "status"), [(b"<html>", 200), (b"oops", 500)])
def test_no_answer_is_exit_3(run: Run, raw: bytes, status: int) -> None:
    with running(Stub(predict, raw=raw, status=status)) as stub:
        done = run(stub.url, "--select", "KC911")
    assert done.code == 3


def test_the_wrong_number_of_answers_is_exit_1(run: Run) -> None:
    with running(Stub(SERVICES["one answer missing"](predict))) as stub:
        done = run(stub.url, "--select", "KC911")
    assert done.code == 1
    assert [one["cause"] for one in json.loads(done.out)["diagnoses"]] == ["endpoint-answers-missing"]


@pytest.mark.parametrize("url", ["ftp://localhost/x", "http://user:secret@localhost/x", "nothing"])
def test_a_wrong_url_is_refused(run: Run, url: str) -> None:
    done = run(url, "--select", "KC911")
    assert done.code == 2
    assert "secret" not in done.err + done.out


def test_nothing_is_asked_without_an_endpoint(folder: Path, shared_fork_server: SharedForkServer) -> None:
    done = run_in_process(
        *("run", str(folder / "model.keras"), "--data", str(folder / "x.npy"), "--select", "KC101,KC911"),
        *("--format", "json"),
        fork_server=shared_fork_server,
    )
    statuses = {one["code"]: one["status"] for one in json.loads(done.out)["results"]}
    assert statuses["KC911"] == "skip"

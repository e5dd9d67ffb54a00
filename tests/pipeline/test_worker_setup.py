"""worker set-up: which processes a run needs, and which worker runs in which. No process is started."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keras_consistency_cli.checks.selection import selected
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.pipeline import worker_setup
from keras_consistency_cli.pipeline.inputs import Inputs
from keras_consistency_cli.pipeline.plan import Plan, route_table
from keras_consistency_cli.workers.deadline import Deadline


@dataclass(eq=False)
class FakeForkServer:
    """A fork server that starts nothing."""

    environment: dict[str, str] = field(default_factory=dict)

    def start(self, environment: dict[str, str], **_more: Any) -> None:
        self.environment = environment

    def __enter__(self) -> FakeForkServer:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.environment = {}


@dataclass(eq=False)
class FakeClient:
    """A worker without a process."""

    fork_server: FakeForkServer
    load: dict[str, Any]
    unprotected: tuple[str, ...] = ()
    ending: str | None = None

    def lost(self) -> str | None:
        return self.ending

    def close(self) -> None:
        self.load = {}


@pytest.fixture
def clients_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings to the workers that they get, and the fork server of each."""
    monkeypatch.setattr(worker_setup, "ForkServer", FakeForkServer)
    monkeypatch.setattr(
        worker_setup, "WorkerClient", lambda fork_server, load, **_more: FakeClient(fork_server, load)
    )
    monkeypatch.setattr(worker_setup, "build_load_request", lambda *_arguments, **_more: {"files": {}})

    def create(
        codes: tuple[str, ...] = ("KC101",), *, main_only: bool = False, **options: Any
    ) -> dict[str, Any]:
        settings = Settings.model_validate({"model": Path("m.keras"), "select": codes, **options})
        plan = Plan.of(selected(settings), route_table(settings))
        stack, inputs = ExitStack(), cast(Inputs, SimpleNamespace(archive=None, exports=()))
        fork_servers = worker_setup.start_fork_servers(settings, plan, stack, None, main_only=main_only)
        deadline = Deadline(answer=1.0)
        arguments = (settings, inputs, plan, fork_servers, stack, deadline)
        return cast("dict[str, Any]", worker_setup.create_workers(*arguments, main_only=main_only))

    return create


def test_an_ordinary_model_takes_one_interpreter_and_two_workers(clients_of: Any) -> None:
    clients = clients_of()
    assert sorted(clients) == ["float64", "fresh", "main"]
    assert clients["float64"] is clients["fresh"]
    assert clients["main"].fork_server is clients["fresh"].fork_server
    assert clients["main"] is not clients["fresh"]


@pytest.mark.parametrize("code", ["KC203", "KC302", "KC801"])
@pytest.mark.parametrize(
    "options",
    [
        {"custom_objects": [Path("layers.py")]},
        {"trust": {"code": True}},
        {"preprocess": "serve.py:prepare"},
    ],
)
def test_user_code_runs_in_another_interpreter_for_the_fresh_worker(
    clients_of: Any, options: dict[str, Any], code: str
) -> None:
    clients = clients_of((code,), **options)
    assert clients["fresh"].fork_server is not clients["main"].fork_server
    assert clients["float64"].fork_server is clients["main"].fork_server
    assert clients["fresh"].fork_server.environment == {"KERAS_BACKEND": "tensorflow"}


def test_user_code_is_not_imported_again_for_checks_that_compare_no_processes(clients_of: Any) -> None:
    clients = clients_of(("KC101", "KC204", "KC606"), custom_objects=[Path("layers.py")])
    assert clients["fresh"].fork_server is clients["main"].fork_server
    assert clients["float64"] is clients["fresh"]


def test_the_float64_copy_of_another_backend_runs_on_tensorflow(clients_of: Any) -> None:
    clients = clients_of(backend="jax")
    assert (clients["main"].fork_server.environment, clients["float64"].fork_server.environment) == (
        {"KERAS_BACKEND": "jax"},
        {"KERAS_BACKEND": "tensorflow"},
    )
    assert clients["fresh"].fork_server is clients["main"].fork_server


def test_workers_with_other_kernels_are_created_if_a_check_needs_them(clients_of: Any) -> None:
    clients = clients_of(("KC605",))
    assert clients["kernels"].fork_server is not clients["main"].fork_server
    assert clients["thread"].fork_server is clients["main"].fork_server
    assert "threads" in clients["thread"].load


def test_each_other_backend_has_a_process_of_its_own(clients_of: Any) -> None:
    clients = clients_of(("KC607",), backends=["tensorflow", "torch", "jax"])
    environments = {
        name: client.fork_server.environment
        for name, client in clients.items()
        if name.startswith("backend:")
    }
    assert environments == {
        "backend:torch": {"KERAS_BACKEND": "torch"},
        "backend:jax": {"KERAS_BACKEND": "jax"},
    }


def test_a_backend_that_no_selected_check_runs_on_is_not_started(clients_of: Any) -> None:
    clients = clients_of(("KC101",), backends=["tensorflow", "jax"])
    assert sorted(clients) == ["float64", "fresh", "main"]


def test_tensorflow_next_to_a_different_backend_is_the_process_of_the_float64_copy(clients_of: Any) -> None:
    clients = clients_of(("KC607",), backend="jax", backends=["tensorflow"])
    assert clients["backend:tensorflow"].fork_server is clients["float64"].fork_server
    assert clients["backend:tensorflow"] is not clients["float64"]


def test_workers_of_other_backends_load_the_model_with_their_first_route(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    def load_all(workers: list[Any], _load: Any) -> list[str]:
        asked.extend(workers)
        return ["facts"]

    monkeypatch.setattr(worker_setup, "map_concurrently", load_all)
    clients = {name: FakeClient(FakeForkServer(), {}) for name in ("main", "backend:jax")}
    worker_setup.load_workers(cast("dict[str, Any]", clients))
    assert asked == [clients["main"]]


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_baseline_needs_one_worker_only(clients_of: Any, backend: str) -> None:
    clients = clients_of(main_only=True, backend=backend, custom_objects=[Path("layers.py")])
    assert list(clients) == ["main"]
    assert clients["main"].fork_server.environment == {"KERAS_BACKEND": backend}


def test_lost_processes_and_missing_protection_are_reported_once() -> None:
    server = SimpleNamespace(lost=lambda: "gone")
    worker = FakeClient(FakeForkServer(), {}, unprotected=("network",), ending="killed")
    fine = FakeClient(FakeForkServer(), {}, unprotected=("network",))
    subject = SimpleNamespace(
        clients={"main": worker, "fresh": fine, "float64": fine},
        fork_servers=SimpleNamespace(processes=(server,)),
    )
    status = worker_setup.collect_worker_status(cast(worker_setup.LoadedSubject, subject))
    assert status == (("network",), ("killed", "gone"))

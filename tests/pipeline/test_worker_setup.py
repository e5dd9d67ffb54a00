"""seating: which processes a run needs, and who sits where. Fork servers and seats are played, so that nothing is imported."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.pipeline import worker_setup
from keras_consistency_cli.pipeline.collector import Plan
from keras_consistency_cli.routes.registry import routes


@dataclass(eq=False)
class Played:
    """A fork server that starts nothing."""

    environment: dict[str, str] = field(default_factory=dict)

    def start(self, environment: dict[str, str], **_more: Any) -> None:
        self.environment = environment

    def __enter__(self) -> Played:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.environment = {}


@dataclass(eq=False)
class Chair:
    """A seat in which nobody sits."""

    fork_server: Played
    load: dict[str, Any]
    unprotected: tuple[str, ...] = ()

    def close(self) -> None:
        self.load = {}


@pytest.fixture
def clients_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings to the seats that they get, and the fork server of each."""
    monkeypatch.setattr(worker_setup, "ForkServer", Played)
    monkeypatch.setattr(
        worker_setup, "WorkerClient", lambda fork_server, load, **_more: Chair(fork_server, load)
    )
    monkeypatch.setattr(worker_setup, "load_request", lambda *_given, **_more: {"files": {}})

    def client(codes: tuple[str, ...] = ("KC101",), **options: Any) -> dict[str, Chair]:
        settings = Settings.model_validate({"model": Path("m.keras"), **options})
        plan = Plan.of([check for check in CHECKS if check.code in codes], routes())
        stack = ExitStack()
        fork_servers = worker_setup.started(settings, stack, None)
        return worker_setup.create_workers(settings, None, plan, fork_servers, stack, None)  # type: ignore[arg-type, return-value]

    return client


def test_an_ordinary_model_takes_one_interpreter_and_two_workers(clients_of: Any) -> None:
    clients = clients_of()
    assert sorted(clients) == ["fresh", "main", "shadow"]
    assert clients["shadow"] is clients["fresh"]
    assert clients["main"].fork_server is clients["fresh"].fork_server
    assert clients["main"] is not clients["fresh"]


@pytest.mark.parametrize("options", [{"custom_objects": [Path("layers.py")]}, {"trust": {"code": True}}])
def test_code_of_the_users_own_is_loaded_afresh_in_another_interpreter(
    clients_of: Any, options: dict[str, Any]
) -> None:
    clients = clients_of(**options)
    assert clients["fresh"].fork_server is not clients["main"].fork_server
    assert clients["shadow"].fork_server is clients["main"].fork_server
    assert clients["fresh"].fork_server.environment == {"KERAS_BACKEND": "tensorflow"}


def test_the_shadow_of_another_backend_runs_tensorflow(clients_of: Any) -> None:
    clients = clients_of(backend="jax")
    assert (clients["main"].fork_server.environment, clients["shadow"].fork_server.environment) == (
        {"KERAS_BACKEND": "jax"},
        {"KERAS_BACKEND": "tensorflow"},
    )
    assert clients["fresh"].fork_server is clients["main"].fork_server


def test_other_kernels_are_seated_where_a_check_asks_for_them(clients_of: Any) -> None:
    clients = clients_of(("KC605",))
    assert clients["kernels"].fork_server is not clients["main"].fork_server
    assert clients["thread"].fork_server is clients["main"].fork_server
    assert "threads" in clients["thread"].load

"""seating: which processes a run needs, and who sits where. Nurseries and seats are played, so that nothing is imported."""

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
    """A nursery that starts nothing."""

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

    nursery: Played
    load: dict[str, Any]
    unprotected: tuple[str, ...] = ()

    def close(self) -> None:
        self.load = {}


@pytest.fixture
def seat_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings to the seats that they get, and the nursery of each."""
    monkeypatch.setattr(worker_setup, "Nursery", Played)
    monkeypatch.setattr(worker_setup, "Seat", lambda nursery, load, **_more: Chair(nursery, load))
    monkeypatch.setattr(worker_setup, "load_request", lambda *_given, **_more: {"files": {}})

    def seat(codes: tuple[str, ...] = ("KC101",), **options: Any) -> dict[str, Chair]:
        settings = Settings.model_validate({"model": Path("m.keras"), **options})
        plan = Plan.of([check for check in CHECKS if check.code in codes], routes())
        stack = ExitStack()
        nurseries = worker_setup.started(settings, stack, None)
        return worker_setup.seated(settings, None, plan, nurseries, stack, None)  # type: ignore[arg-type, return-value]

    return seat


def test_an_ordinary_model_takes_one_interpreter_and_two_workers(seat_of: Any) -> None:
    seats = seat_of()
    assert sorted(seats) == ["fresh", "main", "shadow"]
    assert seats["shadow"] is seats["fresh"]
    assert seats["main"].nursery is seats["fresh"].nursery
    assert seats["main"] is not seats["fresh"]


@pytest.mark.parametrize("options", [{"custom_objects": [Path("layers.py")]}, {"trust": {"code": True}}])
def test_code_of_the_users_own_is_loaded_afresh_in_another_interpreter(
    seat_of: Any, options: dict[str, Any]
) -> None:
    seats = seat_of(**options)
    assert seats["fresh"].nursery is not seats["main"].nursery
    assert seats["shadow"].nursery is seats["main"].nursery
    assert seats["fresh"].nursery.environment == {"KERAS_BACKEND": "tensorflow"}


def test_the_shadow_of_another_backend_runs_tensorflow(seat_of: Any) -> None:
    seats = seat_of(backend="jax")
    assert (seats["main"].nursery.environment, seats["shadow"].nursery.environment) == (
        {"KERAS_BACKEND": "jax"},
        {"KERAS_BACKEND": "tensorflow"},
    )
    assert seats["fresh"].nursery is seats["main"].nursery


def test_other_kernels_are_seated_where_a_check_asks_for_them(seat_of: Any) -> None:
    seats = seat_of(("KC605",))
    assert seats["kernels"].nursery is not seats["main"].nursery
    assert seats["thread"].nursery is seats["main"].nursery
    assert "threads" in seats["thread"].load

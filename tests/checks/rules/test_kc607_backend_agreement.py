"""KC607: other backends give the outputs of the backend in use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc607_backend_agreement import CHECK
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.setting_types import OwnerFacts
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.routes.trace import Change, Trace
from tests.checks.conftest import NOISE

JAX, TORCH = "predict@jax", "predict@torch"


def verdict(world: Any, answers: dict[str, Any], *backends: str, **changed: Any) -> Verdict:
    """The verdict of a run with these other backends."""
    backends = backends or ("jax",)
    settings = Settings.model_validate({"model": "m.keras", "backends": list(backends)})
    result: Verdict = world.where(answers, backends=backends, **changed).verdict(CHECK.configured(settings))
    return result


@pytest.mark.parametrize(
    ("by", "status"), [(0.0, Status.PASS), (NOISE, Status.PASS), (6 * NOISE, Status.FAIL), (0.5, Status.FAIL)]
)
def test_the_limit_is_the_rounding_noise_of_the_model(
    world: Any, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    result = verdict(world, {JAX: world.moved(by)})
    assert result.status is status
    assert result.message == wording


def test_without_backends_it_is_not_offered_and_compares_nothing(world: Any) -> None:
    assert not CHECK.is_offered(Settings.model_validate({"model": "m.keras"}))
    assert world.verdict(CHECK).status is Status.SKIP


def test_one_wrong_backend_of_two_decides(world: Any) -> None:
    result = verdict(world, {TORCH: world.moved(0.5)}, "jax", "torch")
    assert (result.status, result.findings["backend"]) == (Status.FAIL, "torch")
    statuses = {label: each["status"] for label, each in result.findings["backends"].items()}
    assert statuses == {"jax": "pass", "torch": "fail"}


def test_nan_on_one_backend_only_fails(world: Any) -> None:
    values = world.predict.copy()
    values[3] = np.nan
    assert verdict(world, {JAX: values}).status is Status.FAIL


@pytest.mark.parametrize(
    ("raised", "status", "cause"),
    [
        ("ValueError", Status.FAIL, "backend-refuses-layer"),
        ("MemoryError", Status.ERROR, None),
        ("", Status.ERROR, None),
    ],
)
def test_a_model_that_cannot_run_there_fails_and_a_process_that_ended_is_an_error(
    world: Any, raised: str, status: Status, cause: str | None, wording: SnapshotAssertion
) -> None:
    details = {"raised": raised} if raised else {}
    result = verdict(world, {JAX: Trace(route="", error="it went wrong", details=details)})
    assert (result.status, result.findings.get("cause")) == (status, cause)
    assert result.message == wording


@pytest.mark.parametrize(("accepted", "status"), [("reported", Status.WARN), ("accepted", Status.PASS)])
def test_float32_in_the_place_of_float64_is_a_warning(make_world: Any, accepted: str, status: Status) -> None:
    world = make_world()
    in_float64 = {"predict": world.exact, "predict-again": world.exact}
    data = DataContext(owner=OwnerFacts(low_precision=accepted))
    near = world.exact + 2.0**-22
    assert verdict(world, {**in_float64, JAX: near}, data=data).status is status
    far = world.exact + 1e-3
    assert verdict(world, {**in_float64, JAX: far}, data=data).status is Status.FAIL


def test_random_predictions_are_not_compared(world: Any) -> None:
    drawing = Trace(
        route="",
        outputs={"out": world.predict},
        changed=(Change(path="seed", kind="seed", max_abs=1.0),),
    )
    assert verdict(world, {"predict": drawing, JAX: world.moved(0.5)}).status is Status.SKIP
    unsteady = {"predict-again": world.moved(0.5), JAX: world.moved(0.5)}
    assert verdict(world, unsteady).status is Status.SKIP

"""KC605: oneDNN and threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.kc605_cpu_kernels import CHECK
from keras_consistency_cli.routes.base import Trace
from tests.checks.conftest import NOISE


def test_rounding_passes(world: Any) -> None:
    assert world.where({"other-kernels": world.predict + np.float32(NOISE)}).verdict(CHECK).status is Status.PASS


def test_more_than_rounding_fails(world: Any) -> None:
    found = world.where({"other-kernels": world.moved(1e-2)}).verdict(CHECK)
    assert (found.status, found.findings) == (Status.FAIL, {"cause": "kernel-dependent"})


def test_nan_that_one_kernel_swallows_fails(world: Any) -> None:
    holed = world.predict.copy()
    holed[3] = np.nan
    assert world.where({"other-kernels": holed}).verdict(CHECK).status is Status.FAIL


def test_other_backends_are_skipped(world: Any) -> None:
    found = world.where(facts={"backend": "jax"}).verdict(CHECK)
    assert (found.status, found.reason) == (Status.SKIP, "other-kernels: the switches are those of TensorFlow; the backend is jax")


def test_crash(world: Any, crashed: Trace) -> None:
    assert world.where({"other-kernels": crashed}).verdict(CHECK).status is Status.ERROR


def test_it_runs_on_request_only() -> None:
    assert CHECK.on_request

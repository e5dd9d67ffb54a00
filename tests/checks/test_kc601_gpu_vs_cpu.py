"""KC601: accelerators against the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.kc601_gpu_vs_cpu import CHECK
from keras_consistency_cli.routes.base import Trace
from tests.checks.conftest import NOISE

GPU = {"devices": ("cpu:0", "gpu:0")}


def test_without_an_accelerator_it_is_skipped(world: Any) -> None:
    found = world.where(facts={"devices": ("cpu:0",)}).verdict(CHECK)
    reasons = "on-cpu, without-tf32: no accelerator is visible to tensorflow"
    assert (found.status, found.reason) == (Status.SKIP, reasons)


def test_rounding_passes_and_is_told(world: Any) -> None:
    found = world.where({"on-cpu": world.predict + np.float32(NOISE)}, facts=GPU).verdict(CHECK)
    words = "devices agree: the CPU 2.7e-05 of the greatest output, TF32 switched off 0.0e+00 of the greatest output"
    assert (found.status, found.message) == (Status.PASS, words)
    assert set(found.findings) == {"on-cpu", "without-tf32"}


def test_more_than_rounding_fails(world: Any) -> None:
    found = world.where({"on-cpu": world.moved(1e-2)}, facts=GPU).verdict(CHECK)
    assert (found.status, found.findings["cause"]) == (Status.FAIL, "device-precision")
    assert found.message.startswith("devices differ, by up to 0.01")


def test_nan_on_one_device_fails(world: Any) -> None:
    holed = world.predict.copy()
    holed[1] = np.nan
    assert world.where({"on-cpu": holed}, facts=GPU).verdict(CHECK).status is Status.FAIL


def test_crash(world: Any, crashed: Trace) -> None:
    assert world.where({"without-tf32": crashed}, facts=GPU).verdict(CHECK).status is Status.ERROR

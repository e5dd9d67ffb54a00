"""KC403: the effect of adapting again, as information."""

from __future__ import annotations

from typing import Any

import numpy as np
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc403_adapt_at_prediction import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.trace import Trace


def test_the_effect_is_reported_and_passes(world: Any, wording: SnapshotAssertion) -> None:
    everything = Trace(
        route="", outputs={"out": world.moved(0.25)}, details={"shifts": {"norm": 1.5}, "batch": 32}
    )
    single = Trace(
        route="",
        outputs={"out": world.moved(0.5, range(32))[:16]},
        rows=np.arange(16),
        details={"shifts": {"norm": 3.0}, "batch": 1},
    )
    verdict = world.where({"adapt-all": everything, "adapt-single": single}).verdict(CHECK)
    assert verdict.status is Status.PASS
    assert verdict.message == wording
    assert verdict.findings["mean_moves_by_deviations"] == {
        "adapt-all": {"norm": 1.5},
        "adapt-batches": {},
        "adapt-single": {"norm": 3.0},
    }


def test_a_model_without_normalization_is_skipped(world: Any, wording: SnapshotAssertion) -> None:
    trace = Trace(route="", details={"reason": "the model has no Normalization layer"})
    verdict = world.where(dict.fromkeys(("adapt-all", "adapt-batches", "adapt-single"), trace)).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.SKIP, wording)


def test_a_crash_is_an_error(world: Any, crashed: Trace) -> None:
    verdict = world.where({"adapt-batches": crashed}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.ERROR, "adapt-batches: ValueError: boom")

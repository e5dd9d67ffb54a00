"""KC602: the model's own rounding noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.kc602_float32_vs_float64 import CHECK
from keras_consistency_cli.routes.base import Change, Trace


def test_quiet(world: Any) -> None:
    found = world.verdict(CHECK)
    assert (found.status, found.message) == (Status.PASS, "rounding noise is 3.1e-05, 2.7e-05 of the greatest output")


@pytest.mark.parametrize(("noise", "low", "status"), [(1e-3, (), Status.PASS), (2e-3, (), Status.WARN), (2e-3, ("mixed_float16",), Status.PASS)])
def test_loud(world: Any, noise: float, low: tuple[str, ...], status: Status) -> None:
    found = world.where({"predict-float64": world.predict.astype(float) + noise}, facts={"low_precision": low}).verdict(CHECK)
    assert found.status is status
    assert ("amplifies rounding" in found.message, "mixed_float16" in found.message) == (status is Status.WARN, bool(low))


def test_the_loudest_output_is_told(world: Any) -> None:
    answers = {"predict": {"a": world.predict, "b": world.predict}, "predict-float64": {"a": world.exact, "b": world.predict + 0.5}}
    assert world.where(answers).verdict(CHECK).message.startswith("rounding noise is 5.0e-01")


def test_few_rows_are_told(make_world: Any) -> None:
    assert make_world(8).verdict(CHECK).message.endswith("(from 8 rows only: limits are widened)")


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    found = [world.where({"predict-float64": each}).verdict(CHECK) for each in (crashed, missing)]
    expected = [(Status.ERROR, "predict-float64: ValueError: boom"), (Status.SKIP, "not on this machine")]
    assert [(each.status, each.reason) for each in found] == expected
    assert {each.message for each in found} == {"rounding noise is not known; limits are 1e-4 of the output"}


def test_a_crash_of_predict_is_an_error(world: Any, crashed: Trace) -> None:
    found = world.where({"predict": crashed}).verdict(CHECK)
    assert (found.status, found.reason) == (Status.ERROR, "predict: ValueError: boom")


def test_answers_at_random_are_no_rounding(world: Any) -> None:
    random = Trace(route="", outputs={"out": world.predict}, changed=(Change(path="seed", kind="seed", max_abs=1.0),))
    found = world.where({"predict": random, "predict-again": world.moved(0.1)}).verdict(CHECK)
    assert (found.status, found.reason) == (Status.SKIP, "predict gives no numbers, or not the same ones twice")


def test_words_have_no_noise(world: Any) -> None:
    words = np.array([["cat"]] * 32)
    assert world.where({"predict": words, "predict-float64": words}).verdict(CHECK).status is Status.SKIP

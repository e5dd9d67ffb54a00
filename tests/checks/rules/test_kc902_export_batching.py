"""KC902: rows do not influence each other in exports."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.checks.rules.kc902_export_batching import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import Trace
from tests.checks.conftest import NOISE
from tests.helpers.export_worlds import LABEL, interface, refused, verdict

NEIGHBOURS = f"companions@{LABEL}"


@pytest.mark.parametrize("route", ["one-by-one", "batch-7", "shuffled"])
def test_every_way_of_batching_is_compared(world: Any, route: str) -> None:
    assert verdict(world, CHECK, {f"{route}@{LABEL}": world.moved(NOISE)}).status is Status.PASS
    assert verdict(world, CHECK, {f"{route}@{LABEL}": world.moved(0.5)}).status is Status.FAIL


def test_replaced_neighbours_may_not_change_one_bit(world: Any) -> None:
    result = verdict(world, CHECK, {NEIGHBOURS: world.moved(2.0**-20)})
    assert (result.status, result.findings["cause"]) == (Status.FAIL, "export-neighbours")


def test_a_model_that_mixes_rows_itself_says_nothing_about_its_export(world: Any) -> None:
    answers = {NEIGHBOURS: world.moved(0.5), "companions": world.moved(0.5)}
    assert verdict(world, CHECK, answers).status is Status.SKIP


def test_a_fixed_batch_size_is_a_warning(world: Any) -> None:
    result = verdict(world, CHECK, {f"interface@{LABEL}": interface(fixed_batch=1)})
    assert (result.status, result.findings["cause"]) == (Status.WARN, "export-batch-frozen")


def test_rounding_of_low_precision_is_not_a_neighbour(world: Any) -> None:
    answers = {f"one-by-one@{LABEL}": world.moved(0.01), f"interface@{LABEL}": interface(precision="float16")}
    assert verdict(world, CHECK, answers).status is Status.PASS


def test_state_is_not_compared_by_order(world: Any) -> None:
    facts = {"layers": (LayerFact(path="gru", kind="GRU", stateful=True),)}
    assert verdict(world, CHECK, {f"shuffled@{LABEL}": world.moved(0.5)}, facts=facts).status is Status.PASS


def test_refusal_and_crash(world: Any, crashed: Trace) -> None:
    absent = refused("no runtime", "package-missing")
    assert verdict(world, CHECK, {f"interface@{LABEL}": absent}).status is Status.SKIP
    assert verdict(world, CHECK, {f"one-by-one@{LABEL}": crashed}).status is Status.ERROR

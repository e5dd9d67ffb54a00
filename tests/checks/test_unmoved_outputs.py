"""Generated rows that do not move the outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc101_batch_vs_single import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.routes.calling.output_variation import describe_variation
from keras_consistency_cli.routes.trace import Trace

GENERATED = DataContext(description=DataFacts(generated=True))


def predicted(outputs: np.ndarray) -> Trace:
    """The route `predict`, which describes how its outputs vary."""
    rows, named = {"x": np.arange(len(outputs))}, {"out": outputs}
    return Trace(route="", outputs=named, details={"variation": describe_variation(rows, named)})


def judged(
    world: Any,
    outputs: np.ndarray,
    exact: np.ndarray,
    data: DataContext = GENERATED,
) -> Status:
    answers: dict[str, Any] = dict.fromkeys(("one-by-one", "single-predict"), outputs)
    answers["predict"] = predicted(outputs)
    answers |= dict.fromkeys(("predict-float64", "one-by-one-float64", "single-predict-float64"), exact)
    status: Status = world.where(answers, data=data).verdict(CHECK).status
    return status


@pytest.mark.parametrize(("data", "status"), [(GENERATED, Status.ERROR), (DataContext(), Status.PASS)])
def test_equal_outputs_give_no_verdict_on_generated_rows(
    world: Any, data: DataContext, status: Status
) -> None:
    ones = np.ones((32, 1), np.float32)
    assert judged(world, ones, ones - 2e-17, data) is status


def test_certain_classes_give_no_verdict(world: Any) -> None:
    classes = np.eye(2, dtype=np.float32)[np.arange(32) % 2]
    assert judged(world, classes, classes + 2e-63) is Status.ERROR
    assert judged(world, classes, classes + 2e-63, DataContext()) is Status.PASS


def test_outputs_that_move_are_compared(world: Any) -> None:
    assert world.where(data=GENERATED).verdict(CHECK).status is Status.PASS
    exact = np.linspace(0, 8, 32).reshape(-1, 1)
    assert judged(world, exact.astype(np.float32), exact.astype(np.float32).astype(float)) is Status.PASS


def test_a_difference_is_a_failure_all_the_same(world: Any) -> None:
    ones = np.ones((32, 1), np.float32)
    differing = world.where(
        {"predict": predicted(ones), "predict-float64": ones.astype(float), "one-by-one": ones / 2},
        data=GENERATED,
    )
    assert differing.verdict(CHECK).status is Status.FAIL

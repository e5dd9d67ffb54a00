"""Routes of reduced precision, on live models."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.numerics.low_precision.reduced_precision import LOWERING_ROUTES
from keras_consistency_cli.routes.trace import Result
from tests.helpers.live_models import HEALTHY, Boxes, chain, mixed, mlp, named_rows, session_of

TABLE = {route.name: route for route in LOWERING_ROUTES}


def run(route: str, built: tuple[Any, Any]) -> tuple[Result, dict[str, np.ndarray]]:
    session = session_of(built)
    session.subject = Subject(files=SubjectFiles(model="m"), model=built[0], facts=session.facts)
    rows = named_rows(built[1], session.facts)
    result = TABLE[route].run(session, rows)
    return result, session.call(rows, training=False)


@pytest.mark.parametrize("name", [name for name in HEALTHY if name != "mixed_float16"])
@pytest.mark.parametrize("route", sorted(TABLE))
def test_outputs_are_near_and_less_precise(name: str, route: str) -> None:
    result, full = run(route, HEALTHY[name]())
    for output, values in result.outputs.items():
        distance = np.abs(values - full[output][: len(values)]).max() / np.abs(full[output]).max()
        assert 1e-7 < distance < 5e-2


def test_overflow_shows() -> None:
    model, rows = chain((4,), layers.Rescaling(1e6), layers.Dense(2))
    half, _ = run("mixed-float16", (model, rows))
    brain, _ = run("mixed-bfloat16", (model, rows))
    assert not np.isfinite(next(iter(half.outputs.values()))).all()
    assert np.isfinite(next(iter(brain.outputs.values()))).all()


def test_the_global_policy_stays_as_it_was() -> None:
    run("mixed-float16", mlp())
    assert keras.config.dtype_policy().name == "float32"


def test_models_that_are_not_lowered_give_a_reason(wording: SnapshotAssertion) -> None:
    plain, low = session_of(mlp()).facts, session_of(mixed()).facts
    large = type(plain)(**{**vars(plain), "parameters": 30_000_000})
    assert TABLE["mixed-float16"].unavailable(plain) is None
    assert [TABLE["mixed-float16"].unavailable(facts) for facts in (low, large)] == wording


def test_a_copy_that_fails_although_the_model_does_not_is_refused() -> None:
    result, full = run("mixed-float16", chain((6,), layers.Dense(4), Boxes()))
    assert (result.outputs, result.details.keys()) == ({}, {"refused"})
    assert "mixed_float16" in result.details["refused"]
    assert next(iter(full.values())).shape == (10, 2)

"""Routes of devices: on a machine without an accelerator they give what predict gives, and leave the switches as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_consistency_cli.loading.subject import Subject, SubjectFiles
from keras_consistency_cli.routes.devices import DEVICE_ROUTES, accelerators
from tests.routes.live_models import HEALTHY, mlp, named_rows, session_of

TABLE = {route.name: route for route in DEVICE_ROUTES}


@pytest.mark.parametrize("name", ["mlp", "lstm", "dict inputs", "nested"])
@pytest.mark.parametrize("route", ["on-cpu", "without-tf32", "other-kernels"])
def test_answers_are_those_of_a_call(name: str, route: str, tmp_path: Path) -> None:
    model, rows = HEALTHY[name]()
    model.save(tmp_path / "model.keras")
    session = session_of((model, rows))
    session.subject = Subject(files=SubjectFiles(model=str(tmp_path / "model.keras")), model=model, facts=session.facts)
    named = named_rows(rows, session.facts)
    result = TABLE[route].run(session, named)
    for output, values in session.call(named, training=False).items():
        assert len(result.outputs[output]) == len(result.rows if result.rows is not None else values)
        np.testing.assert_allclose(result.outputs[output], values[: len(result.outputs[output])], atol=1e-5)


def test_tf32_is_left_as_it_was() -> None:
    built = mlp()
    session = session_of(built)
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    TABLE["without-tf32"].run(session, named_rows(built[1], session.facts))
    assert tf.config.experimental.tensor_float_32_execution_enabled() == before


def test_accelerators_are_what_is_no_cpu() -> None:
    facts = session_of(mlp()).facts
    equipped = type(facts)(**{**vars(facts), "devices": ("cpu:0", "gpu:0", "gpu:1")})
    assert (accelerators(facts), accelerators(equipped)) == ((), ("gpu:0", "gpu:1"))
    assert TABLE["on-cpu"].unavailable(facts) == "no accelerator is visible to tensorflow"
    assert TABLE["on-cpu"].unavailable(equipped) is None

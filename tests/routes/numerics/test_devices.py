"""Routes of devices, on a machine without an accelerator."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.numerics import devices
from keras_consistency_cli.routes.numerics.devices import (
    DEVICE_ROUTES,
    MAX_ACCELERATORS,
    find_accelerators,
    numbered_route,
)
from tests.helpers.live_models import HEALTHY, mlp, named_rows, session_of

TABLE = {route.name: route for route in DEVICE_ROUTES}
ROOT = Path(__file__).resolve().parents[3]


def placed(built: Any, folder: Path) -> Any:
    """A session whose model is also saved in a file."""
    built[0].save(folder / "model.keras")
    session = session_of(built)
    session.subject = Subject(
        files=SubjectFiles(model=str(folder / "model.keras")), model=built[0], facts=session.facts
    )
    return session


@pytest.mark.parametrize("name", ["mlp", "lstm", "dict inputs", "nested"])
@pytest.mark.parametrize("route", ["on-cpu", "without-tf32", "with-tf32"])
def test_outputs_are_those_of_a_call(name: str, route: str, tmp_path: Path) -> None:
    model, rows = HEALTHY[name]()
    session = placed((model, rows), tmp_path)
    named = named_rows(rows, session.facts)
    result = TABLE[route].run(session, named)
    for output, values in session.call(named, training=False).items():
        assert len(result.outputs[output]) == len(result.rows if result.rows is not None else values)
        np.testing.assert_allclose(result.outputs[output], values[: len(result.outputs[output])], atol=1e-5)


@pytest.mark.parametrize(("route", "inside"), [("without-tf32", False), ("with-tf32", True)])
def test_tf32_is_switched_and_left_as_it_was(
    route: str, inside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = mlp()
    session, seen = session_of(built), []
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    usual, call = enabled(), session.call
    monkeypatch.setattr(
        session, "call", lambda *args, **kwargs: (seen.append(enabled()), call(*args, **kwargs))[1]
    )
    TABLE[route].run(session, named_rows(built[1], session.facts))
    assert (set(seen), enabled()) == ({inside}, usual)


def test_recurrent_layers_do_not_use_cudnn_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = HEALTHY["lstm"]()
    session, used, call_in_batches = placed(built, tmp_path), [], devices._call_in_batches
    flags = lambda model: [layer.use_cudnn for layer in model.layers if isinstance(layer, keras.layers.LSTM)]  # noqa: E731
    monkeypatch.setattr(
        devices,
        "_call_in_batches",
        lambda copy, rows: (used.extend(flags(copy.model)), call_in_batches(copy, rows))[1],
    )
    TABLE["on-cpu"].run(session, named_rows(built[1], session.facts))
    assert (used, flags(built[0])) == ([False], ["auto"])


def test_accelerators_are_all_devices_but_cpus(wording: SnapshotAssertion) -> None:
    facts = session_of(mlp()).facts
    equipped = type(facts)(**{**vars(facts), "devices": ("cpu:0", "gpu:0", "gpu:1")})
    assert (find_accelerators(facts), find_accelerators(equipped)) == ((), ("gpu:0", "gpu:1"))
    (invisible,) = {TABLE[name].unavailable(facts) for name in TABLE}
    for name in ("on-cpu", "without-tf32", "with-tf32", "on-accelerator-1", "without-tf32-1"):
        assert TABLE[name].unavailable(equipped) is None
    assert len(TABLE) == 2 * MAX_ACCELERATORS + 1
    assert [invisible, TABLE["on-accelerator-2"].unavailable(equipped)] == wording


def test_the_first_accelerator_has_no_number() -> None:
    assert [numbered_route("without-tf32", number) for number in (0, 3)] == ["without-tf32", "without-tf32-3"]


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_accelerators_are_really_used(backend: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    settings = {
        "KERAS_BACKEND": backend,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=3",
        "PYTHONPATH": path,
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", "tests.helpers.several_devices", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, check=True
    )
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["devices"] == ["cpu:0", "cpu:1", "cpu:2"]
    assert set(seen["routes"]) == {
        "on-cpu",
        "without-tf32",
        "with-tf32",
        "on-accelerator-1",
        "without-tf32-1",
    }
    for name, entry in seen["routes"].items():
        number = "2" if name.endswith("-1") else "0"
        assert {device.rstrip(")")[-1] for device in entry["devices"]} == {number}, name
        assert (entry["difference"] < 1e-5, entry["rows"]) == (True, 16)

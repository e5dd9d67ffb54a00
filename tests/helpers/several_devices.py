"""Run the routes of devices on a CPU that is split into three devices, and print the results as JSON.

The last two devices represent accelerators. This has to be a separate process, because a backend reads the
number of devices once. Usage: python -m tests.helpers.several_devices FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.numerics import devices
from keras_consistency_cli.routes.session.session import RunOptions, Session

SEEN: list[str] = []


@keras.saving.register_keras_serializable(package="several")
class Where(keras.layers.Layer):
    """Records the devices of its inputs and its weight; symbolic tensors have none."""

    def build(self, input_shape: Any) -> None:
        self.shift = self.add_weight(shape=(), initializer="zeros", name="shift")

    def call(self, inputs: Any) -> Any:
        SEEN.extend(
            filter(None, (str(getattr(tensor, "device", "")) for tensor in (inputs, self.shift.value)))
        )
        return inputs + self.shift


def _split() -> None:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)


def main(folder: Path) -> None:
    """Save a model, run every route for two accelerators, and print devices and differences."""
    _split()
    setattr(devices, "find_accelerators", lambda facts: facts.devices[1:])  # noqa: B010 - accelerators for the test
    keras.utils.set_random_seed(1)
    rows = {"x": np.random.default_rng(0).normal(size=(20, 6)).astype("float32")}
    parts = [
        keras.Input((6,), name="x"),
        keras.layers.Dense(8, activation="tanh"),
        Where(name="where"),
        keras.layers.Dense(2, name="out"),
    ]
    model = keras.Sequential(parts)
    model.save(folder / "model.keras")
    facts = describe_model(model)
    session = Session(model, facts, RunOptions(batch_size=8))
    session.subject = Subject(files=SubjectFiles(model=str(folder / "model.keras")), model=model, facts=facts)
    expected, results = session.predict(rows), {}
    for route in devices.DEVICE_ROUTES:
        if route.unavailable(facts) is None:
            SEEN.clear()
            (candidate,) = route.run(session, rows).outputs.values()
            (reference,) = expected.values()
            results[route.name] = {
                "devices": sorted(set(SEEN)),
                "difference": float(np.abs(candidate - reference[: len(candidate)]).max()),
                "rows": len(candidate),
            }
    print(json.dumps({"devices": facts.devices, "routes": results}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""hold-clock: the same call at one time and at others."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_consistency_cli.routes.calling.clock import CLOCK_ROUTES
from tests.helpers.live_models import chain, session_of


@keras.saving.register_keras_serializable("test_clock")
class Timed(layers.Layer):
    """Adds the time, in hours, a random number, or nothing."""

    def __init__(self, what: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.what = what

    def call(self, inputs: Any) -> Any:
        """Add it to the inputs."""
        hours = tf.cast(tf.timestamp() / 3600.0 - 472000.0, tf.float32)
        added = {"time": hours, "weekday": (hours // 24) % 7, "random": tf.random.normal(()), "none": 0.0}
        return inputs + added[self.what]


@pytest.mark.parametrize(
    ("what", "repeats", "moves"),
    [("time", True, True), ("weekday", True, True), ("random", False, True), ("none", True, False)],
)
def test_outputs_repeat_with_the_clock_stopped(what: str, repeats: bool, moves: bool) -> None:
    model, _ = chain((3,), Timed(what))
    rows = {model.inputs[0].name: np.ones((4, 3), np.float32)}
    details = CLOCK_ROUTES[0].run(session_of((model, rows)), rows).details
    assert (details["held"] == 0, details["moved"] > 0) == (repeats, moves)

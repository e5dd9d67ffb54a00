"""Layers that take a count, random numbers or the time in call(), for the cases of reports_unsteady.py.

kcheck imports this file with --custom-objects: it imports nothing of the tests.
"""

from __future__ import annotations

import datetime
import math
import time
from datetime import datetime as moment
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

__all__ = ["Aged", "FadedIn", "Stamped", "Thinned"]

_PACKAGE = "reports_unsteady"


@keras.saving.register_keras_serializable(package=_PACKAGE)
class FadedIn(layers.Layer):
    """Lets its inputs in step by step over the first calls.

    Args:
        where: attribute, mapping (the count is a number of Python, held there), or training (it counts in
            training only).
    """

    def __init__(self, where: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.where, self.steps, self.counts = where, 0, _Counts()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the inputs times a share that grows with each call."""
        if self.where == "mapping":
            self.counts.steps += 1
            return inputs * (1 - 0.6**self.counts.steps)
        if self.where == "attribute" or training:
            self.steps += 1
        return inputs * (1 - 0.6**self.steps) if self.where == "attribute" or training else inputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "where": self.where}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Thinned(layers.Layer):
    """Leaves out some of the features, always the same ones of each position in the batch.

    Args:
        how: dropout or noise, in each call, or training (dropout in training only).
    """

    def __init__(self, how: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how = how

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Draw from a fixed seed."""
        if self.how == "noise":
            return inputs + 0.3 * keras.random.normal(keras.ops.shape(inputs), seed=77)
        return keras.random.dropout(inputs, 0.25, seed=77) if training or self.how == "dropout" else inputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "how": self.how}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Aged(layers.Layer):
    """Turns the first column, a time in hours, into how long ago that is, or adds the season or the hour.

    Args:
        by: hours (since the time in the row), daily (a wave of a day), column (the time of now is the last
            column), or printed (as column, and the clock is only printed).
    """

    def __init__(self, by: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by = by

    def call(self, inputs: Any) -> Any:
        """Compute with the clock, or with a column."""
        if self.by == "hours":
            now = keras.ops.cast(tf.timestamp() / 3600.0 - 472000.0, inputs.dtype)
            return keras.ops.concatenate([(now - inputs[:, :1]) / 1000.0, inputs[:, 1:]], axis=-1)
        if self.by == "daily":
            day = tf.timestamp() / 86400.0
            angle = keras.ops.cast(2 * math.pi * (day - tf.floor(day)), inputs.dtype)
            return inputs * (1.0 + 0.5 * keras.ops.sin(angle))
        if self.by == "printed":
            tf.print(tf.timestamp(), output_stream="file:///dev/null")
        return keras.ops.concatenate([inputs[:, -1:] - inputs[:, :1], inputs[:, 1:]], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "by": self.by}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Stamped(layers.Layer):
    """Computes with NumPy, and with the clock of Python, or not.

    Args:
        by: hour, weekday or local (the clock), traced (the clock, outside of a function of NumPy), timed (it
            only measures how long it takes), or dates (of the first column).
    """

    def __init__(self, by: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by = by

    def call(self, inputs: Any) -> Any:
        """Pass the inputs to a function of NumPy."""
        if self.by == "traced":
            return inputs * (1.0 + time.time() % 5.0)
        outputs = tf.numpy_function(self._compute, [inputs], tf.float32)
        return tf.ensure_shape(outputs, inputs.shape)

    def _compute(self, values: np.ndarray) -> np.ndarray:
        start = time.time()
        if self.by == "hour":
            values = values + np.float32((start / 3600.0) % 24.0 / 24.0)
        elif self.by == "weekday":
            values = values * np.float32(1 + datetime.date.today().weekday())
        elif self.by == "local":
            from datetime import datetime as local

            values = values + np.float32(local.now().month)
        elif self.by == "dates":
            days = [moment(2024, 1, 1) + datetime.timedelta(days=float(day)) for day in values[:, 0]]
            values = values + np.array([[day.timetuple().tm_yday / 366.0] for day in days])
        self.seconds = f"{time.time() - start:.3f}"
        return values.astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "by": self.by}


class _Counts:
    """An object that Keras does not track."""

    steps = 0

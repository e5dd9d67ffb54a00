"""The model of the services that continue sequences of requests."""

from __future__ import annotations

import keras

from tests.helpers.recurrent import FEATURES, STEPS, UNITS, WEIGHTS

__all__ = ["recurrent_model"]


def recurrent_model() -> keras.Model:
    """Return the model with a stateful layer, for one series at a time."""
    memory = keras.layers.SimpleRNN(UNITS, stateful=True, name="memory")
    model = keras.Sequential([keras.Input((STEPS, FEATURES), batch_size=1), memory, keras.layers.Dense(2)])
    model.set_weights(WEIGHTS)
    return model

"""Registered layers of `reports_batches`, for --custom-objects."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

register = keras.saving.register_keras_serializable(package="corpus-batches")


@register
class Characters(layers.Layer):
    """The characters of a text as numbers, padded to the longest text of the batch or to a fixed length."""

    def __init__(self, length: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length = length

    def call(self, texts: Any) -> Any:
        """Split each text into bytes."""
        split = tf.strings.bytes_split(ops.reshape(texts, (-1,)))
        codes = tf.ragged.map_flat_values(lambda each: tf.io.decode_raw(each, tf.uint8)[:, 0], split)
        return tf.cast(codes.to_tensor(shape=(None, self.length)), "int32")

    def compute_output_spec(self, texts: Any) -> Any:
        """Return numbers for each character."""
        return keras.KerasTensor((texts.shape[0], self.length), dtype="int32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "length": self.length}


@register
class Folded(layers.Layer):
    """The rows folded into this many and back, which only such numbers of rows allow; 0 folds none.

    TensorFlow's optimizer of graphs removes both reshapes, so that most ways of calling do not notice.
    """

    def __init__(self, rows: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows = rows

    def call(self, x: Any) -> Any:
        """Reshape twice."""
        shape = (self.rows, -1) if self.rows else (-1, 2, x.shape[1] // 2)
        return ops.reshape(ops.reshape(x, shape), (-1, x.shape[1]))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "rows": self.rows}


@register
class Trimmed(layers.Layer):
    """Ids without the columns that are padding in every row of the batch."""

    def call(self, ids: Any) -> Any:
        """Cut behind the longest row."""
        return ids[:, : ops.max(ops.sum(ops.cast(ids != 0, "int32"), axis=1))]

    def compute_output_spec(self, ids: Any) -> Any:
        """Return ids of any length."""
        return keras.KerasTensor((ids.shape[0], None), dtype=ids.dtype)


@register
class Pondering(layers.Layer):
    """Steps of a recurrent cell until every row has had enough; rows that are done stay as they are, or not.

    Args:
        units: length of the state.
        apart: whether a row stays as it is once it is done.
    """

    def __init__(self, units: int, *, apart: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.apart = units, apart
        self.cell = layers.GRUCell(units, name="cell")
        self.halt = layers.Dense(1, activation="sigmoid", name="halt")

    def build(self, shape: Any) -> None:
        """Build both parts."""
        self.cell.build(shape)
        self.halt.build((None, self.units))

    def call(self, x: Any) -> Any:
        """Loop until all rows are done."""
        rows = ops.shape(x)[0]

        def goes_on(step: Any, _state: Any, had: Any) -> Any:
            return ops.logical_and(step < 20, ops.any(had < 2.0))

        def advance(step: Any, state: Any, had: Any) -> Any:
            new, _ = self.cell(x, [state])
            kept = ops.where(had < 2.0, new, state) if self.apart else new
            return step + 1, kept, had + ops.where(had < 2.0, self.halt(kept), 0.0)

        start = (ops.convert_to_tensor(0), ops.zeros((rows, self.units)), ops.zeros((rows, 1)))
        return ops.while_loop(goes_on, advance, start)[1]

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the shape of the state."""
        return (shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "units": self.units, "apart": self.apart}


@register
class Flow(layers.Layer):
    """The solution of a differential equation at time 1, with a step that the worst row of the batch sets.

    Args:
        units: length of the state.
        adaptive: whether the error sets the step; if not, there are eight steps.
    """

    def __init__(self, units: int, *, adaptive: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.adaptive = units, adaptive
        self.slope = layers.Dense(units, activation="tanh", name="slope")

    def build(self, shape: Any) -> None:
        """Build the slope."""
        self.slope.build(shape)

    def call(self, state: Any) -> Any:
        """Integrate with Heun's method."""

        def goes_on(time: Any, _size: Any, _state: Any) -> Any:
            return time < 1.0

        def advance(time: Any, size: Any, state: Any) -> Any:
            size = ops.minimum(size, 1.0 - time)
            first = self.slope(state)
            second = self.slope(state + size * first)
            error = ops.max(ops.abs(size * (second - first))) / 2
            is_good = error < 0.02 if self.adaptive else error >= 0
            change = ops.where(is_good, size, 0.0)
            following = ops.clip(0.9 * ops.sqrt(0.02 / (error + 1e-9)), 0.3, 2.0) if self.adaptive else 1.0
            return time + change, size * following, state + change * (first + second) / 2

        start = (ops.convert_to_tensor(0.0), ops.convert_to_tensor(0.25 if self.adaptive else 0.125), state)
        return ops.while_loop(goes_on, advance, start)[2]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "units": self.units, "adaptive": self.adaptive}

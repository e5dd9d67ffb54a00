"""Tiny live models: healthy ones, and layers with one planted fault each."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.session.session import RunOptions
from keras_consistency_cli.routes.session.tensorflow import TensorFlowSession
from keras_consistency_cli.routes.trace import Result

__all__ = ["HEALTHY", "NASTY", "Rows", "named_rows", "session_of", "state_of"]

Rows = dict[str, np.ndarray]
Model = tuple[Any, Rows]

register = keras.saving.register_keras_serializable(package="live")


@register
class Leak(layers.Layer):
    """Adds a share of the batch's mean to every row."""

    def __init__(self, share: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share

    def call(self, inputs: Any) -> Any:
        return inputs + self.share * ops.mean(inputs, axis=0, keepdims=True)


@register
class Filled(layers.Layer):
    """Fills NaN with the batch's mean, or with 1."""

    def __init__(self, by_batch: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by_batch = by_batch

    def call(self, inputs: Any) -> Any:
        known = ops.logical_not(ops.isnan(inputs))
        kept = ops.where(known, inputs, ops.zeros_like(inputs))
        mean = ops.sum(kept, axis=0) / (ops.sum(ops.cast(known, inputs.dtype), axis=0) + 1e-6)
        return ops.where(known, kept, mean if self.by_batch else ops.ones_like(inputs))


@register
class Rare(layers.Layer):
    """Adds the batch's mean to rows that begin with a large number."""

    def call(self, inputs: Any) -> Any:
        return ops.where(inputs[:, :1] > 2.0, inputs + ops.mean(inputs, axis=0, keepdims=True), inputs)


@register
class ByBatch(layers.Layer):
    """Depends on the batch size, on the position, or draws the same random numbers in each position."""

    def __init__(self, how: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how = how

    def call(self, inputs: Any) -> Any:
        rows = ops.shape(inputs)[0]
        if self.how == "size":
            return inputs * ops.cast(rows, inputs.dtype) / 32.0
        if self.how == "seed":
            return keras.random.dropout(inputs, 0.3, seed=42)
        if self.how == "fixed":
            return ops.reshape(ops.reshape(inputs, (4, -1)), (4, inputs.shape[1]))
        return inputs * ops.cast(ops.arange(rows)[:, None] < rows - 1, inputs.dtype)


@register
class Boxes(layers.Layer):
    """An operation of object detection that has no gradient, and no kernel for 16 bits."""

    def call(self, inputs: Any) -> Any:
        import tensorflow as tf

        boxes, scores = (
            tf.repeat(inputs[:, None, None, :4], 3, axis=1),
            tf.repeat(inputs[:, None, :1], 3, axis=1),
        )
        return tf.image.combined_non_max_suppression(boxes, scores, 2, 2).nmsed_scores

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], 2)


@register
class Checked(layers.Layer):
    """Refuses a batch that contains NaN or infinity."""

    def call(self, inputs: Any) -> Any:
        import tensorflow as tf

        return tf.debugging.check_numerics(inputs, "not finite")


@register
class Mapped(layers.Layer):
    """Computes row by row in a map, which fails inside a second map."""

    def call(self, inputs: Any) -> Any:
        import tensorflow as tf

        return tf.vectorized_map(lambda row: row / (1.0 + tf.norm(row)), inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


@register
class Squeezed(layers.Layer):
    """Drops every axis of length 1, the row axis of a single row too."""

    def call(self, inputs: Any) -> Any:
        return ops.squeeze(inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(size for size in input_shape if size != 1)


@register
class InsideTraining(layers.Layer):
    """Holds a BatchNormalization that it always calls in training mode."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.norm = layers.BatchNormalization(name="norm")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.norm.build(input_shape)

    def call(self, inputs: Any) -> Any:
        return self.norm(inputs, training=True)


@register
class LeftOn(layers.Dropout):
    """Dropout that is never off."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return super().call(inputs, training=True)


@register
class Counter(layers.Layer):
    """Adds its number of calls, kept in a number, a weight and an untracked variable, to its inputs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.calls = 0

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        import tensorflow as tf

        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")
        self.hidden = tf.Variable(0.0, trainable=False)

    def call(self, inputs: Any) -> Any:
        self.calls += 1
        self.count.assign(self.count + 1.0)
        self.hidden.assign_add(1.0)
        total = ops.convert_to_tensor(self.count) + ops.cast(
            ops.convert_to_tensor(self.hidden), self.compute_dtype
        )
        return inputs + 0.01 * (total + float(self.calls))


@register
class CountsRows(layers.Layer):
    """Doubles its inputs row by row in Python, which takes a known number of rows."""

    def call(self, inputs: Any) -> Any:
        return ops.stack([2.0 * inputs[row] for row in range(inputs.shape[0])])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype)


@register
class HardCast(layers.Layer):
    """Computes in float16 whatever the dtype policy says."""

    def call(self, inputs: Any) -> Any:
        return ops.cast(ops.sin(ops.cast(inputs, "float16")), inputs.dtype)


@register
class WavesOfTutorials(layers.Layer):
    """Adds sines of positions from a table in float32, and multiplies with a root in float32."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = tf.cast(np.sin(np.arange(40).reshape(1, 8, 5)), tf.float32)

    def call(self, inputs: Any) -> Any:
        return inputs * tf.math.sqrt(tf.cast(5, tf.float32)) + self.table[:, : tf.shape(inputs)[1]]


@register
class CountedByMask(layers.Layer):
    """Adds numbers that it counts in float32, by name and by default."""

    def call(self, inputs: Any) -> Any:
        counted = ops.cumsum(ops.cast(inputs > 0, "float32"), axis=1) / ops.arange(1, 6, dtype="float32")
        width = tf.shape(inputs)[2]
        return inputs + counted * tf.range(0.1, 0.6, 0.1) + tf.ones((width,)) + tf.fill((width,), 0.1)


@register
class Dice(layers.Layer):
    """Adds a random number of Python, whose state no snapshot contains."""

    def call(self, inputs: Any) -> Any:
        return inputs + random.random()


@register
class TrainedByDefault(layers.Layer):
    """Doubles its inputs unless training=False is passed."""

    def call(self, inputs: Any, training: bool = True) -> Any:
        return inputs * 2.0 if training else inputs


@register
class Block(layers.Layer):
    """A custom layer that contains a layer."""

    def __init__(self, inner: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = keras.saving.deserialize_keras_object(inner) if isinstance(inner, dict) else inner

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.inner.build(input_shape)

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "inner": keras.saving.serialize_keras_object(self.inner)}


@register
class Regressor(keras.Model):
    """A subclassed model that passes training to its layers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden = layers.Dense(6, activation="gelu", name="hidden")
        self.norm = layers.BatchNormalization(name="norm")
        self.price = layers.Dense(1, name="price")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.price(self.norm(self.hidden(inputs), training=training))


@register
class Tagger(keras.Model):
    """A subclassed recurrent model with an output for each time step."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.memory = layers.GRU(4, return_sequences=True, name="memory")
        self.tags = layers.Dense(2, name="tags")

    def call(self, inputs: Any) -> Any:
        return self.tags(self.memory(inputs))


@register
class TwoWays(keras.Model):
    """A subclassed model that takes a dict and returns a dict."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.left, self.right = layers.Dense(2, name="left"), layers.Dense(3, name="right")

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"small": self.left(inputs["b"]), "large": self.right(inputs["a"])}


def normal(*shape: int, rows: int = 10, seed: int = 0) -> np.ndarray:
    """Seeded float32 rows."""
    return np.random.default_rng(seed).normal(size=(rows, *shape)).astype("float32")


def chain(shape: tuple[int, ...], *parts: Any, rows: int = 10, batch_size: int | None = None) -> Model:
    """A Sequential model and rows for it."""
    model = keras.Sequential([keras.Input(shape, batch_size=batch_size), *parts], name="net")
    return model, {model.inputs[0].name: normal(*shape, rows=rows)}


def settled(model: Any) -> Any:
    """The model with weights and moving statistics that differ from their defaults."""
    values = np.random.default_rng(5)
    for variable in model.variables:
        if "float" in str(variable.dtype) and "seed" not in variable.path:
            spread = (
                values.uniform(0.5, 1.5, variable.shape)
                if "variance" in variable.path
                else 0.4 * values.normal(size=variable.shape)
            )
            variable.assign(spread)
    return model


def mlp() -> Model:
    return chain((5,), layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax"))


def conv() -> Model:
    model, rows = chain(
        (6, 6, 2),
        layers.Conv2D(4, 3),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(2),
    )
    return settled(model), rows


def lstm() -> Model:
    return chain((4, 3), layers.LSTM(5), layers.Dense(1))


def dict_inputs() -> Model:
    numbers, ids = keras.Input((4,), name="numbers"), keras.Input((2,), dtype="int32", name="ids")
    joined = layers.Concatenate()([numbers, layers.Flatten()(layers.Embedding(9, 3)(ids))])
    model = keras.Model(
        {"numbers": numbers, "ids": ids}, {"b": layers.Dense(1)(joined), "a": layers.Dense(2)(joined)}
    )
    return model, {
        "ids": np.random.default_rng(1).integers(0, 9, (10, 2), dtype="int32"),
        "numbers": normal(4),
    }


def strings() -> Model:
    words = ["red", "green", "blue", "sky", "sea"]
    text = layers.TextVectorization(output_sequence_length=3, vocabulary=words[:4])
    model = keras.Sequential(
        [keras.Input((1,), dtype="string"), text, layers.Embedding(8, 3), layers.Flatten(), layers.Dense(2)]
    )
    chosen = np.random.default_rng(2).choice(words, (10, 3))
    return model, {model.inputs[0].name: np.array([[" ".join(row)] for row in chosen])}


def attention() -> Model:
    sequence = keras.Input((4, 6))
    mixed = layers.MultiHeadAttention(2, 3)(sequence, sequence)
    model = keras.Model(sequence, layers.Dense(1)(layers.Flatten()(layers.LayerNormalization()(mixed))))
    return settled(model), {model.inputs[0].name: normal(4, 6)}


def normalised() -> Model:
    norm = layers.Normalization()
    norm.adapt(3.0 + 2.0 * normal(4, rows=50, seed=3))
    return chain((4,), norm, layers.Dense(2))


def mixed() -> Model:
    return chain(
        (4,),
        layers.Dense(8, activation="tanh", dtype="mixed_float16"),
        layers.Dense(1, dtype="mixed_float16"),
    )


def nested() -> Model:
    encoder = keras.Sequential(
        [keras.Input((5,)), layers.Dense(4, name="dense"), layers.BatchNormalization(name="norm")],
        name="encoder",
    )
    return chain((5,), settled(encoder), layers.Dense(2))


def subclassed() -> Model:
    model, rows = Regressor(), {"input": normal(7)}
    model(rows["input"])
    return settled(model), rows


def dict_subclassed() -> Model:
    model, rows = TwoWays(), {"a": normal(3), "b": normal(2, seed=1)}
    model(rows)
    return model, rows


def stateful() -> Model:
    return chain((4, 3), layers.LSTM(5, stateful=True, name="memory"), layers.Dense(1), rows=8, batch_size=4)


HEALTHY: Mapping[str, Callable[[], Model]] = {
    "mlp": mlp,
    "conv with batch norm": conv,
    "lstm": lstm,
    "dict inputs": dict_inputs,
    "string inputs": strings,
    "attention": attention,
    "normalization": normalised,
    "mixed_float16": mixed,
    "nested": nested,
    "subclassed": subclassed,
    "dict subclassed": dict_subclassed,
}

NASTY: Mapping[str, Callable[[], Model]] = {
    "batch norm in training mode": lambda: chain(
        (5,), layers.Dense(4), InsideTraining(name="block"), layers.Dense(1)
    ),
    "dropout left on": lambda: chain((5,), layers.Dense(8), LeftOn(0.4, name="drop"), layers.Dense(1)),
    "stateful lstm": stateful,
    "counter in call": lambda: chain((5,), layers.Dense(4), Counter(name="counter")),
}


def session_of(built: Model, **options: Any) -> TensorFlowSession:
    """Return a TensorFlow session on a live model, without saving it."""
    return TensorFlowSession(
        built[0], describe_model(built[0]), RunOptions(**{"batch_size": 4, "sizes": (2, 3), **options})
    )


HEAVY = 10**9
"""Multiplications of a row above which a model is checked on few rows."""


def heavy_session(built: Model, **options: Any) -> TensorFlowSession:
    """Return a session on a live model that says it is heavy."""
    session = session_of(built, **options)
    session.facts = replace(session.facts, work=HEAVY)
    return session


def named_rows(rows: Rows, facts: Facts) -> Rows:
    """Return the rows by the input names of the facts."""
    return {fact.name: rows[fact.name] for fact in facts.inputs} if facts.inputs else rows


def measured(run: Callable[[Any, Rows], Result], built: Model) -> dict[str, Any]:
    """The details of a route that returns no outputs, on a live model."""
    session = session_of(built)
    result = run(session, named_rows(built[1], session.facts))
    assert result.outputs == {}
    return dict(result.details)


def encoder(*parts: Any) -> keras.Model:
    """A functional model named encoder, to be nested."""
    inputs = hidden = keras.Input((5,))
    for part in parts:
        hidden = part(hidden)
    return keras.Model(inputs, hidden, name="encoder")


def save_leaking(model: Path) -> None:
    """Save a classifier in which rows leak, and x.npy with rows for it in the same folder."""
    keras.utils.set_random_seed(1)
    parts = [
        layers.Dense(8, activation="tanh"),
        Leak(0.1, name="leak"),
        layers.Dense(2, activation="softmax", name="kind"),
    ]
    keras.Sequential([keras.Input((6,), name="x"), *parts], name="leaking").save(model)
    np.save(model.parent / "x.npy", np.random.default_rng(0).normal(size=(90, 6)).astype("float32"))


def state_of(model: Any) -> dict[str, bytes]:
    """Return everything that running a model may change: variables, states, seeds and numbers of layers."""
    state: dict[str, bytes] = {}
    for number, layer in enumerate(model._flatten_layers(include_self=True)):
        for name, value in vars(layer).items():
            if type(layer).__module__ == __name__ and isinstance(value, int | float):
                state[f"{number}.{name}"] = repr(value).encode()
            if isinstance(value, keras.random.SeedGenerator) or hasattr(value, "assign_add"):
                variable = value.state if isinstance(value, keras.random.SeedGenerator) else value
                state[f"{number}.{name}"] = np.asarray(variable).tobytes()
        for place, variable in enumerate([*layer.variables, *(getattr(layer, "states", None) or ())]):
            state[f"{number}[{place}]"] = np.asarray(keras.ops.convert_to_numpy(variable)).tobytes()
    return state

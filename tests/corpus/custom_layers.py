"""Registered layers and models of the corpus, for clean and faulty cases by argument."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

Tensor = Any

register = keras.saving.register_keras_serializable(package="corpus")


@register
class Reduce(layers.Layer):
    """Normalise over `axis`: correct over features, a leak over the batch (0) or everything (None).

    Args:
        how: centre, standard, minmax, length, peak or softmax.
        axis: the axis or None.
        share: how much of the change is applied, from 1 down to almost nothing.
    """

    def __init__(self, how: str, axis: int | None = -1, share: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how, self.axis, self.share = how, axis, share

    def call(self, inputs: Tensor) -> Tensor:
        """Return inputs + share * (normalised - inputs)."""
        return inputs + self.share * (_REDUCTIONS[self.how](inputs, self.axis) - inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "how": self.how, "axis": self.axis, "share": self.share}


def _standard(x: Tensor, axis: int | None) -> Tensor:
    return (x - ops.mean(x, axis=axis, keepdims=True)) / (ops.std(x, axis=axis, keepdims=True) + 1e-3)


def _minmax(x: Tensor, axis: int | None) -> Tensor:
    low, high = ops.min(x, axis=axis, keepdims=True), ops.max(x, axis=axis, keepdims=True)
    return (x - low) / (high - low + 1e-3)


def _length(x: Tensor, axis: int | None) -> Tensor:
    return x / ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=True) + 1e-6)


_REDUCTIONS: Mapping[str, Callable[[Tensor, int | None], Tensor]] = {
    "centre": lambda x, axis: x - ops.mean(x, axis=axis, keepdims=True),
    "standard": _standard,
    "minmax": _minmax,
    "length": _length,
    "peak": lambda x, axis: x / (ops.max(ops.abs(x), axis=axis, keepdims=True) + 1e-3),
    "softmax": lambda x, axis: (
        ops.softmax(x, axis=axis) if axis is not None else ops.exp(x) / ops.sum(ops.exp(x))
    ),
}


@register
class Along(layers.Layer):
    """Accumulate, shift, reverse or sort along `axis`: correct along time, a leak along the batch."""

    def __init__(self, how: str, axis: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how, self.axis = how, axis

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' shape."""
        return _ALONG[self.how](inputs, self.axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "how": self.how, "axis": self.axis}


def _first(x: Tensor, axis: int) -> Tensor:
    return x - ops.take(x, ops.array([0]), axis=axis)


_ALONG: Mapping[str, Callable[[Tensor, int], Tensor]] = {
    "cumulate": lambda x, axis: ops.cumsum(x, axis=axis),
    "shift": lambda x, axis: x - ops.roll(x, 1, axis=axis),
    "reverse": lambda x, axis: ops.flip(x, axis=axis),
    "sort": lambda x, axis: ops.sort(x, axis=axis),
    "first": _first,
}


@register
class Affinity(layers.Layer):
    """Attention of the second last axis over itself: time steps of 3-D inputs, rows of 2-D inputs."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return a weighted sum of the vectors."""
        scores = ops.matmul(inputs, ops.swapaxes(inputs, -1, -2)) / float(inputs.shape[-1]) ** 0.5
        return ops.matmul(ops.softmax(scores), inputs)


@register
class Refold(layers.Layer):
    """Reshape through a transpose, which puts numbers of several rows into one row."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' shape, reshaped wrongly."""
        return ops.reshape(ops.transpose(inputs), (-1, inputs.shape[1]))


@register
class Diversity(layers.Layer):
    """The minibatch statistic of GAN discriminators: a feature for the variation within the batch."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs with the mean standard deviation over the batch appended."""
        spread = ops.mean(ops.std(inputs, axis=0))
        return ops.concatenate([inputs, ops.ones_like(inputs[:, :1]) * spread], axis=-1)


@register
class CrowdOnly(layers.Layer):
    """Centre over the batch, but only if there is more than one row."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' shape."""
        many = ops.shape(inputs)[0] > 1
        return ops.cond(many, lambda: inputs - ops.mean(inputs, axis=0, keepdims=True), lambda: inputs * 1.0)


@register
class Imputed(layers.Layer):
    """Replace NaN by the mean of the batch, or by a learned number."""

    def __init__(self, by_batch: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by_batch = by_batch

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create one number for each feature."""
        self.filling = self.add_weight(shape=(input_shape[-1],), initializer="ones", trainable=False)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs without NaN."""
        known = ops.logical_not(ops.isnan(inputs))
        kept = ops.where(known, inputs, ops.zeros_like(inputs))
        mean = ops.sum(kept, axis=0) / (ops.sum(ops.cast(known, inputs.dtype), axis=0) + 1e-6)
        return ops.where(known, kept, mean if self.by_batch else ops.convert_to_tensor(self.filling))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "by_batch": self.by_batch}


@register
class Crowded(layers.Layer):
    """Move rows that begin with a large number to the mean of the batch, and keep all others."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' shape."""
        first = inputs[:, :1]
        return ops.where(first > 1.8, ops.mean(inputs, axis=0, keepdims=True) + 0.5 * inputs, inputs)


@register
class FixedNoise(layers.Layer):
    """Add noise of a fixed seed, the same for each row.

    Args:
        how: normal, uniform or truncated_normal (drawn by keras.random in each call), named (its generator is
            named), or kept (as a weight).
    """

    def __init__(self, how: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how = how

    def build(self, input_shape: Any) -> None:
        """Draw the noise that is kept."""
        if self.how == "kept":
            initializer = keras.initializers.RandomNormal(stddev=1.0, seed=1234)
            shape = (1, *input_shape[1:])
            self.noise = self.add_weight(shape=shape, trainable=False, initializer=initializer)

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' shape."""
        shape = (1, *inputs.shape[1:])
        if self.how == "kept":
            return inputs + self.noise
        if self.how == "named":
            import tensorflow as tf

            return inputs + tf.random.stateless_normal(shape, seed=(1234, 0), alg="philox")
        return inputs + getattr(keras.random, self.how)(shape, seed=1234)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the layer."""
        return {**super().get_config(), "how": self.how}


@register
class Sized(layers.Layer):
    """Scale the inputs by a number that depends on the batch size or on the position in the batch.

    Args:
        how: share (of 32), even (sizes divisible by eight), last (the last of several rows), seed (random
            numbers by position in the batch) or fixed (a batch of 32 written into a reshape).
    """

    def __init__(self, how: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how = how

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' shape."""
        rows = ops.shape(inputs)[0]
        if self.how == "share":
            return inputs * ops.cast(rows, inputs.dtype) / 32.0
        if self.how == "seed":
            return keras.random.dropout(inputs, 0.2, seed=42)
        if self.how == "fixed":
            return ops.reshape(ops.reshape(inputs, (32, -1)), (32, inputs.shape[1]))
        if self.how == "even":
            return ops.where(ops.equal(rows % 8, 0), inputs, inputs + 1e-2)
        spared = ops.logical_or(ops.arange(rows)[:, None] < rows - 1, rows < 2)
        return inputs * ops.cast(spared, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "how": self.how}


@register
class SizeScaled(layers.Layer):
    """Scale the inputs by one plus a share of the batch size: as small as rounding, in every precision."""

    def __init__(self, share: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' shape."""
        return inputs * (1.0 + self.share * ops.cast(ops.shape(inputs)[0], inputs.dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "share": self.share}


@register
class Squeezed(layers.Layer):
    """Remove the last axis of length 1, by its index or with all others of that length."""

    def __init__(self, named: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.named = named

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of one axis less; of two axes less for a single row without the index."""
        return ops.squeeze(inputs, axis=-1) if self.named else ops.squeeze(inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape for several rows."""
        return input_shape[:-1]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "named": self.named}


@register
class Boxes(layers.Layer):
    """Non-maximum suppression, as at the end of detectors: no gradient, no kernel for 16 bits."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return the scores of the two boxes left of three: (rows, 2) for (rows, features)."""
        boxes, scores = (
            ops.repeat(inputs[:, None, None, :4], 3, axis=1),
            ops.repeat(inputs[:, None, :1], 3, axis=1),
        )
        return tf.image.combined_non_max_suppression(boxes, scores, 2, 2).nmsed_scores

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape for so many rows."""
        return (input_shape[0], 2)


@register
class Checked(layers.Layer):
    """Refuses a whole batch for one number that is not finite."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs."""
        return tf.debugging.check_numerics(inputs, "not finite")


@register
class Mapped(layers.Layer):
    """Divide every row by its length, row by row.

    Traced for batches of any size, vectorized_map refuses batches of one row.
    """

    def __init__(self, vectorized: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vectorized = vectorized

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "vectorized": self.vectorized}

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' shape."""
        mapping = tf.vectorized_map if self.vectorized else tf.map_fn
        return mapping(lambda row: row / (1.0 + tf.norm(row)), inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the inputs."""
        return input_shape


@register
class Averaged(layers.Layer):
    """Average over time: masked time steps are left out of the sum, but counted in the number."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs: Tensor, mask: Tensor = None) -> None:
        """There are no time steps any more."""

    def call(self, inputs: Tensor, mask: Tensor = None) -> Tensor:
        """Return one vector for each row."""
        shown = inputs if mask is None else inputs * ops.cast(mask, inputs.dtype)[..., None]
        return ops.mean(shown, axis=1)


@register
class Forced(layers.Layer):
    """Call an inner layer with a fixed training argument, or the caller's if `training` is None."""

    def __init__(self, inner: Any, training: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = keras.saving.deserialize_keras_object(inner) if isinstance(inner, dict) else inner
        self.fixed = training

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the inner layer, unless loading has done so."""
        if not self.inner.built:
            self.inner.build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return the output of the inner layer."""
        return self.inner(inputs, training=training if self.fixed is None else self.fixed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "inner": keras.saving.serialize_keras_object(self.inner),
            "training": self.fixed,
        }


@register
class EagerNoise(layers.Layer):
    """Dropout whose call() has training=True as its default."""

    def __init__(self, rate: float = 0.3, seed: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate, self.seed_generator = rate, keras.random.SeedGenerator(seed)

    def call(self, inputs: Tensor, training: bool = True) -> Tensor:
        """Drop inputs unless training is False."""
        return keras.random.dropout(inputs, self.rate, seed=self.seed_generator) if training else inputs


@register
class Outside(layers.Layer):
    """Take a number from NumPy's generator, a Python counter, the clock, or Keras's generator."""

    def __init__(self, source: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source, self.calls = source, 0

    def call(self, inputs: Tensor) -> Tensor:
        """Return inputs * (1 + a number that does not depend on the inputs)."""
        self.calls += 1
        if self.source == "keras":
            return inputs + 0.2 * keras.random.normal(ops.shape(inputs), dtype=inputs.dtype)
        numbers = {"numpy": np.random.normal(), "counter": 0.1 * self.calls, "clock": time.time() % 10.0}
        return inputs * (1.0 + float(numbers[self.source]))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "source": self.source}


@register
class Tracker(layers.Layer):
    """Keep a running number in a variable; updating it outside of training is the fault.

    Args:
        what: calls (how often it was called) or mean (a running mean of the inputs).
        always: update at inference too.
    """

    def __init__(self, what: str = "mean", always: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.what, self.always = what, always

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the variable."""
        shape = (1,) if self.what == "calls" else (input_shape[-1],)
        self.figure = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="figure")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return the inputs plus the number from before this call."""
        before = ops.convert_to_tensor(self.figure) * 1.0
        if self.always or training:
            reduced = ops.mean(inputs, axis=tuple(range(len(inputs.shape) - 1)))
            self.figure.assign(
                self.figure + 0.05 if self.what == "calls" else 0.9 * self.figure + 0.1 * reduced
            )
        return inputs - ops.cast(before, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "what": self.what, "always": self.always}


@register
class Remembering(layers.Layer):
    """Subtract the time step before; what comes before the first one is zeros, or kept from the last call."""

    def __init__(self, keep: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keep = keep

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the variable for the last time step."""
        shape = (1, 1, input_shape[-1])
        self.last = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="last")

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' shape."""
        before = ops.zeros_like(inputs[:, :1])
        if self.keep:
            before = before + ops.cast(self.last, inputs.dtype)
        outputs = inputs - 0.5 * ops.concatenate([before, inputs[:, :-1]], axis=1)
        if self.keep:
            self.last.assign(inputs[:1, -1:])
        return outputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "keep": self.keep}


class Parts(keras.Model):
    """A subclassed model with a list of layers, which its config holds too."""

    def __init__(self, parts: list[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = [
            keras.saving.deserialize_keras_object(part) if isinstance(part, dict) else part for part in parts
        ]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "parts": [keras.saving.serialize_keras_object(part) for part in self.parts],
        }


@register
class Assembly(Parts):
    """Run the parts one after the other."""

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return the last part's output; training reaches every part through Keras's call context."""
        for part in self.parts:
            inputs = part(inputs)
        return inputs


@register
class Unaware(Parts):
    """The same with a call() without a training argument."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return the last part's output."""
        for part in self.parts:
            inputs = part(inputs)
        return inputs


@register
class Percent(Assembly):
    """A model whose predict returns per cent while a call returns shares."""

    def predict_step(self, data: Tensor) -> Tensor:
        """Return 100 times the model's outputs."""
        return 100.0 * super().predict_step(data)


@register
class Unrefreshed(layers.Normalization):
    """Normalization that loads weights but computes with earlier numbers: no finalize_state()."""

    def load_own_variables(self, store: Any) -> None:
        """Load only the weights."""
        layers.Layer.load_own_variables(self, store)


@register
class Table(layers.Layer):
    """Multiply each feature by a number from a table that is stored in different ways.

    Args:
        how: weight (as Keras expects), fixed (always the same array), ones or variable (a tf.Variable of ones
            or random numbers), array (random numbers), closure (a layer that Keras cannot find).
    """

    def __init__(self, how: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how = how
        hidden = layers.Dense(8)
        self.hidden = (lambda x: hidden(x)) if how == "closure" else None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the table."""
        shape = (input_shape[-1],)
        chance = np.random.normal(1.0, 0.3, size=shape).astype("float32")
        if self.how == "weight":
            self.table = self.add_weight(
                shape=shape, initializer="random_normal", trainable=False, name="table"
            )
        elif self.how in ("ones", "variable"):
            self.table = tf.Variable(np.ones(shape, "float32") if self.how == "ones" else chance)
        elif self.how != "closure":
            self.table = np.cos(np.arange(shape[0], dtype="float32")) if self.how == "fixed" else chance

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' shape, or with eight features from the hidden layer."""
        return self.hidden(inputs) if self.hidden is not None else inputs * ops.cast(self.table, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "how": self.how}


@register
class Offset(layers.Layer):
    """Add a number that the config holds in one of four ways.

    As it is (whole), not at all (forgetful), doubled (drifting), or a hundred-thousandth larger (creeping).
    """

    def __init__(self, by: float = 0.0, style: str = "whole", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by, self.style = by, style

    def call(self, inputs: Tensor) -> Tensor:
        """Return inputs + by."""
        return inputs + self.by

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that this way keeps."""
        factor = {"whole": 1.0, "drifting": 2.0, "creeping": 1.0 + 1e-5}.get(self.style)
        return {
            **super().get_config(),
            "style": self.style,
            **({} if factor is None else {"by": factor * self.by}),
        }


@register
class Drawn(layers.Layer):
    """Add a number that the constructor draws if it gets none; the config may leave it out."""

    def __init__(self, by: float | None = None, is_kept: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by = float(np.random.default_rng().uniform(0.5, 5.0)) if by is None else by
        self.is_kept = is_kept

    def call(self, inputs: Tensor) -> Tensor:
        """Return inputs + by."""
        return inputs + self.by

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, without the number if it is not kept."""
        drawn = {"by": self.by} if self.is_kept else {}
        return {**super().get_config(), "is_kept": self.is_kept, **drawn}


@register
class Gained(layers.Dense):
    """A Dense with one more weight, which Dense does not save."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        super().build(input_shape)
        self.gain = self.add_weight(shape=(self.units,), initializer="ones", name="gain")

    def call(self, inputs: Tensor) -> Tensor:
        """Return the outputs of Dense, scaled."""
        return super().call(inputs) * self.gain


@register
class Narrow(layers.Layer):
    """Cast the inputs to another precision and back."""

    def __init__(self, to: str = "float16", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.to = to

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' dtype."""
        return ops.cast(ops.cast(inputs, self.to), inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "to": self.to}


@register
class SquaresApart(layers.Layer):
    """Divide by a deviation computed as the mean of squares minus the squared mean.

    Far from zero the two cancel.

    Args:
        offset: the distance from zero.
    """

    def __init__(self, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offset = offset

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' shape."""
        far = inputs + self.offset
        variance = ops.mean(far * far, axis=-1, keepdims=True) - ops.square(
            ops.mean(far, axis=-1, keepdims=True)
        )
        return inputs / ops.sqrt(ops.maximum(variance, 1e-6))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "offset": self.offset}


@register
class Hashed(layers.Layer):
    """Weigh features by the hash of their names, which differs in each interpreter."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the inputs' shape."""
        weights = [1.0 + hash(f"feature {number}") % 1000 / 1000 for number in range(inputs.shape[-1])]
        return inputs * ops.convert_to_tensor(weights, dtype=inputs.dtype)


@register
class EagerOnly(layers.Layer):
    """Scales by 1 + `share` when it runs eagerly in float32, and only then."""

    def __init__(self, share: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share

    def call(self, inputs: Tensor) -> Tensor:
        """Return inputs, or slightly more."""
        return (
            inputs * (1.0 + self.share) if tf.executing_eagerly() and inputs.dtype == tf.float32 else inputs
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "share": self.share}


@register
class SoftmaxInPredict(keras.Model):
    """A functional model whose predict returns probabilities while a call returns scores."""

    def predict_step(self, data: Tensor) -> Tensor:
        """Return the softmax of the scores."""
        return keras.ops.softmax(super().predict_step(data))


@register
class BoundToTensorFlow(layers.Layer):
    """Calls TensorFlow itself, and so runs on no other backend."""

    def call(self, inputs: Any) -> Any:
        """Return the positive part."""
        return tf.nn.relu(tf.convert_to_tensor(inputs))

"""Layers whose inner layers Keras saves, or does not, for the cases of reports_loading.py.

kcheck imports this file with --custom-objects: it imports nothing of the tests.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import initializers, layers, ops

__all__ = [
    "Adapted",
    "Adapter",
    "Dilations",
    "Frozen",
    "Gates",
    "Shelf",
    "Tower",
    "UntrackedTower",
    "halve_text",
]

_PACKAGE = "reports_loading"


class Holder:
    """A plain object that keeps layers."""

    def __init__(self, kept: list[Any]) -> None:
        self.kept = kept


def _dense(units: int, seed: int) -> Any:
    start = initializers.HeNormal(seed=seed)
    return layers.Dense(units, activation="relu", kernel_initializer=start, name=f"step{seed}")


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Tower(layers.Layer):
    """Dense layers in a list under a chosen attribute; Keras skips "_layers" and "_metrics"."""

    def __init__(self, attribute: str, widths: list[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attribute, self.widths = attribute, widths
        setattr(self, attribute, [_dense(width, seed) for seed, width in enumerate(widths)])

    def build(self, shape: Any) -> None:
        """Build the layers in turn."""
        for step in getattr(self, self.attribute):
            step.build(shape)
            shape = step.compute_output_shape(shape)

    def call(self, inputs: Any) -> Any:
        """Run the layers in turn."""
        for step in getattr(self, self.attribute):
            inputs = step(inputs)
        return inputs

    def compute_output_shape(self, shape: Any) -> Any:
        """The shape after the last layer."""
        return (*shape[:-1], self.widths[-1])

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "attribute": self.attribute, "widths": self.widths}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class UntrackedTower(Tower):
    """The same layers in an attribute that Keras saves and does not track, so that it never trains them."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "steps":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Dilations(layers.Layer):
    """Convolutions that are added up, in a set, which Keras does not look into, or in a dict."""

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        made = {
            rate: layers.Conv1D(
                6,
                3,
                padding="same",
                dilation_rate=rate,
                kernel_initializer=initializers.GlorotNormal(seed=rate),
            )
            for rate in (1, 2)
        }
        self.branches: Any = set(made.values()) if kind == "set" else {"all": [made]}

    def _convolutions(self) -> list[Any]:
        return list(self.branches) if self.kind == "set" else list(self.branches["all"][0].values())

    def build(self, shape: Any) -> None:
        """Build the convolutions."""
        for convolution in self._convolutions():
            convolution.build(shape)

    def call(self, inputs: Any) -> Any:
        """The sum, in the order of the dilation."""
        ordered = sorted(self._convolutions(), key=lambda convolution: convolution.dilation_rate)
        return ops.relu(sum(convolution(inputs) for convolution in ordered))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "kind": self.kind}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Gates(layers.Layer):
    """A recurrent layer and its gate, inside a plain object or as attributes."""

    def __init__(self, hidden: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden = hidden
        kept = [
            layers.GRU(
                8,
                kernel_initializer=initializers.GlorotUniform(seed=3),
                recurrent_initializer=initializers.Orthogonal(seed=4),
            ),
            _dense(8, 5),
        ]
        self.parts: Any = Holder(kept) if hidden else kept

    def build(self, shape: Any) -> None:
        """Build both."""
        recurrent, gate = self.parts.kept if self.hidden else self.parts
        recurrent.build(shape)
        gate.build((shape[0], 8))

    def call(self, inputs: Any) -> Any:
        """The gated states."""
        recurrent, gate = self.parts.kept if self.hidden else self.parts
        return gate(recurrent(inputs))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "hidden": self.hidden}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Frozen(layers.Layer):
    """Fixed random features of a seed, in a plain object: nothing is lost, because nothing is trained."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        features = _dense(units, 9)
        features.trainable = False
        self.parts = Holder([features])

    def call(self, inputs: Any) -> Any:
        """The features."""
        return self.parts.kept[0](inputs)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Shelf(layers.Layer):
    """A layer that only training uses, in a plain object, and one that Keras saves."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.main, self.parts = _dense(6, 11), Holder([_dense(6, 12)])

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The main layer; in training also the other one."""
        outputs = self.main(inputs)
        return outputs + self.parts.kept[0](inputs) if training else outputs


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Adapter(layers.Layer):
    """A layer that creates its inner one in its first call, or at once."""

    def __init__(self, units: int, late: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.late = units, late
        self.inner: Any = None if late else layers.Dense(units, activation="tanh", name="inner")
        self.built = late

    def build(self, shape: Any) -> None:
        """Build the inner layer."""
        self.inner.build(shape)

    def call(self, inputs: Any) -> Any:
        """The inner layer, which may be new."""
        if self.inner is None:
            self.inner = layers.Dense(self.units, activation="tanh", name="inner")
        return self.inner(inputs)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "units": self.units, "late": self.late}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Adapted(keras.Model):
    """An adapter and a head."""

    def __init__(self, late: bool, units: int = 7, features: int = 5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.late, self.units, self.features = late, units, features
        self.adapter, self.head = Adapter(units, late, name="adapter"), layers.Dense(2, name="head")

    def build(self, _shape: Any) -> None:
        """Build what exists."""
        if not self.late:
            self.adapter.build((None, self.features))
        self.head.build((None, self.units))
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The head of the adapter."""
        return self.head(self.adapter(inputs))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"late": self.late, "units": self.units, "features": self.features}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Fresh(layers.Layer):
    """A layer that creates a further one in each call, or one in __init__.

    Args:
        kind: class of the inner layer.
        inside: whether each call creates one.
        settings: its arguments.
    """

    def __init__(self, kind: str, *, inside: bool, settings: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind, self.inside, self.settings = kind, inside, settings
        self.inner: Any = None if inside else self._create()

    def _create(self) -> Any:
        return getattr(layers, self.kind)(**self.settings)

    def build(self, shape: Any) -> None:
        """Build the inner layer, if there is one."""
        if self.inner is not None:
            self.inner.build(shape)

    def call(self, inputs: Any) -> Any:
        """The inner layer, followed by one without weights."""
        inner = self._create() if self.inner is None else self.inner
        return layers.ReLU()(inner(inputs))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "kind": self.kind, "inside": self.inside, "settings": self.settings}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class FreshHead(keras.Model):
    """A model that creates its head in each call."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.body = layers.Dense(12, activation="relu", name="body")

    def build(self, shape: Any) -> None:
        """Build the body."""
        self.body.build(shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """A new head."""
        return layers.Dense(3, activation="softmax")(self.body(inputs))


def halve_text(inputs: Any) -> Any:
    """Half of the inputs, for a Lambda layer."""
    return inputs / 2.0

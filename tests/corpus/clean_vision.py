"""Clean models on pictures."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import CUSTOM, Case, Rows, pictures
from tests.corpus.custom_layers import Reduce
from tests.corpus.hosts import HOSTS

__all__ = ["CASES"]

FAMILY = "clean-vision"


def _hosted(host: str, adjust: Any, note: str, custom: bool = False) -> Case:
    chosen = HOSTS[host]
    args = CUSTOM if custom else ()
    return Case(
        name=f"{host}, {note}",
        family=FAMILY,
        build=lambda: chosen.build(adjust()),
        data=chosen.data,
        args=args,
    )


def grouped() -> Any:
    """Group normalisation after convolutions."""
    parts = [
        layers.Conv2D(8, 3),
        layers.GroupNormalization(4),
        layers.Activation("silu"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
    ]
    return keras.Sequential([keras.Input((8, 8, 3)), *parts, layers.Dense(3)])


def any_size() -> Any:
    """Fully convolutional, height and width unknown."""
    picture = keras.Input((None, None, 1))
    hidden = layers.Conv2D(6, 3, padding="same", activation="relu")(picture)
    return keras.Model(
        picture, layers.Dense(2)(layers.GlobalMaxPooling2D()(layers.SpatialDropout2D(0.3)(hidden)))
    )


def volumes() -> Any:
    """Convolutions in three dimensions."""
    parts = [
        layers.Conv3D(4, 2, activation="relu"),
        layers.BatchNormalization(),
        layers.GlobalAveragePooling3D(),
    ]
    return keras.Sequential([keras.Input((5, 5, 5, 1)), *parts, layers.Dense(2)])


def volume_rows(random: np.random.Generator) -> Rows:
    """Rows of `volumes`."""
    return random.normal(size=(36, 5, 5, 5, 1)).astype("float32")


def bytes_in() -> Any:
    """Pixels from 0 to 255, rescaled in the model."""
    parts = [
        layers.Rescaling(1 / 127.5, offset=-1.0),
        layers.Conv2D(6, 3, activation="relu"),
        layers.Flatten(),
    ]
    return keras.Sequential([keras.Input((7, 7, 3)), *parts, layers.Dense(4, activation="softmax")])


def byte_rows(random: np.random.Generator) -> Rows:
    """Rows of `bytes_in`."""
    return random.integers(0, 256, size=(44, 7, 7, 3)).astype("float32")


def shape_only() -> Any:
    """Cropping, padding, resizing, permuting and repeating; none of them mixes rows."""
    picture = keras.Input((9, 9, 2))
    hidden = layers.ZeroPadding2D(1)(layers.CenterCrop(7, 7)(picture))
    hidden = layers.Permute((2, 1, 3))(layers.UpSampling2D(2)(hidden))
    return keras.Model(picture, layers.Conv2D(2, 4, strides=4)(hidden))


def patches() -> Any:
    """A small vision transformer."""
    picture = keras.Input((8, 8, 3))
    tokens = layers.Reshape((4, 12))(layers.Conv2D(12, 4, strides=4)(picture))
    mixed = layers.LayerNormalization()(tokens + layers.MultiHeadAttention(3, 4, dropout=0.2)(tokens, tokens))
    return keras.Model(picture, layers.Dense(3)(layers.Flatten()(layers.Dense(12, activation="gelu")(mixed))))


CASES: tuple[Case, ...] = (
    _hosted("image-classifier", lambda: layers.SpatialDropout2D(0.3, name="adjust"), "spatial dropout"),
    _hosted("image-embedding", lambda: Reduce("length", axis=-1, name="adjust"), "unit length", custom=True),
    _hosted("segmenter", lambda: layers.BatchNormalization(name="adjust"), "batch norm at the bottom"),
    Case(name="group normalisation", family=FAMILY, build=grouped, data=pictures(8, 8, 3)),
    Case(name="any picture size", family=FAMILY, build=any_size, data=pictures(9, 11, 1)),
    Case(name="volumes", family=FAMILY, build=volumes, data=volume_rows),
    Case(name="bytes rescaled", family=FAMILY, build=bytes_in, data=byte_rows),
    Case(name="crops, pads and permutations", family=FAMILY, build=shape_only, data=pictures(9, 9, 2)),
    Case(name="vision transformer", family=FAMILY, build=patches, data=pictures(8, 8, 3)),
)

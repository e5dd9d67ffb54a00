"""Folders of JPEG files, and the rows that serving made of them with another decoder; and healthy twins.

TensorFlow decodes faster and less accurately than Pillow: pixels some levels of 255 apart are no fault.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, Writer

__all__ = ["CASES", "decode_fast", "write_photos"]

FAMILY, CLEAN = "reports-pictures", "clean-reports-pictures"
Array = np.ndarray
Serve = Callable[[Array], Array]
SIZE, FILES = 24, 40


def camera(dtype: str = "float32") -> Any:
    """A small convolution over pictures of 24 by 24 pixels."""
    inputs = keras.Input((SIZE, SIZE, 3), dtype=dtype, name="picture")
    hidden = layers.Rescaling(1 / 255)(inputs) if dtype == "uint8" else inputs
    hidden = layers.Conv2D(4, 3, activation="relu")(hidden)
    hidden = layers.GlobalAveragePooling2D()(hidden)
    return keras.Model(inputs, layers.Dense(3, name="kind")(hidden))


def write_photos(
    folder: Path, random: np.random.Generator, size: tuple[int, int] = (SIZE, SIZE), ending: str = "jpg"
) -> list[Path]:
    """Write smooth pictures with some noise as a camera would, and return their files in order."""
    from PIL import Image

    folder.mkdir()
    files = [folder / f"{number:03}.{ending}" for number in range(FILES)]
    for file in files:
        colours = random.uniform(0, 255, (5, 5, 3)).astype("uint8")
        smooth = np.asarray(Image.fromarray(colours).resize(size, Image.Resampling.BICUBIC), float)
        noisy = np.clip(smooth + random.normal(0, 6, smooth.shape), 0, 255).astype("uint8")
        options = {"quality": int(random.integers(70, 96))} if ending == "jpg" else {}
        Image.fromarray(noisy).save(file, **options)
    return files


def decode_fast(files: list[Path], method: str = "bilinear") -> Array:
    """Decode and resize as keras.utils.image_dataset_from_directory does."""
    import tensorflow as tf

    pixels = [tf.io.decode_image(file.read_bytes(), channels=3, expand_animations=False) for file in files]
    return np.stack([tf.image.resize(each, (SIZE, SIZE), method=method).numpy() for each in pixels])


def _shop(
    serve: Serve,
    size: tuple[int, int] = (SIZE, SIZE),
    *,
    value_range: tuple[float, float] | None = None,
    method: str = "bilinear",
    ending: str = "jpg",
) -> Writer:
    """A folder of pictures, and the rows that a service made of their fast decoded pixels."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        served = serve(decode_fast(write_photos(folder / "photos", random, size, ending), method))
        np.save(folder / "served.npy", served)
        stated: tuple[str, ...] = ()
        if value_range is not None:
            (folder / "kcheck.yaml").write_text(json.dumps({"facts": {"value_range": value_range}}))
            stated = ("--config", str(folder / "kcheck.yaml"))
        return ("--data", str(folder / "photos"), "--served", str(folder / "served.npy"), *stated)

    return write


def _as_given(pixels: Array) -> Array:
    return pixels.astype("float32")


def _divided(pixels: Array) -> Array:
    return (pixels / 255).astype("float32")


def _reversed_channels(pixels: Array) -> Array:
    return pixels[..., ::-1].astype("float32")


def _green_first(pixels: Array) -> Array:
    return pixels[..., [1, 0, 2]].astype("float32")


def _brighter(pixels: Array) -> Array:
    return np.minimum(pixels * 1.02, 255).astype("float32")


def _whole(pixels: Array) -> Array:
    return np.rint(pixels).astype("uint8")


def _fault(name: str, kit: Writer, *causes: str, build: Callable[[], Any] = camera) -> Case:
    return Case(name=name, family=FAMILY, build=build, kit=kit, failing=("KC301",), causes=causes)


def _clean(name: str, kit: Writer, build: Callable[[], Any] = camera) -> Case:
    return Case(name=name, family=CLEAN, build=build, kit=kit, quiet=("KC301", "KC501"))


CASES: tuple[Case, ...] = (
    _fault("fast decoded as BGR", _shop(_reversed_channels), "feature-order"),
    _fault("fast decoded, green before red", _shop(_green_first), "feature-order"),
    _fault("fast decoded and divided, not in training", _shop(_divided), "scaler-foreign"),
    _fault("fast decoded, brighter by a fiftieth", _shop(_brighter)),
    _fault("fast decoded, resized by area", _shop(_as_given, (40, 32), method="area"), "sampled-differently"),
    _fault(
        "fast decoded, resized to the nearest pixel",
        _shop(_as_given, (40, 32), method="nearest"),
        "sampled-differently",
    ),
    _clean("fast decoded", _shop(_as_given)),
    _clean("fast decoded and resized", _shop(_as_given, (40, 32))),
    _clean("fast decoded and divided", _shop(_divided, value_range=(0.0, 1.0))),
    _clean("png files", _shop(_as_given, (40, 32), ending="png")),
    _clean("fast decoded as bytes", _shop(_whole), lambda: camera("uint8")),
)

"""Images and videos with two axes exchanged, which the shapes do not show and the reference rows do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out
from tests.corpus.reports_served import served_kit

__all__ = ["CASES"]

_Sizes = tuple[int, ...]
_Change = Callable[[np.ndarray], np.ndarray]


def vision(sizes: tuple[int | None, ...], first: str = "Conv2D") -> Any:
    """A model that takes images, or videos, of these sizes."""
    rows = keras.Input(sizes)
    found = getattr(layers, first)(4, 3, activation="relu")(rows)
    pooled = layers.GlobalAveragePooling2D()(found)
    return keras.Model(rows, layers.Dense(3, activation="softmax")(pooled))


def skies(random: np.random.Generator, sizes: _Sizes) -> np.ndarray:
    """Photos that are bright at the top: (rows, height, width, 3)."""
    height, width = sizes
    level = np.linspace(220, 60, height)[:, None, None] * np.ones((height, width, 3))
    return (level + random.normal(0, 25, (48, height, width, 3))).clip(0, 255).astype("float32")


def blobs(random: np.random.Generator, sizes: _Sizes) -> np.ndarray:
    """One spot above the middle of each image: (rows, height, width, 1)."""
    down, right = np.mgrid[: sizes[0], : sizes[1]]
    places = random.normal((sizes[0] / 4, sizes[1] / 2), 1.5, (48, 2))
    spots = [np.exp(-((down - y) ** 2) / 20 - (right - x) ** 2 / 60) for y, x in places]
    return np.stack(spots)[..., None].astype("float32")


def corners(random: np.random.Generator, sizes: _Sizes) -> np.ndarray:
    """Bright in one corner: (rows, height, width, 1)."""
    level = np.outer(np.linspace(1, 0, sizes[0]) ** 3, np.linspace(1, 0, sizes[1]) ** 2)
    return (level[..., None] + random.normal(0, 0.15, (48, *sizes, 1))).astype("float32")


def films(random: np.random.Generator, sizes: _Sizes) -> np.ndarray:
    """Videos of a floor that is darker at the right: (rows, time, height, width, 1)."""
    steps, height, width = sizes
    level = np.linspace(1.0, 0.2, width)[:, None] * np.ones((steps, height, width, 1))
    return (level + random.normal(0, 0.2, (24, steps, height, width, 1))).astype("float32")


def noise(random: np.random.Generator, sizes: _Sizes) -> np.ndarray:
    """Images without a pattern that all of them share."""
    return random.normal(size=(48, *sizes, 1)).astype("float32")


def compared(
    make: Callable[[np.random.Generator, _Sizes], np.ndarray],
    sizes: _Sizes,
    change: _Change = np.asarray,
    reference: _Sizes | None = None,
) -> Writer:
    """Rows that are changed, with reference rows that are not."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = change(make(random, sizes))
        return lay_out(folder, data=rows, reference=make(random, reference or sizes))

    return write


def fed(change: _Change) -> Writer:
    """Square photos, and as serving feeds them."""

    def pairs(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        rows = skies(random, (18, 18)).round().astype("uint8")
        return rows, change(rows)

    return served_kit(pairs)


def rotated(quarters: int) -> _Change:
    """Quarter turns of each image."""
    return lambda rows: np.ascontiguousarray(np.rot90(rows, quarters, axes=(1, 2)))


def held_in_four_ways(rows: np.ndarray) -> np.ndarray:
    """Each image turned as its camera was held."""
    return np.stack([np.rot90(row, number % 4) for number, row in enumerate(rows)])


def some(change: _Change, every: int) -> _Change:
    """Change some of the images only, as those of one camera."""

    def changed(rows: np.ndarray) -> np.ndarray:
        served = rows.copy()
        served[1::every] = change(rows[1::every])
        return served

    return changed


def turned(rows: np.ndarray) -> np.ndarray:
    """Height and width exchanged."""
    return np.ascontiguousarray(rows.swapaxes(-3, -2))


_faulty = partial(Case, family="axes", causes=("axes-swapped",), failing=("KC501",))
_turned = partial(Case, family="axes", causes=("images-turned",), failing=("KC301", "KC501"))
_partly = partial(Case, family="axes", causes=("images-turned",), failing=("KC301",))
_clean = partial(Case, family="clean-axes", quiet=("KC501", "KC702"))
_ANY = (None, None, 3)

CASES: tuple[Case, ...] = (
    _faulty(name="photos on their side", build=partial(vision, _ANY), kit=compared(skies, (20, 32), turned)),
    _faulty(
        name="square images turned over",
        build=partial(vision, (18, 18, 1)),
        kit=compared(blobs, (18, 18), turned),
    ),
    _faulty(
        name="videos on their side",
        build=partial(vision, (None, 14, 14, 1), "ConvLSTM2D"),
        kit=compared(films, (4, 14, 14), turned),
    ),
    _turned(name="photos of a phone held upright", build=partial(vision, _ANY), kit=fed(rotated(3))),
    _turned(name="photos upside down", build=partial(vision, (18, 18, 3)), kit=fed(rotated(2))),
    _turned(
        name="selfies as the phone shows them",
        build=partial(vision, _ANY),
        kit=fed(lambda rows: rows[:, :, ::-1]),
    ),
    _turned(
        name="photos rotated since training",
        build=partial(vision, (24, 24, 1)),
        kit=compared(corners, (24, 24), rotated(1)),
    ),
    _partly(
        name="photos of which some have an orientation in EXIF",
        build=partial(vision, _ANY),
        kit=fed(some(rotated(3), 4)),
    ),
    _partly(
        name="selfies among other photos",
        build=partial(vision, (18, 18, 3)),
        kit=fed(some(lambda rows: rows[:, :, ::-1], 3)),
    ),
    _partly(
        name="photos of a camera held in four ways", build=partial(vision, _ANY), kit=fed(held_in_four_ways)
    ),
    _clean(name="photos served as they are", build=partial(vision, _ANY), kit=fed(np.copy)),
    _clean(
        name="portraits beside landscapes",
        build=partial(vision, _ANY),
        kit=compared(skies, (32, 20), reference=(20, 32)),
    ),
    _clean(name="photos as in training", build=partial(vision, _ANY), kit=compared(skies, (20, 32))),
    _clean(
        name="images without a pattern",
        build=partial(vision, (18, 18, 1)),
        kit=compared(noise, (18, 18), turned),
    ),
)

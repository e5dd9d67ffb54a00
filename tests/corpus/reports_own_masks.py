"""Models that work along time by operations and layers of their own only; and twins, tables and images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import Case, Maker, Rows, save_rows
from tests.corpus.reports_own_masks_layers import Attend, SumOfSet, Weighted

__all__ = ["CASES"]

FAMILY, CLEAN = "own-masks", "clean-own-masks"
OBJECTS = ("--custom-objects", str(Path(__file__).with_name("reports_own_masks_layers.py")))
QUIET = ("KC501", "KC503", "KC504", "KC702")
LOST, UNMASKED = "mask-lost", "padding-unmasked"


def words(random: np.random.Generator) -> np.ndarray:
    """Ids of 1 to 39, padded with 0 on the right."""
    ids = random.integers(1, 40, size=(64, 11))
    return np.where(np.arange(11) < random.integers(3, 12, size=(64, 1)), ids, 0).astype("int32")


def sets(random: np.random.Generator) -> Rows:
    """Sets of 2 to 9 members with four features, and their sizes."""
    sizes = random.integers(2, 10, size=(64, 1))
    members = random.normal(size=(64, 9, 4)) * (np.arange(9) < sizes)[..., None]
    return {"members": members.astype("float32"), "size": sizes.astype("int32")}


def categories(random: np.random.Generator) -> np.ndarray:
    """Codes of five features of which the last ones are often 0."""
    tops = (40, 25, 6, 3, 2)
    return np.stack([random.integers(0, top, size=96) for top in tops], axis=1).astype("int32")


def flags(random: np.random.Generator) -> np.ndarray:
    """Codes of five features; the last two are 0 in nearly all rows, and no other one ever is."""
    rare = random.random(size=(96, 2)) < (0.3, 0.05)
    return np.concatenate([random.integers(1, 30, size=(96, 3)), rare], axis=1).astype("int32")


def framed(random: np.random.Generator) -> np.ndarray:
    """Images with a black border of several heights below."""
    images = random.random(size=(24, 20, 16, 3))
    below = np.arange(20) < random.integers(8, 21, size=(24, 1))
    return (images * below[:, :, None, None]).astype("float32")


def waves(random: np.random.Generator) -> np.ndarray:
    """Series of one length."""
    return random.normal(size=(64, 24, 3)).astype("float32")


def reading(body: Callable[[Any, Any], Any], length: int | None = None) -> Callable[[], Any]:
    """Return a builder of a model of ids and of what they look up."""

    def build() -> Any:
        ids = keras.Input((length,), dtype="int32", name="ids")
        looked_up = layers.Embedding(40, 8, embeddings_initializer="normal", name="words")(ids)
        return keras.Model(ids, layers.Dense(3, name="head")(body(ids, looked_up)))

    return build


def true(ids: Any) -> Any:
    """1 for words, 0 for padding."""
    return ops.expand_dims(ops.cast(ops.not_equal(ids, 0), "float32"), -1)


def masked_mean(ids: Any, steps: Any) -> Any:
    """The mean of the true time steps."""
    return ops.sum(steps * true(ids), axis=1) / ops.maximum(ops.sum(true(ids), axis=1), 1.0)


def attended(*, at_keys: bool) -> Callable[[Any, Any], Any]:
    """Return attention with a mask at the keys, or by mistake at the queries."""

    def body(ids: Any, steps: Any) -> Any:
        mask = ops.expand_dims(ops.not_equal(ids, 0), 1 if at_keys else 2)
        return masked_mean(
            ids, layers.MultiHeadAttention(2, 4, name="attention")(steps, steps, attention_mask=mask)
        )

    return body


def scored(*, by_mask: bool) -> Callable[[Any, Any], Any]:
    """Return a mean with learned weights, with padding hidden from the softmax or not."""

    def body(ids: Any, steps: Any) -> Any:
        scores = layers.Dense(1, name="scores")(steps)
        scores = scores - 1e9 * (1.0 - true(ids)) if by_mask else scores
        return ops.sum(ops.softmax(scores, axis=1) * steps, axis=1)

    return body


def set_of(**kwargs: bool) -> Callable[[], Any]:
    """Return a builder of a model of a set with a size."""

    def build() -> Any:
        members = keras.Input((None, 4), name="members")
        size = keras.Input((1,), dtype="int32", name="size")
        each = layers.Dense(8, activation="tanh", name="each")(members)
        return keras.Model([members, size], layers.Dense(2)(SumOfSet(name="sum", **kwargs)(each, size)))

    return build


def tabled(_ids: Any, looked_up: Any) -> Any:
    """The features of one row side by side."""
    return layers.Dense(6, activation="tanh")(layers.Flatten()(looked_up))


def seen() -> Any:
    """A convolutional classifier of images of any size."""
    image = keras.Input((None, None, 3), name="image")
    x = layers.Conv2D(6, 3, activation="relu", name="filter")(image)
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


def peaked() -> Any:
    """The greatest answer of a filter to series of one length."""
    series = keras.Input((24, 3), name="series")
    return keras.Model(
        series, layers.Dense(2)(layers.GlobalMaxPooling1D()(layers.Conv1D(6, 5, name="filter")(series)))
    )


def _stated(facts: str) -> Callable[[Path, np.random.Generator], tuple[str, ...]]:
    """Return a writer of padded words and of what their owner states."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        (folder / "kcheck.yaml").write_text(f"facts: {facts}\n", encoding="utf-8")
        rows = save_rows(folder / "data", words(random))
        return ("--data", str(rows), "--config", str(folder / "kcheck.yaml"))

    return write


def _fails(name: str, build: Callable[[], Any], cause: str, layer: str | None = None, **more: Any) -> Case:
    given = more if "kit" in more else {"data": words, **more}
    expected = {} if "warning" in more else {"failing": ("KC504",)}
    return Case(
        name=name, family=FAMILY, build=build, causes=(cause,), layer=layer, args=OBJECTS, **expected, **given
    )


def _warns(name: str, build: Callable[[], Any], data: Maker = words) -> Case:
    return _fails(name, build, UNMASKED, data=data, warning=("KC504",))


def _clean(name: str, build: Callable[[], Any], data: Maker | None = words, **more: Any) -> Case:
    return Case(name=name, family=CLEAN, build=build, data=data, quiet=QUIET, args=OBJECTS, **more)


PADDED = "{padding: {value: 0, side: right}}"

CASES: tuple[Case, ...] = (
    _fails(
        "own attention, its own mask at the queries",
        reading(lambda ids, steps: Attend(at_keys=False, name="attend")(steps, ids)),
        LOST,
        "attend",
    ),
    _fails(
        "attention of one length, a computed mask at the queries",
        reading(attended(at_keys=False), 11),
        LOST,
        "attention",
    ),
    _fails(
        "weights of words, a mask given and not used",
        reading(lambda ids, steps: Weighted(hides=False, name="weighted")(steps, ops.not_equal(ids, 0))),
        LOST,
        "weighted",
    ),
    _warns("bag of words, padding in its mean", reading(lambda _, steps: ops.mean(steps, axis=1))),
    _fails(
        "bag of words, padding in its mean, stated",
        reading(lambda _, steps: ops.mean(steps, axis=1)),
        UNMASKED,
        kit=_stated(PADDED),
    ),
    _fails(
        "last of the sums of words, padded right",
        reading(lambda _, steps: ops.tanh(ops.cumsum(steps, axis=1))[:, -1]),
        UNMASKED,
        kit=_stated(PADDED),
    ),
    _warns("weights over the padding too", reading(scored(by_mask=False))),
    _warns("mean over all places of a set", set_of(counts_all=True), sets),
    _clean(
        "own attention, its own mask at the keys",
        reading(lambda ids, steps: Attend(name="attend")(steps, ids)),
    ),
    _clean("attention of one length, a computed mask at the keys", reading(attended(at_keys=True), 11)),
    _clean("bag of words, mean of the true ones", reading(masked_mean)),
    _clean(
        "bag of words, sum of the true ones, stated",
        reading(lambda ids, steps: ops.sum(steps * true(ids), axis=1)),
        None,
        kit=_stated("{variable_length: true, time_axis: 1}"),
    ),
    _clean(
        "weights of words, a mask given and used",
        reading(lambda ids, steps: Weighted(name="weighted")(steps, ops.not_equal(ids, 0))),
    ),
    _clean("weights over true words", reading(scored(by_mask=True))),
    _clean("sum of a set by its size", set_of(), sets),
    _clean("codes of five features", reading(tabled, 5), categories),
    _clean("codes of five features, rare flags", reading(tabled, 5), flags),
    _clean("images of any size with borders", seen, framed),
    _clean("series of one length, the greatest answer", peaked, waves),
)

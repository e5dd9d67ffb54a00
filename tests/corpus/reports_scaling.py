"""Kinds of fault from public reports about scaling and preprocessing, each next to healthy twins."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from tests.corpus.cases import Case, Maker, Writer
from tests.corpus.kits import lay_out

__all__ = ["CASES"]

FAMILY, CLEAN = "reports-scaling", "clean-reports-scaling"
Array = np.ndarray
WORDS = np.array([f"word{number}" for number in range(120)])


def _clean(name: str, build: Callable[[], Any], kit: Writer) -> Case:
    return Case(name=name, family=CLEAN, build=build, kit=kit)


def _fault(
    name: str,
    build: Callable[[], Any],
    kit: Writer,
    failing: tuple[str, ...],
    causes: tuple[str, ...],
    layer: str | None = None,
    warning: tuple[str, ...] = (),
) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        kit=kit,
        failing=failing,
        causes=causes,
        layer=layer,
        warning=warning,
    )


# Text that becomes numbers before the model


def _texts(random: np.random.Generator, rows: int = 60) -> Array:
    return np.array([" ".join(random.choice(WORDS, int(random.integers(3, 11)))) for _ in range(rows)])


def texts_prepared_by(source: str) -> Writer:
    """Texts and a function prepare(rows) that turns them into numbers."""
    return lambda folder, random: lay_out(folder, data=_texts(random), preprocess=source)


def word_ids() -> Any:
    """Word ids, their mean embedding, a score."""
    return keras.Sequential(
        [
            keras.Input((10,), dtype="int32", name="ids"),
            layers.Embedding(500, 8, mask_zero=True, name="words"),
            layers.GlobalAveragePooling1D(name="mean"),
            layers.Dense(1, activation="sigmoid", name="score"),
        ]
    )


def bag_of_words() -> Any:
    """Counts of hashed words, dense layers."""
    inputs = keras.Input((32,), name="counts")
    hidden = layers.Dense(12, activation="relu")(inputs)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="topic")(hidden))


IDS = """import zlib
import numpy as np

def bucket(word):
    return HOW % 499 + 1

def prepare(rows):
    ids = np.zeros((len(rows), 10), "int32")
    for row, text in enumerate(np.asarray(rows).reshape(len(rows))):
        words = str(text).split()[:10]
        ids[row, : len(words)] = [bucket(word) for word in words]
    return ids
"""
COUNTS = """import zlib
import numpy as np

def prepare(rows):
    counts = np.zeros((len(rows), 32), "float32")
    for row, text in enumerate(np.asarray(rows).reshape(len(rows))):
        for number in map(HOW, str(text).split()):
            counts[row, number % 32] += 1
    return counts
"""
VOCABULARY = """import numpy as np

NUMBERS = {word: 1 + number for number, word in enumerate(ORDER)}

def prepare(rows):
    ids = np.zeros((len(rows), 10), "int32")
    for row, text in enumerate(np.asarray(rows).reshape(len(rows))):
        words = str(text).split()[:10]
        ids[row, : len(words)] = [NUMBERS[word] for word in words]
    return ids
"""
_ALL_WORDS = "{f'word{number}' for number in range(120)}"
SALTED, STABLE = "hash(word)", "zlib.crc32(word.encode())"
UNREPEATABLE = (("KC302",), ("preprocess-unrepeatable",))

TEXTS: tuple[Case, ...] = (
    _fault(
        "words hashed with a salt", word_ids, texts_prepared_by(IDS.replace("HOW", SALTED)), *UNREPEATABLE
    ),
    _fault(
        "counts of words hashed with a salt",
        bag_of_words,
        texts_prepared_by(COUNTS.replace("HOW", "hash")),
        *UNREPEATABLE,
    ),
    _fault(
        "vocabulary in the order of a set",
        word_ids,
        texts_prepared_by(VOCABULARY.replace("ORDER", _ALL_WORDS)),
        *UNREPEATABLE,
    ),
    _clean("words hashed by crc32", word_ids, texts_prepared_by(IDS.replace("HOW", STABLE))),
    _clean(
        "counts of words hashed by crc32",
        bag_of_words,
        texts_prepared_by(COUNTS.replace("HOW", "lambda word: zlib.crc32(word.encode())")),
    ),
    _clean(
        "vocabulary in sorted order",
        word_ids,
        texts_prepared_by(VOCABULARY.replace("ORDER", f"sorted({_ALL_WORDS})")),
    ),
)

# Moving statistics of BatchNormalization


def table(random: np.random.Generator, rows: int = 90) -> Array:
    """Features around 40, as in the raw rows of a sensor."""
    return random.normal(40, 9, (rows, 12)).astype("float32")


def standard_table(random: np.random.Generator, rows: int = 90) -> Array:
    """The same features, standardized."""
    return (table(random, rows) - 40) / np.float32(9)


def photos(random: np.random.Generator, rows: int = 40) -> Array:
    """Pixels of 0 to 255 in patches."""
    patches = random.uniform(0, 255, (rows, 4, 4, 3))
    return patches.repeat(4, 1).repeat(4, 2).astype("float32")


def signals(random: np.random.Generator, rows: int = 50) -> Array:
    """Series around a level of 20."""
    return (20 + 5 * random.normal(size=(rows, 12, 4))).cumsum(1).astype("float32") / 6


def dense_norms() -> Any:
    """Two BatchNormalization layers between dense ones."""
    inputs = keras.Input((12,), name="features")
    hidden = inputs
    for number, units in enumerate((24, 12)):
        hidden = layers.Dense(units, name=f"dense{number}")(hidden)
        hidden = layers.ReLU()(layers.BatchNormalization(name=f"norm{number}")(hidden))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="risk")(hidden))


def conv_norms() -> Any:
    """Convolutions with BatchNormalization, a softmax."""
    return keras.Sequential(
        [
            keras.Input((16, 16, 3), name="photo"),
            layers.Conv2D(8, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm0"),
            layers.ReLU(),
            layers.Conv2D(12, 3, strides=2, name="more"),
            layers.BatchNormalization(name="norm1"),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax", name="kind"),
        ]
    )


def series_norms() -> Any:
    """A convolution over time in a nested model, a GRU behind it."""
    inner = keras.Sequential(
        [keras.Input((12, 4)), layers.Conv1D(8, 3, name="conv"), layers.BatchNormalization(name="norm0")],
        name="front",
    )
    inputs = keras.Input((12, 4), name="signal")
    return keras.Model(inputs, layers.Dense(2, name="next")(layers.GRU(6)(layers.ReLU()(inner(inputs)))))


def settled(build: Callable[[], Any], rows: Maker, share: float, *, frozen: bool = False) -> Any:
    """A model whose moving statistics have moved by this share to those of its training rows."""

    def make() -> Any:
        model = build()
        norms = [each for each in model._flatten_layers() if isinstance(each, layers.BatchNormalization)]
        for norm in norms:
            norm.momentum = 1 - share
        if share:
            model(_training(rows), training=True)
        for norm in norms:
            norm.momentum = 0.99
            norm.trainable = not frozen
        return model

    return make


def trained_without_statistics(build: Callable[[], Any], rows: Maker) -> Any:
    """A model that was trained, and whose moving statistics were not stored."""

    def make() -> Any:
        model = build()
        known = _training(rows)
        model.compile("adam", "mse")
        model.fit(known, np.zeros((len(known), *model.output_shape[1:])), epochs=2, verbose=0)
        for norm in model._flatten_layers():
            if isinstance(norm, layers.BatchNormalization):
                norm.moving_mean.assign(np.zeros(norm.moving_mean.shape))
                norm.moving_variance.assign(np.ones(norm.moving_variance.shape))
        return model

    return make


def _training(rows: Maker) -> Array:
    return np.asarray(rows(np.random.default_rng(7)))


def new_rows(rows: Maker, *, reference: bool = False, shift: float = 0.0) -> Writer:
    """New rows, with or without the training rows next to them."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        data = np.asarray(rows(random))
        known = _training(rows) if reference else None
        return lay_out(folder, data=data + np.float32(shift * data.std()), reference=known)

    return write


UNSETTLED = (("KC404",), ("batch-norm-statistics",))

NORMS: tuple[Case, ...] = (
    *(
        _fault(
            f"moving statistics of few steps, {name}",
            settled(build, rows, share),
            new_rows(rows, reference=reference),
            *UNSETTLED,
            layer=layer,
        )
        for name, build, rows, share, reference, layer in (
            ("dense", dense_norms, table, 0.2, True, "norm0"),
            ("dense, without reference", dense_norms, table, 0.1, False, "norm0"),
            ("convolutions", conv_norms, photos, 0.05, True, "norm0"),
            ("nested, over time", series_norms, signals, 0.02, True, "front/norm0"),
        )
    ),
    _clean(
        "moving statistics of the rows, dense",
        settled(dense_norms, table, 1.0),
        new_rows(table, reference=True),
    ),
    _clean(
        "moving statistics of the rows, convolutions",
        settled(conv_norms, photos, 0.95),
        new_rows(photos, reference=True),
    ),
    _clean(
        "moving statistics of the rows, over time", settled(series_norms, signals, 1.0), new_rows(signals)
    ),
    _clean(
        "moving statistics, rows a little different",
        settled(dense_norms, table, 1.0),
        new_rows(table, shift=0.5),
    ),
    _clean(
        "moving statistics as created",
        settled(conv_norms, photos, 0.0),
        new_rows(photos),
    ),
    _fault(
        "moving statistics not stored, dense",
        trained_without_statistics(dense_norms, table),
        new_rows(table, reference=True),
        (),
        ("batch-norm-statistics",),
        layer="norm0",
        warning=("KC404",),
    ),
    _fault(
        "moving statistics not stored, convolutions without reference",
        trained_without_statistics(conv_norms, photos),
        new_rows(photos),
        (),
        ("batch-norm-statistics",),
        layer="norm0",
        warning=("KC404",),
    ),
    _clean(
        "moving statistics not stored, standardized rows",
        trained_without_statistics(dense_norms, standard_table),
        new_rows(standard_table, reference=True),
    ),
    _clean(
        "moving statistics of other rows, frozen",
        settled(dense_norms, table, 0.2, frozen=True),
        new_rows(table, reference=True),
    ),
)

# Pixels that are divided twice, and layers that were never adapted


def backbone(*, adapted: bool) -> Callable[[], Any]:
    """A nested model that divides by 255, normalises with the numbers of ImageNet or not at all."""

    def make() -> Any:
        numbers = {"mean": [0.485, 0.456, 0.406], "variance": [0.0524, 0.0502, 0.0506]} if adapted else {}
        inner_inputs = keras.Input((16, 16, 3), name="pixels")
        hidden = layers.Rescaling(1 / 255, name="rescaling")(inner_inputs)
        hidden = layers.Normalization(axis=-1, name="normalization", **numbers)(hidden)
        hidden = layers.Conv2D(8, 3, strides=2, activation="swish")(hidden)
        inner = keras.Model(inner_inputs, hidden, name="backbone")
        inputs = keras.Input((16, 16, 3), name="photo")
        pooled = layers.GlobalAveragePooling2D()(inner(inputs, training=False))
        return keras.Model(inputs, layers.Dense(10, activation="softmax", name="kind")(pooled))

    return make


def flat_rescaling() -> Any:
    """The same in one Sequential, to the range -1 to 1."""
    return keras.Sequential(
        [
            keras.Input((16, 16, 3), name="photo"),
            layers.Rescaling(1 / 127.5, offset=-1, name="rescaling"),
            layers.Normalization(name="normalization"),
            layers.DepthwiseConv2D(3),
            layers.Flatten(),
            layers.Dense(2, name="angle"),
        ]
    )


def divided_by_operation() -> Any:
    """Pixels divided by an operation, not a layer."""
    inputs = keras.Input((16, 16, 3), name="photo")
    hidden = layers.Conv2D(8, 3, strides=2, activation="swish")(keras.ops.divide(inputs, 255.0))
    return keras.Model(inputs, layers.Dense(2, name="angle")(layers.GlobalAveragePooling2D()(hidden)))


def dark(random: np.random.Generator) -> Array:
    """Pixels that are 0 or 1 of 255, but for a few."""
    return (photos(random) > 250).astype("float32")


def divided(random: np.random.Generator) -> Array:
    """Pixels of 0 to 1."""
    return photos(random) / np.float32(255)


TWICE = (("KC402",), ("normalized-twice",))

PIXELS: tuple[Case, ...] = (
    _fault("divided twice, adapted", backbone(adapted=True), new_rows(divided), *TWICE, "backbone/rescaling"),
    _fault(
        "divided twice, never adapted",
        backbone(adapted=False),
        new_rows(divided),
        *TWICE,
        "backbone/rescaling",
    ),
    _fault("divided twice, in one model", flat_rescaling, new_rows(divided), *TWICE, "rescaling"),
    _fault("divided twice, by an operation", divided_by_operation, new_rows(divided), *TWICE, "divide"),
    _clean("divided once, by an operation", divided_by_operation, new_rows(photos)),
    _clean("divided once, by an operation, dark pictures", divided_by_operation, new_rows(dark)),
    _clean("divided once, adapted", backbone(adapted=True), new_rows(photos)),
    _clean("divided once, never adapted", backbone(adapted=False), new_rows(photos)),
    _clean("divided once, in one model", flat_rescaling, new_rows(photos)),
)

# Served rows with values in other places, without a scaler


def centred(random: np.random.Generator) -> Array:
    """Rows that are already scaled."""
    return random.normal(size=(60, 6)).astype("float32")


def perceptron() -> Any:
    """A small dense model of six features."""
    return keras.Sequential(
        [
            keras.Input((6,), name="features"),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, name="price"),
        ]
    )


def small_pictures(random: np.random.Generator) -> Array:
    """Pictures of 0 to 1 whose channels differ in level."""
    return (photos(random) / 255 * np.array([1.0, 0.7, 0.4])).astype("float32")


def small_cnn() -> Any:
    """A small convolutional model."""
    inputs = keras.Input((16, 16, 3), name="picture")
    hidden = layers.Flatten()(layers.Conv2D(6, 3, strides=2, activation="gelu")(inputs))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="kind")(hidden))


def pair() -> Any:
    """Two inputs of several features each."""
    left, right = keras.Input((4,), name="left"), keras.Input((5,), name="right")
    joined = layers.Concatenate()([left, layers.Dense(3, activation="tanh")(right)])
    return keras.Model([left, right], layers.Dense(2, name="gain")(joined))


def smoothed(rows: Array) -> Array:
    """The same pictures as after another interpolation."""
    return (0.9 * rows + 0.1 * np.roll(rows, 1, axis=1)).astype("float32")


def served_as(rows: Maker, serve: Callable[[Any], Any]) -> Writer:
    """Rows, and what serving made of them."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        data = rows(random)
        return lay_out(folder, data=data, served=serve(data))

    return write


def both(random: np.random.Generator) -> dict[str, Array]:
    """Rows of two inputs."""
    sizes = {"left": 4, "right": 5}
    return {name: random.normal(size=(50, size)).astype("float32") for name, size in sizes.items()}


ORDER = (("KC301",), ("feature-order",))
CUT = (("KC301", "KC305"), ("scaled-in-low-precision",))

PLACES: tuple[Case, ...] = (
    _fault(
        "columns exchanged", perceptron, served_as(centred, lambda rows: rows[:, [0, 2, 1, 3, 5, 4]]), *ORDER
    ),
    _fault("channels as BGR", small_cnn, served_as(small_pictures, lambda rows: rows[..., ::-1]), *ORDER),
    _fault(
        "height and width exchanged",
        small_cnn,
        served_as(small_pictures, lambda rows: rows.transpose(0, 2, 1, 3)),
        *ORDER,
    ),
    _fault(
        "channels as BGR, another interpolation",
        small_cnn,
        served_as(small_pictures, lambda rows: smoothed(rows[..., ::-1])),
        *ORDER,
    ),
    _fault(
        "columns of one of two inputs rolled",
        pair,
        served_as(both, lambda rows: {**rows, "right": np.roll(rows["right"], 1, axis=1)}),
        *ORDER,
    ),
    _fault(
        "scaled rows cast to integers",
        perceptron,
        served_as(centred, np.trunc),
        *CUT,
    ),
    _clean("columns in place", perceptron, served_as(centred, np.copy)),
    _clean("channels in place", small_cnn, served_as(small_pictures, np.copy)),
    _clean("columns of two inputs in place", pair, served_as(both, dict)),
)

# Rows that training divided by their norms


def digits(random: np.random.Generator) -> Array:
    """Drawings in grey, with a dark background."""
    strokes = random.integers(150, 256, (40, 14, 14)) * (random.random((40, 14, 14)) > 0.7)
    return strokes.astype("float32")


def spectra(random: np.random.Generator) -> Array:
    """Non-negative intensities of 20 bands."""
    return (random.gamma(2.0, 30.0, (50, 20)) * random.uniform(1, 9, (50, 1))).astype("float32")


def by_norm(rows: Array, *axes: int, order: int = 2) -> Array:
    """The rows, each vector along the axes divided by its norm."""
    norms = (np.abs(rows) ** order).sum(axis=axes, keepdims=True) ** (1 / order)
    return (rows / np.maximum(norms, 1e-9)).astype("float32")


def digit_model() -> Any:
    """Dense layers over a drawing."""
    return keras.Sequential(
        [
            keras.Input((14, 14), name="digit"),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(10, activation="softmax", name="kind"),
        ]
    )


def spectrum_model() -> Any:
    """Dense layers over bands, in a functional model."""
    inputs = keras.Input((20,), name="bands")
    return keras.Model(inputs, layers.Dense(2, name="shares")(layers.Dense(8, activation="gelu")(inputs)))


def against(rows: Maker, prepare: Callable[[Array], Array], *axes: int, order: int = 2) -> Writer:
    """Rows prepared by serving, next to training rows that were divided by their norms."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        known = by_norm(_training(rows), *axes, order=order)
        return lay_out(folder, data=prepare(np.asarray(rows(random))), reference=known)

    return write


WITHOUT_NORM = (("KC402",), ("input-range",))

LENGTHS: tuple[Case, ...] = (
    _fault("drawings without their norms", digit_model, against(digits, np.copy, 1), *WITHOUT_NORM),
    _fault(
        "drawings divided by 255 and not by their norms",
        digit_model,
        against(digits, lambda rows: rows / np.float32(255), 1, 2),
        *WITHOUT_NORM,
    ),
    _fault(
        "spectra without their sums", spectrum_model, against(spectra, np.copy, 1, order=1), *WITHOUT_NORM
    ),
    _clean("drawings with their norms", digit_model, against(digits, lambda rows: by_norm(rows, 1), 1)),
    _clean(
        "spectra with their sums",
        spectrum_model,
        against(spectra, lambda rows: by_norm(rows, 1, order=1), 1, order=1),
    ),
)

# Recorded outputs in the units of the targets


def forecaster(outputs: int) -> Callable[[], Any]:
    """A recurrent model of scaled targets."""

    def make() -> Any:
        inputs = keras.Input((8, 3), name="window")
        return keras.Model(inputs, layers.Dense(outputs, name="next")(layers.GRU(6)(inputs)))

    return make


def windows(random: np.random.Generator) -> Array:
    """Scaled series."""
    return random.normal(size=(60, 8, 3)).astype("float32")


class Forecast:
    """A model whose outputs are recorded in units, and the scaler of its targets, right or wrong."""

    def __init__(self, build: Callable[[], Any], right: Any, given: Any) -> None:
        self.build_model, self.right, self.given = build, right, given
        self.model: Any = None

    def build(self) -> Any:
        """Build the model and keep it for the record."""
        self.model = self.build_model()
        return self.model

    def kit(self, folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        """Write rows, recorded outputs and the scaler."""
        rows = windows(random)
        outputs = self.model.predict(rows, verbose=0)
        np.save(folder / "expected.npy", self.right.inverse_transform(outputs))
        (folder / "target.pkl").write_bytes(pickle.dumps(self.given))
        files = ("--expected", str(folder / "expected.npy"), "--target-scaler", str(folder / "target.pkl"))
        return (*lay_out(folder, data=rows), *files)


_TARGETS = np.random.default_rng(5).normal([500.0, 21.0, 1013.0], [30.0, 4.0, 9.0], (300, 3))
PRICE, VOLUME = StandardScaler().fit(_TARGETS[:, :1]), StandardScaler().fit(_TARGETS[:, 1:2])
SPAN, ALL_THREE = MinMaxScaler().fit(_TARGETS[:, :1]), StandardScaler().fit(_TARGETS)
TURNED = StandardScaler().fit(_TARGETS[:, [1, 0, 2]])
OTHER_TARGET = (("KC802",), ("target-scaler-foreign",))


def _forecast(name: str, outputs: int, right: Any, given: Any) -> Case:
    forecast = Forecast(forecaster(outputs), right, given)
    if right is given:
        return _clean(name, forecast.build, forecast.kit)
    return _fault(name, forecast.build, forecast.kit, *OTHER_TARGET)


UNITS: tuple[Case, ...] = (
    _forecast("target scaler of another column", 1, PRICE, VOLUME),
    _forecast("target scaler of another kind", 1, SPAN, PRICE),
    _forecast("target scaler of columns in another order", 3, ALL_THREE, TURNED),
    _forecast("target scaler of the target", 1, PRICE, PRICE),
    _forecast("target scaler of the target, by range", 1, SPAN, SPAN),
    _forecast("target scaler of three targets", 3, ALL_THREE, ALL_THREE),
)

# Scalers that were fitted before outliers were removed


def fitted_with(scaler: Callable[[], Any], *outliers: float) -> Writer:
    """Clean training rows as reference, and a scaler that also saw these outliers."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        known = np.random.default_rng(7).normal(45, 9, (400, 6))
        extra = np.tile(np.array(outliers)[:, None], (1, 6)).reshape(-1, 6)
        fitted = scaler().fit(np.concatenate([known, extra]))
        rows = random.normal(45, 9, (60, 6))
        return lay_out(folder, data=rows, scaler=pickle.dumps(fitted), reference=known)

    return write


def _outliers(name: str, scaler: Callable[[], Any], *outliers: float) -> Case:
    kit = fitted_with(scaler, *outliers)
    if not outliers:
        return _clean(name, perceptron, kit)
    return _fault(name, perceptron, kit, (), ("scaler-stale",), warning=("KC304",))


OUTLIERS: tuple[Case, ...] = (
    _outliers("range with one outlier", MinMaxScaler, 3000.0),
    _outliers("greatest value with outliers", MaxAbsScaler, -2500.0, 900.0),
    _outliers("mean and spread with outliers", StandardScaler, 3000.0, -4000.0),
    _outliers("range of the clean rows", MinMaxScaler),
    _outliers("greatest value of the clean rows", MaxAbsScaler),
)

CASES: tuple[Case, ...] = (*TEXTS, *NORMS, *PIXELS, *PLACES, *LENGTHS, *UNITS, *OUTLIERS)

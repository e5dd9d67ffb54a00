"""Served rows that show another part, have another scale in each row, or a scaler that went on learning."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from PIL import Image
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out
from tests.corpus.reports_served import CLEAN, FAMILY, QUIET, reader, served_kit, table_model

__all__ = ["CASES", "STEPS"]

Array = np.ndarray
Change = Callable[[Array], Array]
STEPS, SIZE = 16, 24


def forecaster() -> Any:
    """A GRU over windows of two meters."""
    inputs = keras.Input((STEPS, 2), name="meters")
    return keras.Model(inputs, layers.Dense(1, name="next")(layers.GRU(6)(inputs)))


def hearing() -> Any:
    """Convolutions over one channel of sound."""
    inputs = keras.Input((400, 1), name="sound")
    found = layers.GlobalMaxPooling1D()(layers.Conv1D(6, 12, strides=6, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="word")(found))


def looking() -> Any:
    """Convolutions over small photos."""
    inputs = keras.Input((SIZE, SIZE, 3), name="photo")
    found = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="kind")(found))


def meters(random: np.random.Generator) -> Array:
    """Windows of one long series, one at every time step."""
    time = np.arange(140)[:, None]
    series = np.sin(2 * np.pi * time / [24, 12]) * [3, 1] + random.normal(0, 0.3, (140, 2)) + [9, 4]
    return np.lib.stride_tricks.sliding_window_view(series, STEPS, axis=0).swapaxes(1, 2).astype("float32")


def sounds(random: np.random.Generator) -> Array:
    """Tones of different pitch and loudness."""
    pitch, loud = random.uniform(8, 60, (50, 1)), random.uniform(0.1, 0.9, (50, 1))
    return (loud * np.sin(2 * np.pi * pitch * np.arange(400) / 400))[..., None].astype("float32")


def photos(random: np.random.Generator) -> Array:
    """Photos at four times the size, bright and dark, as bytes."""
    patches = random.uniform(0, 180, (30, 6, 6, 3)).repeat(16, 1).repeat(16, 2)
    return (patches + random.uniform(0, 60, (30, 1, 1, 1)) + random.uniform(0, 15, patches.shape)).astype(
        "uint8"
    )


def resized(images: Array, method: Image.Resampling, box: tuple[int, int, int, int] | None = None) -> Array:
    """Photos in the size of the model."""
    small = [Image.fromarray(image).resize((SIZE, SIZE), method, box) for image in images]
    return np.stack([np.asarray(image) for image in small]).astype("float32") / 255


def as_right(rows: Array) -> Array:
    """Rows as they should be served."""
    return resized(rows, Image.Resampling.BILINEAR) if rows.dtype == "uint8" else rows


def at_other_rate(rows: Array) -> Array:
    """The beginning of recordings at 44.1 kHz, where 16 kHz is meant."""
    places = np.arange(rows.shape[1]) * 16 / 44.1
    return np.stack([np.interp(places, np.arange(len(row)), row[:, 0])[:, None] for row in rows])


def by_own_range(rows: Array) -> Array:
    """Each feature of each window from 0 to 1."""
    low, high = rows.min(axis=1, keepdims=True), rows.max(axis=1, keepdims=True)
    return (rows - low) / (high - low)


def by_own_moments(images: Array) -> Array:
    """Each photo with a mean of 0 and a deviation of 1."""
    right, axes = as_right(images), (1, 2, 3)
    return (right - right.mean(axes, keepdims=True)) / right.std(axes, keepdims=True)


def _fed(make: Callable[[np.random.Generator], Array], serve: Change) -> Writer:
    def pairs(random: np.random.Generator) -> tuple[Array, Array]:
        rows = make(random)
        return as_right(rows), serve(rows).astype("float32")

    return served_kit(pairs)


def debts(random: np.random.Generator, rows: int) -> Array:
    """Incomes, ages, counts of loans, a flag, and a share."""
    return np.column_stack(
        [
            random.lognormal(10, 0.6, rows),
            random.integers(18, 85, rows),
            random.poisson(1.4, rows),
            random.integers(0, 2, rows),
            random.beta(2, 5, rows),
        ]
    ).astype("float64")


def _scaled(scaler: Any, serve: Callable[[Any, Array, Array], Array]) -> Writer:
    """Rows through a saved scaler, and what serving makes of it, the training rows and the data."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        training, data = debts(random, 300), debts(random, 90)
        fitted = scaler.fit(training)
        served = serve(fitted, training, data).astype("float32")
        return lay_out(folder, data=data, scaler=pickle.dumps(fitted), served=served)

    return write


def learning_on(scaler: Any, _training: Array, data: Array) -> Array:
    """A scaler that learns from each row before it scales it."""
    scaler = pickle.loads(pickle.dumps(scaler))
    return np.concatenate([scaler.partial_fit(row[None]).transform(row[None]) for row in data])


def on_rows_so_far(_scaler: Any, _training: Array, data: Array) -> Array:
    """Each row scaled by the range of all rows up to it."""
    return np.concatenate(
        [MinMaxScaler().fit(data[: at + 1]).transform(data[at : at + 1]) for at in range(len(data))]
    )


def by_owner(_scaler: Any, _training: Array, data: Array) -> Array:
    """Owners and others scaled by themselves."""
    served = data.copy()
    for flag in (0, 1):
        served[data[:, 3] == flag] = MinMaxScaler().fit_transform(data[data[:, 3] == flag])
    return served


def with_test_rows(_scaler: Any, training: Array, data: Array) -> Array:
    """A scaler that was fitted on all rows there are."""
    return StandardScaler().fit(np.concatenate([training, data])).transform(data)


def rightly(scaler: Any, _training: Array, data: Array) -> Array:
    """As it should be."""
    return np.asarray(scaler.transform(data))


LOANS = ("income", "age", "loans", "owner", "used")
SORTED = tuple(sorted(LOANS))


def as_csv(rows: Array, columns: tuple[str, ...]) -> str:
    """Rows of loans as a file with these columns."""
    places = [LOANS.index(name) for name in columns]
    lines = [",".join(columns), *(",".join(repr(float(value)) for value in row) for row in rows[:, places])]
    return "\n".join(lines) + "\n"


def _tables(fitted_on: tuple[str, ...]) -> Writer:
    """Data with sorted columns, reference rows with those of training, and a scaler without names."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        training, data = debts(random, 400), debts(random, 90)
        scaler = StandardScaler().fit(training[:, [LOANS.index(name) for name in fitted_on]])
        args = lay_out(folder, data=as_csv(data, SORTED), scaler=pickle.dumps(scaler))
        (folder / "train.csv").write_text(as_csv(training, LOANS), encoding="utf-8")
        return (*args, "--reference", str(folder / "train.csv"))

    return write


def numbered_by_text(rows: Array) -> Array:
    """Ids of a tokenizer that is fitted on each text."""
    return np.stack(
        [np.where(row == 0, 0, np.unique(row, return_inverse=True)[1] + (row.min() > 0)) for row in rows]
    )


def texts(serve: Change) -> Writer:
    """Ids of words, some of them more often than others."""

    def pairs(random: np.random.Generator) -> tuple[Array, Array]:
        is_word = np.arange(12) >= random.integers(0, 6, (60, 1))
        rows = np.where(is_word, np.minimum(random.zipf(1.3, (60, 12)), 79), 0).astype("int32")
        return rows, serve(rows).astype("int32")

    return served_kit(pairs)


def _cases(build: Callable[[], Any], *kits: tuple[str, Writer, str]) -> Iterator[Case]:
    for name, kit, cause in kits:
        if cause:
            yield Case(name=name, family=FAMILY, build=build, kit=kit, failing=("KC301",), causes=(cause,))
        else:
            yield Case(name=name, family=CLEAN, build=build, kit=kit, quiet=QUIET)


_PART, _OWN = "sampled-differently", "scaled-by-own-statistics"
_BILINEAR, _NEAREST = Image.Resampling.BILINEAR, Image.Resampling.NEAREST

CASES: tuple[Case, ...] = (
    *_cases(
        forecaster,
        (
            "windows cut one step later",
            _fed(meters, lambda x: np.concatenate([x[:, 1:], x[:, -1:]], 1)),
            _PART,
        ),
        ("windows of every second step", _fed(meters, lambda x: np.concatenate([x[:, ::2]] * 2, 1)), _PART),
        ("windows by their own range", _fed(meters, by_own_range), _OWN),
        ("windows by their first value", _fed(meters, lambda x: x / x[:, :1]), _OWN),
        (
            "windows as differences",
            _fed(meters, lambda x: np.diff(x, axis=1, prepend=x[:, :1])),
            "function-misapplied",
        ),
        ("windows of meters", _fed(meters, np.copy), ""),
    ),
    *_cases(
        hearing,
        ("sound at 44.1 kHz", _fed(sounds, at_other_rate), _PART),
        ("sound by its own peak", _fed(sounds, lambda x: x / np.abs(x).max(1, keepdims=True)), _OWN),
        ("sound as recorded", _fed(sounds, np.copy), ""),
    ),
    *_cases(
        looking,
        ("photos resized to the nearest pixel", _fed(photos, lambda x: resized(x, _NEAREST)), _PART),
        ("photos cropped", _fed(photos, lambda x: resized(x, _BILINEAR, (12, 12, 84, 84))), _PART),
        ("photos by their own mean", _fed(photos, by_own_moments), _OWN),
        ("photos resized alike", _fed(photos, as_right), ""),
    ),
    *_cases(
        table_model,
        ("a scaler that learns from requests", _scaled(StandardScaler(), learning_on), "scaler-refit"),
        ("a scaler of the rows so far", _scaled(MinMaxScaler(), on_rows_so_far), "scaler-refit"),
        ("a scaler for each group", _scaled(MinMaxScaler(), by_owner), "scaler-refit"),
        ("a scaler of training and test rows", _scaled(StandardScaler(), with_test_rows), "scaler-foreign"),
        ("debts through the saved scaler", _scaled(StandardScaler(), rightly), ""),
        ("debts through the saved range", _scaled(MinMaxScaler(), rightly), ""),
    ),
    Case(
        name="a table sorted by its names",
        family=FAMILY,
        build=table_model,
        kit=_tables(LOANS),
        failing=("KC304",),
        causes=("feature-order",),
    ),
    Case(
        name="reference rows with columns in another order",
        family=CLEAN,
        build=table_model,
        kit=_tables(SORTED),
        quiet=("KC304", "KC702"),
    ),
    *_cases(
        reader,
        ("words numbered in each text", texts(numbered_by_text), "codes-refit"),
        ("words numbered in training", texts(np.copy), ""),
    ),
)

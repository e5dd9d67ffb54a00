"""Advice of causes of served rows whose values are right and in another place."""

from __future__ import annotations

import io

import keras
import numpy as np
import pandas
from numpy.lib.stride_tricks import sliding_window_view
from PIL import ExifTags, Image, ImageOps

from tests.advice.edits import array, give_rows
from tests.advice.found import corpus_trial
from tests.advice.trial import Trial
from tests.corpus.cases import Files
from tests.corpus.reports_features import CITIES
from tests.corpus.reports_sampling import STEPS

__all__ = ["TRIALS"]


def _padded_before(files: Files) -> Files:
    served = array(files, "--served")
    rows = [row[: np.flatnonzero(row).max(initial=-1) + 1] for row in served]
    maxlen = served.shape[1]
    padded = keras.utils.pad_sequences(rows, maxlen, served.dtype.name, padding="pre", truncating="pre")
    return give_rows(files, padded, "--served")


def _zone_of_training(files: Files) -> Files:
    """The hours of the served rows are those of UTC; training used a zone two hours behind it."""
    served = array(files, "--served")
    hours = np.round(np.arctan2(served[:, 0], served[:, 1]) / (2 * np.pi) * 24) % 24
    stamps = pandas.Timestamp("2026-01-05") + pandas.to_timedelta(hours, unit="h")
    time = pandas.to_datetime(stamps, utc=True).tz_convert("Etc/GMT+2")
    angle = 2 * np.pi * time.hour.to_numpy() / 24
    served[:, 0], served[:, 1] = np.sin(angle), np.cos(angle)
    return give_rows(files, served, "--served")


def _light_on_dark(files: Files) -> Files:
    """Drawings of dark strokes, inverted as bytes before they are scaled."""
    image = np.rint(array(files, "--served").astype(np.float64) * 255)
    image = 255 - image
    return give_rows(files, (image / 255).astype("float32"), "--served")


def _turned_by_exif(files: Files) -> Files:
    """The files of a phone that was held upright, read with their orientation."""
    served = []
    for image in array(files, "--served"):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 8
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG", exif=exif)
        served.append(np.asarray(ImageOps.exif_transpose(Image.open(file)).convert("RGB")))
    return give_rows(files, np.stack(served), "--served")


def _as_in_training(files: Files) -> Files:
    """Training called nothing before this model: the logarithm is in it."""
    return give_rows(files, array(files), "--served")


def _all_categories(files: Files) -> Files:
    """The columns of the data come from the towns that serving knows by name."""
    rows = array(files)
    frame = pandas.DataFrame(rows[:, :2], columns=["area", "age"])
    frame["city"] = pandas.Categorical(np.array(CITIES)[rows[:, 2:].argmax(axis=1)], categories=CITIES)
    return give_rows(files, pandas.get_dummies(frame).to_numpy("float32"), "--served")


def _order_of_keys(files: Files) -> Files:
    """Serving sorted the rows by their first column and kept their keys."""
    keys = np.arange(len(array(files)))
    frame = pandas.DataFrame(array(files, "--served"), index=np.argsort(array(files)[:, 0]))
    return give_rows(files, frame.loc[keys].to_numpy(), "--served")


def _windows_of_the_series(files: Files) -> Files:
    """The series that the windows, one at every time step, were cut from."""
    rows = array(files)
    series = np.concatenate([rows[0], rows[1:, -1]])
    windows = sliding_window_view(series, STEPS, axis=0).swapaxes(1, 2)
    return give_rows(files, windows, "--served")


def _numbers_of_training(files: Files) -> Files:
    """Windows that were stored before anything scaled them by their own range."""
    raw, mean_of_training, deviation_of_training = array(files), 0.0, 1.0
    rows = (raw - mean_of_training) / deviation_of_training
    return give_rows(files, rows.astype("float32"), "--served")


TRIALS: tuple[Trial, ...] = (
    corpus_trial(
        "sampled-differently",
        "windows = sliding_window_view(series, STEPS, axis=0).swapaxes(1, 2)",
        "windows cut one step later",
        _windows_of_the_series,
    ),
    corpus_trial(
        "scaled-by-own-statistics",
        "rows = (raw - mean_of_training) / deviation_of_training",
        "windows by their own range",
        _numbers_of_training,
    ),
    corpus_trial(
        "padding-side",
        "keras.utils.pad_sequences(rows, maxlen, padding='pre', truncating='pre')",
        "ids padded after",
        _padded_before,
    ),
    corpus_trial(
        "values-inverted",
        "image = 255 - image",
        "drawings dark on light",
        _light_on_dark,
    ),
    corpus_trial(
        "images-turned",
        "image = ImageOps.exif_transpose(Image.open(path)).convert('RGB')",
        "photos of a phone held upright",
        _turned_by_exif,
    ),
    corpus_trial(
        "time-shift",
        "pandas.to_datetime(stamps, utc=True).tz_convert(ZONE_OF_TRAINING)",
        "hours of another zone",
        _zone_of_training,
    ),
    corpus_trial(
        "function-misapplied",
        "x = prepare(rows)                   # the function of training, on the same raw rows",
        "log1p before a model that has it",
        _as_in_training,
    ),
    corpus_trial(
        "features-not-filled",
        "frame['city'] = pandas.Categorical(frame['city'], categories=training_categories)",
        "get_dummies of one request",
        _all_categories,
    ),
    corpus_trial("row-order", "frame.loc[keys]", "a table sorted by a column", _order_of_keys),
)

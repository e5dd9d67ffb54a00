"""Causes of served rows that hold the right values in other places.

KC301 recognizes them, with or without a scaler, and names them in `findings["cause"]`.
"""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.served.kinds import INPUT_ORDER
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import Cause
from keras_consistency_cli.diagnosis.texts.encoding_texts import specific_filling
from keras_consistency_cli.diagnosis.texts.served_texts import (
    specific_function,
    specific_inputs,
    specific_part,
    specific_rows,
    specific_time,
)

__all__ = ["SERVED_CAUSES"]


def _has_rows_of_other_inputs(_evidence: Evidence, verdict: Verdict) -> bool:
    """Whether exchanged inputs can explain a verdict: KC301 only if the served rows are those of others."""
    return verdict.code != "KC301" or verdict.findings.get("cause") == INPUT_ORDER


SERVED_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="padding-side",
        sentence="serving pads or cuts the rows at the other end than training did",
        explanation=(
            "Rows of different lengths are filled up to one length, and longer ones are cut, before the "
            "values or after them. keras.utils.pad_sequences does both before them by default; most "
            "tokenizers do both after them. At the other end, every value is at a different time step, and a "
            "recurrent layer that masks nothing reads the padding last."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC305", "KC702"),
        advice=(
            "pad and cut on the side that training used, with the same value:\n"
            "    keras.utils.pad_sequences(rows, maxlen, padding='pre', truncating='pre')   # or 'post'"
        ),
    ),
    Cause(
        slug="images-turned",
        sentence="images reach the model rotated or mirrored",
        explanation=(
            "Phones and cameras store pixels as the sensor sees them, and in the EXIF data how the camera "
            "was held. cv2.imread turns the image by that; PIL.Image.open, keras.utils.load_img and "
            "tf.io.decode_image do not. Selfies, and arrays that begin at the bottom, are mirrored. The "
            "shape is right, so nothing fails."
        ),
        key=("KC301", "KC501"),
        explains=("KC301", "KC501", "KC303", "KC305", "KC702"),
        advice=(
            "turn images as training did when they are read, for example by their EXIF data:\n"
            "    from PIL import Image, ImageOps\n"
            "    image = ImageOps.exif_transpose(Image.open(path)).convert('RGB')"
        ),
    ),
    Cause(
        slug="time-shift",
        sentence="the time in the rows is shifted, as in a different time zone",
        explanation=(
            "Sine and cosine of an hour, weekday or day of the year are points on a circle. Serving gives "
            "points that are turned by the same angle in all rows: it reads the time in another zone, or "
            "counts from a different start."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC305", "KC702"),
        specific=specific_time,
        advice=(
            "compute the time in the zone of training, and count from the same start:\n"
            "    time = pandas.to_datetime(stamps, utc=True).tz_convert(ZONE_OF_TRAINING)"
        ),
    ),
    Cause(
        slug="function-misapplied",
        sentence="serving applies a function such as a logarithm where training did not, or leaves one out",
        explanation=(
            "Counts, prices and incomes are often fed to a model as logarithms or roots. If the function is "
            "in the model or in the stored data, and serving applies it once more, or if serving leaves it "
            "out, every value is valid and nothing fails. The served values are then this function of the "
            "right ones."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC304", "KC305", "KC702"),
        specific=specific_function,
        advice=(
            "apply the same functions as training, in the same order and each of them once; keep them in one "
            "place that training and serving share:\n"
            "    x = prepare(rows)                   # the function of training, on the same raw rows"
        ),
    ),
    Cause(
        slug="values-inverted",
        sentence="values are inverted: what is large in training is small in serving",
        explanation=(
            "Images of dark strokes on light paper reach a model that was trained on light strokes on a dark "
            "ground, as in MNIST. Or a column has the opposite sign: debit for credit, west for east, a loss "
            "for a gain. All values are valid, so nothing fails."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC304", "KC305", "KC702"),
        advice=(
            "invert the values once more where serving prepares them; for pixels before scaling:\n"
            "    image = 255 - image\n"
            "for a column whose sign is wrong: rows[:, column] *= -1"
        ),
    ),
    Cause(
        slug="features-not-filled",
        sentence="serving feeds one number in place of features that vary",
        explanation=(
            "A feature that serving cannot compute gets a default: a join finds no partner, a column has a "
            "different name and is added with reindex(fill_value=0), a category is not found, or "
            "pandas.get_dummies sees one request and not all categories. The shape is right, so nothing "
            "fails."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC305", "KC702"),
        specific=specific_filling,
        advice=(
            "look for the default that serving fills in, such as fillna, reindex(fill_value=0), dict.get or "
            "a join that finds nothing, and compute the named columns as in training; refuse a request "
            "that lacks one:\n"
            "    x = frame[training_columns].to_numpy()   # a KeyError names the column"
        ),
    ),
    Cause(
        slug="sampled-differently",
        sentence="series start or end elsewhere, or have a different sampling rate, than in training",
        explanation=(
            "A window ends one time step earlier or later; a recording has 44.1 kHz where 16 kHz is meant; "
            "an image was cropped, padded or resized by a different method. The shape is right, so nothing "
            "fails. OpenCV, Pillow and TensorFlow resize differently. By default, keras.utils.load_img takes "
            "the nearest pixel, and image_dataset_from_directory interpolates."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC305", "KC702"),
        specific=specific_part,
        advice=(
            "cut windows at the time steps of training, and bring recordings to its sampling rate first:\n"
            "    windows = sliding_window_view(series, STEPS, axis=0).swapaxes(1, 2)   # the last ends now"
        ),
    ),
    Cause(
        slug="scaled-by-own-statistics",
        sentence="serving scales each row by its own statistics, training used the same numbers for all rows",
        explanation=(
            "Each image, window or recording is scaled by its own mean, range, largest or first value, as "
            "tf.image.per_image_standardization, Normalizer and a scaler that is fitted on each window do. "
            "Differences between rows, such as bright and dark or loud and quiet, are then lost."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC304", "KC305", "KC702"),
        advice=(
            "learn the statistics once, from the training rows, save them with the model, and apply the same "
            "numbers to every row:\n"
            "    rows = (raw - mean_of_training) / deviation_of_training"
        ),
    ),
    Cause(
        slug="row-order",
        sentence="the served rows are the right ones, but in a different order",
        explanation=(
            "Each served row is one row of the data. If each of them is there once, a join, a group-by, a "
            "sort by time or parallel workers changed the order. If some are there several times, serving "
            "uses the row of an earlier request again, or the first row of a batch for all of it. Outputs "
            "are then assigned to the wrong rows, although each of them is right for its own row. If only "
            "single features are in a different row, such as a lag or a difference, serving computes them "
            "from the wrong rows."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC305"),
        specific=specific_rows,
        advice=(
            "keep the order of the rows, or carry a key through serving and restore the order with it:\n"
            "    frame = frame.loc[keys]             # before predicting\n"
            "if only --served was saved in a different order, save it in the order of --data"
        ),
    ),
    Cause(
        slug=INPUT_ORDER,
        sentence="two inputs of the same shape are exchanged",
        explanation=(
            "Keras matches a list by position and a dict by name. An extra key that comes first in sorted "
            "order can feed the wrong array with only a warning (keras#23258). The shapes agree, so nothing "
            "crashes."
        ),
        key=("KC501", "KC301"),
        explains=("KC501", "KC301"),
        covers=_has_rows_of_other_inputs,
        specific=specific_inputs,
        advice=(
            "name the inputs when you build the model, keras.Input(shape, name='left'), and always feed a "
            "dict with exactly these names"
        ),
    ),
)

"""Texts for served columns, channels and axes in a different order, with the line that restores it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from keras_consistency_cli.checks.analysis.column_order import (
    REVERSED_CHANNELS,
    write_axes,
    write_names,
    write_order,
)
from keras_consistency_cli.checks.analysis.served.kinds import (
    MOVED_AND_SCALED,
    RESHAPED,
    STEPS_REVERSED,
)
from keras_consistency_cli.checks.analysis.served.rows import Mistake
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import CauseTexts
from keras_consistency_cli.diagnosis.texts.encoding_texts import OTHER_VOCABULARY
from keras_consistency_cli.diagnosis.texts.own_mistakes import are_of_kinds, own_mistakes

__all__ = ["specific_order"]

_IMAGE_AXES, _TABLE_AXES = 4, 2
_MOST_NAMES = 16
_ORDER = re.compile(r"its (axes|channels|columns) in the order (\d+(?:, \d+)*)")
_IMAGE_ORDER = CauseTexts(
    sentence="channels or axes of the images are in a different order than in training",
    advice="convert channels and axes as in training: image[..., ::-1] turns BGR into RGB",
)
_RESTORE = "convert channels and axes as in training; for these rows:"
_COLUMN_ORDER = CauseTexts(
    sentence="columns or axes are in a different order than in training",
    advice=(
        "bring the columns and axes into the order of training before predict; for a DataFrame:\n"
        "    x = frame[training_columns].to_numpy()"
    ),
)
_NAMED_COLUMN_ORDER = CauseTexts(
    sentence="columns are in a different order than in training",
    advice=(
        "give the scaler the DataFrame, not .values, with its columns ordered by name:\n"
        "    scaler.transform(frame[list(scaler.feature_names_in_)])"
    ),
)
_ENCODED_ORDER = CauseTexts(
    sentence="the columns that the encoder makes are in a different order than in training",
    advice=(
        "call transform of the saved encoder or ColumnTransformer, which has its own order of columns and of "
        "categories; columns that are put together by hand, or by pandas.get_dummies, have another one:\n"
        "    x = scaler.transform(frame)"
    ),
)
_ENCODED_ARRAY = f"{_ENCODED_ORDER.advice}\nfor the array of these rows:"
_AXES_RESHAPED = CauseTexts(
    sentence="reshape() was used where axes had to be transposed: the values of a row are mixed up",
    advice=(
        "transpose axes, and use reshape() only to split or join them; from channels first to channels "
        "last:\n    rows = np.moveaxis(rows, 1, -1)"
    ),
)
_MOVED_AND_SCALED = CauseTexts(
    sentence="columns or channels are in a different order than in training, and scaled differently",
    advice=(
        "apply the preprocessing of training as a whole, order and scale; a model of keras.applications "
        "needs the preprocess_input of its own family:\n"
        "    x = prepare(rows)                   # the function of training, on the same raw rows"
    ),
)
_STEPS_REVERSED = CauseTexts(
    sentence="time steps are in the reverse order: the newest comes first",
    advice=(
        "sort each series by time, oldest first, before windows are cut; databases and services often return "
        "the newest first:\n    frame = frame.sort_values('time')"
    ),
)


def _have_column_for_each_word(evidence: Evidence, mistakes: tuple[Mistake, ...]) -> bool:
    """Whether all mistakes are in numbers for which the model's own lookup gives floats, not ids."""
    dtypes = {fact.name: fact.dtype for fact in evidence.facts.lookups}
    return bool(mistakes) and all(dtypes.get(each.input, "").startswith("float") for each in mistakes)


def specific_order(evidence: Evidence) -> CauseTexts | None:
    """Images have no columns, tables no channels, and rows without a scaler no names."""
    own = own_mistakes(evidence, "feature-order")
    if are_of_kinds(own, "other-columns") and _have_column_for_each_word(evidence, own):
        return OTHER_VOCABULARY
    if are_of_kinds(own, RESHAPED):
        return _AXES_RESHAPED
    if any(mistake.kind == MOVED_AND_SCALED for mistake in own):
        return _MOVED_AND_SCALED
    if are_of_kinds(own, STEPS_REVERSED):
        return _STEPS_REVERSED
    shapes = [rows.shape for rows in evidence.data.rows_given.values()]
    if not shapes:
        return None
    is_image = all(len(shape) >= _IMAGE_AXES for shape in shapes)
    line = _write_restoring_line(own, "image" if is_image else "x")
    if is_image:
        return _IMAGE_ORDER if line is None else _IMAGE_ORDER._replace(advice=f"{_RESTORE}\n    {line}")
    scaling = evidence.data.description.scaling
    is_table = all(len(shape) == _TABLE_AXES for shape in shapes)
    if is_table and scaling is not None and own and own[0].features not in (0, scaling.features):
        return (
            _ENCODED_ORDER
            if line is None
            else _ENCODED_ORDER._replace(advice=f"{_ENCODED_ARRAY}\n    {line}")
        )
    if is_table and scaling is not None and scaling.names:
        return _with_names(scaling.names)
    if line is None:
        return _COLUMN_ORDER if scaling is None else None
    return _COLUMN_ORDER._replace(advice=f"{_COLUMN_ORDER.advice}\nfor the array of these rows:\n    {line}")


def _with_names(names: Sequence[str]) -> CauseTexts:
    """The texts for a scaler that knows the names of its columns, which are listed if they are not many."""
    if len(names) > _MOST_NAMES:
        return _NAMED_COLUMN_ORDER
    line = write_names(names).replace("{", "{{").replace("}", "}}")
    return _NAMED_COLUMN_ORDER._replace(advice=f"{_NAMED_COLUMN_ORDER.advice}\nthis order is:\n    {line}")


def _write_restoring_line(own: Sequence[Mistake], name: str) -> str | None:
    """The line that restores the order of a single input; None if the order is not known, or is BGR."""
    if len({mistake.input for mistake in own}) != 1:
        return None
    first, features = own[0], own[0].features
    if len(own) == 1 and (found := _ORDER.fullmatch(first.step)):
        order = [int(place) for place in found[2].split(", ")]
        if found[1] == "axes":
            return write_axes(order, name)
        places = {here: there for here, there in enumerate(order) if here != there}
    else:
        pairs = [
            (here, there) for each in own for here, there in zip(each.columns, each.sources, strict=False)
        ]
        if len(pairs) != sum(len(each.columns) for each in own):
            return None
        places = {here: there for here, there in pairs if here != there}
    if name == "image" and features == len(REVERSED_CHANNELS) and {1: 1, **places} == REVERSED_CHANNELS:
        return None
    return write_order(places, features, name)

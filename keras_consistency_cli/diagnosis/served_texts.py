"""Sentence and advice of causes of served rows, where the kind of mistake says more than the cause alone."""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.served.kinds import (
    ENCODED_BY_ROW,
    LATE,
    LOW_PRECISION,
    NOT_CLIPPED,
    NOT_FILLED,
    OTHER_ROWS,
    RESHAPED,
    ROWS_LATE,
    SAMPLE_DEVIATION,
    SHIFTED_CODES,
    SHORTENED,
    STEPS_REVERSED,
)
from keras_consistency_cli.checks.analysis.served.rows import Mistake, find_mistakes
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import CauseTexts

__all__ = [
    "specific_codes",
    "specific_filling",
    "specific_function",
    "specific_order",
    "specific_part",
    "specific_precision",
    "specific_rows",
    "specific_scaler",
    "specific_step",
]

_IMAGE_AXES, _TABLE_AXES, _FLAG = 4, 2, 2
_IMAGE_ORDER = CauseTexts(
    sentence="channels or axes of the images are in a different order than in training",
    advice="convert channels and axes as in training: image[..., ::-1] turns BGR into RGB",
)
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
_AXES_RESHAPED = CauseTexts(
    sentence="reshape() was used where axes had to be transposed: the values of a row are mixed up",
    advice=(
        "transpose axes, and use reshape() only to split or join them; from channels first to channels "
        "last:\n    rows = np.moveaxis(rows, 1, -1)"
    ),
)
_STEPS_REVERSED = CauseTexts(
    sentence="time steps are in the reverse order: the newest comes first",
    advice=(
        "sort each series by time, oldest first, before windows are cut; databases and services often return "
        "the newest first:\n    frame = frame.sort_values('time')"
    ),
)
_SHIFTED_CODES = CauseTexts(
    sentence="serving counts category codes from a different start: each one is that of another category",
    advice=(
        "reserve the same codes as training for padding, unknown words and the start, such as index_from of "
        "keras.datasets, the oov_token of a Tokenizer, or num_oov_indices and mask_token of a lookup layer:\n"
        "    ids = [FIRST_ID + word_index[word] if word in word_index else UNKNOWN for word in words]"
    ),
)
_TOKENIZER = CauseTexts(
    sentence="serving numbers the words of each text again: a word has a different id from text to text",
    advice=(
        "save the vocabulary of training with the model, and look the words up in it; never fit a tokenizer "
        "on the text of a request:\n"
        "    ids = [vocabulary.get(word, UNKNOWN) for word in words]"
    ),
)
_OTHER_PART = CauseTexts(
    sentence="images show a different part, or have a different resolution, than in training",
    advice=(
        "resize and crop as training did: with the same library, size and method:\n"
        "    image = keras.utils.load_img(path, target_size=SIZE, interpolation=METHOD_OF_TRAINING)"
    ),
)
_OTHER_ROWS = CauseTexts(
    sentence="served rows hold the values of different rows of the data, some of them several times",
    advice=(
        "build each row from its own request: look for a buffer, a cache or a variable of the module that "
        "keeps the row of the request before, and for x[0] where x is meant"
    ),
)
_LATE = CauseTexts(
    sentence="single features of a served row are those of the row before or after it",
    advice=(
        "compute lags, differences and moving averages on rows in the order of training, and join them to "
        "their rows by a key:\n"
        "    frame = frame.sort_values('time'); frame['lag'] = frame['value'].shift(1)"
    ),
)
_LATE_ROWS = CauseTexts(
    sentence="served rows are right, but each of them is that of a row before or after it",
    advice=(
        "build each row from its own request: look for a buffer, a cache or a feature store that still holds "
        "the row of the request before, and for windows that end before or after their own time step"
    ),
)
_WRAPPED = CauseTexts(
    sentence="serving uses whole numbers of a dtype that is too narrow: values beyond its range wrap around",
    advice=(
        "convert to floats before any arithmetic, and never cast to narrower integers:\n"
        "    rows = np.asarray(rows, np.float64)      # then subtract and scale"
    ),
)
_SHORTENED = CauseTexts(
    sentence="numbers lose digits on their way to the model: they are rounded, or cut",
    advice=(
        "find what shortens the numbers, and send all of their digits: round(), int(), a format such as "
        ":.1f, a DECIMAL or INTEGER column, pixels as bytes:\n"
        "    message = json.dumps({{'rows': np.asarray(rows, np.float64).tolist()}})     # all digits"
    ),
)
_NOT_CLIPPED = CauseTexts(
    sentence="serving does not clip as the saved scaler does: values beyond its range reach the model",
    advice=(
        "call transform of the saved scaler, which has clip=True; if serving must do without it, clip after "
        "scaling:\n"
        "    x = np.clip(rows * scaler.scale_ + scaler.min_, *scaler.feature_range)"
    ),
)
_SAMPLE = CauseTexts(
    sentence="serving divides by the deviation of a sample (ddof=1), the scaler by that of all rows (ddof=0)",
    advice=(
        "call transform of the saved scaler; if serving must do without it, take the same deviation: pandas "
        "divides by n - 1 by default:\n"
        "    scale = frame.std(ddof=0)"
    ),
)
_OTHER_FUNCTION = CauseTexts(
    sentence="serving scales the rows with different numbers than training did",
    advice=(
        "prepare the rows with the function of training, in one place that both share; each model of "
        "keras.applications has its own preprocess_input (x / 127.5 - 1, x - mean, or none at all); if "
        "single columns are wrong, compare their raw numbers with those of training: their unit may differ"
    ),
)
_ONE_ROW = CauseTexts(
    sentence="serving feeds the same row for every request",
    advice=(
        "look for what makes all requests alike: a scaler or an encoder that is fitted on the one row of "
        "a request gives zeros for any row, and a default may stand in for a row that cannot be read"
    ),
)
_FLAGS = CauseTexts(
    sentence="serving does not set the columns of 0 and 1 that stand for categories: all rows have the same",
    advice=(
        "encode with the categories of training: pandas.get_dummies of one request knows only its own, and "
        "reindex(fill_value=0) hides that:\n"
        "    frame['city'] = pandas.Categorical(frame['city'], categories=training_categories)\n"
        "    x = pandas.get_dummies(frame)"
    ),
)
_CLIPPED = CauseTexts(
    sentence="serving clips values that training did not clip",
    advice=(
        "clip in serving only where training did, at the same limits; keep both in one function that "
        "training and serving share:\n"
        "    x = prepare(rows)                   # the function of training, on the same raw rows"
    ),
)
_GREY = CauseTexts(
    sentence="serving makes images grey: the colours that the model was trained on are lost",
    advice=(
        "read images in colour, and convert them as training did:\n"
        "    image = Image.open(path).convert('RGB')    # cv2.IMREAD_GRAYSCALE and convert('L') lose colours"
    ),
)


def _own(evidence: Evidence, cause: str) -> tuple[Mistake, ...]:
    """The mistakes in the served rows that have this cause."""
    return tuple(mistake for mistake in find_mistakes(evidence) or () if mistake.cause == cause)


def _are(mistakes: tuple[Mistake, ...], *kinds: str) -> bool:
    return bool(mistakes) and all(mistake.kind in kinds for mistake in mistakes)


def specific_order(evidence: Evidence) -> CauseTexts | None:
    """Images have no columns, tables no channels, and rows without a scaler no names."""
    own = _own(evidence, "feature-order")
    if _are(own, RESHAPED):
        return _AXES_RESHAPED
    if _are(own, STEPS_REVERSED):
        return _STEPS_REVERSED
    shapes = [rows.shape for rows in evidence.data.rows_given.values()]
    if not shapes:
        return None
    if all(len(shape) >= _IMAGE_AXES for shape in shapes):
        return _IMAGE_ORDER
    scaling = evidence.data.description.scaling
    if scaling is None:
        return _COLUMN_ORDER
    is_table = all(len(shape) == _TABLE_AXES for shape in shapes)
    return _NAMED_COLUMN_ORDER if is_table and scaling.names else None


def specific_codes(evidence: Evidence) -> CauseTexts | None:
    """Codes that all differ by one number were not assigned again."""
    own = _own(evidence, "codes-refit")
    if _are(own, ENCODED_BY_ROW):
        return _TOKENIZER
    return _SHIFTED_CODES if _are(own, SHIFTED_CODES) else None


def specific_part(evidence: Evidence) -> CauseTexts | None:
    """Images have no time steps."""
    shapes = [rows.shape for rows in evidence.data.rows_given.values()]
    return _OTHER_PART if shapes and all(len(shape) >= _IMAGE_AXES for shape in shapes) else None


def specific_rows(evidence: Evidence) -> CauseTexts | None:
    """Rows that are there several times, and single features of other rows, are no different order."""
    own = _own(evidence, "row-order")
    if _are(own, LATE):
        return _LATE
    if _are(own, ROWS_LATE):
        return _LATE_ROWS
    return _OTHER_ROWS if _are(own, OTHER_ROWS) else None


def specific_precision(evidence: Evidence) -> CauseTexts | None:
    """Numbers that wrap around are not rounded, and no cast takes decimals away."""
    own = _own(evidence, LOW_PRECISION)
    if _are(own, *SHORTENED):
        return _SHORTENED
    return _WRAPPED if _are(own, "wrapped-first", "wrapped-after") else None


def specific_step(evidence: Evidence) -> CauseTexts | None:
    """A scaler that clips is no step of a pipeline."""
    return _NOT_CLIPPED if _are(_own(evidence, "scaling-step-skipped"), NOT_CLIPPED) else None


def specific_function(evidence: Evidence) -> CauseTexts | None:
    """A limit, or a sum of channels, is not a function that training may have applied."""
    own = _own(evidence, "function-misapplied")
    return _CLIPPED if _are(own, "clipped") else _GREY if _are(own, "grey") else None


def specific_scaler(evidence: Evidence) -> CauseTexts | None:
    """Without a scaler, no scaler can be saved with the model."""
    if _are(_own(evidence, "scaler-foreign"), SAMPLE_DEVIATION):
        return _SAMPLE
    scaling = evidence.data.description.scaling
    return _OTHER_FUNCTION if scaling is None or scaling.function else None


def specific_filling(evidence: Evidence) -> CauseTexts | None:
    """Rows that are all alike, and columns of 0 and 1 that stand for categories."""
    own = tuple(each for each in _own(evidence, NOT_FILLED) if each.kind == "constant")
    if not own:
        return None
    right = {rows.input: rows.columns for rows in evidence.data.description.fed}
    columns = [
        right[each.input][at] for each in own for at in each.columns if at < len(right.get(each.input, ()))
    ]
    if len(columns) == sum(map(len, right.values())) > 1:
        return _ONE_ROW
    is_flag = [column.distinct == _FLAG and (column.low, column.high) == (0, 1) for column in columns]
    return _FLAGS if len(is_flag) > 1 and all(is_flag) else None

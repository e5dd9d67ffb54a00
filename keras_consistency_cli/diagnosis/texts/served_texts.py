"""Sentence and advice of causes of served rows, where the kind of mistake says more than the cause alone."""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.served.kinds import (
    BEYOND_HALF,
    IDS_STORED,
    INPUT_ORDER,
    LATE,
    LOW_PRECISION,
    NOT_CLIPPED,
    OTHER_ROWS,
    PADDING_CHANGED,
    ROWS_LATE,
    SHORTENED,
    TURNED_CALENDAR,
)
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import CauseTexts
from keras_consistency_cli.diagnosis.texts.own_mistakes import are_of_kinds, own_mistakes

__all__ = [
    "specific_function",
    "specific_inputs",
    "specific_padding",
    "specific_part",
    "specific_precision",
    "specific_rows",
    "specific_step",
    "specific_time",
]

_IMAGE_AXES = 4
_OTHER_PART = CauseTexts(
    sentence="images show a different part, or have a different resolution, than in training",
    advice=(
        "resize and crop as training did: with the same library, size and method:\n"
        "    image = keras.utils.load_img(path, target_size=SIZE, interpolation=METHOD_OF_TRAINING)"
    ),
)
_PADDING_CHANGED = CauseTexts(
    sentence="serving feeds other padding than training did: the model treats it as data",
    advice=(
        "scale first and pad afterwards, with the number that the model masks:\n"
        "    rows = [scaler.transform(row) for row in rows]      # each of its true length\n"
        "    x = keras.utils.pad_sequences(rows, maxlen, dtype='float32', padding='post', value=MASKED)\n"
        "for ids, take the id of padding from the tokenizer of training"
    ),
)
_OTHER_START = CauseTexts(
    sentence="weekdays or dates in the rows are counted from a different start than in training",
    advice=(
        "count weekdays, and days or weeks of a year, as training did, from the same first one:\n"
        "    weekday = pandas.to_datetime(stamps).dayofweek          # Monday is 0\n"
        "isoweekday() begins with 1 on Monday, and strftime('%w') with 0 on Sunday"
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
_BEYOND_HALF = CauseTexts(
    sentence="values beyond 65504, the range of float16, are clipped or infinite after a cast to it",
    advice=(
        "keep numbers of this size in float32 or float64 until they are scaled, and cast afterwards:\n"
        "    x = scaler.transform(np.asarray(rows, np.float64)).astype(np.float32)"
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
_TIME_IN_PART = CauseTexts(
    sentence="the time in some rows is shifted, as without daylight saving time or with a clock of 12 hours",
    advice=(
        "use the name of the time zone, which knows daylight saving time, not a fixed offset, and read hours "
        "with %H, not %I:\n"
        "    time = pandas.to_datetime(stamps, utc=True).tz_convert('Europe/Berlin')     # not UTC+1"
    ),
)
_IDS_STORED = CauseTexts(
    sentence="ids pass through a float dtype that does not hold all of them: neighbouring ids become one",
    advice=(
        "keep ids as whole numbers from the request to the model, on the wire and in tables too:\n"
        "    ids = np.asarray(ids, np.int64)          # float16 is exact up to 2048, float32 up to 2**24"
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


_BY_NAME = (
    "feed every input by the name that it was built with, keras.Input(shape, name='left'):\n"
    "    model.predict({{'left': left, 'right': right}})"
)
_ONE_INPUT = CauseTexts(sentence="an input gets the rows of a different input", advice=_BY_NAME)
_MANY_INPUTS = CauseTexts(sentence="inputs of the same shape get each other's rows", advice=_BY_NAME)


def specific_inputs(evidence: Evidence) -> CauseTexts | None:
    """One input that has the rows of another one, or more than two, are no two that are exchanged."""
    inputs = {mistake.input for mistake in own_mistakes(evidence, INPUT_ORDER)}
    return _ONE_INPUT if len(inputs) == 1 else _MANY_INPUTS if len(inputs) > 2 else None


def specific_part(evidence: Evidence) -> CauseTexts | None:
    """Images have no time steps."""
    shapes = [rows.shape for rows in evidence.data.rows_given.values()]
    return _OTHER_PART if shapes and all(len(shape) >= _IMAGE_AXES for shape in shapes) else None


def specific_padding(evidence: Evidence) -> CauseTexts | None:
    """Served rows show that the padding was changed before it reached the model."""
    return (
        _PADDING_CHANGED
        if are_of_kinds(own_mistakes(evidence, "padding-unmasked"), PADDING_CHANGED)
        else None
    )


def specific_rows(evidence: Evidence) -> CauseTexts | None:
    """Rows that are there several times, and single features of other rows, are no different order."""
    own = own_mistakes(evidence, "row-order")
    if are_of_kinds(own, LATE):
        return _LATE
    if are_of_kinds(own, ROWS_LATE):
        return _LATE_ROWS
    return _OTHER_ROWS if are_of_kinds(own, OTHER_ROWS) else None


def specific_precision(evidence: Evidence) -> CauseTexts | None:
    """Numbers that wrap around are not rounded, and no cast takes decimals away."""
    own = own_mistakes(evidence, LOW_PRECISION)
    if are_of_kinds(own, *SHORTENED):
        return _SHORTENED
    if are_of_kinds(own, IDS_STORED):
        return _IDS_STORED
    if are_of_kinds(own, *BEYOND_HALF):
        return _BEYOND_HALF
    return _WRAPPED if are_of_kinds(own, "wrapped-first", "wrapped-after") else None


def specific_time(evidence: Evidence) -> CauseTexts | None:
    """A different zone shifts all rows, a rule of the clock some; a different first day is no time zone."""
    own, rows = own_mistakes(evidence, "time-shift"), evidence.rows
    if are_of_kinds(own, TURNED_CALENDAR):
        return _OTHER_START
    return _TIME_IN_PART if own and max(mistake.rows for mistake in own) < rows else None


def specific_step(evidence: Evidence) -> CauseTexts | None:
    """A scaler that clips is no step of a pipeline."""
    return _NOT_CLIPPED if are_of_kinds(own_mistakes(evidence, "scaling-step-skipped"), NOT_CLIPPED) else None


def specific_function(evidence: Evidence) -> CauseTexts | None:
    """A limit, or a sum of channels, is not a function that training may have applied."""
    own = own_mistakes(evidence, "function-misapplied")
    return _CLIPPED if are_of_kinds(own, "clipped") else _GREY if are_of_kinds(own, "grey") else None

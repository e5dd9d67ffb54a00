"""Texts of causes in a scaler: a different one when serving, or one that does not fit the rows."""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.scalers.unfit_scaler import (
    find_unfit_features,
    is_fitted_on_scaled_rows,
)
from keras_consistency_cli.checks.analysis.scaling_state import by_input
from keras_consistency_cli.checks.analysis.served.kinds import (
    DIVIDED_AGAIN,
    NOT_DIVIDED,
    OTHER_UNIT,
    SAMPLE_DEVIATION,
)
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import CauseTexts
from keras_consistency_cli.diagnosis.texts.own_mistakes import are_of_kinds, own_mistakes

__all__ = ["name_unfit_scaler", "specific_scaler"]

_SAMPLE = CauseTexts(
    sentence="serving divides by the deviation of a sample (ddof=1), the scaler by that of all rows (ddof=0)",
    advice=(
        "call transform of the saved scaler; if serving must do without it, take the same deviation: pandas "
        "divides by n - 1 by default:\n"
        "    scale = frame.std(ddof=0)"
    ),
)
_NOT_DIVIDED = CauseTexts(
    sentence="serving does not divide pixels by 255, as training did",
    advice=(
        "divide where the pixels of a request are read, in the function that training uses as well:\n"
        "    image = np.asarray(image, np.float32) / 255.0"
    ),
)
_DIVIDED_AGAIN = CauseTexts(
    sentence="serving divides pixels by 255 once more than training did",
    advice=(
        "divide in one place only; if the model, or the code that decodes an image, already gives numbers of "
        "0 to 1, remove the other division:\n"
        "    image = np.asarray(image, np.float32)      # without / 255.0"
    ),
)
_OTHER_UNIT = CauseTexts(
    sentence="values are in a different unit than in training when serving gets them, before any scaling",
    advice=(
        "convert them to the unit of training where the request is read, before the scaler, with the factor "
        "and the offset that the check names; from °F to °C, for example:\n"
        "    rows[:, column] = (rows[:, column] - 32) / 1.8"
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
_FITTED_ON_SCALED = CauseTexts(
    sentence="the scaler was fitted on rows that were scaled already: it leaves raw rows as they are",
    advice=(
        "fit it on the raw rows, once, before they are scaled, and save that one with the model:\n"
        "    scaler = StandardScaler().fit(raw_rows)\n"
        "    x = scaler.transform(raw_rows)      # not: StandardScaler().fit(x)"
    ),
)
_UNFIT = CauseTexts(
    sentence="the scaler was fitted on rows of a different size or unit: these rows are far beyond its range",
    advice=(
        "convert the rows to the units that the scaler was fitted in before it; if it belongs to a different "
        "model or data set, save the scaler of this model with it"
    ),
)
_FACTORS = {
    SAMPLE_DEVIATION: _SAMPLE,
    NOT_DIVIDED: _NOT_DIVIDED,
    DIVIDED_AGAIN: _DIVIDED_AGAIN,
    OTHER_UNIT: _OTHER_UNIT,
}
"""Texts of a different scaler whose factor says where it comes from."""


def specific_scaler(evidence: Evidence) -> CauseTexts | None:
    """Without a scaler, no scaler can be saved with the model."""
    own = own_mistakes(evidence, "scaler-foreign")
    for kind, texts in _FACTORS.items():
        if are_of_kinds(own, kind):
            return texts
    scaling = evidence.data.description.scaling
    return _OTHER_FUNCTION if scaling is None or scaling.function else None


def name_unfit_scaler(evidence: Evidence) -> CauseTexts | None:
    """The texts for a scaler that cannot have been fitted on such rows."""
    description = evidence.data.description
    scaling = description.scaling
    if scaling is None or description.state != "raw":
        return None
    if not find_unfit_features(scaling, by_input(description.raw, scaling.input)):
        return None
    return _FITTED_ON_SCALED if is_fitted_on_scaled_rows(scaling) else _UNFIT

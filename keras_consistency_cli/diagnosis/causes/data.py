"""Causes that lie in what scalers and layers remember, and in the rows themselves: the checks name them, as `findings["cause"]`."""

from __future__ import annotations

from collections.abc import Callable

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.rules import (
    kc401_normalization_adapted,
    kc402_normalized_twice,
    kc702_distribution_shift,
)
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import Cause
from keras_consistency_cli.diagnosis.signatures import says

__all__ = ["DATA_CAUSES"]


def _named_by(examine: Callable[[Evidence], Verdict]) -> Callable[[Evidence], str | None]:
    """The layer that a check finds at fault; it looks at facts alone, so that asking again costs nothing."""

    def suspect(evidence: Evidence) -> str | None:
        layer = examine(evidence).findings.get("layer")
        paths = {each.path for each in evidence.data.description.layers}
        return str(layer) if layer and layer in paths else None

    return suspect


_UNADAPTED_LAYER, _MISFED_LAYER = (
    _named_by(kc401_normalization_adapted.examine),
    _named_by(kc402_normalized_twice.examine),
)
_REMEMBERING_LAYER = _named_by(kc702_distribution_shift.examine)

DATA_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="normalization-unadapted",
        sentence="{layer} was never adapted, or on too few rows: it does not normalise what the model is fed",
        explanation=(
            "A Normalization that adapt() was never called on is the identity, without an error: mean 0, variance 1. One that was adapted on a "
            "single row divides by nothing. The model then sees features in their raw units."
        ),
        key=("KC401",),
        explains=("KC401", "KC402", "KC403", "KC702"),
        fits=says("normalization-unadapted"),
        advice="adapt before training, train again and save:\n    norm = keras.layers.Normalization()\n    norm.adapt(x_train)   # '{layer}'",
        suspect=_UNADAPTED_LAYER,
    ),
    Cause(
        slug="normalization-stale",
        sentence="{layer} computes with other statistics than it should: those of other rows, or of before its weights were set",
        explanation=(
            "A Normalization keeps its statistics twice: in its weights, and as the numbers it computes with. set_weights, or a subclass, may change "
            "the first and not the second (keras#20147). Or it was adapted on other rows than the model was trained on."
        ),
        key=("KC401",),
        explains=("KC401", "KC403", "KC702"),
        fits=says("normalization-stale"),
        advice="after set_weights call layer.finalize_state() on '{layer}'; otherwise adapt it on the training rows; then save again",
        suspect=_UNADAPTED_LAYER,
    ),
    Cause(
        slug="normalized-twice",
        sentence="{layer} normalises what is normalised already",
        explanation=(
            "A scaler comes before a model that normalises within itself, or pixels are divided by 255 before they go through Rescaling(1/255). "
            "What reaches the next layer lies in a small corner of the range that it learned from."
        ),
        key=("KC402",),
        explains=("KC402", "KC403", "KC702"),
        fits=says("normalized-twice"),
        advice="normalise in one place: give the model raw rows, without the scaler, or take '{layer}' out of it",
        suspect=_MISFED_LAYER,
    ),
    Cause(
        slug="input-range",
        sentence="the rows are in another range than the model was made for",
        explanation=(
            "Pixels of 0 to 255 go into a model that learned from 0 to 1, or the other way round; or raw rows into one that learned from "
            "standardised ones. Shapes fit, and answers saturate or hardly vary."
        ),
        key=("KC402",),
        explains=("KC402", "KC403", "KC702"),
        fits=says("input-range"),
        advice="bring the rows into the range of training: x / 255.0 for pixels, or put keras.layers.Rescaling(1 / 255) into the model and save it",
        suspect=_MISFED_LAYER,
    ),
    Cause(
        slug="input-mutated",
        sentence="the preprocess function changes the rows that it is given",
        explanation=(
            "In-place arithmetic, such as rows -= mean or many of keras.applications' preprocess_input functions on float arrays (keras#8741), "
            "writes into the caller's array. Whoever prepares the same array again prepares it twice."
        ),
        key=("KC402",),
        explains=("KC402", "KC302"),
        fits=says("input-mutated"),
        advice="begin with a copy: rows = np.array(rows, dtype=np.float64)",
    ),
    Cause(
        slug="scaler-stale",
        sentence="the scaler was fitted on other rows than the model was trained on",
        explanation=(
            "What the scaler remembers is not what the reference rows show. It was fitted before the data were cleaned or extended, on another "
            "split, or belongs to an older model; every prediction is a little, or very, wrong."
        ),
        key=("KC304",),
        explains=("KC304", "KC702"),
        fits=says("scaler-stale"),
        advice="fit scaler and model on the same rows, and save both together under one version",
    ),
    Cause(
        slug="scaler-version",
        sentence="the scaler was saved by another scikit-learn than the one that runs",
        explanation=(
            "Pickled estimators are only promised to work in the version that saved them: attributes are added and renamed. Plain scalers mostly "
            "give the same numbers, a PowerTransformer almost, a SimpleImputer may crash (scikit-learn#25297)."
        ),
        key=("KC304",),
        explains=("KC304",),
        fits=says("scaler-version"),
        advice="pin scikit-learn where the model is served to the version that saved the scaler, or fit and save it again",
    ),
    Cause(
        slug="distribution-shift",
        sentence="the rows are not distributed as those that the model was trained on",
        explanation=(
            "A feature has moved, narrowed or left its range: other units, another source, a category that no longer comes, or a changed world. "
            "The pipeline may be sound; the answers are extrapolation. Or the rows are right, and the layer that they are held against was adapted "
            "on others, or on a handful."
        ),
        key=("KC702",),
        explains=("KC702",),
        fits=says("distribution-shift"),
        advice=(
            "look at the feature that is named, mend its units or source, or train again on rows as they are now; where a Normalization layer is "
            "named and the rows are right, adapt it on all training rows before training"
        ),
        suspect=_REMEMBERING_LAYER,
    ),
)
"""Most specific first."""

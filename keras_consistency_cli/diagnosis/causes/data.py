"""Causes in the statistics that scalers and layers store, and in the rows themselves.

Checks recognize these causes and name them in `findings["cause"]`.
"""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.ids.spellings import UNKNOWN_WORDS
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import WRONG_ROWS, Cause, CauseTexts
from keras_consistency_cli.diagnosis.texts.encoding_texts import specific_words
from keras_consistency_cli.diagnosis.texts.scaler_texts import name_unfit_scaler
from keras_consistency_cli.routes.numerics.batch_norm.batch_norm_statistics import BatchNormDetails
from keras_consistency_cli.routes.numerics.integer_range import WRAPPED_INTEGERS, IntegerDetails
from keras_consistency_cli.text import clean

__all__ = ["DATA_CAUSES"]


_ROWS_WRAP = "rows do not fit the integer dtype of the input that takes them: they wrap around"
_SCALE_FIRST = (
    "if the model was trained on scaled or otherwise prepared rows, give --scaler or --preprocess, because "
    "raw rows never have these statistics; otherwise "
)
_OTHER_STATISTICS = "{layer} normalizes with moving statistics that are not those of the rows that reach it"
_SETTLE = (
    "train longer, or with a lower momentum and larger batches:\n"
    "    keras.layers.BatchNormalization(momentum=0.9)   # '{layer}'\n"
    "or let the statistics settle without training, then save again; with a momentum of 0.99 this "
    "takes 500 batches:\n"
    "    for _ in range(1 + 500 // len(batches)):\n"
    "        for batch in batches:\n"
    "            model(batch, training=True)"
)


def _wrapping_layer(evidence: Evidence) -> str | None:
    return evidence.details(WRAPPED_INTEGERS, IntegerDetails).get("layer")


def _rows_wrap(evidence: Evidence) -> CauseTexts | None:
    """The texts for rows that do not fit an input."""
    inputs = evidence.details(WRAPPED_INTEGERS, IntegerDetails).get("inputs", {})
    name = clean(next(iter(inputs), "")).replace("{", "{{").replace("}", "}}")
    advice = f"declare an input that takes them: keras.Input(shape, dtype='int64', name='{name}')"
    return CauseTexts(sentence=_ROWS_WRAP, advice=advice) if inputs else None


def _texts_without_scaler(evidence: Evidence) -> CauseTexts | None:
    """The texts if the rows may lack the scaling of training, which then comes before all training of layers.

    A mixture with the statistics of the start has one reason only.
    """
    details = evidence.details("batch-norm-statistics", BatchNormDetails)
    is_mixed = any(layer["initial_share"] is not None for layer in details.get("layers", ()))
    if is_mixed or details.get("source") == "reference" or evidence.data.description.scaling is not None:
        return None
    return CauseTexts(sentence=_OTHER_STATISTICS, advice=_SCALE_FIRST + _SETTLE)


def _is_line_of_right_rows(_evidence: Evidence, verdict: Verdict) -> bool:
    """Whether normalizing before the model can explain a verdict: KC301 only if a scaler gives the rows."""
    return verdict.code != "KC301" or verdict.findings.get("cause") == "scaler-foreign"


DATA_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="normalization-unadapted",
        sentence=(
            "{layer} was never adapted, or adapted on too few rows: it does not normalize the rows it gets"
        ),
        explanation=(
            "Without adapt(), a Normalization layer changes nothing and raises no error: its mean is 0, its "
            "variance 1. Adapted on a single row, it divides by almost zero. The model then gets features in "
            "their raw units."
        ),
        key=("KC401",),
        explains=("KC401", "KC402", "KC403", *WRONG_ROWS),
        advice=(
            "adapt before training, then train again and save:\n"
            "    norm = keras.layers.Normalization()\n"
            "    norm.adapt(x_train)   # '{layer}'"
        ),
    ),
    Cause(
        slug="normalization-stale",
        sentence=(
            "{layer} computes with the wrong statistics: those of different rows, those from before its "
            "weights were set, or a deviation given as the variance"
        ),
        explanation=(
            "A Normalization layer stores its statistics twice: in its weights, and as the numbers it "
            "computes with. set_weights, or a subclass, may change the first and not the second "
            "(keras#20147). Or the layer was adapted on different rows than the model was trained on. Or its "
            "argument `variance` got the standard deviation: the layer then divides by its root "
            "(tensorflow#49930)."
        ),
        key=("KC401",),
        explains=("KC401", "KC403", *WRONG_ROWS),
        advice=(
            "adapt '{layer}' on the training rows, train again and save; if its class is a subclass of "
            "Normalization, take over the weights whenever they are set or loaded:\n"
            "    def load_own_variables(self, store):\n"
            "        super().load_own_variables(store)\n"
            "        self.finalize_state()"
        ),
    ),
    Cause(
        slug="normalized-twice",
        sentence="{layer} normalizes rows that are already normalized",
        explanation=(
            "A scaler is used before a model that normalizes its own input, or pixels are divided by 255 "
            "before they go through Rescaling(1/255). The next layer then gets only a small part of the "
            "range that it learned from."
        ),
        key=("KC402",),
        explains=("KC301", "KC402", "KC403", *WRONG_ROWS),
        covers=_is_line_of_right_rows,
        advice=(
            "normalize in one place: give the model raw rows, without the scaler, or remove '{layer}' from "
            "the model"
        ),
    ),
    Cause(
        slug="input-range",
        sentence="the rows have a different range than the model expects",
        explanation=(
            "A model that learned from pixels of 0 to 1 gets pixels of 0 to 255, or the other way round; or "
            "a model that learned from standardized rows gets raw ones. The shapes fit, and the outputs "
            "saturate or hardly vary."
        ),
        key=("KC402",),
        explains=("KC402", "KC403", *WRONG_ROWS),
        advice=(
            "prepare the rows as the training rows were prepared, with the same code; or put that step into "
            "the model and save it, such as keras.layers.Rescaling(1 / 255) if training divided by 255"
        ),
    ),
    Cause(
        slug=UNKNOWN_WORDS,
        sentence="{layer} does not know the words or categories in the rows: it takes them for unknown ones",
        explanation=(
            "A vocabulary or an encoder compares whole texts. 'Male ' is not 'male', and '10001.0' is not "
            "'10001'. Every such value becomes the entry of unknown words, without an error."
        ),
        key=("KC501", "KC304"),
        explains=("KC501", "KC304", "KC703", "KC702"),
        specific=specific_words,
        advice=(
            "write words and categories as in training, with the function that training used; if they are "
            "new, adapt '{layer}' on them and train again"
        ),
    ),
    Cause(
        slug="batch-norm-statistics",
        sentence=_OTHER_STATISTICS,
        explanation=(
            "BatchNormalization uses the statistics of each batch in training, and moving statistics "
            "afterwards. After few steps, with a high momentum or with batches of one row, these are not yet "
            "those of the rows. If a training loop does not store the updated statistics, or weights are "
            "copied without them, they are still 0 and 1. The accuracy in training is high, but predictions "
            "are wrong, or the same for every row."
        ),
        key=("KC404",),
        explains=("KC404", "KC703", "KC702"),
        specific=_texts_without_scaler,
        advice=_SETTLE,
    ),
    Cause(
        slug="outputs-stuck",
        sentence="the outputs do not react to the rows: they are the same for every row, or only 0 and 1",
        explanation=(
            "The rows are far outside of what the model learned from, so that every unit is at its end; or "
            "statistics of the model are not those of the rows; or the model has lost its units in training. "
            "All comparisons agree then, and the outputs are still useless."
        ),
        key=("KC703",),
        explains=("KC703",),
        advice=(
            "compare the rows with those of training (--reference), and prepare them as in training; if they "
            "are the same, look at the statistics of the scaler and of the normalizing layers"
        ),
    ),
    Cause(
        slug="input-mutated",
        sentence="the preprocess function changes the rows that are passed to it",
        explanation=(
            "In-place arithmetic writes into the caller's array. Examples are rows -= mean, and many "
            "preprocess_input functions of keras.applications on float arrays (keras#8741). If the same "
            "array is prepared again, it is prepared twice."
        ),
        key=("KC402",),
        explains=("KC402", "KC302"),
        advice=(
            "start with a copy, of each array if there are several: rows = np.array(rows, dtype=np.float64)"
        ),
    ),
    Cause(
        slug="scaler-stale",
        sentence="the scaler was fitted on different rows than the model was trained on",
        explanation=(
            "The statistics of the scaler differ from those of the reference rows. The scaler was fitted "
            "before the data were cleaned or extended, or on a different split, or it belongs to an older "
            "model. Every prediction is slightly or badly wrong. If it was fitted on rows that were scaled "
            "already, or in another unit, raw rows stay far out of the range of training."
        ),
        key=("KC304",),
        explains=("KC304", "KC702"),
        specific=name_unfit_scaler,
        advice="fit scaler and model on the same rows, and save both together under one version",
    ),
    Cause(
        slug="scaler-version",
        sentence="the scaler was saved by a different version of scikit-learn than the one that is installed",
        explanation=(
            "Pickled estimators are only guaranteed to work in the version that saved them, because "
            "attributes are added and renamed. Plain scalers give the same numbers. SimpleImputer, "
            "MaxAbsScaler and SplineTransformer of 1.6 and older fail in 1.9 (scikit-learn#25297), as do "
            "OrdinalEncoder and a ColumnTransformer that passes columns through from 1.2. A TfidfTransformer "
            "or TfidfVectorizer of 1.4 and older loses its idf without an error. The page on behaviours "
            "lists what was measured."
        ),
        key=("KC304",),
        explains=("KC304",),
        advice=(
            "install the version of scikit-learn that saved the scaler where the model is served, or fit and "
            "save it again"
        ),
    ),
    Cause(
        slug="integer-overflow",
        sentence="{layer} computes with integers that do not fit their dtype: they wrap around",
        explanation=(
            "TensorFlow and NumPy compute with integers of 8 and 16 bits as they are: in uint8, 12 - 30 is "
            "238 and 200 + 100 is 44. Nothing warns. A model that was trained with such numbers has learned "
            "from them, and one that gets its rows as floats elsewhere gives other outputs."
        ),
        key=("KC704",),
        explains=("KC704",),
        advice=(
            "cast the numbers in '{layer}', before it computes with them:\n"
            "    x = ops.cast(x, 'int32')      # or 'float32'\n"
            "and train again if training computed with the same code"
        ),
        suspect=_wrapping_layer,
        specific=_rows_wrap,
    ),
    Cause(
        slug="distribution-shift",
        sentence="the distribution of the rows differs from that of the training rows",
        explanation=(
            "A feature has shifted, narrowed or left its range: different units, a different source, a "
            "category that no longer occurs, or a changed population. The pipeline may be correct; the "
            "outputs are extrapolation. Or the rows are correct, and the layer that they are compared with "
            "was adapted on different rows or on very few."
        ),
        key=("KC702",),
        explains=("KC702",),
        advice=(
            "check the named feature and fix its units or source, or train again on current rows; if a "
            "Normalization layer is named and the rows are correct, adapt it on all training rows before "
            "training"
        ),
    ),
)
"""Most specific first."""

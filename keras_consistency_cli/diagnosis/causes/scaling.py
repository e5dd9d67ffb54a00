"""Causes between the raw rows and the model.

Checks recognize them and name them in `findings["cause"]`.
"""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.served.kinds import LOW_PRECISION
from keras_consistency_cli.checks.analysis.served.rows import find_mistakes
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import WRONG_ROWS, Cause, Failing, is_reported
from keras_consistency_cli.diagnosis.signatures import scaling_makes_nonfinite
from keras_consistency_cli.diagnosis.texts.encoding_texts import specific_codes
from keras_consistency_cli.diagnosis.texts.order_texts import specific_order
from keras_consistency_cli.diagnosis.texts.own_mistakes import make_nonfinite
from keras_consistency_cli.diagnosis.texts.scaler_texts import specific_scaler
from keras_consistency_cli.diagnosis.texts.served_texts import specific_precision, specific_step
from keras_consistency_cli.routes.persistence.recordings.recorded_rows import RAW_ROWS

__all__ = ["SCALING_CAUSES", "UNREPEATABLE_CAUSE"]

UNREPEATABLE_CAUSE = Cause(
    slug="preprocess-unrepeatable",
    sentence=(
        "the preprocess function gives different numbers for the same rows, in each call or in each process"
    ),
    explanation=(
        "The function draws random numbers, as augmentation and dithering do. Or it keeps a value between "
        "calls, such as a running mean, or one that is drawn randomly when its module is imported. Python's "
        "hash() of a text starts from such a number: a word gets a different id in each process. The model "
        "then gets different rows each time, and its outputs differ too."
    ),
    key=("KC302",),
    explains=("KC203", "KC301", "KC302", "KC305", "KC602", "KC801", "KC802"),
    advice=(
        "use augmentation and noise in training only, and let the function depend on its rows and constants "
        "alone:\n"
        "    STATISTICS = np.load('statistics.npz')          # learned once, from the training rows\n"
        "    def prepare(rows):\n"
        "        return (rows - STATISTICS['mean']) / STATISTICS['scale']"
    ),
)
"""It comes before state and randomness of the model, which have similar signatures."""


def _reaches_model(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether wrong rows can explain a verdict: if served rows are given, those of the data may be right.

    The model is run on the rows of the data, and KC402, KC404 and KC703 judge only these.
    """
    is_served = find_mistakes(evidence) is not None or evidence.data.description.served_as is not None
    return not is_served or verdict.code not in ("KC402", "KC404", "KC703")


def _explained_by_scaling_twice(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether scaling twice can explain a verdict.

    KC701 only if the scaler makes the NaN, KC802 only if the outputs were recorded without the scaler.
    """
    if verdict.code == "KC802":
        return verdict.findings.get("rows") == RAW_ROWS
    is_own_nan = verdict.code != "KC701" or scaling_makes_nonfinite(evidence)
    return is_own_nan and _reaches_model(evidence, verdict)


def _is_made_by_cast(evidence: Evidence, verdict: Verdict) -> bool:
    """Whether a cast can explain a verdict: KC701 only if served values became infinite by it."""
    is_served = bool(verdict.findings.get("served"))
    return verdict.code != "KC701" or (is_served and make_nonfinite(evidence, LOW_PRECISION))


def _is_foreign_scaler(_evidence: Evidence, failing: Failing) -> bool:
    """Whether serving scales differently; not if the model itself does what serving does too."""
    return is_reported("scaler-foreign", failing) and not is_reported("normalized-twice", failing)


SCALING_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="preprocess-row-dependence",
        sentence="the preprocess function uses all rows of a call: a single row gives a different result",
        explanation=(
            "A preprocess function takes its mean, range or categories from the rows of the call, often "
            "through fit_transform or x - x.mean(). In training it gets the whole data set, in serving one "
            "request. A single row then becomes all zeros."
        ),
        key=("KC302", "KC301"),
        explains=("KC301", "KC302", "KC305"),
        advice=(
            "learn the statistics once, from the training rows, save them, and only apply them when "
            "serving:\n"
            "    scaler = StandardScaler().fit(x_train)\n"
            "    joblib.dump(scaler, 'scaler.joblib')\n"
            "    x = joblib.load('scaler.joblib').transform(rows)"
        ),
    ),
    Cause(
        slug="scaler-refit",
        sentence=(
            "serving fits the scaler again instead of using the saved one: the scaling depends on the batch"
        ),
        explanation=(
            "fit_transform, or fit before transform, takes mean and range from the rows of the request. The "
            "scaled values of a row then depend on its neighbours, and every single row becomes all zeros."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC305", "KC702"),
        advice=(
            "load the scaler that was fitted in training, and only call transform:\n"
            "    scaler = joblib.load('scaler.joblib')\n"
            "    x = scaler.transform(rows)          # never fit_transform"
        ),
    ),
    Cause(
        slug="scaler-missing",
        sentence="the rows reach the model unscaled, without the scaler that was used in training",
        explanation=(
            "The model learned from scaled rows and gets raw ones. Nothing crashes, because the shapes are "
            "the same. Values of thousands then saturate the first layer."
        ),
        key=("KC301", "KC303"),
        explains=("KC301", "KC303", "KC305", "KC402", *WRONG_ROWS),
        covers=_reaches_model,
        advice=(
            "scale before predicting: model.predict(scaler.transform(rows)), or put the statistics into a "
            "Normalization layer of the model"
        ),
    ),
    Cause(
        slug="scaler-applied-twice",
        sentence="the rows are scaled twice before they reach the model",
        explanation=(
            "Rows that were already scaled, when they were stored or by an earlier step, go through the "
            "scaler again. The model then gets only a small part of the range that it learned from, and its "
            "outputs hardly vary. After a logarithm or a root, the rows become NaN."
        ),
        key=("KC301", "KC303"),
        explains=("KC301", "KC303", "KC305", "KC402", "KC701", "KC802", *WRONG_ROWS),
        covers=_explained_by_scaling_twice,
        advice=(
            "scale in one place only. If the rows of --data are already scaled, run without --scaler or "
            "--preprocess, or set facts: {{data_state: scaled}} in the YAML"
        ),
    ),
    Cause(
        slug="scaling-step-skipped",
        sentence="serving leaves out a step of the pipeline that was used in training",
        explanation=(
            "The scaler is a pipeline of several steps, and serving does not run all of them. It was written "
            "a second time for serving, or serving takes single steps from it. Without a logarithm, the "
            "scaler after it gets values of a different size; without an imputer, it gets NaN. "
            "Clipping to the range of training, as MinMaxScaler(clip=True) does, is such a step as well."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC305", "KC702"),
        specific=specific_step,
        advice="call the whole saved pipeline, pipeline.transform(rows), and no single steps",
    ),
    Cause(
        slug="gaps-filled-otherwise",
        sentence="serving fills missing values differently than the pipeline does",
        explanation=(
            "fillna(0), a sentinel such as -999, or the previous value replaces missing values before the "
            "rows reach the pipeline, and its imputer then finds nothing to fill. Or missing values go "
            "through the scaler and are filled after it. The model learned from the values that the pipeline "
            "fills in; to the model, a zero is a value like any other."
        ),
        key=("KC301", "KC702"),
        explains=("KC301", "KC303", "KC305", "KC702"),
        advice=(
            "leave missing values to the imputer that was fitted in training, and call the whole pipeline:\n"
            "    x = pipeline.transform(rows)        # raw rows with NaN: no fillna before, no nan_to_num "
            "after"
        ),
    ),
    Cause(
        slug="feature-order",
        sentence="columns, channels or axes are in a different order than in training",
        explanation=(
            "A scaler and a model identify columns by position. A join, a dict or a ColumnTransformer that "
            "reorders columns gives the same shape with different features. Images have such orders too: "
            "channels as RGB or BGR, height and width, an axis in reverse."
        ),
        key=("KC301", "KC304", "KC501"),
        explains=("KC301", "KC303", "KC304", "KC305", "KC501", *WRONG_ROWS),
        covers=_reaches_model,
        specific=specific_order,
        advice=(
            "order columns by name before scaling: frame[list(scaler.feature_names_in_)], or as in the rows "
            "of training if the scaler has no names; give the scaler the DataFrame, not .values; for images, "
            "convert channels and axes as in training: "
            "image[..., ::-1] turns BGR into RGB"
        ),
    ),
    Cause(
        slug="codes-refit",
        sentence="serving assigns category codes again: a category has the code of a different one",
        explanation=(
            "A LabelEncoder, OrdinalEncoder, StringLookup or pandas `.cat.codes` numbers the categories that "
            "it was fitted on. Fitted again on rows with a different set or order of categories, it gives a "
            "category a different number. Every code is valid, so nothing fails, and the model looks up the "
            "wrong entries. pandas.get_dummies makes no column for an absent category, so that the columns "
            "after it move."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC304", "KC305", "KC501", "KC702"),
        specific=specific_codes,
        advice=(
            "save the fitted encoder, or its list of categories, with the model, and only call transform "
            "when serving:\n    pandas.Categorical(values, categories=training_categories).codes"
        ),
    ),
    Cause(
        slug="scaled-in-low-precision",
        sentence="the rows were rounded before or during scaling",
        explanation=(
            "float32 keeps seven digits, float16 three. A feature that varies little around a large value, "
            "such as a time stamp, loses its variation if it is cast before the mean is subtracted. float16 "
            "also rounds the scaled values. Whole numbers lose every fraction."
        ),
        key=("KC305", "KC301"),
        explains=("KC301", "KC303", "KC305", "KC701", "KC702"),
        covers=_is_made_by_cast,
        specific=specific_precision,
        advice=(
            "scale in float64 and cast afterwards: scaler.transform(np.asarray(rows, "
            "np.float64)).astype(np.float32)"
        ),
    ),
    Cause(
        slug="scaler-foreign",
        sentence="serving scales the rows with different statistics than training did",
        explanation=(
            "The served rows are a linear function of the correct rows. They went through a scaler of the "
            "same kind that was fitted on different rows, for an older model or a different split, or "
            "through a different class, such as MinMaxScaler instead of StandardScaler. If this holds for "
            "some columns only, these may be in a different unit: °C and °F, metres and centimetres."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC304", "KC305", "KC702"),
        fits=_is_foreign_scaler,
        specific=specific_scaler,
        advice=(
            "save scaler and model together under one version, and load both from there when serving; if "
            "single columns are wrong, compare their raw numbers with those of training: their unit may "
            "differ"
        ),
    ),
)
"""Most specific first."""

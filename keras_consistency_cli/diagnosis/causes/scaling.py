"""Causes that lie between the raw rows and the model: the checks name them themselves, as `findings["cause"]`."""

from __future__ import annotations

from keras_consistency_cli.diagnosis.base import Cause
from keras_consistency_cli.diagnosis.signatures import nan_from_scaling, says

__all__ = ["SCALING_CAUSES", "UNREPEATABLE_CAUSE"]

UNREPEATABLE_CAUSE = Cause(
    slug="preprocess-unrepeatable",
    sentence="the preprocessing gives the same rows other numbers each time it is called, or in each process",
    explanation=(
        "It draws random numbers, as augmentation and dithering do, or keeps something between calls, such as a running mean, or something "
        "that is made by chance when its module is imported. The model is fed other rows each time, and answers accordingly."
    ),
    key=("KC302",),
    explains=("KC203", "KC301", "KC302", "KC305", "KC602", "KC801"),
    fits=says("preprocess-unrepeatable"),
    advice=(
        "leave augmentation and noise to training, and let the function know nothing but its rows and constants:\n"
        "    STATISTICS = np.load('statistics.npz')          # learned once, from the training rows\n"
        "    def prepare(rows):\n"
        "        return (rows - STATISTICS['mean']) / STATISTICS['scale']"
    ),
)
"""It comes before all that state and chance in the model explain: they are looked for in what the model was fed."""

SCALING_CAUSES: tuple[Cause, ...] = (
    Cause(
        slug="preprocess-row-dependence",
        sentence="the preprocessing looks at all the rows it is given: a row alone comes out differently",
        explanation=(
            "A preprocess function takes its mean, range or categories from the rows of the call, often through fit_transform or x - x.mean(). "
            "In training it saw the whole data set, in serving it sees one request: a single row then becomes all zeros."
        ),
        key=("KC302", "KC301"),
        explains=("KC301", "KC302", "KC305"),
        fits=says("preprocess-row-dependence"),
        advice=(
            "learn the statistics once, from the training rows, save them, and only apply them when serving:\n"
            "    scaler = StandardScaler().fit(x_train)\n"
            "    joblib.dump(scaler, 'scaler.joblib')\n"
            "    x = joblib.load('scaler.joblib').transform(rows)"
        ),
    ),
    Cause(
        slug="scaler-refit",
        sentence="serving fits the scaler anew instead of using the saved one: rows are scaled by each other",
        explanation=(
            "fit_transform, or fit before transform, at prediction time takes mean and range from the rows at hand. A batch is then scaled by its "
            "neighbours, and a single row becomes all zeros, whatever it says."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC305", "KC702"),
        fits=says("scaler-refit"),
        advice=(
            "load the scaler that was fitted in training and only transform:\n"
            "    scaler = joblib.load('scaler.joblib')\n"
            "    x = scaler.transform(rows)          # never fit_transform"
        ),
    ),
    Cause(
        slug="scaler-missing",
        sentence="the rows reach the model as they are, without the scaler that it was trained with",
        explanation=(
            "The model learned from scaled rows and is fed raw ones. Nothing crashes, for the shapes are the same; units of thousands then saturate "
            "the first layer."
        ),
        key=("KC301", "KC303"),
        explains=("KC301", "KC303", "KC305", "KC402", "KC702"),
        fits=says("scaler-missing"),
        advice="scale before predicting: model.predict(scaler.transform(rows)), or put the statistics into a Normalization layer of the model",
    ),
    Cause(
        slug="scaler-applied-twice",
        sentence="the rows are scaled twice before they reach the model",
        explanation=(
            "Rows that were scaled already, when they were stored or by an earlier step, go through the scaler again. They end up in a small corner "
            "of the range that the model knows, and answers hardly vary; behind a logarithm or a root they become NaN."
        ),
        key=("KC301", "KC303"),
        explains=("KC301", "KC303", "KC305", "KC402", "KC701", "KC702"),
        fits=says("scaler-applied-twice"),
        covers=lambda evidence, verdict: verdict.code != "KC701" or nan_from_scaling(evidence),
        advice="scale in one place only; where the rows of the data are scaled already, say facts: {{data_state: scaled}} in the YAML",
    ),
    Cause(
        slug="scaling-step-skipped",
        sentence="serving leaves out a step of the pipeline that the rows went through in training",
        explanation=(
            "The scaler is a pipeline of several steps, and serving does not run them all: it was written anew beside the pipeline, or takes single "
            "steps out of it. Without a logarithm the scaler behind it gets numbers of another kind; without an imputer, NaN."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC305", "KC702"),
        fits=says("scaling-step-skipped"),
        advice="call the whole pipeline that was saved, pipeline.transform(rows), and none of its steps by itself",
    ),
    Cause(
        slug="gaps-filled-otherwise",
        sentence="serving fills missing values with something else than the pipeline does",
        explanation=(
            "fillna(0), a sentinel such as -999, or the value before takes the place of what is missing before the rows reach the pipeline, whose "
            "imputer then finds nothing to fill. Or the gaps go through the scaler and are filled behind it. The model learned from the values that "
            "the pipeline of training puts there; a zero is a value like any other to it."
        ),
        key=("KC301", "KC702"),
        explains=("KC301", "KC303", "KC305", "KC702"),
        fits=says("gaps-filled-otherwise"),
        advice=(
            "leave the gaps to the imputer that was fitted in training, and call the whole pipeline:\n"
            "    x = pipeline.transform(rows)        # rows as they came, NaN and all: no fillna before, no nan_to_num behind"
        ),
    ),
    Cause(
        slug="feature-order",
        sentence="columns are in another order than in training: features take each other's place",
        explanation=(
            "A scaler and a model know columns by their place. A join, a dict or a ColumnTransformer that reorders them gives the same shape and "
            "other features."
        ),
        key=("KC301", "KC304", "KC501"),
        explains=("KC301", "KC303", "KC304", "KC305", "KC501", "KC702"),
        fits=says("feature-order"),
        advice="order by name before scaling: frame[list(scaler.feature_names_in_)], and give the scaler the DataFrame rather than .values",
    ),
    Cause(
        slug="scaled-in-low-precision",
        sentence="rows were rounded before or while they were scaled",
        explanation=(
            "float32 keeps seven digits and float16 three. A feature that varies little around a large value, as a time stamp does, loses its "
            "variation when it is cast before the mean is subtracted; and float16 rounds the scaled values too. Whole numbers lose every fraction."
        ),
        key=("KC305", "KC301"),
        explains=("KC301", "KC303", "KC305"),
        fits=says("scaled-in-low-precision"),
        advice="scale in float64 and cast afterwards: scaler.transform(np.asarray(rows, np.float64)).astype(np.float32)",
    ),
    Cause(
        slug="scaler-foreign",
        sentence="serving scales with other statistics than those of the saved scaler",
        explanation=(
            "The served rows lie on a straight line over the right ones: they went through a scaler of the same kind that was fitted on other rows, "
            "of an older model, of another split, or of another class such as MinMaxScaler for StandardScaler. Where only some columns do, they "
            "may be in another unit: °C for °F, metres for centimetres."
        ),
        key=("KC301",),
        explains=("KC301", "KC303", "KC304", "KC305", "KC702"),
        fits=says("scaler-foreign"),
        advice=(
            "save scaler and model together under one version, and load both from there when serving; where single columns are off, hold their raw "
            "numbers against those of training: their unit may be another"
        ),
    ),
)
"""Most specific first."""

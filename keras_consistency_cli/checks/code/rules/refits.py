"""Rules about what is learned from the rows of a request."""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.code.engine.trace import Event, Trace
from keras_consistency_cli.checks.code.library.transformers import ENCODERS, SCALERS, TEXT
from keras_consistency_cli.checks.code.rule import Evidence, Hit, Rule, code_of, rule, serving_events, where
from keras_consistency_cli.checks.code.rules.transformers import is_only_receiver
from keras_consistency_cli.checks.code.values.value import Site, Value

__all__ = ["RULES"]

_SILENT = ("Tokenizer", "TextVectorization", "StringLookup", "IntegerLookup", "Normalization")
"""What transforms without an error before it has learned anything."""
_STATED = frozenset({"vocabulary", "mean", "variance"})
_USES = frozenset({"__call__", "texts_to_sequences", "texts_to_matrix", "sequences_to_texts"})
_CATEGORIES = ("get_dummies", "codes", "factorize")
"""Functions and attributes of pandas that find categories in the rows."""
_OF_TABLES = (*_CATEGORIES, "qcut", "cut")
_STATE = (
    "state the categories or limits of training: pd.Categorical(values, categories=...), reindex(columns=...)"
)
_LOAD = "load the fitted one that was saved with the model, and only transform"


def _refits(trace: Trace) -> Iterator[tuple[Event, bool]]:
    """Yield each fit whose result reaches a model that is served, and whether it learned from one row."""
    fits = {event.site: event for event in trace.of("fit")}
    trained = {mark.site for train in trace.of("train") for mark in train.data.of("refit")}
    seen: set[Site | None] = set(trained)
    for prediction in (*serving_events(trace), *trace.of("send")):
        for mark in prediction.data.marks:
            fit = fits.get(mark.site) if mark.kind in ("refit", "refit-self") and mark.site else None
            if fit is None or fit.site in seen or prediction.data.has("split"):
                continue
            if _is_refit(trace, fit, mark.kind):
                seen.add(fit.site)
                yield fit, fit.data.rows == "one" or fit.data.rank == 0


def _late_fits(trace: Trace) -> Iterator[Event]:
    """Yield each fit to one row after training, whose result reaches the model that was trained."""
    order = {id(event): place for place, event in enumerate(trace.events)}
    trained = {event.subject.thing: order[id(event)] for event in trace.of("train") if event.subject.thing}
    used = {mark.site for train in trace.of("train") for mark in train.data.of("refit")}
    fits = {event.site: event for event in trace.of("fit") if event.site not in used}
    for prediction in trace.of("predict", "call"):
        since = trained.get(prediction.subject.thing) if prediction.subject.thing else None
        for mark in prediction.data.of("refit") if since is not None else ():
            fit = fits.get(mark.site) if mark.site else None
            if fit is not None and order[id(fit)] > (since or 0) and _is_one_row(fit):
                yield fit


def _is_refit(trace: Trace, fit: Event, kind: str) -> bool:
    """Whether a fit learns from what is predicted: from a request, or in a script from the same rows."""
    if fit.data.has("request"):
        return trace.is_request or trace.kind == "function" or kind == "refit-self"
    if _is_constant(fit.data):
        return False
    argument = code_of(fit.node).casefold().partition("(")[2]
    return kind == "refit-self" and not any(word in argument for word in ("train", "corpus", "history"))


def _is_constant(value: Value) -> bool:
    """Whether a value is written out in the code: the categories of an encoder."""
    return value.kind == "const" or (value.items is not None and all(map(_is_constant, value.items)))


def _is_one_row(event: Event) -> bool:
    thing = event.subject.thing
    is_scaler = thing is None or thing.made == "loaded" or thing.name in SCALERS
    return event.data.rows == "one" and event.method in ("fit", "fit_transform") and is_scaler


def _learned(fit: Event) -> str:
    """What a fit learns: statistics, categories or words."""
    name = fit.subject.thing.name if fit.subject.thing is not None else ""
    if name in ENCODERS or fit.method in _CATEGORIES:
        return "categories"
    is_text = name in (*TEXT, "Tokenizer", "TextVectorization") or fit.method == "fit_on_texts"
    return "words" if is_text else "statistics"


@rule(
    "KS101",
    "refit-when-serving",
    "fail",
    "is a scaler, encoder or tokenizer fitted to the rows that are predicted?",
    causes=("scaler-refit", "codes-refit", "preprocess-row-dependence"),
)
def refit(evidence: Evidence) -> Iterator[Hit]:
    """A scaler, an encoder, a tokenizer, a pipeline of them or a layer with adapt() learns from the rows
    that it then transforms for a trained model.

    Why: The model was trained with the statistics, categories or words of the training rows. A fit to the
    rows of a request replaces them: the same row gives a different output when it comes with different
    rows.

    How: The rule follows the result of fit_transform(), of fit() and transform(), of fit_on_texts() and
    of adapt() to predict() of a model that was loaded, and to requests that are sent to a service for its
    outputs (an address with :predict, /predict, /invocations or /infer). In a request handler, the fit
    counts if its rows come from the request. In a script, it counts if the same rows are fitted and
    predicted. In a request, pd.get_dummies(), .cat.codes, pd.factorize(), pd.qcut() and pd.cut() with
    a number of bins count, unless the code names categories or columns. A Pipeline, a ColumnTransformer or
    a FeatureUnion that is built in the code learns if one of its parts does.
    Training is not reported, nor is a pipeline that ends with a classifier.

    To fix: Save the fitted object after training, load it once, and only transform.

        scaler = joblib.load("scaler.joblib")
        outputs = model.predict(scaler.transform(rows))

    Sources: https://scikit-learn.org/stable/common_pitfalls.html
    """
    for trace in evidence.traces:
        for fit, is_one in _refits(trace):
            if not (is_one and _is_one_row(fit)):
                is_table = fit.subject.thing is None and fit.method in _OF_TABLES
                yield Hit(
                    site=fit.site,
                    words=f"{code_of(fit.node)} {where(trace)}; training learned other {_learned(fit)}",
                    fix=_STATE if is_table else _LOAD,
                )


@rule(
    "KS102",
    "fitted-to-one-row",
    "fail",
    "is a scaler fitted to a single row, so that every row becomes the same?",
    causes=("scaler-refit", "scaler-stale"),
)
def one_row(evidence: Evidence) -> Iterator[Hit]:
    """A scaler is fitted to the single row that it then transforms.

    Why: The mean of one row is the row itself. Every row becomes zeros, and the model gives the same
    output for all of them.

    How: As KS101, and the rows of the fit are one row: [[a, b]], reshape(1, -1), expand_dims(row, 0), or a
    DataFrame of one dictionary. It is also reported in a script that has trained the model before.

    To fix: Load the scaler that was fitted in training, and only transform.

        scaler = joblib.load("scaler.joblib")
        outputs = model.predict(scaler.transform([[age, income]]))

    Sources: https://scikit-learn.org/stable/common_pitfalls.html
    """
    for trace in evidence.traces:
        served = [fit for fit, is_one in _refits(trace) if is_one and _is_one_row(fit)]
        late = [fit for fit in _late_fits(trace) if fit not in served]
        for fit in (*served, *late):
            place = where(trace) if fit in served else "after training"
            yield Hit(
                site=fit.site,
                words=f"{code_of(fit.node)} fits to a single row {place}; every row becomes zeros",
                fix=_LOAD
                if fit in served
                else "only transform, with the scaler that was fitted before training",
            )


@rule(
    "KS103",
    "statistics-of-the-request",
    "warn",
    "are rows scaled by their own mean or range?",
    causes=("scaler-refit",),
)
def own_statistics(evidence: Evidence) -> Iterator[Hit]:
    """Rows of a request are scaled by their own mean and deviation, or by their own range.

    Why: The model was trained with the statistics of the training rows. With those of the request, the
    output depends on the other rows, and of a single row only the shape is left.

    How: The rule follows (x - x.mean()) / x.std() and (x - x.min()) / (x.max() - x.min()) to predict() of
    a model that was loaded, if x comes from a request and its columns are single numbers. It also follows
    statistics of all rows (axis=0, of a table, x / x.max() of a table or of several rows, zscore(x),
    minmax_scale(x), normalize(x, axis=0)), if the rows stay rows. Pictures, sound and series, which are
    often scaled one by one in training too, are not reported.

    To fix: Save mean and deviation of the training rows with the model, or put a Normalization layer into
    it.

        mean, deviation = np.load("statistics.npy")
        outputs = model.predict((rows - mean) / deviation)

    Sources: https://keras.io/api/layers/preprocessing_layers/numerical/normalization/
    """
    for trace in evidence.traces:
        if not (trace.is_request or trace.kind == "function"):
            continue
        for prediction in serving_events(trace):
            data = prediction.data
            found = data.of("rows-scaled") + (data.of("own-scaled") if data.has("numbers") else [])
            for mark in found:
                if mark.site is not None and not data.has("image"):
                    yield Hit(
                        site=mark.site,
                        words=f"the rows are scaled by their own statistics {where(trace)}",
                        fix="use the mean and the deviation of the training rows, saved with the model",
                    )


@rule(
    "KS104",
    "never-fitted",
    "fail",
    "does a tokenizer or a layer transform rows although it has learned nothing?",
    causes=("normalization-unadapted",),
)
def never_fitted(evidence: Evidence) -> Iterator[Hit]:
    """A tokenizer, a vocabulary or a Normalization layer is made new and used without what it learned in
    training.

    Why: A new Tokenizer knows no word and returns empty sequences, a new lookup layer takes every word for
    an unknown one, and a new Normalization layer changes nothing. None of them raises an error.

    How: The object is built in the code, transforms rows of a trained model, and nothing fits it, gives it
    a vocabulary, sets its state, or gets it as an argument.

    To fix: Load what was saved in training.

        tokenizer = tokenizer_from_json(Path("tokenizer.json").read_text())

    Sources: https://keras.io/api/layers/preprocessing_layers/text/text_vectorization/
    """
    fitted = {event.subject.thing for trace in evidence.traces for event in trace.of("fit")}
    for trace in evidence.traces:
        if not any(True for _ in serving_events(trace)):
            continue
        for event in trace.of("transform"):
            thing = event.subject.thing
            is_new = thing is not None and thing.made == "built" and thing.name in _SILENT
            if thing is None or not is_new or thing in fitted or _STATED & set(thing.options):
                continue
            if is_only_receiver(evidence, thing, _USES):
                yield Hit(
                    site=event.site,
                    words=f"{code_of(event.node)} uses a new {thing.name}, which has learned nothing",
                    fix="load the fitted one that was saved with the model",
                )


RULES: tuple[Rule, ...] = (refit, one_row, own_statistics, never_fitted)

"""Rules about a scaler that was saved: whether it is applied, to what, and in which order of columns."""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.code.engine.trace import Event, Trace
from keras_consistency_cli.checks.code.library.transformers import LEARNED
from keras_consistency_cli.checks.code.rule import (
    Evidence,
    Hit,
    Rule,
    code_of,
    rule,
    served_events,
    serving_events,
)
from keras_consistency_cli.checks.code.rules.transformers import (
    is_of_target,
    is_only_receiver,
    is_read,
    loaded_transformers,
    written,
)
from keras_consistency_cli.checks.code.values.value import Site, Thing, Value

__all__ = ["RULES"]

_METHODS = frozenset(
    {"transform", "fit", "fit_transform", "inverse_transform", "fit_on_texts", "texts_to_sequences"}
)


@rule(
    "KS201",
    "scaler-not-applied",
    "fail",
    "is a scaler loaded, or saved with the model, and never used?",
    causes=("scaler-missing", "scaling-step-skipped", "input-range"),
)
def not_applied(evidence: Evidence) -> Iterator[Hit]:
    """A scaler is loaded with the model, or is saved next to it, but the rows reach the model without it.

    Why: The model was trained on scaled rows. Raw rows are far outside of what it knows, and the output
    is wrong without an error.

    How: A file whose name says that it holds a scaler, an encoder or a tokenizer is loaded, and a model
    that was loaded predicts. The variable, field or key of the object is never read again, except to give
    it another name: a function returns it, or it becomes a field of an object. Or such a file is next to
    the model (or named by --scaler), the code loads the model, and neither loads nor builds anything that
    transforms rows.

    To fix: Apply it to the rows before predict().

        outputs = model.predict(scaler.transform(rows))

    Sources: https://scikit-learn.org/stable/common_pitfalls.html
    """
    served = list(served_events(evidence))
    if not served:
        return
    first = served[0][1].node
    loaded = [pair for trace in evidence.traces for pair in loaded_transformers(trace)]
    for event, thing in loaded:
        is_named = thing.label not in ("", "load", "loads")
        if is_named and not is_of_target(thing) and not is_read(evidence, thing):
            yield Hit(
                site=event.site,
                words=f"{thing.label} is loaded and never applied to the rows of {code_of(first)}",
                fix=f"apply it first: {_application(thing)}",
            )
    if not loaded:
        yield from _forgotten(evidence, served)


def _application(thing: Thing) -> str:
    """The call that applies what was loaded; a tokenizer has no transform()."""
    name = f"{thing.path} {thing.label}".casefold()
    return f"{written(thing)}.{'texts_to_sequences(texts)' if 'token' in name else 'transform(rows)'}"


def _forgotten(evidence: Evidence, served: list[tuple[Trace, Event]]) -> Iterator[Hit]:
    """A scaler is next to the model, and the code transforms nothing."""
    files = evidence.training.scaler_files
    transforms = any(trace.of("transform", "fit") for trace in evidence.traces)
    others = any(event.subject.kind == "loaded" for trace in evidence.traces for event in trace.of("load"))
    if not files or transforms or others or {"transform", "fit_transform"} & set(evidence.names):
        return
    _, event = next(((trace, event) for trace, event in served if _is_tabular(event.data)), (None, None))
    if event is not None:
        yield Hit(
            site=event.site,
            words=f"{code_of(event.node)} gets rows without the scaler of {files[0]}",
            fix=f"load the scaler of {files[0]} and apply it first: scaler.transform(rows)",
        )


def _is_tabular(value: Value) -> bool:
    return not (value.has("image") or value.has("scaled"))


@rule(
    "KS205",
    "column-order",
    "fail",
    "do columns come in another order than in training?",
    causes=("feature-order",),
)
def column_order(evidence: Evidence) -> Iterator[Hit]:
    """The columns come in the order of the request, or in another order than that of the scaler.

    Why: A model knows its columns by position. If two are exchanged, the output is wrong without an
    error.

    How: The rule follows the values() of a dictionary that the client sent, and tables made from one
    without `columns`, to transform() or predict(). Columns that are taken from a table by their names, also
    one by one, are in the order of the code. So are values of a dictionary whose keys the program compares
    with its own (`if list(data) != NAMES: abort(400)`). Values that never become one row are whole rows or
    pictures, each under a key. With --scaler, it compares the names of columns in the code with the names
    that the scaler was fitted with.

    To fix: Name the columns in the order of training.

        rows = pd.DataFrame([request.get_json()])[list(scaler.feature_names_in_)]

    Sources: https://scikit-learn.org/stable/glossary.html
    """
    for trace in evidence.traces:
        served = list(serving_events(trace))
        if not served:
            continue
        for event in (*trace.of("transform"), *served):
            yield from _ordered_by_client(evidence, trace, event)
            yield from _ordered_otherwise(evidence, event)


def _ordered_by_client(evidence: Evidence, trace: Trace, event: Event) -> Iterator[Hit]:
    is_of_rows = event.data.rows == "keyed"  # whole rows, each under a key
    for mark in event.data.of("order"):
        if mark.site is not None and trace.is_request and not is_of_rows:
            is_later = mark.before is not None and mark.before.line != mark.site.line
            made = f" ({evidence.describe(mark.before, mark.site)})" if mark.before and is_later else ""
            words = "the columns come in the order in which the client sent them"
            yield Hit(
                site=mark.site,
                words=f"{words}{made}, and their names are dropped here" if made else words,
                fix=f"take them by name, in the order of training: {_by_name(event)}",
                severity="warn",
            )


def _by_name(event: Event) -> str:
    is_frame = event.data.kind == "frame"
    return "pd.DataFrame([data])[COLUMNS]" if is_frame else "[data[name] for name in COLUMNS]"


def _ordered_otherwise(evidence: Evidence, event: Event) -> Iterator[Hit]:
    expected = evidence.scaler.columns if evidence.scaler is not None else ()
    for mark in event.data.of("columns"):
        names = mark.names
        if mark.site is not None and names != expected and sorted(names) == sorted(expected):
            first = next(
                place for place, pair in enumerate(zip(names, expected, strict=True)) if pair[0] != pair[1]
            )
            yield Hit(
                site=mark.site,
                words=f"column {first + 1} is {names[first]}; the scaler has {expected[first]} there",
                fix="take the columns in the order of scaler.feature_names_in_",
            )


@rule(
    "KS206",
    "scaler-not-saved",
    "warn",
    "is a model saved without the scaler of its rows?",
)
def not_saved(evidence: Evidence) -> Iterator[Hit]:
    """A script trains a model on scaled rows and saves the model, but not the scaler.

    Why: Whoever loads the model cannot scale new rows as in training, and often fits a new scaler.

    How: The rows of fit() of a model were transformed by a scaler or a tokenizer that was fitted in the
    same script, the model is saved, and the scaler is only used to fit and to transform: it is not saved,
    returned or passed on, and nothing that it learned is: len(tokenizer.word_index) saves no words. A
    program that loads the model and fits at the same place, to rows that no user sent, needs no saved one.

    To fix: Save it next to the model, or use a Normalization layer in the model.

        joblib.dump(scaler, "scaler.joblib")

    Sources: https://scikit-learn.org/stable/model_persistence.html
    """
    for trace in evidence.traces:
        saved = {event.subject.thing: event.site for event in trace.of("save")}
        for train in trace.of("train"):
            if train.subject.thing is None or train.subject.thing not in saved:
                continue
            place = saved[train.subject.thing]
            for fit in trace.of("fit"):
                thing = fit.subject.thing
                is_of_rows = thing is not None and _reaches(train.data, thing)
                if thing is None or not is_of_rows or fit.site in evidence.training.fitted_again:
                    continue
                if _is_private(evidence, thing):
                    yield _unsaved(evidence, thing, fit.site, place)


def _unsaved(evidence: Evidence, thing: Thing, site: Site, saved: Site) -> Hit:
    """A scaler that is not saved, and where the model is, if it is in another file."""
    place = f" ({evidence.describe(saved, site)})" if saved.path != site.path else ""
    return Hit(
        site=site,
        words=f"the model is saved{place}, and {thing.label}, which prepares its rows, is not",
        fix=f'joblib.dump({written(thing)}, "{thing.label}.joblib")',
    )


def _reaches(value: Value, thing: Thing) -> bool:
    return any(mark.kind == "scaled" and mark.about == thing.identity for mark in value.marks)


def _is_private(evidence: Evidence, thing: Thing) -> bool:
    """Whether a variable is only used to fit, to transform and to transform back."""
    is_named = thing.made == "built" and bool(thing.label)
    writes = (event for trace in evidence.traces for event in trace.of("written"))
    if any(mark.about == thing.identity for event in writes for mark in event.subject.of("learned")):
        return False
    return is_named and is_only_receiver(evidence, thing, _METHODS | LEARNED)


RULES: tuple[Rule, ...] = (
    not_applied,
    column_order,
    not_saved,
)

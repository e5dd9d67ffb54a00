"""Rules about what stays between two requests: the state of recurrent layers, and the model itself."""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.code.engine.trace import Event, Trace
from keras_consistency_cli.checks.code.rule import Evidence, Hit, Rule, code_of, rule, serving_events, where
from keras_consistency_cli.checks.code.values.value import Thing

__all__ = ["RULES", "is_stateful"]


_ONCE = {
    "a Streamlit page": "load it in a function with @st.cache_resource",
    "a task": "load it once in each worker, before the first task",
}
"""How a model is loaded only once, by the kind of the way through the program."""


def is_stateful(evidence: Evidence, event: Event) -> bool:
    """Whether the model keeps its state between calls: by its file, or by the code that builds it."""
    facts = evidence.facts_for(event)
    if facts is not None and facts.is_stateful:
        return True
    thing = event.subject.thing
    if thing is None:
        return False
    if "stateful" in thing.layers:
        return True
    return any(_is_reset_of(thing, event) for trace in evidence.traces for event in trace.of("reset"))


def _is_reset_of(model: Thing, event: Event) -> bool:
    """Whether the state of a model, or of some of its layers, is reset: it has one."""
    is_of_layers = any(mark.about == model.identity for mark in event.subject.of("part-of"))
    return event.subject.thing is model or is_of_layers


def _is_shared(trace: Trace, event: Event) -> bool:
    """Whether the model was made before the request."""
    thing = event.subject.thing
    return thing is not None and not any(load.subject.thing is thing for load in trace.of("load"))


@rule(
    "KS501",
    "state-not-reset",
    "fail",
    "does a stateful model predict for a request without a reset?",
    causes=("state-carry-over",),
)
def not_reset(evidence: Evidence) -> Iterator[Hit]:
    """A stateful model predicts for one request after another and is never reset between them.

    Why: The layers keep the state of the request before. The output depends on who asked before.

    How: The model is stateful by the code that builds it, by reset_states() of it or of its layers elsewhere
    in the file, or by --model; it was made before the request; and neither the request nor what the framework
    calls around it (before_request, Depends) resets it.

    To fix: Reset the recurrent layers before each series.

        for layer in model.layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()

    Sources: https://keras.io/getting_started/faq/
    """
    for trace in evidence.traces:
        if not trace.is_request or trace.of("reset"):
            continue
        for event in serving_events(trace, "predict", "call"):
            if is_stateful(evidence, event) and _is_shared(trace, event):
                yield Hit(
                    site=event.site,
                    words=f"{code_of(event.node)} {where(trace)} starts from the state of the request before",
                    fix="reset the state first, under a lock",
                )


@rule(
    "KS502",
    "state-not-locked",
    "warn",
    "do several requests share a stateful model without a lock?",
    causes=("state-carry-over",),
)
def not_locked(evidence: Evidence) -> Iterator[Hit]:
    """A request resets a stateful model and then predicts, without a lock around both.

    Why: Servers handle requests in several threads. The reset or the steps of one request can fall
    between those of another, and both get wrong outputs.

    How: As KS501, but the request resets the model, and predict() is neither inside a `with` block of a
    lock nor between acquire() and release(). What a context manager of the program does decides, not its
    name. Async functions are not reported: nothing runs between two statements without await.

    To fix: Hold a lock, or give each request a model of its own.

        with lock:
            reset(model)
            outputs = model.predict(rows)

    Sources: https://flask.palletsprojects.com/en/stable/design/
    """
    for trace in evidence.traces:
        if not trace.is_request or trace.is_async or not trace.of("reset"):
            continue
        for event in serving_events(trace, "predict", "call"):
            is_locked = "lock" in event.place.contexts
            if is_stateful(evidence, event) and _is_shared(trace, event) and not is_locked:
                yield Hit(
                    site=event.site,
                    words=f"{code_of(event.node)} of a stateful model that requests share, without a lock",
                    fix="put the reset and predict() into `with lock:`",
                )


@rule(
    "KS503",
    "loaded-per-request",
    "warn",
    "is the model loaded again for each request?",
)
def loaded_again(evidence: Evidence) -> Iterator[Hit]:
    """A model is loaded inside a request.

    Why: Loading takes longer than predicting, each load can leave memory behind, and a file that is
    replaced while the server runs mixes two models.

    How: load_model() and similar functions are called in a request handler, or in a Streamlit page, which
    runs again for each input. It is not reported if the load is cached, is inside an `if` that asks
    whether the model exists already, or an `except KeyError` whose model is kept, if the file depends on
    the request, or if the model is trained further. Nor is a model that is kept for later requests, if
    this request does not use it or uses it on other ways too (a reload), nor a stateful model: each client
    may have one of its own. Nor are steps of a flow (Prefect, Airflow, Dagster), which run once for each run
    of it.

    To fix: Load it once, when the process starts, or cache it.

        @st.cache_resource
        def get_model():
            return keras.models.load_model("model.keras")

    Sources: keras#13118, https://docs.streamlit.io/develop/concepts/architecture/caching
    """
    for trace in evidence.traces:
        if not trace.is_request:
            continue
        predicted = {event.subject.thing for event in trace.of("predict", "call", "signature")}
        trained = {event.subject.thing for event in trace.of("train")}
        for event in trace.of("load"):
            thing = event.subject.thing
            is_model = event.subject.kind == "model" and event.method != "load_weights"
            is_kept = event.place.is_cached or event.place.is_guarded or event.data.has("request")
            is_kept = is_kept or _is_refresh(trace, event) or is_stateful(evidence, event)
            is_kept = is_kept or ("missing" in event.place.contexts and thing is not None and thing.is_kept)
            if (is_model or thing in predicted) and not is_kept and thing not in trained:
                yield Hit(
                    site=event.site,
                    words=f"{code_of(event.node)} {where(trace)} loads the model again each time",
                    fix=_ONCE.get(trace.kind, "load it once, before the first request"),
                )


def _is_refresh(trace: Trace, load: Event) -> bool:
    """Whether a load replaces a model that outlives the request, and predictions do not wait for it."""
    thing = load.subject.thing
    if thing is None or not thing.is_kept:
        return False
    used = [
        event for event in trace.of("predict", "call", "signature") if event.subject.thing in (thing, None)
    ]
    branches = load.place.branches
    return all(event.place.branches[: len(branches)] != branches for event in used)


RULES: tuple[Rule, ...] = (not_reset, not_locked, loaded_again)

"""Rules about how the model is called: in loops, under a tape, in training mode, with random rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from keras_consistency_cli.checks.code.engine.trace import Event, Trace
from keras_consistency_cli.checks.code.rule import Evidence, Hit, Rule, code_of, rule, serving_events, where
from keras_consistency_cli.checks.code.rules.phases import phases_of
from keras_consistency_cli.checks.code.rules.state import is_stateful
from keras_consistency_cli.checks.code.values.value import Mark, Value

__all__ = ["RULES"]

_LIVE = ("while", "stream")
"""Loops over what arrives one after another."""


def _is_keras(event: Event, evidence: Evidence) -> bool:
    thing = event.subject.thing
    if thing is not None:
        return thing.is_keras
    return bool({"keras", "tensorflow", "tf_keras"} & evidence.module.imports)


@rule(
    "KS401",
    "predict-in-loop",
    "warn",
    "is predict() called for one row after another?",
)
def in_loop(evidence: Evidence) -> Iterator[Hit]:
    """predict() is called in a loop, with one row each time.

    Why: Every call of predict() builds a data pipeline, which takes longer than a small model itself, and
    memory can grow over many calls. With BatchNormalization in training mode or with padding, rows alone
    can also differ from rows in a batch.

    How: predict() of a Keras model that was loaded is inside a loop or a comprehension, and its argument
    is one row that depends on the loop. Loops over batches and over several models are not reported. If
    each row depends on the output before it, rows cannot be collected, and the finding is only
    information. Nor can they where they arrive one by one, from a camera, a socket or a queue: call the
    model there; predict_on_batch() builds no pipeline, and is not reported there. Pictures of files are
    reported only if all of them are brought to one size. Stateful models are not reported: they take a
    series step by step.

    To fix: Collect the rows and predict once. For one row at a time, call the model.

        outputs = model.predict(np.stack(rows))
        output = model(row, training=False)

    Sources: keras#13118, tensorflow#44711
    """
    for trace in evidence.traces:
        for event in serving_events(trace, "predict"):
            is_one = _is_keras(event, evidence) and _is_row_of_loop(event)
            if _is_slow(event) and is_one and not is_stateful(evidence, event):
                depends = event.data.has("pred")
                yield Hit(
                    site=event.site,
                    words=f"{code_of(event.node)} for one row at a time"
                    + (", each after the output before it" if depends else ""),
                    fix="model(row, training=False)"
                    if depends or _is_stream(event)
                    else "collect the rows, and predict once; if that cannot be, model(row, training=False)",
                    severity="info" if depends else None,
                )


def _is_row_of_loop(event: Event) -> bool:
    if event.data.has("any-size"):
        return False
    inside = {loop for loop, _ in event.place.loops}
    of_data = {mark.about for mark in event.data.of("loop")}
    of_model = {mark.about for mark in event.subject.of("loop")}
    is_row = event.data.rows == "one" or any(kind == "apply" for _, kind in event.place.loops)
    return is_row and bool(inside & of_data) and not inside & of_model


def _is_slow(event: Event) -> bool:
    """Whether a different call is faster; predict_on_batch() is fast where rows arrive one by one."""
    return event.method == "predict" or (event.method == "predict_on_batch" and not _is_stream(event))


def _is_stream(event: Event) -> bool:
    return any(kind in _LIVE for _, kind in event.place.loops)


@rule(
    "KS402",
    "predict-under-tape",
    "fail",
    "is predict() called under GradientTape, which cannot see it?",
)
def under_tape(evidence: Evidence) -> Iterator[Hit]:
    """The gradient of something is asked for that was computed with predict().

    Why: predict() returns NumPy arrays. A tape does not see them, so every gradient is None.

    How: predict() is called inside `with tf.GradientTape()`, and tape.gradient() gets a value that was
    made from it and from no call of a model, nor of a function that may be one. Targets that need no
    gradient are not reported.

    To fix: Call the model.

        with tf.GradientTape() as tape:
            outputs = model(x, training=False)

    Sources: https://www.tensorflow.org/guide/autodiff
    """
    for trace in evidence.traces:
        taped = {event.site: event for event in trace.of("predict") if "tape" in event.place.contexts}
        for gradient in trace.of("gradient"):
            if gradient.data.has("called") or gradient.data.has("opaque"):
                continue
            for mark in gradient.data.of("pred"):
                event = taped.get(mark.site) if mark.site else None
                if event is not None:
                    yield Hit(
                        site=event.site,
                        words=f"{code_of(event.node)} under GradientTape: the gradient is None",
                        fix="call the model: model(x, training=False)",
                    )


@rule(
    "KS403",
    "training-not-stated",
    "info",
    "is a model called without training=False?",
    causes=("training-flag-default",),
)
def not_stated(evidence: Evidence) -> Iterator[Hit]:
    """A model that was loaded is called as model(x), without training=False.

    Why: In Keras 3, model(x) is inference. A layer of your own may have a different default, Keras 2 had
    a global learning phase, and a call inside another model that trains is in training mode.

    How: A Keras model that was loaded is called without `training` when serving. With --model, the
    finding is a warning if the model has layers of its own, and there is none if no layer depends on the
    mode.

    To fix: State it.

        outputs = model(x, training=False)

    Sources: https://keras.io/api/layers/base_layer/
    """
    for trace in evidence.traces:
        for event in serving_events(trace, "call"):
            thing, facts = event.subject.thing, evidence.facts_for(event)
            if facts is not None and not facts.modes and not facts.custom:
                continue
            if (
                "training" in event.options
                or thing is None
                or thing.name in ("TFSMLayer", "saved_model.load")
            ):
                continue
            layers = facts.custom or facts.modes if facts is not None else ()
            yield Hit(
                site=event.site,
                words=f"{code_of(event.node)} does not state the mode"
                + (f", and the model has {', '.join(layers[:3])}" if layers else ""),
                fix="model(x, training=False)",
                severity="warn" if facts is not None and facts.custom else None,
            )


@rule(
    "KS404",
    "training-when-serving",
    "fail",
    "is the model called in training mode when serving?",
    causes=("batch-statistics-in-inference", "active-randomness"),
)
def in_training(evidence: Evidence) -> Iterator[Hit]:
    """A model that was loaded is called with training=True, or after set_learning_phase(1).

    Why: Dropout is random, and BatchNormalization uses the statistics of the batch: the output of a row
    depends on chance and on the other rows.

    How: A model that was loaded is called with training=True, not under a GradientTape, or is part of
    another one that calls it so. Monte Carlo
    dropout is not reported: the same rows in each pass of a loop whose outputs are kept together or summed
    up, or rows that are repeated and whose outputs are averaged. Loops over rows, and over what arrives,
    are no Monte Carlo dropout. The learning phase counts where a way through the program sets it and
    predicts, as predict() of old versions of Keras follows it, and where a file sets it when it starts and
    a request calls model(x) without `training`. predict() of a request passes training=False, and is not
    reported.

    To fix: Call it with training=False, and remove set_learning_phase(1).

        outputs = model(x, training=False)

    Sources: https://keras.io/getting_started/faq/
    """
    for trace in evidence.traces:
        for event in serving_events(trace, "call"):
            facts = evidence.facts_for(event)
            if facts is not None and not facts.modes and not facts.custom:
                continue
            training = event.options.get("training")
            is_meant = "tape" in event.place.contexts or _is_sampled(trace, event)
            if training is not None and _is_on(training) and not is_meant:
                stated = next((mark.site for mark in training.of("stated") if mark.site is not None), None)
                words = f"{code_of(event.node)} {where(trace)} is in training mode"
                yield Hit(
                    site=stated or event.site,
                    words=f"training=True is stated here: {words}" if stated else words,
                    fix="state training=False" if stated else "model(x, training=False)",
                )
        yield from _of_wrapped(trace)
        yield from phases_of(evidence, trace)


def _of_wrapped(trace: Trace) -> Iterator[Hit]:
    """A model that calls a loaded one in training mode: keras.Model(x, model(x, training=True))."""
    for event in serving_events(trace, "predict", "call"):
        for mark in event.subject.of("training-inside") if not _is_sampled(trace, event) else ():
            if mark.site is not None:
                yield Hit(
                    site=mark.site,
                    words=f"{code_of(event.node)} {where(trace)} is in training mode inside",
                    fix="model(x, training=False)",
                )


@rule(
    "KS405",
    "random-when-serving",
    "fail",
    "are rows changed at random before they are predicted?",
    causes=("preprocess-unrepeatable",),
)
def random_rows(evidence: Evidence) -> Iterator[Hit]:
    """Rows of a request are augmented, or mixed with random numbers, before they are predicted.

    Why: The same request gives a different output each time.

    How: The rule follows tf.image.random_*, augmentation layers in training mode, ImageDataGenerator with
    augmentation, shuffled rows and random numbers to predict() of a model that was loaded, if they are
    mixed with what a user sent. Loops that repeat the same rows are not reported, nor are generators that
    start from noise, sampled text, and outputs that are averaged over several augmentations.

    To fix: Remove it, or average over several augmentations.

        outputs = model.predict(image)

    Sources: https://keras.io/api/layers/preprocessing_layers/image_augmentation/
    """
    for trace in evidence.traces:
        for event in serving_events(trace):
            if _is_repeated(event) or _is_averaged(trace, event):
                continue
            for mark in _random_marks(trace, event.data):
                if mark.site is not None:
                    yield Hit(
                        site=mark.site,
                        words=f"random numbers change the rows {where(trace)}: outputs differ",
                        fix="remove it, or average over several of them",
                    )


def _is_on(training: Value) -> bool:
    return training.is_const(True) or training.is_const(1)


def _is_sampled(trace: Trace, event: Event) -> bool:
    """Whether a model gets the same rows several times, and its outputs are kept together or summed up."""
    if _is_averaged(trace, event):
        return True
    return _is_repeated(event) and _is_among(event, trace.of("collect", "average"))


def _is_averaged(trace: Trace, event: Event) -> bool:
    """Whether a model gets the same rows several times, and its outputs are summed up."""
    return event.data.has("repeated") and _is_among(event, trace.of("average"))


def _is_among(event: Event, uses: Iterable[Event]) -> bool:
    """Whether the outputs of a call reach one of these uses."""
    marks = (mark for use in uses for mark in use.subject.marks)
    return any(mark.kind in ("called", "pred") and mark.site == event.site for mark in marks)


def _is_repeated(event: Event) -> bool:
    """Whether a loop around a call repeats the same rows: it goes neither over rows nor over models."""
    others = {mark.about for mark in (*event.data.of("rows-of"), *event.subject.of("loop"))}
    return any(kind not in _LIVE and loop not in others for loop, kind in event.place.loops)


def _random_marks(trace: Trace, value: Value) -> list[Mark]:
    """What was random in rows that were sent, or in a picture; a model may start from noise alone."""
    is_sent = value.has("request") and (trace.is_request or trace.kind == "function")
    if not (is_sent or value.has("image")):
        return []
    is_mixed = value.has("image") or value.has("numbers") or value.has("scaled")
    return value.of("augmented") + (value.of("random") if is_mixed else [])


RULES: tuple[Rule, ...] = (in_loop, under_tape, not_stated, in_training, random_rows)

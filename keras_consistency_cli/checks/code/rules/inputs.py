"""Rules about the rows that reach the model and the outputs that are read: ids, dtypes, axes, time steps."""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.code.engine.trace import Event
from keras_consistency_cli.checks.code.files import ModelFacts
from keras_consistency_cli.checks.code.library.keras_objects import RECURRENT
from keras_consistency_cli.checks.code.rule import (
    Evidence,
    Hit,
    Rule,
    code_of,
    rule,
    served_events,
    serving_events,
    where,
)

__all__ = ["RULES"]


@rule(
    "KS601",
    "salted-hash",
    "fail",
    "are ids of words made with hash(), which differs in each process?",
    causes=("preprocess-unrepeatable",),
)
def salted_hash(evidence: Evidence) -> Iterator[Hit]:
    """Texts become numbers with Python's hash(), and the model gets these numbers.

    Why: hash() of a text differs in each process. After a restart, every word has another id.

    How: The rule follows hash() of anything that is not a number to predict() of a model that was loaded.
    Keys of caches are not reported, nor are hashlib and zlib, nor objects whose class defines `__hash__`
    with one of these.

    To fix: Use a hash that never changes.

        identifier = zlib.crc32(word.encode()) % 1000

    Sources: https://docs.python.org/3/using/cmdline.html#envvar-PYTHONHASHSEED
    """
    for _, event in served_events(evidence):
        for mark in event.data.of("hash"):
            if mark.site is not None:
                yield Hit(
                    site=mark.site,
                    words="hash() of a text differs in each process, and the model gets the result",
                    fix="zlib.crc32(text.encode()), or a vocabulary that is saved with the model",
                )


@rule(
    "KS602",
    "float64-signature",
    "fail",
    "does an exported signature get float64 rows?",
)
def float64_signature(evidence: Evidence) -> Iterator[Hit]:
    """An exported model is called through a signature with an array of float64.

    Why: Keras casts its inputs, a signature does not: it refuses float64 where it was exported with
    float32.

    How: The rule follows np.array() of Python numbers, the results of scikit-learn, and astype(float) to
    a call of signatures[...] of tf.saved_model.load().

    To fix: State the dtype.

        outputs = infer(tf.constant(rows, dtype=tf.float32))

    Sources: https://www.tensorflow.org/guide/saved_model
    """
    for _, event in served_events(evidence, "signature"):
        if event.data.has("float64"):
            yield Hit(
                site=event.site,
                words=f"{code_of(event.node)} gets float64; the signature was exported with float32",
                fix="tf.constant(rows, dtype=tf.float32)",
            )


@rule(
    "KS603",
    "argmax-axis",
    "fail",
    "is the class searched along the wrong axis?",
)
def argmax_axis(evidence: Evidence) -> Iterator[Hit]:
    """The class is searched along the axis of the rows, over all rows at once, or in an output with one
    number.

    Why: The first axis of an output is the batch. argmax along it compares rows with each other, and of
    one row it is always 0. Without an axis, argmax of several rows is a position in all of them. Of one
    number it is always 0.

    How: The rule follows the output of predict() to argmax: with axis=0 while the batch is still the
    first axis, or without an axis if there are several rows: a table that is read, a list that a loop
    or a comprehension fills, what np.stack() and np.concatenate() make of it, and the batches that a server
    collects. What changes each number by itself, as tf.nn.softmax() does, changes no axis. The largest
    number of one column (outputs[:, 1]) is a question about rows, and not reported, nor is a position that
    takes the best of what was sent (moves[np.argmax(values)]), or that goes to np.unravel_index().
    With --model, the rule also reports argmax of an output of one number.

    To fix: Search along the last axis.

        classes = np.argmax(outputs, axis=-1)

    Sources: https://numpy.org/doc/stable/reference/generated/numpy.argmax.html
    """
    for trace in evidence.traces:
        served = {event.site: event for event in serving_events(trace)}
        ranked = {mark.site for event in trace.of("ranked") for mark in event.subject.of("position")}
        for event in trace.of("argmax"):
            values = event.subject
            for mark in (*values.of("pred"), *values.of("called")):
                prediction = served.get(mark.site) if mark.site else None
                reason = _wrong_axis(evidence.facts_for(prediction), event) if prediction else ""
                if reason and event.site not in ranked:
                    yield Hit(
                        site=event.site,
                        words=f"{code_of(event.node)} {reason}",
                        fix="np.argmax(outputs, axis=-1)",
                    )


def _wrong_axis(facts: ModelFacts | None, event: Event) -> str:
    values, axis = event.subject, event.data
    if values.has("averaged") or values.has("one-column"):
        return ""
    if values.rows in ("one", "many", "some") and axis.is_const(0):
        return "compares the rows of the batch with each other"
    if values.rows == "many" and (not axis.kind or axis.is_const(None)):
        return "is one position in all rows together"
    if facts is not None and facts.units == 1:
        return "is always 0: the model has one output"
    return ""


@rule(
    "KS604",
    "batch-axis",
    "fail",
    "is the axis of the batch missing?",
    causes=("wrong-rank",),
)
def batch_axis(evidence: Evidence) -> Iterator[Hit]:
    """One row or one picture reaches predict() without the axis of the batch.

    Why: The first axis of an input is the batch. Without it, Keras takes the height of the picture or the
    columns of the row for the batch, and refuses it, or predicts something else.

    How: The number of axes is known from img_to_array(), cv2, PIL, np.array([...]) of numbers, reshape,
    and the annotations of what a user sends (`a: float`, fields of a model of pydantic). A picture with
    three axes, or a row with one, is reported; with --model, any number that is not that of the model's
    input. Where a server collects the requests of several callers (serve.batch of Ray, batchable=True of
    BentoML, max_batch_size of LitServe), the function gets a batch of them.

    To fix: Add the axis.

        outputs = model.predict(np.expand_dims(image, axis=0))

    Sources: https://keras.io/api/models/model_training_apis/
    """
    for _, event in served_events(evidence, "predict", "call"):
        thing, data = event.subject.thing, event.data
        if thing is None or not thing.is_keras or data.rank is None or data.kind in ("tuple", "dict"):
            continue
        expected = _expected_rank(evidence, event)
        is_missing = data.rank == expected - 1 if expected else _lacks_batch(event)
        # A list of arrays is one array for each input.
        if is_missing and not data.rows and not (data.kind == "list" and data.rank > 1):
            what = "picture" if data.has("image") else "row"
            yield Hit(
                site=event.site,
                words=f"{code_of(event.node)} gets one {what} without a batch axis",
                fix="np.expand_dims(x, axis=0)",
            )


def _expected_rank(evidence: Evidence, event: Event) -> int:
    facts = evidence.facts_for(event)
    ranks = facts.input_ranks if facts is not None else ()
    return (ranks[0] or 0) if len(ranks) == 1 else 0


def _lacks_batch(event: Event) -> bool:
    data = event.data
    if data.has("image"):
        return data.rank == 3 and not data.rows and not data.has("gray")
    return data.rank == 1 and data.has("numbers")


@rule(
    "KS605",
    "one-time-step",
    "warn",
    "does a recurrent model get series of one time step?",
    causes=("wrong-length",),
)
def one_step(evidence: Evidence) -> Iterator[Hit]:
    """A recurrent model gets a series with a single time step, and forgets it after each call.

    Why: An LSTM starts from zeros in each call. With one step, it sees no past, and is an expensive Dense
    layer.

    How: Rows are reshaped to (rows, 1, columns) or get an axis of one time step (np.expand_dims(x, 1),
    x[:, None, :]), and the model has recurrent layers, by the code that builds it or by --model, is not
    stateful, and was built for longer series or for any length.

    To fix: Feed it the last steps, as many as in training.

        outputs = model.predict(window.reshape(1, STEPS, columns))

    Sources: https://keras.io/api/layers/recurrent_layers/lstm/
    """
    for trace, event in served_events(evidence, "predict", "call"):
        thing, facts = event.subject.thing, evidence.facts_for(event)
        built = thing.layers if thing is not None else set()
        is_recurrent = facts.is_recurrent if facts is not None else bool(built & RECURRENT)
        is_stateful = facts.is_stateful if facts is not None else "stateful" in built
        is_meant = facts.time_steps == 1 if facts is not None else "one-step" in built
        for mark in event.data.of("one-step"):
            if mark.site is not None and is_recurrent and not is_stateful and not is_meant:
                yield Hit(
                    site=mark.site,
                    words=f"the recurrent model gets one time step {where(trace)}",
                    fix="feed it as many time steps as in training",
                    severity="info" if facts is None else None,
                )


RULES: tuple[Rule, ...] = (salted_hash, float64_signature, argmax_axis, batch_axis, one_step)

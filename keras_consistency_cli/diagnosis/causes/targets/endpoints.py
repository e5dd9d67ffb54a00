"""Causes of services that do not answer with the outputs of the model.

KC911 to KC914 name them in `findings["cause"]`.
"""

from __future__ import annotations

from keras_consistency_cli.diagnosis.base import Cause

__all__ = ["ENDPOINT_CAUSES"]

_ANSWERS, _BATCHING, _CONCURRENCY, _INTERFACE = "KC911", "KC912", "KC913", "KC914"


def _cause(slug: str, sentence: str, explanation: str, advice: str, *explains: str) -> Cause:
    return Cause(
        slug=slug,
        sentence=sentence,
        explanation=explanation,
        key=explains,
        explains=explains,
        advice=advice,
    )


ENDPOINT_CAUSES: tuple[Cause, ...] = (
    _cause(
        "endpoint-refits-scaler",
        "the service fits the scaler again on the rows of each request",
        "fit_transform in a request handler scales rows by each other instead of by the training rows. A row "
        "alone becomes all zeros, and in a batch its answer depends on its neighbours.",
        "load the scaler of training in the service, and only call transform:\n"
        "    scaler = joblib.load('scaler.joblib')\n"
        "    model.predict(scaler.transform(rows))",
        _ANSWERS,
        _BATCHING,
    ),
    _cause(
        "endpoint-scales-twice",
        "the service scales rows that are scaled already",
        "The rows are scaled in two places: by the caller and by the service, or twice in the service. All "
        "values then lie near zero, and every answer looks plausible.",
        "scale in one place only: send raw rows, or remove the scaling from the service",
        _ANSWERS,
    ),
    _cause(
        "endpoint-does-not-scale",
        "the service does not scale: it expects rows that are scaled already",
        "The service passes the rows to the model as they come. Callers who send raw rows get answers to "
        "numbers that the model has never seen.",
        "apply the saved scaler in the service; or state that callers scale:\n"
        "    endpoints: [{{url: URL, rows: scaled}}]",
        _ANSWERS,
    ),
    _cause(
        "endpoint-columns-reordered",
        "the service puts the columns of the rows in a different order",
        "Columns that go through a dict, a data frame or a join can come out sorted by name. Every column "
        "has the right type, and the model takes one column for a different one.",
        "send and read columns in the order of training: frame[list(scaler.feature_names_in_)]",
        _ANSWERS,
    ),
    _cause(
        "endpoint-rounds-answers",
        "the service rounds its answers to few digits",
        "Some JSON writers print six digits. Two answers that differ become equal, and thresholds move.",
        "write all digits: json.dumps(outputs.tolist()) rounds nothing",
        _ANSWERS,
    ),
    _cause(
        "endpoint-answers-missing",
        "the service does not answer each row once",
        "The number of answers is not the number of rows, or elements are missing. A batcher that splits "
        "answers wrongly does this, and callers then read the answer of a different row.",
        "return one answer for each row: assert len(outputs) == len(rows)",
        _ANSWERS,
        _BATCHING,
        _CONCURRENCY,
        _INTERFACE,
    ),
    _cause(
        "endpoint-keeps-state",
        "the service keeps the state of a stateful layer between requests",
        "A stateful recurrent layer goes on from where the last request ended, whoever sent it. Requests of "
        "different customers continue each other's sequences.",
        "serve a copy of the model without stateful=True; or reset the layers before each request, with a "
        "lock so that no other request runs in between:\n"
        "    with lock:\n"
        "        for layer in model.layers:\n"
        "            if getattr(layer, 'stateful', False) and hasattr(layer, 'reset_state'):\n"
        "                layer.reset_state()\n"
        "        outputs = model.predict(rows)",
        _BATCHING,
        _ANSWERS,
    ),
    _cause(
        "endpoint-unrepeatable",
        "the service answers the same request differently each time",
        "The model repeats its outputs, the service does not. It may call the model with training=True, draw "
        "random numbers, keep something of earlier requests, or run in several copies that differ.",
        "call model.predict, or model(rows, training=False); give every copy of the service the same model",
        _BATCHING,
        _ANSWERS,
    ),
    _cause(
        "endpoint-answers-reordered",
        "the service gives its answers in a different order than the rows",
        "Each answer is right, and belongs to a different row of the request. Answers were sorted by score, "
        "or collected in the order in which parts of the work were finished.",
        "return the answers in the order of the rows:\n"
        "    parts = list(pool.map(model_of_part, rows))       # not as_completed",
        _ANSWERS,
        _BATCHING,
    ),
    _cause(
        "endpoint-stale-rows",
        "the service answers with what it kept of earlier requests",
        "A buffer that is made for the largest batch and not cleared still holds rows of the request before, "
        "or a cache takes two requests for the same. The answers are then those of other rows.",
        "use a new array for each request, and make all values of the rows the key of a cache:\n"
        "    rows = np.asarray(rows)\n"
        "    key = rows.tobytes()",
        _BATCHING,
        _ANSWERS,
    ),
    _cause(
        "endpoint-depends-on-request-size",
        "the service answers differently to a request of fewer or more rows",
        "Neighbours do not matter, their number does. The service computes small and large batches in "
        "different ways, for example in lower precision, or with a different model.",
        "compute all batches in the same way and in float32",
        _BATCHING,
        _ANSWERS,
    ),
    _cause(
        "endpoint-transforms-outputs",
        "the service answers with a function of the model's outputs",
        "A softmax or sigmoid was added or left out, outputs were brought back to the units of the targets, "
        "cut to a range, or put in a different order of columns. Code that expects the outputs of the model "
        "reads them wrongly.",
        "answer with the outputs of the model; or, if callers expect the function, end the model with it:\n"
        "    keras.Model(model.input, keras.layers.Softmax()(model.output))",
        _ANSWERS,
    ),
    _cause(
        "endpoint-rows-influence-each-other",
        "rows of one request influence each other's answers in the service",
        "The model computes each row from that row alone; the service does not. It may normalize over the "
        "request, or call the model with training=True.",
        "compute each row from that row alone, and call model(rows, training=False)",
        _BATCHING,
        _ANSWERS,
    ),
    _cause(
        "endpoint-mixes-requests",
        "the service mixes up requests that come at the same time",
        "Requests share a variable, a buffer or a batcher. While one request computes, the next one replaces "
        "its rows, and both get the same answer, or each gets the answer of the other.",
        "keep the rows of a request in local variables, or put a lock around them:\n"
        "    with lock:\n"
        "        outputs = model.predict(rows)",
        _CONCURRENCY,
    ),
    _cause(
        "endpoint-mixes-sequences",
        "requests of other sequences change the state of a sequence in the service",
        "The service goes on with a sequence from where the last request ended, also if that was one of a "
        "different sequence. One caller at a time gets right answers; with two, each continues the other.",
        "keep the states of the layers for each sequence, and put them back before its next request:\n"
        "    with lock:\n"
        "        for variable, value in zip(states, kept.get(number, initial)):\n"
        "            variable.assign(value)\n"
        "        outputs = model.predict(rows)\n"
        "        kept[number] = [variable.numpy() for variable in states]",
        _CONCURRENCY,
    ),
    _cause(
        "endpoint-loses-state",
        "the service does not carry the state from one request of a sequence to the next",
        "The number of the sequence has no effect: the layers are reset before each request, or each request "
        "is answered by a copy of the model that has not seen the ones before.",
        "keep the states of the layers for each sequence, and put them back before its next request; send "
        "all requests of a sequence to the same process",
        _CONCURRENCY,
    ),
    _cause(
        "endpoint-accepts-wrong-rows",
        "the service answers rows of a wrong shape or type",
        "The service cuts, pads or converts what it gets instead of refusing it. A caller that leaves out a "
        "column never learns of it.",
        "check the rows in the service, and answer with status 422: rows.shape[1:] == model.input_shape[1:]",
        _INTERFACE,
    ),
    _cause(
        "endpoint-wrong-row-fails-batch",
        "a wrong row makes the requests of others fail in the service",
        "The server puts rows of several requests into one batch before it checks them. Rows of different "
        "widths make no batch, and every request in it gets an error, the right ones too.",
        "check the rows before they are put into a batch, in front of the server or in its first step; or "
        "switch the batcher off (MLServer: max_batch_size 0)",
        _INTERFACE,
    ),
)

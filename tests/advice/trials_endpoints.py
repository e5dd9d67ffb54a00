"""Advice of causes in services: it is applied to the code of a service with the fault."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import joblib
import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import layers
from sklearn.preprocessing import StandardScaler

from tests.helpers.planted_services import COLUMNS, RAW, SCALER, SERVICES, Predict, predict
from tests.helpers.recurrent import FEATURES, STEPS, make_recurrent
from tests.helpers.sequence_services import SEQUENCE_SERVICES, SequenceAnswers, SequenceStub
from tests.helpers.stub_services import Answers, Stub, refuse_wrong_rows

__all__ = ["TRIALS", "ServiceTrial"]

_NAMES = ("weight", "height", "age", "dose", "bmi")
_FEW = RAW[:12]


@dataclass(frozen=True, kw_only=True)
class ServiceTrial:
    """One sentence of an advice, applied to one service.

    Args:
        slug: the cause that the advice is for.
        tries: the part of the advice that is tried.
        faulty: returns the service with the fault.
        fixed: returns the same service after the advice; kcheck must then find nothing.
        asked: how kcheck asks it.
        asked_fixed: what the advice changes of that, if it is about callers.
        predict: the outputs of the model.
        predict_fixed: those of a model that the advice changes.
        checks_rows: whether the service refuses rows of a wrong width by itself.
        stub: runs it.
    """

    slug: str
    tries: str
    faulty: Callable[[], Answers | SequenceAnswers]
    fixed: Callable[[], Answers | SequenceAnswers]
    asked: Mapping[str, Any] = field(default_factory=dict)
    asked_fixed: Mapping[str, Any] = field(default_factory=dict)
    predict: Predict = predict
    predict_fixed: Predict | None = None
    checks_rows: bool = True
    stub: Callable[..., Stub] = Stub


def _scaling(rows: np.ndarray) -> np.ndarray:
    return predict(SCALER.transform(rows))


def _with_saved_scaler() -> Answers:
    file = io.BytesIO()
    joblib.dump(SCALER, file)
    file.seek(0)
    scaler = joblib.load(file)
    return lambda rows: predict(scaler.transform(rows))


def _from_table(columns: list[str]) -> Answers:
    """A service that makes a data frame of what callers send, in the order in which they send it."""
    scaler = StandardScaler().fit(
        pd.DataFrame(SCALER.mean_ + SCALER.scale_ * [[-1.0], [1.0]], columns=_NAMES)
    )

    def answer(rows: np.ndarray) -> np.ndarray:
        frame = pd.DataFrame(rows, columns=list(_NAMES))
        chosen = frame[columns or list(scaler.feature_names_in_)]
        return predict(scaler.transform(chosen.set_axis(list(_NAMES), axis=1)))

    return answer


def _all_digits(rows: np.ndarray) -> Any:
    return json.loads(json.dumps(_scaling(rows).tolist()))


@cache
def _stateful() -> tuple[Any, Any]:
    """A stateful model, and its compiled call."""
    keras.utils.set_random_seed(0)
    parts = [keras.Input(batch_shape=(1, 1, COLUMNS)), layers.GRU(4, stateful=True), layers.Dense(2)]
    model = keras.Sequential(parts)
    return model, tf.function(lambda row: model(row, training=False))


_lock = threading.Lock()


def _with_reset(row: np.ndarray) -> np.ndarray:
    model, call = _stateful()
    with _lock:
        for layer in model.layers:
            if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
                layer.reset_state()
        return np.asarray(call(row[None, None]).numpy())


def _without_reset(row: np.ndarray) -> np.ndarray:
    with _lock:
        return np.asarray(_stateful()[1](row[None, None]).numpy())


def _row_by_row(call: Callable[[np.ndarray], np.ndarray]) -> Predict:
    return lambda scaled: np.concatenate([call(row) for row in scaled.astype("float32")])


@cache
def _compiled(model: Any, training: bool = False) -> Predict:
    call = tf.function(lambda rows: model(rows, training=training), reduce_retracing=True)
    return lambda rows: np.asarray(call(rows.astype("float32")))


def _predicted(make: Callable[[], Any]) -> Predict:
    return lambda rows: _compiled(make())(rows)


def _called(model: Any, training: bool) -> Answers:
    return SERVICES["healthy"](_compiled(model, training))


@cache
def _stateless() -> Predict:
    """A copy of the stateful model without states: it gives many rows at once the outputs after a reset."""
    copy = keras.Sequential([keras.Input((1, COLUMNS)), layers.GRU(4), layers.Dense(2)])
    copy.set_weights([np.asarray(each) for each in _stateful()[0].weights])
    call = _compiled(copy)
    return lambda rows: call(rows[:, None])


def _stateless_copy() -> Answers:
    return SERVICES["healthy"](_stateless())


@cache
def _dropping() -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((COLUMNS,)), layers.Dropout(0.2), layers.Dense(2)])


@cache
def _normalizing() -> Any:
    keras.utils.set_random_seed(0)
    statistics = layers.BatchNormalization()
    model = keras.Sequential([keras.Input((COLUMNS,)), statistics, layers.Dense(2)])
    statistics.moving_mean.assign(np.linspace(-1, 1, COLUMNS))
    return model


def _padded(rows: np.ndarray) -> np.ndarray:
    full = np.zeros((len(rows), COLUMNS))
    full[:, : rows.shape[1]] = rows[:, :COLUMNS]
    return _scaling(full)


def _by_parts(rows: np.ndarray, *, in_order: bool) -> np.ndarray:
    """Compute parts of a request at the same time; the first ones end last."""
    parts = np.array_split(rows, min(len(rows), 4))
    ended = [threading.Event() for _ in parts]
    finished: list[tuple[int, np.ndarray]] = []

    def compute(place: int) -> None:
        if place + 1 < len(parts):
            ended[place + 1].wait()
        finished.append((place, _scaling(parts[place])))
        ended[place].set()

    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(compute, range(len(parts))))
    listed = sorted(finished, key=lambda each: each[0]) if in_order else finished
    return np.concatenate([answers for _, answers in listed])


def _service(answers: Answers) -> Callable[[], Answers]:
    return lambda: answers


def _planted(name: str, model: Predict = predict) -> Callable[[], Answers]:
    """A service of tests/helpers/planted_services.py around a model."""
    return lambda: SERVICES[name](model)


def _sequence_trial(slug: str, tries: str, faulty: str) -> ServiceTrial:
    """A service that continues sequences of requests."""
    return ServiceTrial(
        slug=slug,
        tries=tries,
        faulty=lambda: SEQUENCE_SERVICES[faulty],
        fixed=lambda: SEQUENCE_SERVICES["state by sequence"],
        asked={
            "template": {"session": "SEQUENCE", "instances": "ROWS"},
            "data": np.random.default_rng(3).normal(size=(24, STEPS, FEATURES)).astype("float32"),
            "scales": False,
            "stateful": True,
            "from_reset": make_recurrent(resets=True),
        },
        predict=lambda rows: make_recurrent(resets=False)(rows),
        checks_rows=False,
        stub=SequenceStub,
    )


TRIALS: tuple[ServiceTrial, ...] = (
    ServiceTrial(
        slug="endpoint-refits-scaler",
        tries="load the scaler of training in the service, and only call transform",
        faulty=_planted("fit_transform per request"),
        fixed=_with_saved_scaler,
    ),
    ServiceTrial(
        slug="endpoint-scales-twice",
        tries="remove the scaling from the service",
        faulty=_planted("scaled twice"),
        fixed=_planted("healthy"),
    ),
    ServiceTrial(
        slug="endpoint-scales-twice",
        tries="send raw rows",
        faulty=_planted("healthy"),
        fixed=_planted("healthy"),
        asked={"rows": "scaled"},
        asked_fixed={"rows": "raw"},
    ),
    ServiceTrial(
        slug="endpoint-does-not-scale",
        tries="apply the saved scaler in the service",
        faulty=_planted("no scaling"),
        fixed=_with_saved_scaler,
    ),
    ServiceTrial(
        slug="endpoint-does-not-scale",
        tries="state that callers scale",
        faulty=_planted("no scaling"),
        fixed=_planted("no scaling"),
        asked_fixed={"rows": "scaled"},
    ),
    ServiceTrial(
        slug="endpoint-columns-reordered",
        tries="frame[list(scaler.feature_names_in_)]",
        faulty=lambda: _from_table(["age", "height", "weight", "dose", "bmi"]),
        fixed=lambda: _from_table([]),
    ),
    ServiceTrial(
        slug="endpoint-rounds-answers",
        tries="write all digits",
        faulty=_planted("six digits"),
        fixed=_service(_all_digits),
    ),
    ServiceTrial(
        slug="endpoint-answers-missing",
        tries="return one answer for each row",
        faulty=_planted("one answer missing"),
        fixed=_planted("healthy"),
    ),
    ServiceTrial(
        slug="endpoint-keeps-state",
        tries="reset the layers before each request, with a lock",
        faulty=_planted("healthy", _row_by_row(_without_reset)),
        fixed=_planted("healthy", _row_by_row(_with_reset)),
        asked={"data": _FEW, "stateful": True},
        predict=lambda rows: _stateless()(rows),
    ),
    ServiceTrial(
        slug="endpoint-keeps-state",
        tries="serve a copy of the model without stateful=True",
        faulty=_planted("healthy", _row_by_row(_without_reset)),
        fixed=_stateless_copy,
        asked={"data": _FEW, "stateful": True},
        predict=lambda rows: _stateless()(rows),
    ),
    ServiceTrial(
        slug="endpoint-unrepeatable",
        tries="model(rows, training=False)",
        faulty=lambda: _called(_dropping(), training=True),
        fixed=lambda: _called(_dropping(), training=False),
        predict=_predicted(_dropping),
    ),
    ServiceTrial(
        slug="endpoint-rows-influence-each-other",
        tries="compute each row from that row alone, and call model(rows, training=False)",
        faulty=lambda: _called(keras.models.clone_model(_normalizing()), training=True),
        fixed=lambda: _called(_normalizing(), training=False),
        predict=_predicted(_normalizing),
    ),
    ServiceTrial(
        slug="endpoint-stale-rows",
        tries="use a new array for each request",
        faulty=_planted("stale rows after a large batch"),
        fixed=_service(lambda rows: _scaling(np.asarray(rows))),
    ),
    ServiceTrial(
        slug="endpoint-stale-rows",
        tries="make all values of the rows the key of a cache",
        faulty=_planted("a cache by length"),
        fixed=_planted("a cache by content"),
    ),
    ServiceTrial(
        slug="endpoint-answers-reordered",
        tries="return the answers in the order of the rows",
        faulty=_service(lambda rows: _by_parts(rows, in_order=False)),
        fixed=_service(lambda rows: _by_parts(rows, in_order=True)),
    ),
    ServiceTrial(
        slug="endpoint-depends-on-request-size",
        tries="compute all batches in the same way and in float32",
        faulty=_planted("float16 for many rows"),
        fixed=_planted("healthy"),
    ),
    ServiceTrial(
        slug="endpoint-transforms-outputs",
        tries="answer with the outputs of the model",
        faulty=_planted("softmax added"),
        fixed=_planted("healthy"),
    ),
    ServiceTrial(
        slug="endpoint-transforms-outputs",
        tries="if callers expect the function, end the model with it",
        faulty=_planted("softmax added"),
        fixed=_planted("softmax added"),
        predict_fixed=lambda scaled: SERVICES["softmax added"](lambda _: predict(scaled))(scaled),
    ),
    ServiceTrial(
        slug="endpoint-mixes-requests",
        tries="keep the rows of a request in local variables",
        faulty=_planted("a race"),
        fixed=_planted("healthy"),
    ),
    ServiceTrial(
        slug="endpoint-mixes-requests",
        tries="put a lock around them",
        faulty=_planted("a race"),
        fixed=_planted("healthy with a lock"),
    ),
    _sequence_trial(
        "endpoint-mixes-sequences",
        "keep the states of the layers for each sequence",
        "state of few sequences",
    ),
    _sequence_trial(
        "endpoint-mixes-sequences", "put them back before its next request", "state of the last sequence"
    ),
    _sequence_trial("endpoint-loses-state", "keep the states of the layers for each sequence", "no state"),
    _sequence_trial(
        "endpoint-loses-state", "send all requests of a sequence to the same process", "state in copies"
    ),
    ServiceTrial(
        slug="endpoint-accepts-wrong-rows",
        tries="check the rows in the service, and answer with status 422",
        faulty=_service(_padded),
        fixed=_service(refuse_wrong_rows(_scaling, COLUMNS)),
        checks_rows=False,
    ),
    ServiceTrial(
        slug="endpoint-wrong-row-fails-batch",
        tries="check the rows before they are put into a batch",
        faulty=_planted("a batcher"),
        fixed=_service(refuse_wrong_rows(SERVICES["a batcher"](predict), COLUMNS)),
        checks_rows=False,
    ),
    ServiceTrial(
        slug="endpoint-wrong-row-fails-batch",
        tries="switch the batcher off",
        faulty=_planted("a batcher"),
        fixed=_planted("healthy"),
        checks_rows=False,
    ),
)

"""A small model in NumPy, and services around it with one planted fault each."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future

import numpy as np
from sklearn.preprocessing import StandardScaler

from tests.helpers.stub_services import Answers

__all__ = ["CODES", "COLUMNS", "EXPECTED", "RAW", "SCALER", "SERVICES", "WEIGHTS", "Predict", "predict"]

CODES = ("KC911", "KC912", "KC913", "KC914")
COLUMNS = 5
RAW = np.random.default_rng(0).normal([10, 200, -5, 0.3, 40], [2, 50, 1, 0.1, 9], size=(96, COLUMNS))
SCALER = StandardScaler().fit(
    np.random.default_rng(1).normal([9, 180, -5, 0.2, 41], [2, 60, 1, 0.1, 9], (300, 5))
)


_random = np.random.default_rng(2)
WEIGHTS = [_random.normal(size=shape).astype("float32") for shape in ((COLUMNS, 8), (8,), (8, 2), (2,))]


def predict(rows: np.ndarray) -> np.ndarray:
    """The outputs of the model for scaled rows, in float32."""
    first, first_bias, second, second_bias = WEIGHTS
    hidden = np.tanh(rows.astype("float32") @ first + first_bias)
    return np.asarray(hidden @ second + second_bias, "float32")


Predict = Callable[[np.ndarray], np.ndarray]


def _shared_buffer(predict: Predict) -> Answers:
    """All requests put their rows in one place, and read them back a little later."""
    shared: dict[str, np.ndarray] = {}

    def answer(rows: np.ndarray) -> np.ndarray:
        shared["rows"] = SCALER.transform(rows)
        time.sleep(0.03)
        outputs = predict(shared["rows"])
        return outputs if len(outputs) == len(rows) else np.resize(outputs, (len(rows), outputs.shape[1]))

    return answer


def _locked_buffer(predict: Predict) -> Answers:
    """The healthy twin: the same buffer, with a lock around it."""
    lock = threading.Lock()
    shared: dict[str, np.ndarray] = {}

    def answer(rows: np.ndarray) -> np.ndarray:
        with lock:
            shared["rows"] = SCALER.transform(rows)
            time.sleep(0.002)
            return predict(shared["rows"])

    return answer


def _stale_buffer(predict: Predict) -> Answers:
    """A buffer of the largest batch; after one, a smaller request is read from its end."""
    state = {"largest": 0, "stale": False}
    kept: dict[str, np.ndarray] = {}

    def answer(rows: np.ndarray) -> np.ndarray:
        scaled = SCALER.transform(rows)
        if len(rows) > 32:
            kept["rows"] = scaled
            state["stale"] = True
        elif state["stale"] and len(rows) < 8:
            state["stale"] = False
            return predict(kept["rows"][: len(rows)])
        return predict(scaled)

    return answer


def _batcher(predict: Predict) -> Answers:
    """Requests that come at the same time are one batch, and all of them fail if their rows have no batch."""
    waiting: list[tuple[np.ndarray, Future[np.ndarray]]] = []
    lock = threading.Lock()

    def answer(rows: np.ndarray) -> np.ndarray:
        own: Future[np.ndarray] = Future()
        with lock:
            waiting.append((rows, own))
            is_first = len(waiting) == 1
        if is_first:
            time.sleep(0.05)
            with lock:
                batch = waiting[:]
                waiting.clear()
            _run_batch(predict, batch)
        return own.result(10)

    return answer


def _run_batch(predict: Predict, batch: list[tuple[np.ndarray, Future[np.ndarray]]]) -> None:
    try:
        outputs = predict(SCALER.transform(np.concatenate([rows for rows, _ in batch])))
    except ValueError as error:
        for _, future in batch:
            future.set_exception(error)
        return
    ends = np.cumsum([len(rows) for rows, _ in batch])
    for (_, future), part in zip(batch, np.split(outputs, ends[:-1]), strict=True):
        future.set_result(part)


def _drifting(predict: Predict) -> Answers:
    calls = iter(range(10**6))
    return lambda rows: predict(SCALER.transform(rows)) + np.float32(0.01 * next(calls))


def _minus_mean(outputs: np.ndarray) -> np.ndarray:
    return outputs - np.float32(0.01) * outputs.mean(axis=0)


def _in_turns(answers: Answers) -> Answers:
    """Two copies of the service, one of which runs a different model."""
    turns = itertools.cycle((1.0, 0.9))
    return lambda rows: answers(rows) * np.float32(next(turns))


def _sorted(outputs: np.ndarray) -> np.ndarray:
    return outputs[np.argsort(-outputs[:, 0])]


def _kept_by_length(predict: Predict) -> Answers:
    kept: dict[int, np.ndarray] = {}
    return lambda rows: kept.setdefault(len(rows), predict(SCALER.transform(rows)))


def _kept_by_content(predict: Predict) -> Answers:
    """The healthy twin of the cache by length."""
    kept: dict[bytes, np.ndarray] = {}
    return lambda rows: kept.setdefault(rows.tobytes(), predict(SCALER.transform(rows)))


def _rounded_if_many(outputs: np.ndarray) -> np.ndarray:
    return outputs.astype("float16").astype("float32") if len(outputs) > 4 else outputs


def _in_percent(outputs: np.ndarray) -> np.ndarray:
    """Percentages, whose rounding depends on the size of the batch."""
    return np.asarray(outputs * np.float32(100) + np.float32(1e-5) * (len(outputs) % 3), "float32")


def _softmax(outputs: np.ndarray) -> np.ndarray:
    powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), "float32")


SERVICES: Mapping[str, Callable[[Predict], Answers]] = {
    "healthy": lambda predict: lambda rows: predict(SCALER.transform(rows)),
    "healthy with a lock": _locked_buffer,
    "seven digits": lambda predict: (
        lambda rows: [[float(f"{value:.8g}") for value in row] for row in predict(SCALER.transform(rows))]
    ),
    "no scaling": lambda predict: predict,
    "scaled twice": lambda predict: lambda rows: predict(SCALER.transform(SCALER.transform(rows))),
    "fit_transform per request": lambda predict: lambda rows: predict(StandardScaler().fit_transform(rows)),
    "columns reordered": lambda predict: lambda rows: predict(SCALER.transform(rows[:, [4, 1, 2, 3, 0]])),
    "six digits": lambda predict: (
        lambda rows: [[float(f"{value:.6g}") for value in row] for row in predict(SCALER.transform(rows))]
    ),
    "four decimals": lambda predict: lambda rows: predict(SCALER.transform(rows)).astype("float64").round(4),
    "a race": _shared_buffer,
    "a batcher": _batcher,
    "stale rows after a large batch": _stale_buffer,
    "a different model": lambda predict: lambda rows: predict(SCALER.transform(rows)) ** 2,
    "rows minus their mean": lambda predict: lambda rows: _minus_mean(predict(SCALER.transform(rows))),
    "drifts": _drifting,
    "copies that differ": lambda predict: _in_turns(lambda rows: predict(SCALER.transform(rows))),
    "sorted by score": lambda predict: lambda rows: _sorted(predict(SCALER.transform(rows))),
    "a cache by length": _kept_by_length,
    "a cache by content": _kept_by_content,
    "float16 for many rows": lambda predict: lambda rows: _rounded_if_many(predict(SCALER.transform(rows))),
    "softmax added": lambda predict: lambda rows: _softmax(predict(SCALER.transform(rows))),
    "units of the target": lambda predict: lambda rows: predict(SCALER.transform(rows)) * 37.5 + 210,
    "columns of answers exchanged": lambda predict: lambda rows: predict(SCALER.transform(rows))[:, ::-1],
    "labels next to scores": lambda predict: (
        lambda rows: [{"score": row.tolist(), "label": "a"} for row in predict(SCALER.transform(rows))]
    ),
    "class numbers": lambda predict: lambda rows: predict(SCALER.transform(rows)).argmax(axis=-1),
    "one answer missing": lambda predict: lambda rows: predict(SCALER.transform(rows))[1:],
    "one decimal": lambda predict: lambda rows: predict(SCALER.transform(rows)).astype("float64").round(1),
    "answers in float16": lambda predict: lambda rows: predict(SCALER.transform(rows)).astype("float16"),
    "percentages": lambda predict: lambda rows: _in_percent(predict(SCALER.transform(rows))),
}
"""By fault: from the model in NumPy to the answers of a service."""

EXPECTED: Mapping[str, Mapping[str, tuple[str, str | None]]] = {
    "healthy": {},
    "healthy with a lock": {},
    "seven digits": {},
    "no scaling": {"KC911": ("warn", "endpoint-does-not-scale")},
    "scaled twice": {"KC911": ("fail", "endpoint-scales-twice")},
    "fit_transform per request": {
        "KC911": ("fail", "endpoint-refits-scaler"),
        "KC912": ("fail", "endpoint-refits-scaler"),
        "KC913": ("skip", None),
    },
    "columns reordered": {"KC911": ("fail", "endpoint-columns-reordered")},
    "six digits": {"KC911": ("warn", "endpoint-rounds-answers")},
    "four decimals": {"KC911": ("warn", "endpoint-rounds-answers")},
    "a batcher": {},
    "a race": {"KC913": ("fail", "endpoint-mixes-requests")},
    "stale rows after a large batch": {"KC912": ("fail", "endpoint-stale-rows")},
    "a different model": {"KC911": ("fail", None)},
    "rows minus their mean": {
        "KC911": ("fail", None),
        "KC912": ("fail", "endpoint-rows-influence-each-other"),
        "KC913": ("skip", None),
    },
    "drifts": {
        "KC911": ("fail", None),
        "KC912": ("fail", "endpoint-unrepeatable"),
        "KC913": ("skip", None),
    },
    "copies that differ": {
        "KC911": ("fail", None),
        "KC912": ("fail", "endpoint-unrepeatable"),
        "KC913": ("skip", None),
    },
    "sorted by score": {
        "KC911": ("fail", "endpoint-answers-reordered"),
        "KC912": ("fail", "endpoint-answers-reordered"),
        "KC913": ("skip", None),
    },
    "a cache by length": {
        "KC911": ("fail", "endpoint-stale-rows"),
        "KC912": ("fail", "endpoint-stale-rows"),
        "KC913": ("skip", None),
    },
    "a cache by content": {},
    "float16 for many rows": {
        "KC911": ("fail", None),
        "KC912": ("fail", "endpoint-depends-on-request-size"),
        "KC913": ("skip", None),
    },
    "softmax added": {"KC911": ("fail", "endpoint-transforms-outputs")},
    "units of the target": {"KC911": ("fail", "endpoint-transforms-outputs")},
    "columns of answers exchanged": {"KC911": ("fail", "endpoint-transforms-outputs")},
    "labels next to scores": {},
    "class numbers": dict.fromkeys(CODES, ("fail", None)),
    "one answer missing": dict.fromkeys(CODES, ("fail", "endpoint-answers-missing")),
    "one decimal": {"KC911": ("fail", "endpoint-rounds-answers")},
    "answers in float16": {"KC911": ("fail", "endpoint-rounds-answers")},
    "percentages": {"KC911": ("fail", "endpoint-transforms-outputs")},
}
"""By fault: what is not a pass, by code, with the cause."""

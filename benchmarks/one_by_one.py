"""Speed of kcheck's route for one row at a time.

For a small model it is compared with the loop that users write, and for image networks, where kernels take
most of the time, with the same graph called on a batch of 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from benchmarks.measure import Figure, Pairs, duration, interleave, say, timed
from benchmarks.models import mlp, mlp_rows
from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.routes.session.session import RunOptions
from keras_consistency_cli.routes.session.tensorflow import TensorFlowSession

__all__ = ["measure"]

_ROWS = 1000
_T = TypeVar("_T")


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures of the MLP and of two image networks.

    Fails if the outputs of the route and of predict differ in any bit.
    """
    rounds = 3 if quick else 5
    figures = _small(loop_rows=5 if quick else 40, rounds=rounds)
    figures.append(
        _image("MobileNetV2", keras.applications.MobileNetV2, rows=4 if quick else 8, rounds=rounds)
    )
    if not quick:
        figures.append(_image("ResNet50", keras.applications.ResNet50, rows=4, rounds=rounds))
    return figures


def _small(*, loop_rows: int, rounds: int) -> list[Figure]:
    """Measure the MLP; the loop runs over few rows per round and its time is scaled, because it is slow."""
    say(f"one_by_one: MLP, {rounds} rounds")
    model, x = mlp(), mlp_rows(_ROWS)
    session, rows = _session(model, x)
    cold, outputs = _with_time(lambda: session.one_by_one(rows))
    model.predict(x[:1], verbose=0)  # tracing must not count for the loop
    places = itertools.cycle(range(_ROWS))
    looped: dict[int, np.ndarray] = {}

    def loop() -> float:
        chosen = [next(places) for _ in range(loop_rows)]
        seconds, predicted = _with_time(
            lambda: [model.predict(x[place][None], verbose=0) for place in chosen]
        )
        looped.update(zip(chosen, predicted, strict=True))
        return seconds * _ROWS / loop_rows

    pairs = interleave(lambda: timed(lambda: session.one_by_one(rows)), loop, rounds)
    _assert_same_bits(outputs, np.concatenate(list(looped.values())), list(looped))
    _assert_same_bits(outputs, model.predict(x, batch_size=1, verbose=0), range(_ROWS))
    return [
        _against_loop("warm", pairs, len(looped)),
        _against_loop("with tracing", Pairs(mine=(cold,), theirs=pairs.medians[1:]), len(looped)),
    ]


def _against_loop(state: str, pairs: Pairs, looped: int) -> Figure:
    mine, theirs = pairs.medians
    return Figure(
        what=f"one row at a time, MLP 10-64-1, {_ROWS} rows, {state}, "
        "against `[model.predict(x[None]) for x in X]` "
        f"(timed on {looped} rows and scaled; same bits)",
        measured=duration(mine),
        against=duration(theirs),
        ratio=f"{theirs / mine:.0f} × faster",
        goal="≥ 300 × faster" if state == "warm" else "",
    )


def _image(name: str, build: Callable[..., Any], *, rows: int, rounds: int) -> Figure:
    say(f"one_by_one: {name}, {rows} rows, {rounds} rounds")
    keras.utils.set_random_seed(0)
    model = build(weights=None, input_shape=(224, 224, 3))
    x = np.random.default_rng(0).uniform(-1, 1, (rows, 224, 224, 3)).astype("float32")
    session, packed = _session(model, x)
    kernel = tf.function(lambda image: model(image, training=False)).get_concrete_function(
        tf.TensorSpec((1, 224, 224, 3))
    )
    singles = [tf.constant(image[None]) for image in x]
    cold, outputs = _with_time(lambda: session.one_by_one(packed))
    _assert_same_bits(outputs, model.predict(x, batch_size=1, verbose=0), range(rows))
    kernel(singles[0])
    pairs = interleave(
        lambda: timed(lambda: session.one_by_one(packed)) / rows,
        lambda: timed(lambda: [kernel(image).numpy() for image in singles]) / rows,
        rounds,
    )
    mine, theirs = pairs.medians
    return Figure(
        what=(
            f"one row at a time, {name} at 224², {rows} rows, a row; against the same graph's batch-1 call "
            f"(tracing once: {duration(cold)})"
        ),
        measured=duration(mine),
        against=duration(theirs),
        ratio=pairs.spread(),
        goal="≤ 1.3 ×",
    )


def _session(model: Any, x: np.ndarray) -> tuple[TensorFlowSession, Mapping[str, np.ndarray]]:
    facts = describe_model(model)
    return TensorFlowSession(model, facts, RunOptions()), {facts.inputs[0].name: x}


def _with_time(run: Callable[[], _T]) -> tuple[float, _T]:
    kept: list[_T] = []
    return timed(lambda: kept.append(run())), kept[0]


def _assert_same_bits(outputs: Mapping[str, np.ndarray], expected: np.ndarray, places: Any) -> None:
    (mine,) = outputs.values()
    assert mine[list(places)].tobytes() == expected.tobytes(), (
        "outputs of one row at a time are not bit-identical to those of predict"
    )

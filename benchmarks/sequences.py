"""Cost of the routes that only the checks of sequences need, on a stack of GRUs.

It is compared with ten forward passes of the same model over the same rows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.measure import Figure, Pairs, duration, interleave, say, timed
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.session.session import RunOptions
from keras_consistency_cli.routes.session.tensorflow import TensorFlowSession

__all__ = ["measure"]

_ROWS, _STEPS, _FEATURES, _UNITS = 256, 200, 16, 128
_PASSES = 10


def measure(*, quick: bool) -> list[Figure]:
    """Return the figure of two layers of GRU(128), tracing included; fails if a route fails.

    The second layer has an output for each time step.
    """
    rounds = 2 if quick else 5
    say(f"sequences: 2 × GRU({_UNITS}) on ({_STEPS}, {_FEATURES}), {_ROWS} rows, {rounds} rounds")
    model, x = (
        _build_stack(),
        np.random.default_rng(0).normal(size=(_ROWS, _STEPS, _FEATURES)).astype("float32"),
    )
    model.predict(x, verbose=0)  # only the routes are measured with tracing
    chosen = _own_routes(model)
    pairs = interleave(
        lambda: _time_routes(model, {model.inputs[0].name: x}, chosen),
        lambda: timed(lambda: _forward(model, x)),
        rounds,
    )
    return [_figure(pairs, chosen)]


def _build_stack() -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((_STEPS, _FEATURES)),
            layers.GRU(_UNITS, return_sequences=True),
            layers.GRU(_UNITS, return_sequences=True),
            layers.Dense(1),
        ]
    )


def _own_routes(model: Any) -> tuple[Route, ...]:
    """Return the routes that only the checks of sequences need and that can run on this model."""
    needed: dict[bool, set[str]] = {True: set(), False: set()}
    for check in CHECKS:
        names = {
            *check.routes,
            *(route for pair in check.pairs for route in (pair.candidate, pair.reference)),
        }
        needed[check.code.startswith("KC5")] |= names
    facts = describe_model(model)
    return tuple(
        route
        for route in routes()
        if route.name in needed[True] - needed[False] and route.unavailable(facts) is None
    )


def _time_routes(model: Any, rows: Mapping[str, np.ndarray], chosen: tuple[Route, ...]) -> float:
    """Return the seconds of these routes in a new session without traces, as in a new process."""
    session = TensorFlowSession(model, describe_model(model), RunOptions())
    files: Any = SimpleNamespace(scales=False, allow_unsafe=False)
    session.subject = SimpleNamespace(files=files, custom_objects={}, lengths=lambda _numbers: None)  # type: ignore[assignment]
    start = time.perf_counter()
    for route in chosen:
        session.restore()
        route.run(session, rows)
    seconds = time.perf_counter() - start
    session.restore()
    session.forget_traces()
    model.predict(rows[model.inputs[0].name][:32], verbose=0)
    return seconds


def _forward(model: Any, x: np.ndarray) -> None:
    for _ in range(_PASSES):
        model.predict(x, verbose=0)


def _figure(pairs: Pairs, chosen: tuple[Route, ...]) -> Figure:
    mine, theirs = pairs.medians
    names = ", ".join(route.name for route in chosen)
    what = (
        f"routes of KC501–KC504 ({names}), 2 × GRU({_UNITS}) on ({_STEPS}, {_FEATURES}), {_ROWS} rows, with "
        "tracing; against ten predicts"
    )
    return Figure(
        what=what,
        measured=duration(mine),
        against=duration(theirs),
        ratio=pairs.spread(),
        goal="≤ 3 × and tracing",
    )

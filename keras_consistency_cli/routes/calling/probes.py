"""Routes that measure rather than answer: gradients through the model, and what a call costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_consistency_cli.loading.rows.source import find_nonfinite_rows
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import batches, count, first
from keras_consistency_cli.routes.trace import Result, Rows
from keras_consistency_cli.text import clean

__all__ = ["PROBE_ROUTES", "ROWS_ROUTE"]

_GRADIENT_ROWS = 4
_TIMED_CALLS = 2


def _rows(session: Any, rows: Rows) -> Result:
    """Which rows hold NaN or infinity, by input, as the model is given them; nothing is run.

    And how many whole numbers do not survive the cast to a float input: float32 has none above 2^24 without gaps.
    """
    floats = {fact.name for fact in session.facts.inputs if fact.dtype == "float32"}
    whole = {name: values for name, values in rows.items() if name in floats and values.dtype.kind in "iu"}
    lost = {
        name: int((values.astype(np.float32).astype(np.float64) != values).sum())
        for name, values in whole.items()
    }
    return Result(
        outputs=find_nonfinite_rows(rows),
        details={"lost_in_cast": {name: count for name, count in lost.items() if count}},
    )


def _given_rows(session: Any, rows: Rows) -> Result:
    """The rows themselves as the user gave them, and as the model gets them for a baseline; nothing is run."""
    subject = session.subject
    return Result(
        outputs=subject.raw(session.numbers) if subject is not None else dict(rows), baseline=dict(rows)
    )


def _gradients(session: Any, rows: Rows) -> Result:
    """The gradient of each float output with respect to each float input, by name: its greatest absolute value, None where disconnected.

    Outputs are weighted with seeded random numbers: the plain sum of a softmax is constant and has no gradient. Ids have none, fed as floats or not.
    """
    import keras
    import tensorflow as tf

    from keras_consistency_cli.loading.model.input_hints import takes_whole

    few = _as_declared(first(rows, session.facts.batch_size or _GRADIENT_ROWS), session.facts)
    packed = keras.tree.map_structure(tf.convert_to_tensor, session.pack(few))
    names = list(rows)
    leaves, ids = keras.tree.flatten(packed), takes_whole(session.model, names)
    floats = {
        name: leaf
        for name, leaf in zip(_order(session, names), leaves, strict=True)
        if leaf.dtype.is_floating and name not in ids
    }
    watched = list(floats.values())
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(watched)
        outputs = session.model(packed, training=False)
    labels = list(session.name_outputs(outputs))
    found: dict[str, dict[str, float | None]] = {}
    for label, output in zip(labels, keras.tree.flatten(outputs), strict=True):
        if output.dtype.is_floating:
            weights = tf.cast(
                np.random.default_rng(session.probe.seed).uniform(0.5, 1.5, output.shape), output.dtype
            )
            try:
                gradients = tape.gradient(output, watched, output_gradients=weights)
            except Exception as problem:
                # The model answered; an operation without a gradient, or with one that breaks, is told and is no crash of the model.
                return Result(
                    outputs={}, details={"refused": f"{type(problem).__name__}: {clean(problem, 200)}"}
                )
            found[label] = {name: _size(gradient) for name, gradient in zip(floats, gradients, strict=True)}
    return Result(outputs={}, details={"gradients": found})


def _as_declared(rows: Rows, facts: Facts) -> Rows:
    """Whole numbers given for a float input as the floats that predict makes of them: only floats have gradients."""
    floats = {fact.name for fact in facts.inputs if "float" in fact.dtype}
    return {
        name: values.astype(np.float32) if name in floats and values.dtype.kind in "iub" else values
        for name, values in rows.items()
    }


def _order(session: Any, names: list[str]) -> list[str]:
    """Input names in the order in which a packed structure is flattened: dicts by sorted key."""
    packed = session.pack({name: np.zeros((1, 1), np.float32) for name in names})
    return sorted(names) if isinstance(packed, dict) else names


def _size(gradient: Any) -> float | None:
    if gradient is None:
        return None
    import keras

    values = keras.ops.convert_to_numpy(gradient.values if hasattr(gradient, "indices") else gradient)
    return float(np.abs(values).max(initial=0.0)) if np.isfinite(values).all() else float("nan")


def _costs(session: Any, rows: Rows) -> Result:
    """Seconds a row of predict, of a bare eager call and of a compiled step, for one row and for many, all warm."""
    one = first(rows, session.facts.batch_size or 1)
    ways: dict[str, Callable[[Rows], Any]] = {
        "predict": lambda x: session.predict(x, batch_size=session.batch_size),
        "call": lambda x: [session.call(batch, training=False) for batch in batches(x, session.batch_size)],
        "compiled": lambda x: session.steps(x, session.batch_size),
    }
    session.forget_traces()
    seconds: dict[str, dict[str, float]] = {}
    for name, run in ways.items():
        calls = 1 if name == "predict" else _TIMED_CALLS
        seconds[name] = {
            "one": _quickest(run, one, calls) / count(one),
            "many": _quickest(run, rows, calls) / count(rows),
        }
    return Result(outputs={}, details={"seconds_a_row": seconds, "rows": count(rows)})


def _quickest(run: Callable[[Rows], Any], rows: Rows, calls: int) -> float:
    run(rows)
    best = float("inf")
    for _ in range(calls):
        start = time.perf_counter()
        run(rows)
        best = min(best, time.perf_counter() - start)
    return best


def _no_gradients(facts: Facts) -> str | None:
    if facts.backend != "tensorflow":
        return f"gradients are probed with TensorFlow's tape; the backend is {facts.backend}"
    if facts.inputs and not any(fact.is_float for fact in facts.inputs):
        return "the model has no float input"
    return None


ROWS_ROUTE = Route(name="rows", summary="the rows themselves", run=_rows, streams=True)
PROBE_ROUTES: tuple[Route, ...] = (
    Route(name="given-rows", summary="the rows as they were given, for a bundle", run=_given_rows),
    Route(
        name="gradients",
        summary="gradients of the outputs with respect to the inputs",
        run=_gradients,
        unavailable=_no_gradients,
        placement="fresh",
    ),
    Route(name="costs", summary="time a row of the ways to call the model", run=_costs, placement="fresh"),
)

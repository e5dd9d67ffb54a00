"""Routes that look for the layer where two runs part: run only after a check has failed, on a few rows.

Each run is recorded layer by layer as a sketch of what goes in and what comes out, in the order in which layers finish. Of two runs that should
agree, the first layer that answers the same inputs differently is the one at fault, and how far apart the runs are along the depth shows what
becomes of the difference. Sketches keep memory flat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from keras_consistency_cli.loading.rows.source import find_nonfinite_rows
from keras_consistency_cli.routes.base import Route, plain_routes
from keras_consistency_cli.routes.calling.neighbours import leaks
from keras_consistency_cli.routes.locating.layer_sketches import (
    Sketch,
    Step,
    aside,
    culprit,
    deviations,
    sketched,
)
from keras_consistency_cli.routes.session.batches import batches, count, first, some
from keras_consistency_cli.routes.session.layer_hooks import Running, intercepted, path_of
from keras_consistency_cli.routes.trace import Result, Rows

__all__ = [
    "LAYER_LOCATORS",
    "Steps",
    "blamed",
    "finite_batches",
    "first_difference",
    "neighbour_runs",
    "parting",
    "predicted",
    "recorded",
    "symbolic",
    "told",
]

_ROWS = 8
_LEAKS = 3
"""Batches that are known to leak and are looked into, layer by layer."""


class Steps(list[Step]):
    """Steps in the order in which they finished, and the innermost one that raised an error instead."""

    refused: Step | None = None


@contextmanager
def recorded(kept: np.ndarray | None, batch: int) -> Iterator[Steps]:
    """Record every layer and every operation of a functional graph that finishes meanwhile; `kept` picks the rows that count."""
    import keras

    steps = Steps()
    known: dict[bytes, Sketch] = {}

    def sketch(leaves: list[Any]) -> Sketch:
        # What comes out of one layer goes into the next: both share a sketch.
        found = sketched(leaves, kept, batch)
        return known.setdefault(found.digest, found)

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        given = keras.tree.flatten((args, kwargs))
        inputs = sketch(given) if not symbolic(given) else None
        try:
            outputs = original(*args, **kwargs)
        except Exception:
            steps.refused = steps.refused or _step(running, inputs or sketch([]), sketch([]))
            raise
        made = keras.tree.flatten(outputs)
        if inputs is not None and not symbolic(made):
            past = aside(given, made, batch) if kept is not None else None
            steps.append(replace(_step(running, inputs, sketch(made)), aside=past))
        return outputs

    with intercepted(around):
        yield steps


def symbolic(leaves: list[Any]) -> bool:
    """Whether a graph is being built, so that there are no numbers yet."""
    import keras

    return any(isinstance(leaf, keras.KerasTensor) or hasattr(leaf, "graph") for leaf in leaves)


def blamed(running: Running) -> dict[str, Any]:
    """Blame the outermost layer of Keras's own that holds nothing of the user's: an LSTM and not its cell, but no wrapper of a custom layer."""
    depth, own = _blamed(running)
    return {"layer": path_of(running[: depth + 1]), "kind": type(running[depth]).__name__, "custom": own}


def _blamed(running: Running) -> tuple[int, bool]:
    """The place of the layer to blame, and whether it is the user's own."""
    import keras

    own = [
        not type(each).__module__.startswith("keras.") or isinstance(each, keras.Model) for each in running
    ]
    depth = min(max((at for at in range(len(running)) if own[at]), default=0) + 1, len(running) - 1)
    return depth, own[depth]


def _step(running: Running, inputs: Sketch, outputs: Sketch) -> Step:
    import keras

    depth, _ = _blamed(running)
    named = blamed(running)
    return Step(
        path=named["layer"],
        kind=named["kind"],
        custom=named["custom"],
        inputs=inputs,
        outputs=outputs,
        outermost=depth == len(running) - 1,
        model=isinstance(running[depth], keras.Model),
    )


def first_difference(base: list[Step], other: list[Step]) -> dict[str, Any]:
    """The first step to finish with other outputs, whatever it was given, as plain data; empty where none does."""
    pairs = zip(base, other, strict=False)
    at = next(
        (order for order, (mine, theirs) in enumerate(pairs) if mine.outputs.digest != theirs.outputs.digest),
        None,
    )
    return {} if at is None else _named(other, at, len(base))


def _parting(base: list[Step], other: list[Step]) -> dict[str, Any]:
    """The step at fault and how far the runs are apart along the depth, as plain data; empty where they are not."""
    at = culprit(base, other)
    return {} if at is None else told(base, other, at)


def told(base: list[Step], other: list[Step], at: int) -> dict[str, Any]:
    """Return the step at fault and how far two runs are apart along the depth, as plain data."""
    return {**_named(other, at, len(base)), "depth": deviations(base, other, at)}


def _named(steps: list[Step], at: int, of: int) -> dict[str, Any]:
    found = steps[at]
    return {"layer": found.path, "kind": found.kind, "custom": found.custom, "order": at + 1, "steps": of}


def predicted(session: Any, rows: Rows, kept: np.ndarray | None = None) -> list[Step]:
    """Record one eager run as predict makes it, from where the model is; `kept` picks the rows that count."""
    packed = session.pack(rows)
    with recorded(kept, count(rows)) as steps:
        session.model.predict_step((packed,))
    return steps


def _called(session: Any, rows: Rows, **kwargs: Any) -> list[Step]:
    """Record one call with these arguments, from the state in which the model was loaded."""
    session.restore()
    packed = session.pack(rows)
    with recorded(None, count(rows)) as steps:
        session.model(packed, **kwargs)
    return steps


def parting(session: Any, other: Any, rows: Rows) -> dict[str, Any]:
    """Return the first layer at which two copies of a model answer the same rows differently, named as in `other`; empty where none does."""
    batch = first(rows, session.facts.batch_size or _ROWS)
    session.restore()
    other.restore()
    found = _parting(predicted(session, batch), predicted(other, batch))
    return {key: value for key, value in found.items() if key != "depth"}


def _neighbours(session: Any, rows: Rows) -> Result:
    """Where the kept rows first change when their companions are replaced."""
    for batch, swapped, kept in neighbour_runs(session, rows):
        session.restore()
        base = predicted(session, batch, kept)
        session.restore()
        found = _parting(base, predicted(session, swapped, kept))
        if found:
            return Result(outputs={}, details=found)
    return Result(outputs={})


def neighbour_runs(session: Any, rows: Rows) -> Iterator[tuple[Rows, Rows, np.ndarray]]:
    """Yield batches before and after their companions were replaced, and which rows were kept: a few rows, then those that are known to leak."""
    size = session.facts.batch_size or min(_ROWS, count(rows))
    batch = first(rows, size)
    kept = np.arange(size) == size // 2
    for filled in _FILLERS:
        yield batch, {name: filled(values, kept) for name, values in batch.items()}, kept
    # A leak may reach few rows only, and from few others.
    yield from islice(leaks(session, rows), _LEAKS)


def _replaced(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    other = np.roll(values, 1, axis=0)
    # Whole numbers may be ids whatever their dtype, and stay what they are.
    if values.dtype.kind == "f" and bool(np.any(values != np.floor(values))):
        other = (other * 1.5 + 1).astype(values.dtype)
    return np.where(kept.reshape((-1,) + (1,) * (values.ndim - 1)), values, other)


def _copied(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return np.repeat(values[kept], len(values), axis=0)


_FILLERS = (_replaced, _copied)
"""What companions are replaced with, given a batch's values and a mask of the rows that stay."""


def _repeat(session: Any, rows: Rows) -> Result:
    """Where a second run from where the first one ended first differs from it."""
    batch = first(rows, session.facts.batch_size or _ROWS)
    session.restore()
    return Result(outputs={}, details=_parting(predicted(session, batch), predicted(session, batch)))


def _training(session: Any, rows: Rows) -> Result:
    """Where a bare call first differs from one with training=False."""
    batch = first(rows, session.facts.batch_size or _ROWS)
    return Result(
        outputs={}, details=_parting(_called(session, batch, training=False), _called(session, batch))
    )


def finite_batches(session: Any, rows: Rows) -> Iterator[Rows]:
    """Yield batches of the rows without NaN and infinity; of all rows where the model is built for one batch size."""
    bad = np.any(list(find_nonfinite_rows(rows).values()), axis=0)
    usable = some(rows, np.flatnonzero(~bad)) if not session.facts.batch_size else rows
    yield from batches(usable, session.batch_size)


def _nonfinite(session: Any, rows: Rows) -> Result:
    """Where finite rows first become NaN or infinity."""
    for batch in finite_batches(session, rows):
        session.restore()
        steps = predicted(session, batch)
        at = next((order for order, step in enumerate(steps) if not step.outputs.finite), None)
        if at is not None:
            return Result(outputs={}, details=_named(steps, at, len(steps)))
    return Result(outputs={})


LAYER_LOCATORS: tuple[Route, ...] = plain_routes(
    {
        "locate-companions": ("the first layer that lets neighbours in", _neighbours),
        "locate-repeat": ("the first layer that answers differently the second time", _repeat),
        "locate-nonfinite": ("the first layer that turns finite numbers into NaN or infinity", _nonfinite),
        "locate-training": ("the first layer that answers to a bare call as in training", _training),
    }
)

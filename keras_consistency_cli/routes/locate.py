"""Routes that look for the layer where two runs part: run only after a check has failed, on a few rows.

Each run is recorded layer by layer as a digest of what comes out, in the order in which layers finish. Of two runs
that should agree, the first digest that differs is the layer at fault: everything that finished before it, its inputs
included, had the same bits. Digests keep memory flat.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_consistency_cli.loading.data import nonfinite
from keras_consistency_cli.routes.base import Result, Route, Rows
from keras_consistency_cli.routes.batches import batches, count, first, some
from keras_consistency_cli.routes.interception import Running, intercepted

__all__ = ["FILLERS", "LAYER_LOCATORS", "Step", "digest_of", "first_difference", "parting", "recorded"]

_ROWS = 8


@dataclass(frozen=True, kw_only=True)
class Step:
    """One layer or operation that finished: its path and the digest of its outputs."""

    path: str
    kind: str
    custom: bool
    digest: bytes
    finite: bool


@contextmanager
def recorded(kept: np.ndarray | None, batch: int) -> Iterator[list[Step]]:
    """Record every layer and every operation of a functional graph that finishes meanwhile; `kept` picks the rows that count."""
    import keras

    steps: list[Step] = []

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        if not any(isinstance(leaf, keras.KerasTensor) or hasattr(leaf, "graph") for leaf in keras.tree.flatten(outputs)):
            steps.append(_step(running, *digest_of(outputs, kept, batch)))
        return outputs

    with intercepted(around):
        yield steps


def _step(running: list[Any], digest: bytes, finite: bool) -> Step:
    """Blame the outermost layer of Keras's own that holds nothing of the user's: an LSTM and not its cell, but no wrapper of a custom layer."""
    import keras

    own = [not type(each).__module__.startswith("keras.") or isinstance(each, keras.Model) for each in running]
    depth = min(max((at for at in range(len(running)) if own[at]), default=0) + 1, len(running) - 1)
    blamed = running[depth]
    path = "/".join(str(each.name) for each in running[1 : depth + 1]) or str(blamed.name)
    return Step(path=path, kind=type(blamed).__name__, custom=own[depth], digest=digest, finite=finite)


def digest_of(outputs: Any, kept: np.ndarray | None, batch: int) -> tuple[bytes, bool]:
    """What came out as a digest, and whether all of it is finite."""
    import keras

    digest, finite = hashlib.blake2b(digest_size=16), True
    for leaf in keras.tree.flatten(outputs):
        if leaf is None or not hasattr(leaf, "shape"):
            continue
        values = np.asarray(keras.ops.convert_to_numpy(leaf))
        finite = finite and (values.dtype.kind != "f" or bool(np.isfinite(values).all()))
        by_row = kept is not None and values.ndim > 0 and values.shape[0] == batch
        digest.update(np.ascontiguousarray(values[kept] if by_row else values if kept is None else values[:0]).tobytes())
    return digest.digest(), finite


def first_difference(base: list[Step], other: list[Step]) -> dict[str, Any]:
    """The first step that differs, as plain data; empty where none does."""
    for order, (mine, theirs) in enumerate(zip(base, other, strict=False)):
        if mine.digest != theirs.digest:
            return {"layer": theirs.path, "kind": theirs.kind, "custom": theirs.custom, "order": order + 1, "steps": len(base)}
    return {}


def _run(session: Any, rows: Rows, kept: np.ndarray | None = None, **kwargs: Any) -> list[Step]:
    """One eager run as predict makes it, or as a call with the given arguments."""
    packed = session.pack(rows)
    with recorded(kept, count(rows)) as steps:
        if kwargs.pop("as_predict", False):
            session.model.predict_step((packed,))
        else:
            session.model(packed, **kwargs)
    return steps


def parting(session: Any, other: Any, rows: Rows) -> dict[str, Any]:
    """Return the first layer at which two copies of a model answer the same rows differently, named as in `other`; empty where none does."""
    batch = first(rows, session.facts.batch_size or _ROWS)
    session.restore()
    other.restore()
    return first_difference(_run(session, batch, as_predict=True), _run(other, batch, as_predict=True))


def _companions(session: Any, rows: Rows) -> Result:
    """Where the kept rows first change when their companions are replaced."""
    size = session.facts.batch_size or min(_ROWS, count(rows))
    batch = first(rows, size)
    kept = np.arange(size) == size // 2
    session.restore()
    base = _run(session, batch, kept, as_predict=True)
    for replace in FILLERS:
        session.restore()
        found = first_difference(base, _run(session, {name: replace(values, kept) for name, values in batch.items()}, kept, as_predict=True))
        if found:
            return Result(outputs={}, details=found)
    return Result(outputs={})


def _replaced(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    other = np.roll(values, 1, axis=0)
    if values.dtype.kind == "f":
        other = (other * 1.5 + 1).astype(values.dtype)
    return np.where(kept.reshape((-1,) + (1,) * (values.ndim - 1)), values, other)


def _copied(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return np.repeat(values[kept], len(values), axis=0)


FILLERS = (_replaced, _copied)
"""What companions are replaced with, given a batch's values and a mask of the rows that stay."""


def _repeat(session: Any, rows: Rows) -> Result:
    """Where a second run from where the first one ended first differs from it."""
    batch = first(rows, session.facts.batch_size or _ROWS)
    session.restore()
    return Result(outputs={}, details=first_difference(_run(session, batch, as_predict=True), _run(session, batch, as_predict=True)))


def _training(session: Any, rows: Rows) -> Result:
    """Where a bare call first differs from one with training=False."""
    batch = first(rows, session.facts.batch_size or _ROWS)
    session.restore()
    base = _run(session, batch, training=False)
    session.restore()
    return Result(outputs={}, details=first_difference(base, _run(session, batch)))


def _nonfinite(session: Any, rows: Rows) -> Result:
    """Where finite rows first become NaN or infinity."""
    bad = np.any(list(nonfinite(rows).values()), axis=0)
    usable = some(rows, np.flatnonzero(~bad)) if not session.facts.batch_size else rows
    for batch in batches(usable, session.batch_size):
        session.restore()
        steps = _run(session, batch, as_predict=True)
        at = next((order for order, step in enumerate(steps) if not step.finite), None)
        if at is not None:
            found = steps[at]
            return Result(outputs={}, details={"layer": found.path, "kind": found.kind, "custom": found.custom, "order": at + 1, "steps": len(steps)})
    return Result(outputs={})


def _routes(table: Mapping[str, tuple[str, Callable[[Any, Rows], Result]]]) -> tuple[Route, ...]:
    return tuple(Route(name=name, summary=summary, run=run) for name, (summary, run) in table.items())


LAYER_LOCATORS: tuple[Route, ...] = _routes(
    {
        "locate-companions": ("the first layer that lets neighbours in", _companions),
        "locate-repeat": ("the first layer that answers differently the second time", _repeat),
        "locate-nonfinite": ("the first layer that turns finite numbers into NaN or infinity", _nonfinite),
        "locate-training": ("the first layer that answers to a bare call as in training", _training),
    }
)

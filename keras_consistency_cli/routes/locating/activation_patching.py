"""Patching: a run is made once more with suspected layers held to what they gave in the reference run.

A layer that only looks suspicious leaves the symptom where it was; the culprit takes it along. Calls are told by their number: two runs of one model
call the same layers in the same order, whatever these are named, so that a layer that is called twice is held twice.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_consistency_cli.routes.locating.layer_sketches import sketched
from keras_consistency_cli.routes.locating.layers import first_difference, recorded
from keras_consistency_cli.routes.session.layer_hooks import Running, intercepted, path_of

__all__ = ["Experiment", "held", "without_training"]

_MOST_LAYERS = 6
"""Suspects that are held at once: more are no cause but a habit of the model."""


_Tried = tuple[Any, Any, "tuple[str, str] | None", dict[str, Any]]
"""Both answers with suspects switched off, the code around a suspect whose inputs differ already, and the next layer that parts."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Two runs that should agree and do not.

    Args:
        reference: makes the first run, from the state in which the model was loaded, and returns what it answers.
        candidate: makes the other one after it.
        batch: rows of a run.
        kept: marks the rows that should agree; None where all of them should.
    """

    reference: Callable[[], Any]
    candidate: Callable[[], Any]
    batch: int
    kept: np.ndarray | None = None

    def run(self) -> tuple[dict[str, Any], float]:
        """Return the first layer that answers differently, as locating routes do (empty where there is none), and how far answers are apart."""
        with recorded(self.kept, self.batch) as base:
            want = self.reference()
        with recorded(self.kept, self.batch) as other:
            got = self.candidate()
        return first_difference(base, other), _distance(self, want, got)


@dataclass(frozen=True, kw_only=True)
class _Call:
    """One call of a suspect in the reference run: a digest of what went in, and what came out."""

    path: str
    inputs: bytes
    outputs: Any


@dataclass
class _Held:
    """What a run with suspects held has shown: where the inputs of one differed already, and the class around it."""

    entered: list[tuple[str, str]] = field(default_factory=list)


def held(experiment: Experiment) -> dict[str, Any]:
    """Hold the first layer that parts, then the next, until the answers agree or there is nothing left to hold.

    Returns:
        `held` paths, `before` and `left`, the greatest distances without and with them held; `own_code` where the difference arises between layers,
        in the call() of a model or layer itself, and that is all of it. Empty where the two runs agree to begin with.
    """
    return _one_more_each_time(experiment, _trial)


def _one_more_each_time(
    experiment: Experiment, trial: Callable[[Experiment, list[str]], _Tried]
) -> dict[str, Any]:
    """Try the first layer that parts, then that and the next, until the answers agree; what `held` returns."""
    found, before = experiment.run()
    if not found:
        return {}
    paths: list[str] = []
    while found and len(paths) < _MOST_LAYERS:
        path = str(found["layer"])
        want, got, entered, then = trial(experiment, [*paths, path])
        if entered is not None:
            # What the layer is given differs already: the code around it did that, and nothing but the whole of it can be held.
            return {**_own_code(experiment, paths, entered), "before": before}
        paths.append(path)
        left = _distance(experiment, want, got)
        if left == 0.0:
            return {"held": paths, "before": before, "left": 0.0}
        found = then if then.get("layer") not in paths else {}
    return {"held": paths, "before": before, "left": left, "then": str(found.get("layer", ""))}


def _own_code(experiment: Experiment, paths: list[str], around: tuple[str, str]) -> dict[str, Any]:
    """The layer around, held in place of the one whose inputs differ; nothing is held where it is the model itself."""
    path, kind = around
    if not path:
        return {"held": paths, "own_code": kind, "left": None}
    want, got, entered, _ = _trial(experiment, [*paths, path])
    left = None if entered is not None else _distance(experiment, want, got)
    return {"held": [*paths, path], "own_code": kind, "left": left}


def _trial(experiment: Experiment, paths: list[str]) -> _Tried:
    """Both answers with these layers held, the code around a suspect whose inputs differ already, and the next layer that parts."""
    kept, batch = experiment.kept, experiment.batch
    with recorded(kept, batch) as base, _noted(paths, kept, batch) as calls:
        want = experiment.reference()
    with _holding(calls, kept, batch) as seen, recorded(kept, batch) as other:
        got = experiment.candidate()
    below = tuple(f"{path}/" for path in paths)
    left = [
        [step for step in steps if step.path not in paths and not step.path.startswith(below)]
        for steps in (base, other)
    ]
    return want, got, seen.entered[0] if seen.entered else None, first_difference(*left)


@contextmanager
def _noted(paths: list[str], kept: np.ndarray | None, batch: int) -> Iterator[dict[int, _Call]]:
    """Note every call of these layers by its number."""
    calls: dict[int, _Call] = {}
    started = 0

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal started
        started += 1
        number, path = started, path_of(running)
        if len(running) == 1 or path not in paths:
            return original(*args, **kwargs)
        inputs = _digest((args, kwargs), kept, batch)
        outputs = original(*args, **kwargs)
        calls[number] = _Call(path=path, inputs=inputs, outputs=_copied(outputs))
        return outputs

    with intercepted(around):
        yield calls


@contextmanager
def _holding(calls: dict[int, _Call], kept: np.ndarray | None, batch: int) -> Iterator[_Held]:
    """Put the noted outputs in the place of those that the same calls give now."""
    seen, started = _Held(), 0

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal started
        started += 1
        noted = calls.get(started)
        differ = (
            noted is not None and not seen.entered and _digest((args, kwargs), kept, batch) != noted.inputs
        )
        outputs = original(*args, **kwargs)
        if noted is None:
            return outputs
        if differ and _parts(outputs, noted.outputs, kept, batch):
            seen.entered.append(
                (path_of(running[:-1]) if len(running) > 2 else "", type(running[-2]).__name__)
            )
        return _replaced(outputs, noted.outputs, kept, batch)

    with intercepted(around):
        yield seen


def _digest(tensors: Any, kept: np.ndarray | None, batch: int) -> bytes:
    import keras

    return sketched(keras.tree.flatten(tensors), kept, batch).digest


def _parts(own: Any, noted: Any, kept: np.ndarray | None, batch: int) -> bool:
    return _digest(own, kept, batch) != _digest(noted, kept, batch)


def _replaced(own: Any, noted: Any, kept: np.ndarray | None, batch: int) -> Any:
    """The noted outputs for the rows that count, the layer's own for all others; masks stay the layer's own."""
    import keras

    return keras.tree.map_structure(lambda mine, theirs: _merged(mine, theirs, kept, batch), own, noted)


def _merged(own: Any, noted: Any, kept: np.ndarray | None, batch: int) -> Any:
    import keras

    if not isinstance(noted, np.ndarray) or tuple(own.shape) != noted.shape:
        return own
    if kept is not None:
        if noted.ndim == 0 or noted.shape[0] != batch:
            return own
        noted = np.where(
            kept.reshape((-1,) + (1,) * (noted.ndim - 1)), noted, np.asarray(keras.ops.convert_to_numpy(own))
        )
    tensor = keras.ops.convert_to_tensor(noted, dtype=keras.backend.standardize_dtype(own.dtype))
    mask = getattr(own, "_keras_mask", None)
    if mask is not None:
        tensor._keras_mask = mask
    return tensor


def _copied(outputs: Any) -> Any:
    """Outputs as arrays, what is no tensor as it is."""
    import keras

    return keras.tree.map_structure(
        lambda leaf: np.array(keras.ops.convert_to_numpy(leaf)) if hasattr(leaf, "shape") else leaf, outputs
    )


def _distance(experiment: Experiment, want: Any, got: Any) -> float:
    """The greatest distance between two runs' answers; infinite where shapes or NaN differ, 0 only for the same bits."""
    import keras

    furthest = 0.0
    for mine, theirs in zip(keras.tree.flatten(got), keras.tree.flatten(want), strict=True):
        pair = [np.asarray(keras.ops.convert_to_numpy(leaf)) for leaf in (mine, theirs)]
        if experiment.kept is not None and all(
            values.ndim and len(values) == experiment.batch for values in pair
        ):
            pair = [values[experiment.kept] for values in pair]
        furthest = max(furthest, _apart(*pair))
    return furthest


def _apart(mine: np.ndarray, theirs: np.ndarray) -> float:
    if mine.shape != theirs.shape:
        return float("inf")
    if mine.tobytes() == theirs.tobytes():
        return 0.0
    if mine.dtype.kind not in "fiub" or theirs.dtype.kind not in "fiub":
        return float("inf")
    with np.errstate(invalid="ignore"):
        distance = np.abs(mine.astype(np.float64) - theirs.astype(np.float64))
    same = (mine == theirs) | ((mine != mine) & (theirs != theirs))
    return float(np.nan_to_num(np.where(same, 0.0, distance), nan=np.inf).max(initial=0.0))


def without_training(experiment: Experiment) -> dict[str, Any]:
    """As `held`, but layers are not held to outputs: they are called with training=False in the candidate run, all else as it was."""
    return _one_more_each_time(experiment, _untrained)


def _untrained(experiment: Experiment, paths: list[str]) -> _Tried:
    """Both answers with these layers called with training=False, and the next layer that parts."""
    with recorded(experiment.kept, experiment.batch) as base:
        want = experiment.reference()
    with _in_inference(paths), recorded(experiment.kept, experiment.batch) as other:
        got = experiment.candidate()
    return want, got, None, first_difference(base, other)


@contextmanager
def _in_inference(paths: list[str]) -> Iterator[None]:
    """Pass training=False to these layers, whatever their callers say."""

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if len(running) > 1 and path_of(running) in paths:
            names = list(inspect.signature(running[-1].call).parameters)
            at = names.index("training") if "training" in names else None
            if at is not None:
                args, kwargs = (
                    args[:at],
                    {**kwargs, **dict(zip(names[at:], args[at:], strict=False)), "training": False},
                )
        return original(*args, **kwargs)

    with intercepted(around):
        yield

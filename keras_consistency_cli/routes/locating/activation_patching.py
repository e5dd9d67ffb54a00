"""Activation patching: suspected layers are given their outputs from the reference run.

If a layer only looks suspicious, the symptom remains; if it is the cause, the symptom disappears. Calls are
identified by their number: two runs of one model call the same layers in the same order, whatever their
names, so that a layer that is called twice is patched twice.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import expand_row_mask, max_abs_difference
from keras_consistency_cli.routes.locating.layer_sketches import sketch_tensors
from keras_consistency_cli.routes.locating.layers import LocatedLayer, first_different_layer
from keras_consistency_cli.routes.locating.step_recorder import record_steps
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls, layer_path

__all__ = ["Experiment", "PatchDetails", "disable_training", "patch_layers"]

_MAX_LAYERS = 6
"""The most layers that are patched at once: more are a property of the model, not a cause."""


class PatchDetails(TypedDict, total=False):
    """The effect of an intervention; empty if the two runs agree without it.

    `held` are the paths of the layers, `before` and `left` the greatest difference of the outputs without and
    with the intervention, `then` the next layer that differs. `own_code` is the class whose own call() is at
    fault, if the difference arises between layers; `left` is None if nothing could be patched.
    """

    held: list[str]
    before: float
    left: float | None
    then: str
    own_code: str


class _CallingCode(NamedTuple):
    """The layer or model whose own call() gave a suspect different inputs.

    The path of the model itself is "".
    """

    path: str
    kind: str


class _Trial(NamedTuple):
    """The two runs with suspects switched off.

    Args:
        difference: the greatest difference of their outputs.
        own_code: the code around a suspect whose inputs differ already.
        next_layer: the next layer that differs.
    """

    difference: float
    own_code: _CallingCode | None
    next_layer: LocatedLayer


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Two runs that should agree and do not.

    Args:
        reference: makes the first run, from the state in which the model was loaded, and returns its outputs.
        candidate: makes the second run after it.
        batch: rows of a run.
        kept: mask of the rows that should agree; None if all of them should.
    """

    reference: Callable[[], Any]
    candidate: Callable[[], Any]
    batch: int
    kept: np.ndarray | None = None

    def run(self) -> tuple[LocatedLayer, float]:
        """Return the first layer with different outputs, and the difference of the outputs.

        The layer is empty if there is none.
        """
        with record_steps(self.kept, self.batch) as reference_steps:
            reference = self.reference()
        with record_steps(self.kept, self.batch) as candidate_steps:
            candidate = self.candidate()
        return first_different_layer(reference_steps, candidate_steps), self.difference(candidate, reference)

    def difference(self, candidate: Any, reference: Any) -> float:
        """Return the greatest difference between the outputs of two runs.

        It is infinite if shapes or NaN differ, and 0 only for equal values.
        """
        import keras

        greatest = 0.0
        for leaves in zip(keras.tree.flatten(candidate), keras.tree.flatten(reference), strict=True):
            pair = [np.asarray(keras.ops.convert_to_numpy(leaf)) for leaf in leaves]
            if self.kept is not None and all(array.ndim and len(array) == self.batch for array in pair):
                pair = [array[self.kept] for array in pair]
            greatest = max(greatest, max_abs_difference(*pair, nan="equal"))
        return greatest

    def digest(self, tensors: Any) -> bytes:
        """Return a digest of every bit of the rows that should agree."""
        import keras

        return sketch_tensors(keras.tree.flatten(tensors), self.kept, self.batch).digest


@dataclass(frozen=True, kw_only=True)
class _RecordedCall:
    """One call of a suspect in the reference run: a digest of its inputs, and its outputs."""

    inputs: bytes
    outputs: Any


@dataclass
class _PatchedRun:
    """What a patched run has shown: the code around suspects whose inputs differed already."""

    own_code: list[_CallingCode] = field(default_factory=list)


def patch_layers(experiment: Experiment) -> PatchDetails:
    """Patch the first layer that differs, then the next, until the outputs agree.

    It ends early if nothing is left to patch.
    """
    return _accumulate(experiment, _patch_trial)


def disable_training(experiment: Experiment) -> PatchDetails:
    """Call layers with training=False in the candidate run, chosen as in `patch_layers`.

    Nothing is patched.
    """
    return _accumulate(experiment, _training_trial)


def _accumulate(experiment: Experiment, run_trial: Callable[[Experiment, list[str]], _Trial]) -> PatchDetails:
    """Switch off the first layer that differs, then also the next, until the outputs agree."""
    found, before = experiment.run()
    if not found:
        return {}
    paths: list[str] = []
    left = before
    while found and len(paths) < _MAX_LAYERS:
        path = found["layer"]
        trial = run_trial(experiment, [*paths, path])
        if trial.own_code is not None:
            # Its inputs differ already: the code around it is the cause, and only all of it can be patched.
            return {**_patch_calling_code(experiment, paths, trial.own_code), "before": before}
        paths.append(path)
        left = trial.difference
        if left == 0.0:
            return {"held": paths, "before": before, "left": 0.0}
        found = trial.next_layer if trial.next_layer.get("layer") not in paths else {}
    return {"held": paths, "before": before, "left": left, "then": found.get("layer", "")}


def _patch_calling_code(experiment: Experiment, paths: list[str], code: _CallingCode) -> PatchDetails:
    """Patch the layer around the suspect instead of it.

    Nothing can be patched if that is the model itself.
    """
    if not code.path:
        return {"held": paths, "own_code": code.kind, "left": None}
    trial = _patch_trial(experiment, [*paths, code.path])
    left = trial.difference if trial.own_code is None else None
    return {"held": [*paths, code.path], "own_code": code.kind, "left": left}


def _patch_trial(experiment: Experiment, paths: list[str]) -> _Trial:
    """Make both runs with these layers patched."""
    kept, batch = experiment.kept, experiment.batch
    with record_steps(kept, batch) as reference_steps, _recording_calls(experiment, paths) as calls:
        reference = experiment.reference()
    with _patching(experiment, calls) as patched, record_steps(kept, batch) as candidate_steps:
        candidate = experiment.candidate()
    inside = tuple(f"{path}/" for path in paths)
    remaining = (
        [step for step in steps if step.path not in paths and not step.path.startswith(inside)]
        for steps in (reference_steps, candidate_steps)
    )
    return _Trial(
        difference=experiment.difference(candidate, reference),
        own_code=patched.own_code[0] if patched.own_code else None,
        next_layer=first_different_layer(*remaining),
    )


@contextmanager
def _recording_calls(experiment: Experiment, paths: list[str]) -> Iterator[dict[int, _RecordedCall]]:
    """Record every call of these layers, by its number."""
    calls: dict[int, _RecordedCall] = {}
    started = 0

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal started
        started += 1
        number = started
        if len(running) == 1 or layer_path(running) not in paths:
            return original(*args, **kwargs)
        inputs = experiment.digest((args, kwargs))
        outputs = original(*args, **kwargs)
        calls[number] = _RecordedCall(inputs=inputs, outputs=_copy_as_arrays(outputs))
        return outputs

    with intercept_calls(around):
        yield calls


@contextmanager
def _patching(experiment: Experiment, calls: dict[int, _RecordedCall]) -> Iterator[_PatchedRun]:
    """Replace the outputs of calls by the recorded ones."""
    run, started = _PatchedRun(), 0

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal started
        started += 1
        recorded = calls.get(started)
        if recorded is None:
            return original(*args, **kwargs)
        inputs_differ = not run.own_code and experiment.digest((args, kwargs)) != recorded.inputs
        outputs = original(*args, **kwargs)
        if inputs_differ and experiment.digest(outputs) != experiment.digest(recorded.outputs):
            path = layer_path(running[:-1]) if len(running) > 2 else ""
            run.own_code.append(_CallingCode(path, type(running[-2]).__name__))
        return _replace_outputs(experiment, outputs, recorded.outputs)

    with intercept_calls(around):
        yield run


def _replace_outputs(experiment: Experiment, outputs: Any, recorded: Any) -> Any:
    """Return the recorded outputs for the rows that should agree, else the layer's own.

    Masks stay the layer's own.
    """
    import keras

    def replace(own: Any, saved: Any) -> Any:
        return _replace_tensor(experiment, own, saved)

    return keras.tree.map_structure(replace, outputs, recorded)


def _replace_tensor(experiment: Experiment, own: Any, saved: Any) -> Any:
    import keras

    if not isinstance(saved, np.ndarray) or own.shape[:1] != saved.shape[:1] or len(own.shape) != saved.ndim:
        return own
    if experiment.kept is not None:
        if saved.ndim == 0 or saved.shape[0] != experiment.batch:
            return own
        own_array = _resize(np.asarray(keras.ops.convert_to_numpy(own)), saved.shape)
        saved = np.where(expand_row_mask(experiment.kept, saved), saved, own_array)
    elif tuple(own.shape) != saved.shape:
        return own
    tensor = keras.ops.convert_to_tensor(saved, dtype=keras.backend.standardize_dtype(own.dtype))
    mask = getattr(own, "_keras_mask", None)
    if mask is not None:
        tensor._keras_mask = _replace_mask(mask, saved.shape)
    return tensor


def _replace_mask(mask: Any, shape: tuple[int, ...]) -> Any:
    """Return a mask in the size of the tensor, without a step that the mask did not know."""
    import keras

    if tuple(mask.shape) == shape[: len(mask.shape)]:
        return mask
    return keras.ops.convert_to_tensor(_resize(np.asarray(mask), shape[: len(mask.shape)]), dtype="bool")


def _resize(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array that is cut, and filled with zeros, at the end of each axis.

    The rows of a batch that are padded to the longest one have a different length with different neighbours.
    """
    resized = np.zeros(shape, array.dtype)
    shared = tuple(slice(0, min(pair)) for pair in zip(array.shape, shape, strict=True))
    resized[shared] = array[shared]
    return resized


def _copy_as_arrays(outputs: Any) -> Any:
    """Return outputs as arrays; objects that are not tensors stay as they are."""
    import keras

    def copy(leaf: Any) -> Any:
        return np.array(keras.ops.convert_to_numpy(leaf)) if hasattr(leaf, "shape") else leaf

    return keras.tree.map_structure(copy, outputs)


def _training_trial(experiment: Experiment, paths: list[str]) -> _Trial:
    """Make both runs, with these layers called with training=False in the candidate run."""
    with record_steps(experiment.kept, experiment.batch) as reference_steps:
        reference = experiment.reference()
    with _in_inference(paths), record_steps(experiment.kept, experiment.batch) as candidate_steps:
        candidate = experiment.candidate()
    return _Trial(
        difference=experiment.difference(candidate, reference),
        own_code=None,
        next_layer=first_different_layer(reference_steps, candidate_steps),
    )


@contextmanager
def _in_inference(paths: list[str]) -> Iterator[None]:
    """Pass training=False to these layers, whatever their callers pass."""

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        names = list(inspect.signature(running[-1].call).parameters) if layer_path(running) in paths else []
        if len(running) > 1 and "training" in names:
            position = names.index("training")
            by_name = dict(zip(names[position:], args[position:], strict=False))
            args, kwargs = args[:position], {**kwargs, **by_name, "training": False}
        return original(*args, **kwargs)

    with intercept_calls(around):
        yield

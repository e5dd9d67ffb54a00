"""Routes about padding: rows with and without it, and where the mask ends."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from keras_consistency_cli.facts import Facts
from keras_consistency_cli.routes.base import Outputs, Result, Route, Rows
from keras_consistency_cli.routes.batches import count, first, some
from keras_consistency_cli.routes.interception import Running, among_layers, intercepted, path_of
from keras_consistency_cli.routes.series import Padded, any_length, look_for_padding, series_inputs

__all__ = ["PADDING_ROUTES", "mask_of", "takes_mask", "unpadded"]

_ROWS = 16
_LENGTHS = 2
"""Lengths that are tried: each one is traced."""
_ADDED = 3
"""Steps of padding that are added to rows without any."""
_TIMED = frozenset({"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Conv1D", "SeparableConv1D"})
_TIMED_TOO = frozenset({"MultiHeadAttention", "GroupedQueryAttention", "Attention", "AdditiveAttention", "TimeDistributed", "Embedding"})


def unpadded(session: Any, rows: Rows) -> Result:
    """Rows with their padding cut off, against the same rows as given; rows without any, against the same with some added.

    One input after the other is looked at; the first that is padded or masked counts. Details say what was found, and why nothing was compared.
    """
    from keras_consistency_cli.loading.twin import TwinRefused

    masks = series_inputs(session, rows)
    for name, mask in sorted(masks.items(), key=lambda item: item[1] is None):
        padded = _padding(session, rows[name], mask)
        if padded is None and mask is None:
            continue
        details = {**_described(rows[name], padded, mask), "input": name}
        try:
            feeding = any_length(session, rows, masks)
        except TwinRefused as reason:
            return Result(outputs={}, details={**details, "refused": str(reason)})
        try:
            if padded is not None and padded.any:
                return _cut(feeding, rows, name, padded, details, masks)
            return _extended(feeding, rows, name, 0.0 if mask is None else mask, details, session.probe.padding_side or "right")
        except Exception as problem:
            if feeding is session:
                raise
            # Only a twin was asked for other lengths: that the model takes one length is no fault.
            return Result(outputs={}, details={**details, "refused": f"it takes one length only ({type(problem).__name__} at others)"})
    return Result(outputs={}, details={"declared": False})


def _padding(session: Any, values: np.ndarray, mask: float | None) -> Padded | None:
    """What is masked comes first, then what many rows end in: padding that is not masked shows there."""
    side = session.probe.padding_side
    masked = look_for_padding(values, mask, side) if mask is not None else None
    if masked is not None and masked.any:
        return masked
    # A scaler moves what rows are filled up with: it is then looked for.
    scaled = session.subject is not None and session.subject.files.scales
    found = look_for_padding(values, None if scaled else session.probe.padding_value, side)
    return found if found is not None and found.any else masked


def _described(values: np.ndarray, padded: Padded | None, mask: float | None) -> dict[str, Any]:
    found: dict[str, Any] = {"declared": mask is not None, "mask": mask}
    if padded is not None and padded.any:
        other = mask is None or bool((padded.value != mask).any())
        found |= {"side": padded.side, "padded_rows": int((padded.lengths < padded.steps).sum()), "other_value": other}
        found |= {"value": [float(each) for each in padded.value[:4]], "empty_rows": int((padded.lengths == 0).sum()), "rows": len(values)}
        found["inner_steps"] = 0 if other else padded.inner
    return found


def _cut(session: Any, rows: Rows, name: str, padded: Padded, details: dict[str, Any], masks: dict[str, float | None]) -> Result:
    """Rows of the commonest true lengths, cut to them."""
    shorter = padded.lengths[(padded.lengths > 0) & (padded.lengths < padded.steps)]
    lengths, counts = np.unique(shorter, return_counts=True)
    parts = []
    for length in lengths[np.argsort(-counts, kind="stable")][:_LENGTHS]:
        chosen = np.flatnonzero(padded.lengths == length)[:_ROWS]
        given = some(rows, chosen)
        together = [each for each in masks if given[each].shape[1] == padded.steps and _ends_alike(given[each], int(length), padded, masks[each])]
        cut = {each: _part(values, int(length), padded.side) if each in {name, *together} else values for each, values in given.items()}
        whole = _answers(session, given)
        parts.append((whole, _aligned(_answers(session, cut), whole, int(length), padded)))
    if not parts:
        return Result(outputs={}, details={**details, "refused": "every row that is padded is nothing but padding"})
    details |= {"lengths": [int(each) for each in lengths[np.argsort(-counts, kind="stable")][:_LENGTHS]]}
    details["empty_answers_nan"] = _empty_answers(session, rows, padded) if (padded.lengths == 0).any() else None
    return _joined(parts, details)


def _ends_alike(values: np.ndarray, length: int, padded: Padded, mask: float | None) -> bool:
    """Whether a second series is padded in the same steps, so that both are cut together."""
    rest = values[:, length:] if padded.side == "right" else values[:, : padded.steps - length]
    return mask is not None and bool((rest == mask).all())


def _part(values: np.ndarray, length: int, side: str) -> np.ndarray:
    return values[:, :length] if side == "right" else values[:, -length:]


def _extended(session: Any, rows: Rows, name: str, value: float, details: dict[str, Any], side: str) -> Result:
    """Rows that have no padding as they are, and with some added."""
    given = first(rows, session.facts.batch_size or _ROWS)
    steps = given[name].shape[1]
    filler = np.full_like(given[name][:, :1], value).repeat(_ADDED, axis=1)
    longer = {**given, name: np.concatenate([given[name], filler] if side == "right" else [filler, given[name]], axis=1)}
    whole = _answers(session, longer)
    padded = Padded(lengths=np.full(count(given), steps), side=side, value=filler[0, 0].ravel(), inner=0, steps=steps + _ADDED)
    parts = [(whole, _aligned(_answers(session, given), whole, steps, padded))]
    return _joined(parts, {**details, "side": side, "added": _ADDED, "lengths": [steps]})


def _answers(session: Any, rows: Rows) -> dict[str, np.ndarray]:
    """Answers of one traced call: a trace of its own for every length, so that none is relaxed."""
    session.restore()
    graph = getattr(session, "graph", None)
    return dict(graph(rows, jit_compile=False) if graph is not None else session.call(rows, training=False))


def _aligned(cut: Outputs, whole: Outputs, length: int, padded: Padded) -> dict[str, np.ndarray]:
    """The answers to cut rows in the shape of those to whole ones: where there is one for each step, padding keeps its own."""
    found = {}
    for name, values in cut.items():
        theirs = whole[name]
        if values.shape == theirs.shape or values.ndim < 2 or theirs.shape[1] != padded.steps or values.shape[1] != length:
            found[name] = values
            continue
        found[name] = theirs.copy()
        where = slice(0, length) if padded.side == "right" else slice(padded.steps - length, None)
        found[name][:, where] = values
    return found


def _joined(parts: list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]], details: dict[str, Any]) -> Result:
    whole = {name: np.concatenate([part[0][name] for part in parts]) for name in parts[0][0]}
    cut = {name: np.concatenate([part[1][name] for part in parts]) for name in parts[0][1]}
    return Result(outputs=cut, baseline=whole, rows=np.arange(len(next(iter(whole.values())))), details=details)


def _empty_answers(session: Any, rows: Rows, padded: Padded) -> bool:
    """Whether rows that are all padding are answered with NaN."""
    answers = _answers(session, some(rows, np.flatnonzero(padded.lengths == 0)[:_ROWS]))
    return any(bool(np.isnan(values).any()) for values in answers.values() if values.dtype.kind == "f")


def _masks(session: Any, rows: Rows) -> Result:
    """Where the mask ends: the first layer or operation that is given one and neither hands it on nor takes it as an argument."""
    few = first(rows, session.facts.batch_size or 2)
    with _watched() as lost:
        session.call(few, training=False)
    return Result(outputs={}, details=lost[0] if lost else {})


@contextmanager
def _watched() -> Iterator[list[dict[str, Any]]]:
    """Record every layer and operation in which a mask gets lost meanwhile."""
    lost: list[dict[str, Any]] = []

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        if among_layers(running) and _masked((args, kwargs)) and not _masked(outputs) and not takes_mask(running[-1]):
            lost.append({"layer": path_of(running), "kind": type(running[-1]).__name__})
        return outputs

    with intercepted(around):
        yield lost


def _masked(tensors: Any) -> bool:
    return mask_of(tensors) is not None


def mask_of(tensors: Any) -> Any:
    """Return the mask that travels with the first of these tensors that has one, else None."""
    import keras

    return next((mask for leaf in keras.tree.flatten(tensors) if (mask := getattr(leaf, "_keras_mask", None)) is not None), None)


def takes_mask(operation: Any) -> bool:
    """Whether it uses the mask itself, as recurrent layers, attention and average pooling do; a model hands it to its own layers."""
    import keras

    if isinstance(operation, keras.Model):
        return True
    names = inspect.signature(operation.call).parameters
    return any(name == "mask" or name.endswith("_mask") for name in names)


def _no_time(facts: Facts) -> str | None:
    if facts.backend not in ("tensorflow", ""):
        return f"padding is tried with the TensorFlow backend; this is {facts.backend}"
    if facts.batch_size:
        return f"the model is built for batches of {facts.batch_size}"
    if any(layer.masks is not None or layer.kind in _TIMED for layer in facts.layers):
        return None
    timed = any(len(fact.shape) > 2 for fact in facts.inputs) and any(layer.kind in _TIMED_TOO for layer in facts.layers)
    return None if timed else "the model has no time axis and declares no mask"


def _no_mask(facts: Facts) -> str | None:
    return None if any(layer.masks is not None for layer in facts.layers) else "the model declares no mask"


PADDING_ROUTES: tuple[Route, ...] = (
    Route(name="unpadded", summary="rows without their padding, or with some added", run=unpadded, unavailable=_no_time, seat="fresh"),
    Route(name="masks", summary="where the mask ends", run=_masks, unavailable=_no_mask, seat="fresh"),
)

"""Runs of a float copy with the error of quantisation: rounded inputs, and weights within half a step.

A healthy quantised layer multiplies rounded inputs by rounded weights. The float copy that does the same
shows how large the error of quantisation is for this model and these rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.session.batches import count_rows, first_batch, select_rows
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.loading.model.copies.dequantised import DequantisedCopy, Twin
    from keras_consistency_cli.routes.session.session import Session

__all__ = [
    "choose_rows",
    "dequantise",
    "explain_no_quantisation",
    "limiting",
    "quantising",
    "rounding_inputs",
    "watching_direct_calls",
]

_LARGEST_INT8 = 127.0
_MANTISSA = 8.0
"""Steps of float8 (e4m3) from one power of two to the next."""
_LARGEST_FLOAT8, _SMALLEST_STEP = 448.0, 2.0**-9
"""The largest number of float8 (e4m3), and the distance of those that are nearest to zero."""


def explain_no_quantisation(facts: Facts) -> str | None:
    """Return why routes on a dequantised copy are unavailable: no layer is quantised."""
    return None if facts.quantised else "no layer of the model is quantised"


def choose_rows(session: Session, rows: Rows, size: int) -> tuple[Rows, np.ndarray]:
    """Return a batch of about this size, and the positions of its rows.

    For float8 the row with the largest number is one of them: its limits are the same for all rows.
    """
    count = count_rows(rows)
    positions = np.arange(min(size, count)) if size < session.small_batch else session.one_batch(rows)[1]
    has_limits = any(policy.startswith("float8") for policy in session.facts.quantised)
    if has_limits and not session.facts.stateful_layers:
        largest = int(np.argmax(_largest_numbers(rows, count)))
        positions = positions if largest in positions else np.sort([*positions[:-1], largest])
    return select_rows(rows, positions), positions


def _largest_numbers(rows: Rows, count: int) -> np.ndarray:
    """The largest size of a finite number in each row."""
    largest = np.zeros(count)
    for values in rows.values():
        if is_float(values.dtype) and values.size:
            finite = np.where(np.isfinite(values), np.abs(values), 0.0)
            largest = np.maximum(largest, finite.reshape(count, -1).max(axis=1))
    return largest


def dequantise(session: Session, rows: Rows, only: Sequence[str] | None = None) -> DequantisedCopy:
    """Return the copy of the session's model whose quantised layers, or those of these names, use floats.

    Raises:
        PrecisionCopyRefused: there is no such copy.
    """
    from keras_consistency_cli.loading.model.copies.dequantised import build_dequantised_copy

    sample = session.pack(first_batch(rows, session.facts.batch_size or 1))
    session.restore()
    try:
        return build_dequantised_copy(session.model, sample=sample, only=only, **session.loading)
    finally:
        session.restore()


@contextmanager
def quantising(twins: Sequence[Twin], seed: int, *, limited: bool = False) -> Iterator[None]:
    """Give float layers the errors of their quantised originals inside the context.

    Their inputs are rounded as the originals round them, and each weight moves by up to half a step.

    Args:
        twins: the layers, of a copy that nothing else uses.
        seed: of the random distances within half a step.
        limited: whether float8 also has its limits.
    """
    random = np.random.default_rng(seed)
    with ExitStack() as stack:
        for twin in twins:
            stack.enter_context(_moving_weights(twin, random))
        stack.enter_context(rounding_inputs(twins))
        if limited:
            stack.enter_context(limiting(twins))
        yield


@contextmanager
def rounding_inputs(twins: Sequence[Twin]) -> Iterator[None]:
    """Round the inputs of float layers inside the context as their quantised originals do."""
    with ExitStack() as stack:
        for twin in twins:
            if twin.quantised.input_axes is not None:
                rounded = _rounding_inputs(twin.quantised.mode, twin.quantised.input_axes, twin.layer.call)
                stack.enter_context(_calling(twin.layer, rounded))
        yield


@contextmanager
def limiting(twins: Sequence[Twin]) -> Iterator[None]:
    """Cut inputs and weights of float layers at the limits of float8 inside the context.

    Nothing else is rounded. Numbers beyond the largest become the largest, and those below the smallest zero.
    """
    from keras import ops

    with ExitStack() as stack:
        for twin in twins:
            inputs, weights = twin.quantised.input_scale, twin.quantised.weight_scale
            if weights is not None:
                before = ops.convert_to_numpy(twin.weights)
                stack.callback(twin.weights.assign, before)
                twin.weights.assign(_limit_to_float8(before, weights))
            if inputs is not None:
                stack.enter_context(_calling(twin.layer, _limiting_inputs(inputs, twin.layer.call)))
        yield


def _limiting_inputs(scale: float, original: Callable[..., Any]) -> Callable[..., Any]:
    def call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return original(_limit_to_float8(inputs, scale), *args, **kwargs)

    return call


def _limit_to_float8(values: Any, scale: float) -> Any:
    """Cut what float8 cannot hold, without rounding to its digits."""
    from keras import ops

    scaled = ops.clip(ops.divide(values, scale), -_LARGEST_FLOAT8, _LARGEST_FLOAT8)
    steps = ops.round(scaled / _SMALLEST_STEP) * _SMALLEST_STEP
    return ops.where(ops.abs(scaled) < _MANTISSA * _SMALLEST_STEP, steps, scaled) * scale


@contextmanager
def _moving_weights(twin: Twin, random: np.random.Generator) -> Iterator[None]:
    values = twin.quantised.weights
    shares = random.uniform(-1.0, 1.0, values.shape).astype(values.dtype)
    twin.weights.assign(values + shares * twin.quantised.half_steps)
    try:
        yield
    finally:
        twin.weights.assign(values)


@contextmanager
def _calling(layer: Any, call: Callable[..., Any]) -> Iterator[None]:
    """Replace the call of one layer; Keras would track an attribute that is set in the usual way."""
    before = vars(layer).get("call")
    object.__setattr__(layer, "call", call)
    try:
        yield
    finally:
        if before is None:
            object.__delattr__(layer, "call")
        else:
            object.__setattr__(layer, "call", before)


def _rounding_inputs(mode: str, axes: tuple[int, ...], original: Callable[..., Any]) -> Callable[..., Any]:
    def call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        rounded = _round_to_float8(inputs) if mode == "float8" else _round_to_int8(inputs, axes)
        return original(rounded, *args, **kwargs)

    return call


def _round_to_int8(inputs: Any, axes: tuple[int, ...]) -> Any:
    """Round to 127 steps of the largest input of each row, as Keras does."""
    from keras import ops

    largest = ops.max(ops.abs(inputs), axis=axes, keepdims=True)
    step = ops.where(largest > 0, largest, ops.ones_like(largest)) / _LARGEST_INT8
    return ops.round(inputs / step) * step


def _round_to_float8(inputs: Any) -> Any:
    """Round to the digits of float8, without its limits of size."""
    from keras import ops

    size = ops.abs(inputs)
    is_zero = size == 0
    power = 2.0 ** ops.floor(ops.log2(ops.where(is_zero, ops.ones_like(size), size)))
    return ops.round(inputs / power * _MANTISSA) * power / _MANTISSA


@contextmanager
def watching_direct_calls(session: Session) -> Iterator[set[str]]:
    """Record the paths of quantised layers of which other code runs call().

    Keras runs quantized_call() if the layer itself is called. call() multiplies by the stored whole numbers.
    """
    from keras_consistency_cli.loading.model.copies.quantised_weights import is_quantised
    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    called: set[str] = set()

    def recording(path: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            called.add(path)
            return original(*args, **kwargs)

        return call

    with ExitStack() as stack:
        for path, layer in walk_layers(session.model):
            if is_quantised(layer) and "call" not in vars(layer):
                stack.enter_context(_calling(layer, recording(path, layer.call)))
        yield called

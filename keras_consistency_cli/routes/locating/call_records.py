"""Calls of layers, recorded in order, and runs in which one of them is replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from keras_consistency_cli.measurement.distance import is_float, relative_difference
from keras_consistency_cli.routes.sequences.masks.lost_masks import (
    call_keeping_masks,
    has_mask_argument,
    is_given_mask,
    is_stock,
)
from keras_consistency_cli.routes.sequences.padding_detection import Side
from keras_consistency_cli.routes.sequences.series import TOLERANCE
from keras_consistency_cli.routes.session.layer_hooks import (
    CallStack,
    intercept_calls,
    is_in_model_graph,
    layer_path,
)
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = [
    "CallRecord",
    "align_outputs",
    "align_to",
    "are_close",
    "is_recorded",
    "record_calls",
    "replace_tensors",
    "replacing_call",
    "tensors_of",
    "true_part",
    "with_values",
]

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class CallRecord:
    """One call of a layer or operation of the model's graph, with its tensors as arrays.

    `operation` is the layer, `arguments` are what it was called with, by position and by name; `given` are
    the tensors among them, `made` those that it returned.
    """

    layer: str
    kind: str
    stock: bool
    takes_mask: bool
    given_mask: bool
    operation: Any
    arguments: tuple[tuple[Any, ...], dict[str, Any]]
    made: list[Any]

    @property
    def given(self) -> list[Any]:
        """The tensors that it was called with, on any device."""
        return tensors_of(self.arguments)

    @property
    def inputs(self) -> list[Array]:
        """The tensors that it was called with."""
        return _as_arrays(self.given)

    @property
    def outputs(self) -> list[Array]:
        """The tensors that it returned."""
        return _as_arrays(self.made)

    def call_again(self, values: Sequence[Array]) -> list[Array]:
        """Call the layer alone with other values of its tensors, and return its outputs."""
        args, kwargs = replace_tensors(self.arguments, values, _as_tensor_like)
        return _as_arrays(tensors_of(self.operation(*args, **kwargs)))


def record_calls(session: Session, rows: Rows) -> tuple[list[CallRecord], Outputs]:
    """Call the model eagerly; return the calls of its layers and operations, and its outputs."""
    calls: list[CallRecord] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        is_given = is_given_mask(args, kwargs)
        outputs = call_keeping_masks(running, original, args, kwargs)
        if is_recorded(running):
            layer = running[-1]
            calls.append(
                CallRecord(
                    layer=layer_path(running),
                    kind=type(layer).__name__,
                    stock=is_stock(layer),
                    takes_mask=has_mask_argument(layer),
                    given_mask=is_given,
                    operation=layer,
                    arguments=(args, kwargs),
                    made=tensors_of(outputs),
                )
            )
        return outputs

    session.restore()
    with intercept_calls(around):
        return calls, session.call(rows, training=False)


def is_recorded(running: CallStack) -> bool:
    """Whether a call is counted: of a layer or operation of the model's graph, not of a model inside it."""
    import keras

    return is_in_model_graph(running) and not isinstance(running[-1], keras.Model)


def _as_arrays(leaves: Sequence[Any]) -> list[Array]:
    from keras_consistency_cli.loading.model.input_structure import as_array

    return [as_array(leaf) for leaf in leaves]


def tensors_of(structure: Any) -> list[Any]:
    """Return the tensors of a nested structure."""
    import keras

    return [leaf for leaf in keras.tree.flatten(structure) if hasattr(leaf, "shape")]


@contextmanager
def replacing_call(
    number: int, values: Sequence[Array], *, side: Side, in_inputs: bool = False
) -> Iterator[None]:
    """Replace the tensors of one call, counted as `record_calls` does.

    Only the true time steps of a longer series are replaced.

    Args:
        number: the number of the call.
        values: the new values of its tensors, in their order.
        side: the side of the padding, which keeps its values.
        in_inputs: whether the tensors are those that the layer is called with.
    """
    count = 0

    def put(structure: Any) -> Any:
        return replace_tensors(structure, values, partial(_put, side=side))

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal count
        mine = -1
        if is_recorded(running):
            mine, count = count, count + 1
        if mine == number and in_inputs:
            args, kwargs = put((args, kwargs))
        outputs = call_keeping_masks(running, original, args, kwargs)
        return put(outputs) if mine == number and not in_inputs else outputs

    with intercept_calls(around):
        yield


def _put(leaf: Any, values: Array, side: Side) -> Any:
    """Return the tensor with these values in its true time steps, and with its mask."""
    filled = _as_arrays([leaf])[0].copy()
    filled[true_part(filled.shape, values.shape, side)] = values
    return with_values(leaf, filled)


def replace_tensors(structure: Any, values: Sequence[Array], replace: Callable[[Any, Array], Any]) -> Any:
    """Return a nested structure with other tensors: each is replaced by `replace(tensor, its values)`."""
    import keras

    rest = iter(values)
    return keras.tree.map_structure(
        lambda leaf: replace(leaf, next(rest)) if hasattr(leaf, "shape") else leaf, structure
    )


def with_values(leaf: Any, values: Array) -> Any:
    """Return a tensor of these values, with the dtype and the mask of `leaf`."""
    # Tensors of JAX have no attribute for a mask.
    from keras.src.backend.common.masking import get_keras_mask, set_keras_mask

    tensor, mask = _as_tensor_like(leaf, values), get_keras_mask(leaf)
    if mask is not None:
        set_keras_mask(tensor, mask)
    return tensor


def _as_tensor_like(leaf: Any, values: Array) -> Any:
    import keras

    return keras.ops.convert_to_tensor(values, dtype=keras.backend.standardize_dtype(leaf.dtype))


def true_part(shape: tuple[int, ...], true: tuple[int, ...], side: Side) -> tuple[slice, ...]:
    """Return the part of a padded array that belongs to true time steps, by axis."""
    pairs = zip(shape, true, strict=True)
    return tuple(slice(0, short) if side == "right" else slice(long - short, None) for long, short in pairs)


def align_outputs(padded: Outputs, cut: Outputs, side: Side) -> dict[str, Array]:
    """Return the outputs for padded rows in the shapes of those for cut rows, if they fit."""
    pairs = ((name, align_to(padded[name], values.shape, side)) for name, values in cut.items())
    return {name: values for name, values in pairs if values is not None}


def align_to(values: Array, shape: tuple[int, ...], side: Side) -> Array | None:
    """Return an array in a shorter shape, without the padding; None if it does not fit."""
    if values.ndim != len(shape) or any(
        long < short for long, short in zip(values.shape, shape, strict=True)
    ):
        return None
    return values[true_part(values.shape, shape, side)]


def are_close(padded: Sequence[Array], cut: Sequence[Array], side: Side) -> bool:
    """Whether the values for true time steps are equal but for rounding."""
    return len(padded) == len(cut) and all(
        _is_close(align_to(one, other.shape, side), other) for one, other in zip(padded, cut, strict=True)
    )


def _is_close(candidate: Array | None, reference: Array) -> bool:
    if candidate is None:
        return False
    if not is_float(reference.dtype):
        return bool((candidate == reference).all())
    return relative_difference(candidate, reference) <= TOLERANCE

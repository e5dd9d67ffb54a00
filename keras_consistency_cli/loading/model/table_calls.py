"""The values that reach the lookups of a model while it runs.

A lookup is a layer that takes ids, categories or words: an Embedding anywhere in the model, also inside a
custom layer. The call of its class is observed, so that whatever happens to the values on the way is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from keras_consistency_cli.loading.model.layer_walk import walk_layers
from keras_consistency_cli.text import clean

__all__ = ["TableCall", "TableCalls", "is_lookup", "read_table_sizes", "recording_table_calls"]

_SIZES: dict[str, str] = {
    "Embedding": "input_dim",
    "CategoryEncoding": "num_tokens",
    "IntegerLookup": "",
    "Hashing": "",
}
"""By class of lookup, the attribute with the number of its entries; "" if it takes any value."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TableCall:
    """One call of a lookup.

    Args:
        table: path of the layer in the model.
        kind: the class of Keras that it belongs to.
        size: number of its entries, None if it takes any value.
        masks_zero: whether 0 is padding.
        values: the values as they were given, before the layer casts them; those of bfloat16 as float32.
    """

    table: str
    kind: str
    size: int | None
    masks_zero: bool
    values: np.ndarray


@dataclass
class TableCalls:
    """The calls of one run.

    `hidden` says whether a lookup was called inside a compiled part of the model, where values are not known.
    """

    calls: list[TableCall] = field(default_factory=list)
    hidden: bool = False


def is_lookup(layer: Any) -> bool:
    """Whether the calls of this layer are recorded."""
    return isinstance(layer, tuple(getattr(keras.layers, kind) for kind in _SIZES))


def read_table_sizes(model: Any) -> Iterator[int]:
    """Yield the number of entries of each lookup that has a number of its own."""
    for _, layer in walk_layers(model):
        attributes = (
            attribute for kind, attribute in _SIZES.items() if isinstance(layer, getattr(keras.layers, kind))
        )
        size = getattr(layer, next(attributes, ""), None)
        if size is not None:
            yield int(size)


@contextmanager
def recording_table_calls(model: Any, kinds: Sequence[str] = tuple(_SIZES)) -> Iterator[TableCalls]:
    """Record every call of a lookup of these classes while the model runs eagerly.

    Values that a table does not have are replaced before it is called, so that the run goes on.
    """
    recorded = TableCalls()
    paths = {id(layer): path for path, layer in walk_layers(model)}
    with ExitStack() as stack:
        for kind in kinds:
            stack.enter_context(_observing(getattr(keras.layers, kind), recorded, paths))
        yield recorded


@contextmanager
def _observing(kind: type, recorded: TableCalls, paths: dict[int, str]) -> Iterator[None]:
    """Put a method before the call that a class inherits or has, and take it away again."""
    original: Callable[..., Any] = kind.__call__
    own = vars(kind).get("__call__")

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("reverse") or True in args[1:2]:
            # ReversibleEmbedding also projects hidden states back: these are no ids.
            return original(self, *args, **kwargs)
        call = _read_call(self, kind.__name__, args, paths)
        if call is None:
            recorded.hidden = recorded.hidden or not _is_symbolic(args)
            return original(self, *args, **kwargs)
        recorded.calls.append(call)
        try:
            return original(self, *_replace_unknown(call, args), **kwargs)
        except Exception:
            if call.size is not None or not hasattr(self, "get_vocabulary"):
                raise
            # A vocabulary without an entry for unknown words refuses them.
            return original(self, _fill_with_first_word(self, call.values), *args[1:], **kwargs)

    setattr(kind, "__call__", call)  # noqa: B010 - a method of a class is replaced
    try:
        yield
    finally:
        if own is None:
            delattr(kind, "__call__")
        else:
            setattr(kind, "__call__", own)  # noqa: B010


def _is_symbolic(args: tuple[Any, ...]) -> bool:
    """Whether Keras only computes shapes: the layer is called again with values."""
    return any(isinstance(leaf, keras.KerasTensor) for leaf in keras.tree.flatten(args))


def _read_call(layer: Any, kind: str, args: tuple[Any, ...], paths: dict[int, str]) -> TableCall | None:
    """Return the call with its values, None if these are not numbers or not known yet."""
    try:
        values = _as_numpy_type(np.asarray(keras.ops.convert_to_numpy(args[0])))
    except Exception:
        return None
    attribute = _SIZES.get(kind)
    size = getattr(layer, attribute, None) if attribute else None
    return TableCall(
        table=paths.get(id(layer), clean(layer.name)),
        kind=kind,
        size=None if size is None else int(size),
        masks_zero=bool(getattr(layer, "mask_zero", False)),
        values=values,
    )


def _replace_unknown(call: TableCall, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments with values inside the table."""
    if call.size is None or call.values.dtype.kind not in "fiu":
        return args
    known = np.clip(np.nan_to_num(call.values), 0, call.size - 1)
    if np.array_equal(known, call.values):
        return args
    tensor = keras.ops.convert_to_tensor(known.astype(call.values.dtype))
    mask = getattr(args[0], "_keras_mask", None)
    if mask is not None:
        tensor._keras_mask = mask
    return (tensor, *args[1:])


def _as_numpy_type(values: np.ndarray) -> np.ndarray:
    """Return bfloat16, which NumPy does not know, as float32, which holds it exactly."""
    return values.astype(np.float32) if values.dtype.name == "bfloat16" else values


def _fill_with_first_word(layer: Any, values: np.ndarray) -> Any:
    word = layer.get_vocabulary(include_special_tokens=False)[0]
    return keras.ops.convert_to_tensor(np.full(values.shape, word))

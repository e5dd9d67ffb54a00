"""Masks that a model computes by itself, with operations that no layer declares.

Any operation may make one: a comparison of ids with 0, a range below the lengths of rows. It is recognized by
its result, which is true at the true time steps of each row and false in the padding, or the other way round.
With the mask held as it is, other values in the padding must not change the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.distance import relative_difference
from keras_consistency_cli.routes.locating.padding_leak import PaddingLeak
from keras_consistency_cli.routes.numerics.op_hooks import Change, changing_operations
from keras_consistency_cli.routes.sequences.padded_rows import OwnMask, PaddedSample
from keras_consistency_cli.routes.sequences.series import TOLERANCE
from keras_consistency_cli.routes.session.batches import count_rows, select_rows
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls, layer_path
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["find_own_mask"]

Flags = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class _MaskMade:
    """The result of an operation that is a mask; `hides` says whether it is true in the padding."""

    kind: str
    tensor: Any
    hides: bool


def find_own_mask(
    session: Session, sample: PaddedSample, name: str, leak: PaddingLeak | None
) -> OwnMask | None:
    """Return what is known of the mask that the model computes, None if it computes none.

    Args:
        session: the session of the model.
        sample: padded rows.
        name: the input whose padding they show.
        leak: the layer that lets padding in.
    """
    sample = _fill_batch(sample, session.facts.batch_size)
    patterns = _mask_patterns(sample, name)
    if any(_read_mask(values, patterns) is not None for values in sample.rows.values()):
        return None  # the rows are a mask themselves: what is computed of them need not be one
    recorded = _Recorded(patterns)
    layer = "" if leak is None else leak["layer"]
    with changing_operations(recorded.change):
        plain, at_leak = _run(session, sample.rows, layer)
    if not recorded.masks:
        return None
    with changing_operations(_holding(recorded.masks)):
        refilled, _ = _run(session, sample.refill_padding(), layer)
    with changing_operations(_holding(recorded.masks, is_off=True)):
        _, without = _run(session, sample.rows, layer)
    is_given = any(_read_mask(values, patterns) is not None for values in at_leak.inputs)
    return {
        "moves": _compare_true_steps(refilled, plain, sample.is_true),
        "reaches_leak": is_given or _differs(at_leak.outputs, without.outputs),
    }


def _fill_batch(sample: PaddedSample, size: int | None) -> PaddedSample:
    """Return as many rows as a model with a batch size takes: they are repeated, or the first ones."""
    if size is None:
        return sample
    positions = np.resize(np.arange(len(sample.lengths)), size)
    return replace(sample, rows=select_rows(sample.rows, positions), lengths=sample.lengths[positions])


def _mask_patterns(sample: PaddedSample, name: str) -> list[Flags]:
    """Return the true time steps: by the lengths of the rows, and by the value of the padding."""
    values = sample.rows[name]
    steps = values.reshape(count_rows(sample.rows), sample.padding.steps, -1)
    by_value: Flags = (steps != sample.padding.value).any(axis=2)
    return [sample.is_true, by_value]


def _read_mask(values: Any, patterns: Sequence[Flags]) -> bool | None:
    """Return whether values are a mask that is true in the padding, None if they are no mask.

    Numbers of 0 and 1 count too, and further axes of length 1.
    """
    rows, steps = patterns[0].shape
    shape = tuple(values.shape)
    if shape[:1] != (rows,) or tuple(size for size in shape[1:] if size != 1) != (steps,):
        return None
    flags = np.asarray(values).reshape(rows, steps)
    if any(np.array_equal(flags, pattern) for pattern in patterns):
        return False
    return True if any(np.array_equal(flags, ~pattern) for pattern in patterns) else None


@dataclass(eq=False)
class _Recorded:
    """The masks among the results of operations, by the number of the operation."""

    patterns: Sequence[Flags]
    masks: dict[int, _MaskMade] = field(default_factory=dict)
    count: int = 0

    def change(self, kind: str, _inputs: Any, outputs: list[Any]) -> None:
        """Look at the results of one operation; they stay as they are."""
        number, self.count = self.count, self.count + 1
        if len(outputs) != 1 or not hasattr(outputs[0], "numpy"):
            return
        hides = _read_mask(outputs[0], self.patterns)
        if hides is not None:
            self.masks[number] = _MaskMade(kind=kind, tensor=outputs[0], hides=hides)


def _holding(masks: Mapping[int, _MaskMade], *, is_off: bool = False) -> Change:
    """Return a change that gives each of these operations its recorded result, or one that hides nothing."""
    import tensorflow as tf

    count = 0

    def change(kind: str, _inputs: Any, outputs: list[Any]) -> None:
        nonlocal count
        mask, count = masks.get(count), count + 1
        if mask is None or mask.kind != kind:
            return
        nothing = tf.zeros_like if mask.hides else tf.ones_like
        outputs[0] = nothing(mask.tensor) if is_off else mask.tensor

    return change


@dataclass(eq=False)
class _AtLayer:
    """What a layer was given and what it returned, as far as these are arrays."""

    inputs: list[Array] = field(default_factory=list)
    outputs: list[Array] = field(default_factory=list)


def _run(session: Session, rows: Rows, layer: str) -> tuple[Outputs, _AtLayer]:
    """Call the model eagerly; return its outputs, and inputs and outputs of one layer."""
    session.restore()
    with _recording(layer) as found:
        return session.call(rows, training=False), found


@contextmanager
def _recording(layer: str) -> Iterator[_AtLayer]:
    found = _AtLayer()

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        if layer_path(running) == layer:
            found.inputs += _arrays((args, kwargs))
            found.outputs += _arrays(outputs)
        return outputs

    with intercept_calls(around):
        yield found


def _arrays(structure: Any) -> list[Array]:
    import keras

    leaves = keras.tree.flatten(structure)
    return [np.asarray(leaf, np.float32) for leaf in leaves if hasattr(leaf, "numpy")]


def _differs(values: Sequence[Array], others: Sequence[Array]) -> bool:
    pairs = zip(values, others, strict=False)
    return any(
        one.shape == other.shape and relative_difference(other, one) > TOLERANCE for one, other in pairs
    )


def _compare_true_steps(candidate: Outputs, reference: Outputs, is_true: Flags) -> float:
    """Return the greatest difference of the outputs, without those for padded time steps."""
    differences = (
        relative_difference(candidate[name], values, is_true if values.shape[:2] == is_true.shape else None)
        for name, values in reference.items()
    )
    return max(differences, default=0.0)

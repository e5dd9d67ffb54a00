"""Run the model on one backend with outputs of its layers from a different backend.

Calls are identified by their number: the same file calls the same layers in the same order on every backend.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_numeric, max_abs_difference
from keras_consistency_cli.routes.locating.call_records import (
    is_recorded,
    replace_tensors,
    tensors_of,
    with_values,
)
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls, layer_path
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["HeldCall", "HeldRun", "KeptCall", "differences", "largest_number", "run_holding"]


@dataclass(frozen=True, kw_only=True)
class KeptCall:
    """The tensors that one call took and returned on the other backend."""

    taken: Sequence[np.ndarray] = ()
    made: Sequence[np.ndarray] = ()


@dataclass(frozen=True, kw_only=True)
class HeldCall:
    """One call: its layer, and how far its own tensors are from those of the other backend.

    `around` is the class whose code calls the layer. Differences, of what it takes (`before`) and returns,
    are shares of the largest number there, infinite for different shapes and for NaN on one side only.
    `failed` if the layer raises an error.
    """

    layer: str
    kind: str
    around: str
    before: float
    difference: float
    failed: bool = False

    @property
    def greatest(self) -> float:
        """The greater one of both differences."""
        return max(self.before, self.difference)


@dataclass(frozen=True, kw_only=True)
class HeldRun:
    """The calls of a run in their order, and its outputs; None if it failed."""

    calls: Sequence[HeldCall]
    outputs: Outputs | None


def run_holding(
    session: Session,
    rows: Rows,
    kept: Sequence[KeptCall],
    held: Collection[int],
    taking: Collection[int] = (),
) -> HeldRun:
    """Call the model eagerly; some calls get the tensors of the other backend in place of their own.

    Args:
        session: the session of the backend that is examined.
        rows: one batch.
        kept: the calls on the other backend.
        held: numbers of calls that return what they return there.
        taking: numbers of calls that take what they take there.
    """
    calls: list[HeldCall] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        number = len(calls)
        if not is_recorded(running) or number >= len(kept):
            return original(*args, **kwargs)
        theirs = kept[number]
        before = _relative_difference(tensors_of((args, kwargs)), theirs.taken)
        if number in taking:
            args, kwargs = replace_tensors((args, kwargs), theirs.taken, with_values)
        outputs, failed = _try(original, args, kwargs)
        calls.append(_describe(running, before, outputs, theirs, failed=failed is not None))
        if failed is not None and number not in held:
            raise failed
        if failed is not None:
            return _stand_in(theirs.made)
        return replace_tensors(outputs, theirs.made, with_values) if number in held else outputs

    session.restore()
    try:
        with intercept_calls(around):
            return HeldRun(calls=calls, outputs=session.call(rows, training=False))
    except Exception:
        # Whatever the model's own code raises there.
        return HeldRun(calls=calls, outputs=None)


def _try(
    original: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Any, Exception | None]:
    try:
        return original(*args, **kwargs), None
    except Exception as problem:
        return None, problem


def _describe(running: CallStack, before: float, outputs: Any, theirs: KeptCall, *, failed: bool) -> HeldCall:
    return HeldCall(
        layer=layer_path(running),
        kind=type(running[-1]).__name__,
        around=type(running[-2]).__name__ if len(running) > 1 else "",
        before=before,
        difference=float("inf") if failed else _relative_difference(tensors_of(outputs), theirs.made),
        failed=failed,
    )


def _relative_difference(tensors: Sequence[Any], expected: Sequence[np.ndarray]) -> float:
    from keras_consistency_cli.loading.model.input_structure import as_array

    if len(tensors) != len(expected):
        return float("inf")
    return max(
        (_share(as_array(tensor), values) for tensor, values in zip(tensors, expected, strict=True)),
        default=0.0,
    )


def _share(values: np.ndarray, expected: np.ndarray) -> float:
    return max_abs_difference(values, expected, nan="equal") / (largest_number(expected) or 1.0)


def largest_number(values: np.ndarray) -> float:
    """Return the largest finite number by size; 0 if there is none, as among texts."""
    if not is_numeric(values.dtype):
        return 0.0
    return float(np.abs(values[np.isfinite(values)].astype(np.float64)).max(initial=0.0))


def _stand_in(values: Sequence[np.ndarray]) -> Any:
    """The outputs of a layer that raises an error."""
    import keras

    tensors = [keras.ops.convert_to_tensor(each) for each in values]
    return tensors[0] if len(tensors) == 1 else tensors


def differences(candidate: Outputs | None, reference: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the greatest difference by output; infinite without outputs, and for NaN on one side only."""
    return {
        name: max_abs_difference(candidate[name], values, nan="equal")
        if candidate is not None and name in candidate
        else float("inf")
        for name, values in reference.items()
    }

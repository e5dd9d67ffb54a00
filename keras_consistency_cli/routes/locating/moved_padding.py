"""Padding that a layer moves off the masked value before the mask is made.

A Masking layer after a scaling layer gets padding that is scaled too: the mask then hides nothing. The same
rows are run again with the masked value put back, and their outputs are compared with those without padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.routes.locating.call_records import (
    CallRecord,
    align_outputs,
    replacing_call,
)
from keras_consistency_cli.routes.locating.padding_runs import PaddingRuns, RecordedRuns
from keras_consistency_cli.routes.session.distances import greatest_difference, greatest_value
from keras_consistency_cli.routes.trace import Outputs

__all__ = ["MovedPadding", "find_moved_padding"]

Array = npt.NDArray[Any]


class MovedPadding(TypedDict):
    """A layer that moves the padding off the masked value.

    `layer` moves it, `masking` makes the mask. `mask` is the masked value, `arrives` the padding of the first
    features as it arrives there. `before` and `left` are the greatest differences between rows with padding
    and without, as they are and with the masked value put back.
    """

    layer: str
    kind: str
    masking: str
    mask: float
    arrives: list[float]
    before: float
    left: float | None
    scale: float


@dataclass(frozen=True, kw_only=True)
class _MaskMade:
    """The call that makes a mask, and the padding that arrives there."""

    number: int
    record: CallRecord
    value: float
    arrives: Array


def find_moved_padding(runs: RecordedRuns, name: str, *, one_length: bool = False) -> MovedPadding | None:
    """Return the layer that moves the padding off the masked value, None if there is none.

    Args:
        runs: rows of one true length with padding and without.
        name: the input with the padding.
        one_length: whether the model takes rows of one length only; then nothing is known without padding.
    """
    calls, padded_outputs = runs.padded
    is_padding = _padding_flags(runs.runs, name)
    made = next(_find_made_masks(calls, is_padding), None)
    if made is None:
        return None
    mover = _find_mover(calls[: made.number], made, is_padding, runs.runs.padded[name])
    if mover is None:
        return None
    restored = _run_with_masked_value(runs, calls, made, is_padding)
    return {
        "layer": mover.layer,
        "kind": mover.kind,
        "masking": made.record.layer,
        "mask": made.value,
        "arrives": [float(value) for value in made.arrives.ravel()[:4]],
        **_measure_effect(runs, padded_outputs, restored, one_length=one_length),
    }


class _Effect(TypedDict):
    before: float
    left: float | None
    scale: float


def _measure_effect(runs: RecordedRuns, padded: Outputs, restored: Outputs, *, one_length: bool) -> _Effect:
    """Measure what the moved padding changes, and what is left of it with the masked value put back."""
    plain = restored if one_length else runs.cut[1]
    before, left = (
        greatest_difference(align_outputs(outputs, plain, runs.side), plain) for outputs in (padded, restored)
    )
    scale = greatest_value(plain)
    return {"before": before, "left": None if one_length else left, "scale": scale}


def _padding_flags(runs: PaddingRuns, name: str) -> npt.NDArray[np.bool_]:
    """Return which time steps are padding, the same for all rows: they have one true length."""
    steps, true = runs.padded[name].shape[1], runs.cut[name].shape[1]
    position = np.arange(steps) if runs.side == "right" else np.arange(steps)[::-1]
    return np.asarray(position >= true)


def _find_made_masks(calls: Sequence[CallRecord], is_padding: npt.NDArray[np.bool_]) -> Iterator[_MaskMade]:
    """Yield the calls that make a mask which hides none or only a part of the padding."""
    from keras_consistency_cli.loading.model.facts import masked_value

    for number, record in enumerate(calls):
        value = masked_value(record.operation)
        steps = next((leaf for leaf in record.inputs if _has_steps(leaf, is_padding)), None)
        if value is not None and steps is not None and not (steps[:, is_padding] == value).all():
            yield _MaskMade(number=number, record=record, value=value, arrives=steps[0, is_padding][0])


def _has_steps(values: Array, is_padding: npt.NDArray[np.bool_]) -> bool:
    return values.ndim >= 2 and values.shape[1] == len(is_padding) and values.dtype.kind in "fiu"


def _find_mover(
    calls: Sequence[CallRecord], made: _MaskMade, is_padding: npt.NDArray[np.bool_], rows: Array
) -> CallRecord | None:
    """Return the first call that gets the masked value as padding and returns something else.

    Rows that are padded with a different value were never moved off it.
    """

    def is_masked(values: Sequence[Array]) -> bool:
        return any(bool((each[:, is_padding] == made.value).all()) for each in values)

    if not is_masked([rows]):
        return None
    for record in calls:
        given, returned = (
            [leaf for leaf in leaves if _has_steps(leaf, is_padding)]
            for leaves in (record.inputs, record.outputs)
        )
        if returned and is_masked(given) and not is_masked(returned):
            return record
    return made.record


def _run_with_masked_value(
    runs: RecordedRuns,
    calls: Sequence[CallRecord],
    made: _MaskMade,
    is_padding: npt.NDArray[np.bool_],
) -> Outputs:
    """Return the outputs with the masked value put back into the padding where the mask is made."""

    def put_back(leaf: Array) -> Array:
        if not _has_steps(leaf, is_padding):
            return leaf
        values = leaf.copy()
        values[:, is_padding] = made.value
        return values

    source = next(
        (
            number
            for number in range(made.number - 1, -1, -1)
            if any(output is tensor for output in calls[number].made for tensor in made.record.given)
        ),
        None,
    )
    # A functional graph makes the mask from the tensor that a layer returned, not in the masking layer.
    number = made.number if source is None else source
    leaves = made.record.inputs if source is None else calls[source].outputs
    with replacing_call(
        number, [put_back(leaf) for leaf in leaves], side=runs.side, in_inputs=source is None
    ):
        return runs.run_padded()

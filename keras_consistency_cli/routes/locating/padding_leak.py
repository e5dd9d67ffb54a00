"""The layer at which padding gets into the true time steps.

The same rows are run with padding and without. Such a layer is given the same true time steps in both runs,
and its outputs for them differ. Its outputs are then replaced by those without padding: if it is the only
one, padding changes nothing any more. If it returns the time steps in the opposite order, the mask is
reversed after it instead. If it makes the mask, it gets one that hides the padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.negligible import is_nothing_left
from keras_consistency_cli.routes.locating.call_records import (
    CallRecord,
    align_outputs,
    align_to,
    are_close,
    replacing_call,
    true_part,
)
from keras_consistency_cli.routes.locating.padding_runs import RecordedRuns
from keras_consistency_cli.routes.sequences.alignment.reversed_masks import reversing_mask
from keras_consistency_cli.routes.sequences.padding_detection import OTHER_SIDE, Side
from keras_consistency_cli.routes.sequences.padding_uses import PaddingUse, find_padding_uses
from keras_consistency_cli.routes.session.distances import greatest_difference, greatest_value
from keras_consistency_cli.routes.trace import Outputs

__all__ = ["PaddingLeak", "find_padding_leak"]

_MOST_SUSPECTS = 4


class PaddingLeak(TypedDict):
    """The layer at which padding gets into the true time steps.

    `stock` is whether it belongs to Keras or its packages, `takes_mask` whether its call has an argument for
    a mask, `given_mask` whether it got one. `counts_positions` is whether only the place of the padding
    matters, `reverses_time` whether the true time steps leave it at the other end, `makes_mask` whether its
    outputs are a mask, which differs for the true time steps. `uses` is what it, and the layers after it, do
    with the padding.
    `before` and `left` are the greatest differences of the outputs with its own outputs as they are, and as
    they are without padding.
    """

    layer: str
    kind: str
    stock: bool
    takes_mask: bool
    given_mask: bool
    counts_positions: bool
    reverses_time: bool
    makes_mask: bool
    uses: list[PaddingUse]
    before: float
    left: float
    scale: float


@dataclass(frozen=True, kw_only=True)
class _Suspect:
    """A call in which the difference begins, in its outputs or, by the code of the model, in its inputs."""

    number: int
    record: CallRecord
    in_inputs: bool
    reverses_time: bool = False

    @property
    def makes_mask(self) -> bool:
        """Whether its outputs are masks."""
        outputs = self.record.outputs
        return not self.in_inputs and bool(outputs) and all(each.dtype == bool for each in outputs)


def find_padding_leak(runs: RecordedRuns) -> PaddingLeak | None:
    """Return the layer that lets padding into the true time steps, None if no single call shows it."""
    (padded, padded_outputs), (cut, cut_outputs) = runs.padded, runs.cut
    if [call.layer for call in padded] != [call.layer for call in cut]:
        return None
    before = _difference(padded_outputs, cut_outputs, runs.side)
    scale = greatest_value(cut_outputs)
    found: PaddingLeak | None = None
    suspects = list(_find_suspects(padded, cut, runs.side))[:_MOST_SUSPECTS]
    for suspect in suspects:
        left = _measure_left(runs, suspect)
        is_only_one = is_nothing_left(left, before=before, scale=scale)
        if found is None or is_only_one:
            found = _describe(suspect, before, left, scale)
            is_of_mask = suspect.reverses_time or suspect.makes_mask
            found["counts_positions"] = not is_of_mask and _counts_positions(
                runs, suspect, cut[suspect.number]
            )
        if is_only_one:
            break
    if found is not None:
        first = suspects[0].number
        found["uses"] = find_padding_uses(padded, cut, runs.side, runs.steps, first=first)
    return found


def _describe(suspect: _Suspect, before: float, left: float, scale: float) -> PaddingLeak:
    record = suspect.record
    return {
        "layer": record.layer,
        "kind": record.kind,
        "stock": record.stock,
        "takes_mask": record.takes_mask,
        "given_mask": record.given_mask,
        "counts_positions": False,
        "reverses_time": suspect.reverses_time,
        "makes_mask": suspect.makes_mask,
        "uses": [],
        "before": before,
        "left": left,
        "scale": scale,
    }


def _find_suspects(padded: Sequence[CallRecord], cut: Sequence[CallRecord], side: Side) -> Iterator[_Suspect]:
    """Yield every call that has the same inputs and different outputs.

    If the first difference is in the inputs of a call, the code between the layers makes it.
    """
    is_first = True
    for number, (one, other) in enumerate(zip(padded, cut, strict=True)):
        has_same_inputs = are_close(one.inputs, other.inputs, side)
        has_same_outputs = are_close(one.outputs, other.outputs, side)
        if has_same_inputs and not has_same_outputs:
            reverses = one.given_mask and are_close(one.outputs, other.outputs, OTHER_SIDE[side])
            yield _Suspect(number=number, record=one, in_inputs=False, reverses_time=reverses)
        elif is_first and not has_same_inputs:
            yield _Suspect(number=number, record=one, in_inputs=True)
        is_first = is_first and has_same_inputs and has_same_outputs


def _measure_left(runs: RecordedRuns, suspect: _Suspect) -> float:
    """Return what padding still changes with this suspect switched off."""
    cut, cut_outputs = runs.cut
    if not suspect.reverses_time:
        return _difference(_run_replaced(runs, suspect, cut), cut_outputs, runs.side)
    with reversing_mask(suspect.number):
        outputs = runs.run_padded()
    # Outputs for each time step may be in the opposite order, too.
    return min(_difference(outputs, cut_outputs, side) for side in (runs.side, OTHER_SIDE[runs.side]))


def _run_replaced(runs: RecordedRuns, suspect: _Suspect, cut: Sequence[CallRecord]) -> Outputs:
    """Return the outputs for padded rows with this call's values as they are without padding."""
    source = cut[suspect.number]
    values = source.inputs if suspect.in_inputs else source.outputs
    if suspect.makes_mask:
        pairs = zip(values, suspect.record.outputs, strict=True)
        values = [_hide_padding(mask, padded.shape, runs.side) for mask, padded in pairs]
    with replacing_call(suspect.number, values, side=runs.side, in_inputs=suspect.in_inputs):
        return runs.run_padded()


def _hide_padding(mask: npt.NDArray[Any], shape: tuple[int, ...], side: Side) -> npt.NDArray[Any]:
    """Return the mask without padding in this shape, with False in the padding."""
    hidden = np.zeros(shape, bool)
    hidden[true_part(shape, mask.shape, side)] = mask
    return hidden


def _difference(padded: Outputs, cut: Outputs, side: Side) -> float:
    """Return the greatest difference of the outputs for true time steps."""
    return greatest_difference(align_outputs(padded, cut, side), cut)


def _counts_positions(runs: RecordedRuns, suspect: _Suspect, cut: CallRecord) -> bool:
    """Whether the values depend on the place of the padding only.

    With the padding on the other side they are those without padding; with other values in the padding they
    stay as they were.
    """
    steps = suspect.record.inputs if suspect.in_inputs else suspect.record.outputs
    plain = cut.inputs if suspect.in_inputs else cut.outputs
    if all(one.shape == other.shape for one, other in zip(steps, plain, strict=True)):
        return False
    moved, refilled = runs.moved[0], runs.refilled[0]
    if not suspect.number < min(len(moved), len(refilled)):
        return False
    on_other_side, with_other_values = (
        record[suspect.number].inputs if suspect.in_inputs else record[suspect.number].outputs
        for record in (moved, refilled)
    )
    if not are_close(on_other_side, plain, OTHER_SIDE[runs.side]):
        return False
    true = [align_to(values, other.shape, runs.side) for values, other in zip(steps, plain, strict=True)]
    return are_close(with_other_values, [values for values in true if values is not None], runs.side)

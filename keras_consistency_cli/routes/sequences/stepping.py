"""The route along time: later and earlier time steps, prefixes, and single time steps.

All differences are shares of the greatest output.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict, TypeVar

import numpy as np

from keras_consistency_cli.measurement.distance import relative_difference
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.sequences.look_ahead import (
    contradicting_layer,
    find_layer_looking_ahead,
    has_time_axis,
)
from keras_consistency_cli.routes.sequences.loops import run_step_by_step
from keras_consistency_cli.routes.sequences.series import (
    RECURRENT,
    TOLERANCE,
    describe_length_error,
    explain_no_time_axis,
    find_series_inputs,
)
from keras_consistency_cli.routes.sequences.series_sample import SeriesSample
from keras_consistency_cli.routes.sequences.stateful_copies import (
    find_decoder,
    find_encoder_inputs,
    run_stateful_copy,
)
from keras_consistency_cli.routes.session.batches import count_rows, first_batch
from keras_consistency_cli.routes.session.distances import greatest_relative_difference
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["STEPPING_ROUTES", "StepDetails"]

_ROWS = 4
_T = TypeVar("_T")
_CARRYING_STATE = RECURRENT - {"Bidirectional"}
_WINDOW_SIZES = tuple(2**power for power in range(12))


class WindowDifference(TypedDict):
    """The difference of the last output for a window of the last time steps.

    `steps` is the size of the window, `reach` the number of last time steps that decide the output (None if
    all do), `off` the difference.
    """

    steps: int
    reach: int | None
    off: float


class StepDetails(TypedDict, total=False):
    """The differences that this route measures; a text says why there is none.

    `per_step` says whether there is an output for each time step, `layer` and `kind` name the first layer
    with a difference for later time steps, `contradicts` whether it follows attention with a causal mask.
    """

    per_step: bool
    steps: int
    stateful: bool
    encoder: bool
    decoder: str | None
    past: float
    future: float
    layer: str
    kind: str
    contradicts: bool
    prefix: float | str
    one_step: float | str
    twin: float | str
    window: WindowDifference | str


def _measure_steps(session: Session, rows: Rows) -> Result:
    """Measure the differences along time; empty details if no input is a series."""
    few = first_batch(rows, session.facts.batch_size or min(_ROWS, count_rows(rows)))
    names = _select_series(session, few)
    if not names:
        return Result(outputs={}, details={})
    sample = SeriesSample(session=session, rows=few, names=names, whole=session.fresh_step(few))
    details: StepDetails = {
        "per_step": bool(sample.step_outputs),
        "steps": sample.length,
        "stateful": bool(session.facts.stateful_layers),
    }
    if find_encoder_inputs(session.model):
        details |= {"encoder": True, "decoder": find_decoder(session.model)}
    details |= _measure_dependence(sample)
    details["one_step"] = _try(lambda: _measure_single_steps(sample))
    if _may_need_stateful_copy(session, details):
        details["twin"] = _try(lambda: _measure_stateful_copy(sample))
    if not session.facts.stateful_layers:
        details["window"] = _try(lambda: _measure_window(sample))
    return Result(outputs={}, details=details)


def _select_series(session: Session, rows: Rows) -> list[str]:
    """Return the series that run along time together: those as long as the first one.

    If there is an encoder and a decoder, they are the series of the decoder.
    """
    encoded = find_encoder_inputs(session.model)
    names = list(find_series_inputs(session, rows))
    names = [name for name in names if name not in encoded] or names
    return [name for name in names if rows[name].shape[1] == rows[names[0]].shape[1]]


def _measure_dependence(sample: SeriesSample) -> StepDetails:
    """Measure the effects of earlier and later time steps, or else a prefix."""
    has_step_outputs = bool(sample.step_outputs)
    cut = sample.length // 2 if has_step_outputs else sample.length - 1
    before, after = slice(0, cut), slice(cut, None)
    details: StepDetails = {"past": _measure_replaced(sample, replaced=before, compared=after)}
    if not has_step_outputs:
        return details
    details["future"] = _measure_replaced(sample, replaced=after, compared=before)
    if details["future"] <= TOLERANCE:
        details["prefix"] = _try(lambda: _measure_prefix(sample, cut))
        return details
    layer = find_layer_looking_ahead(
        sample.session, sample.rows, sample.replace_steps(after), length=sample.length, cut=cut
    )
    if layer is not None:
        contradicting = contradicting_layer(sample.session, sample.rows, layer, sample.length)
        named = contradicting or layer
        details |= {"layer": named["layer"], "kind": named["kind"], "contradicts": contradicting is not None}
    return details


def _measure_replaced(sample: SeriesSample, *, replaced: slice, compared: slice) -> float:
    """Return the difference of the outputs if some time steps are replaced.

    Of outputs for each time step only the compared time steps count.
    """
    changed = sample.session.fresh_step(sample.replace_steps(replaced))
    pairs = [
        (changed[name][:, compared], sample.whole[name][:, compared]) for name in sample.step_outputs
    ] or [(changed[name], values) for name, values in sample.whole.items()]
    return max(relative_difference(candidate, reference) for candidate, reference in pairs)


def _try(measure: Callable[[], _T]) -> _T | str:
    """Return what was measured, or the reason why it could not be.

    A model of one length refuses prefixes and single time steps.
    """
    from keras_consistency_cli.loading.model.copies.variable_length import CopyRefused

    try:
        return measure()
    except CopyRefused as reason:
        return str(reason)
    except Exception as problem:
        return describe_length_error(problem)


def _measure_prefix(sample: SeriesSample, cut: int) -> float:
    """Return the difference between a prefix and the whole, at the same time step."""
    outputs = sample.run_part(slice(0, cut))
    return max(
        relative_difference(outputs[name][:, -1], sample.whole[name][:, cut - 1])
        for name in sample.step_outputs
    )


def _measure_single_steps(sample: SeriesSample) -> float:
    may_keep_state = sample.session.facts.stateful_layers or sample.session.has_own_code
    if not sample.step_outputs and not may_keep_state:
        # The outputs are those of the last step, and the steps before it leave nothing behind.
        return greatest_relative_difference(sample.run_part(slice(-1, None)), sample.whole)
    steps = run_step_by_step(sample.open_for_any_length(), sample.rows, sample.names)
    return _compare_with_whole(steps, sample.whole)


def _measure_stateful_copy(sample: SeriesSample) -> float:
    return _compare_with_whole(run_stateful_copy(sample.session, sample.rows, sample.names), sample.whole)


def _compare_with_whole(steps: list[np.ndarray], whole: Outputs) -> float:
    """Return the difference of all time steps, or of the last one for outputs per row."""
    return max(
        _compare_steps(values, reference) for values, reference in zip(steps, whole.values(), strict=True)
    )


def _compare_steps(steps: np.ndarray, whole: np.ndarray) -> float:
    if whole.ndim > 2 and whole.shape[1] == len(steps) and steps.ndim == whole.ndim + 1:
        return relative_difference(np.moveaxis(steps[:, :, 0], 0, 1), whole)
    return relative_difference(steps[-1], whole)


def _measure_window(sample: SeriesSample) -> WindowDifference:
    """Measure how many of the last time steps decide the last output, and a window."""
    ends = {
        name: values[:, -1] if has_time_axis(values, sample.length) else values
        for name, values in sample.whole.items()
    }
    sizes = [size for size in _WINDOW_SIZES if size < sample.length]
    reach = None
    if sizes and _is_decided_by(sample, ends, sizes[-1]):
        # A longer window decides what a shorter one does.
        reach = sizes[bisect_left(sizes[:-1], True, key=lambda size: _is_decided_by(sample, ends, size))]
    size = reach or max(sample.length // 2, 1)
    outputs = sample.run_part(slice(-size, None))
    difference = max(
        relative_difference(
            outputs[name][:, -1] if has_time_axis(outputs[name], size) else outputs[name], reference
        )
        for name, reference in ends.items()
    )
    return {"steps": size, "reach": reach, "off": difference}


def _is_decided_by(sample: SeriesSample, ends: Outputs, size: int) -> bool:
    """Whether only the last `size` time steps decide the last outputs."""
    changed = sample.session.fresh_step(sample.replace_steps(slice(0, sample.length - size)))
    difference = max(
        relative_difference(
            changed[name][:, -1] if changed[name].ndim > reference.ndim else changed[name], reference
        )
        for name, reference in ends.items()
    )
    return difference <= TOLERANCE


def _may_need_stateful_copy(session: Session, details: StepDetails) -> bool:
    """Whether a copy that carries its state could be exact.

    It could for a recurrent model that depends on earlier time steps only, and is not stateful. An encoder
    may read its series in both directions, because it gets the whole of it.
    """
    kinds = {layer.kind for layer in session.facts.layers}
    is_recurrent = not kinds.isdisjoint(_CARRYING_STATE)
    if "Bidirectional" in kinds and not details.get("encoder"):
        return False
    is_causal = details.get("future", 0.0) <= TOLERANCE < details["past"]
    return is_recurrent and is_causal and not session.facts.stateful_layers


STEPPING_ROUTES: tuple[Route, ...] = (
    Route(
        name="steps",
        summary="prefixes, single time steps, and the effects of future and past",
        run=_measure_steps,
        unavailable=explain_no_time_axis,
        moves=True,
    ),
)

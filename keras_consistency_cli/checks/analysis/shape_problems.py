"""Shapes and axes that differ from the declared ones, and the NumPy that repairs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.analysis.axis_order import find_channels_first, find_swapped_axes
from keras_consistency_cli.checks.analysis.sequence_layers import SEQUENCE, has_layer
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.context import GivenRows, RefusedRows
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.sequences.series import RECURRENT
from keras_consistency_cli.text import clean, shape_text

__all__ = ["InputProblem", "describe_refusal", "find_shape_problem"]

_Shape = Sequence[int | None]


@dataclass(frozen=True, kw_only=True)
class InputProblem:
    """One problem of the rows: how serious it is, its cause, a message, and how to fix it.

    `layer` is where it shows, empty if it is not a layer. `confirmed` says whether the fix was tried on the
    values.
    """

    status: Status
    cause: str
    message: str
    fix: str
    layer: str = ""
    confirmed: bool = False


def find_shape_problem(name: str, given: GivenRows, evidence: Evidence) -> InputProblem | None:
    """Return the first problem with the shape or the axes of one input's rows, else None."""
    return (
        _wrong_rank(name, given)
        or _wrong_length(name, given)
        or _swapped_axes(name, given, evidence)
        or _unlike_reference(name, given, evidence)
        or _channels_first(name, given)
        or _single_step(name, given, evidence)
    )


def describe_refusal(refused: RefusedRows) -> InputProblem:
    """Return the problem of rows that the model refuses."""
    message = (
        f"{_mismatch(refused.input, refused.shape, refused.expected, served=refused.served)}; "
        "the model refuses them, Keras raises 'incompatible' or a shape error"
    )
    fix = f"x = {refused.fix}" if refused.fix and refused.fix.startswith("x") else refused.fix
    return InputProblem(
        status=Status.FAIL,
        cause=_cause_of_refusal(refused),
        message=message,
        fix=fix or (_resize(refused.expected) if len(refused.shape) == len(refused.expected) else ""),
    )


def _cause_of_refusal(refused: RefusedRows) -> str:
    shape, expected = refused.shape, refused.expected
    if len(shape) != len(expected):
        return "wrong-rank"
    if (refused.fix or "").startswith("x.transpose"):
        return "axes-swapped"
    return "wrong-features" if expected[-1] not in (None, shape[-1]) else "wrong-length"


def _mismatch(name: str, shape: _Shape, expected: _Shape, *, served: bool = False) -> str:
    declared, rows = shape_text((None, *expected[1:])), "served rows" if served else "rows"
    return f"input '{clean(name, 60)}' expects {declared}, {rows} have {shape_text(shape)}"


def _problem(
    name: str, given: GivenRows, what: str, fix: str, *, cause: str, status: Status = Status.FAIL
) -> InputProblem:
    message = f"{_mismatch(name, given.shape, given.expected)}; {what}"
    return InputProblem(status=status, cause=cause, message=message, fix=fix)


def _wrong_rank(name: str, given: GivenRows) -> InputProblem | None:
    shape, expected = given.shape, given.expected
    # A plain column is what a table gives; Keras cannot mistake its only axis.
    if len(shape) == len(expected) or (len(shape) == 1 and list(expected[1:]) in ([1], [None])):
        return None
    if len(shape) == 2 and len(expected) == 3 and shape[-1] == 1:
        what = (
            f"Keras takes one series without its batch axis for {shape[0]} rows of one time step, "
            f"and returns {shape[0]} outputs"
        )
        return _problem(name, given, what, "give the batch axis: x = x[None]", cause="wrong-rank")
    if 1 < len(shape) == len(expected) - 1 and expected[1] not in (None, shape[1]):
        steps = f"{shape[1]} time steps instead of {expected[1]}"
        what = f"Keras adds a last axis and takes {steps}, without any error"
        return _problem(name, given, what, _resize(expected), cause="wrong-length")
    if len(shape) < len(expected):
        what, fix = "Keras adds the missing last axis, without any error", "x = x[..., None]"
    else:
        what, fix = "Keras removes the last axis of size 1, without any error", "x = x[..., 0]"
    return _problem(name, given, what, fix, cause="wrong-rank", status=Status.WARN)


def _wrong_length(name: str, given: GivenRows) -> InputProblem | None:
    shape, expected = given.shape, given.expected
    wrong = [axis for axis in range(1, len(shape)) if expected[axis] not in (None, shape[axis])]
    if not wrong:
        return None
    if len(wrong) == 2 and [shape[axis] for axis in wrong] == [expected[axis] for axis in reversed(wrong)]:
        first, second = wrong
        order = list(range(len(shape)))
        order[first], order[second] = second, first
        what = f"axes {first} and {second} are swapped, which a Sequential model accepts without any error"
        return _problem(name, given, what, _transpose(order), cause="axes-swapped")
    axis = wrong[0]
    length = (
        "a single time step" if shape[axis] == 1 and axis == 1 else f"axis {axis} has length {shape[axis]}"
    )
    declared = shape_text((None, *expected[1:]))
    what = (
        f"{length} instead of {expected[axis]}; a Sequential model does not check its length, a Functional "
        f"model raises 'expected shape={declared}, found shape={shape_text(shape)}'"
    )
    return _problem(name, given, what, _resize(expected), cause="wrong-length")


def _resize(expected: _Shape) -> str:
    steps = expected[1]
    return f"give series of {steps} time steps: cut them with x[:, -{steps}:], or pad them as in training"


def _transpose(order: Sequence[int]) -> str:
    return f"x = x.transpose({', '.join(map(str, order))})"


def _swapped_axes(name: str, given: GivenRows, evidence: Evidence) -> InputProblem | None:
    """Time on a different axis than 1: as the owner states, or as statistics show."""
    stated = evidence.data.owner.time_axis
    if stated is not None:
        return _stated_time_axis(name, given, evidence, stated)
    reference = evidence.data.reference_rows.get(name)
    swap = find_swapped_axes(given, reference, along_time=has_layer(evidence.facts, SEQUENCE))
    if swap is None:
        return None
    what = f"time and features look swapped: {swap.reason}; Keras accepts either order"
    fix = "x = x.transpose(0, 2, 1); or declare facts: {time_axis: 1}"
    return _problem(
        name, given, what, fix, cause="axes-swapped", status=Status.FAIL if swap.proven else Status.WARN
    )


def _stated_time_axis(name: str, given: GivenRows, evidence: Evidence, stated: int) -> InputProblem | None:
    rank, facts = len(given.shape), evidence.facts
    if not 1 < stated < rank or not has_layer(facts, SEQUENCE) or has_layer(facts, {"Permute"}):
        return None
    order = [0, stated, *(axis for axis in range(1, rank) if axis != stated)]
    what = f"time is on axis {stated} (facts.time_axis), the model works along axis 1"
    return _problem(name, given, what, _transpose(order), cause="axes-swapped")


def _unlike_reference(name: str, given: GivenRows, evidence: Evidence) -> InputProblem | None:
    """Images whose mean is that of the reference rows with two axes exchanged, or rotated."""
    moved = evidence.data.moved_axes.get(name)
    if moved is None:
        return None
    first, second = moved.axes
    if moved.quarters:
        what = "the images are rotated by 90 degrees, as the mean of the reference rows shows"
        fix = f"x = np.rot90(x, {moved.quarters}, axes=({first}, {second}))"
        return _problem(name, given, what, fix, cause="images-turned")
    order = list(range(len(given.shape)))
    order[first], order[second] = second, first
    what = f"axes {first} and {second} are exchanged, as the mean of the reference rows shows"
    return _problem(name, given, what, _transpose(order), cause="axes-swapped")


def _channels_first(name: str, given: GivenRows) -> InputProblem | None:
    """Images and videos whose channels come first, if the model would accept either order."""
    reason = find_channels_first(given.smooth)
    if reason is None:
        return None
    order = [0, *range(2, len(given.shape)), 1]
    what = f"channels seem to come first: {reason}; Keras accepts either order"
    return _problem(name, given, what, _transpose(order), cause="axes-swapped", status=Status.WARN)


def _single_step(name: str, given: GivenRows, evidence: Evidence) -> InputProblem | None:
    """Rows of one time step for a recurrent layer that does not keep its state."""
    shape = given.shape
    keeps_state = evidence.facts.stateful_layers or evidence.data.owner.step_by_step == "one-step"
    if len(shape) != 3 or shape[1] != 1 or given.expected[1] is not None or keeps_state:
        return None
    if not has_layer(evidence.facts, RECURRENT):
        return None
    what = "every row is a single time step, without a history for the recurrent layer"
    fix = (
        "one series of many time steps is x.reshape(1, -1, x.shape[-1]); "
        "windows are np.lib.stride_tricks.sliding_window_view(x[:, 0], T, axis=0)"
    )
    return _problem(name, given, what, fix, cause="wrong-length", status=Status.WARN)

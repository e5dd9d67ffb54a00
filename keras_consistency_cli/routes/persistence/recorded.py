"""The route of recorded outputs: they are read from the user's file."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.persistence.recordings.activations import close, differing_rows
from keras_consistency_cli.routes.persistence.recordings.comparing import Adjust, choose_first
from keras_consistency_cli.routes.persistence.recordings.kept_weights import find_kept_weights
from keras_consistency_cli.routes.persistence.recordings.recorded_forms import function_form, other_form
from keras_consistency_cli.routes.persistence.recordings.recorded_rows import describe_recorded_rows
from keras_consistency_cli.routes.persistence.recordings.recording_precision import Recording, recording
from keras_consistency_cli.routes.persistence.recordings.target_units import TargetUnits
from keras_consistency_cli.routes.persistence.recordings.training_mode import (
    TrainingMode,
    find_training_mode,
)
from keras_consistency_cli.routes.persistence.recordings.unscaled_rows import is_scaler_missing
from keras_consistency_cli.routes.session.batches import count_rows
from keras_consistency_cli.routes.trace import Outputs, Result, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["RECORDED_ROUTES", "RecordedDetails"]

_FORM_ROWS = 256
"""Rows of which the form of recorded outputs is looked for."""
_FEW_ROWS = 0.2
"""The greatest share of rows that differ while the model is the one that was recorded."""
_EXPLANATIONS = ("forms", "rows", "training", "single_rows")


class RecordedDetails(TypedDict, total=False):
    """Details of the route `recorded`.

    `given` says whether there is a file. `weights` describes the other weights in the file with which the
    model gives the recorded outputs. `forms` describes, by output, how today's outputs become the recorded
    ones, `functions` what something behind the model may have made of them; `rows` describes the changed rows
    for which the model gives them, and `unscaled` says that these are scaled, as by a scaler that was not
    given. `training` says that the model in training mode gives them, and `single_rows` are the numbers of
    the only rows that differ. `rounded` describes how outputs were rounded when they were recorded. `units`
    names the scaler of the targets whose units they are in, `contradictions` says how they contradict it.
    """

    given: bool
    weights: str
    forms: dict[str, str]
    functions: dict[str, str]
    rows: str
    unscaled: bool
    training: TrainingMode
    single_rows: list[int]
    rounded: dict[str, str]
    units: dict[str, str]
    contradictions: dict[str, str]


def _recorded(session: Session, rows: Rows) -> Result:
    """Return the recorded outputs.

    If they were rounded, the numbers closest to today's that round to them.
    """
    details: RecordedDetails = {"given": False}
    expected = session.subject.sources.expected(session.row_numbers)
    if expected is None:
        return Result(outputs={}, details=details)
    details["given"] = True
    is_recording = session.subject.sources.is_recording
    if is_recording:
        # A service's outputs belong to the rows that it fed, whether they were right or not.
        rows = session.subject.sources.served(session.row_numbers) or rows
    predict_all = functools.cache(lambda: _predict_all(session, rows))
    few, _ = choose_first(session, rows, expected, max(_FORM_ROWS, session.batch_size))
    today = predict_all() if count_rows(few) == count_rows(rows) else _predict_all(session, few)
    named = _name_arrays(expected, today)
    target = TargetUnits.of(session)
    recordings = _recordings(session, today)
    if target is not None:
        named = _undo_target_scaling(named, predict_all(), target, recordings, details)
    adjust = functools.partial(_adjust, recordings, target)
    first = {name: values[: count_rows(few)] for name, values in named.items()}
    if weights := find_kept_weights(session, rows, named, adjust):
        details["weights"] = weights
    elif not _are_close(first, today):
        details["forms"] = _forms(first, today, target)
        if not details["forms"]:
            details |= _explain(session, rows, named, target, adjust)
        if not any(map(details.get, _EXPLANATIONS)):
            details["single_rows"] = _find_single_rows(session, named, predict_all())
        if not any(map(details.get, _EXPLANATIONS)):
            details["functions"] = _function_forms(first, today)
    if recordings:
        details["rounded"] = {name: form.words for name, form in recordings.items()}
        named = _undo_rounding(named, predict_all(), recordings)
    return Result(outputs=named, baseline=predict_all() if is_recording else None, details=details)


def _explain(
    session: Session, rows: Rows, named: Outputs, target: TargetUnits | None, adjust: Adjust
) -> RecordedDetails:
    """Return what else explains recorded outputs: other rows, training mode, or a scaler that is missing."""
    if words := describe_recorded_rows(session, rows, named, functools.partial(_invert, target)):
        return {"rows": words}
    if mode := find_training_mode(session, rows, named, adjust):
        return {"training": mode}
    if is_scaler_missing(session, rows, named, adjust):
        words = "rows with scaled columns, so that --scaler seems to be missing"
        return {"rows": words, "unscaled": True}
    return {}


def _find_single_rows(session: Session, named: Outputs, today: Outputs) -> list[int]:
    """Return the numbers of the rows whose outputs differ, if those of most rows are equal."""
    count = len(session.row_numbers)
    shapes = {(values.shape, today[name].shape) for name, values in named.items()}
    if any(given != own or own[:1] != (count,) for given, own in shapes):
        return []
    far = [differing_rows(values, today[name]) for name, values in named.items()]
    wrong = np.flatnonzero(np.any(far, axis=0))
    return session.row_numbers[wrong].tolist() if len(wrong) <= _FEW_ROWS * count else []


def _predict_all(session: Session, rows: Rows) -> Outputs:
    session.restore()
    return session.steps(rows, session.batch_size)


def _undo_target_scaling(
    named: dict[str, np.ndarray],
    today: Outputs,
    target: TargetUnits,
    recordings: Mapping[str, Recording],
    details: RecordedDetails,
) -> dict[str, np.ndarray]:
    """Return outputs that were recorded in the units of the targets in those of the model.

    They were rounded in the units of the targets, if at all.
    """
    followed = [name for name, values in named.items() if target.is_followed(values, today[name])]
    details["units"] = dict.fromkeys(followed, target.kind)
    details["contradictions"] = {
        name: words
        for name, values in named.items()
        if name not in followed and (words := target.describe_contradiction(values, today[name]))
    }
    in_units = {name: target.invert(today[name]) for name in followed}
    exact = _undo_rounding({name: named[name] for name in followed}, in_units, recordings)
    return {**named, **{name: target.undo(exact[name], today[name]) for name in followed}}


def _recordings(session: Session, today: Outputs) -> dict[str, Recording]:
    """Return, by output, how outputs were rounded when they were recorded.

    This is decided by rows from the whole file.
    """
    sample = _name_arrays(session.subject.sources.expected_sample(), today)
    recordings = {name: recording(values, today[name]) for name, values in sample.items()}
    return {name: form for name, form in recordings.items() if form is not None}


def _undo_rounding(
    named: Outputs, today: Outputs, recordings: Mapping[str, Recording]
) -> dict[str, np.ndarray]:
    """Return the recorded outputs, moved towards today's by at most their rounding."""
    matching = {
        name
        for name, form in recordings.items()
        if name in named and named[name].shape == today[name].shape and form.holds(named[name])
    }
    return {
        name: recordings[name].nearest(values, today[name]) if name in matching else values
        for name, values in named.items()
    }


def _name_arrays(expected: Mapping[str, np.ndarray], today: Outputs) -> dict[str, np.ndarray]:
    """Give recorded arrays the names and axes of the outputs.

    Recording often drops axes of length 1.

    Raises:
        DataError: the names of several arrays are not those of the outputs.
    """
    if len(expected) == 1 and len(today) == 1:
        named = dict(zip(today, expected.values(), strict=True))
    elif set(expected) == set(today):
        named = {name: expected[name] for name in today}
    else:
        what = (
            f"the expected outputs are named {clean(', '.join(expected))}, "
            f"the model's outputs {clean(', '.join(today))}"
        )
        raise DataError(what, expected=".npz with one array for each output, by its name")
    return {name: _with_dropped_axes(values, today[name]) for name, values in named.items()}


def _with_dropped_axes(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    def longer_axes(array: np.ndarray) -> list[int]:
        return [size for size in array.shape[1:] if size != 1]

    dropped = values.ndim != like.ndim and longer_axes(values) == longer_axes(like)
    return values.reshape(len(values), *like.shape[1:]) if dropped else values


def _are_close(named: Outputs, today: Outputs) -> bool:
    return all(
        values.shape == today[name].shape and close(values, today[name]) for name, values in named.items()
    )


def _function_forms(named: Outputs, today: Outputs) -> dict[str, str]:
    """Describe, by output, what a function behind the model made of today's outputs."""
    found = {name: function_form(values, today[name]) for name, values in named.items()}
    return {name: words for name, words in found.items() if words}


def _forms(named: Outputs, today: Outputs, target: TargetUnits | None) -> dict[str, str]:
    """Describe, by output, how today's outputs become the recorded ones."""
    forms = {}
    for name, recorded in named.items():
        form = other_form(recorded, today[name]) or _other_output(name, recorded, today)
        if form is None and target is not None:
            form = _form_in_units(recorded, today[name], target)
        if form:
            forms[name] = form
    return forms


def _adjust(
    recordings: Mapping[str, Recording], target: TargetUnits | None, recorded: Outputs, outputs: Outputs
) -> Outputs:
    """Return recorded outputs in the units of the model and without their rounding, for these outputs."""
    in_units = {name: _invert(target, values, outputs[name]) for name, values in recorded.items()}
    exact = _undo_rounding(recorded, in_units, recordings)
    if target is None:
        return exact
    own = {name for name, values in outputs.items() if in_units.get(name) is values}
    return {
        name: values if name in own else target.undo(values, outputs[name]) for name, values in exact.items()
    }


def _invert(target: TargetUnits | None, recorded: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return outputs in the units of the targets, if they can be in these."""
    return target.invert(outputs) if target is not None and target.fits(recorded, outputs) else outputs


def _form_in_units(recorded: np.ndarray, today: np.ndarray, target: TargetUnits) -> str | None:
    """Describe a change of today's output in the units of the targets, such as columns in another order."""
    form = other_form(recorded, target.invert(today)) if target.fits(recorded, today) else None
    return f"{form}, in the units of the {target.kind}" if form else None


def _other_output(name: str, recorded: np.ndarray, today: Outputs) -> str | None:
    """Name the output that was recorded under this name.

    None if it is the right one, or none matches.
    """
    matching = [
        output
        for output, values in today.items()
        if values.shape == recorded.shape and values.std() > 0 and close(recorded, values)
    ]
    return f"the values of output '{matching[0]}'" if matching and name not in matching else None


RECORDED_ROUTES: tuple[Route, ...] = (
    Route(name="recorded", summary="the outputs recorded in --expected", run=_recorded, streams=True),
)

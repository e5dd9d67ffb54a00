"""Routes that scale the same raw rows in the ways that serving gets wrong.

The reference is predict on rows scaled with the saved scaler. A route that is not applicable, such as
refitting a preprocess function, gives no outputs and the reason in its details.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.loading.scalers.scaling import CannotRefit
from keras_consistency_cli.measurement.distance import is_float, is_float_or_integer, is_numeric
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.scaling.batch_variants import scale_in_batches
from keras_consistency_cli.routes.scaling.column_distance import measure_column_distances
from keras_consistency_cli.routes.scaling.preprocessed_rows import (
    PreparedRows,
    Unsteadiness,
    describe_preprocessed_rows,
    measure_unsteadiness,
)
from keras_consistency_cli.routes.scaling.stored_precision import measure_stored_steps
from keras_consistency_cli.routes.trace import Result, Rows, WhyNoOutputs

if TYPE_CHECKING:
    from keras_consistency_cli.loading.scalers.multi_input import JointPreprocess
    from keras_consistency_cli.loading.scalers.scaling import Scaling
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["SCALING_ROUTES", "ScalingDetails"]

Rescale = Callable[["Session", np.ndarray, np.ndarray], np.ndarray]
"""Returns the rows to feed for a session, the raw rows and the expected rows."""


class _NotApplicableError(Exception):
    """This way of scaling is not applicable to this subject; the message says why."""


class ScalingDetails(PreparedRows, Unsteadiness, WhyNoOutputs, total=False):
    """Details of the routes that scale rows: how far the rows that the model is fed move.

    `moved` is the greatest distance in spreads, `column` its column, `columns` all columns that move; they
    are missing if the rows are not numbers. `constant` says whether all rows became the same. `input` is the
    input that moves most, if a function prepares several. `unsteady` is how many spreads the same rows differ
    between two calls of a function. `crashed` marks a refusal by the scaler or function. `steps` is the step
    of each column that was rounded before it was stored, 0 for the others; missing if no column was.
    """

    moved: float
    column: int
    columns: list[int]
    constant: bool
    input: str
    crashed: bool
    steps: list[float]


def _refit_all(session: Session, raw: np.ndarray, _expected: np.ndarray) -> np.ndarray:
    return np.asarray(_find_scaling(session).refit_transform(raw))


def _refit_batches(session: Session, raw: np.ndarray, _expected: np.ndarray) -> np.ndarray:
    return scale_in_batches(raw, session.batch_size, _find_scaling(session).refit_transform)


def _refit_single(session: Session, raw: np.ndarray, _expected: np.ndarray) -> np.ndarray:
    return scale_in_batches(raw, 1, _find_scaling(session).refit_transform)


def _scale_single(session: Session, raw: np.ndarray, _expected: np.ndarray) -> np.ndarray:
    return scale_in_batches(raw, 1, _find_scaling(session).apply)


def _skip_scaling(_session: Session, raw: np.ndarray, _expected: np.ndarray) -> np.ndarray:
    return raw


def _scale_twice(session: Session, raw: np.ndarray, expected: np.ndarray) -> np.ndarray:
    if expected.shape != raw.shape:
        raise _NotApplicableError(
            f"scaled rows have shape {expected.shape[1:]} and raw rows have shape {raw.shape[1:]}, "
            "so they cannot be scaled again"
        )
    return np.asarray(_find_scaling(session).apply(expected))


def _permute_columns(session: Session, raw: np.ndarray, _expected: np.ndarray) -> np.ndarray:
    """Scale rows in the column order of the scaler, or in alphabetical order.

    The alphabetical order is used if the scaler has the order of the data. A dict or a join may leave
    columns in alphabetical order.
    """
    scaling = _find_scaling(session)
    names = scaling.column_names
    if names is None or len(names) != raw.shape[-1]:
        raise _NotApplicableError("neither the data nor the scaler has column names")
    if scaling.columns is not None and scaling.selects_by_name:
        raise _NotApplicableError(f"{scaling.kind} finds its columns by their names, in any order")
    if scaling.words:
        raise _NotApplicableError("the columns hold texts, which only their own places can hold")
    order = _suggest_order(tuple(names), scaling.names)
    if order == sorted(order):
        raise _NotApplicableError("the column names suggest no different order")
    return np.asarray(scaling.apply(raw[..., order]))


def _suggest_order(names: tuple[str, ...], fitted: tuple[str, ...] | None) -> list[int]:
    if fitted is not None and set(fitted) == set(names) and tuple(fitted) != names:
        return [names.index(name) for name in fitted]
    return sorted(range(len(names)), key=lambda column: names[column])


def _cast_first(dtype: type[np.floating[Any]]) -> Rescale:
    def rescale(session: Session, raw: np.ndarray, _expected: np.ndarray) -> np.ndarray:
        is_narrow = is_float(raw.dtype) and raw.dtype.itemsize <= np.dtype(dtype).itemsize
        if is_narrow or not is_float_or_integer(raw.dtype):
            raise _NotApplicableError(
                f"a cast to {np.dtype(dtype)} changes nothing: the rows are {raw.dtype}"
            )
        with np.errstate(over="ignore"):
            scaling = _find_scaling(session)
            return np.asarray(scaling.apply(scaling.narrow(raw, dtype)))

    return rescale


def _find_scaling(session: Session) -> Scaling:
    """Return the scaler or preprocess function of one input."""
    if session.subject.scaling is None:
        raise _NotApplicableError(
            "no scaler or preprocess given"
            if session.subject.joint is None
            else "the preprocess function prepares several inputs at once"
        )
    return session.subject.scaling


def _run(rescale: Rescale) -> Callable[[Session, Rows], Result]:
    """Return a route's function that feeds the model the rows that `rescale` returns."""

    def run(session: Session, rows: Rows) -> Result:
        try:
            scaling = _find_scaling(session)
            if session.subject.files.data_state == "scaled":
                raise _NotApplicableError("the rows are already scaled (facts.data_state)")
            raw = session.subject.raw(session.row_numbers)[scaling.input]
            rescaled = rescale(session, raw, rows[scaling.input])
            _check_rows(rescaled, rows[scaling.input])
        except (_NotApplicableError, CannotRefit, KcheckError) as reason:
            return _refuse(reason)
        outputs = session.steps({**rows, scaling.input: rescaled}, session.batch_size)
        return Result(outputs=outputs, details=_measure_shift(rescaled, rows[scaling.input]))

    return run


def _refuse(reason: Exception) -> Result:
    """Return a result without outputs."""
    details: ScalingDetails = {"reason": str(reason)}
    if isinstance(reason, KcheckError):
        details = {"reason": reason.what, "crashed": True}
    return Result(outputs={}, details=details)


def _run_float32_first(session: Session, rows: Rows) -> Result:
    """Cast to float32, and look for columns that were rounded before they were stored."""
    result = _run(_cast_first(np.float32))(session, rows)
    scaling = session.subject.scaling
    if scaling is None or session.subject.files.data_state == "scaled":
        return result
    steps = measure_stored_steps(session.subject.raw(session.row_numbers)[scaling.input])
    return replace(result, details={**result.details, "steps": steps}) if any(steps) else result


def _run_single(session: Session, rows: Rows) -> Result:
    """Prepare each row by itself, and call a preprocess function a second time."""
    joint = session.subject.joint if session.subject.files.data_state == "raw" else None
    result = _run(_scale_single)(session, rows) if joint is None else _run_joint_single(session, joint, rows)
    if "moved" not in result.details:
        return result
    steadiness, described = measure_unsteadiness(session, rows), describe_preprocessed_rows(session, rows)
    return replace(result, details={**result.details, **steadiness, **described})


def _run_joint_single(session: Session, joint: JointPreprocess, rows: Rows) -> Result:
    """Prepare each row by itself with a function for all inputs.

    Only the input that moves most is reported.
    """
    try:
        prepared = joint.apply_row_by_row(session.subject.raw(session.row_numbers))
        for name in joint.inputs:
            _check_rows(prepared[name], rows[name])
    except (_NotApplicableError, KcheckError) as reason:
        return _refuse(reason)
    shifts = {name: _measure_shift(prepared[name], rows[name]) for name in joint.inputs}
    worst = max(shifts, key=lambda name: shifts[name].get("moved", 0.0))
    outputs = session.steps({**rows, **prepared}, session.batch_size)
    details: ScalingDetails = {**shifts[worst], "input": worst}
    return Result(outputs=outputs, details=details)


def _check_rows(rows: np.ndarray, expected: np.ndarray) -> None:
    if rows.shape != expected.shape:
        raise _NotApplicableError(
            f"the model takes rows of shape {expected.shape[1:]}, this way of scaling gives {rows.shape[1:]}"
        )
    if not is_numeric(rows.dtype):
        raise _NotApplicableError(f"this way of scaling gives {rows.dtype} values, not numbers")


def _measure_shift(rows: np.ndarray, expected: np.ndarray) -> ScalingDetails:
    """Return how far the rows are from the expected ones."""
    if not is_numeric(expected.dtype) or not expected.size:
        return {}
    distances = measure_column_distances(rows, expected)
    flat = rows.reshape(len(rows), -1)
    became_constant = (
        len(rows) > 1 and bool((flat == flat[:1]).all()) and not bool((expected == expected[:1]).all())
    )
    return {
        "moved": float(distances.max()),
        "column": int(distances.argmax()),
        "columns": np.flatnonzero(distances > 0).tolist(),
        "constant": became_constant,
    }


def _route(name: str, summary: str, rescale: Rescale) -> Route:
    return Route(name=name, summary=summary, run=_run(rescale))


SCALING_ROUTES: tuple[Route, ...] = (
    _route("refit-all", "rows scaled by fit_transform on all of them", _refit_all),
    _route("refit-batches", "rows scaled by fit_transform on each batch", _refit_batches),
    _route("refit-single", "rows scaled by fit_transform on each row alone", _refit_single),
    Route(name="scaled-alone", summary="rows scaled with the saved scaler, one by one", run=_run_single),
    _route("unscaled", "rows not scaled", _skip_scaling),
    _route("scaled-twice", "rows scaled twice", _scale_twice),
    _route("columns-permuted", "columns in the order that their names suggest", _permute_columns),
    Route(name="float32-first", summary="rows cast to float32 before scaling", run=_run_float32_first),
    _route("float16-first", "rows cast to float16 before scaling", _cast_first(np.float16)),
)

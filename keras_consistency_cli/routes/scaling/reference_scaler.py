"""The route that scales the rows with a copy of the scaler that is fitted on the reference rows.

If the saved scaler does not belong to these rows, the copy brings them into the range that it gives the
reference rows, and the saved one does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.loading.scalers.scaling import CannotRefit
from keras_consistency_cli.measurement.distance import is_float_or_integer
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.scaling.column_distance import compute_spreads, flatten_to_columns
from keras_consistency_cli.routes.trace import Result, Rows, WhyNoOutputs

if TYPE_CHECKING:
    from keras_consistency_cli.loading.scalers.scaling import Scaling
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["REFERENCE_SCALER", "REFERENCE_SCALER_ROUTES", "ReferenceScalerDetails"]

REFERENCE_SCALER = "scaler-of-reference"
_MOST_ROWS = 4096
_FAR = 4.0
"""Spreads from the centre up to which a value counts as belonging to the column."""


class ReferenceScalerDetails(WhyNoOutputs, total=False):
    """Shares of values in the range of scaled reference rows, in the columns that the saved scaler misses.

    `saved` is by the saved scaler, `fitted` by the copy that was fitted on the reference rows; `columns` is
    the number of these columns.
    """

    saved: float
    fitted: float
    columns: int


def _run(session: Session, _rows: Rows) -> Result:
    details = _compare(session)
    return Result(outputs={}, details=details)


def _compare(session: Session) -> ReferenceScalerDetails:
    scaling, sources = session.subject.scaling, session.subject.sources
    if scaling is None or not sources.reference_length:
        return {"reason": "no scaler or no reference rows given"}
    numbers = np.unique(np.linspace(0, sources.reference_length - 1, _MOST_ROWS).astype(np.int64))
    reference = sources.reference(numbers)[scaling.input]
    raw = session.subject.raw(session.row_numbers)[scaling.input]
    try:
        fitted = scaling.fitted_on(reference)
        return _measure(scaling, fitted, reference=reference, raw=raw)
    except (CannotRefit, KcheckError) as problem:
        return {"reason": str(problem)}


def _measure(
    saved: Scaling, fitted: Scaling, *, reference: np.ndarray, raw: np.ndarray
) -> ReferenceScalerDetails:
    scaled = [each.apply(rows) for each, rows in ((fitted, reference), (fitted, raw), (saved, raw))]
    if not all(is_float_or_integer(rows.dtype) for rows in scaled):
        return {"reason": "scaled rows are no numbers"}
    known, by_fitted, by_saved = map(flatten_to_columns, scaled)
    if not known.shape[1] == by_fitted.shape[1] == by_saved.shape[1]:
        return {"reason": "the copy of the scaler gives a different number of columns"}
    centre, limit = np.nanmean(known, axis=0), _FAR * compute_spreads(known)
    shares = [(np.abs(rows - centre) <= limit).mean(axis=0) for rows in (by_saved, by_fitted)]
    missed = shares[0] < 0.5
    if not missed.any():
        return {"saved": 1.0, "fitted": 1.0, "columns": 0}
    return {
        "saved": float(shares[0][missed].mean()),
        "fitted": float(shares[1][missed].mean()),
        "columns": int(missed.sum()),
    }


REFERENCE_SCALER_ROUTES: tuple[Route, ...] = (
    Route(
        name=REFERENCE_SCALER,
        summary="the rows scaled by a scaler that is fitted on the reference rows",
        run=_run,
    ),
)
"""It switches off the saved scaler, and runs only after KC304 has found that it does not fit."""

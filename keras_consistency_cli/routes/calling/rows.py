"""Routes that return or describe the rows themselves; the model is not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import find_nonfinite_rows
from keras_consistency_cli.routes.trace import GIVEN_ROWS, GivenDetails, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["GIVEN_ROWS_ROUTE", "ROWS_ROUTE", "RowDetails"]


class RowDetails(TypedDict):
    """Details of the route `rows`.

    `looks_for_nan` if rows hold NaN or infinity and the model has an operation that looks for them.
    """

    looks_for_nan: bool


def _rows(session: Session, rows: Rows) -> Result:
    """Mark the rows with NaN or infinity, by input."""
    bad = find_nonfinite_rows(rows)
    details: RowDetails = {
        "looks_for_nan": any(mask.any() for mask in bad.values()) and session.looks_for_nan(rows),
    }
    return Result(outputs=bad, details=details)


def _given_rows(session: Session, rows: Rows) -> Result:
    """Return the rows as the user gave them; the baseline is the rows as the model gets them."""
    details: GivenDetails = {"step_size": _step_size(session)}
    table = session.subject.sources.table(session.row_numbers)
    if table:
        return Result(outputs=table, baseline=dict(rows), details={**details, "is_table": True})
    data = session.subject.sources.data
    details["columns"] = list(data.columns or ()) if data is not None else []
    return Result(outputs=session.subject.raw(session.row_numbers), baseline=dict(rows), details=details)


def _step_size(session: Session) -> int:
    """The number of rows in one step of a model that carries state, 0 for other models."""
    facts = session.facts
    return (facts.batch_size or session.options.batch_size) if facts.stateful_layers else 0


ROWS_ROUTE = Route(name="rows", summary="the rows themselves", run=_rows, streams=True)
GIVEN_ROWS_ROUTE = Route(
    name=GIVEN_ROWS, summary="the rows as they were given, for a bundle", run=_given_rows
)

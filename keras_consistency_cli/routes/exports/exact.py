"""The route that runs an export without the runtime's optimizations and lower precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.exports.access import on_export
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["EXACT", "EXACT_ROUTE"]

EXACT = "exact"


def _run_exactly(session: Session, rows: Rows) -> Result:
    exact = on_export(session).exact()
    return Result(outputs={} if exact is None else exact.predict(rows))


EXACT_ROUTE = Route(
    name=EXACT, summary="run in float32 and without optimizations of the runtime", run=_run_exactly
)

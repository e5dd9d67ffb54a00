"""Routes that run an export more exactly than its runtime does by itself.

One switches the runtime's optimizations and lower precision off, the other lets it add up 8-bit products
without cutting sums, which depends on the processor otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_consistency_cli.routes.base import plain_routes
from keras_consistency_cli.routes.exports.access import on_export
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["EXACT", "EXACT_ROUTES", "WIDE_SUMS"]

EXACT, WIDE_SUMS = "exact", "wide-sums"


def _run_exactly(session: Session, rows: Rows) -> Result:
    exact = on_export(session).exact()
    return Result(outputs={} if exact is None else exact.predict(rows))


def _run_with_wide_sums(session: Session, rows: Rows) -> Result:
    wide = on_export(session).with_wide_sums()
    return Result(outputs={} if wide is None else wide.predict(rows))


EXACT_ROUTES = plain_routes(
    {
        EXACT: ("run in float32 and without optimizations of the runtime", _run_exactly),
        WIDE_SUMS: ("run with exact sums of 8-bit products", _run_with_wide_sums),
    }
)

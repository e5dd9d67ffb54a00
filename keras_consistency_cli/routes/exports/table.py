"""Routes of exports: those of the model, run on each export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.calling.neighbours import NEIGHBOUR_ROUTES
from keras_consistency_cli.routes.calling.prediction import prediction_routes
from keras_consistency_cli.routes.exports.exact import EXACT_ROUTES
from keras_consistency_cli.routes.exports.interface import INTERFACE_ROUTE
from keras_consistency_cli.routes.exports.state import STATE_ROUTES
from keras_consistency_cli.routes.exports.variants import VARIANTS_ROUTE
from keras_consistency_cli.routes.trace import REFERENCE, REPEATED, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["EXPORT_BATCH_SIZES", "export_routes"]

EXPORT_BATCH_SIZES = (7,)
"""Batch sizes that an export is run with, besides the batch size in use and single rows."""
_SHARED = (
    "one-by-one",
    *(f"batch-{size}" for size in EXPORT_BATCH_SIZES),
    "shuffled",
    REPEATED,
    "companions",
)
"""Routes of the model that run on exports as they are."""


def _predict(session: Session, rows: Rows) -> Result:
    return Result(outputs=session.predict(rows))


def _templates() -> Iterable[Route]:
    shared: Mapping[str, Route] = {
        route.name: route for route in (*prediction_routes(EXPORT_BATCH_SIZES), *NEIGHBOUR_ROUTES)
    }
    yield Route(name=REFERENCE, summary="run over the rows", run=_predict, streams=True)
    yield from (replace(shared[name], streams=False) for name in _SHARED)
    yield from (INTERFACE_ROUTE, *EXACT_ROUTES, *STATE_ROUTES, VARIANTS_ROUTE)


def export_routes(labels: Sequence[str]) -> tuple[Route, ...]:
    """Return the routes of all exports."""
    return tuple(
        route.on_target("export", label, f", on the export {label}")
        for label in labels
        for route in _templates()
    )

"""Routes of backends: those of the model, run by workers with other Keras backends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.trace import REFERENCE, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["BackendDetails", "backend_routes"]


class BackendDetails(TypedDict, total=False):
    """What ran: the version of the backend, the devices that it sees, and the types of the outputs."""

    version: str
    devices: Sequence[str]
    dtypes: Mapping[str, str]


def _predict(session: Session, rows: Rows) -> Result:
    outputs = session.predict(rows)
    details: BackendDetails = {
        "version": session.facts.backend_version,
        "devices": list(session.facts.devices),
        "dtypes": {name: values.dtype.name for name, values in outputs.items()},
    }
    return Result(outputs=outputs, details=details)


def backend_routes(backends: Sequence[str]) -> tuple[Route, ...]:
    """Return the routes of all backends that are compared with the one in use."""
    route = Route(name=REFERENCE, summary="run over the rows", run=_predict, streams=True)
    return tuple(route.on_target("backend", backend, f", with the backend {backend}") for backend in backends)

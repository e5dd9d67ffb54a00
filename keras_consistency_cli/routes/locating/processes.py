"""Routes that look for the layer at which two processes part that have loaded the same file: one digest list from each, held together afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.layers import predicted
from keras_consistency_cli.routes.session.batches import first
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["PROCESS_LOCATORS", "parted_between"]

_ROWS = 8
_MOST = 5000
"""Steps that are told of: a layer behind so many is not named."""


def _digests(session: Session, rows: Rows) -> Result:
    """Digests of what goes into each layer and comes out of it, in one eager run as predict makes it."""
    batch = first(rows, session.facts.batch_size or _ROWS)
    session.restore()
    steps = predicted(session, batch)[:_MOST]
    told = [
        {
            "layer": step.path,
            "kind": step.kind,
            "given": step.inputs.digest.hex(),
            "gave": step.outputs.digest.hex(),
        }
        for step in steps
    ]
    return Result(outputs={}, details={"steps": told})


def parted_between(here: Sequence[Mapping[str, str]], there: Sequence[Mapping[str, str]]) -> str | None:
    """Return the first layer that is given the same in both processes and answers otherwise, None where there is none."""
    for mine, theirs in zip(here, there, strict=False):
        if mine["layer"] != theirs["layer"]:
            return None
        if mine["given"] == theirs["given"] and mine["gave"] != theirs["gave"]:
            return mine["layer"]
    return None


PROCESS_LOCATORS: tuple[Route, ...] = (
    Route(name="layers-here", summary="what each layer gives in this process", run=_digests),
    Route(
        name="layers-elsewhere",
        summary="what each layer gives in a process of its own",
        run=_digests,
        placement="fresh",
    ),
)

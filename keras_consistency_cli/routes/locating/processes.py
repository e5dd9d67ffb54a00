"""Routes that search for the layer where two processes differ.

Both have loaded the same file.

Each process gives a list of digests; the lists are compared afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.layers import record_predict_step
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["PROCESS_LOCATORS", "ProcessDetails", "StepDigest", "first_differing_layer"]

_ROWS = 8
_MAX_STEPS = 5000
"""Steps that are reported: a layer after so many is not named."""


class StepDigest(TypedDict):
    """A layer, and digests of its inputs (`given`) and outputs (`gave`)."""

    layer: str
    kind: str
    given: str
    gave: str


class ProcessDetails(TypedDict):
    """Details of the routes: one entry for each step, in the order in which steps finish."""

    steps: list[StepDigest]


def _digests(session: Session, rows: Rows) -> Result:
    """Return digests of the inputs and outputs of each layer in one eager predict step."""
    batch = first_batch(rows, session.facts.batch_size or _ROWS)
    session.restore()
    steps = record_predict_step(session, batch)[:_MAX_STEPS]
    details: ProcessDetails = {
        "steps": [
            {
                "layer": step.path,
                "kind": step.kind,
                "given": step.inputs.digest.hex(),
                "gave": step.outputs.digest.hex(),
            }
            for step in steps
        ]
    }
    return Result(outputs={}, details=details)


def first_differing_layer(reference: Sequence[StepDigest], candidate: Sequence[StepDigest]) -> str | None:
    """Return the first layer with the same inputs and different outputs in two processes.

    None if there is none.
    """
    for before, after in zip(reference, candidate, strict=False):
        if before["layer"] != after["layer"]:
            return None
        if before["given"] == after["given"] and before["gave"] != after["gave"]:
            return before["layer"]
    return None


PROCESS_LOCATORS: tuple[Route, ...] = (
    Route(name="layers-here", summary="digests of each layer in this process", run=_digests),
    Route(
        name="layers-elsewhere",
        summary="digests of each layer in a separate process",
        run=_digests,
        placement="fresh",
    ),
)

"""The route that calls `model(x)`, and what is measured if such a call overwrites variables of the model.

The outputs of the call itself may be right although it overwrites a variable that later calls use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.routes.session.distances import greatest_difference, same_outputs
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["BARE_CALL", "BareCallDetails", "call_bare", "moves_later_outputs"]

BARE_CALL = "bare-call"

_CALLS = 20
"""A moving average has then gone most of its way at a momentum of 0.9, and a tenth of it at 0.99."""
_FURTHER = 1e4
"""How many further calls are simulated: a counter may have an effect after many calls only."""


class BareCallDetails(TypedDict, total=False):
    """How outputs change after calls without the training argument; empty if these change no variable.

    `moved` is the greatest change of model(x, training=False) after so many `calls` of model(x), `with_flag`
    the same after calls of model(x, training=False), and `restored` after calls of model(x) if the variables
    are restored. `layer` owns the first of these variables, "" if no layer does. `depends` says whether
    outputs change if the variables go much further in the same direction.
    """

    calls: int
    moved: float
    with_flag: float
    restored: float
    depends: bool
    layer: str


def moves_later_outputs(details: BareCallDetails) -> bool:
    """Whether outputs change after bare calls, by more than after as many calls with training=False."""
    return details.get("moved", 0.0) > details.get("with_flag", 0.0)


def call_bare(session: Session, rows: Rows) -> Result:
    """Call the model without the training argument on one batch: eager calls are slow."""
    batch, positions = session.one_batch(rows)
    outputs = session.call_once(batch)
    if not any(change.kind == "weight" for change in session.snapshot.changes()):
        return Result(outputs=outputs, rows=positions)
    layer = _owner(session)
    details: BareCallDetails = {**_measure_later_calls(session, batch), "layer": layer}
    # The changes of one call are what the caller reads from the model.
    session.restore()
    session.call_once(batch)
    return Result(outputs=outputs, rows=positions, details=details)


def _owner(session: Session) -> str:
    """Return the innermost layer that owns the first weight that has changed.

    The path of a variable says where it was created, which need not be where its layer is now.
    """
    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    variable = next(iter(session.snapshot.changed_weights()), None)
    owners = [
        path
        for path, layer in walk_layers(session.model)
        if any(each is variable for each in layer.variables)
    ]
    return max(owners, key=lambda path: path.count("/"), default="")


def _measure_later_calls(session: Session, batch: Rows) -> BareCallDetails:
    calls = 1 if session.is_heavy else _CALLS

    def infer() -> Outputs:
        return session.call_once(batch, training=False)

    session.restore()
    before = infer()
    with_flag = _after(session, batch, calls, training=False)
    moved = _after(session, batch, calls)
    session.restore()
    restored = infer()
    session.restore()
    session.call_once(batch)
    session.snapshot.exaggerate_changes(_FURTHER)
    return {
        "calls": calls,
        "moved": greatest_difference(moved, before),
        "with_flag": greatest_difference(with_flag, before),
        "restored": greatest_difference(restored, before),
        "depends": not same_outputs(infer(), before),
    }


def _after(session: Session, batch: Rows, calls: int, **kwargs: bool) -> Outputs:
    """Return the outputs of inference after so many calls from the state in which the model was loaded."""
    session.restore()
    for _ in range(calls):
        session.call_once(batch, **kwargs)
    return session.call_once(batch, training=False)

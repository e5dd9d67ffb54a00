"""The route that searches for layers that a call creates.

A layer that is created in call() has new weights in each call, and the file holds none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from keras_consistency_cli.routes.base import Route, plain_routes
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.locating.step_recorder import owning_layer
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["CREATED_LAYER_LOCATORS"]

_ROWS = 2


def _created_layers(session: Session, rows: Rows) -> Result:
    """Name the layer whose call runs layers with weights that the call before did not run."""
    batch = session.pack(first_batch(rows, session.facts.batch_size or _ROWS))
    known: list[Any] = []  # Kept alive, so that no new layer takes the place of an old one in memory.
    found: list[LocatedLayer] = []

    def remember(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        known.append(running[-1])
        return original(*args, **kwargs)

    def compare(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        layer = running[-1]
        is_known = any(layer is each for each in known)
        if not is_known and len(running) > 1 and getattr(layer, "weights", None):
            found.append(_creator(running))
        return outputs

    for around in (remember, compare):
        session.restore()
        with intercept_calls(around):
            session.model(batch, training=False)
    return Result(outputs={}, details=found[0] if found else LocatedLayer())


def _creator(running: CallStack) -> LocatedLayer:
    """Return the layer whose call created the innermost one."""
    owner = owning_layer(running[:-1])
    return {"layer": owner.path, "kind": owner.kind, "custom": owner.custom, "order": 1, "steps": 1}


CREATED_LAYER_LOCATORS: tuple[Route, ...] = plain_routes(
    {"locate-created": ("a layer whose call creates further layers with weights", _created_layers)}
)

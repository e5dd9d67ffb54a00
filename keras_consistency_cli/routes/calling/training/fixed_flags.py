"""The route that measures whether training=True in the graph of a model changes anything at all.

A Dropout with the rate 0 gives the same outputs in training mode, and so does noise without a deviation or
BatchNormalization that is not trainable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict

from keras_consistency_cli.measurement.distance import same_values
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["FIXED_FLAGS", "FIXED_FLAG_ROUTES", "FixedFlagDetails"]

FIXED_FLAGS = "fixed-flags"
_ROWS = 32


class FixedFlagDetails(TypedDict, total=False):
    """Details of `fixed-flags`: the layers called with training=True that it changes nothing for."""

    without_effect: list[str]


def _run(session: Session, rows: Rows) -> Result:
    """Call each of these layers in both modes, on what reaches it in the model."""
    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    batch = first_batch(rows, session.facts.batch_size or _ROWS)
    fixed = {fact.path for fact in session.facts.layers if fact.baked_training}
    layers = {path: layer for path, layer in walk_layers(session.model) if path in fixed}
    details: FixedFlagDetails = {
        "without_effect": [path for path, layer in layers.items() if not _has_effect(session, layer, batch)]
    }
    return Result(outputs={}, details=details)


def _has_effect(session: Session, layer: Any, batch: Rows) -> bool:
    """Whether training mode changes an output or a weight; a layer that does not run may have one."""
    differs: list[bool] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if running[-1] is not layer:
            return original(*args, **kwargs)
        inference = original(*args, **{**kwargs, "training": False})
        differs.append(_differ(original(*args, **{**kwargs, "training": True}), inference))
        return inference

    session.restore()
    with intercept_calls(around):
        session.call(batch, training=False)
    return any(differs) or not differs or bool(list(session.snapshot.changed_weights()))


def _differ(outputs: Any, reference: Any) -> bool:
    import keras

    pairs = zip(keras.tree.flatten(outputs), keras.tree.flatten(reference), strict=True)
    to_array = keras.ops.convert_to_numpy
    return not all(same_values(to_array(first), to_array(second)) for first, second in pairs)


def _explain_none(facts: Facts) -> str | None:
    if any(fact.baked_training for fact in facts.layers):
        return None
    return "no layer is called with training=True in the graph"


FIXED_FLAG_ROUTES: tuple[Route, ...] = (
    Route(
        name=FIXED_FLAGS,
        summary="layers called with training=True in the graph, in both modes",
        run=_run,
        unavailable=_explain_none,
    ),
)

"""The route that looks for the layer that computes otherwise in a traced graph than when it is run eagerly.

Every layer of one eager call is given the same inputs once more, inside a tf.function of its own. What comes out otherwise is the layer's own doing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.layer_sketches import NO_ROUNDING
from keras_consistency_cli.routes.locating.layers import blamed, symbolic
from keras_consistency_cli.routes.session.batches import count, first
from keras_consistency_cli.routes.session.layer_hooks import Running, intercepted
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["EXECUTION_LOCATORS"]

_ROWS = 8


def _execution(session: Session, rows: Rows) -> Result:
    """The innermost layer to part, of those the first; nothing where none does."""
    import keras

    found: dict[str, Any] = {}
    seen = 0

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        made = original(*args, **kwargs)
        leaves = keras.tree.flatten((args, kwargs, made))
        if not symbolic(leaves) and not found:
            seen += 1
            apart = _apart(keras.tree.flatten(made), _traced(running[-1], args, kwargs))
            found.update({**blamed(running), "order": seen, **apart} if apart else {})
        return made

    batch = first(rows, session.facts.batch_size or min(_ROWS, count(rows)))
    session.restore()
    with intercepted(around):
        session.model(session.pack(batch), training=False)
    return Result(outputs={}, details={**found, "steps": seen} if found else {})


def _traced(layer: Callable[..., Any], args: Any, kwargs: Any) -> list[Any]:
    """What a layer gives in a graph, by way of its own class's `__call__`; nothing where it cannot be traced by itself."""
    import keras
    import tensorflow as tf

    def tensor(leaf: Any) -> Any:
        return tf.convert_to_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf

    given = keras.tree.map_structure(tensor, (args, kwargs))
    try:
        made = tf.function(lambda pair: layer(*pair[0], **pair[1]))(given)
    except Exception:
        return []
    return list(keras.tree.flatten(made))


def _apart(eager: list[Any], graph: list[Any]) -> dict[str, Any]:
    """How far two answers of a layer are apart, as a share of the greatest number, and of which dtypes they are; empty within rounding."""
    for mine, theirs in zip(eager, graph, strict=False):
        a, b = (np.asarray(each) if hasattr(each, "shape") else np.zeros(0) for each in (mine, theirs))
        if a.shape != b.shape or a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub" or not a.size:
            continue
        wide = a.astype(np.float64), b.astype(np.float64)
        off = float(np.nanmax(np.abs(wide[0] - wide[1]), initial=0.0))
        if off > NO_ROUNDING * float(np.nanmax(np.abs(wide[0]), initial=0.0)):
            return {"dtypes": [a.dtype.name, b.dtype.name]}
    return {}


def _elsewhere(facts: Any) -> str | None:
    return (
        None
        if facts.backend == "tensorflow"
        else f"graphs are traced with TensorFlow; the backend is {facts.backend}"
    )


EXECUTION_LOCATORS: tuple[Route, ...] = (
    Route(
        name="locate-execution",
        summary="the first layer that computes otherwise in a graph than eagerly",
        run=_execution,
        unavailable=_elsewhere,
    ),
)

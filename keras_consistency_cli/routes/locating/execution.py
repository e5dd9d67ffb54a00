"""The route that searches for a layer that computes differently in a graph than eagerly.

Every layer of one eager call is given the same inputs a second time, inside a tf.function of its own. A
difference in its outputs is then caused by this layer. If there is one, the function runs once more without
TensorFlow's optimizer of graphs, which combines constants: in float16, x * 30000 * -30 becomes x * -inf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, is_numeric
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route, needs_tensorflow
from keras_consistency_cli.routes.locating.divergence import MIN_FAULT
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.locating.step_recorder import is_symbolic, owning_layer
from keras_consistency_cli.routes.session.batches import count_rows, first_batch
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["EXECUTION_LOCATORS", "ExecutionDetails"]

_ROWS = 8
_STEPS = 4
"""Steps between neighbouring numbers of the dtype that rounding in one layer may differ."""


class ExecutionDetails(LocatedLayer, total=False):
    """Details of the route: the layer, and the dtypes of its output, eagerly and in a graph.

    `by_optimizer` says whether the difference disappears without the optimizer of graphs.
    """

    dtypes: list[str]
    by_optimizer: bool


def _execution(session: Session, rows: Rows) -> Result:
    """Locate the first layer to finish with a difference.

    Of nested layers, the innermost finishes first.
    """
    import keras

    found: ExecutionDetails = {}
    steps = 0

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal steps
        outputs = original(*args, **kwargs)
        if not is_symbolic(keras.tree.flatten((args, kwargs, outputs))) and not found:
            steps += 1
            eager = keras.tree.flatten(outputs)
            dtypes = _differing_dtypes(eager, _run_in_graph(running[-1], args, kwargs))
            if dtypes:
                path, kind, custom, _ = owning_layer(running)
                with _without_optimizer():
                    plain = _run_in_graph(running[-1], args, kwargs)
                found.update({"layer": path, "kind": kind, "custom": custom, "order": steps})
                found["dtypes"] = dtypes
                found["by_optimizer"] = bool(plain) and not _differing_dtypes(eager, plain)
        return outputs

    batch = first_batch(rows, session.facts.batch_size or min(_ROWS, count_rows(rows)))
    session.restore()
    with intercept_calls(around):
        session.model(session.pack(batch), training=False)
    if found:
        found["steps"] = steps
    return Result(outputs={}, details=found)


@contextmanager
def _without_optimizer() -> Iterator[None]:
    """Run new functions of TensorFlow as they were traced."""
    import tensorflow as tf

    before = tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": before})


def _run_in_graph(layer: Callable[..., Any], args: Any, kwargs: Any) -> list[Any]:
    """Return the outputs of a layer in a graph; nothing if it cannot be traced alone."""
    import keras
    import tensorflow as tf

    def as_tensor(leaf: Any) -> Any:
        return tf.convert_to_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf

    inputs = keras.tree.map_structure(as_tensor, (args, kwargs))
    try:
        outputs = tf.function(lambda pair: layer(*pair[0], **pair[1]))(inputs)
    except Exception:
        return []
    return list(keras.tree.flatten(outputs))


def _differing_dtypes(eager: list[Any], graph: list[Any]) -> list[str]:
    """Return the dtypes of the first output that differs by more than rounding.

    Empty if none does.
    """
    for pair in zip(eager, graph, strict=False):
        a, b = (np.asarray(leaf) if hasattr(leaf, "shape") else np.zeros(0) for leaf in pair)
        if a.shape != b.shape or not (is_numeric(a.dtype) and is_numeric(b.dtype)) or not a.size:
            continue
        if is_float(a.dtype) and is_float(b.dtype) and (np.isfinite(a) != np.isfinite(b)).any():
            return [a.dtype.name, b.dtype.name]
        wide = a.astype(np.float64), b.astype(np.float64)
        with np.errstate(invalid="ignore"):
            difference = float(np.nanmax(np.abs(wide[0] - wide[1]), initial=0.0))
        # One step of float16 is more than the least fault of float32.
        steps = [_STEPS * float(np.finfo(x.dtype).eps) for x in (a, b) if is_float(x.dtype)]
        least = max([MIN_FAULT, *steps])
        if difference > least * _greatest_finite(wide[0]):
            return [a.dtype.name, b.dtype.name]
    return []


def _greatest_finite(values: np.ndarray) -> float:
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def _needs_tensorflow(facts: Facts) -> str | None:
    return needs_tensorflow(facts, "graphs are traced with TensorFlow")


EXECUTION_LOCATORS: tuple[Route, ...] = (
    Route(
        name="locate-execution",
        summary="the first layer that computes differently in a graph than eagerly",
        run=_execution,
        unavailable=_needs_tensorflow,
    ),
)

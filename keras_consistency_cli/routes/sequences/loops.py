"""Loops over time steps inside one compiled function.

They compute what users write as a Python loop over time steps, in much less time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["run_step_by_step"]


def run_step_by_step(
    session: Session, rows: Rows, names: Collection[str], *, call: Callable[[Any], Any] | None = None
) -> list[np.ndarray]:
    """Feed series one time step at a time, from the current state of the model.

    Args:
        session: the session of a model that takes series of one time step.
        rows: rows by input name; time on axis 1.
        names: the inputs that are fed step by step; the others are given whole each time.
        call: called with the inputs of one time step instead of the model.

    Returns:
        Each output in the model's order, with a first axis of time steps before its own axes.
    """
    import keras
    import tensorflow as tf

    positions = {name: position for position, name in enumerate(rows)}
    structure = session.pack({name: np.asarray(position) for name, position in positions.items()}, cast=False)
    tensors = [tf.convert_to_tensor(session.cast(values)) for values in rows.values()]
    moving = [position for name, position in positions.items() if name in names]

    def run_step(step_values: Any) -> Any:
        step_tensors = list(tensors)
        for position, values in zip(moving, step_values, strict=True):
            step_tensors[position] = values[:, None]
        inputs = keras.tree.map_structure(lambda position: step_tensors[int(position)], structure)
        return keras.tree.flatten(call(inputs) if call is not None else session.model(inputs, training=False))

    traced_step = tf.function(run_step, autograph=False)

    def run_loop(series: Any) -> Any:
        first_step = [values[0] for values in series]
        outputs = traced_step.get_concrete_function(first_step).structured_outputs
        dtypes = [leaf.dtype for leaf in outputs]
        return tf.map_fn(traced_step, series, parallel_iterations=1, fn_output_signature=dtypes)

    series = [tf.experimental.numpy.moveaxis(tensors[position], 1, 0) for position in moving]
    return [np.asarray(leaf) for leaf in tf.function(run_loop, autograph=False)(series)]

"""One step at a time inside one compiled loop: what users write as a Python loop over steps, without its cost."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["stepped"]


def stepped(
    session: Session, rows: Rows, names: Collection[str], *, call: Callable[[Any], Any] | None = None
) -> list[np.ndarray]:
    """Feed series step by step, from the state in which the model is at the moment.

    Args:
        session: a session whose model takes series of one step.
        rows: rows by input name; steps on axis 1.
        names: the inputs that are fed step by step; the others are given whole each time.
        call: what is called with the inputs of a step; the model unless another is given.

    Returns:
        Each output in the model's order, with a first axis of steps before its own axes.
    """
    import keras
    import tensorflow as tf

    places = list(rows)
    structure = session.pack({name: np.asarray(place) for place, name in enumerate(places)}, cast=False)
    feeds = [tf.convert_to_tensor(session.cast(values)) for values in rows.values()]
    moving = [place for place, name in enumerate(places) if name in names]

    def step(now: Any) -> Any:
        tensors = list(feeds)
        for place, values in zip(moving, now, strict=True):
            tensors[place] = values[:, None]
        inputs = keras.tree.map_structure(lambda at: tensors[int(at)], structure)
        return keras.tree.flatten(call(inputs) if call is not None else session.model(inputs, training=False))

    def loop(series: Any) -> Any:
        kinds = [
            leaf.dtype
            for leaf in tf.function(step)
            .get_concrete_function([each[0] for each in series])
            .structured_outputs
        ]
        return tf.map_fn(step, series, parallel_iterations=1, fn_output_signature=kinds)

    series = [tf.experimental.numpy.moveaxis(feeds[place], 1, 0) for place in moving]
    return [np.asarray(leaf) for leaf in tf.function(loop)(series)]

"""Recording a run layer by layer, in the order in which layers finish."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from keras_consistency_cli.routes.locating.layer_sketches import (
    BatchlessTensors,
    Sketch,
    Step,
    find_batchless_tensors,
    sketch_tensors,
)
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls, layer_path

__all__ = ["OwningLayer", "Steps", "is_symbolic", "owning_layer", "record_steps"]


class Steps(list[Step]):
    """Steps in the order in which they finished, and the innermost one that raised an error."""

    refused: Step | None = None


class OwningLayer(NamedTuple):
    """The layer that reports name for a call.

    `custom` if its class is the user's own; `depth` is its position among the running layers.
    """

    path: str
    kind: str
    custom: bool
    depth: int


@contextmanager
def record_steps(kept: np.ndarray | None, batch_size: int) -> Iterator[Steps]:
    """Record every layer, and every operation of a functional graph, that finishes meanwhile.

    Args:
        kept: the rows that count, as a mask or by number; None for all.
        batch_size: rows of the batch.
    """
    import keras

    steps = Steps()
    sketches: dict[bytes, Sketch] = {}

    def sketch(leaves: list[Any]) -> Sketch:
        # The outputs of one layer are the inputs of the next: both share a sketch.
        new = sketch_tensors(leaves, kept, batch_size)
        return sketches.setdefault(new.digest, new)

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        input_leaves = keras.tree.flatten((args, kwargs))
        inputs = None if is_symbolic(input_leaves) else sketch(input_leaves)
        try:
            outputs = original(*args, **kwargs)
        except Exception:
            steps.refused = steps.refused or _step(running, inputs or sketch([]), sketch([]))
            raise
        leaves = keras.tree.flatten(outputs)
        if inputs is not None and not is_symbolic(leaves):
            batchless = None if kept is None else find_batchless_tensors(input_leaves, leaves, batch_size)
            steps.append(_step(running, inputs, sketch(leaves), batchless))
        return outputs

    with intercept_calls(around):
        yield steps


def is_symbolic(leaves: list[Any]) -> bool:
    """Whether a graph is being built, so that there are no numbers yet."""
    import keras

    return any(isinstance(leaf, keras.KerasTensor) or hasattr(leaf, "graph") for leaf in leaves)


def owning_layer(running: CallStack) -> OwningLayer:
    """Return the outermost layer of Keras without custom parts, else the custom layer.

    An LSTM is named and not its cell, but a wrapper of Keras around a custom layer is not named.
    """
    import keras

    custom = [
        not type(layer).__module__.startswith("keras.") or isinstance(layer, keras.Model) for layer in running
    ]
    innermost_custom = max((depth for depth in range(len(running)) if custom[depth]), default=0)
    depth = min(innermost_custom + 1, len(running) - 1)
    return OwningLayer(
        path=layer_path(running[: depth + 1]),
        kind=type(running[depth]).__name__,
        custom=custom[depth],
        depth=depth,
    )


def _step(
    running: CallStack, inputs: Sketch, outputs: Sketch, batchless: BatchlessTensors | None = None
) -> Step:
    import keras

    owner = owning_layer(running)
    return Step(
        path=owner.path,
        kind=owner.kind,
        custom=owner.custom,
        inputs=inputs,
        outputs=outputs,
        outermost=owner.depth == len(running) - 1,
        model=isinstance(running[owner.depth], keras.Model),
        batchless=batchless,
    )

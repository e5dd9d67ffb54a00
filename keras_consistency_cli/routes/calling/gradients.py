"""The route that measures gradients of the outputs with respect to the inputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import same_values
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route, needs_float_input, needs_tensorflow
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.session.kept_ids import find_ids
from keras_consistency_cli.routes.trace import Result, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["GRADIENT_ROUTES", "GradientDetails"]

_GRADIENT_ROWS, _FEWEST_ROWS = 4, 2
_MANY_STEPS = 256
"""Tracing a recurrent layer and its gradient takes as long as about so many eager steps."""

GradientSizes = dict[str, "float | None"]
"""The greatest absolute gradient by input.

None if the output is disconnected from the input.
"""


class GradientDetails(TypedDict, total=False):
    """Details of the route: sizes by output and input, or the error of an operation.

    `reacting` are the outputs without any gradient that inputs near zero change all the same.
    """

    gradients: dict[str, GradientSizes]
    reacting: list[str]
    refused: str


def _gradients(session: Session, rows: Rows) -> Result:
    """Measure the gradient of each float output with respect to each float input.

    Ids have no gradient, even if they are fed as floats.
    """
    import keras
    import tensorflow as tf

    size = session.facts.batch_size or (_FEWEST_ROWS if session.is_heavy else _GRADIENT_ROWS)
    batch = _as_declared(first_batch(rows, size), session.facts)
    packed = keras.tree.map_structure(tf.convert_to_tensor, session.pack(batch))
    places = _find_float_inputs(session, batch, keras.tree.flatten(packed))

    problems: list[str] = []

    def run(packed: Any) -> tuple[Any, list[Any]]:
        return _run_with_gradients(session, packed, list(places.values()), problems)

    # Eagerly, each step of a loop and its gradient run two dozen operations from Python.
    outputs, gradients = (
        tf.function(run, autograph=False) if session.loop_steps(batch) >= _MANY_STEPS else run
    )(packed)
    if problems:
        refused: GradientDetails = {"refused": problems[0]}
        return Result(outputs={}, details=refused)
    names = list(session.name_outputs(outputs))
    sizes = {
        name: {input_name: _size(gradient) for input_name, gradient in zip(places, of_output, strict=True)}
        for name, of_output in zip(names, gradients, strict=True)
        if of_output is not None
    }
    cut = [name for name, by_input in sizes.items() if all(size is None for size in by_input.values())]
    details: GradientDetails = {"gradients": sizes, "reacting": _find_reacting(session, batch, places, cut)}
    return Result(outputs={}, details=details)


def _find_reacting(session: Session, batch: Rows, places: Iterable[str], outputs: list[str]) -> list[str]:
    """Return which of these outputs change if these inputs are zeros, or at most 1 in size."""
    if not outputs or not places:
        return []
    right = session.call(batch, training=False)
    reacting: set[str] = set()
    for shrink in (np.zeros_like, _shrink):
        other = session.call({**batch, **{name: shrink(batch[name]) for name in places}}, training=False)
        reacting |= {name for name in outputs if not same_values(other[name], right[name])}
    return sorted(reacting)


def _shrink(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / max(float(np.abs(values).max(initial=0.0)), 1.0), values.dtype)


def _run_with_gradients(
    session: Session, packed: Any, places: Sequence[int], problems: list[str]
) -> tuple[Any, list[Any]]:
    """Return the outputs, and for each float output its gradients with respect to the inputs at `places`.

    An output of another kind has None. An operation without a gradient adds its error to `problems`: the
    model has run, so this is not its crash.
    """
    import keras
    import tensorflow as tf

    leaves = keras.tree.flatten(packed)
    inputs = [leaves[place] for place in places]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        outputs = session.model(packed, training=False)
    try:
        seed = session.options.seed
        return outputs, [
            tape.gradient(output, inputs, output_gradients=_weights(output, seed))
            if output.dtype.is_floating
            else None
            for output in keras.tree.flatten(outputs)
        ]
    except Exception as problem:
        problems.append(f"{type(problem).__name__}: {clean(problem, 200)}")
        return outputs, []


def _weights(output: Any, seed: int) -> Any:
    """Return seeded random weights for the values of an output.

    The plain sum of a softmax is constant and has no gradient.
    """
    import tensorflow as tf

    return tf.cast(np.random.default_rng(seed).uniform(0.5, 1.5, output.shape), output.dtype)


def _as_declared(rows: Rows, facts: Facts) -> Rows:
    """Cast whole numbers for a float input to floats, as predict does.

    Only floats have gradients.
    """
    float_inputs = {fact.name for fact in facts.inputs if "float" in fact.dtype}
    return {
        name: values.astype(np.float32) if name in float_inputs and values.dtype.kind in "iub" else values
        for name, values in rows.items()
    }


def _find_float_inputs(session: Session, rows: Rows, tensors: Sequence[Any]) -> dict[str, int]:
    """Return the float inputs that take more than ids, by name, with their place in the flat structure."""
    return {
        name: place
        for place, (name, tensor) in enumerate(
            zip(_flattened_names(session, list(rows)), tensors, strict=True)
        )
        if tensor.dtype.is_floating and not find_ids(session, name, rows[name]).all()
    }


def _flattened_names(session: Session, names: list[str]) -> list[str]:
    """Return input names in the order in which a packed structure is flattened.

    Dicts are flattened by sorted key.
    """
    packed = session.pack({name: np.zeros((1, 1), np.float32) for name in names})
    return sorted(names) if isinstance(packed, dict) else names


def _size(gradient: Any) -> float | None:
    if gradient is None:
        return None
    import keras

    values = keras.ops.convert_to_numpy(gradient.values if hasattr(gradient, "indices") else gradient)
    return float(np.abs(values).max(initial=0.0)) if np.isfinite(values).all() else float("nan")


def _no_gradients(facts: Facts) -> str | None:
    return needs_tensorflow(facts, "gradients are measured with TensorFlow") or needs_float_input(facts)


GRADIENT_ROUTES: tuple[Route, ...] = (
    Route(
        name="gradients",
        summary="gradients of the outputs with respect to the inputs",
        run=_gradients,
        unavailable=_no_gradients,
        moves=True,
    ),
)

"""The route that measures gradients of the outputs with respect to the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route, needs_float_input, needs_tensorflow
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.session.kept_ids import find_ids
from keras_consistency_cli.routes.trace import Result, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["GRADIENT_ROUTES", "GradientDetails"]

_GRADIENT_ROWS = 4

GradientSizes = dict[str, "float | None"]
"""The greatest absolute gradient by input.

None if the output is disconnected from the input.
"""


class GradientDetails(TypedDict, total=False):
    """Details of the route: sizes by output and input, or the error of an operation."""

    gradients: dict[str, GradientSizes]
    refused: str


def _gradients(session: Session, rows: Rows) -> Result:
    """Measure the gradient of each float output with respect to each float input.

    Ids have no gradient, even if they are fed as floats.
    """
    import keras
    import tensorflow as tf

    batch = _as_declared(first_batch(rows, session.facts.batch_size or _GRADIENT_ROWS), session.facts)
    packed = keras.tree.map_structure(tf.convert_to_tensor, session.pack(batch))
    inputs = _float_inputs(session, batch, keras.tree.flatten(packed))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(list(inputs.values()))
        outputs = session.model(packed, training=False)
    names = list(session.name_outputs(outputs))
    sizes: dict[str, GradientSizes] = {}
    details: GradientDetails = {"gradients": sizes}
    try:
        for name, output in zip(names, keras.tree.flatten(outputs), strict=True):
            if output.dtype.is_floating:
                sizes[name] = _sizes_of_output(tape, output, inputs, session.options.seed)
    except Exception as problem:
        # The model answered: an operation without a gradient, or with one that fails, is not its crash.
        details = {"refused": f"{type(problem).__name__}: {clean(problem, 200)}"}
    return Result(outputs={}, details=details)


def _as_declared(rows: Rows, facts: Facts) -> Rows:
    """Cast whole numbers for a float input to floats, as predict does.

    Only floats have gradients.
    """
    float_inputs = {fact.name for fact in facts.inputs if "float" in fact.dtype}
    return {
        name: values.astype(np.float32) if name in float_inputs and values.dtype.kind in "iub" else values
        for name, values in rows.items()
    }


def _float_inputs(session: Session, rows: Rows, tensors: list[Any]) -> dict[str, Any]:
    """Return the tensors of the float inputs that take more than ids, by input name."""
    return {
        name: tensor
        for name, tensor in zip(_flattened_names(session, list(rows)), tensors, strict=True)
        if tensor.dtype.is_floating and not find_ids(session, name, rows[name]).all()
    }


def _flattened_names(session: Session, names: list[str]) -> list[str]:
    """Return input names in the order in which a packed structure is flattened.

    Dicts are flattened by sorted key.
    """
    packed = session.pack({name: np.zeros((1, 1), np.float32) for name in names})
    return sorted(names) if isinstance(packed, dict) else names


def _sizes_of_output(tape: Any, output: Any, inputs: Mapping[str, Any], seed: int) -> GradientSizes:
    """Return the greatest absolute gradient of one output, by input.

    The output is weighted with seeded random numbers: the plain sum of a softmax is constant and has no
    gradient.
    """
    import tensorflow as tf

    weights = tf.cast(np.random.default_rng(seed).uniform(0.5, 1.5, output.shape), output.dtype)
    gradients = tape.gradient(output, list(inputs.values()), output_gradients=weights)
    return {name: _size(gradient) for name, gradient in zip(inputs, gradients, strict=True)}


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
        placement="fresh",
    ),
)

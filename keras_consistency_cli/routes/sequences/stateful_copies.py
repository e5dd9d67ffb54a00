"""Copies of a model that carry their state from one time step to the next.

They are stateful copies, and decoders that are given their own last state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.routes.sequences.loops import run_step_by_step
from keras_consistency_cli.routes.session.batches import count_rows
from keras_consistency_cli.routes.trace import Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["find_decoder", "find_encoder_inputs", "run_stateful_copy"]


def run_stateful_copy(session: Session, rows: Rows, names: Collection[str]) -> list[np.ndarray]:
    """Return the outputs of a copy that carries its state, one time step at a time.

    They are in the form of `loops.run_step_by_step`.

    Raises:
        CopyRefused: no such copy can be built; the message says why.
    """
    from keras_consistency_cli.loading.model.copies.variable_length import build_variable_length_copy
    from keras_consistency_cli.loading.model.facts import describe_model

    if session.facts.kind == "subclass":
        return run_step_by_step(_load_stateful_copy(session, count_rows(rows)), rows, names)
    lengths = {rows[name].shape[1] for name in names}
    twin = build_variable_length_copy(
        session.model, lengths=lengths, batch=count_rows(rows), **session.loading
    )
    copy = session.on_copy(twin, describe_model(twin))
    if _find_initial_states(twin):
        return _run_decoder(copy, rows, names)
    return run_step_by_step(copy, rows, names)


def _load_stateful_copy(session: Session, batch: int) -> Session:
    """Return a session on a reloaded subclassed model with stateful recurrent layers."""
    import keras

    from keras_consistency_cli.loading.model.copies.variable_length import CopyRefused
    from keras_consistency_cli.loading.model.layer_walk import walk_layers
    from keras_consistency_cli.loading.model.resaving import load_again

    if not session.subject.files.model:
        raise CopyRefused("a subclassed model can only be copied from its file")
    try:
        copy = load_again(Path(session.subject.files.model), compiled=False, **session.loading)
        for _, layer in walk_layers(copy):
            if isinstance(layer, keras.layers.RNN):
                layer.stateful = True
                layer._create_state_variables(batch)
    except Exception as problem:
        message = (
            f"its recurrent layers cannot be made stateful ({type(problem).__name__}: {clean(problem, 120)})"
        )
        raise CopyRefused(message) from problem
    return session.on_copy(copy)


def find_encoder_inputs(model: Any) -> set[str]:
    """Return the inputs from which initial states of recurrent layers are computed."""
    states = _find_initial_states(model).values()
    return {clean(name) for name in _find_origins(tensor for tensors in states for tensor in tensors)}


def find_decoder(model: Any) -> str | None:
    """Return the name of the first recurrent layer that is given its initial state."""
    return next((clean(layer.name) for layer in _find_initial_states(model)), None)


def _find_initial_states(model: Any) -> dict[Any, list[Any]]:
    """Return the symbolic tensors of the initial state of each recurrent layer."""
    import keras

    states: dict[Any, list[Any]] = {}
    for layer in getattr(model, "layers", ()):
        if isinstance(layer, keras.layers.RNN) and layer._inbound_nodes:
            arguments = layer._inbound_nodes[-1].arguments
            state = keras.tree.flatten([arguments.kwargs.get("initial_state"), *arguments.args[1:2]])
            tensors = [leaf for leaf in state if isinstance(leaf, keras.KerasTensor)]
            if tensors:
                states[layer] = tensors
    return states


def _find_origins(tensors: Iterable[Any]) -> set[str]:
    """Return the input layers from which these symbolic tensors are computed."""
    waiting, seen, names = list(tensors), set(), set()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if node.is_input:
            names.add(str(operation.name))
        waiting += node.input_tensors
    return names


def _find_encoder_ends(model: Any, encoded: set[str]) -> list[Any]:
    """Return the symbolic tensors in which the encoder ends.

    They are computed from the encoder's inputs only, and used by something that is not.
    """
    waiting, seen, ends = list(model.outputs), set(), []
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        origins = _find_origins([tensor])
        if origins and origins <= encoded:
            ends.append(tensor)
            continue
        operation, index, _ = tensor._keras_history
        waiting += operation._inbound_nodes[index].input_tensors
    return ends


def _run_decoder(session: Session, rows: Rows, names: Collection[str]) -> list[np.ndarray]:
    """Run the encoder once, then the decoder step by step with its own last state."""
    import keras
    import tensorflow as tf

    from keras_consistency_cli.loading.model.copies.variable_length import CopyRefused

    model, initial_states = session.model, _find_initial_states(session.model)
    starts = [tensor for tensors in initial_states.values() for tensor in tensors]
    encoded = _find_origins(starts)
    ends = _find_encoder_ends(model, encoded)
    start_positions = [position for start in starts for position, end in enumerate(ends) if end is start]
    fed_positions = [
        position
        for position, tensor in enumerate(model.inputs)
        if tensor._keras_history.operation.name not in encoded
    ]
    if len(start_positions) < len(starts) or not fed_positions:
        raise CopyRefused("its decoder cannot be separated from its encoder")
    decoder = keras.Model([*(model.inputs[position] for position in fed_positions), *ends], model.outputs)
    inputs = keras.tree.flatten(session.pack(rows))
    end_values = keras.tree.flatten(keras.Model(model.inputs, ends)(inputs, training=False))
    states = [state for layer in initial_states for state in keras.tree.flatten(layer.states)]
    for state, position in zip(states, start_positions, strict=True):
        state.assign(end_values[position])

    def call(step_inputs: Any) -> Any:
        step_values = list(end_values)
        for state, position in zip(states, start_positions, strict=True):
            step_values[position] = tf.convert_to_tensor(state.value)
        leaves = keras.tree.flatten(step_inputs)
        return decoder([*(leaves[position] for position in fed_positions), *step_values], training=False)

    return run_step_by_step(session, rows, names, call=call)

"""Copies of a model that carry their state from step to step: stateful twins, and decoders that are handed their own last state."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.routes.sequences.loops import stepped
from keras_consistency_cli.routes.session.batches import count
from keras_consistency_cli.routes.trace import Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["carried", "decoder_of", "encoder_inputs"]


def carried(session: Session, rows: Rows, names: Collection[str]) -> list[np.ndarray]:
    """Return what a copy that carries its state answers, one step at a time, by output as `loops.stepped` does.

    Raises:
        TwinRefused: no such copy can be made; the message says why.
    """
    from keras_consistency_cli.loading.model.facts import describe_model
    from keras_consistency_cli.loading.model.variable_length_copy import build_twin

    if session.facts.kind == "subclass":
        return stepped(_told_to_carry(session, count(rows)), rows, names)
    lengths = {rows[name].shape[1] for name in names}
    twin = build_twin(session.model, lengths=lengths, batch=count(rows), **session.loading)
    feeding = session.on_copy(twin, describe_model(twin))
    return _decoded(feeding, rows, names) if _initial_states(twin) else stepped(feeding, rows, names)


def _told_to_carry(session: Session, batch: int) -> Any:
    """A session on a fresh copy of a subclassed model whose recurrent layers are told to keep their state."""
    import keras

    from keras_consistency_cli.loading.model.facts import walk_layers
    from keras_consistency_cli.loading.model.resaving import load_again
    from keras_consistency_cli.loading.model.variable_length_copy import TwinRefused

    if not session.subject.files.model:
        raise TwinRefused("a subclassed model can be copied from its file only")
    try:
        copy = load_again(Path(session.subject.files.model), compiled=False, **session.loading)
        for _, layer in walk_layers(copy):
            if isinstance(layer, keras.layers.RNN):
                layer.stateful = True
                layer._create_state_variables(batch)
    except Exception as problem:
        raise TwinRefused(
            f"its recurrent layers cannot be told to carry ({type(problem).__name__}: {clean(problem, 120)})"
        ) from problem
    return session.on_copy(copy)


def encoder_inputs(model: Any) -> set[str]:
    """Return the names of the inputs from which the initial states of recurrent layers are made; none where no layer is given any."""
    return {
        clean(name)
        for name in _origins(tensor for tensors in _initial_states(model).values() for tensor in tensors)
    }


def decoder_of(model: Any) -> str | None:
    """Return the name of the first recurrent layer that is given its initial state, None where there is none."""
    return next((clean(layer.name) for layer in _initial_states(model)), None)


def _initial_states(model: Any) -> dict[Any, list[Any]]:
    """By recurrent layer of a functional graph the symbolic tensors that it is given as its initial state."""
    import keras

    found: dict[Any, list[Any]] = {}
    for layer in getattr(model, "layers", ()):
        if isinstance(layer, keras.layers.RNN) and layer._inbound_nodes:
            arguments = layer._inbound_nodes[-1].arguments
            given = [arguments.kwargs.get("initial_state"), *arguments.args[1:2]]
            tensors = [
                tensor for tensor in keras.tree.flatten(given) if isinstance(tensor, keras.KerasTensor)
            ]
            if tensors:
                found[layer] = tensors
    return found


def _origins(tensors: Iterable[Any]) -> set[str]:
    """Names of the input layers that these tensors are computed from."""
    waiting, seen, found = list(tensors), set(), set()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if node.is_input:
            found.add(str(operation.name))
        waiting += node.input_tensors
    return found


def _frontier(model: Any, encoded: set[str]) -> list[Any]:
    """Symbolic tensors in which the encoder ends: they come from encoded inputs alone, and something else looks at them."""
    waiting, seen, found = list(model.outputs), set(), []
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        origins = _origins([tensor])
        if origins and origins <= encoded:
            found.append(tensor)
            continue
        operation, index, _ = tensor._keras_history
        waiting += operation._inbound_nodes[index].input_tensors
    return found


def _decoded(session: Session, rows: Rows, names: Collection[str]) -> list[np.ndarray]:
    """Encode once, then feed the decoder step by step, each time with the state that it ended in."""
    import keras
    import tensorflow as tf

    from keras_consistency_cli.loading.model.variable_length_copy import TwinRefused

    twin, states = session.model, _initial_states(session.model)
    starts = [tensor for tensors in states.values() for tensor in tensors]
    encoded = _origins(starts)
    ends = _frontier(twin, encoded)
    places = [place for start in starts for place, end in enumerate(ends) if end is start]
    fed = [tensor for tensor in twin.inputs if tensor._keras_history.operation.name not in encoded]
    if len(places) < len(starts) or not fed:
        raise TwinRefused("its decoder cannot be told from its encoder")
    decoder = keras.Model([*fed, *ends], twin.outputs)
    inputs = keras.tree.flatten(session.pack(rows))
    values = keras.tree.flatten(keras.Model(twin.inputs, ends)(inputs, training=False))
    kept = [state for layer in states for state in keras.tree.flatten(layer.states)]
    for state, place in zip(kept, places, strict=True):
        state.assign(values[place])
    own = [place for place, tensor in enumerate(twin.inputs) if any(tensor is each for each in fed)]

    def call(given: Any) -> Any:
        now = list(values)
        for state, place in zip(kept, places, strict=True):
            now[place] = tf.convert_to_tensor(state.value)
        leaves = keras.tree.flatten(given)
        return decoder([*(leaves[place] for place in own), *now], training=False)

    return stepped(session, rows, names, call=call)

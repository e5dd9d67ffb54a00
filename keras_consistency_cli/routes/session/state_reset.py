"""Finding and resetting the states of recurrent layers. Importing it imports no backend."""

from __future__ import annotations

from typing import Any

__all__ = ["find_states", "reset_states"]


def reset_states(model: Any) -> None:
    """Reset every stateful layer, nested ones too: Keras 3 has no `model.reset_states()`."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()


def find_states(model: Any) -> list[Any]:
    """Return the states of all recurrent layers, in the order of the layers."""
    import keras

    recurrent = [layer for layer in model._flatten_layers() if hasattr(layer, "cell")]
    states = (state for layer in recurrent for state in keras.tree.flatten(layer.states))
    return [state for state in states if hasattr(state, "assign")]

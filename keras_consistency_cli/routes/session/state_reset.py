"""Resetting the states of recurrent layers. Importing it imports no backend."""

from __future__ import annotations

from typing import Any

__all__ = ["reset_states"]


def reset_states(model: Any) -> None:
    """Reset every stateful layer, nested ones too: Keras 3 has no `model.reset_states()`."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()

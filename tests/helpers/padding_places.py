"""What the route `unpadded` finds if padding gets into the outputs."""

from __future__ import annotations

from typing import Any

__all__ = ["LEAK", "MOVED", "PLACES", "REVERSED", "WRONG_MASK"]

LEAK: dict[str, Any] = {
    "layer": "peak",
    "kind": "GlobalMaxPooling1D",
    "stock": True,
    "takes_mask": False,
    "given_mask": True,
    "counts_positions": False,
    "reverses_time": False,
    "makes_mask": False,
    "uses": [],
    "before": 0.3,
    "left": 0.0,
    "scale": 1.0,
}
"""A layer of Keras that computes with the padding."""
PLACES = {**LEAK, "layer": "places", "kind": "Places", "stock": False, "counts_positions": True}
"""A layer that counts positions from the padded end."""
REVERSED = {**LEAK, "layer": "back", "kind": "LSTM", "takes_mask": True, "reverses_time": True}
"""A layer that reverses the time steps and not the mask."""
WRONG_MASK = {**LEAK, "layer": "joined", "kind": "Concatenate", "makes_mask": True}
"""An operation that makes a mask which does not fit."""
MOVED: dict[str, Any] = {
    "layer": "norm",
    "kind": "Normalization",
    "masking": "mask",
    "mask": 0.0,
    "arrives": [-1.0],
    "before": 0.3,
    "left": 0.0,
    "scale": 1.0,
}
"""A layer that changes the padding before the mask is made."""

"""Facts: what is known about a model and the machine without comparing anything, as plain data.

The worker gathers them once, after loading; routes use them to say why they cannot run, checks and diagnosis use them as evidence.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

__all__ = ["Decision", "Facts", "InputFact", "LayerFact", "OutputFact"]

Decision = Literal["argmax", "threshold"]


@dataclass(frozen=True, kw_only=True)
class InputFact:
    """One input of the model; `shape` includes the batch axis, None where any size is accepted."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    """Empty where the model does not say: subclassed models save shapes only."""

    @property
    def is_float(self) -> bool:
        """Whether gradients and float64 make sense for this input."""
        return not self.dtype or "float" in self.dtype


@dataclass(frozen=True, kw_only=True)
class OutputFact:
    """One output; `decision` tells how users turn it into a class: argmax, threshold at 0.5, or not at all."""

    name: str
    shape: tuple[int | None, ...] | None
    decision: Decision | None = None


@dataclass(frozen=True, kw_only=True)
class LayerFact:
    """One layer, nested ones included; `path` is "encoder/dense_1".

    `baked_training` is the training argument fixed in a functional graph, `forgets_training` is true for a call() that does not take
    `training` although a layer inside does, `default_training` for a layer whose call() has training=True as its default.
    """

    path: str
    kind: str
    custom: bool = False
    stateful: bool = False
    takes_training: bool = False
    default_training: bool = False
    forgets_training: bool = False
    baked_training: bool | None = None
    dtype_policy: str = "float32"
    parameters: int = 0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that was read off one loaded model and its surroundings."""

    name: str
    kind: Literal["Sequential", "Functional", "subclass"]
    parameters: int
    layers: tuple[LayerFact, ...]
    inputs: tuple[InputFact, ...]
    outputs: tuple[OutputFact, ...]
    batch_size: int | None = None
    """The batch size the model was built for, None where any is accepted."""
    low_precision: tuple[str, ...] = ()
    """Dtype policies below float32 and quantised ones found in the model."""
    shadow_refused: str | None = None
    """Why no float64 shadow could be made, None where there is one (or nobody asked yet)."""
    overridden: tuple[str, ...] = ()
    """Methods of the model class that change what predict means: predict, predict_step, make_predict_function, __call__."""
    keras: str = ""
    saved_with: str = ""
    backend: str = ""
    backend_version: str = ""
    devices: tuple[str, ...] = ()
    python: str = f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}"
    notes: tuple[str, ...] = ()
    """Remarks made while loading, for the report's header."""

    @property
    def stateful_layers(self) -> tuple[LayerFact, ...]:
        """Recurrent layers that carry state from one batch to the next."""
        return tuple(layer for layer in self.layers if layer.stateful)

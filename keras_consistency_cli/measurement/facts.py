"""Facts: plain data about model, machine and rows, gathered once after loading.

Routes use them to say why they cannot run, checks as evidence.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "BATCH_WORK",
    "FEWEST_NEIGHBOURS",
    "Decision",
    "Facts",
    "InputFact",
    "LayerFact",
    "OutputFact",
    "UnknownCategories",
]

Decision = Literal["argmax", "threshold"]

BATCH_WORK = 3e8
"""Multiplications of a batch that answers one question, about a twentieth of a second of one core."""
FEWEST_NEIGHBOURS = 4
"""The rows of the smallest batch in which rows have neighbours of all kinds."""

_SAME_IN_TRAINING = ("Resizing", "CenterCrop")
"""Layers of Keras that have training=True by default, hand it on, and compute the same in both modes."""


@dataclass(frozen=True, kw_only=True)
class InputFact:
    """One input of the model; `shape` includes the batch axis, None if any size is accepted."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    """Empty if the model does not say: subclassed models save shapes only."""
    lenient: Literal["", "rank", "length"] = ""
    """What Keras accepts without an error.

    "rank" is a missing or surplus last axis of one, "length" also different lengths of the axes between.
    """
    key_of: str = ""
    """The name of the Input, if the model takes a dict and `name` is its key there, else empty."""

    @property
    def is_float(self) -> bool:
        """Whether gradients and float64 make sense for this input."""
        return not self.dtype or "float" in self.dtype


@dataclass(frozen=True, kw_only=True)
class OutputFact:
    """One output; `decision` says how it becomes a class: argmax, threshold at 0.5, or not."""

    name: str
    shape: tuple[int | None, ...] | None
    decision: Decision | None = None


@dataclass(frozen=True, kw_only=True)
class LayerFact:
    """One layer, nested ones included; `path` is "encoder/dense_1".

    `baked_training` is the training argument fixed in a functional graph. `forgets_training` is true for a
    call() that does not take `training` although a layer inside does, `default_training` for one whose
    default is training=True.
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
    masks: float | None = None
    """The value of the time steps that a Masking layer or an Embedding with mask_zero masks."""
    base: str = ""
    """The class of Keras that a custom layer extends, empty for one that extends Layer itself."""

    @property
    def forces_training(self) -> bool:
        """Whether a call without a training argument runs it in training mode, and this has an effect."""
        is_same = self.kind in _SAME_IN_TRAINING and not self.custom
        return bool(self.baked_training or self.default_training) and not is_same

    @property
    def kinds(self) -> frozenset[str]:
        """The class, and the class of Keras that it extends."""
        return frozenset({self.kind, self.base} - {""})


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything known about one loaded model and its environment."""

    name: str
    kind: Literal["Sequential", "Functional", "subclass"]
    parameters: int
    layers: tuple[LayerFact, ...]
    inputs: tuple[InputFact, ...]
    outputs: tuple[OutputFact, ...]
    batch_size: int | None = None
    """The batch size the model was built for, None if any is accepted."""
    lookups: tuple[InputFact, ...] = ()
    """By text input, what its own lookup gives to the rest of the model: ids, in the form of an input."""
    low_precision: tuple[str, ...] = ()
    """The model's dtype policies below float32 and quantized ones."""
    shadow_refused: str | None = None
    """Always None. The key is kept for readers of older reports."""
    overridden: tuple[str, ...] = ()
    """Overridden methods that change predict, such as predict_step or __call__."""
    keras: str = ""
    saved_with: str = ""
    backend: str = ""
    backend_version: str = ""
    devices: tuple[str, ...] = ()
    python: str = f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}"
    masks_destroyed: tuple[str, ...] = ()
    """Names of the layers of which Keras warned, when it built the model, that they destroy the mask."""
    work: int = 0
    """Multiplications that one row takes, roughly; 0 if they cannot be counted."""
    own_code: bool = False
    """Whether code that is not of Keras itself may run in the model."""
    time_stated: bool = False
    """Whether the owner states something of a time axis that is axis 1: padding, lengths, or the axis."""
    compile_failure: str = ""
    """Why the model was loaded with compile=False although it was compiled, "" if it was not."""
    notes: tuple[str, ...] = ()
    """Notes from loading, for the report's header."""

    def declared_decisions(self) -> dict[str, Decision | None]:
        """Return how each output becomes a class.

        Values that have the shape of an input, with several features, reconstruct it: they are no decisions.
        """
        features = {
            fact.shape[1:]
            for fact in self.inputs
            if fact.is_float and len(fact.shape) > 1 and (fact.shape[-1] or 0) > 1
        }
        return {
            fact.name: None
            if fact.decision == "threshold" and fact.shape is not None and fact.shape[1:] in features
            else fact.decision
            for fact in self.outputs
        }

    def rows_for_work(self, multiplications: float, *, fewest: int) -> int:
        """Return how many rows take so many multiplications; very many if their work is not known."""
        return max(fewest, int(multiplications // self.work)) if self.work else sys.maxsize

    @property
    def is_heavy(self) -> bool:
        """Whether a few rows take more than a question should: each question once then, on few rows."""
        return self.rows_for_work(BATCH_WORK, fewest=0) < FEWEST_NEIGHBOURS

    @property
    def quantised(self) -> tuple[str, ...]:
        """The dtype policies of quantised layers; Keras names the mode and the policy it was made from."""
        return tuple(policy for policy in self.low_precision if "_from_" in policy)

    @property
    def coarsest_dtype(self) -> str:
        """The coarsest number type that the dtype policies declare."""
        policies = " ".join(self.low_precision)
        known = ("int8_from", "float8_from", "bfloat16", "float16")
        return next((dtype.removesuffix("_from") for dtype in known if dtype in policies), "float32")

    @property
    def computes_in_16_bits(self) -> bool:
        """Whether dtype policies of layers declare float16 or bfloat16, be it beside a quantised type."""
        return any(not policy.endswith("_from_float32") for policy in self.low_precision)

    @property
    def stateful_layers(self) -> tuple[LayerFact, ...]:
        """Recurrent layers that keep state from one batch to the next."""
        return tuple(layer for layer in self.layers if layer.stateful)


@dataclass(frozen=True, kw_only=True)
class UnknownCategories:
    """A column with values that an encoder does not know.

    `unknown` of `given` values are, such as `value`; `known` lists values that the encoder knows. `spelling`
    is the name of the spelling that makes nearly all of them known, and `becomes` one value with it; "" if
    there is none. `place` is the position of the column, and `belongs` that of another column of which the
    encoder knows all of these values, None if there is none. `other_type` says that the unknown values are
    texts and the known ones numbers, or the other way round.
    """

    column: str
    given: int
    unknown: int
    value: str
    known: str
    spelling: str = ""
    becomes: str = ""
    place: int = 0
    belongs: int | None = None
    other_type: bool = False

    @property
    def is_unlike(self) -> bool:
        """Whether nothing explains that the encoder does not know the values."""
        return not self.spelling and self.belongs is None

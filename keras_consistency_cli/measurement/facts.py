"""Facts: plain data about model, machine and rows, gathered once after loading.

Routes use them to say why they cannot run, checks as evidence.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from keras_consistency_cli.measurement.column_facts import ColumnFact, DriftFact, ExpectedColumn

__all__ = [
    "DataFacts",
    "Decision",
    "Facts",
    "InputFact",
    "LayerFact",
    "OutputFact",
    "PreprocessingFact",
    "RowNormFact",
    "RowsFact",
    "ScalingFact",
    "ServedFact",
    "TargetFact",
]

Decision = Literal["argmax", "threshold"]


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
    def stateful_layers(self) -> tuple[LayerFact, ...]:
        """Recurrent layers that keep state from one batch to the next."""
        return tuple(layer for layer in self.layers if layer.stateful)


@dataclass(frozen=True, kw_only=True)
class RowsFact:
    """The rows of one input; `shape` is that of one row, `bad_rows` have NaN or infinity.

    Inputs of strings have no columns, very wide ones a single column of all values.
    """

    input: str
    rows: int
    shape: tuple[int, ...]
    columns: tuple[ColumnFact, ...]
    bad_rows: int = 0
    first_bad: tuple[int, ...] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value of all columns that have values; at least one must have some."""
        filled = [column for column in self.columns if column.count]
        return min(column.low for column in filled), max(column.high for column in filled)


@dataclass(frozen=True, kw_only=True)
class ScalingFact:
    """The scaler or preprocess function: its kind, its statistics, and the columns it gets.

    `names` are the features it was fitted on, `columns` those of the data; `statistics` is
    `Scaling.describe_statistics()`.
    """

    kind: str
    input: str
    function: bool = False
    features: int | None = None
    names: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    running: str = ""
    """The version of scikit-learn that runs."""
    statistics: Mapping[str, Any] = field(default_factory=dict)
    expected: tuple[ExpectedColumn, ...] = ()
    """By the scaler's statistics; empty for a preprocess function."""
    shown: tuple[ExpectedColumn, ...] = ()
    """By the reference rows; empty without them."""
    outcome: tuple[tuple[float, float], ...] = ()
    """Centre and spread of each feature after the last step, if earlier steps hide them."""
    reference_order: tuple[str, ...] | None = None
    """The columns of the reference rows as in their file, if the data have them in a different order."""
    mutates: bool = False
    """Whether the preprocess function changes its argument."""
    missing: tuple[str, ...] = ()
    """What fit() of the running scikit-learn sets and the scaler has not: "TfidfTransformer.idf_"."""
    as_stored: bool | None = None
    """Whether the scaler gives the numbers that follow from its statistics; None if no formula is known."""
    unknown: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Columns of which an encoder knows no value, by name: a value of the rows, and one that it knows."""


@dataclass(frozen=True, kw_only=True)
class RowNormFact:
    """An input whose reference rows have the norm 1 along these axes, and whose rows have not.

    `order` is 1 or 2, `found` the median norm of the rows.
    """

    input: str
    order: int
    axes: tuple[int, ...]
    found: float


@dataclass(frozen=True, kw_only=True)
class ServedFact:
    """Shares of the served rows that equal the rows raw, scaled once, and scaled twice."""

    rows: int
    raw: float
    scaled: float
    twice: float


@dataclass(frozen=True, kw_only=True)
class PreprocessingFact:
    """A layer that scales, or a BatchNormalization that an input enters first.
    `mean` and `sd` are its statistics by feature (or one for all features), `scale` and `offset` those of a
    Rescaling. `seen` are its input columns for the rows, `seen_reference` for the reference rows, `seen_raw`
    and `seen_reference_raw` for both before the scaler; all are empty if they are unknown. `after` are the
    preprocessing layers before it.
    """

    path: str
    kind: Literal["Normalization", "Rescaling", "BatchNormalization"]
    input: str = ""
    mean: tuple[float, ...] = ()
    sd: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()
    adapted: bool = True
    """False for a Normalization that is still the identity it was created as."""
    consistent: bool = True
    """Whether it computes with the statistics in its weights."""
    count: int = 0
    """Values of each feature in `adapt`; 0 if the file does not say, as in Keras 3."""
    after: tuple[str, ...] = ()
    seen: tuple[ColumnFact, ...] = ()
    seen_raw: tuple[ColumnFact, ...] = ()
    seen_reference: tuple[ColumnFact, ...] = ()
    seen_reference_raw: tuple[ColumnFact, ...] = ()

    @property
    def is_finite(self) -> bool:
        """Whether all its statistics are numbers, neither NaN nor infinite."""
        return all(map(math.isfinite, (*self.mean, *self.sd)))


@dataclass(frozen=True, kw_only=True)
class TargetFact:
    """The scaler of the targets.

    `units` is one unit of the output in the user's units, by output feature; empty if that is not constant.
    """

    kind: str
    units: tuple[float, ...] = ()

    def unit(self, index: Sequence[int]) -> float | None:
        """Return the unit of the element at this index in a row, None without a single unit."""
        if not self.units:
            return None
        return self.units[index[-1]] if index and index[-1] < len(self.units) else self.units[0]


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """Statistics of the rows and of their way to the model, gathered in one pass.

    `raw` are the rows as the user gave them, `fed` as the model gets them; `reference`, `reference_fed` and
    `served` likewise, empty if not given. `state` is the owner's statement, `generated` whether kcheck
    generated the rows.
    """

    generated: bool = False
    state: Literal["raw", "scaled"] = "raw"
    raw: tuple[RowsFact, ...] = ()
    fed: tuple[RowsFact, ...] = ()
    reference: tuple[RowsFact, ...] = ()
    reference_fed: tuple[RowsFact, ...] = ()
    served: tuple[RowsFact, ...] = ()
    scaling: ScalingFact | None = None
    served_as: ServedFact | None = None
    drift: tuple[DriftFact, ...] = ()
    layers: tuple[PreprocessingFact, ...] = ()
    target: TargetFact | None = None
    norms: tuple[RowNormFact, ...] = ()
    value_range: tuple[float, float] | None = None

    @property
    def mutated_input(self) -> bool:
        """Whether the preprocess function changed its rows in place."""
        return self.scaling is not None and self.scaling.mutates

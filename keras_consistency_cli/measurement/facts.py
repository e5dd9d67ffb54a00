"""Facts: what is known about a model and the machine without comparing anything, as plain data.

The worker gathers them once, after loading; routes use them to say why they cannot run, checks and diagnosis use them as evidence.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "QUANTILES",
    "ColumnFact",
    "DataFacts",
    "Decision",
    "DriftFact",
    "ExpectedColumn",
    "Facts",
    "InputFact",
    "LayerFact",
    "OutputFact",
    "PreprocessingFact",
    "RowsFact",
    "ScalingFact",
    "ServedFact",
    "TargetFact",
]

QUANTILES = (1, 5, 25, 50, 75, 95, 99)
"""Percentiles that are kept of each column."""

Decision = Literal["argmax", "threshold"]


@dataclass(frozen=True, kw_only=True)
class InputFact:
    """One input of the model; `shape` includes the batch axis, None where any size is accepted."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    """Empty where the model does not say: subclassed models save shapes only."""
    lenient: Literal["", "rank", "length"] = ""
    """What Keras lets through without a word: a missing or surplus last axis of one, and with "length" other lengths of the axes between too."""

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
    masks: float | None = None
    """The value of the steps that it masks: a Masking layer, or an Embedding with mask_zero."""


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
    """Why no float64 copy could be made, None where there is one (or nobody asked yet)."""
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


@dataclass(frozen=True, kw_only=True)
class ColumnFact:
    """One feature of the last axis over many rows, and over the axes between; statistics are of its finite values, NaN where there are none.

    `quantiles` go with `QUANTILES` and `kurtosis` (3 for a normal feature) with them: both, `distinct` and `whole` are of a sample of the values.
    """

    name: str
    count: int
    nan: int = 0
    inf: int = 0
    mean: float = 0.0
    sd: float = 0.0
    low: float = 0.0
    high: float = 0.0
    quantiles: tuple[float, ...] = ()
    kurtosis: float = 3.0
    distinct: int = 0
    """Distinct values in the sample."""
    whole: bool = False
    """Whether all values in the sample are whole numbers."""


@dataclass(frozen=True, kw_only=True)
class RowsFact:
    """The rows of one input; `shape` is that of one row. Inputs of strings have no columns, very wide ones a single column of all values."""

    input: str
    rows: int
    shape: tuple[int, ...]
    columns: tuple[ColumnFact, ...]
    bad_rows: int = 0
    """Rows with NaN or infinity."""
    first_bad: tuple[int, ...] = ()
    """Numbers of the first of them."""


@dataclass(frozen=True, kw_only=True)
class ExpectedColumn:
    """How one raw feature ought to look by what the scaler remembers, or by the reference rows: (centre, spread) raw, scaled, and scaled twice.

    `within` is the share of the rows given that lies within four spreads of each of these. `low` and `high` are the remembered range, None where
    none is. `kind` is the estimator's class, or "reference". `constant` where the feature never varied in training. `rows` are those it was fitted
    on, 0 where it does not remember. `filled` is what an imputer puts into gaps before the scaler sees them, None where there is none.
    """

    column: int
    name: str
    kind: str
    raw: tuple[float, float]
    scaled: tuple[float, float]
    twice: tuple[float, float]
    within: tuple[float, float, float] = (0.0, 0.0, 0.0)
    low: float | None = None
    high: float | None = None
    constant: bool = False
    rows: int = 0
    filled: float | None = None


@dataclass(frozen=True, kw_only=True)
class ScalingFact:
    """The scaler or preprocess function: what it is, what it remembers, and which columns it is given.

    `names` are the features it was fitted on, `columns` those of the data; `statistics` is `Scaling.describe_statistics()`.
    """

    kind: str
    input: str
    function: bool = False
    features: int | None = None
    names: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    running: str = ""
    """The scikit-learn that runs."""
    statistics: Mapping[str, Any] = field(default_factory=dict)
    expected: tuple[ExpectedColumn, ...] = ()
    """By what the scaler remembers; none of a preprocess function."""
    shown: tuple[ExpectedColumn, ...] = ()
    """By the reference rows; none without them."""
    outcome: tuple[tuple[float, float], ...] = ()
    """Centre and spread that its last step gives each feature, where steps before it hide what raw ones look like."""
    mutates: bool = False
    """Whether the preprocess function changes the array that it is given."""


@dataclass(frozen=True, kw_only=True)
class ServedFact:
    """Shares of the served rows that equal the rows as they were given, scaled once, and scaled twice."""

    rows: int
    raw: float
    scaled: float
    twice: float


@dataclass(frozen=True, kw_only=True)
class DriftFact:
    """How one feature of the rows lies against the reference rows, or against what `against` remembers.

    `shift` in standard deviations of the training rows; `outside` the share of rows beyond the training range; `distance` the greatest distance
    of the two distributions (Kolmogorov-Smirnov), None where only statistics are known. `p_value` is the probability of such a shift, and
    `outside_p` that of so many rows outside, where nothing has changed and both sides have as many rows as they have; neither is corrected yet.
    """

    input: str
    name: str
    against: str
    mean: float
    expected: float
    shift: float
    p_value: float
    distance: float | None = None
    outside: float | None = None
    outside_p: float = 1.0
    rows: int = 0
    """Rows that were looked at."""
    filler: float | None = None
    """The number that the rows hold about as often as the reference rows miss a value, those next to never, and that the scaler's imputer would not
    have put there; None where there is none."""
    gaps: float = 0.0
    """The share of values that the reference rows miss."""


@dataclass(frozen=True, kw_only=True)
class PreprocessingFact:
    """A layer of the model that scales: Normalization, Rescaling, or a BatchNormalization that an input enters first.

    `mean` and `sd` are what it remembers by feature (one for all where it does not keep features apart), `scale` and `offset` what a Rescaling does.
    `seen` is what it is given by the rows, `seen_raw` what it would be given by the rows before the scaler, `seen_reference` what by the reference
    rows; all are empty where it is not known what reaches the layer. `after` are the preprocessing layers before it.
    """

    path: str
    kind: Literal["Normalization", "Rescaling", "BatchNormalization"]
    input: str = ""
    mean: tuple[float, ...] = ()
    sd: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()
    adapted: bool = True
    """False for a Normalization that still is the identity it was made as."""
    consistent: bool = True
    """Whether it computes with the statistics in its weights."""
    count: int = 0
    """Values of each feature that it was adapted on; 0 where the file does not say, as Keras 3 does not."""
    after: tuple[str, ...] = ()
    seen: tuple[ColumnFact, ...] = ()
    seen_raw: tuple[ColumnFact, ...] = ()
    seen_reference: tuple[ColumnFact, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TargetFact:
    """The scaler of the targets: how much one unit of the output is in the user's units, by output feature; empty where that is not constant."""

    kind: str
    units: tuple[float, ...] = ()

    def unit(self, index: Sequence[int]) -> float | None:
        """Return the unit of the element at this index within a row; None where there is no one unit."""
        if not self.units:
            return None
        return self.units[index[-1]] if index and index[-1] < len(self.units) else self.units[0]


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What is known about the rows and what happens to them before the model; statistics only, gathered in one pass.

    `raw` are the rows as the user gave them, `fed` as the model gets them; `reference`, `reference_fed` and `served` likewise, empty where not given.
    `state` is what the owner says of the rows, `generated` whether they were made for want of any.
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
    value_range: tuple[float, float] | None = None

    @property
    def mutated_input(self) -> bool:
        """Whether the preprocess function changed the rows that it was given."""
        return self.scaling is not None and self.scaling.mutates

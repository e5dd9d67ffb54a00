"""Facts about rows: statistics of single columns, and of what scales the rows on their way to the model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from keras_consistency_cli.measurement.facts import UnknownCategories

__all__ = [
    "QUANTILES",
    "ColumnFact",
    "DataFacts",
    "DriftFact",
    "ExpectedColumn",
    "PreprocessingFact",
    "RowNormFact",
    "RowsFact",
    "ScalingFact",
    "ServedFact",
    "TargetFact",
]

_LARGEST_FLOAT16 = 65504.0

QUANTILES = (1, 5, 25, 50, 75, 95, 99)
"""Percentiles kept of each column."""


@dataclass(frozen=True, kw_only=True)
class ColumnFact:
    """One feature of the last axis over many rows; `whole`: all values are whole numbers.

    Statistics are of its finite values, NaN without any. `quantiles` match `QUANTILES`; they, `kurtosis` (3
    for a normal feature), `distinct` and `whole` are of a sample of the values.
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
    whole: bool = False

    @property
    def span(self) -> float:
        """The distance of its lowest and highest value; 0 without any."""
        return self.high - self.low if self.count else 0.0


@dataclass(frozen=True, kw_only=True)
class ExpectedColumn:
    """How one raw feature should look, by the scaler's statistics or the reference rows.

    `raw`, `scaled` and `twice` are (centre, spread) raw, scaled, and scaled twice. `within` is the share of
    the given rows within four spreads of each. `low` and `high` are the range in training, if known. `kind`
    is the estimator's class, or "reference". `constant` means that the feature never varied in training.
    `rows` is the number of rows of the fit, 0 if unknown. `filled` is the value that an imputer puts into
    gaps, if there is one.
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
class DriftFact:
    """One feature of `rows` rows compared with the reference rows or a scaler's statistics.
    `shift` is in standard deviations of the training rows; `outside` is the share of rows beyond the training
    range; `distance` is the greatest distance of the two distributions (Kolmogorov-Smirnov), None if only
    statistics are known. `p_value` is the probability of such a shift if nothing has changed, `outside_p`
    that of so many rows outside, both for these numbers of rows and not yet corrected for the number of
    features.
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
    filler: float | None = None
    """A value as frequent as missing values in the reference rows, and rare there.

    None if there is none, or if the scaler's imputer puts it there.
    """
    gaps: float = 0.0
    """The share of missing values in the reference rows."""
    is_text: bool = False
    """Whether the column holds codes of texts, whose mean says nothing."""


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
    unknown: tuple[UnknownCategories, ...] = ()
    """Columns with values that an encoder does not know: all of them, or because of their spelling."""


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
    is_given: bool = False
    """Whether the statistics of a Normalization are arguments of its constructor, not made by adapt."""
    consistent: bool = True
    """Whether it computes with the statistics in its weights."""
    count: int = 0
    """Values of each feature in `adapt`; 0 if the file does not say, as in Keras 3."""
    compute_dtype: str = "float32"
    after: tuple[str, ...] = ()
    seen: tuple[ColumnFact, ...] = ()
    seen_raw: tuple[ColumnFact, ...] = ()
    seen_reference: tuple[ColumnFact, ...] = ()
    seen_reference_raw: tuple[ColumnFact, ...] = ()

    @property
    def is_finite(self) -> bool:
        """Whether all its statistics are numbers, neither NaN nor infinite."""
        return all(map(math.isfinite, (*self.mean, *self.sd)))

    @property
    def overflows(self) -> tuple[int, ...]:
        """The features whose mean or variance is infinite in float16, if the layer computes in it."""
        if self.compute_dtype != "float16":
            return ()
        pairs = zip(self.mean, self.sd, strict=False)
        return tuple(at for at, (mean, sd) in enumerate(pairs) if max(abs(mean), sd**2) > _LARGEST_FLOAT16)


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
    other_order: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    """The columns of the rows and of the reference rows, if their order differs and no scaler is given."""
    value_range: tuple[float, float] | None = None

    @property
    def mutated_input(self) -> bool:
        """Whether the preprocess function changed its rows in place."""
        return self.scaling is not None and self.scaling.mutates

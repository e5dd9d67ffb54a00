"""Statistics stored in scalers and layers, compared with those of the reference rows. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.analysis.scaling_state import by_input
from keras_consistency_cli.checks.central_range import has_same_centre
from keras_consistency_cli.measurement.data_facts import ColumnFact, DataFacts, PreprocessingFact

__all__ = [
    "STALE",
    "StaleFeature",
    "compare_statistics",
    "describe_stale_features",
    "find_stale_features",
    "gets_rows_of_training",
    "is_adapted_on_unscaled_rows",
]

STALE = 0.15
"""Standard deviations by which mean or spread may differ from the reference rows, and the share by which a
range may be exceeded."""
_PROOF = 5.0
"""Standard errors that rule out chance."""


@dataclass(frozen=True, kw_only=True)
class StaleFeature:
    """One feature whose stored statistics differ from the reference rows.

    `by` is in standard deviations, a factor, or a share of a range; `what` names it.
    """

    name: str
    what: str
    by: float
    unit: str = ""


def compare_statistics(
    name: str,
    stored: tuple[float, float],
    shown: tuple[float, float],
    *,
    rows: int,
    kurtosis: float = 3.0,
    scatter: float = 1.0,
) -> StaleFeature | None:
    """Compare a stored (centre, spread) with that of the reference rows; None if they agree.

    Args:
        name: the feature.
        stored: centre and spread in the scaler or layer.
        shown: the same of the reference rows.
        rows: reference rows.
        kurtosis: of the feature; heavy tails make its spread uncertain.
        scatter: how much more these statistics scatter than mean and standard deviation.
    """
    (centre, spread), (mean, sd) = stored, shown
    if not spread > 0 or not math.isfinite(centre + spread + mean + sd) or rows < 2:
        return None
    error = scatter / math.sqrt(rows)
    shift = abs(mean - centre) / spread
    if shift > STALE and shift > _PROOF * error * max(sd / spread, 1.0):
        return StaleFeature(name=name, what="the mean is off by", by=shift, unit=" standard deviations")
    ratio = abs(math.log(sd / spread)) if sd > 0 else math.inf
    if ratio > STALE and ratio > _PROOF * error * math.sqrt(max(kurtosis - 1, 1)) / 2:
        factor = math.exp(ratio) if math.isfinite(ratio) else math.inf
        return StaleFeature(name=name, what="the spread is off by a factor of", by=factor)
    return None


def describe_stale_features(stale: Sequence[StaleFeature]) -> str:
    """Return in words how many features differ, and the one that differs most."""
    worst = max(stale, key=lambda feature: feature.by)
    return f"{len(stale)} features differ, '{worst.name}' most: {worst.what} {worst.by:.2g}{worst.unit}"


def find_stale_features(layer: PreprocessingFact, description: DataFacts) -> list[StaleFeature]:
    """Return the features whose statistics are not those of the reference rows, as the model gets them."""
    compared = _compare(layer, layer.seen_reference, description)
    return [stale for stale in compared if stale is not None]


def is_adapted_on_unscaled_rows(layer: PreprocessingFact, description: DataFacts) -> bool:
    """Whether the statistics are those of the reference rows before the scaler, and not after it."""
    scaling = description.scaling
    if scaling is None or scaling.input != layer.input or description.state != "raw":
        return False
    unscaled = layer.seen_reference_raw
    if len(unscaled) != len(layer.mean) or not find_stale_features(layer, description):
        return False
    return not any(_compare(layer, unscaled, description))


def gets_rows_of_training(layer: PreprocessingFact, description: DataFacts) -> bool:
    """Whether the reference rows show that the layer gets rows like those that it was adapted on.

    In most features, the layer's statistics are those of the reference rows, and the rows differ from these
    at most in extreme values. One such value in training is enough to make the layer expect a wide spread.
    """
    compared = _compare(layer, layer.seen_reference, description)
    triples = zip(layer.seen, layer.seen_reference, compared, strict=False)
    agree = [stale is None and has_same_centre(*columns) for *columns, stale in triples]
    return 2 * sum(agree) > len(layer.seen) > 0


def _compare(
    layer: PreprocessingFact, columns: Sequence[ColumnFact], description: DataFacts
) -> list[StaleFeature | None]:
    """The statistics of each feature compared with those of the reference rows; None if they agree."""
    reference = by_input(description.reference_fed, layer.input)
    rows = reference.rows if reference is not None else 0
    return [
        compare_statistics(
            column.name, (mean, sd), (column.mean, column.sd), rows=rows, kurtosis=column.kurtosis
        )
        for column, mean, sd in zip(columns, layer.mean, layer.sd, strict=False)
    ]

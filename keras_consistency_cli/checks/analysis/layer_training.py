"""What the reference rows show about the rows that a Normalization layer was adapted on. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.checks.analysis.central_range import has_same_centre
from keras_consistency_cli.checks.analysis.scaling_state import by_input
from keras_consistency_cli.checks.analysis.staleness import StaleFeature, compare_statistics
from keras_consistency_cli.measurement.column_facts import ColumnFact
from keras_consistency_cli.measurement.facts import DataFacts, PreprocessingFact

__all__ = ["find_stale_features", "gets_rows_of_training", "is_adapted_on_unscaled_rows"]


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

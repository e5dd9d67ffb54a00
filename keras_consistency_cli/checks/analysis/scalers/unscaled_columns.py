"""Columns of very different scales that reach a model as they are, without a scaler."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.measurement.data_facts import ColumnFact, RowsFact
from keras_consistency_cli.measurement.facts import LayerFact

__all__ = ["describe_unscaled_columns"]

_RATIO = 1000.0
"""Training with columns that differ more than this hardly succeeds without scaling."""
_LARGE = 100.0
_SERIES_AXES = 2
_SCALING_KINDS = ("Normalization", "Rescaling", "Lambda", "TFSMLayer")
_CODE_KINDS = ("Embedding", "Discretization", "CategoryEncoding", "Hashing", "HashedCrossing", "Lookup")
"""Layers whose inputs are codes or borders, which training does not scale."""


def describe_unscaled_columns(evidence: Evidence) -> str:
    """Return a hint at a forgotten scaler, "" if there is no reason for one.

    The rows are those of tables and series. A model that may scale them itself, or takes codes, gives no
    reason.
    """
    description = evidence.data.description
    if description.generated or any(map(_may_scale, evidence.facts.layers)):
        return ""
    for rows in description.fed:
        if pair := _find_unlike_columns(rows):
            wide, narrow = pair
            return (
                f"; column '{wide.name}' has a standard deviation of {wide.sd:.2g} and column "
                f"'{narrow.name}' one of {narrow.sd:.2g}: if training scaled the rows, give --scaler"
            )
    return ""


def _may_scale(layer: LayerFact) -> bool:
    return layer.custom or layer.kind.endswith((*_SCALING_KINDS, *_CODE_KINDS))


def _find_unlike_columns(rows: RowsFact) -> tuple[ColumnFact, ColumnFact] | None:
    """Return the columns of the largest and the smallest scale, if they differ a lot."""
    varying = [column for column in rows.columns if column.count and column.sd > 0]
    if len(rows.shape) > _SERIES_AXES or len(varying) < 2:
        return None
    wide = max(varying, key=lambda column: column.sd)
    narrow = min(varying, key=lambda column: column.sd)
    return (wide, narrow) if wide.sd >= max(_LARGE, _RATIO * narrow.sd) else None

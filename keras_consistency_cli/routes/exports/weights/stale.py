"""The change of an export that holds the weights of a different training run, in all layers or in some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.routes.exports.comparing import (
    LEFT_BY_WEIGHTS,
    VariantResult,
    closest,
    differences,
    predict_model,
    run_export,
)
from keras_consistency_cli.routes.exports.weights.held import StoredWeights, compare_weights
from keras_consistency_cli.routes.exports.weights.substitution import Substitution, list_substitutions
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.exports.session import ExportSession
    from keras_consistency_cli.routes.trace import Rows

__all__ = ["count_weights", "with_its_weights"]

_MOST_NAMED = 3
_LARGEST_WEIGHT = 1e12
"""No training gives larger weights; bytes that were changed at random do."""


def count_weights(export: ExportSession, rows: Rows) -> StoredWeights:
    """Return how many of the model's weights the export holds; the model must be as it was loaded."""
    return compare_weights(export.weights(rows))


def with_its_weights(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Give the model the weights of the export, where those are not its own."""
    outputs, reference = run_export(export, rows), predict_model(export, rows)
    enough = LEFT_BY_WEIGHTS * max(differences(outputs, reference).values(), default=0.0)
    found = count_weights(export, rows)["found"]
    # The limits of low precision are wide: of many ways one may fit by chance.
    is_exact = export.exported.precision == "float32"

    def results() -> Iterator[VariantResult]:
        for each in list_substitutions(export.weights(rows), most_natural=not is_exact):
            export.original.restore()
            for variable, value in each.assigned:
                variable.assign(value)
            left = differences(outputs, export.original.step(rows))
            yield {"differences": left, **_describe(each, has_others=found > 0)}
            if max(left.values(), default=0.0) <= enough:
                return

    return closest(results())


def _describe(substitution: Substitution, *, has_others: bool) -> VariantResult:
    """Name the layers, unless the export holds none of the model's weights."""
    layers, damage = substitution.layers, _describe_damage(substitution)
    if not has_others:
        return {"how": f"in all layers{damage}"}
    named = ", ".join(f"'{clean(each, 40)}'" for each in layers[:_MOST_NAMED])
    more = f" and {len(layers) - _MOST_NAMED} more" if len(layers) > _MOST_NAMED else ""
    return {"how": f"in {named}{more}{damage}", "layer": layers[0]}


def _describe_damage(substitution: Substitution) -> str:
    """Say that no training gives such numbers: bytes of the file were changed."""
    values = np.concatenate([value.reshape(-1) for _, value in substitution.assigned])
    finite = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    if finite <= _LARGEST_WEIGHT and np.isfinite(values).all():
        return ""
    return f"; numbers up to {finite:.0e}, {np.isnan(values).sum()} NaN: the file is damaged"

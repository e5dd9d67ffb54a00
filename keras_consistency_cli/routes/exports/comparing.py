"""Run an export and the model on the same rows, each as it was loaded, and compare them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.measurement.distance import is_numeric, max_abs_difference
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.exports.session import ExportSession

__all__ = ["LEFT_BY_WEIGHTS", "VariantResult", "closest", "differences", "predict_model", "run_export"]


LEFT_BY_WEIGHTS = 1e-4
"""The part of a difference that is rounding after a change of weights, whose own noise is not known."""


class VariantResult(TypedDict, total=False):
    """The greatest difference by output after one change; `how` says what was changed, `layer` where."""

    differences: dict[str, float]
    how: str
    layer: str


def run_export(export: ExportSession, rows: Rows) -> Outputs:
    """Run the export as it was loaded."""
    export.restore()
    return export.predict(rows)


def predict_model(export: ExportSession, rows: Rows) -> Outputs:
    """Run the model as it was loaded."""
    export.original.restore()
    return export.original.step(rows)


def differences(candidate: Outputs, reference: Outputs) -> dict[str, float]:
    """Return the greatest difference by output; infinite where shapes differ, or NaN is on one side only."""
    return {
        name: max_abs_difference(candidate[name], values, nan="equal")
        if candidate[name].shape == values.shape
        else float("inf")
        for name, values in reference.items()
        if is_numeric(values.dtype)
    }


def closest(results: Iterator[VariantResult]) -> VariantResult | None:
    """Return the result with the smallest difference, None if there is none."""
    return min(results, key=lambda result: max(result["differences"].values(), default=0.0), default=None)

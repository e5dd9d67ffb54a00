"""Differences between the outputs of two runs, by which routes find a cause.

The difference that a verdict is based on is measured by `measurement`.
"""

from __future__ import annotations

import numpy as np

from keras_consistency_cli.measurement.distance import (
    abs_differences,
    is_float,
    is_numeric,
    max_abs_difference,
    relative_difference,
    same_values,
)
from keras_consistency_cli.routes.trace import Outputs

__all__ = [
    "changed_rows",
    "greatest_difference",
    "greatest_relative_difference",
    "greatest_value",
    "row_differences",
    "same_outputs",
]


def same_outputs(candidate: Outputs, reference: Outputs) -> bool:
    """Whether two runs gave the same outputs with the same shapes and numbers; NaN equals NaN."""
    return candidate.keys() == reference.keys() and all(
        same_values(values, reference[name]) for name, values in candidate.items()
    )


def greatest_relative_difference(candidate: Outputs, reference: Outputs) -> float:
    """Return the greatest relative difference over all outputs of the reference."""
    return max(
        (relative_difference(candidate[name], values) for name, values in reference.items()), default=0.0
    )


def greatest_value(outputs: Outputs) -> float:
    """Return the greatest absolute value of float outputs; NaN and infinity count as 0."""
    sizes = [
        float(np.nan_to_num(np.abs(values.astype(np.float64)), nan=0.0, posinf=0.0).max(initial=0.0))
        for values in outputs.values()
        if is_float(values.dtype)
    ]
    return max(sizes, default=0.0)


def greatest_difference(candidate: Outputs, reference: Outputs) -> float:
    """Return the greatest absolute difference over all numeric outputs.

    NaN equals NaN. It is infinite if the names or shapes differ, or if NaN is on one side only.
    """
    if {name: values.shape for name, values in candidate.items()} != {
        name: values.shape for name, values in reference.items()
    }:
        return float("inf")
    differences = (
        max_abs_difference(values, reference[name], nan="equal")
        for name, values in candidate.items()
        if is_numeric(values.dtype)
    )
    return max(differences, default=0.0)


def changed_rows(candidate: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return a mask of the rows that differ; NaN equals NaN."""
    same = (candidate == reference) | ((candidate != candidate) & (reference != reference))
    return np.asarray(~same.reshape(len(candidate), -1).all(axis=1))


def row_differences(candidate: Outputs, reference: Outputs) -> np.ndarray:
    """Return how far each row is from the reference, as a share of the greatest value of an output.

    Other words count as 1, and NaN on one side only as infinitely far. Outputs of another shape are left out.
    """
    found = [
        _row_difference(values, reference[name])
        for name, values in candidate.items()
        if name in reference and values.shape == reference[name].shape
    ]
    return np.asarray(np.max(found, axis=0)) if found else np.zeros(0)


def _row_difference(candidate: np.ndarray, reference: np.ndarray) -> np.ndarray:
    if not (is_numeric(candidate.dtype) and is_numeric(reference.dtype)):
        return changed_rows(candidate, reference).astype(np.float64)
    apart = abs_differences(candidate, reference, nan="equal").reshape(len(candidate), -1)
    size = np.abs(reference[np.isfinite(reference)].astype(np.float64)).max(initial=0.0)
    return np.asarray(apart.max(axis=1, initial=0.0) / (size or 1.0))

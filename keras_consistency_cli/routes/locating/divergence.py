"""Comparing two recorded runs: the layer at fault, and the difference in each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, TypeVar

import numpy as np

from keras_consistency_cli.measurement.rounding import HALF_ULP
from keras_consistency_cli.routes.locating.layer_sketches import Sketch, Step

__all__ = [
    "MAX_ENTRIES",
    "MIN_FAULT",
    "LayerDeviation",
    "first_faulty_step",
    "first_step_beyond_rounding",
    "layer_deviations",
    "limit_entries",
]

MAX_ENTRIES = 200
"""The most layers in a report: those around the layer at fault, others evenly spread."""
_MAX_ROUNDING, MIN_FAULT = 2.0**-18, 2.0**-14
"""The most that rounding differs after many layers, and the least that a fault differs.

Both are shares of the greatest number.

Kernels that add in a different order stay below the first after many layers, and far below the second in one
layer.
"""

Entry = TypeVar("Entry", bound=Mapping[str, object])


class LayerDeviation(TypedDict):
    """The difference between two runs before and after one layer.

    `depth` counts the layers in the order in which they finish. `noise` is only measured where rounding is
    located. `culprit` marks the layer at fault.
    """

    layer: str
    kind: str
    depth: int
    inputs: float
    outputs: float
    noise: float | None
    culprit: bool


def first_faulty_step(reference: Sequence[Step], candidate: Sequence[Step]) -> int | None:
    """Return the first step with different outputs for the same inputs.

    None if no step differs.

    Code between layers has no step of its own. The layers after it get different inputs, and the layer or
    model that contains it is found when it finishes itself. If every step that differs got different inputs,
    the first of them is the best approximation.
    """
    differing = [
        position
        for position, (before, after) in enumerate(zip(reference, candidate, strict=False))
        if before.outputs.digest != after.outputs.digest
    ]
    if not differing:
        return None
    same_inputs = (
        position
        for position in differing
        if reference[position].inputs.digest == candidate[position].inputs.digest
    )
    return _reduction_before(reference, candidate, next(same_inputs, differing[0]))


def _reduction_before(reference: Sequence[Step], candidate: Sequence[Step], position: int) -> int:
    """Return the operation over the batch whose result the step at fault was given.

    If there is none, it is the step itself.

    The result of such an operation has no rows; it is followed back through operations without rows.
    """
    consumer = candidate[position].batchless
    for earlier in range(position - 1, -1, -1):
        before, after = reference[earlier].batchless, candidate[earlier].batchless
        if consumer is None or before is None or after is None:
            continue
        if before.outputs == after.outputs or not set(consumer.inputs) & set(after.outputs):
            continue
        if after.reduces_rows:
            return earlier
        consumer = after
    return position


def first_step_beyond_rounding(reference: Sequence[Step], candidate: Sequence[Step]) -> int | None:
    """Return the first step whose inputs agree within rounding and whose outputs do not.

    None if there is none.
    """
    for position, (before, after) in enumerate(zip(reference, candidate, strict=False)):
        if before.path != after.path:
            return None
        faulty = _relative_difference(before.outputs, after.outputs) > MIN_FAULT
        if faulty and _relative_difference(before.inputs, after.inputs) <= _MAX_ROUNDING:
            return position
    return None


def layer_deviations(
    reference: Sequence[Step], candidate: Sequence[Step], position: int
) -> list[LayerDeviation]:
    """Return one entry for each layer, in the order in which layers finish.

    Their number is limited.

    Args:
        reference: the steps of one run.
        candidate: the steps of the run that should agree with it.
        position: the step at fault.
    """
    entries: list[LayerDeviation] = []
    for order, (before, after) in enumerate(zip(reference, candidate, strict=False)):
        if before.path != after.path:
            break  # From here on the runs call different layers, and nothing can be compared.
        at_fault = order == position
        if at_fault or (after.outermost and not after.model):
            entries.append(
                {
                    "layer": after.path,
                    "kind": after.kind,
                    "depth": order + 1,
                    "inputs": _relative_difference(before.inputs, after.inputs),
                    "outputs": _relative_difference(before.outputs, after.outputs),
                    "noise": None,
                    "culprit": at_fault,
                }
            )
    return limit_entries(entries)


@np.errstate(invalid="ignore", over="ignore")
def _relative_difference(reference: Sketch, candidate: Sketch) -> float:
    """Return the greatest difference between two sketches, as a share of the greatest number.

    It is infinite if one sketch is finite and the other is not.
    """
    if reference.digest == candidate.digest:
        return 0.0
    if reference.values.shape != candidate.values.shape or reference.finite != candidate.finite:
        return float("inf")
    finite = np.isfinite(reference.values) & np.isfinite(candidate.values)
    differences = np.where(finite, reference.values.astype(np.float64) - candidate.values, 0.0)
    difference = float(np.abs(differences).max(initial=0.0))
    if difference == 0.0 and reference.count:
        # None of the sketched numbers changed: at least one number changed by the mean change of all.
        difference = abs(reference.total - candidate.total) / reference.count
    size = max(reference.size, candidate.size)
    return max(difference / size if size and np.isfinite(difference) else 0.0, HALF_ULP)


def limit_entries(entries: Sequence[Entry], most: int = MAX_ENTRIES) -> list[Entry]:
    """Return at most `most` entries: half around the layer at fault, others evenly spread.

    The first and the last entry are among them.
    """
    if len(entries) <= most:
        return list(entries)
    centre = next((position for position, entry in enumerate(entries) if entry["culprit"]), 0)
    start = min(max(centre - most // 4, 0), len(entries) - most // 2)
    near = set(range(start, start + most // 2))
    far = [position for position in range(len(entries)) if position not in near]
    spread = {far[int(index)] for index in np.linspace(0, len(far) - 1, most - len(near))}
    return [entries[position] for position in sorted(near | spread)]

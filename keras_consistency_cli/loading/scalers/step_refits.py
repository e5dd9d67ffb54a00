"""Pipelines of which one step is fitted again, and the others are as they were saved."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

__all__ = ["refit_each_step"]


def refit_each_step(scaler: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Yield the name of each step of a pipeline, and the function that fits this step alone again.

    The function gets a table of rows before the pipeline, and returns the changed copy; `scaler` stays
    unchanged. Only steps that learn from rows are yielded, and only if there are several steps.
    """
    if type(scaler).__name__ != "Pipeline" or len(scaler.steps) < 2:
        return
    for position, (name, step) in enumerate(scaler.steps):
        if step not in (None, "passthrough") and _has_learned(step):
            yield name, partial(_refit_step, scaler, position)


def _has_learned(step: Any) -> bool:
    """Whether fitting sets anything but the number and names of the features."""
    return any(
        name.endswith("_") and not name.startswith(("_", "n_features_in", "feature_names_in"))
        for name in vars(step)
    )


def _refit_step(scaler: Any, position: int, table: Any) -> Any:
    from sklearn.base import clone

    for _, step in scaler.steps[:position]:
        if step not in (None, "passthrough"):
            table = step.transform(table)
    name, step = scaler.steps[position]
    changed = copy.copy(scaler)
    changed.steps = [*scaler.steps]
    changed.steps[position] = (name, clone(step).fit(table))
    return changed

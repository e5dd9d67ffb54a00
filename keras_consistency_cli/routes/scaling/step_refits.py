"""Pipelines of which one step is fitted again, and the others are as they were saved."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from keras_consistency_cli.routes.scaling.batch_variants import (
    consecutive_rows,
    scale_fitting_batches,
    suggest_batch_sizes,
)
from keras_consistency_cli.routes.scaling.column_distance import find_wrong_columns
from keras_consistency_cli.routes.served.mistakes import ServedInput, Variant
from keras_consistency_cli.text import clean

__all__ = ["generate_step_variants", "refit_each_step"]


def generate_step_variants(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows as a pipeline gives them of which one step is fitted on all rows, or batch by batch.

    Serving then loads only a part of what training saved.
    """
    raw, expected, served = consecutive_rows(case)
    wrong = find_wrong_columns(served, expected)
    if not len(wrong):
        return
    sizes = list(suggest_batch_sizes(expected, served, wrong.tolist(), in_use=case.sizes))
    for name, learn in refit_each_step(case.scaling.scaler):
        scale = partial(case.scaling.learn_and_transform, learn)
        for size in (len(case.raw), *sizes, 1):
            piece = case.raw if size > len(raw) else raw
            scaled = scale_fitting_batches(scale, piece, case.served, wrong, size)
            if scaled is not None:
                kind = f"{_kind(size, len(case.raw))}:{clean(name)}"
                yield Variant(kind=kind, rows=scaled, batch=size)


def _kind(size: int, count: int) -> str:
    if size == count:
        return "refit-step-all"
    return "refit-step-single" if size == 1 else "refit-step"


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

"""Routes that search for the layer where two runs diverge.

They run only after a check has failed, on a few rows.

Each run is recorded layer by layer, as sketches of inputs and outputs. If two runs should agree, the first
layer that gives different outputs for the same inputs is at fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.routes.base import Route, plain_routes
from keras_consistency_cli.routes.locating.divergence import (
    LayerDeviation,
    first_faulty_step,
    layer_deviations,
)
from keras_consistency_cli.routes.locating.layer_sketches import Step
from keras_consistency_cli.routes.locating.neighbour_runs import compares_rows, neighbour_runs
from keras_consistency_cli.routes.locating.step_recorder import record_steps
from keras_consistency_cli.routes.session.batches import (
    count_rows,
    first_batch,
    mark_nonfinite_rows,
    select_rows,
    split_batches,
)
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = [
    "LAYER_LOCATORS",
    "LocatedLayer",
    "divergence_report",
    "finite_batches",
    "first_different_layer",
    "locate_divergence_of_copies",
    "name_step",
    "record_predict_step",
]

_ROWS = 8


class LocatedLayer(TypedDict, total=False):
    """The layer that a locating route names; empty if it names none.

    `order` is its position among the `steps` of the run, from 1; `depth` holds the difference in each layer.
    `finite_rows` counts the rows that stayed finite in all layers, if NaN was searched for. `nan_rows` are
    those with NaN that the layer returned numbers for. `resized` if the two runs gave the layer's output
    different sizes for the same rows, `looped` if they took a different number of steps inside the layer.
    `batch` is the number of rows in a run with replaced neighbours; `compared` if the outputs have a column
    for each of them. `mixed` if rows are known to change in that batch, even if no layer is named.
    """

    layer: str
    kind: str
    custom: bool
    order: int
    steps: int
    depth: list[LayerDeviation]
    finite_rows: int
    nan_rows: int
    resized: bool
    looped: bool
    batch: int
    compared: bool
    mixed: bool


def name_step(step: Step, position: int, steps: int) -> LocatedLayer:
    """Return the layer of a step, as plain data."""
    return {
        "layer": step.path,
        "kind": step.kind,
        "custom": step.custom,
        "order": position + 1,
        "steps": steps,
    }


def first_different_layer(reference: Sequence[Step], candidate: Sequence[Step]) -> LocatedLayer:
    """Return the first layer to finish with different outputs, whatever its inputs.

    Empty if none does.
    """
    pairs = zip(reference, candidate, strict=False)
    for position, (before, after) in enumerate(pairs):
        if before.outputs.digest != after.outputs.digest:
            return name_step(after, position, len(reference))
    return {}


def first_divergence(reference: Sequence[Step], candidate: Sequence[Step]) -> LocatedLayer:
    """Return the layer at fault and the difference in each layer; empty if the runs agree."""
    position = first_faulty_step(reference, candidate)
    return {} if position is None else divergence_report(reference, candidate, position)


def divergence_report(reference: Sequence[Step], candidate: Sequence[Step], position: int) -> LocatedLayer:
    """Return the layer of the step at fault and the difference in each layer, as plain data."""
    before, after = reference[position], candidate[position]
    is_whole_layer = before.path == after.path and before.outermost and after.outermost
    return {
        **name_step(after, position, len(reference)),
        "depth": layer_deviations(reference, candidate, position),
        "resized": is_whole_layer and before.outputs.count != after.outputs.count,
        "looped": _steps_inside(reference, after.path) != _steps_inside(candidate, after.path),
    }


def _steps_inside(steps: Sequence[Step], path: str) -> int:
    return sum(step.path == path or step.path.startswith(f"{path}/") for step in steps)


def record_predict_step(session: Session, rows: Rows, kept: np.ndarray | None = None) -> list[Step]:
    """Record one eager predict step, from the model's current state.

    `kept` selects the rows that count.
    """
    packed = session.pack(rows)
    with record_steps(kept, count_rows(rows)) as steps:
        session.model.predict_step((packed,))
    return steps


def _record_call(session: Session, rows: Rows, **kwargs: Any) -> list[Step]:
    """Record one call with these arguments, from the state in which the model was loaded."""
    session.restore()
    packed = session.pack(rows)
    with record_steps(None, count_rows(rows)) as steps:
        session.model(packed, **kwargs)
    return steps


def locate_divergence_of_copies(copy: Session, original: Session, rows: Rows) -> LocatedLayer:
    """Return the first layer whose outputs differ between a model and its copy.

    Empty if none does.

    It is named as in the original.
    """
    batch = first_batch(rows, original.facts.batch_size or _ROWS)
    copy.restore()
    original.restore()
    of_copy, of_original = (record_predict_step(session, batch) for session in (copy, original))
    found = first_divergence(of_copy, of_original)
    found.pop("depth", None)
    return found


def _neighbours(session: Session, rows: Rows) -> Result:
    """Locate where kept rows first change if their neighbours are replaced."""
    unnamed: LocatedLayer = {}
    for run in neighbour_runs(session, rows):
        session.restore()
        before = record_predict_step(session, run.batch, run.kept)
        session.restore()
        found = first_divergence(before, record_predict_step(session, run.replaced, run.kept))
        details: LocatedLayer = {**found, "batch": count_rows(run.batch), "mixed": run.leaks}
        if found:
            return Result(outputs={}, details={**details, "compared": compares_rows(session, rows)})
        unnamed = unnamed or (details if run.leaks else {})
    return Result(outputs={}, details=unnamed)


def _repeat(session: Session, rows: Rows) -> Result:
    """Locate where a second run, started from the end of the first one, first differs from it."""
    batch = first_batch(rows, session.facts.batch_size or _ROWS)
    session.restore()
    found = first_divergence(record_predict_step(session, batch), record_predict_step(session, batch))
    return Result(outputs={}, details=found)


def _training(session: Session, rows: Rows) -> Result:
    """Locate where a call without `training` first differs from one with training=False."""
    batch = first_batch(rows, session.facts.batch_size or _ROWS)
    found = first_divergence(_record_call(session, batch, training=False), _record_call(session, batch))
    return Result(outputs={}, details=found)


def finite_batches(session: Session, rows: Rows) -> Iterator[Rows]:
    """Yield batches of the rows without NaN and infinity.

    If the model has a fixed batch size, they are those batches of all rows that have none.
    """
    if session.facts.batch_size:
        batches = split_batches(rows, session.batch_size)
        yield from (batch for batch in batches if not mark_nonfinite_rows(batch).any())
    else:
        finite = select_rows(rows, np.flatnonzero(~mark_nonfinite_rows(rows)))
        yield from split_batches(finite, session.batch_size)


def _nonfinite(session: Session, rows: Rows) -> Result:
    """Locate where finite rows first become NaN or infinity."""
    finite_rows = 0
    for batch in finite_batches(session, rows):
        session.restore()
        steps = record_predict_step(session, batch)
        finite_rows += count_rows(batch)
        for position, step in enumerate(steps):
            if not step.outputs.finite:
                return Result(outputs={}, details=name_step(step, position, len(steps)))
    details: LocatedLayer = {"finite_rows": finite_rows}
    return Result(outputs={}, details=details)


LAYER_LOCATORS: tuple[Route, ...] = plain_routes(
    {
        "locate-companions": ("the first layer that mixes neighbours", _neighbours),
        "locate-repeat": ("the first layer whose outputs differ in a second run", _repeat),
        "locate-nonfinite": ("the first layer that turns finite numbers into NaN or infinity", _nonfinite),
        "locate-training": (
            "the first layer that runs in training mode without the training argument",
            _training,
        ),
    }
)

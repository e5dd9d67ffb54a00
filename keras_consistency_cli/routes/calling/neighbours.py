"""Routes that replace the neighbours of rows.

Batch size and position stay the same, and the outputs must keep the same bits.

The comparison is exact, without a limit: 0 differing bits in every healthy model tried, in float32 and in
float64, for every filler. The reference is the outputs of the same rows in the original batch. Several
fillers are needed: a fused relu can swallow NaN, and a sigmoid saturates on huge values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.base import Precision, Route, RouteFunction
from keras_consistency_cli.routes.calling.fillers import (
    ENDLESS_FILLERS,
    REAL_ROWS,
    Replacement,
    replace_neighbours,
    replacements,
)
from keras_consistency_cli.routes.numerics.operation_shapes import changes_shapes
from keras_consistency_cli.routes.session.batches import (
    count_rows,
    first_batch,
    join_outputs,
    mark_nonfinite_rows,
    select_rows,
)
from keras_consistency_cli.routes.session.distances import changed_rows, same_outputs
from keras_consistency_cli.routes.session.kept_ids import find_ids
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["NEIGHBOUR_ROUTES", "NeighbourDetails", "leaking_batches"]

_SECOND_SIZES = (5, 8)


class NeighbourDetails(TypedDict, total=False):
    """Details of the routes that replace neighbours.

    `alone`, `deterministic` (false) and `misshapen` say why nothing was compared. `resized` if outputs differ
    and neighbours change the shape of what the model computes, as the longest text of a batch does: sums over
    more numbers, all further ones 0, may round differently.
    """

    labels: list[str]
    deterministic: bool
    sizes: list[int]
    refused: list[str]
    resized: bool
    alone: bool
    misshapen: dict[str, list[int]]


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The rows in the order in which they are batched, and how batches of them are built.

    Args:
        rows: at least two rows, if the batch size allows it.
        order: the positions in the chunk that these rows come from.
        size: rows of a batch.
        any_number: inputs that accept every number.
    """

    rows: Rows
    order: np.ndarray
    size: int
    any_number: frozenset[str]

    def batch(self, replacement: Replacement) -> dict[str, np.ndarray]:
        """Return the batch with neighbours replaced."""
        return {
            name: replace_neighbours(values, replacement, any_number=name in self.any_number)
            for name, values in self.rows.items()
        }

    def second_size(self, session: Session) -> int | None:
        """Return a different batch size to try, None if the model or the rows do not allow one."""
        if session.facts.batch_size or session.is_heavy:
            return None
        return next((size for size in _SECOND_SIZES if self.size != size <= len(self.order)), None)


def _plan(session: Session, rows: Rows) -> _Plan:
    order = _row_order(session, rows)
    return _Plan(
        rows=select_rows(rows, order),
        order=order,
        size=_batch_size(session, len(order)),
        any_number=_unrestricted_inputs(session, rows),
    )


def _batch_size(session: Session, length: int) -> int:
    return int(session.facts.batch_size or max(2, min(session.small_batch, length)))


def _unrestricted_inputs(session: Session, rows: Rows) -> frozenset[str]:
    """Return the inputs that accept every number.

    A number outside the ids of a table would be a crash that says nothing about neighbours.
    """
    return frozenset(
        name
        for name, values in rows.items()
        if is_float(values.dtype) and not find_ids(session, name, values).any()
    )


def _row_order(session: Session, rows: Rows) -> np.ndarray:
    """Return positions of rows, finite rows first.

    A few rows with NaN are among them if they get finite outputs.

    A single row is doubled.
    """
    length = count_rows(rows)
    has_nonfinite = mark_nonfinite_rows(rows)
    order = np.argsort(has_nonfinite, kind="stable")
    order = np.repeat(order, 2) if length == 1 else order
    number = int(has_nonfinite.sum())
    return _with_imputed_rows(session, rows, order, number) if 0 < number < length else order


def _with_imputed_rows(session: Session, rows: Rows, order: np.ndarray, number: int) -> np.ndarray:
    """Insert rows with NaN that the model fills in itself.

    They are inserted in every third position of the first batch.

    What the model fills in may come from neighbours. The last `number` rows of the order hold NaN.
    """
    size = _batch_size(session, len(order))
    tried = np.resize(order[-number:], size)
    outputs = session.fresh_step(select_rows(rows, tried))
    if _misshapen(outputs, size):
        return order
    finite = [
        np.isfinite(values).reshape(size, -1).all(axis=1)
        for values in outputs.values()
        if is_float(values.dtype)
    ]
    answered = tried[np.all(finite, axis=0)] if finite else tried
    positions = np.arange(size - 1, 0, -3)
    chosen = list(dict.fromkeys(answered.tolist()))[: min(len(positions), len(order) - number)]
    remaining = [row for row in order.tolist() if row not in set(chosen)]
    for position, row in sorted(zip(positions.tolist(), chosen, strict=False)):
        remaining.insert(position, row)
    return np.array(remaining)


def _misshapen(outputs: Outputs, size: int) -> bool:
    """Whether an output does not have one row for each row of the batch."""
    return any(not values.ndim or len(values) != size for values in outputs.values())


@dataclass
class _KeptOutputs:
    """Outputs of the kept rows with and without replaced neighbours, and a label for each."""

    replaced: list[dict[str, np.ndarray]] = field(default_factory=list)
    baseline: list[dict[str, np.ndarray]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, replacement: Replacement, replaced: Outputs, baseline: Outputs, budget: int) -> None:
        """Store the outputs of kept rows, as many as the memory budget allows and at least one."""
        row_bytes = max(1, sum(values[0].nbytes for values in replaced.values()))
        kept = np.flatnonzero(replacement.keep)[: max(1, (budget - self.size_bytes) // row_bytes)]
        self.size_bytes += len(kept) * row_bytes
        self.replaced.append({name: values[kept] for name, values in replaced.items()})
        self.baseline.append({name: values[kept] for name, values in baseline.items()})
        self.labels += [f"{replacement.filler}, position {at} of {replacement.size}" for at in kept]
        self.positions += kept.tolist()


def _neighbours(precision: Precision) -> RouteFunction:
    """Return the route function that replaces neighbours."""

    def run(session: Session, rows: Rows) -> Result:
        plan = _plan(session, rows)
        if plan.size == 1:
            return _nothing_compared({"alone": True})
        second_size = plan.second_size(session)
        sizes = [plan.size] if second_size is None else [plan.size, second_size]
        baselines: dict[int, dict[str, np.ndarray]] = {}
        for size in sizes:
            baseline = _repeatable_outputs(session, first_batch(plan.rows, size))
            if baseline is None:
                return _nothing_compared({"deterministic": False})
            baselines[size] = baseline
        batches = replacements(plan.size, second_size, precision, few=session.is_heavy)
        return _compare(session, plan, _harmless(session, plan, batches), baselines)

    return run


def _harmless(session: Session, plan: _Plan, batches: Iterator[Replacement]) -> Iterator[Replacement]:
    """Leave out fillers with which a loop of the model may never end."""
    is_open = session.loops_until_numbers_agree(first_batch(plan.rows, plan.size))
    return (each for each in batches if not (is_open and each.filler in ENDLESS_FILLERS))


def _nothing_compared(details: NeighbourDetails) -> Result:
    return Result(outputs={}, details=details)


def _compare(
    session: Session,
    plan: _Plan,
    batches: Iterator[Replacement],
    baselines: Mapping[int, Outputs],
) -> Result:
    """Run every batch and collect the outputs of its kept rows."""
    kept, refused = _KeptOutputs(), list[str]()
    for replacement in batches:
        outputs = _outputs_or_refused(session, replacement, plan.batch(replacement))
        if outputs is None:
            refused.append(replacement.filler)
            continue
        if _misshapen(outputs, replacement.size):
            return _nothing_compared({"misshapen": {name: list(v.shape) for name, v in outputs.items()}})
        kept.add(replacement, outputs, baselines[replacement.size], session.options.budget)
    details: NeighbourDetails = {
        "labels": kept.labels,
        "deterministic": True,
        "sizes": list(baselines),
        "refused": list(dict.fromkeys(refused)),
        "resized": not all(map(same_outputs, kept.replaced, kept.baseline)) and _are_resized(session, plan),
    }
    return Result(
        outputs=join_outputs(kept.replaced),
        baseline=join_outputs(kept.baseline),
        rows=plan.order[np.array(kept.positions)],
        details=details,
    )


def _are_resized(session: Session, plan: _Plan) -> bool:
    """Whether an operation of the model gives results of another shape if neighbours are replaced."""
    filled = (each for each in replacements(plan.size, None, "float32") if each.filler == REAL_ROWS)
    return changes_shapes(session, first_batch(plan.rows, plan.size), map(plan.batch, filled))


def leaking_batches(session: Session, rows: Rows) -> Iterator[tuple[Rows, Rows, np.ndarray]]:
    """Yield batches in which rows leak.

    Each is the batch before and after neighbours were replaced, and a mask of the kept rows that changed.

    The batches are built and run as in the route, which shows that rows leak but not in which layer.
    """
    plan = _plan(session, rows)
    batch = first_batch(plan.rows, plan.size)
    baseline = _repeatable_outputs(session, batch) if plan.size > 1 else None
    if baseline is None:
        return
    for replacement in _harmless(session, plan, replacements(plan.size, None, "float32")):
        replaced = plan.batch(replacement)
        outputs = _outputs_or_refused(session, replacement, replaced) or {}
        changed = [
            changed_rows(values, baseline[name])
            for name, values in outputs.items()
            if values.ndim and len(values) == plan.size
        ]
        leaking = replacement.keep & np.any(changed, axis=0) if changed else np.zeros(plan.size, bool)
        if leaking.any():
            yield batch, replaced, leaking


def _repeatable_outputs(session: Session, batch: Rows) -> dict[str, np.ndarray] | None:
    """Return the outputs of a batch.

    None if a second run from the same state gives different ones.
    """
    outputs = session.fresh_step(batch)
    return outputs if same_outputs(outputs, session.fresh_step(batch)) else None


def _outputs_or_refused(
    session: Session, replacement: Replacement, batch: Rows
) -> dict[str, np.ndarray] | None:
    """Return the outputs of a batch.

    None if the model refuses a filler that real rows do not contain.

    A matrix inverse or an assertion does that.
    """
    try:
        return session.fresh_step(batch)
    except Exception:
        if replacement.filler == REAL_ROWS:
            raise
        return None


NEIGHBOUR_ROUTES: tuple[Route, ...] = (
    Route(name="companions", summary="the neighbours of each row replaced", run=_neighbours("float32")),
    Route(
        name="companions-float64",
        summary="the neighbours of each row replaced, on the float64 copy",
        run=_neighbours("float64"),
        precision="float64",
        placement="float64",
    ),
)

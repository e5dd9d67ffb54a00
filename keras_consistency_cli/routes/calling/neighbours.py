"""Companion swap: a kept row, its batch size and its position stay; every other row is replaced. The answer must have the same bits.

Exact, without a limit: 0 differing bits in every healthy model tried, in float32 and in float64, for every filler. The kept rows' own answers are
the reference. A union of fillers is needed: NaN can be swallowed by a fused relu, and a sigmoid saturates on huge values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_consistency_cli.loading.rows.source import find_nonfinite_rows
from keras_consistency_cli.routes.base import Precision, Route
from keras_consistency_cli.routes.session.batches import count, first, some, stack
from keras_consistency_cli.routes.session.distances import same_answers
from keras_consistency_cli.routes.trace import Result, Rows

__all__ = ["NEIGHBOUR_ROUTES", "keep_masks", "leaks"]

_HUGE = 1e30
_OTHER_SIZES = (5, 8)


@dataclass(frozen=True, kw_only=True)
class _Pass:
    """One batch to run: which positions keep their row, and what the others are filled with."""

    size: int
    keep: np.ndarray
    filler: str


def keep_masks(size: int) -> Iterator[np.ndarray]:
    """Yield masks of kept positions: first, middle and last alone, then halves such that every ordered pair is parted once."""
    yield from _lone(size)
    places = np.arange(size)
    for bit in range(max(size - 1, 1).bit_length()):
        for value in (0, 1):
            mask = (places >> bit) & 1 == value
            if 0 < mask.sum() < size:
                yield mask


def _lone(size: int) -> Iterator[np.ndarray]:
    for alone in sorted({0, size // 2, size - 1}):
        yield np.arange(size) == alone


def _passes(size: int, other: int | None, precision: Precision) -> Iterator[_Pass]:
    """Real rows as fillers for lone rows at two sizes; in float32 for halves of the batch and extreme fillers as well."""
    masks = keep_masks(size) if precision == "float32" else _lone(size)
    yield from (_Pass(size=size, keep=mask, filler="other rows") for mask in masks)
    if other is not None:
        yield from (_Pass(size=other, keep=mask, filler="other rows") for mask in _lone(other))
    if precision == "float32":
        ends = [np.arange(size) == 0, np.arange(size) == size - 1]
        yield from (
            _Pass(size=size, keep=mask, filler=filler)
            for filler in ("copies", "zeros", "huge values", "NaN")
            for mask in ends
        )


def _filled(values: np.ndarray, pool: np.ndarray, chosen: _Pass, *, free: bool) -> np.ndarray:
    """A batch with the kept rows in place and the filler in all others; `free` says that any number may stand in it."""
    if chosen.filler == "copies":
        return np.repeat(values[chosen.keep], len(values), axis=0)
    filler = (
        pool
        if chosen.filler == "other rows" or values.dtype.kind in "USb"
        else np.full_like(values, _extreme(values, chosen.filler, free=free))
    )
    shape = (-1,) + (1,) * (values.ndim - 1)
    return np.where(chosen.keep.reshape(shape), values, filler)


def _extreme(values: np.ndarray, filler: str, *, free: bool) -> float:
    if free:
        return {"zeros": 0.0, "huge values": _HUGE if values.dtype.itemsize >= 4 else 6e4, "NaN": np.nan}[
            filler
        ]
    # Whole numbers may index a table: fillers stay inside the range that the rows themselves span.
    return float(values.max() if filler == "huge values" else values.min())


def _pool(values: np.ndarray, size: int, *, free: bool) -> np.ndarray:
    """Rows to put in others' places: later rows of the data, else the batch turned by one; where any number may stand, never equal to these."""
    later = values[size : 2 * size]
    pool = later if len(later) == size else np.roll(values[:size], 1, axis=0)
    if not free:
        return pool
    equal = (pool == values[:size]).reshape(size, -1).all(axis=1)
    return np.where(
        equal.reshape((-1,) + (1,) * (values.ndim - 1)), (values[:size] * 1.5 + 1).astype(values.dtype), pool
    )


def _at_least_two(session: Any, rows: Rows) -> tuple[Rows, np.ndarray]:
    """Rows with those of finite values first but for a few that are answered all the same, a lone row doubled, and where they came from."""
    length = count(rows)
    bad = np.any(list(find_nonfinite_rows(rows).values()), axis=0)
    order = np.argsort(bad, kind="stable")
    order = np.repeat(order, 2) if length == 1 else order
    order = _with_imputed(session, rows, order, int(bad.sum())) if 0 < bad.sum() < length else order
    return {name: values[order] for name, values in rows.items()}, order


def _with_imputed(session: Any, rows: Rows, order: np.ndarray, bad: int) -> np.ndarray:
    """Rows with NaN that the model fills in by itself in every third place of the first batch: what fills them in may come from neighbours."""
    size = _size(session, len(order))
    tried = np.resize(order[-bad:], size)
    answers = session.fresh_step(some(rows, tried))
    if any(not values.ndim or len(values) != size for values in answers.values()):
        return order
    finite = [
        np.isfinite(values).reshape(size, -1).all(axis=1)
        for values in answers.values()
        if values.dtype.kind == "f"
    ]
    answered = tried[np.all(finite, axis=0)] if finite else tried
    places = np.arange(size - 1, 0, -3)
    chosen = list(dict.fromkeys(answered.tolist()))[: min(len(places), len(order) - bad)]
    rest = [each for each in order.tolist() if each not in set(chosen)]
    for place, row in sorted(zip(places.tolist(), chosen, strict=False)):
        rest.insert(place, row)
    return np.array(rest)


def _size(session: Any, length: int) -> int:
    return int(session.facts.batch_size or max(2, min(session.batch_size, length)))


@dataclass
class _Collected:
    """Answers of the kept rows, with and without their companions replaced, and a word on each."""

    swapped: list[dict[str, np.ndarray]] = field(default_factory=list)
    baseline: list[dict[str, np.ndarray]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    held: int = 0

    def add(
        self, chosen: _Pass, swapped: dict[str, np.ndarray], baseline: dict[str, np.ndarray], budget: int
    ) -> None:
        """Keep the kept rows' answers, as many as the memory budget allows and at least one."""
        row_bytes = max(1, sum(values[0].nbytes for values in swapped.values()))
        kept = np.flatnonzero(chosen.keep)[: max(1, (budget - self.held) // row_bytes)]
        self.held += len(kept) * row_bytes
        self.swapped.append({name: values[kept] for name, values in swapped.items()})
        self.baseline.append({name: values[kept] for name, values in baseline.items()})
        self.labels += [f"{chosen.filler}, position {position} of {chosen.size}" for position in kept]
        self.positions += kept.tolist()


def _free(session: Any, rows: Rows) -> frozenset[str]:
    """Inputs that take any number; one out of the range of a table's ids would be a crash that says nothing of neighbours."""
    from keras_consistency_cli.loading.model.input_hints import takes_whole

    return frozenset(name for name, values in rows.items() if values.dtype.kind == "f") - takes_whole(
        session.model, rows
    )


def _swapped(values: np.ndarray, chosen: _Pass, *, free: bool) -> np.ndarray:
    return _filled(values[: chosen.size], _pool(values, chosen.size, free=free), chosen, free=free)


def _neighbours(precision: Precision) -> Callable[[Any, Rows], Result]:
    def run(session: Any, rows: Rows) -> Result:
        rows, order = _at_least_two(session, rows)
        size = _size(session, len(order))
        if size == 1:
            return Result(outputs={}, details={"alone": True})
        other = (
            None
            if session.facts.batch_size
            else next((n for n in _OTHER_SIZES if n != size and n <= len(order)), None)
        )
        baselines = {n: _baseline(session, rows, n) for n in (size, other) if n is not None}
        if any(outputs is None for outputs in baselines.values()):
            return Result(outputs={}, details={"deterministic": False})
        found, refused = _Collected(), list[str]()
        free = _free(session, rows)
        for chosen in _passes(size, other, precision):
            batch = {name: _swapped(values, chosen, free=name in free) for name, values in rows.items()}
            swapped, baseline = _answered(session, chosen, batch), baselines[chosen.size]
            if swapped is None:
                refused.append(chosen.filler)
                continue
            if any(not values.ndim or len(values) != chosen.size for values in swapped.values()):
                return Result(
                    outputs={},
                    details={"misshapen": {name: list(values.shape) for name, values in swapped.items()}},
                )
            found.add(chosen, swapped, baseline or {}, session.probe.budget)
        details = {
            "labels": found.labels,
            "deterministic": True,
            "sizes": list(baselines),
            "refused": list(dict.fromkeys(refused)),
        }
        return Result(
            outputs=stack(found.swapped),
            baseline=stack(found.baseline),
            rows=order[np.array(found.positions)],
            details=details,
        )

    return run


def leaks(session: Any, rows: Rows) -> Iterator[tuple[Rows, Rows, np.ndarray]]:
    """Yield the batches, before and after their companions were replaced, and the kept rows that changed: those in which rows leak.

    They are made and run as the route does, which tells of rows that leak but not which layer lets them.
    """
    rows, order = _at_least_two(session, rows)
    size = _size(session, len(order))
    free = _free(session, rows)
    baseline = _baseline(session, rows, size) if size > 1 else None
    if baseline is None:
        return
    for chosen in _passes(size, None, "float32"):
        swapped = {name: _swapped(values, chosen, free=name in free) for name, values in rows.items()}
        answers = _answered(session, chosen, swapped) or {}
        moved = [
            _moved(values, baseline[name])
            for name, values in answers.items()
            if values.ndim and len(values) == size
        ]
        kept = chosen.keep & np.any(moved, axis=0) if moved else np.zeros(size, bool)
        if kept.any():
            yield first(rows, size), swapped, kept


def _moved(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Which rows differ; NaN is NaN."""
    same = (mine == theirs) | ((mine != mine) & (theirs != theirs))
    return np.asarray(~same.reshape(len(mine), -1).all(axis=1))


def _baseline(session: Any, rows: Rows, size: int) -> dict[str, np.ndarray] | None:
    """The batch's own answers; None where running it twice from the same state gives two answers."""
    batch = first(rows, size)
    once: dict[str, np.ndarray] = session.fresh_step(batch)
    return once if same_answers(once, session.fresh_step(batch)) else None


def _answered(session: Any, chosen: _Pass, batch: Rows) -> dict[str, np.ndarray] | None:
    """The batch's answers; None where the model refuses neighbours that no data hold, as a matrix inverse or an assertion does."""
    try:
        answers: dict[str, np.ndarray] = session.fresh_step(batch)
    except Exception:
        if chosen.filler == "other rows":
            raise
        return None
    return answers


NEIGHBOUR_ROUTES: tuple[Route, ...] = (
    Route(name="companions", summary="the other rows of a batch replaced", run=_neighbours("float32")),
    Route(
        name="companions-float64",
        summary="the same on the float64 copy",
        run=_neighbours("float64"),
        precision="float64",
        placement="shadow",
    ),
)

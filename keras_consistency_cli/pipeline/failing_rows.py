"""Exhibits: for each failure the rows it shows on, and what both routes answer there.

Routes run once more for them, because answers live no longer than their chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keras_consistency_cli.checks.base import Status, Verdict
from keras_consistency_cli.checks.judgement import worst
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.reporting.report import FailingRows
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.trace import GIVEN_ROWS, REFERENCE, Outputs, Trace

__all__ = ["collect"]

_MOST_ROWS = 32
_BASELINE = "-baseline"


def collect(
    collector: EvidenceCollector, verdicts: Iterable[Verdict], numbers: np.ndarray, available: int
) -> tuple[FailingRows, ...]:
    """Run what each failing check found furthest apart once more, and keep the rows that moved most.

    Args:
        gathering: where routes run.
        verdicts: those of the run.
        numbers: the row numbers of the sample.
        available: how many rows there are in all.
    """
    failing = [verdict for verdict in verdicts if verdict.status is Status.FAIL]
    if not failing:
        return ()
    pairs = {verdict.code: _pair(verdict) for verdict in failing}
    numbers = _with_worst(numbers, [pair for pair in pairs.values() if pair], available)
    wanted = {GIVEN_ROWS, REFERENCE} | {
        name.removesuffix(_BASELINE)
        for pair in pairs.values()
        if pair
        for name in (pair.candidate, pair.reference)
    }
    traces = collector.run_again([route for route in routes() if route.name in wanted], numbers)
    bad = sorted({row for rows in collector.bad_rows.values() for row in rows})
    return tuple(_exhibit(code, pair, traces, numbers, bad) for code, pair in pairs.items())


def _pair(verdict: Verdict) -> Comparison | None:
    """The comparison that is furthest beyond its limit, if the verdict rests on one."""
    over = [judged for judged in verdict.judged if not judged.within]
    return worst(over).comparison if over else None


def _with_worst(numbers: np.ndarray, pairs: Sequence[Comparison], available: int) -> np.ndarray:
    """As many rows, those that moved most among them; they take the place of the last ones."""
    named = {each.row for pair in pairs for each in pair.worst if each.row < available}
    missing = sorted(named - set(numbers.tolist()))[: len(numbers)]
    others = [row for row in numbers.tolist() if row not in named]
    kept = others[: len(others) - len(missing)] if missing else others
    return np.array(sorted({*kept, *missing, *(named & set(numbers.tolist()))}), dtype=np.int64)


def _exhibit(
    code: str, pair: Comparison | None, traces: Mapping[str, Trace], numbers: np.ndarray, bad: Sequence[int]
) -> FailingRows:
    candidate, reference = (pair.candidate, pair.reference) if pair else (REFERENCE, REFERENCE)
    mine, theirs = (
        _answers(traces.get(candidate), len(numbers)),
        _answers(traces.get(reference), len(numbers)),
    )
    chosen = (
        _furthest(mine, theirs, own=reference == candidate + _BASELINE)
        if pair and mine.outputs and theirs.outputs
        else ()
    )
    chosen = chosen or tuple((at, at, at) for at in _named(numbers, bad))
    given, fed = traces.get(GIVEN_ROWS), traces.get(GIVEN_ROWS + _BASELINE)
    missing = [
        f"{name}: {_lacking(traces.get(name))}"
        for name, found in ((candidate, mine), (reference, theirs))
        if not found.outputs
    ]
    return FailingRows(
        code=code,
        candidate=candidate,
        reference=reference,
        rows=tuple(int(numbers[position]) for position, _, _ in chosen),
        given=_picked(given.outputs if given else {}, [position for position, _, _ in chosen]),
        fed=_picked(fed.outputs if fed else {}, [position for position, _, _ in chosen]),
        answers=_picked(mine.outputs, [place for _, place, _ in chosen]) if pair else {},
        expected=_picked(theirs.outputs, [place for _, _, place in chosen]),
        problem="; ".join(dict.fromkeys(missing)) or None,
    )


@dataclass(frozen=True, kw_only=True)
class _Answers:
    """A route's answers that stand for rows one by one, and for which position in the chunk each stands."""

    outputs: Outputs
    positions: tuple[int, ...]


def _answers(trace: Trace | None, count: int) -> _Answers:
    if trace is None or not trace.ran:
        return _Answers(outputs={}, positions=())
    positions = tuple(range(count)) if trace.rows is None else tuple(int(position) for position in trace.rows)
    outputs = {
        name: values
        for name, values in trace.outputs.items()
        if values.ndim and len(values) == len(positions)
    }
    return _Answers(outputs=outputs, positions=positions)


def _lacking(trace: Trace | None) -> str:
    if trace is None:
        return "it did not run"
    return trace.error or trace.unavailable or "its answers do not stand for rows one by one"


def _furthest(mine: _Answers, theirs: _Answers, *, own: bool) -> tuple[tuple[int, int, int], ...]:
    """The rows that moved most, each once: position in the chunk, place among my answers, place among theirs.

    A route that brought its own reference along answers a row several times, each time against the answer in the same place.
    """
    places = {position: place for place, position in reversed(list(enumerate(theirs.positions)))}
    pairs = [
        (position, place, place if own else places.get(position))
        for place, position in enumerate(mine.positions)
    ]
    known = [(position, place, other) for position, place, other in pairs if other is not None]
    shared = [
        (mine.outputs[name], theirs.outputs[name]) for name in mine.outputs.keys() & theirs.outputs.keys()
    ]
    ranked = sorted(
        known,
        key=lambda each: (
            -max((_apart(values[each[1]], others[each[2]]) for values, others in shared), default=0.0)
        ),
    )
    once: dict[int, tuple[int, int, int]] = {}
    for each in ranked:
        once.setdefault(each[0], each)
    return tuple(once.values())[:_MOST_ROWS]


@np.errstate(invalid="ignore", over="ignore")
def _apart(mine: np.ndarray, theirs: np.ndarray) -> float:
    """The greatest distance in one row; infinite for other shapes, and where one is finite alone."""
    if mine.shape != theirs.shape:
        return float("inf")
    if mine.dtype.kind not in "fiub" or theirs.dtype.kind not in "fiub":
        return float(np.any(mine != theirs))
    one, other = mine.astype(np.float64), theirs.astype(np.float64)
    if (np.isfinite(one) != np.isfinite(other)).any():
        return float("inf")
    return float(np.nan_to_num(np.abs(one - other), nan=0.0).max(initial=0.0))


def _named(numbers: np.ndarray, bad: Sequence[int]) -> list[int]:
    """Where no routes are compared: the rows with NaN or infinity, else the first ones."""
    holed = [at for at, row in enumerate(numbers.tolist()) if row in set(bad)]
    return (holed or list(range(len(numbers))))[:_MOST_ROWS]


def _picked(values: Mapping[str, np.ndarray], chosen: Sequence[int]) -> dict[str, np.ndarray]:
    return {
        name: each[list(chosen)]
        for name, each in values.items()
        if each.ndim and (not chosen or len(each) > max(chosen))
    }

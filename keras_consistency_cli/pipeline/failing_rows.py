"""Failing rows: the rows that each failure shows on, with the outputs of both routes.

The routes run once more for them, because outputs live no longer than their chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Protocol

import numpy as np

from keras_consistency_cli.checks.judgement import worst
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.distance import max_abs_difference
from keras_consistency_cli.reporting.report import FailingRows
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.trace import GIVEN_ROWS, REFERENCE, Outputs, Trace

__all__ = ["RouteRunner", "collect_failing_rows", "worst_rows"]

_MOST_ROWS = 32
_BASELINE = "-baseline"


class RouteRunner(Protocol):
    """The part of an evidence collector that is needed here."""

    bad_rows: dict[str, list[int]]

    def run_again(self, routes: Iterable[Route], numbers: np.ndarray) -> dict[str, Trace]:
        """Run routes on these rows and return their traces with outputs."""


@dataclass(frozen=True, kw_only=True)
class _RowOutputs:
    """Outputs that belong to single rows, and the position in the chunk of each of those rows."""

    outputs: Outputs
    positions: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class _Match:
    """One row: its position in the chunk, and its places in the outputs of both routes."""

    position: int
    candidate: int
    reference: int


def collect_failing_rows(
    runner: RouteRunner,
    table: Sequence[Route],
    verdicts: Iterable[Verdict],
    numbers: np.ndarray,
    available: int,
) -> tuple[FailingRows, ...]:
    """Run the worst pair of each failing check once more, and keep the rows that differ most.

    Args:
        runner: runs the routes.
        table: all routes.
        verdicts: the verdicts of the run.
        numbers: the row numbers of the sample.
        available: how many rows there are in all.
    """
    pairs = {verdict.code: _worst_pair(verdict) for verdict in verdicts if verdict.status is Status.FAIL}
    if not pairs:
        return ()
    known = [pair for pair in pairs.values() if pair is not None]
    numbers = _include_worst_rows(numbers, known, available)
    names = {name.removesuffix(_BASELINE) for pair in known for name in (pair.candidate, pair.reference)}
    wanted = names | {GIVEN_ROWS, REFERENCE}
    traces = runner.run_again([route for route in table if route.name in wanted], numbers)
    bad = {row for rows in runner.bad_rows.values() for row in rows}
    return tuple(_build(code, pair, traces, numbers, bad) for code, pair in pairs.items())


def _worst_pair(verdict: Verdict) -> Comparison | None:
    """Return the comparison that exceeds its limit most, None if the verdict rests on none."""
    over = [judged for judged in verdict.judged if not judged.within]
    return worst(over).comparison if over else None


def worst_rows(verdicts: Iterable[Verdict]) -> list[int]:
    """Return the numbers of the rows that differ most in the failing checks, the worst one of each first."""
    failed = (verdict for verdict in verdicts if verdict.status is Status.FAIL)
    pairs = [pair for verdict in failed if (pair := _worst_pair(verdict)) is not None]
    ranked = zip_longest(*([kept.row for kept in pair.worst] for pair in pairs))
    return list(dict.fromkeys(row for rank in ranked for row in rank if row is not None))


def _include_worst_rows(numbers: np.ndarray, pairs: Sequence[Comparison], available: int) -> np.ndarray:
    """Return as many row numbers, with those that differ most in place of the last ones."""
    named = {kept.row for pair in pairs for kept in pair.worst if kept.row < available}
    missing = sorted(named - set(numbers.tolist()))[: len(numbers)]
    others = [row for row in numbers.tolist() if row not in named]
    kept_rows = others[: len(others) - len(missing)] if missing else others
    return np.array(sorted({*kept_rows, *missing, *(named & set(numbers.tolist()))}), dtype=np.int64)


def _build(
    code: str,
    pair: Comparison | None,
    traces: Mapping[str, Trace],
    numbers: np.ndarray,
    bad: set[int],
) -> FailingRows:
    names = (pair.candidate, pair.reference) if pair else (REFERENCE, REFERENCE)
    candidate, reference = (_row_outputs(traces.get(name), len(numbers)) for name in names)
    matches: Sequence[_Match] = ()
    if pair and candidate.outputs and reference.outputs:
        matches = _furthest(candidate, reference, own_baseline=names[1] == names[0] + _BASELINE)
    if not matches:
        matches = [_Match(position=at, candidate=at, reference=at) for at in _rows_to_show(numbers, bad)]
    positions = [match.position for match in matches]
    return FailingRows(
        code=code,
        candidate=names[0],
        reference=names[1],
        rows=tuple(int(numbers[position]) for position in positions),
        given=_select(_outputs(traces, GIVEN_ROWS), positions),
        fed=_select(_outputs(traces, GIVEN_ROWS + _BASELINE), positions),
        answers=_select(candidate.outputs, [match.candidate for match in matches]) if pair else {},
        expected=_select(reference.outputs, [match.reference for match in matches]),
        problem=_problem(dict(zip(names, (candidate, reference), strict=True)), traces),
        is_table=GIVEN_ROWS in traces and bool(traces[GIVEN_ROWS].details.get("is_table")),
    )


def _row_outputs(trace: Trace | None, count: int) -> _RowOutputs:
    if trace is None or not trace.ran:
        return _RowOutputs(outputs={}, positions=())
    positions = tuple(range(count)) if trace.rows is None else tuple(int(position) for position in trace.rows)
    outputs = {
        name: values
        for name, values in trace.outputs.items()
        if values.ndim and len(values) == len(positions)
    }
    return _RowOutputs(outputs=outputs, positions=positions)


def _outputs(traces: Mapping[str, Trace], name: str) -> Outputs:
    return traces[name].outputs if name in traces else {}


def _problem(runs: Mapping[str, _RowOutputs], traces: Mapping[str, Trace]) -> str | None:
    """Return why outputs are missing, None if none are."""
    missing = [f"{name}: {_reason(traces.get(name))}" for name, run in runs.items() if not run.outputs]
    return "; ".join(missing) or None


def _reason(trace: Trace | None) -> str:
    if trace is None:
        return "it did not run"
    return trace.error or trace.unavailable or "its outputs do not belong to single rows"


def _furthest(candidate: _RowOutputs, reference: _RowOutputs, *, own_baseline: bool) -> list[_Match]:
    """Return the rows that differ most, each once.

    A route that brings its own baseline may have several outputs for one row, each compared with the baseline
    at the same place.
    """
    places = {position: place for place, position in reversed(list(enumerate(reference.positions)))}
    matches = [
        _Match(position=position, candidate=place, reference=other)
        for place, position in enumerate(candidate.positions)
        if (other := place if own_baseline else places.get(position)) is not None
    ]
    shared = [
        (candidate.outputs[name], reference.outputs[name])
        for name in candidate.outputs.keys() & reference.outputs.keys()
    ]

    def distance(match: _Match) -> float:
        pairs = ((values[match.candidate], others[match.reference]) for values, others in shared)
        return max((max_abs_difference(*pair, nan="equal") for pair in pairs), default=0.0)

    once: dict[int, _Match] = {}
    for match in sorted(matches, key=distance, reverse=True):
        once.setdefault(match.position, match)
    return list(once.values())[:_MOST_ROWS]


def _rows_to_show(numbers: np.ndarray, bad: set[int]) -> list[int]:
    """Return positions if no routes are compared: rows with NaN, or else the first ones."""
    not_finite = [position for position, row in enumerate(numbers.tolist()) if row in bad]
    return (not_finite or list(range(len(numbers))))[:_MOST_ROWS]


def _select(values: Outputs, places: Sequence[int]) -> dict[str, np.ndarray]:
    return {
        name: array[list(places)]
        for name, array in values.items()
        if array.ndim and (not places or len(array) > max(places))
    }

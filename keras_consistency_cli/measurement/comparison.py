"""Comparison: how far two routes' answers are apart. Pure NumPy; always measures, never judges.

A comparison is a monoid: those of two chunks of rows merge into the comparison of all rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.decisions import counted, flips, margin
from keras_consistency_cli.measurement.facts import Decision

__all__ = ["EDGES", "Answers", "Comparison", "Stated", "WorstRow", "compare", "merge"]

Array = npt.NDArray[Any]
_Name = tuple[str, str, str]

_BINS_PER_DECADE = 8
_LOWEST_DECADE, _HIGHEST_DECADE = -20, 12
EDGES = np.logspace(
    _LOWEST_DECADE, _HIGHEST_DECADE, (_HIGHEST_DECADE - _LOWEST_DECADE) * _BINS_PER_DECADE + 1
)
_KEPT_ROWS = 5


@dataclass(frozen=True, kw_only=True)
class Stated:
    """A limit that the user stated: |a - b| ≤ atol + rtol · |b|, element by element, as in numpy.allclose."""

    rtol: float
    atol: float


@dataclass(frozen=True, kw_only=True)
class Answers:
    """One route's output rows, and the positions in the chunk that they answer for (None: all of them in order)."""

    outputs: Mapping[str, Array]
    rows: Array | None = None


@dataclass(frozen=True, kw_only=True)
class WorstRow:
    """The element of one row that moved most: its row, its index within the row, both values and their distance.

    `margin` is how near the reference's decision is there: its lead over the next class, or its distance from 0.5; None where nothing is decided.
    """

    row: int
    index: tuple[int, ...]
    candidate: float | str
    reference: float | str
    distance: float
    margin: float | None = None
    flipped: bool = False
    """Whether any decision of the row comes out differently."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One output of a candidate route against the same output of a reference route.

    `max_*` are over all finite elements; `sum_squares` is Σ(a-b)²; the `noise_*` fields measure both routes against the float64 copy on the
    same rows and are zero with `noise_elements` 0 where there is none. `row_histogram` counts rows by their greatest distance.
    """

    candidate: str
    reference: str
    output: str
    rows: int = 0
    elements: int = 0
    mismatched: int = 0
    rows_differing: int = 0
    max_abs: float = 0.0
    max_rel: float = 0.0
    max_ulp: int = 0
    scale: float = 0.0
    sum_squares: float = 0.0
    sum_squares_scale: float = 0.0
    nonfinite: int = 0
    nonfinite_candidate: int = 0
    nonfinite_reference: int = 0
    decision: Decision | None = None
    decisions: int = 0
    flipped: int = 0
    flipped_rows: tuple[int, ...] = ()
    """The first of the rows with such decisions."""
    stated_excess: float = 0.0
    stated_over: int = 0
    noise_elements: int = 0
    noise_max: float = 0.0
    noise_squares_reference: float = 0.0
    noise_squares_candidate: float = 0.0
    misshapen: str | None = None
    dtype: str = "float32"
    worst: tuple[WorstRow, ...] = ()
    row_histogram: tuple[int, ...] = (0,) * (len(EDGES) + 1)

    @property
    def scaled(self) -> float:
        """Greatest distance as a share of the greatest output."""
        return self.max_abs / self.scale if self.scale else (0.0 if self.max_abs == 0 else float("inf"))

    @property
    def identical(self) -> bool:
        """Whether every element had the same bits (NaN equals NaN)."""
        return self.mismatched == 0 and self.nonfinite == 0 and self.misshapen is None

    def rows_over(self, limit: float) -> int:
        """Return how many rows moved by more than `limit`, at the histogram's resolution (a third of a magnitude, rounded up)."""
        if limit <= 0:
            return self.rows_differing
        return sum(self.row_histogram[int(np.searchsorted(EDGES, limit, side="right")) :])

    def __add__(self, other: Comparison) -> Comparison:
        """Merge with the comparison of another chunk of rows; row numbers must already be those of the data."""
        mine, theirs = vars(self), vars(other)
        return Comparison(
            **{
                field.name: _MERGE.get(field.name, _same)(mine[field.name], theirs[field.name])
                for field in fields(self)
            }
        )


def _same(mine: Any, _theirs: Any) -> Any:
    return mine


def _add(mine: Any, theirs: Any) -> Any:
    return mine + theirs


def _first(mine: Any, theirs: Any) -> Any:
    return theirs if mine is None else mine


def _worst(mine: Sequence[WorstRow], theirs: Sequence[WorstRow]) -> tuple[WorstRow, ...]:
    return tuple(sorted((*mine, *theirs), key=lambda worst: -worst.distance)[:_KEPT_ROWS])


def _first_rows(mine: Sequence[int], theirs: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys((*mine, *theirs)))[:_KEPT_ROWS]


def _bins(mine: Sequence[int], theirs: Sequence[int]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(mine, theirs, strict=True))


_MERGE: dict[str, Callable[[Any, Any], Any]] = {
    **dict.fromkeys(
        (
            "rows",
            "elements",
            "mismatched",
            "rows_differing",
            "nonfinite",
            "nonfinite_candidate",
            "nonfinite_reference",
        ),
        _add,
    ),
    **dict.fromkeys(
        ("sum_squares", "sum_squares_scale", "flipped", "stated_over", "noise_elements", "decisions"), _add
    ),
    **dict.fromkeys(("noise_squares_reference", "noise_squares_candidate"), _add),
    **dict.fromkeys(("max_abs", "max_rel", "max_ulp", "scale", "stated_excess", "noise_max"), max),
    "misshapen": _first,
    "decision": _first,
    "worst": _worst,
    "flipped_rows": _first_rows,
    "row_histogram": _bins,
}


def merge(comparisons: Sequence[Comparison]) -> Comparison:
    """Merge the comparisons of several chunks; at least one is needed."""
    return reduce(lambda a, b: a + b, comparisons)


def compare(
    names: tuple[str, str],
    candidate: Answers,
    reference: Answers,
    *,
    float64_copy: Answers | None = None,
    stated: Mapping[str, Stated | None] | None = None,
    decisions: Mapping[str, Decision | None] | None = None,
    row_numbers: Array | None = None,
) -> tuple[Comparison, ...]:
    """Compare every output of two routes on one chunk of rows.

    Args:
        names: the candidate's and the reference's route name.
        candidate: answers for some or all rows of the chunk; where it answers for some, the reference's are picked out.
        reference: answers to hold them against.
        float64 copy: the float64 copy's answers for the chunk, from which rounding noise is measured.
        stated: by output, a stated limit to count excess over.
        decisions: how each output is turned into a decision.
        row_numbers: each position's row number in the user's data, for the worst rows.
    """
    found = []
    for output in dict.fromkeys((*reference.outputs, *candidate.outputs)):
        name = (*names, output)
        mine, theirs = candidate.outputs.get(output), reference.outputs.get(output)
        if mine is None or theirs is None:
            missing = names[0] if mine is None else names[1]
            found.append(_misshapen(name, f"{missing} gives no output '{output}'"))
            continue
        theirs = _picked(theirs, candidate.rows, reference.rows)
        if mine.shape != theirs.shape:
            found.append(_misshapen(name, f"{mine.shape} against {theirs.shape}"))
            continue
        exact = None if float64_copy is None else float64_copy.outputs.get(output)
        exact = (
            None
            if exact is None
            else _picked(exact, candidate.rows, float64_copy.rows if float64_copy else None)
        )
        decision = (decisions or {}).get(output)
        numbers = _numbers(len(mine) if mine.ndim else 1, candidate.rows, row_numbers)
        found.append(_measure(name, mine, theirs, exact, (stated or {}).get(output), decision, numbers))
    return tuple(found)


def _misshapen(name: _Name, how: str) -> Comparison:
    return Comparison(candidate=name[0], reference=name[1], output=name[2], misshapen=how)


def _picked(values: Array, wanted: Array | None, had: Array | None) -> Array:
    """The rows of `values` that answer for the positions `wanted`."""
    if wanted is None or (had is not None and np.array_equal(wanted, had)):
        return values
    if had is None:
        return values[wanted] if len(wanted) == 0 or wanted.max() < len(values) else values
    where = {int(position): at for at, position in enumerate(had)}
    return values[[where[int(position)] for position in wanted]]


def _numbers(rows: int, positions: Array | None, row_numbers: Array | None) -> Array:
    local = np.arange(rows) if positions is None or len(positions) != rows else positions
    return (
        local
        if row_numbers is None or (len(local) and local.max() >= len(row_numbers))
        else row_numbers[local]
    )


@np.errstate(invalid="ignore", over="ignore", divide="ignore")
def _measure(
    name: _Name,
    mine: Array,
    theirs: Array,
    exact: Array | None,
    stated: Stated | None,
    decision: Decision | None,
    numbers: Array,
) -> Comparison:
    mine, theirs = np.atleast_1d(mine), np.atleast_1d(theirs)
    if mine.dtype.kind not in "fiub" or theirs.dtype.kind not in "fiub":
        return _measure_text(name, mine, theirs, numbers)
    a, b = mine.astype(np.float64), theirs.astype(np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    disagree = ~both & ~((a == b) | (np.isnan(a) & np.isnan(b)))
    distance = np.where(both, np.abs(a - b), 0.0)
    # Whole numbers beyond 2**53 may coincide as float64 without being equal.
    distance = np.where(both & (distance == 0) & (mine != theirs), 1.0, distance)
    ranked = np.where(_by_row(disagree).any(axis=1), np.inf, _by_row(distance).max(axis=1, initial=0.0))
    flipped = flips(a, b, decision)
    return Comparison(
        candidate=name[0],
        reference=name[1],
        output=name[2],
        dtype=str(theirs.dtype),
        rows=len(a),
        elements=a.size,
        mismatched=int(np.count_nonzero(distance) + disagree.sum()),
        rows_differing=int(np.count_nonzero(ranked)),
        max_abs=float(distance.max(initial=0.0)),
        max_rel=_greatest_ratio(distance, np.maximum(np.abs(a), np.abs(b)), both),
        max_ulp=_ulps(mine, theirs, both),
        scale=float(np.abs(b[np.isfinite(b)]).max(initial=0.0)),
        sum_squares=float(np.square(distance).sum()),
        sum_squares_scale=float(np.square(b[np.isfinite(b)]).sum()),
        nonfinite=int(disagree.sum()),
        nonfinite_candidate=int((~np.isfinite(a)).sum()),
        nonfinite_reference=int((~np.isfinite(b)).sum()),
        decision=decision,
        **counted(flipped, numbers, _KEPT_ROWS),
        **_against_stated(distance, b, both, stated),
        **_against_float64_copy(a, b, exact),
        worst=tuple(
            _with_margin(each, at, b, flipped, decision)
            for at, each in _worst_rows(distance, disagree, ranked, mine, theirs, numbers)
        ),
        row_histogram=_histogram(ranked),
    )


def _by_row(values: Array) -> Array:
    return values.reshape(len(values), math.prod(values.shape[1:]))


def _histogram(ranked: Array) -> tuple[int, ...]:
    return tuple(
        int(n) for n in np.bincount(np.searchsorted(EDGES, ranked, side="right"), minlength=len(EDGES) + 1)
    )


def _measure_text(name: _Name, mine: Array, theirs: Array, numbers: Array) -> Comparison:
    differ = np.asarray(mine.astype(str) != theirs.astype(str))
    ranked = np.where(_by_row(differ).any(axis=1), np.inf, 0.0)
    return Comparison(
        candidate=name[0],
        reference=name[1],
        output=name[2],
        dtype="string",
        rows=len(ranked),
        elements=differ.size,
        mismatched=int(differ.sum()),
        rows_differing=int(np.count_nonzero(ranked)),
        max_abs=float(differ.any()),
        stated_over=int(differ.sum()),  # no limit makes other words equal
        worst=tuple(
            each for _, each in _worst_rows(differ.astype(float), differ, ranked, mine, theirs, numbers)
        ),
        row_histogram=_histogram(ranked),
    )


def _greatest_ratio(distance: Array, size: Array, where: Array) -> float:
    ratio = np.where(where & (distance > 0), distance / size, 0.0)
    return float(np.nan_to_num(ratio, nan=0.0, posinf=np.finfo(float).max).max(initial=0.0))


def _ulps(mine: Array, theirs: Array, where: Array) -> int:
    """The greatest distance in units in the last place, of the narrower of the two types."""
    kinds = [x.dtype for x in (mine, theirs) if x.dtype in (np.float16, np.float32, np.float64)]
    if len(kinds) < 2 or not where.any():
        return 0
    narrow = min(kinds, key=lambda kind: kind.itemsize)
    whole = np.dtype(f"i{narrow.itemsize}")
    ordered = []
    for values in (mine, theirs):
        bits = np.ascontiguousarray(values[where].astype(narrow)).view(whole).astype(np.int64)
        ordered.append(np.where(bits < 0, np.int64(np.iinfo(whole).min) - bits, bits))
    # Across zero at float64 the difference may not fit int64; modulo 2**64 it is exact.
    return int((np.maximum(*ordered).view(np.uint64) - np.minimum(*ordered).view(np.uint64)).max())


def _with_margin(
    worst: WorstRow, at: int, reference: Array, flipped: Array | None, decision: Decision | None
) -> WorstRow:
    if flipped is None or decision is None:
        return worst
    return replace(
        worst, margin=margin(reference[at], worst.index, decision), flipped=bool(np.any(flipped[at]))
    )


def _against_stated(distance: Array, b: Array, both: Array, stated: Stated | None) -> dict[str, Any]:
    if stated is None:
        return {}
    excess = np.where(both, distance - (stated.atol + stated.rtol * np.abs(np.where(both, b, 0.0))), 0.0)
    return {
        "stated_excess": float(max(0.0, excess.max(initial=0.0))),
        "stated_over": int((~(excess <= 0)).sum()),
    }


def _against_float64_copy(a: Array, b: Array, exact: Array | None) -> dict[str, Any]:
    if exact is None or exact.shape != b.shape or exact.dtype.kind not in "fiub":
        return {}
    r = exact.astype(np.float64)
    usable = np.isfinite(a) & np.isfinite(b) & np.isfinite(r)
    noise, own = np.where(usable, b - r, 0.0), np.where(usable, a - r, 0.0)
    return {
        "noise_elements": int(usable.sum()),
        "noise_max": float(np.abs(noise).max(initial=0.0)),
        "noise_squares_reference": float(np.square(noise).sum()),
        "noise_squares_candidate": float(np.square(own).sum()),
    }


def _worst_rows(
    distance: Array, disagree: Array, ranked: Array, mine: Array, theirs: Array, numbers: Array
) -> Iterator[tuple[int, WorstRow]]:
    """The rows that moved most, each with its place among the rows compared."""
    for at in np.argsort(-ranked, kind="stable")[:_KEPT_ROWS]:
        if not ranked[at] > 0:
            break
        row = np.where(disagree[at], np.inf, distance[at])
        index = tuple(int(i) for i in np.unravel_index(int(row.argmax()), row.shape))
        values = (mine[at][index].item(), theirs[at][index].item())
        yield (
            int(at),
            WorstRow(
                row=int(numbers[at]),
                index=index,
                candidate=values[0],
                reference=values[1],
                distance=float(row[index]),
            ),
        )

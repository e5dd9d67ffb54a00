"""Matching: which mistake turns the rows that should have been served into those that were, column by column. Pure NumPy, on arrays.

Each mistake that serving can make is a variant: the rows that it would have given. A served column that is not what the
scaler gives is held against the variants, and the one that explains most columns is named. A column that none gives may
still lie on a straight line over the right one: then another scaler of the same kind was used, and the line says which.
What is left may be mixed: right in some rows and wrong in others, which are then looked at alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.routes.scaling.column_distance import (
    TOLERANCE,
    affine_prefix,
    apart,
    by_columns,
    exceeding,
    limits,
    spreads,
    straight_line,
)
from keras_consistency_cli.routes.scaling.mixed_batches import WHOLE_ROWS, Mixture, Part

__all__ = ["Match", "Mistake", "Variant", "explain", "likely_batches", "turned_columns"]

Array = npt.NDArray[Any]
Reading = tuple[str, int | None]

_FEWEST_FILLED = 6
"""Values that are one number in each of a few columns, which few may be by accident."""
_FEWEST_LINED = 5
"""Rows picked out of many lie on a line more easily than all of them."""
_PLAIN_BATCHES = (
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    10,
    12,
    16,
    20,
    24,
    25,
    32,
    48,
    50,
    64,
    96,
    100,
    128,
    200,
    250,
    256,
    500,
    512,
    1000,
    1024,
    2048,
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What one mistake would have served.

    Args:
        kind: the mistake, as "refit-all"; behind a colon what it was made with, as the name of a step left out.
        rows: the rows it gives, (n, ..., features), for the first n of the served rows.
        batch: rows that were treated together, where that is the mistake.
        sources: for each column the one it was made from, where columns were mixed up.
        tolerance: of the spread of its own columns; more than `TOLERANCE` where the variant is an estimate.
        start: the first of its rows, where it is one of a stretch of them that goes for no others.
    """

    kind: str
    rows: Array
    batch: int | None = None
    sources: tuple[int, ...] | None = None
    tolerance: float = TOLERANCE
    start: int | None = None


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One mistake and the columns that it explains.

    `off` is the greatest distance from the right values in spreads of the column. For "another-scaler", `shift` is by how many spreads its centre
    lies off and `factor` how many times wider it is, in the column where this is worst. `sources` are the columns served instead. A mistake made with
    some rows only has hit so many of them: `first` and `last` are their places, `every` their distance where it is always the same.
    """

    kind: str
    columns: tuple[int, ...]
    off: float
    batch: int | None = None
    sources: tuple[int, ...] = ()
    shift: float | None = None
    factor: float | None = None
    hit: int | None = None
    first: tuple[int, ...] = ()
    last: int | None = None
    every: int = 0


@dataclass(frozen=True, kw_only=True)
class Match:
    """How served rows of one input compare with what they should be; no mistakes where they are right."""

    rows: int
    features: int
    wrong_rows: int
    mistakes: tuple[Mistake, ...]


def explain(served: Array, right: Array, variants: Iterable[Variant], raw: Array | None = None) -> Match:
    """Say which mistakes explain the served rows, those of most columns first.

    Args:
        served: what the model was fed, (rows, ..., features).
        right: what it should have been fed, of the same shape.
        variants: what mistakes would have given, the cheapest first; no more are made once every wrong column has a match.
        raw: the rows before scaling, where their columns are those of `right`: a scaler of another class may be a straight line over these.

    Raises:
        ValueError: the shapes of served and right differ.
    """
    if served.shape != right.shape:
        raise ValueError(f"served rows have shape {served.shape}, not {right.shape}")
    given, wanted = by_columns(served), by_columns(right)
    spread = spreads(wanted)
    allowed = limits(wanted, spread)
    beyond = exceeding(given, wanted, allowed)
    left = {int(column) for column in np.flatnonzero(beyond.any(axis=0))}
    off = apart(given, wanted).max(axis=0, initial=0.0) / spread
    mixture = Mixture(wrong=beyond.reshape(len(served), -1, given.shape[1]))
    candidates = _candidates(served, left, variants, mixture)
    mistakes = [_mistake(group, columns, candidates, off) for group, columns in _grouped(candidates)]
    rest = sorted(left - set(candidates))
    bases = [wanted] if raw is None or raw.shape != right.shape else [wanted, by_columns(raw)]
    alike, rest = _without_variant(given, bases, rest, allowed, spread, off)
    mistakes += [
        *alike,
        *_mixed(mixture, given, rest, off, partial(_partly_lined, given, bases, allowed, spread)),
    ]
    wrong_rows = beyond.reshape(len(served), -1).any(axis=1).sum() if beyond.size else 0
    return Match(
        rows=len(served), features=given.shape[1], wrong_rows=int(wrong_rows), mistakes=tuple(mistakes)
    )


def _candidates(
    served: Array, wrong: set[int], variants: Iterable[Variant], mixture: Mixture
) -> dict[int, dict[Reading, int | None]]:
    """By wrong column, every variant that gives it, with the column it was made from."""
    found: dict[int, dict[Reading, int | None]] = {}
    if not wrong:
        return found
    for variant in variants:
        if variant.rows.shape[1:] != served.shape[1:] or not len(variant.rows):
            continue
        part, made = served[variant.start or 0 :][: len(variant.rows)], by_columns(variant.rows)
        beyond = exceeding(by_columns(part), made, limits(made, spreads(made), variant.tolerance))
        mixture.hold(
            (variant.kind, variant.batch), beyond.reshape(len(part), -1, made.shape[1]), variant.start
        )
        for column in wrong - _not_given(variant, beyond):
            source = variant.sources[column] if variant.sources else None
            found.setdefault(column, {}).setdefault((variant.kind, variant.batch), source)
        if len(found) == len(wrong):
            break
    return found


def _not_given(variant: Variant, beyond: Array) -> set[int]:
    """The columns that a variant does not give in all of the rows."""
    others = np.asarray(beyond.any(axis=0))
    every = variant.start is not None or (variant.kind in WHOLE_ROWS and others.any())
    return set(range(len(others)) if every else np.flatnonzero(others).tolist())


def _grouped(candidates: dict[int, dict[Reading, int | None]]) -> Iterator[tuple[Reading, list[int]]]:
    """The fewest mistakes: again and again the one that explains most of the columns left, the one found first among equals."""
    left = dict(candidates)
    while left:
        counts: dict[Reading, int] = {}
        for readings in left.values():
            for reading in readings:
                counts[reading] = counts.get(reading, 0) + 1
        best = max(counts, key=lambda reading: counts[reading])
        columns = sorted(column for column, readings in left.items() if best in readings)
        yield best, columns
        left = {column: readings for column, readings in left.items() if column not in columns}


def _mistake(
    reading: Reading, columns: list[int], candidates: dict[int, dict[Reading, int | None]], off: Array
) -> Mistake:
    sources = [candidates[column][reading] for column in columns]
    return Mistake(
        kind=reading[0],
        batch=reading[1],
        columns=tuple(columns),
        off=float(off[columns].max()),
        sources=tuple(source for source in sources if source is not None),
    )


def _without_variant(
    given: Array, bases: list[Array], columns: list[int], allowed: Array, spread: Array, off: Array
) -> tuple[list[Mistake], list[int]]:
    """What can be said of columns that no variant gives, rows in another order or another scaler; and the columns of which nothing can."""
    found = []
    still = [
        column
        for column in columns
        if len(given) > 1 and np.ptp(given[:, column]) == 0 < np.ptp(bases[0][:, column])
    ]
    if still:
        found.append(Mistake(kind="constant", columns=tuple(still), off=float(off[still].max())))
    columns = [column for column in columns if column not in still]
    reordered = [
        column
        for column in columns
        if len(given) > 1 and _same_sorted(given[:, column], bases[0][:, column], allowed[column])
    ]
    if reordered:
        found.append(
            Mistake(kind="rows-reordered", columns=tuple(reordered), off=float(off[reordered].max()))
        )
    columns = [column for column in columns if column not in reordered]
    for base in bases:
        lines = {
            column: line
            for column in columns
            if (line := straight_line(base[:, column], given[:, column], allowed[column])) is not None
        }
        if lines:
            worst = max(lines, key=lambda column: off[column])
            shift, factor = _told(lines[worst], spread[worst]) if base is bases[0] else (None, None)
            found.append(
                Mistake(
                    kind="another-scaler",
                    columns=tuple(lines),
                    off=float(off[list(lines)].max()),
                    shift=shift,
                    factor=factor,
                )
            )
        columns = [column for column in columns if column not in lines]
    return found, columns


def _mixed(
    mixture: Mixture,
    given: Array,
    columns: list[int],
    off: Array,
    lined: Callable[[Part], dict[str, Any] | None],
) -> Iterator[Mistake]:
    """Mistakes of some rows only, in columns that nothing explains in all rows; what stays unknown comes last."""
    for part in mixture.parts(columns):
        known = lined(part) or _filled(given, mixture.wrong, part) if part.reading[0] == "unknown" else None
        yield replace(_in_part(part, off), **(known or {}))


def _filled(given: Array, wrong: Array, part: Part) -> dict[str, Any] | None:
    """Gaps, where all wrong values of each column are one number; None where they are not, or too few to tell."""
    cells = (wrong & part.mask[:, None, None]).reshape(given.shape)
    filled = [np.unique(given[cells[:, column], column]) for column in part.columns]
    return (
        {"kind": "one-number"}
        if all(len(values) == 1 for values in filled) and cells.sum() >= _FEWEST_FILLED
        else None
    )


def _in_part(part: Part, off: Array) -> Mistake:
    kind, batch = part.reading
    farthest = float(off[list(part.columns)].max())
    return Mistake(
        kind=kind,
        batch=batch,
        columns=part.columns,
        off=farthest,
        hit=part.hit,
        first=part.first,
        last=part.last,
        every=part.every,
    )


def _partly_lined(
    given: Array, bases: list[Array], allowed: Array, spread: Array, part: Part
) -> dict[str, Any] | None:
    """Another scaler, where every wrong column of these rows lies on a line over the right one, or over the raw one; None where not."""
    rows = np.repeat(part.mask, len(given) // len(part.mask))
    for base in bases if part.hit >= _FEWEST_LINED else ():
        lines = [
            straight_line(base[rows, column], given[rows, column], allowed[column]) for column in part.columns
        ]
        known = [line for line in lines if line is not None]
        if len(known) == len(lines):
            told = [_told(line, spread[column]) for line, column in zip(known, part.columns, strict=True)]
            shift, factor = (
                max(told, key=lambda each: abs(each[0]) + abs(each[1] - 1))
                if base is bases[0]
                else (None, None)
            )
            return {"kind": "another-scaler", "shift": shift, "factor": factor}
    return None


def _same_sorted(given: Array, wanted: Array, allowed: float) -> bool:
    return not bool(exceeding(np.sort(given), np.sort(wanted), allowed).any())


def _told(line: tuple[float, float], spread: float) -> tuple[float, float]:
    """By how many spreads the centre of the other scaler lies off, and how many times as wide it is: served = slope · right + intercept."""
    slope, intercept = line
    return float(-intercept / slope / spread), 1 / slope


def likely_batches(
    raw: Array, served: Array, columns: Iterable[int], *, tried: Iterable[int] = ()
) -> Iterator[int]:
    """Yield batch sizes on which the scaler may have been refitted, likeliest first: where the line breaks, those in use, then common ones."""
    sizes = dict.fromkeys((affine_prefix(raw, served, list(columns)), *tried, *_PLAIN_BATCHES))
    yield from (size for size in sizes if 1 < size < len(raw))


def turned_columns(rows: Array, apply: Callable[[Array], Array]) -> Iterator[Variant]:
    """Yield the rows with columns mixed up, before scaling and after: every column in the place of every other, one turn at a time."""
    features = rows.shape[-1]
    right = apply(rows)
    for turn in range(1, features):
        sources = tuple((column - turn) % features for column in range(features))
        yield Variant(kind="other-columns", rows=apply(np.roll(rows, turn, axis=-1)), sources=sources)
        if right.shape == rows.shape:
            yield Variant(kind="other-columns", rows=np.roll(right, turn, axis=-1), sources=sources)

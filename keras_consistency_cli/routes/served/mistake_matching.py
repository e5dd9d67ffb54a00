"""Which mistakes turn the expected rows into the served rows, column by column.

Each mistake that serving can make is a variant: the rows that it would have given. Every wrong column is
compared with the variants, and the one that explains most columns is reported. Columns that no variant
gives in all rows may still show a mistake by their values, or have a mistake in some rows only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from keras_consistency_cli.routes.scaling.column_distance import (
    ColumnComparison,
    compute_limits,
    compute_spreads,
    flatten_to_columns,
    is_beyond_limit,
)
from keras_consistency_cli.routes.scaling.own_statistics import find_own_statistics
from keras_consistency_cli.routes.served.column_lines import table_of_other_columns
from keras_consistency_cli.routes.served.misplaced.changed_padding import find_changed_padding
from keras_consistency_cli.routes.served.misplaced.lost_categories import find_lost_categories
from keras_consistency_cli.routes.served.misplaced.moved_padding import MovedRows, find_moved_padding
from keras_consistency_cli.routes.served.mistakes import Array, Match, Mistake, MistakeKey, Variant
from keras_consistency_cli.routes.served.mixed_batches import UNKNOWN, WHOLE_ROWS, Mixture, Part, build_part
from keras_consistency_cli.routes.served.moved_axes import find_nearly_moved, find_nearly_moved_rows
from keras_consistency_cli.routes.served.relabelled_columns import are_encoded_by_row
from keras_consistency_cli.routes.served.reordered_rows import describe_step, find_rows_of_others
from keras_consistency_cli.routes.served.resampled import find_nearly_resampled, find_resampled
from keras_consistency_cli.routes.served.unmatched_columns import UnmatchedColumns

__all__ = ["match_served_rows"]

_OTHER_COLUMNS, _OTHER_UNIT = "other-columns", "other-unit"
_REORDERED = "values-reordered"
_IMAGE_AXES = 4
"""Rows, height, width and channels; videos have time as well."""
_Candidates = dict[int, dict[MistakeKey, int | None]]
"""By wrong column, every mistake that gives it, with the column it was made from."""


def match_served_rows(
    served: Array,
    expected: Array,
    variants: Iterable[Variant],
    raw: Array | None = None,
    codes: frozenset[int] = frozenset(),
    padding: Array | None = None,
) -> Match:
    """Find the mistakes that explain the served rows, those of most columns first.

    Args:
        served: the rows that the model was fed, (rows, ..., features).
        expected: the rows that it should have been fed, of the same shape.
        variants: the rows that mistakes would have given, the cheapest first; they are generated until every
            wrong column has a match.
        raw: the rows before scaling; a scaler of a different class may be a straight line over these.
        codes: the columns whose values are ids of a table.
        padding: which time steps are declared as padding, (rows, time steps); None if nothing is declared.

    Raises:
        ValueError: the shapes of served and expected rows differ.
    """
    if served.shape != expected.shape:
        raise ValueError(f"served rows have shape {served.shape}, expected {expected.shape}")
    comparison = ColumnComparison.of(served, expected)
    mixture = Mixture(wrong=comparison.wrong_in_rows(len(served)))
    distances = comparison.distances
    wrong_rows: Array = np.asarray(mixture.wrong.any(axis=(1, 2)))
    unmatched = UnmatchedColumns(
        comparison=comparison,
        distances=distances,
        rows=len(served),
        raw=None if raw is None or raw.shape != expected.shape else flatten_to_columns(raw),
        table=table_of_other_columns(raw, expected),
        codes=codes,
    )
    ids = codes.issuperset(range(comparison.served.shape[1]))
    moved = find_moved_padding(served, expected, wrong_rows) or find_changed_padding(
        served, expected, comparison.wrong, padding, are_ids=ids
    )
    mistakes = [unmatched.describe_part(part) for part in _split_by_padding(moved, mixture, wrong_rows)]
    if not mistakes:
        mistakes = _find_mistakes(served, expected, variants, mixture, unmatched, raw)
    return Match(
        rows=len(served),
        features=comparison.served.shape[1],
        wrong_rows=int(wrong_rows.sum()),
        mistakes=tuple(mistakes),
        channels=expected.ndim >= _IMAGE_AXES,
    )


def _split_by_padding(moved: list[MovedRows], mixture: Mixture, wrong_rows: Array) -> Iterator[Part]:
    """Yield the rows that are padded differently, and then the rows that are wrong in another way."""
    hit: Array = np.asarray(mixture.wrong.any(axis=1))
    left = wrong_rows.copy()
    for each in moved:
        part = build_part(MistakeKey(each.kind, None), each.mask, hit, list(range(hit.shape[1])))
        yield replace(part, columns=tuple(range(hit.shape[1])))
        left &= ~each.mask
    if moved and left.any():
        yield build_part(UNKNOWN, left, hit, list(range(hit.shape[1])))


def _find_mistakes(
    served: Array,
    expected: Array,
    variants: Iterable[Variant],
    mixture: Mixture,
    unmatched: UnmatchedColumns,
    raw: Array | None,
) -> list[Mistake]:
    """Return the mistakes that variants or the values of the wrong columns show."""
    wrong = {int(column) for column in np.flatnonzero(mixture.wrong.any(axis=(0, 1)))}
    # They come first: moved columns are in the places of other ones as well.
    lost = find_lost_categories(unmatched.comparison, unmatched.distances)
    if lost is not None:
        return [lost]
    # So do turned ones: a quarter of a turn also gives a cosine the values of its sine.
    mistakes = unmatched.find_turned(sorted(wrong))
    wrong -= {column for each in mistakes for column in each.columns}
    candidates = _find_candidates(served, wrong, variants, mixture)
    mistakes += [
        _build_mistake(*group, candidates, unmatched.distances) for group in _group_columns(candidates)
    ]
    by_values, left = unmatched.find_mistakes(sorted(wrong - set(candidates)))
    by_values, parts = _prefer_parts(by_values, left, mixture)
    if any(part.key == UNKNOWN for part in parts) or any(each.kind == _REORDERED for each in by_values):
        whole_rows = _find_in_whole_rows(served, expected, mixture, unmatched, raw)
        if whole_rows:
            return whole_rows
    found = [*mistakes, *by_values, *(unmatched.describe_part(part) for part in parts)]
    return _find_late_windows(found, mixture, unmatched) or found


def _find_late_windows(found: list[Mistake], mixture: Mixture, unmatched: UnmatchedColumns) -> list[Mistake]:
    """Return the rows of others if they explain more columns than columns in different places do.

    Windows that overlap hold the same values one column further: the window of the row before looks like
    columns that moved by one place, but for the first column.
    """
    moved = {column for each in found if each.kind == _OTHER_COLUMNS for column in each.columns}
    others = _find_other_rows(mixture, unmatched) if moved else []
    return others if others and moved < set(others[0].columns) else []


def _prefer_parts(
    by_values: list[Mistake], left: list[int], mixture: Mixture
) -> tuple[list[Mistake], list[Part]]:
    """Return the mistakes that values show, and the parts of the columns that are left.

    Values in a different order say little: the pixels of a shifted image are the same ones as well, and so
    are those of a folder in which some images are turned. Variants that give some of the rows say more.
    """
    reordered = [column for each in by_values if each.kind == _REORDERED for column in each.columns]
    parts = mixture.find_parts(sorted({*left, *reordered})) if reordered else []
    if any(part.key != UNKNOWN for part in parts):
        return [each for each in by_values if each.kind != _REORDERED], parts
    return by_values, mixture.find_parts(left)


def _find_in_whole_rows(
    served: Array, expected: Array, mixture: Mixture, unmatched: UnmatchedColumns, raw: Array | None
) -> list[Mistake]:
    """Return the mistakes that change whole rows in a way that no single column shows."""
    hit: Array = np.asarray(mixture.wrong.any(axis=1))
    wrong_rows: Array = np.asarray(hit.any(axis=1))
    columns = list(range(hit.shape[1]))

    def of_rows(kind: str) -> list[Mistake]:
        return [unmatched.describe_part(build_part(MistakeKey(kind, None), wrong_rows, hit, columns))]

    shown, right = served[wrong_rows], expected[wrong_rows]
    if unmatched.codes.issuperset(columns) and are_encoded_by_row(shown, right):
        return of_rows("encoded-by-row")
    own = find_own_statistics(shown, right, None if raw is None else raw[wrong_rows])
    if own is not None:
        return of_rows(f"own-statistics:{own}")
    resampled = find_resampled(shown, right)
    if resampled is not None:
        return of_rows(f"resampled:{resampled}")
    nearly = find_nearly_moved(served, expected)
    if nearly is not None:
        return [nearly]
    moved = find_nearly_moved_rows(shown, right)
    if moved is not None:
        parts = [(kind, np.flatnonzero(wrong_rows)[rows]) for kind, rows in moved.items()]
        return [unmatched.describe_part(_part_of_rows(kind, rows, hit)) for kind, rows in parts]
    others = _find_other_rows(mixture, unmatched)
    if others:
        return others
    resampled = find_nearly_resampled(shown, right)
    return [] if resampled is None else of_rows(f"nearly-resampled:{resampled}")


def _part_of_rows(kind: str, rows: Array, hit: Array) -> Part:
    mask = np.zeros(len(hit), dtype=bool)
    mask[rows] = True
    return build_part(MistakeKey(kind, None), mask, hit, list(range(hit.shape[1])))


def _find_other_rows(mixture: Mixture, unmatched: UnmatchedColumns) -> list[Mistake]:
    """Return the rows that have the values of other rows, and the rest; nothing if most have not."""
    hit: Array = np.asarray(mixture.wrong.any(axis=1))
    wrong_rows: Array = np.asarray(hit.any(axis=1))
    found = find_rows_of_others(unmatched.comparison, wrong_rows)
    if found is None or 2 * found.mask.sum() < wrong_rows.sum():
        return []
    columns = list(range(hit.shape[1]))
    steps = np.unique((np.arange(len(wrong_rows)) - found.sources)[found.mask])
    is_late = len(steps) == 1
    kind = f"rows-late:{describe_step(int(steps[0]))}" if is_late else "rows-of-others"
    part = build_part(MistakeKey(kind, None), found.mask, hit, columns)
    pairs = () if is_late else tuple((row, int(found.sources[row])) for row in part.first)
    left = wrong_rows & ~found.mask
    rest = [unmatched.describe_part(build_part(UNKNOWN, left, hit, columns))] if left.any() else []
    return [replace(unmatched.describe_part(part), others=pairs), *rest]


def _find_candidates(
    served: Array, wrong: set[int], variants: Iterable[Variant], mixture: Mixture
) -> _Candidates:
    """Return the variants that give each wrong column in all rows.

    Every variant is also added to `mixture`, for mistakes in some rows only.
    """
    candidates: _Candidates = {}
    if not wrong:
        return candidates
    for variant in variants:
        if variant.rows.shape[1:] != served.shape[1:] or not len(variant.rows):
            continue
        differs = _compare_variant(served, variant)
        rows = len(served[variant.start or 0 :][: len(variant.rows)])
        moved = variant.kind == _OTHER_COLUMNS
        if moved or variant.kind.startswith(_OTHER_UNIT):
            mixture.leave_out_ends(differs, flatten_to_columns(served[:rows]))
        mixture.add(variant.key, differs.reshape(rows, -1, differs.shape[1]), variant.start, moved=moved)
        for column in wrong - _differing_columns(variant, differs):
            source = variant.sources[column] if variant.sources else None
            candidates.setdefault(column, {}).setdefault(variant.key, source)
        if len(candidates) == len(wrong):
            break
    return candidates


def _compare_variant(served: Array, variant: Variant) -> Array:
    """Return where the served rows are not those of the variant."""
    columns = flatten_to_columns(variant.rows)
    rows = flatten_to_columns(served[variant.start or 0 :][: len(variant.rows)])
    limit = compute_limits(columns, compute_spreads(columns), variant.tolerance)
    return is_beyond_limit(rows, columns, limit)


def _differing_columns(variant: Variant, differs: Array) -> set[int]:
    """Return the columns that a variant does not give in all of the rows."""
    differing = np.asarray(differs.any(axis=0))
    all_differ = variant.start is not None or (variant.kind in WHOLE_ROWS and differing.any())
    return set(range(len(differing)) if all_differ else np.flatnonzero(differing).tolist())


def _group_columns(candidates: _Candidates) -> Iterator[tuple[MistakeKey, list[int]]]:
    """Yield the fewest mistakes that explain the columns, with their columns.

    The first one explains most columns, the second one most of the remaining columns, and so on. Of
    mistakes that explain equally many columns the first one is taken.
    """
    left = dict(candidates)
    while left:
        counts: dict[MistakeKey, int] = {}
        for sources in left.values():
            for key in sources:
                counts[key] = counts.get(key, 0) + 1
        best = max(counts, key=lambda key: counts[key])
        columns = sorted(column for column, sources in left.items() if best in sources)
        yield best, columns
        left = {column: sources for column, sources in left.items() if column not in columns}


def _build_mistake(key: MistakeKey, columns: list[int], candidates: _Candidates, distances: Array) -> Mistake:
    sources = [source for column in columns if (source := candidates[column][key]) is not None]
    return Mistake(
        kind=key.kind,
        batch=key.batch,
        columns=tuple(columns),
        off=float(distances[columns].max()),
        sources=tuple(sources) if len(sources) == len(columns) else (),
    )

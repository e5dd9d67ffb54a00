"""Mistakes in served columns that no variant gives.

They are constants, reordered rows, a different scaler, and a function such as a logarithm.

A different scaler of the same kind is a straight line over the expected values, one of a different class
may be a line over the raw values. Rows that only partly have such a mistake are examined by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from keras_consistency_cli.routes.scaling.column_distance import ColumnComparison, is_beyond_limit
from keras_consistency_cli.routes.served.applied_functions import (
    find_function_before_scaling,
    find_function_of_expected,
)
from keras_consistency_cli.routes.served.column_lines import (
    Line,
    describe_falling_line,
    find_moved_lines,
    find_scaled_columns,
    fit_rising_line,
    is_one_sum,
    measure_line,
    recognize_factors,
    recognize_pixels,
)
from keras_consistency_cli.routes.served.mistakes import Array, Mistake
from keras_consistency_cli.routes.served.mixed_batches import UNKNOWN, Part, is_filled
from keras_consistency_cli.routes.served.moved_axes import find_moved_columns
from keras_consistency_cli.routes.served.relabelled_columns import (
    describe_shift,
    find_moved_flags,
    find_relabelled,
    measure_shift,
)
from keras_consistency_cli.routes.served.reordered_rows import (
    are_rows_reordered,
    describe_step,
    find_late_columns,
)
from keras_consistency_cli.routes.served.turned_pairs import find_turn_in_rows, find_turned_pairs

__all__ = ["UnmatchedColumns"]

_SHOWN_CODES = 4
_MIN_ROWS_ON_LINE = 5
"""Rows chosen out of many lie on a line by chance more easily than all of them."""


@dataclass(frozen=True, kw_only=True)
class UnmatchedColumns:
    """Recognizes mistakes from the values alone.

    Args:
        comparison: the served and the expected columns.
        distances: the greatest distance of each column, in spreads.
        rows: number of rows, which may have several time steps each.
        raw: the columns before scaling; None if they are not the columns of the expected rows.
        table: the columns that others were made of, as a preprocess function does; None if there are none.
        codes: the columns whose values are ids of a table.
    """

    comparison: ColumnComparison
    distances: Array
    rows: int
    raw: Array | None
    table: Array | None = None
    codes: frozenset[int] = frozenset()

    def find_mistakes(self, columns: list[int]) -> tuple[list[Mistake], list[int]]:
        """Return mistakes that explain columns in all rows, and the remaining columns."""
        mistakes = []
        for find in (
            self._find_moved,
            self._find_constant,
            self._find_relabelled,
            self._find_late,
            self._find_reordered,
            self._find_scaler_over_expected,
            self._find_scaler_over_raw,
            self._find_function,
            self._find_inverted,
            self._find_grey,
            self._find_moved_and_scaled,
            self._find_scaler_over_table,
        ):
            mistake = find(columns)
            if mistake is not None:
                mistakes.append(mistake)
                columns = [column for column in columns if column not in mistake.columns]
        return mistakes, columns

    def find_turned(self, columns: list[int]) -> list[Mistake]:
        """Return the pairs of columns that are turned, as sine and cosine of a shifted time."""
        return [
            self._mistake(f"{pair.kind}:{pair.degrees:.4g}", list(pair.columns))
            for pair in find_turned_pairs(self.comparison, columns)
        ]

    def describe_part(self, part: Part) -> Mistake:
        """Return the mistake of some rows: that of a variant, or else the one that their values show."""
        mistake = replace(
            self._mistake(part.key.kind, list(part.columns)),
            batch=part.key.batch,
            hit=part.hit,
            first=part.first,
            last=part.last,
            every=part.every,
        )
        if part.key != UNKNOWN:
            return mistake
        scaler = self._find_scaler_in_part(part)
        if scaler is not None:
            return replace(mistake, kind=scaler.kind, shift=scaler.shift, factor=scaler.factor)
        turned = find_turn_in_rows(self.comparison, part.mask, list(part.columns))
        if turned is not None:
            return replace(mistake, kind=f"{turned.kind}:{turned.degrees:.4g}")
        return replace(mistake, kind="one-number") if is_filled(self.comparison, part) else mistake

    def _find_moved(self, columns: list[int]) -> Mistake | None:
        """Return the columns that have the values of other columns."""
        return find_moved_columns(self.comparison, columns, self.distances)

    def _find_constant(self, columns: list[int]) -> Mistake | None:
        """Return the columns that are one number although they should vary."""
        return self._select(
            "constant", columns, lambda served, expected, _: np.ptp(served) == 0 < np.ptp(expected)
        )

    def _find_relabelled(self, columns: list[int]) -> Mistake | None:
        """Return the columns of category codes that were assigned again.

        Whole numbers on a rising line may also be a different unit; then only ids of a table are codes.
        """
        served, expected = self.comparison.served, self.comparison.expected
        lines = self._fit_lines(expected, columns)
        flags = find_moved_flags(served, expected, columns) if lines else []
        candidates = [column for column in columns if column not in (*lines, *flags) or column in self.codes]
        found = find_relabelled(served, expected, candidates, self.codes)
        if not found:
            return None
        codes = found[next(iter(found))]
        shift = measure_shift(codes)
        kind = "relabelled" if shift is None else f"codes-shifted:{describe_shift(shift)}"
        changed = [(here, there) for here, there in codes.items() if here != there]
        return replace(self._mistake(kind, list(found)), codes=tuple(changed[:_SHOWN_CODES]))

    def _find_reordered(self, columns: list[int]) -> Mistake | None:
        """Return the columns with the expected values in a different order.

        If the columns of a row belong together there too, the rows are in a different order.
        """
        mistake = self._select(
            "values-reordered",
            columns,
            lambda served, expected, limit: (
                not is_beyond_limit(np.sort(served), np.sort(expected), limit).any()
            ),
        )
        if mistake is None or not are_rows_reordered(self.comparison, self.rows):
            return mistake
        return replace(mistake, kind="rows-reordered")

    def _find_late(self, columns: list[int]) -> Mistake | None:
        """Return the columns with the values of a row before or after, unless whole rows are late."""
        late = find_late_columns(self.comparison, columns, self.rows)
        varying = np.ptp(self.comparison.expected, axis=0) > self.comparison.limit
        if not late or len(late) == varying.sum() > 1:
            return None
        step = late[next(iter(late))]
        return self._mistake(f"late:{describe_step(step)}", [each for each in late if late[each] == step])

    def _select(
        self, kind: str, columns: list[int], accepts: Callable[[Array, Array, float], bool]
    ) -> Mistake | None:
        served, expected, limit = self.comparison.served, self.comparison.expected, self.comparison.limit
        if len(served) < 2:
            return None
        selected = [
            column for column in columns if accepts(served[:, column], expected[:, column], limit[column])
        ]
        return self._mistake(kind, selected) if selected else None

    def _find_scaler_over_expected(self, columns: list[int]) -> Mistake | None:
        """Return the columns of a different scaler of the same kind.

        Shift and factor are those of the column with the greatest distance.
        """
        lines = self._fit_lines(self.comparison.expected, columns)
        if not lines:
            return None
        worst = max(lines, key=lambda column: self.distances[column])
        measured = {
            column: measure_line(line, self.comparison.spread[column]) for column, line in lines.items()
        }
        shift, factor = measured[worst]
        kind = recognize_factors(list(measured.values())) or "another-scaler"
        flags = find_moved_flags(self.comparison.served, self.comparison.expected, columns)
        return replace(self._mistake(kind, sorted({*lines, *flags})), shift=shift, factor=factor)

    def _find_scaler_over_raw(self, columns: list[int]) -> Mistake | None:
        """Return the columns of a scaler of a different class."""
        lines = {} if self.raw is None else self._fit_lines(self.raw, columns)
        return self._mistake("another-scaler", list(lines)) if lines else None

    def _find_scaler_over_table(self, columns: list[int]) -> Mistake | None:
        """Return the columns of one scaler for all rows, in place of a function that makes new columns."""
        scaled = find_scaled_columns(self.comparison.served, self.table, columns, self.comparison.limit)
        return self._mistake("another-scaler", scaled) if scaled else None

    def _find_function(self, columns: list[int]) -> Mistake | None:
        """Return the columns that are a function of the right values, or of those before scaling."""
        if not columns:
            return None
        compared = self.comparison
        kind, found = "function", find_function_of_expected(compared.served, compared.expected, columns)
        if found is None and self.raw is not None:
            kind = "function-first"
            found = find_function_before_scaling(compared.served, self.raw, columns, compared.limit)
        return None if found is None else self._mistake(f"{kind}:{found[0]}", found[1])

    def _find_inverted(self, columns: list[int]) -> Mistake | None:
        """Return the columns that fall where the right ones rise."""
        served, expected, limit = self.comparison.served, self.comparison.expected, self.comparison.limit
        falling = {
            column: words
            for column in columns
            if (words := describe_falling_line(expected[:, column], served[:, column], limit[column]))
        }
        if not falling:
            return None
        return self._mistake(f"inverted:{next(iter(falling.values()))}", list(falling))

    def _find_grey(self, columns: list[int]) -> Mistake | None:
        """Return all columns if they are the channels of images without their colours."""
        served, expected = self.comparison.served, self.comparison.expected
        if len(columns) < served.shape[1] or not is_one_sum(served, expected, self.comparison.limit):
            return None
        return self._mistake("grey", columns)

    def _find_moved_and_scaled(self, columns: list[int]) -> Mistake | None:
        """Return the columns that a different scaler made from other columns."""
        served, expected = self.comparison.served, self.comparison.expected
        sources = find_moved_lines(served, expected, columns, self.comparison.limit)
        if not sources:
            return None
        mistake = self._mistake("other-columns-scaled", list(sources))
        return replace(mistake, sources=tuple(sources.values()))

    def _find_scaler_in_part(self, part: Part) -> Mistake | None:
        """Return a different scaler if every wrong column of these rows lies on a line."""
        if part.hit < _MIN_ROWS_ON_LINE:
            return None
        columns = list(part.columns)
        rows = np.repeat(part.mask, len(self.comparison.served) // len(part.mask))
        lines = self._fit_lines(self.comparison.expected, columns, rows)
        if len(lines) == len(columns):
            measured = [measure_line(line, self.comparison.spread[column]) for column, line in lines.items()]
            shift, factor = max(measured, key=lambda pair: abs(pair[0]) + abs(pair[1] - 1))
            kind = recognize_pixels(measured) or "another-scaler"
            return replace(self._mistake(kind, columns), shift=shift, factor=factor)
        if self.raw is not None and len(self._fit_lines(self.raw, columns, rows)) == len(columns):
            return self._mistake("another-scaler", columns)
        return None

    def _fit_lines(self, base: Array, columns: list[int], rows: Array | None = None) -> dict[int, Line]:
        """Return the lines of the served columns that are a line over `base`."""
        lines = {}
        for column in columns:
            x, y = base[:, column], self.comparison.served[:, column]
            x, y = (x, y) if rows is None else (x[rows], y[rows])
            line = fit_rising_line(x, y, self.comparison.limit[column])
            if line is not None:
                lines[column] = line
        return lines

    def _mistake(self, kind: str, columns: list[int]) -> Mistake:
        return Mistake(kind=kind, columns=tuple(columns), off=float(self.distances[columns].max()))

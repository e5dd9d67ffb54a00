"""The central parts of two columns, which a few extreme values do not move. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from keras_consistency_cli.measurement.data_facts import ColumnFact

__all__ = ["differ_by_factor", "has_same_centre", "spread_ratios"]

_LEVELS = ((2, 4), (1, 5), (0, 6))
"""Positions in QUANTILES: the quartiles, and the middle 90 % and 98 % of the values."""
_RESOLVED = 16
"""So many values make the middle 90 % certain enough; the extreme ones may be sentinels."""
_MEDIAN = 3
_SAME = 3.0
"""Factor by which the spreads of two samples of one distribution may differ."""
_HEAVY = 10.0
"""Kurtosis above which a feature has extreme values; that of an exponential distribution is 9."""
_FEWEST, _FEWEST_HEAVY = 4, 24
"""Values that show that a feature is narrow: few values of a heavy tail often lie close together."""


def spread_ratios(column: ColumnFact, trained: ColumnFact) -> tuple[float, ...]:
    """Return how many times wider the column is than the one of training, for two parts or more.

    Parts without a width in either column are left out. The range stands in if fewer than two are left, as
    for a flag. Empty for a feature that is nearly always 0 and has extreme values: its range is chance.
    """
    if not column.quantiles or not trained.quantiles:
        return ()
    inner = _positive_ratios(column, trained, _LEVELS[:2])
    if len(inner) == 2 and column.count >= _RESOLVED:
        return inner
    ratios = _positive_ratios(column, trained, _LEVELS)
    if len(ratios) > 1:
        return ratios
    is_comparable = column.span > 0 and trained.span > 0 and trained.kurtosis <= _HEAVY
    return (*ratios, column.span / trained.span) if is_comparable else ()


def _positive_ratios(
    column: ColumnFact, trained: ColumnFact, levels: Sequence[tuple[int, int]]
) -> tuple[float, ...]:
    widths = [
        (column.quantiles[high] - column.quantiles[low], trained.quantiles[high] - trained.quantiles[low])
        for low, high in levels
    ]
    return tuple(width / other for width, other in widths if width > 0 and other > 0)


def has_same_centre(column: ColumnFact, trained: ColumnFact) -> bool:
    """Whether two columns may be samples of one distribution, apart from extreme values."""
    if not column.quantiles or not trained.quantiles:
        return False
    ratios = spread_ratios(column, trained)
    low, high = _LEVELS[0]
    spread = max(each.quantiles[high] - each.quantiles[low] for each in (column, trained))
    moved = abs(column.quantiles[_MEDIAN] - trained.quantiles[_MEDIAN])
    return moved <= spread and (not ratios or any(1 / _SAME < ratio < _SAME for ratio in ratios))


def differ_by_factor(columns: Sequence[ColumnFact], trained: Sequence[ColumnFact], factor: float) -> bool:
    """Whether every feature is wider than in training by more than this factor, or every one narrower.

    All central parts must show it: a share of zeros near a quartile changes one of them by chance.
    """
    pairs = [(column, other) for column, other in zip(columns, trained, strict=True) if column.count]
    found = [(ratios, pair) for pair in pairs if (ratios := spread_ratios(*pair))]
    ratios_of_all = [ratio for ratios, _ in found for ratio in ratios]
    if not ratios_of_all or min(ratios_of_all) > factor:
        return bool(ratios_of_all)
    values = sum(column.count for _, (column, _) in found)
    is_heavy = any(other.kurtosis > _HEAVY for _, (_, other) in found)
    return max(ratios_of_all) < 1 / factor and values >= (_FEWEST_HEAVY if is_heavy else _FEWEST)

"""Facts about single columns: statistics of the rows, and what training leads to expect."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["QUANTILES", "ColumnFact", "ExpectedColumn"]

QUANTILES = (1, 5, 25, 50, 75, 95, 99)
"""Percentiles kept of each column."""


@dataclass(frozen=True, kw_only=True)
class ColumnFact:
    """One feature of the last axis over many rows; `whole`: all values are whole numbers.

    Statistics are of its finite values, NaN without any. `quantiles` match `QUANTILES`; they, `kurtosis` (3
    for a normal feature), `distinct` and `whole` are of a sample of the values.
    """

    name: str
    count: int
    nan: int = 0
    inf: int = 0
    mean: float = 0.0
    sd: float = 0.0
    low: float = 0.0
    high: float = 0.0
    quantiles: tuple[float, ...] = ()
    kurtosis: float = 3.0
    distinct: int = 0
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class ExpectedColumn:
    """How one raw feature should look, by the scaler's statistics or the reference rows.

    `raw`, `scaled` and `twice` are (centre, spread) raw, scaled, and scaled twice. `within` is the share of
    the given rows within four spreads of each. `low` and `high` are the range in training, if known. `kind`
    is the estimator's class, or "reference". `constant` means that the feature never varied in training.
    `rows` is the number of rows of the fit, 0 if unknown. `filled` is the value that an imputer puts into
    gaps, if there is one.
    """

    column: int
    name: str
    kind: str
    raw: tuple[float, float]
    scaled: tuple[float, float]
    twice: tuple[float, float]
    within: tuple[float, float, float] = (0.0, 0.0, 0.0)
    low: float | None = None
    high: float | None = None
    constant: bool = False
    rows: int = 0
    filled: float | None = None

"""Facts about single columns: statistics of the rows, and what training leads to expect."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["QUANTILES", "ColumnFact", "DriftFact", "ExpectedColumn"]

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

    @property
    def span(self) -> float:
        """The distance of its lowest and highest value; 0 without any."""
        return self.high - self.low if self.count else 0.0


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


@dataclass(frozen=True, kw_only=True)
class DriftFact:
    """One feature of `rows` rows compared with the reference rows or a scaler's statistics.
    `shift` is in standard deviations of the training rows; `outside` is the share of rows beyond the training
    range; `distance` is the greatest distance of the two distributions (Kolmogorov-Smirnov), None if only
    statistics are known. `p_value` is the probability of such a shift if nothing has changed, `outside_p`
    that of so many rows outside, both for these numbers of rows and not yet corrected for the number of
    features.
    """

    input: str
    name: str
    against: str
    mean: float
    expected: float
    shift: float
    p_value: float
    distance: float | None = None
    outside: float | None = None
    outside_p: float = 1.0
    rows: int = 0
    filler: float | None = None
    """A value as frequent as missing values in the reference rows, and rare there.

    None if there is none, or if the scaler's imputer puts it there.
    """
    gaps: float = 0.0
    """The share of missing values in the reference rows."""
    is_text: bool = False
    """Whether the column holds codes of texts, whose mean says nothing."""

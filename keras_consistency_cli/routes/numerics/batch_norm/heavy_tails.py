"""Features with heavy tails, whose mean and variance in one sample say little about those in another.

Their middle values do: for every distribution, the median is at most one standard deviation from the mean,
and half of the values lie in less than three standard deviations.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["TailSums"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_HEAVY_SHARE = 0.04
"""Share of the number of values that the kurtosis must exceed.

The standard error of the variance is then more than a fifth of the variance. Without a finite fourth moment,
the kurtosis grows with the number of values; a normal feature has 3, an exponential one 9.
"""
_FEWEST_HEAVY = 10.0
_WIDEST = 2 * 2**0.5
"""Standard deviations that hold the middle half of the values at most (Chebyshev)."""
_TOLERANCE = 2.0
"""Moving statistics are averages of batches, and a batch lacks the rarest values."""

_BLOCK, _MIDDLE = 4096, 1024
"""Positions that are handled at once, so that an image of many pixels needs little memory, and those of a
batch that give the middle values.
"""


def _sum_powers(values: Floats) -> Floats:
    """Return the sums of the first four powers by feature."""
    squares = values * values
    return np.stack(
        [
            values.sum(axis=0),
            squares.sum(axis=0),
            np.einsum("ij,ij->j", squares, values),
            np.einsum("ij,ij->j", squares, squares),
        ]
    )


@dataclass(kw_only=True)
class TailSums:
    """Sums of powers around the mean of the first batch, and the quartiles of each batch, by feature."""

    count: float = 0.0
    centre: Floats = field(default_factory=lambda: np.zeros(1))
    powers: Floats = field(default_factory=lambda: np.zeros((4, 1)))
    quartiles: list[Floats] = field(default_factory=list)

    def add(self, values: Floats) -> None:
        """Add values of shape (positions, features)."""
        if not len(values):
            return
        if not self.count:
            self.centre = values.mean(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(values), _BLOCK):
                self.powers = self.powers + _sum_powers(values[start : start + _BLOCK] - self.centre)
        self.count += len(values)
        # The middle values are compared by a factor of two: a part of very many values gives them.
        some = values[:: -(-len(values) // _MIDDLE)]
        # To sort rows that are contiguous takes a quarter of the time of np.quantile.
        ordered = np.sort(np.ascontiguousarray(some.T), axis=1)
        places = np.rint(np.array((0.25, 0.5, 0.75)) * (len(some) - 1)).astype(np.int64)
        self.quartiles.append(ordered[:, places].T)

    def are_heavy(self) -> Flags:
        """By feature, whether the variance of these values is too uncertain to be compared."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            first, second, third, fourth = self.powers / max(self.count, 1.0)
            variance = second - first**2
            central = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
            kurtosis = central / variance**2
            return np.asarray(np.nan_to_num(kurtosis) > max(_HEAVY_SHARE * self.count, _FEWEST_HEAVY))

    def agree(self, mean: Floats, sd: Floats) -> Flags:
        """By feature, whether a distribution of this mean and deviation can have these middle values."""
        if not self.quartiles:
            return np.ones(mean.shape, bool)
        low, median, high = np.mean(self.quartiles, axis=0)
        is_near = np.abs(median - mean) <= _TOLERANCE * sd
        return np.asarray(is_near & (high - low <= _TOLERANCE * _WIDEST * sd))

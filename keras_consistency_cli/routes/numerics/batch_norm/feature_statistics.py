"""Compares the moving statistics of a BatchNormalization with those of the values, feature by feature.

A mean over all features can hide a part of them, so features whose values lie far outside of the moving
statistics are counted. If the moving statistics are a mixture of the 0 and 1 that they were created with and
of those of the values, the same mixture for every feature, then training took too few steps. No other rows
give such a mixture by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FeatureStatistics", "measure_distances"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_FAR_DEVIATIONS = 5.0
"""Moving standard deviations to the mean of the values. Rows of a single class out of n have their mean at
most sqrt(n - 1) away, if the classes differ by nothing else."""
_DISJOINT = 0.9
"""Distance of distributions that have next to nothing in common; 0.89 is that of means 6 deviations apart."""
_FEWEST_FAR = 2
"""Features that a mixture must explain: one number always explains the mean of one feature."""
_MOST_LEFT = 0.1
"""Mean distance to the mixture: layers on their training rows had at most 0.02; weights move in training."""
_CONSTANT = 1e-10
"""Variance, as a share of the square of the mean, that rounding gives a constant feature."""


@dataclass(frozen=True, kw_only=True)
class FeatureStatistics:
    """The moving mean and variance of each feature, and the mean and variance of the values."""

    mean: Floats
    variance: Floats
    seen: Floats
    seen_variance: Floats
    epsilon: float

    @property
    def known(self) -> Flags:
        """By feature, whether all four numbers are finite."""
        return np.asarray(np.isfinite(self.mean + self.variance + self.seen + self.seen_variance))

    @property
    def live(self) -> Flags:
        """By feature, whether its values vary: a unit that is never active shows nothing."""
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(self.known & (self.seen_variance > _CONSTANT * self.seen**2))

    def distances(self) -> Floats:
        """By feature, the distance of the distributions; 0 if it is not known."""
        stored, shown = self.variance + self.epsilon, self.seen_variance + self.epsilon
        return np.where(self.known, measure_distances(self.mean, stored, self.seen, shown), 0.0)

    def are_far(self, distances: Floats) -> Flags:
        """By feature, whether the values vary far outside of the moving statistics."""
        with np.errstate(invalid="ignore", over="ignore"):
            shifts = np.abs(self.seen - self.mean) / np.sqrt(self.variance + self.epsilon)
        return np.asarray(self.live & (distances > _DISJOINT) & (shifts > _FAR_DEVIATIONS))

    def initial_share(self, far: Flags) -> float | None:
        """Return the share of the 0 and 1 of the start in the moving statistics, None if they are no mixture.

        The features that are far outside give the share, and the mixture must fit them and all others.
        """
        if far.sum() < _FEWEST_FAR:
            return None
        share = 1.0 - float(np.median(self.mean[far] / self.seen[far]))
        if not 0.0 < share <= 1.0:
            return None
        stored = self.variance + self.epsilon
        mixed = share + (1.0 - share) * self.seen_variance + self.epsilon
        left = np.where(
            self.live, measure_distances(self.mean, stored, (1.0 - share) * self.seen, mixed), np.nan
        )
        is_mixture = max(left[far].mean(), np.nanmean(left)) <= _MOST_LEFT
        return share if is_mixture else None


def measure_distances(mean: Floats, variance: Floats, seen: Floats, seen_variance: Floats) -> Floats:
    """Return the squared Hellinger distances of normal distributions."""
    with np.errstate(invalid="ignore", over="ignore"):
        total = variance + seen_variance
        overlap = np.sqrt(2 * np.sqrt(variance * seen_variance) / total)
        return np.asarray(1.0 - overlap * np.exp(-((mean - seen) ** 2) / (4 * total)))

"""Compares the moving statistics of a BatchNormalization with those of the values, feature by feature.

A mean over all features can hide a part of them, so features whose values lie far outside of the moving
statistics are counted. If the moving statistics are a mixture of the 0 and 1 that they were created with and
of those of the values, the same mixture for every feature, then training took too few steps. No other rows
give such a mixture by chance, except for rows of another scale whose mean is near 0.
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
_BETTER_THAN_START = 2.0
"""Times that the mixture must be nearer than the start alone."""
_SMALLEST_DAMAGE, _FEWEST_FITTED = 0.1, 4
"""Mean distance from which a mixture is looked for, that of variances that differ three and a half times, and
the features that must have such a distance."""
_MOST_LEFT_OF_BEST, _LEAST_LEFT_OF_OTHERS, _TIMES_BETTER = 0.005, 0.01, 8.0
"""Mean distance to the best mixture, and to rows of another scale. First layers had 0.0001 to 0.003 and 0.01
to 0.3 after few steps of training, trained ones 0.004 and 0.0001 on scaled rows, and 0.013 and 0.2 on copies
of one row. If the mean of the rows is near 0, another scale explains few steps of training as well."""
_MOST_LEFT_OF_DAMAGE = 0.05
"""The distance to the best mixture as a share of that to the rows, if this is more: rare units, whose
statistics need many rows, and weights that moved in training have 0.01 to 0.03. In a simulation of 320
trained layers and 22 kinds of changed rows, no kind had more than three shares more than without it."""
_SHARES = 1.0 - np.logspace(-4, 0, 161)
_SCALES = np.logspace(-2.5, 2.5, 201)
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
        return np.where(self.known, self._distances_to(self.seen, self.seen_variance), 0.0)

    def _distances_to(self, mean: Floats, variance: Floats) -> Floats:
        """Return by feature the distance of the moving statistics to these."""
        return measure_distances(self.mean, self.variance + self.epsilon, mean, variance + self.epsilon)

    def are_far(self, distances: Floats) -> Flags:
        """By feature, whether the values vary far outside of the moving statistics."""
        with np.errstate(invalid="ignore", over="ignore"):
            shifts = np.abs(self.seen - self.mean) / np.sqrt(self.variance + self.epsilon)
        return np.asarray(self.live & (distances > _DISJOINT) & (shifts > _FAR_DEVIATIONS))

    def initial_share(self, far: Flags) -> float | None:
        """Return the share of the 0 and 1 of the start in the moving statistics, None if they are no mixture.

        The features that are far outside give the share, and the mixture must fit them and all others.
        Without such features, the share that fits best must fit much better than rows of another scale, which
        also change all features alike. In either case it must fit better than the start alone: a layer has
        that after training on standardized rows.
        """
        start = float(self._distances_to_mixtures(np.ones(1)).mean()) if self.live.any() else 0.0
        if far.sum() < _FEWEST_FAR:
            return self._best_share(start)
        share = 1.0 - float(np.median(self.mean[far] / self.seen[far]))
        if not 0.0 < share <= 1.0:
            return None
        left = self._distances_to_mixtures(np.array([share]))[0]
        worst = max(left[far[self.live]].mean(), left.mean())
        is_mixture = worst <= _MOST_LEFT and start >= _BETTER_THAN_START * left.mean()
        return share if is_mixture else None

    def _best_share(self, start: float) -> float | None:
        """Return the share of the mixture that fits best, None if it does not fit far better than others."""
        damage = self.distances()[self.live]
        if (damage > _SMALLEST_DAMAGE).sum() < _FEWEST_FITTED or damage.mean() < _SMALLEST_DAMAGE:
            return None
        lefts = self._distances_to_mixtures(_SHARES).mean(axis=1)
        left = lefts.min()
        if (
            left > max(_MOST_LEFT_OF_BEST, _MOST_LEFT_OF_DAMAGE * damage.mean())
            or start < _TIMES_BETTER * left
        ):
            return None
        scaled = self._distances_to_scaled(_SCALES).mean(axis=1).min()
        is_best = scaled >= max(_TIMES_BETTER * left, _LEAST_LEFT_OF_OTHERS)
        return float(_SHARES[lefts.argmin()]) if is_best else None

    def _distances_to_mixtures(self, shares: Floats) -> Floats:
        """Return the distances of live features to these mixtures with the start, of shape (shares, n)."""
        rest = 1.0 - shares[:, None]
        return self._distances_to(rest * self.seen, 1.0 - rest + rest * self.seen_variance)[:, self.live]

    def _distances_to_scaled(self, scales: Floats) -> Floats:
        """Return the distances of live features to the values times these numbers: shape (scales, n)."""
        factors = scales[:, None]
        return self._distances_to(factors * self.seen, factors**2 * self.seen_variance)[:, self.live]


def measure_distances(mean: Floats, variance: Floats, seen: Floats, seen_variance: Floats) -> Floats:
    """Return the squared Hellinger distances of normal distributions."""
    with np.errstate(invalid="ignore", over="ignore"):
        total = variance + seen_variance
        overlap = np.sqrt(2 * np.sqrt(variance * seen_variance) / total)
        return np.asarray(1.0 - overlap * np.exp(-((mean - seen) ** 2) / (4 * total)))

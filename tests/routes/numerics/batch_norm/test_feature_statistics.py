"""Features far outside of moving statistics, and moving statistics that are partly those of the start."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.routes.numerics.batch_norm.feature_statistics import FeatureStatistics

SEEN = np.array([0.0, 0.4, 2.0, 0.0, 25.0, -30.0, 0.1, 40.0, 1.0, -0.2])
VARIANCE = np.array([1.0, 2.0, 0.5, 0.0, 9.0, 16.0, 1.5, 20.0, 3.0, 0.8])
START = 0.95


def features(
    mean: np.ndarray, variance: np.ndarray, seen: np.ndarray = SEEN, shown: np.ndarray = VARIANCE
) -> FeatureStatistics:
    return FeatureStatistics(mean=mean, variance=variance, seen=seen, seen_variance=shown, epsilon=1e-3)


def mixture(share: float) -> FeatureStatistics:
    return features((1 - share) * SEEN, share + (1 - share) * VARIANCE)


def test_features_far_outside_are_found_by_number() -> None:
    few_steps = mixture(START)
    assert np.flatnonzero(few_steps.are_far(few_steps.distances())).tolist() == [4, 5, 7]
    trained = mixture(0.0)
    assert not trained.are_far(trained.distances()).any()


@pytest.mark.parametrize("share", [0.999, 0.95, 0.8, 0.5])
def test_the_share_of_the_start_is_measured(share: float) -> None:
    few_steps = mixture(share)
    far = few_steps.are_far(few_steps.distances())
    assert few_steps.initial_share(far) == pytest.approx(share)


def test_weights_that_moved_in_training_hide_no_mixture() -> None:
    moved = np.random.default_rng(1).normal(1, 0.05, len(SEEN))
    few_steps = features((1 - START) * SEEN * moved, START + (1 - START) * VARIANCE * moved)
    share = few_steps.initial_share(few_steps.are_far(few_steps.distances()))
    assert share == pytest.approx(START, abs=0.01)


def test_statistics_of_other_rows_are_no_mixture() -> None:
    other = features(SEEN / 10, VARIANCE)
    far = other.are_far(other.distances())
    assert far.sum() >= 2
    assert other.initial_share(far) is None
    opposite = features(-SEEN, VARIANCE)
    assert opposite.initial_share(opposite.are_far(opposite.distances())) is None


def test_one_feature_shows_no_mixture() -> None:
    seen = np.where(np.arange(len(SEEN)) == 4, SEEN, 0.0)
    shown = np.where(np.arange(len(SEEN)) == 4, VARIANCE, 1.0)
    one = features(0.05 * seen, START + 0.05 * shown, seen=seen, shown=shown)
    far = one.are_far(one.distances())
    assert far.sum() == 1
    assert one.initial_share(far) is None


def test_constant_and_infinite_features_are_not_far() -> None:
    seen = np.full(4, 50.0)
    shown = np.array([0.0, 1e-9, 1.0, np.inf])
    found = features(np.zeros(4), np.ones(4), seen=seen, shown=shown)
    assert found.live.tolist() == [False, False, True, False]
    assert found.are_far(found.distances()).tolist() == [False, False, True, False]


def best_share(found: FeatureStatistics) -> float | None:
    far = found.are_far(found.distances())
    assert far.sum() < 2
    return found.initial_share(far)


NEAR, SPREAD = np.array([3.0, -2.0, 8.0, 0.5, -6.0, 4.0]), np.array([40.0, 90.0, 500.0, 25.0, 9.0, 60.0])


@pytest.mark.parametrize("share", [0.95, 0.9, 0.8])
def test_variances_show_the_share_if_no_mean_is_far(share: float) -> None:
    mean, variance = (1 - share) * NEAR, share + (1 - share) * SPREAD
    assert best_share(features(mean, variance, NEAR, SPREAD)) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(
    ("mean", "variance"),
    [
        (NEAR, SPREAD),
        (NEAR / 4, SPREAD / 16),
        (np.zeros(6), SPREAD / 16),
        (NEAR + 3 * np.sqrt(SPREAD), SPREAD),
        (
            np.array([0.02, -0.01, 0.03, 0.0, -0.02, 0.01]),
            1 + np.array([0.02, -0.03, 0.01, 0.04, -0.01, 0.0]),
        ),
        (NEAR * 0.05, 0.95 + 0.05 * SPREAD[::-1]),
    ],
    ids=["the rows", "another scale", "scale and offset", "offset", "standardized rows", "other features"],
)
def test_other_rows_have_no_share(mean: np.ndarray, variance: np.ndarray) -> None:
    found = features(mean, variance, NEAR, SPREAD)
    assert found.initial_share(found.are_far(found.distances())) is None


def test_rows_that_another_scale_explains_have_no_share() -> None:
    centred = np.full(6, 0.01)
    assert best_share(features(0.05 * centred, 0.95 + 0.05 * SPREAD * 50, centred, SPREAD * 50)) is None


def test_few_features_have_no_best_share() -> None:
    mean, variance = 0.05 * NEAR, 0.95 + 0.05 * SPREAD
    assert best_share(features(mean[:3], variance[:3], NEAR[:3], SPREAD[:3])) is None
    assert best_share(features(mean[:4], variance[:4], NEAR[:4], SPREAD[:4])) is not None


def test_a_layer_trained_on_standardized_rows_has_no_share_on_rows_far_away() -> None:
    random = np.random.default_rng(0)
    mean, variance = random.normal(0, 0.03, 8), random.normal(1, 0.03, 8)
    raw = features(mean, variance, random.uniform(50, 900, 8), random.uniform(100, 9000, 8))
    far = raw.are_far(raw.distances())
    assert far.sum() >= 2
    assert raw.initial_share(far) is None

"""Mistakes in some rows only are reported with their rows; rows that nothing explains stay unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from keras_consistency_cli.loading.scalers.scaling import Scaling
from keras_consistency_cli.routes.scaling.column_distance import TOLERANCE
from keras_consistency_cli.routes.served.mistake_matching import match_served_rows
from keras_consistency_cli.routes.served.mistakes import Match, ServedInput
from keras_consistency_cli.routes.served.mixed_batches import find_runs
from keras_consistency_cli.routes.served.variants import generate_plain_variants, generate_variants

Serve = Callable[[np.ndarray], None]


def draw(seed: int, rows: int) -> np.ndarray:
    return np.random.default_rng(seed).normal([50.0, -3.0, 1000.0, 5.0], [10.0, 0.1, 300.0, 2.0], (rows, 4))


TRAINED, RAW = draw(0, 500), draw(1, 120)
SCALER = StandardScaler().fit(TRAINED)
RIGHT, TWICE, REFITTED = (
    SCALER.transform(RAW),
    SCALER.transform(SCALER.transform(RAW)),
    StandardScaler().fit_transform(RAW),
)
SOME = np.random.default_rng(3).random(120) < 0.2


def matched(served: np.ndarray, raw: np.ndarray = RAW, scaler: Any = SCALER) -> Match:
    scaling = Scaling(input="x", scaler=scaler)
    expected = scaling.apply(raw)
    case = ServedInput(
        scaling=scaling,
        raw=raw,
        expected=expected,
        served=served,
        consecutive=len(raw),
        sizes=(32, 2, 3, 7),
        refit_all=lambda: (scaling.refit_transform(raw), TOLERANCE),
    )
    return match_served_rows(served, expected, generate_variants(case), raw)


def summaries(match: Match) -> list[tuple[Any, ...]]:
    return [
        (mistake.kind, mistake.batch, len(mistake.columns), mistake.hit, mistake.first[:2], mistake.every)
        for mistake in match.mistakes
    ]


def with_rows(rows: Any, other: np.ndarray, columns: Any = slice(None)) -> np.ndarray:
    served = RIGHT.copy()
    served[rows, columns] = other[rows, columns]
    return served


def refit(rows: slice) -> np.ndarray:
    served = RIGHT.copy()
    served[rows] = StandardScaler().fit_transform(RAW[rows])
    return served


CASES: dict[str, tuple[np.ndarray, list[tuple[Any, ...]]]] = {
    "one row in five unscaled": (
        with_rows(slice(None, None, 5), RAW),
        [("unscaled", None, 4, 24, (0, 5), 5)],
    ),
    "one row in four scaled twice": (
        with_rows(slice(None, None, 4), TWICE),
        [("scaled-twice", None, 4, 30, (0, 4), 4)],
    ),
    "irregular rows unscaled": (
        with_rows(SOME, RAW),
        [("unscaled", None, 4, int(SOME.sum()), tuple(np.flatnonzero(SOME)[:2]), 0)],
    ),
    "one column of one row in three": (
        with_rows(slice(None, None, 3), RAW, 1),
        [("unscaled", None, 1, 40, (0, 3), 3)],
    ),
    "one batch refitted": (refit(slice(32, 64)), [("refit-some", 32, 4, 32, (32, 33), 1)]),
    "the first batch refitted": (refit(slice(0, 32)), [("refit-some", 32, 4, 32, (0, 1), 1)]),
    "a short last batch refitted": (refit(slice(96, 120)), [("refit-some", 24, 4, 24, (96, 97), 1)]),
    "half of the rows refitted on all": (
        with_rows(slice(1, None, 2), REFITTED),
        [("refit-all", None, 4, 60, (1, 3), 2)],
    ),
    "a single row": (with_rows([7], RAW), [("unscaled", None, 4, 1, (7,), 0)]),
}


@pytest.mark.parametrize(("served", "expected"), CASES.values(), ids=list(CASES))
def test_some_wrong_rows_are_reported_with_their_mistake(
    served: np.ndarray, expected: list[tuple[Any, ...]]
) -> None:
    assert summaries(matched(served)) == expected


def test_two_batches_in_a_row_are_recognised_by_their_size() -> None:
    served = RIGHT.copy()
    for rows in (slice(32, 64), slice(64, 96)):
        served[rows] = StandardScaler().fit_transform(RAW[rows])
    assert summaries(matched(served)) == [("refit-batches", 32, 4, 64, (32, 33), 1)]


def test_two_mistakes_and_a_missing_row() -> None:
    served = with_rows(slice(None, None, 4), RAW)
    served[1::4] = TWICE[1::4]
    served[2] = np.nan
    expected = [
        ("unscaled", None, 4, 30, (0, 4), 4),
        ("scaled-twice", None, 4, 30, (1, 5), 4),
        ("unknown", None, 4, 1, (2,), 0),
    ]
    assert summaries(matched(served)) == expected


def test_a_mistake_that_explains_few_of_the_wrong_rows_is_a_coincidence() -> None:
    random = np.random.default_rng(6)
    angle, other = 2 * np.pi * random.integers(0, 24, (2, 120)) / 24
    raw, served = (np.column_stack([np.sin(each), np.cos(each), RAW[:, 0]]) for each in (angle, other))
    plain = match_served_rows(served, raw, generate_plain_variants(raw, served))
    assert [(each.kind, each.columns) for each in plain.mistakes] == [("unknown", (0, 1))]


def test_a_column_is_made_from_one_other_column_in_all_rows() -> None:
    words = np.random.default_rng(7).integers(1, 9, (120, 8))
    served = np.random.default_rng(8).permuted(words, axis=1)
    match = match_served_rows(served, words, generate_plain_variants(words, served))
    assert [each.kind for each in match.mistakes] == ["unknown"]
    served = words.copy()
    served[::4] = words[::4][:, [0, 2, 1, 3, 4, 6, 5, 7]]
    match = match_served_rows(served, words, generate_plain_variants(words, served))
    assert [(each.kind, each.columns) for each in match.mistakes] == [("other-columns", (1, 2, 5, 6))]


def test_one_mistake_in_all_rows_of_a_column_and_a_different_one_in_some_rows() -> None:
    served = RIGHT.copy()
    served[:, 2] = REFITTED[:, 2]
    served[::5] = RAW[::5]
    assert summaries(matched(served)) == [
        ("refit-all", None, 1, 96, (1, 2), 0),
        ("unscaled", None, 4, 24, (0, 5), 5),
    ]


def test_columns_that_are_explained_in_all_rows_are_left_out() -> None:
    served = with_rows(slice(None, None, 5), RAW)
    served[:, 2] = REFITTED[:, 2]
    assert summaries(matched(served)) == [
        ("refit-all", None, 1, None, (), 0),
        ("unscaled", None, 3, 24, (0, 5), 5),
    ]


def test_a_different_scaler_in_some_rows_is_recognised_by_its_line() -> None:
    other = MinMaxScaler().fit(TRAINED).transform(RAW)
    (mistake,) = matched(with_rows(slice(None, None, 4), other)).mistakes
    assert (mistake.kind, mistake.hit, mistake.every) == ("another-scaler", 30, 4)
    assert np.isclose(mistake.factor, np.ptp(TRAINED, axis=0) / SCALER.scale_, rtol=1e-6).any()


def test_windows_are_rows() -> None:
    raw = RAW.reshape(24, 5, 4)
    served = SCALER.transform(RAW).reshape(raw.shape)
    served[::3] = raw[::3]
    assert summaries(matched(served, raw)) == [("unscaled", None, 4, 8, (0, 3), 3)]


def test_other_classes_of_scalers_are_recognised() -> None:
    robust = RobustScaler().fit(TRAINED)
    served = robust.transform(RAW)
    served[40:72] = RobustScaler().fit_transform(RAW[40:72])
    assert summaries(matched(served, scaler=robust)) == [("refit-some", 32, 4, 32, (40, 41), 1)]


@pytest.mark.parametrize(
    "served",
    [RIGHT, RIGHT.astype("float32"), np.round(RIGHT, 8)],
    ids=["unchanged", "float32", "eight decimals"],
)
def test_rows_that_are_served_rightly_are_not_a_mixture(served: np.ndarray) -> None:
    assert (matched(served).wrong_rows, matched(served).mistakes) == (0, ())


def test_one_wrong_value_or_noise_stays_unknown() -> None:
    wrong, noisy = RIGHT.copy(), RIGHT.copy()
    wrong[7, 2] = RAW[7, 2]
    noisy[SOME] = np.random.default_rng(0).normal(size=(int(SOME.sum()), 4))
    assert [mistake.kind for served in (wrong, noisy) for mistake in matched(served).mistakes] == [
        "unknown",
        "unknown",
    ]


def test_gaps_filled_with_zero_are_not_a_refit() -> None:
    scattered, column, whole = RIGHT.copy(), RIGHT.copy(), RIGHT.copy()
    scattered[np.random.default_rng(4).random(RIGHT.shape) < 0.05] = 0
    column[SOME, 2] = 0
    whole[:, 2] = 0
    assert [
        mistake.kind for served in (scattered, column, whole) for mistake in matched(served).mistakes
    ] == ["one-number", "one-number", "constant"]
    assert [mistake.kind for mistake in matched(np.zeros_like(RIGHT)).mistakes] == ["refit-single"]


def test_one_number_in_place_of_another_one_is_no_missing_feature() -> None:
    right = RIGHT.copy()
    right[SOME, 2] = -9.0
    served = right.copy()
    served[SOME, 2] = 4.0
    assert [mistake.kind for mistake in match_served_rows(served, right, ()).mistakes] == ["unknown"]


def test_the_longest_runs_of_wrong_rows_come_first() -> None:
    hit = np.array([1, 1, 0, 1, 0, 1, 1, 1], dtype=bool)
    assert (list(find_runs(hit, 4)), list(find_runs(hit, 1)), list(find_runs(~hit, 4))) == (
        [(5, 8), (0, 2)],
        [(5, 8)],
        [],
    )

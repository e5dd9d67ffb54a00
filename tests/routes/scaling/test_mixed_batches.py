"""mixed: mistakes that were made with some rows only are named with their rows, and rows that nothing explains stay unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from keras_consistency_cli.loading.scalers.scaling import Scaling
from keras_consistency_cli.routes.scaling.column_distance import TOLERANCE
from keras_consistency_cli.routes.scaling.mistake_matching import Match, explain
from keras_consistency_cli.routes.scaling.mixed_batches import runs
from keras_consistency_cli.routes.scaling.served import Making, mistakes

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
    right = scaling.apply(raw)
    making = Making(
        scaling=scaling,
        raw=raw,
        right=right,
        served=served,
        consecutive=len(raw),
        sizes=(32, 2, 3, 7),
        refit_all=lambda: (scaling.refit_transform(raw), TOLERANCE),
    )
    return explain(served, right, mistakes(making), raw)


def told(match: Match) -> list[tuple[Any, ...]]:
    return [
        (each.kind, each.batch, len(each.columns), each.hit, each.first[:2], each.every)
        for each in match.mistakes
    ]


def with_rows(rows: Any, other: np.ndarray, columns: Any = slice(None)) -> np.ndarray:
    served = RIGHT.copy()
    served[rows, columns] = other[rows, columns]
    return served


def refit(rows: slice) -> np.ndarray:
    served = RIGHT.copy()
    served[rows] = StandardScaler().fit_transform(RAW[rows])
    return served


FOUND: dict[str, tuple[np.ndarray, list[tuple[Any, ...]]]] = {
    "one row in five unscaled": (
        with_rows(slice(None, None, 5), RAW),
        [("unscaled", None, 4, 24, (0, 5), 5)],
    ),
    "one row in four scaled twice": (
        with_rows(slice(None, None, 4), TWICE),
        [("scaled-twice", None, 4, 30, (0, 4), 4)],
    ),
    "rows here and there unscaled": (
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


@pytest.mark.parametrize(("served", "expected"), FOUND.values(), ids=list(FOUND))
def test_a_share_of_wrong_rows_is_told_with_its_mistake(
    served: np.ndarray, expected: list[tuple[Any, ...]]
) -> None:
    assert told(matched(served)) == expected


def test_two_batches_in_a_row_are_told_by_their_size() -> None:
    served = RIGHT.copy()
    for rows in (slice(32, 64), slice(64, 96)):
        served[rows] = StandardScaler().fit_transform(RAW[rows])
    assert told(matched(served)) == [("refit-batches", 32, 4, 64, (32, 33), 1)]


def test_two_mistakes_and_a_lost_row() -> None:
    served = with_rows(slice(None, None, 4), RAW)
    served[1::4] = TWICE[1::4]
    served[2] = np.nan
    found = [
        ("unscaled", None, 4, 30, (0, 4), 4),
        ("scaled-twice", None, 4, 30, (1, 5), 4),
        ("unknown", None, 4, 1, (2,), 0),
    ]
    assert told(matched(served)) == found


def test_one_mistake_in_all_rows_of_a_column_and_another_in_some_rows() -> None:
    served = RIGHT.copy()
    served[:, 2] = REFITTED[:, 2]
    served[::5] = RAW[::5]
    assert told(matched(served)) == [
        ("refit-all", None, 1, 96, (1, 2), 0),
        ("unscaled", None, 4, 24, (0, 5), 5),
    ]


def test_columns_that_are_explained_in_all_rows_stand_aside() -> None:
    served = with_rows(slice(None, None, 5), RAW)
    served[:, 2] = REFITTED[:, 2]
    assert told(matched(served)) == [
        ("refit-all", None, 1, None, (), 0),
        ("unscaled", None, 3, 24, (0, 5), 5),
    ]


def test_another_scaler_in_some_rows_is_told_by_its_line() -> None:
    other = MinMaxScaler().fit(TRAINED).transform(RAW)
    (mistake,) = matched(with_rows(slice(None, None, 4), other)).mistakes
    assert (mistake.kind, mistake.hit, mistake.every) == ("another-scaler", 30, 4)
    assert np.isclose(mistake.factor, np.ptp(TRAINED, axis=0) / SCALER.scale_, rtol=1e-6).any()


def test_windows_are_rows() -> None:
    raw = RAW.reshape(24, 5, 4)
    served = SCALER.transform(RAW).reshape(raw.shape)
    served[::3] = raw[::3]
    assert told(matched(served, raw)) == [("unscaled", None, 4, 8, (0, 3), 3)]


def test_other_scalers_too() -> None:
    robust = RobustScaler().fit(TRAINED)
    served = robust.transform(RAW)
    served[40:72] = RobustScaler().fit_transform(RAW[40:72])
    assert told(matched(served, scaler=robust)) == [("refit-some", 32, 4, 32, (40, 41), 1)]


@pytest.mark.parametrize(
    "served",
    [RIGHT, RIGHT.astype("float32"), np.round(RIGHT, 8)],
    ids=["as it is", "float32", "eight decimals"],
)
def test_rows_served_rightly_are_no_mixture(served: np.ndarray) -> None:
    assert (matched(served).wrong_rows, matched(served).mistakes) == (0, ())


def test_one_spoilt_value_or_noise_has_no_name() -> None:
    spoilt, noisy = RIGHT.copy(), RIGHT.copy()
    spoilt[7, 2] = RAW[7, 2]
    noisy[SOME] = np.random.default_rng(0).normal(size=(int(SOME.sum()), 4))
    assert [mistake.kind for served in (spoilt, noisy) for mistake in matched(served).mistakes] == [
        "unknown",
        "unknown",
    ]


def test_gaps_filled_with_zero_are_no_refit() -> None:
    scattered, column, whole = RIGHT.copy(), RIGHT.copy(), RIGHT.copy()
    scattered[np.random.default_rng(4).random(RIGHT.shape) < 0.05] = 0
    column[SOME, 2] = 0
    whole[:, 2] = 0
    assert [
        mistake.kind for served in (scattered, column, whole) for mistake in matched(served).mistakes
    ] == ["one-number", "one-number", "constant"]
    assert [mistake.kind for mistake in matched(np.zeros_like(RIGHT)).mistakes] == ["refit-single"]


def test_runs_of_wrong_rows() -> None:
    hit = np.array([1, 1, 0, 1, 0, 1, 1, 1], dtype=bool)
    assert (list(runs(hit, 4)), list(runs(hit, 1)), list(runs(~hit, 4))) == ([(5, 8), (0, 2)], [(5, 8)], [])

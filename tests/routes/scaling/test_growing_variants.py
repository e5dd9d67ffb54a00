"""Scalers that went on learning, and those of groups, give the served rows again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from keras_consistency_cli.loading.scalers.scaling import Scaling
from keras_consistency_cli.routes.scaling.growing_variants import generate_growing_variants
from keras_consistency_cli.routes.served.mistake_matching import match_served_rows
from keras_consistency_cli.routes.served.mistakes import ServedInput

Array = np.ndarray
RANDOM = np.random.default_rng(2)
TRAINED, RAW = (
    np.column_stack([RANDOM.lognormal(3, 1, n), RANDOM.normal(5, 2, n), RANDOM.integers(0, 3, n)])
    for n in (200, 70)
)


def learning(rows: Array) -> Array:
    scaler = StandardScaler().fit(TRAINED)
    return np.concatenate([scaler.partial_fit(row[None]).transform(row[None]) for row in rows])


def of_last(count: int) -> Callable[[Array], Array]:
    def serve(rows: Array) -> Array:
        parts = [rows[max(0, at + 1 - count) : at + 1] for at in range(len(rows))]
        return np.concatenate([MinMaxScaler().fit(part).transform(part[-1:]) for part in parts])

    return serve


def of_groups(rows: Array) -> Array:
    served = rows.copy()
    for group in range(3):
        served[rows[:, 2] == group] = MinMaxScaler().fit_transform(rows[rows[:, 2] == group])
    return served


@pytest.mark.parametrize(
    ("scaler", "serve", "expected"),
    [
        (StandardScaler(), learning, ("refit-updated", 1)),
        (MinMaxScaler(), of_last(1000), ("refit-so-far", None)),
        (MinMaxScaler(), of_last(12), ("refit-last", 12)),
        (MinMaxScaler(), of_groups, ("refit-groups:2", None)),
        (StandardScaler(), lambda rows: RANDOM.normal(size=rows.shape), ("unknown", None)),
    ],
)
def test_the_way_of_fitting_is_named(scaler: Any, serve: Callable[[Array], Array], expected: object) -> None:
    scaling = Scaling(input="x", scaler=scaler.fit(TRAINED))
    case = ServedInput(
        scaling=scaling,
        raw=RAW,
        expected=scaling.apply(RAW),
        served=serve(RAW),
        consecutive=len(RAW),
        sizes=(32,),
        refit_all=lambda: (RAW, 0.0),
    )
    match = match_served_rows(case.served, case.expected, generate_growing_variants(case), RAW)
    assert [(each.kind, each.batch) for each in match.mistakes] == [expected]

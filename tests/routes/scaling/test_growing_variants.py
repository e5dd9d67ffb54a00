"""Scalers that went on learning, and those of groups, give the served rows again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from keras_consistency_cli.loading.scalers.scaling import CannotRefit, Scaling
from keras_consistency_cli.routes.scaling.growing_variants import (
    generate_group_variants,
    generate_updated_variants,
    generate_window_variants,
)
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


def served_by(scaling: Scaling, serve: Callable[[Array], Array]) -> ServedInput:
    return ServedInput(
        scaling=scaling,
        raw=RAW,
        expected=scaling.apply(RAW),
        served=serve(RAW),
        consecutive=len(RAW),
        sizes=(32,),
        refit_all=lambda: (RAW, 0.0),
    )


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
    case = served_by(Scaling(input="x", scaler=scaler.fit(TRAINED)), serve)
    generators = (generate_updated_variants, generate_window_variants, generate_group_variants)
    variants = chain.from_iterable(generate(case) for generate in generators)
    match = match_served_rows(case.served, case.expected, variants, RAW)
    assert [(each.kind, each.batch) for each in match.mistakes] == [expected]


def test_the_name_of_a_column_is_safe_to_print() -> None:
    scaling = Scaling(input="x", scaler=MinMaxScaler().fit(TRAINED), columns=("a", "b", "c\x1b[31m"))
    kinds = [variant.kind for variant in generate_group_variants(served_by(scaling, of_groups))]
    assert kinds == ["refit-groups:'c\\x1b[31m'"]


def test_a_scaler_with_names_learns_from_rows_without() -> None:
    scaler = StandardScaler().fit(pandas.DataFrame(TRAINED, columns=["a", "b", "c"]))
    assert np.allclose(Scaling(input="x", scaler=scaler).update_transform(RAW, 1), learning(RAW))


@pytest.mark.parametrize(
    ("scaler", "rows", "reason"),
    [
        (RobustScaler(), RAW, "cannot go on learning"),
        (StandardScaler(), np.full((70, 3), np.inf), "cannot be fitted on 70"),
    ],
)
def test_it_is_said_why_a_scaler_does_not_learn(scaler: Any, rows: Array, reason: str) -> None:
    with pytest.raises(CannotRefit, match=reason):
        Scaling(input="x", scaler=scaler.fit(TRAINED)).update_transform(rows, 70)

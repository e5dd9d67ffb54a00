"""Bare calls that overwrite variables: what later calls give, with and without the training argument."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.calling.training.bare_calls import call_bare
from keras_consistency_cli.routes.trace import Result
from tests.corpus.reports_bare_calls_layers import Centred, Counted, Wrapped
from tests.helpers.live_models import chain, mlp, named_rows, session_of


def run(built: tuple[Any, Any]) -> tuple[Result, list[str]]:
    """The route, and the variables that it leaves changed."""
    session = session_of(built)
    result = call_bare(session, named_rows(built[1], session.facts))
    return result, [change.path for change in session.snapshot.changes()]


def test_a_variable_that_is_used_before_it_is_overwritten_changes_later_outputs() -> None:
    built = chain((5,), Centred(name="mean"), layers.Dense(2))
    result, changed = run(built)
    details = result.details
    assert details["moved"] > 0.01
    assert (details["with_flag"], details["restored"], details["depends"]) == (0.0, 0.0, True)
    assert (details["calls"], details["layer"]) == (20, "mean")
    (outputs,) = result.outputs.values()
    assert [path.rpartition("mean/")[2] for path in changed] == ["mean"]
    built[0].get_layer("mean").mean.assign(np.zeros(5))
    (rows,) = built[1].values()
    np.testing.assert_allclose(outputs, built[0](rows[: len(outputs)], training=False), atol=1e-6)


def test_the_owner_of_a_variable_is_found_in_a_nested_model() -> None:
    inner = keras.Sequential([keras.Input((5,)), Centred(name="mean")], name="inner")
    assert run(chain((5,), inner, layers.Dense(2)))[0].details["layer"] == "inner/mean"


@pytest.mark.parametrize(("limit", "depends"), [(0, False), (1000, True)])
def test_a_count_is_told_from_one_with_an_effect_later(limit: int, depends: bool) -> None:
    details = run(chain((5,), Counted(limit, name="count"), layers.Dense(2)))[0].details
    assert (details["moved"], details["depends"], details["layer"]) == (0.0, depends, "count")


@pytest.mark.parametrize(
    "built",
    [mlp, lambda: chain((5,), Centred(strict=True)), lambda: chain((5,), Wrapped(), layers.Dropout(0.5))],
    ids=["dense", "strict", "batch norm"],
)
def test_a_call_that_changes_nothing_is_not_repeated(built: Any) -> None:
    result, changed = run(built())
    assert (dict(result.details), changed) == ({}, [])

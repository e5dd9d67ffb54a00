"""The layers whose rounding changes the outputs of a quantised model most, and those that stay in floats."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.numerics.quantised import coarse_layers
from keras_consistency_cli.routes.numerics.quantised.coarse_layers import COARSE_LOCATORS, CoarseDetails
from tests.corpus.reports_quantised import quantise
from tests.helpers.live_models import chain, named_rows, session_of, state_of

(ROUTE,) = COARSE_LOCATORS


def run(coarse: str) -> CoarseDetails:
    """Run the route on three layers, one of which is quantised to four bits, and the others to eight."""
    keras.utils.set_random_seed(5)
    inside = [layers.Dense(24, activation="relu", name=name) for name in ("first", "second", "last")]
    model, rows = chain((6,), *inside)
    quantise(model, "int4", filters=lambda layer: layer.name == coarse)
    quantise(model, "int8", filters=lambda layer: layer.name != coarse)
    session = session_of((model, rows))
    session.subject = Subject(files=SubjectFiles(model="m"), model=model, facts=session.facts)
    before = state_of(model)
    details: Any = ROUTE.run(session, named_rows(rows, session.facts)).details
    for value, same in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(value, same)
    return details


@pytest.mark.parametrize("coarse", ["first", "second", "last"])
def test_the_layer_of_four_bits_is_named_and_left_in_floats(coarse: str) -> None:
    details = run(coarse)
    shares = [each["share"] for each in details["shares"]]
    assert (details["layer"], details["in_floats"]) == (coarse, [coarse])
    assert details["shares"][0]["layer"] == coarse
    assert shares == sorted(shares, reverse=True)
    assert details["after"] < details["before"] / 3
    assert shares[0] == pytest.approx(details["before"], rel=0.5)
    assert [entry["layer"] for entry in details["depth"] if entry["culprit"]] == [coarse]


def test_if_all_layers_are_coarse_none_is_left_in_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coarse_layers, "_MOST_IN_FLOATS", 0)
    details = run("last")
    assert (details["layer"], details["in_floats"], "after" in details) == ("last", [], False)


def test_many_layers_are_not_tried_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coarse_layers, "_MOST_TWINS", 2)
    assert run("last") == {}


def test_what_the_limits_of_float8_change_belongs_to_the_layer() -> None:
    keras.utils.set_random_seed(5)
    scale, back = layers.Rescaling(1000.0), layers.Rescaling(0.001)
    inside = [layers.Dense(24, activation="relu", name=name) for name in ("first", "second", "last")]
    model, rows = chain((6,), inside[0], scale, inside[1], back, inside[2])
    quantise(model, "float8")
    session = session_of((model, rows))
    session.subject = Subject(files=SubjectFiles(model="m"), model=model, facts=session.facts)
    details: Any = ROUTE.run(session, named_rows(rows, session.facts)).details
    assert details["layer"] == "second"
    assert details["shares"][0]["share"] == pytest.approx(details["before"], rel=0.5)

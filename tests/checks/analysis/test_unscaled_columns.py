"""The hint at a forgotten scaler, where KC303 has none."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.checks.analysis.scalers.unscaled_columns import describe_unscaled_columns
from keras_consistency_cli.checks.base import DataContext, Evidence
from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.facts import Facts, LayerFact
from keras_consistency_cli.measurement.policy import Policy
from tests.helpers.described import rows_fact

HOUSES = np.c_[np.linspace(0, 1, 50), np.linspace(1e4, 9e5, 50), np.full(50, 7.0)]


def hint(rows: np.ndarray, *kinds: str, custom: bool = False, generated: bool = False) -> str:
    layers = tuple(LayerFact(path=kind.lower(), kind=kind, custom=custom) for kind in ("Dense", *kinds))
    facts = Facts(name="m", kind="Functional", parameters=1, layers=layers, inputs=(), outputs=())
    description = DataFacts(fed=(rows_fact(rows),), generated=generated)
    context = DataContext(description=description)
    return describe_unscaled_columns(
        Evidence(facts=facts, policy=Policy(), traces={}, comparisons={}, data=context)
    )


def test_columns_of_different_scales_are_named_with_the_widest_first() -> None:
    words = hint(HOUSES)
    assert words.index("'1'") < words.index("'0'")
    assert "'2'" not in words  # it does not vary


@pytest.mark.parametrize(
    "kind", ["Normalization", "Rescaling", "BatchNormalization", "Lambda", "Embedding", "IntegerLookup"]
)
def test_a_model_that_may_scale_its_rows_or_takes_codes_gives_no_reason(kind: str) -> None:
    assert hint(HOUSES, kind) == ""


@pytest.mark.parametrize(
    "rows",
    [HOUSES / HOUSES.max(axis=0), HOUSES[:, :1], HOUSES[:1], HOUSES / 1e5, np.zeros((0, 3))],
    ids=["similar scales", "one column", "one row", "nothing is large", "no rows"],
)
def test_other_rows_give_no_reason(rows: np.ndarray) -> None:
    assert hint(rows) == ""


def test_custom_layers_and_generated_rows_give_no_reason() -> None:
    assert hint(HOUSES, custom=True) == ""
    assert hint(HOUSES, generated=True) == ""


def test_pictures_give_no_reason() -> None:
    pictures = np.random.default_rng(0).uniform(0, 1, (4, 5, 5, 3)) * [1.0, 255.0, 65535.0]
    assert hint(pictures) == ""
    assert hint(pictures[0]) != ""  # a series of the same columns

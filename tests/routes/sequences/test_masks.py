"""The route that follows a mask, on live models: lost masks and masks that arrive."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.routes.sequences.masks import MASK_ROUTES
from tests.helpers.live_models import mlp, session_of, state_of
from tests.helpers.series_models import KEEPING, LOSING, padded_rows

# Keras warns if a layer drops a mask, which some of these models do on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

(ROUTE,) = MASK_ROUTES


@pytest.mark.parametrize("name", LOSING)
def test_the_layer_that_loses_a_mask_is_named(name: str) -> None:
    build, layer = LOSING[name]
    assert layer in ROUTE.run(session_of((build(), {})), padded_rows()).details["layer"]


@pytest.mark.parametrize("name", KEEPING)
def test_a_mask_that_arrives_is_not_lost(name: str) -> None:
    assert ROUTE.run(session_of((KEEPING[name](), {})), padded_rows()).details == {}


def test_the_model_stays_as_it_was() -> None:
    built = KEEPING["attention of one length"]()
    session, before = session_of((built, {})), state_of(built)
    ROUTE.run(session, padded_rows())
    session.restore()
    assert state_of(built) == before


def test_models_without_a_mask_are_left_out(wording: SnapshotAssertion) -> None:
    assert ROUTE.unavailable(describe_model(mlp()[0])) == wording

"""Layers that a call creates are found by comparing the layers of two calls."""

from __future__ import annotations

import pytest

from keras_consistency_cli.routes.persistence.created_layers import CREATED_LAYER_LOCATORS
from tests.corpus.reports_loading import fresh_dense, fresh_head
from tests.helpers.live_models import measured, normal

ROUTE = CREATED_LAYER_LOCATORS[0].run


@pytest.mark.parametrize(("inside", "layer"), [(True, "fresh"), (False, None)])
def test_the_layer_that_creates_further_ones_is_named(inside: bool, layer: str | None) -> None:
    details = measured(ROUTE, (fresh_dense(inside=inside), {"rows": normal(12)}))
    assert details.get("layer") == layer
    assert details.get("custom") is (True if inside else None)


def test_a_model_that_creates_layers_is_named_itself() -> None:
    model = fresh_head()
    details = measured(ROUTE, (model, {"input": normal(8)}))
    assert (details["layer"], details["kind"]) == (model.name, "FreshHead")

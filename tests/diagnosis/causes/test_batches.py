"""Texts of causes in batches that depend on the evidence."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.measurement.facts import LayerFact

GENERAL = {slug: (CAUSES[slug].sentence, CAUSES[slug].advice) for slug in CAUSES}


@pytest.mark.parametrize(
    ("located", "part"),
    [
        ({"looped": True}, "done"),
        ({"resized": True}, "fixed size"),
        ({"kind": "MelSpectrogram"}, "power_to_db=False"),
    ],
)
def test_a_layer_that_needs_more_than_an_axis_has_texts_of_its_own(
    evidence: Any, located: dict[str, Any], part: str
) -> None:
    given = evidence(located={"locate-companions": {"layer": "odd", "kind": "Odd", **located}})
    texts = CAUSES["cross-sample-dependence"].texts(given)
    assert texts != GENERAL["cross-sample-dependence"]
    assert part in texts.advice


def test_nothing_is_said_of_neighbours_that_were_not_replaced(evidence: Any) -> None:
    texts = CAUSES["batch-size-dependence"].texts(evidence())
    assert "neighbours" not in texts.sentence
    assert "neighbours" in CAUSES["batch-size-dependence"].sentence


@pytest.mark.parametrize(
    ("layer", "custom", "is_drawing"), [("thin", True, True), ("thin", False, False), ("other", True, False)]
)
def test_a_layer_that_draws_from_a_fixed_seed_is_told_to_draw_in_training(
    evidence: Any, layer: str, custom: bool, is_drawing: bool
) -> None:
    details = {"drawing": ["functional_1/thin_1/stateless_dropout/StatelessRandomUniformV2"]}
    located = {"predict": details, "locate-batching": {"layer": layer, "kind": "Thinned"}}
    facts = (LayerFact(path="thin", kind="Thinned", custom=custom), LayerFact(path="other", kind="Other"))
    texts = CAUSES["batch-size-dependence"].texts(evidence(located=located, layers=facts))
    assert ("if not training" in texts.advice) is is_drawing

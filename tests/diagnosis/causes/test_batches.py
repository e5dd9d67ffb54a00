"""Texts of causes in batches that depend on the evidence."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.diagnosis.causes.table import CAUSES

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

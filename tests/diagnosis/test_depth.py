"""The differences at each layer are part of the diagnosis that the route belongs to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keras_consistency_cli.diagnosis.depth import LayerDeviation, deviation_by_layer
from keras_consistency_cli.diagnosis.diagnose import diagnose

ENTRY = {
    "layer": "enc/mix",
    "kind": "Mix",
    "depth": 2,
    "inputs": 0.0,
    "outputs": 0.25,
    "noise": None,
    "culprit": True,
}
PLACE = {"layer": "enc/mix", "kind": "Mix", "custom": True, "order": 2, "steps": 5, "depth": [ENTRY]}


def test_the_diagnosis_has_the_measurements_of_its_locator(evidence: Any, verdict: Any) -> None:
    (diagnosis,) = diagnose(evidence(located={"locate-companions": PLACE}), [verdict("KC103")])
    assert diagnosis.depth == (
        LayerDeviation(layer="enc/mix", kind="Mix", depth=2, inputs=0.0, outputs=0.25, culprit=True),
    )
    assert "depth" not in diagnosis.evidence["located"]


def test_a_diagnosis_without_this_locator_does_not(evidence: Any, verdict: Any) -> None:
    (diagnosis,) = diagnose(evidence(located={"locate-repeat": PLACE}), [verdict("KC103")])
    assert diagnosis.depth == ()


@pytest.mark.parametrize("trace", [{"error": "boom"}, {"unavailable": "no"}, {"details": {}}])
def test_a_route_that_found_nothing_gives_nothing(evidence: Any, trace: dict[str, Any]) -> None:
    known = evidence(located={"locate-companions": PLACE})
    broken = {"locate-companions": replace(known.traces["locate-companions"], **trace)}
    assert deviation_by_layer(replace(known, traces=broken), "locate-companions") == ()
    assert deviation_by_layer(known, None) == ()

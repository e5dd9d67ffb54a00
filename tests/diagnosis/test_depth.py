"""depth: what a locating route found along the layers becomes part of the diagnosis that asked for it."""

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


def test_the_diagnosis_that_asked_for_it_has_it(evidence: Any, verdict: Any) -> None:
    (found,) = diagnose(evidence(located={"locate-companions": PLACE}), [verdict("KC103")])
    assert found.depth == (
        LayerDeviation(layer="enc/mix", kind="Mix", depth=2, inputs=0.0, outputs=0.25, culprit=True),
    )
    assert "depth" not in found.evidence["located"]


def test_another_cause_does_not(evidence: Any, verdict: Any) -> None:
    (found,) = diagnose(evidence(located={"locate-repeat": PLACE}), [verdict("KC103")])
    assert found.depth == ()


@pytest.mark.parametrize("trace", [{"error": "boom"}, {"unavailable": "no"}, {"details": {}}])
def test_a_route_that_found_nothing_gives_nothing(evidence: Any, trace: dict[str, Any]) -> None:
    seen = evidence(located={"locate-companions": PLACE})
    broken = {"locate-companions": replace(seen.traces["locate-companions"], **trace)}
    assert deviation_by_layer(replace(seen, traces=broken), "locate-companions") == ()
    assert deviation_by_layer(seen, None) == ()

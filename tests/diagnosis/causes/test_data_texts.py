"""Advice about moving statistics: rows that may lack the scaling of training come first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from keras_consistency_cli.diagnosis.causes.table import CAUSES

CAUSE = CAUSES["batch-norm-statistics"]


def advice(*, source: str = "data", share: float | None = None, scaling: object = None) -> str:
    details: Any = {"source": source, "layers": [{"initial_share": share}]}
    evidence: Any = SimpleNamespace(
        details=lambda _route, _kind: details,
        data=SimpleNamespace(description=SimpleNamespace(scaling=scaling)),
    )
    texts = CAUSE.texts(evidence)
    assert texts.sentence == CAUSE.sentence
    return texts.advice


def test_without_a_scaler_the_scaling_comes_first() -> None:
    assert "--scaler" in advice()
    assert advice().endswith(CAUSE.advice)


@pytest.mark.parametrize("given", [{"source": "reference"}, {"share": 0.9}, {"scaling": "a scaler"}])
def test_reference_rows_mixtures_and_scalers_leave_training(given: dict[str, Any]) -> None:
    assert advice(**given) == CAUSE.advice

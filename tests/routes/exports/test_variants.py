"""A change is tried only if it changes the outputs of the model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.routes.exports import variants

PLAIN, TRAINED = np.array([[np.nan], [2.0]]), np.array([[0.5], [2.5]])


@pytest.mark.parametrize(
    ("in_training", "exported", "expected"),
    [(PLAIN, PLAIN, None), (TRAINED, TRAINED, 0.0), (TRAINED, PLAIN, np.inf)],
    ids=["nothing to train", "exported in training mode", "another fault"],
)
def test_training_mode_is_no_cause_where_it_changes_nothing(
    in_training: np.ndarray, exported: np.ndarray, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """predict gives 0 where a call and the export give NaN."""

    def call(_rows: Any, training: bool = False) -> dict[str, np.ndarray]:
        return {"y": in_training if training else PLAIN}

    export: Any = SimpleNamespace(original=SimpleNamespace(restore=lambda: None, call=call))
    monkeypatch.setattr(variants, "run_export", lambda _export, _rows: {"y": exported})
    found = variants._in_training(export, {})
    assert (None if found is None else found["differences"]["y"]) == expected

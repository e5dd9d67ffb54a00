"""naming_scaler_version: both versions if a scaler of a different scikit-learn cannot transform."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
import sklearn

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.scalers.scaler import ScalerFile
from keras_consistency_cli.pipeline.scaler_version import naming_scaler_version


@pytest.mark.parametrize(
    ("saved", "cause", "expected"),
    [
        ("1.2.2", "scaler-unusable", "scaler-version"),
        (sklearn.__version__, "scaler-unusable", "scaler-unusable"),
        (None, "scaler-unusable", "scaler-unusable"),
        ("1.2.2", "code-in-scaler", "code-in-scaler"),
    ],
    ids=["different", "same", "unknown", "another cause"],
)
def test_the_version_is_the_cause_if_it_differs(saved: str | None, cause: str, expected: str) -> None:
    scaler = cast(ScalerFile, SimpleNamespace(sklearn_version=saved))
    with pytest.raises(RefusedError) as refusal, naming_scaler_version(scaler):
        raise RefusedError("the scaler fails to transform", fix="x", cause=cause)
    assert refusal.value.cause == expected
    assert ("scikit-learn==1.2.2" in str(refusal.value)) is (expected == "scaler-version")


def test_without_a_scaler_nothing_changes() -> None:
    with pytest.raises(RefusedError) as refusal, naming_scaler_version(None):
        raise RefusedError("no", cause="scaler-unusable")
    assert refusal.value.what == "no"

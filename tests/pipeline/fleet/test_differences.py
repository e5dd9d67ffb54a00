"""Versions and processors that are not the same for all models of a fleet are reported."""

from __future__ import annotations

from typing import Any

from keras_consistency_cli.pipeline.fleet.differences import describe_differences
from keras_consistency_cli.reporting.fleet.report import ModelResult

SAME = {
    "kcheck": "1",
    "keras": "3.15",
    "backend": "tensorflow",
    "backend_version": "2.21",
    "numpy": "2.4",
    "cpu": "A (avx2)",
    "devices": ["cpu"],
    "platform": "Linux-1",
}


def result(name: str, **changed: Any) -> ModelResult:
    document = {"verdict": "consistent", "environment": {**SAME, **changed}}
    return ModelResult(name=name, model=name, document=document)


def test_equal_machines_are_not_mentioned() -> None:
    refused = ModelResult(name="c", model="c", document={"error": {"message": "damaged"}})
    assert list(describe_differences([result("a"), result("b", platform="Linux-2"), refused])) == []


def test_each_difference_is_one_line_with_the_number_of_models() -> None:
    found = list(
        describe_differences(
            [result("a"), result("b"), result("c", backend_version="2.20", cpu="B (avx2, avx512f)")]
        )
    )
    assert len(found) == 2
    assert all("2 models" in line and "1 model" in line for line in found)
    assert ["2.20" in line for line in found].count(True) == 1


def test_backends_are_not_compared_with_each_other() -> None:
    assert list(describe_differences([result("a"), result("b", backend="jax", backend_version="0.8")])) == []

"""The table of exports names what a report says about each format."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.exports import FORMATS, MODELS, describe


def report(*diagnoses: dict[str, Any], **statuses: str) -> dict[str, Any]:
    exports = {name: {"status": status} for name, status in statuses.items()}
    return {"diagnoses": list(diagnoses), "results": [{"findings": {"exports": exports}}]}


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (report(onnx="pass"), "agrees"),
        (report(onnx="skip"), "skip"),
        (report({"cause": "a", "targets": ["litert", "onnx"]}, onnx="fail"), "`a`"),
        (report({"cause": "a", "targets": ["litert"]}, onnx="pass"), "agrees"),
    ],
)
def test_one_cell(found: dict[str, Any], text: str) -> None:
    assert describe(found, "onnx") == text


def test_every_model_is_built_and_has_rows() -> None:
    assert "onnx" in FORMATS
    for build, rows in MODELS.values():
        model = build()
        assert len(model.inputs[0].shape) == rows().ndim

"""Worlds with exports, for the tests of KC901 to KC904."""

from __future__ import annotations

from typing import Any

from keras_consistency_cli.checks.base import Check
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.routes.trace import Trace

__all__ = ["LABEL", "OTHER", "details", "interface", "refused", "verdict"]

LABEL, OTHER = "m.onnx", "m.tflite"


def details(route: str, **values: Any) -> Trace:
    """A trace that holds measurements only."""
    return Trace(route=route, details=values)


def interface(label: str = LABEL, **changed: Any) -> Trace:
    """How a healthy export of a model with one output is called."""
    usual = {
        "kind": "onnx",
        "is_made": False,
        "precision": "float32",
        "inputs": [{"name": "x", "model_name": "x", "shape": [None, 2], "dtype": "float32", "layout": ""}],
        "outputs": [
            {"name": "out", "model_name": "out", "shape": [None, 1], "dtype": "float32", "layout": ""}
        ],
        "inputs_by": "only",
        "outputs_by": "only",
        "order": [0],
        "interchangeable": False,
        "fixed_batch": None,
        "tried": [],
    }
    return details(f"interface@{label}", **{**usual, **changed})


def refused(reason: str, cause: str) -> Trace:
    """A route of an export that could not be opened."""
    return Trace(route="", unavailable=reason, details={"cause": cause})


def verdict(world: Any, check: Check, answers: dict[str, Any], *labels: str, **changed: Any) -> Verdict:
    """The verdict of a check on exports, each with a healthy interface unless an answer replaces it."""
    labels = labels or (LABEL,)
    healthy = {f"interface@{label}": interface(label) for label in labels}
    settings = Settings.model_validate({"model": "m.keras", "exports": list(labels)})
    changed_world = world.where({**healthy, **answers}, exports=labels, **changed)
    result: Verdict = changed_world.verdict(check.configured(settings))
    return result

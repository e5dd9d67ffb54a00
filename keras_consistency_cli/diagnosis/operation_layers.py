"""Layers that the names of operations point to: a name begins with the scopes of its layers."""

from __future__ import annotations

import re

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.preconditions import clock_operation
from keras_consistency_cli.routes.calling.prediction import PredictDetails
from keras_consistency_cli.routes.trace import SINGLE_ROWS, is_batch_size

__all__ = ["drawing_layers", "layer_of_operation", "layer_that_reads_clock", "layer_that_refused_batch"]


def layer_of_operation(evidence: Evidence, operation: str, *, prefer_custom: bool = False) -> str | None:
    """Return the innermost layer whose scope contains an operation of a graph.

    With `prefer_custom`, it is the innermost custom one if there is any: a layer of Keras refuses what the
    code around it passes.
    """
    # TensorFlow adds a number to a scope whose name occurs twice.
    scopes = {re.sub(r"_\d+$", "", scope) for scope in operation.split("/")} | set(operation.split("/"))
    layers = [layer for layer in reversed(evidence.facts.layers) if layer.path.rpartition("/")[2] in scopes]
    custom = [layer for layer in layers if layer.custom and prefer_custom]
    return next((layer.path for layer in (custom or layers)), None)


def drawing_layers(evidence: Evidence) -> set[str]:
    """Return the custom layers that draw random numbers in predict, as far as their operations tell."""
    names = evidence.details("predict", PredictDetails).get("drawing", ())
    found = {layer_of_operation(evidence, name, prefer_custom=True) for name in names}
    return {layer.path for layer in evidence.facts.layers if layer.custom and layer.path in found}


def layer_that_reads_clock(evidence: Evidence) -> str | None:
    """Return the layer whose operation reads the clock."""
    operation = clock_operation(evidence)
    return layer_of_operation(evidence, operation, prefer_custom=True) if operation else None


def layer_that_refused_batch(evidence: Evidence) -> str | None:
    """Return the layer whose operation refused a batch of some size."""
    errors = (
        trace.error
        for name, trace in evidence.traces.items()
        if (name in SINGLE_ROWS or is_batch_size(name)) and trace.error
    )
    nodes = (match.group(1) for error in errors if (match := re.search(r"{{node ([^}\s]+)", error)))
    layers = (layer_of_operation(evidence, node, prefer_custom=True) for node in nodes)
    return next((layer for layer in layers if layer), None)

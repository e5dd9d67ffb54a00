"""What the checks of sequences share: which layers work along time, by the names of their classes, and what is said where nothing was measured."""

from __future__ import annotations

from collections.abc import Collection

from keras_consistency_cli.checks.base import Evidence, Status, Verdict
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.sequences.series import RECURRENT

__all__ = ["RECURRENT", "SEQUENCE", "has_layer", "not_measured"]

SEQUENCE = RECURRENT | frozenset(
    {"TimeDistributed", "Conv1D", "SeparableConv1D", "MultiHeadAttention", "GroupedQueryAttention"}
)
"""Layers for which axis 1 is time."""


def has_layer(facts: Facts, kinds: Collection[str]) -> bool:
    """Whether a layer of one of these classes is anywhere in the model."""
    return any(layer.kind in kinds for layer in facts.layers)


def not_measured(evidence: Evidence, route: str, message: str) -> Verdict | None:
    """Return an ERROR where a route crashed, a SKIP of this message where it could not run, else None."""
    trace = evidence.traces.get(route)
    if trace is None or trace.unavailable:
        return Verdict(
            status=Status.SKIP,
            message=message,
            reason=trace.unavailable if trace else "the route did not run",
        )
    if trace.error:
        return Verdict(
            status=Status.ERROR,
            message="a way of calling the model crashed",
            reason=f"{route}: {trace.error}",
        )
    return None

"""The difference between two runs at each layer, as a locating route measured it."""

from __future__ import annotations

from dataclasses import dataclass

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.routes.locating.layers import LocatedLayer

__all__ = ["LayerDeviation", "deviation_by_layer"]


@dataclass(frozen=True, kw_only=True)
class LayerDeviation:
    """One call of a layer, in the order in which layers finish; `depth` counts from 1.

    A layer that is called twice is listed twice. `inputs` and `outputs` are the greatest difference at the
    input and at the output, as a share of the greatest number. In a search for rounding they are the root
    mean square, `inputs` is that of the layer that finished before, and `noise` is `outputs` in multiples of
    the effect of rounding alone. `culprit` marks the layer that gives different outputs for the same inputs.
    """

    layer: str
    kind: str
    depth: int
    inputs: float
    outputs: float
    noise: float | None = None
    culprit: bool = False


def deviation_by_layer(evidence: Evidence, locator: str | None) -> tuple[LayerDeviation, ...]:
    """Return the measurements of this locating route, empty if it found no layer.

    There are at most 200 layers, those around the culprit among them.
    """
    entries = evidence.details(locator, LocatedLayer).get("depth", ()) if locator else ()
    return tuple(LayerDeviation(**entry) for entry in entries)

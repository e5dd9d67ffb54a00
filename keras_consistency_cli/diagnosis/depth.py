"""Deviation along the depth: how far two runs are apart before and behind each layer, as a locating route found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keras_consistency_cli.checks.base import Evidence

__all__ = ["LayerDeviation", "along_depth"]


@dataclass(frozen=True, kw_only=True)
class LayerDeviation:
    """One layer, in the order in which layers finish, `depth` counted from 1; a layer that is called twice is there twice.

    `inputs` and `outputs` are the greatest distance there, as a share of the greatest number. Where rounding is looked for they are the root mean
    square, `inputs` that of the layer that finished before it, and `noise` is `outputs` in multiples of what rounding alone gives. `culprit` marks
    the layer that answers the same inputs differently.
    """

    layer: str
    kind: str
    depth: int
    inputs: float
    outputs: float
    noise: float | None = None
    culprit: bool = False


def along_depth(evidence: Evidence, locator: str | None) -> tuple[LayerDeviation, ...]:
    """Return what this locating route found along the depth: at most 200 layers, those around the culprit among them; empty where it found none."""
    return tuple(_read(entry) for entry in evidence.details(locator).get("depth", ())) if locator else ()


def _read(entry: Mapping[str, object]) -> LayerDeviation:
    return LayerDeviation(**entry)  # type: ignore[arg-type]

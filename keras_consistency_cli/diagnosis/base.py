"""Diagnosis: what is wrong in one sentence, where, how sure, and what to change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.depth import LayerDeviation
from keras_consistency_cli.diagnosis.impact import Damage

__all__ = ["Cause", "Diagnosis"]


def _nobody(_evidence: Evidence) -> str | None:
    return None


def _all(_evidence: Evidence, _verdict: Verdict) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """One cause and the verdicts it explains.

    `confirmed` where the suspect was switched off and the symptom went with it, or where it is something that was read or counted; `likely` where
    only the signature fits. `confirmation` says how it was confirmed, or what was tried and why it is not certain.
    """

    cause: str
    severity: Literal["fail", "warn", "info"]
    sentence: str
    layer: str | None = None
    rows: tuple[int, ...] = ()
    explains: tuple[str, ...] = ()
    confidence: Literal["confirmed", "likely"] = "likely"
    confirmation: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""
    damage: Damage | None = None
    """What it does to the rows; None where nothing was compared."""
    depth: tuple[LayerDeviation, ...] = ()
    """How far the two runs are apart along the layers, where a locating route looked."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One known cause of disagreement.

    Args:
        slug: stable name, as in `kcheck explain cross-sample-dependence`.
        sentence: what is wrong, with {layer} where the layer is named.
        explanation: what `kcheck explain` prints.
        key: codes of which one must have failed, or warned.
        explains: all codes that this cause makes fail.
        fits: whether the evidence has its signature.
        advice: what to change, as text or code, with {layer}.
        locator: the route that looks for its layer, if any.
        suspect: the layer that facts alone point to.
        covers: whether it explains this verdict, where not every one with such a code.
    """

    slug: str
    sentence: str
    explanation: str
    key: tuple[str, ...]
    explains: tuple[str, ...]
    fits: Callable[[Evidence, Mapping[str, Verdict]], bool]
    advice: str
    locator: str | None = None
    suspect: Callable[[Evidence], str | None] = _nobody
    covers: Callable[[Evidence, Verdict], bool] = _all

"""What fits a cause of one export, and what confirms it: a change makes export and model agree."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing, is_reported
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.exports.comparing import LEFT_BY_WEIGHTS, VariantResult
from keras_consistency_cli.routes.exports.state import STATE, ExportStateDetails
from keras_consistency_cli.routes.exports.variants import VARIANTS, VariantDetails
from keras_consistency_cli.routes.targets import route_on

__all__ = [
    "count_cut",
    "describe_other_weights",
    "differing_layer",
    "fits_export",
    "helpful_change",
    "is_random_when_called",
    "list_unknown_layers",
]

_STALE, _SATURATED, _LAYER = "export-stale", "export-saturated", "export-layer-differs"
_ABOUT_THE_RUNTIME = ("export-low-precision", "runtime-optimiser")
"""Causes that are gone if the same file computes exactly."""
_MOST_LEFT = 0.25
"""Share of a difference that may be left after a change if the limit is that of a low precision."""
_LOCATED = (_LAYER, "runtime-optimiser")
"""Causes that begin at one layer."""
_TRAINED = re.compile(r"^Random|Dropout|Noise|BatchNorm")
"""Kinds of layers whose outputs depend on the training argument."""


def fits_export(slug: str, evidence: Evidence, failing: Failing) -> bool:
    """Whether a check names the cause, a change confirms it, or the export looks like it.

    The last is so if it holds none of the model's weights but others, or if its values differ from one layer
    on.
    """
    if is_reported(slug, failing) or helpful_change(slug, evidence, failing) is not None:
        return True
    if slug == _SATURATED:
        return bool(count_cut(evidence, failing))
    details = _variants(evidence)
    if slug == _STALE and "weights" in details:
        # Integers stand for the weights of a quantized file; what it holds as floats are scales.
        is_quantized = "int" in _precision(failing)
        return not is_quantized and not details["weights"]["found"] and details["weights"]["other"] > 0
    return slug == _LAYER and bool(details.get("differing", {}).get("layer"))


def describe_other_weights(evidence: Evidence) -> str:
    """Return why other weights in an export may not be the fault; "" if it holds those of the model."""
    details = _variants(evidence)
    weights, result = details.get("weights"), details.get("variants", {}).get(_STALE)
    if weights is None or weights["found"] or not weights["other"]:
        return ""
    held = (
        f"none of {weights['searched']} weights of the model is in the file, but others of the same shapes "
        f"as {weights['other']} of them"
    )
    if result is None:
        return f"{held}; they could not be given to the model"
    before, left = _largest(details["plain"]), _largest(result["differences"])
    return f"{held}; with them in the model, {left:.2g} of the difference of {before:.2g} is left"


def helpful_change(slug: str, evidence: Evidence, failing: Failing) -> VariantResult | None:
    """Return the result of the change that belongs to a cause, if it makes export and model agree."""
    details, findings = _variants(evidence), failing["KC901"].findings if "KC901" in failing else {}
    limits = findings.get("limits", {})
    result = details.get("variants", {}).get(slug)
    if result is None or not limits:
        return None
    if slug not in _ABOUT_THE_RUNTIME and "wide_limits" in findings:
        # What low precision explains is still there after any other change.
        limits = findings["wide_limits"]
        if _largest(result["differences"]) > _MOST_LEFT * _largest(details["plain"]):
            return None
    is_gone = _within(result["differences"], limits) or (slug == _STALE and _is_rounding(result, details))
    return result if is_gone and not _within(details["plain"], limits) else None


def _is_rounding(result: VariantResult, details: VariantDetails) -> bool:
    """Whether what a change leaves is next to nothing; the limits are those of the model's own weights."""
    return _largest(result["differences"]) <= LEFT_BY_WEIGHTS * _largest(details["plain"])


def _largest(differences: Mapping[str, float]) -> float:
    return max(differences.values(), default=0.0)


def count_cut(evidence: Evidence, failing: Failing) -> int:
    """Return how many outputs are cut at the end of a range; only integers have a fixed one."""
    return _variants(evidence).get("saturated", 0) if "int" in _precision(failing) else 0


def _precision(failing: Failing) -> str:
    return str(failing["KC901"].findings.get("precision", "")) if "KC901" in failing else ""


def is_random_when_called(evidence: Evidence, failing: Failing) -> bool:
    """Whether two calls of the model without a training argument differ, and two predictions do not."""
    details = evidence.details(route_on(STATE, evidence.target), ExportStateDetails)
    return "KC903" in failing and details.get("bare", 0.0) > details.get("model_own", 0.0)


def differing_layer(slug: str, evidence: Evidence) -> str | None:
    """The layer that facts point to, else the one where values inside the export begin to differ."""
    layers = evidence.facts.layers
    suspects: Mapping[str, Sequence[LayerFact]] = {
        "export-training-true": _in_training(layers),
        "export-statistics-lost": [layer for layer in layers if layer.kind == "Normalization"],
        "export-mask-lost": [layer for layer in layers if layer.masks is not None],
        "export-state-frozen": evidence.facts.stateful_layers,
        "export-state-carried": evidence.facts.stateful_layers,
    }
    details = _variants(evidence)
    changed = details.get("variants", {}).get(slug, {}).get("layer")
    if changed:
        return changed
    located = details.get("differing", {}).get("layer") if slug in _LOCATED else None
    return next((layer.path for layer in suspects.get(slug, ())), located)


def list_unknown_layers(evidence: Evidence) -> list[str]:
    """Return the layers before the differing one whose values the export does not hold."""
    return _variants(evidence).get("differing", {}).get("unknown", [])


def _in_training(layers: Sequence[LayerFact]) -> list[LayerFact]:
    """The layers that training mode concerns: those whose mode is fixed in the graph first."""
    forced = [layer for layer in layers if layer.forces_training]
    fixed = [layer for layer in forced if layer.baked_training]
    return [*fixed, *forced, *(layer for layer in layers if _TRAINED.search(layer.kind))]


def _variants(evidence: Evidence) -> VariantDetails:
    return evidence.details(route_on(VARIANTS, evidence.target), VariantDetails)


def _within(differences: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    return all(differences.get(output, 0.0) <= limit for output, limit in limits.items())

"""The layer at fault: what a locating route found, or what a confirming route corrected."""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Cause, Location
from keras_consistency_cli.diagnosis.confirmations.table import CONFIRMATIONS
from keras_consistency_cli.diagnosis.depth import LayerDeviation, deviation_by_layer
from keras_consistency_cli.routes.locating.activation_patching import PatchDetails
from keras_consistency_cli.routes.locating.layers import LocatedLayer

__all__ = ["confirming_names", "deviations", "locate_cause"]


def confirming_names(cause: str) -> tuple[str, ...]:
    """Return the names of the routes that confirm this cause."""
    return CONFIRMATIONS[cause].routes if cause in CONFIRMATIONS else ()


def deviations(cause: Cause, evidence: Evidence, location: Location) -> tuple[LayerDeviation, ...]:
    """Return the difference of the two runs at each layer, with the layer at fault marked."""
    found = deviation_by_layer(evidence, cause.locator)
    if not _decided_layer(cause, evidence):
        return found
    return tuple(replace(each, culprit=each.layer == location["layer"]) for each in found)


def locate_cause(cause: Cause, evidence: Evidence) -> Location | None:
    """Return the layer that is at fault, None if the cause has none or none was found."""
    details = evidence.details(cause.locator, LocatedLayer) if cause.locator else LocatedLayer()
    if "layer" not in details:
        return None
    location = Location(
        layer=details["layer"],
        kind=details["kind"],
        order=details["order"],
        steps=details["steps"],
        custom=details["custom"],
    )
    decided = _decided_layer(cause, evidence)
    if decided is not None and decided != location["layer"]:
        return _describe(decided, location, cause, evidence) if decided else None
    return _owner_of_code(cause, evidence, location) or location


def _owner_of_code(cause: Cause, evidence: Evidence, location: Location) -> Location | None:
    """The layer or model whose call() is at fault, if the located layer is only affected."""
    for route in confirming_names(cause.slug):
        details = evidence.details(route, PatchDetails)
        if "own_code" in details and len(details["held"]) < 2:
            layer = next(iter(details["held"]), evidence.facts.name)
            return Location(
                layer=layer,
                kind=details["own_code"],
                order=location["order"],
                steps=location["steps"],
                custom=True,
            )
    return None


def _decided_layer(cause: Cause, evidence: Evidence) -> str | None:
    """Return the layer that the confirming route names, "" if it is no single one, None if it did not run."""
    details = evidence.details(cause.decided_by, LocatedLayer) if cause.decided_by else LocatedLayer()
    return details.get("layer")


def _describe(layer: str, searched: Location, cause: Cause, evidence: Evidence) -> Location:
    """Describe a layer that is not the one that the locator names."""
    kinds = {fact.path: (fact.kind, fact.custom) for fact in evidence.facts.layers}
    kind, is_custom = kinds.get(layer, ("", False))
    entries = deviation_by_layer(evidence, cause.locator)
    order = next((each.depth for each in entries if each.layer == layer), searched["order"])
    return Location(layer=layer, kind=kind, order=order, steps=searched["steps"], custom=is_custom)

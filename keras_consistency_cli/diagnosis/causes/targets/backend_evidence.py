"""What fits a cause of one backend, and what confirms it: without the suspect, both backends agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing, is_reported
from keras_consistency_cli.routes.backends.bound_code import BoundLayer
from keras_consistency_cli.routes.backends.layers import (
    DIFFERING,
    KEPT,
    DifferingDetails,
    KeptDetails,
    SuspectedLayer,
)
from keras_consistency_cli.routes.targets import route_on
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = [
    "CUT",
    "LAYER",
    "LOW",
    "NAN",
    "REFUSES",
    "bound_layer",
    "differing_details",
    "fits_backend",
    "held_layers",
    "located_layer",
    "own_code",
    "suspected_layers",
]

NAN, CUT, LOW, LAYER, REFUSES = (
    "backend-nan-differs",
    "backend-cuts-integers",
    "backend-low-precision",
    "backend-layer-differs",
    "backend-refuses-layer",
)
_CHECK = "KC607"
_SHARE = 1e-4
"""As a share of the largest output: the limit for a backend that gave no outputs to measure one with."""


def differing_details(evidence: Evidence) -> DifferingDetails:
    """Return what was measured on the backend whose causes are searched for."""
    return evidence.details(route_on(DIFFERING, evidence.target), DifferingDetails)


def suspected_layers(evidence: Evidence) -> Sequence[SuspectedLayer]:
    """Return the suspects on that backend, in the order in which they were given their tensors."""
    return differing_details(evidence).get("layers", [])


def fits_backend(slug: str, evidence: Evidence, failing: Failing) -> bool:
    """Whether the check names the cause, or a measurement confirms it."""
    details = differing_details(evidence)
    if is_reported(slug, failing):
        return True
    if slug == NAN:
        return _agrees(details, failing, details.get("finite"))
    if slug == CUT:
        return _agrees(details, failing, details.get("narrowed"))
    return slug == LAYER and bool(held_layers(evidence, failing))


def held_layers(evidence: Evidence, failing: Failing) -> Sequence[SuspectedLayer]:
    """Return the layers that make the backends agree if they get their outputs from the backend in use.

    Nothing if a difference is left.
    """
    details = differing_details(evidence)
    suspects = suspected_layers(evidence)
    count = next(
        (number for number, suspect in enumerate(suspects, 1) if _agrees(details, failing, suspect["left"])),
        0,
    )
    return suspects[:count]


def located_layer(slug: str, evidence: Evidence) -> str | None:
    """Return the first layer that differs clearly for the same inputs, or that raises an error."""
    if slug in (CUT, LOW):
        return None
    suspects = suspected_layers(evidence)
    if slug == REFUSES:
        failed = next((each["layer"] for each in suspects if each["failed"]), None)
        bound = bound_layer(evidence)
        return failed or (None if bound is None else bound["layer"])
    return None if not suspects or suspects[0]["code"] else suspects[0]["layer"]


def own_code(slug: str, evidence: Evidence) -> str | None:
    """Return the class whose code between layers is the first suspect; None if that is a layer."""
    suspects = suspected_layers(evidence)
    return suspects[0]["code"] or None if suspects and slug == LAYER else None


def bound_layer(evidence: Evidence) -> BoundLayer | None:
    """Return the layer that the error names, if its code names a different backend; else None."""
    error = evidence.traces[route_on(REFERENCE, evidence.target)].error or ""
    return next(
        (
            each
            for each in evidence.details(KEPT, KeptDetails).get("bound", [])
            if each["uses"] != evidence.target and f"{each['kind']}." in error
        ),
        None,
    )


def _agrees(details: DifferingDetails, failing: Failing, left: Mapping[str, float] | None) -> bool:
    """Whether a difference was there, and what is left of it is within the limits."""
    if left is None:
        return False
    limits = _limits(details, failing)
    return _within(left, limits) and not _within(details["plain"], limits)


def _limits(details: DifferingDetails, failing: Failing) -> Mapping[str, float]:
    stated: Mapping[str, float] = failing[_CHECK].findings.get("limits", {}) if _CHECK in failing else {}
    return stated or {name: _SHARE * largest for name, largest in details.get("scale", {}).items()}


def _within(differences: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    return all(difference <= limits.get(name, 0.0) for name, difference in differences.items())

"""How causes of exports are confirmed: a change makes export and model agree, or a check reads the fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import Failing
from keras_consistency_cli.diagnosis.confirmations.base import (
    Confirmation,
    ConfirmationResult,
    ConfirmationTest,
    cannot_test,
)
from keras_consistency_cli.routes.exports.state import STATE, ExportStateDetails
from keras_consistency_cli.routes.exports.variants import VARIANTS, VariantDetails
from keras_consistency_cli.routes.targets import route_on

__all__ = ["EXPORT_CONFIRMATIONS", "Summaries", "confirm_export", "is_likely", "summaries_by_export"]

Summaries = Mapping[str, Mapping[str, Any]]
"""By code of the check, what it found on one export."""

_STALE, _SATURATED, _LAYER = "export-stale", "export-saturated", "export-layer-differs"


def summaries_by_export(failing: Failing) -> dict[str, Summaries]:
    """Return by label of an export what the checks that failed or warned for it found."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for code, verdict in failing.items():
        for label, summary in verdict.findings.get("exports", {}).items():
            if summary["status"] in ("fail", "warn"):
                found.setdefault(label, {})[code] = summary
    return {**found}


def confirm_export(evidence: Evidence, slug: str, label: str, summaries: Summaries) -> str | None:
    """Return how a cause is confirmed on an export, None if it is not."""
    read = _READ.get(slug)
    if read is not None:
        return read if any(summary.get("cause") == slug for summary in summaries.values()) else None
    if slug == "export-training-true" and _is_random_when_called(evidence, label, summaries):
        return "two calls of the model without a training argument differ as well, two predictions do not"
    details = evidence.details(route_on(VARIANTS, label), VariantDetails)
    if "variants" not in details or "KC901" not in summaries:
        return None
    if slug == _SATURATED:
        return _saturation(details, str(summaries["KC901"].get("precision", "")))
    result = details["variants"].get(slug)
    limits = summaries["KC901"].get("limits", {})
    if result is None or not limits or not _within(result["differences"], limits):
        return None
    if _within(details["plain"], limits):
        return None
    return _CHANGES[slug].format(order=", ".join(result.get("order", ())))


def is_likely(evidence: Evidence, slug: str, label: str) -> bool:
    """Whether a cause fits an export although nothing confirms it.

    The export holds none of the model's weights but others, or its values differ from one layer on.
    """
    details = evidence.details(route_on(VARIANTS, label), VariantDetails)
    if slug == _STALE and "weights" in details:
        return not details["weights"]["found"] and details["weights"]["other"] > 0
    return slug == _LAYER and bool(details.get("differing", {}).get("layer"))


def _saturation(details: VariantDetails, precision: str) -> str | None:
    """Only integers have a fixed range."""
    count = details.get("saturated", 0) if "int" in precision else 0
    return (
        f"{count} outputs are equal to the export's largest or smallest one, the model's go on"
        if count
        else None
    )


def _is_random_when_called(evidence: Evidence, label: str, summaries: Summaries) -> bool:
    details = evidence.details(route_on(STATE, label), ExportStateDetails)
    return "KC903" in summaries and details.get("bare", 0.0) > details.get("model_own", 0.0)


def _within(differences: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    return all(differences.get(output, 0.0) <= limit for output, limit in limits.items())


_CHANGES: Mapping[str, str] = {
    "export-stale": "with the weights that the export holds, the model gives the outputs of the export",
    "export-inputs-reordered": "with its inputs exchanged ({order}) the export gives the model's outputs",
    "export-outputs-reordered": "with its outputs exchanged ({order}), the export gives those of the model",
    "export-scales-itself": "on raw rows the export gives the outputs of the model on scaled rows",
    "export-predict-step-lost": "without its own predict_step the model gives the outputs of the export",
    "export-mask-lost": "without masks the model gives the outputs of the export",
    "export-training-true": "in training mode the model gives the outputs of the export",
    "export-low-precision": "in float32 the same file gives the outputs of the model",
    "runtime-optimiser": "without optimizations the same file gives the outputs of the model",
}
"""What was changed, and what happened then."""

_COUNTED: Mapping[str, str] = {
    _SATURATED: "several outputs are equal to the export's largest or smallest one, the model's are beyond"
}

_READ: Mapping[str, str] = {
    "export-neighbours": "rows kept, only their neighbours replaced: outputs of the export change",
    "export-batch-frozen": "read from the shapes of the export's inputs",
    "export-state-frozen": "two calls of the export are equal, two calls of the model differ",
    "export-state-carried": "two calls of the export differ as those of the model do",
    "export-fails": "model.export was tried",
    "unsupported-operators": "the runtime refuses the file and names the operators",
    "export-statistics-lost": "the inputs of the export were read",
    "export-of-other-model": "the inputs and outputs of the export were read",
    "export-unloadable": "the runtime was tried",
}
"""Causes that a check reads directly."""


def _confirmed_on_some_export(slug: str) -> ConfirmationTest:
    def test(evidence: Evidence, failing: Failing) -> ConfirmationResult | None:
        for label, summaries in summaries_by_export(failing).items():
            explanation = confirm_export(evidence, slug, label, summaries)
            if explanation is not None:
                return ConfirmationResult(confirmed=True, explanation=explanation)
        return None

    return test


EXPORT_CONFIRMATIONS: Mapping[str, Confirmation] = {
    slug: Confirmation(how=how.replace(" ({order})", ""), test=_confirmed_on_some_export(slug))
    for slug, how in {**_CHANGES, **_COUNTED, **_READ}.items()
} | {_LAYER: cannot_test("a layer of an export cannot be exchanged; its values are compared layer by layer")}

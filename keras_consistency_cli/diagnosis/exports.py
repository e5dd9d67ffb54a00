"""Diagnosis of exports: the causes of each export that differs from the model, one export at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import Cause, Diagnosis, Failing
from keras_consistency_cli.diagnosis.causes.exports import EXPORT_CAUSES
from keras_consistency_cli.diagnosis.impact import measure_impact
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.exports.names import export_name
from keras_consistency_cli.routes.exports.state import STATE, ExportStateDetails
from keras_consistency_cli.routes.exports.table import export_routes
from keras_consistency_cli.routes.exports.variants import VARIANTS, VariantDetails

__all__ = ["diagnose_exports", "is_about_exports", "searching_routes"]

Summaries = Mapping[str, Mapping[str, Any]]
"""By code of the check, what it found on one export."""


def is_about_exports(code: str) -> bool:
    """Whether a check compares exports."""
    return code.startswith("KC9")


def searching_routes(verdicts: Sequence[Verdict]) -> Iterator[Route]:
    """Yield the routes that search for causes on the exports that differ from the model."""
    by_name = {verdict.code: verdict for verdict in verdicts}
    exports = by_name["KC901"].findings.get("exports", {}) if "KC901" in by_name else {}
    labels = [label for label, summary in exports.items() if summary["status"] in ("fail", "warn")]
    yield from (route for route in export_routes(labels) if route.name.startswith(VARIANTS))


def diagnose_exports(evidence: Evidence, failing: Failing) -> Iterator[Diagnosis]:
    """Yield the causes of every export for which a check failed or warned."""
    about = {code: verdict for code, verdict in failing.items() if is_about_exports(code)}
    diagnoses: list[tuple[str, Diagnosis]] = []
    labels = dict.fromkeys(label for verdict in about.values() for label in _affected(verdict))
    for label in labels:
        summaries = {
            code: verdict.findings["exports"][label]
            for code, verdict in about.items()
            if label in _affected(verdict)
        }
        diagnoses.extend(_diagnose(evidence, about, label, summaries))
    yield from _merged(diagnoses)


def _merged(diagnoses: Iterable[tuple[str, Diagnosis]]) -> Iterator[Diagnosis]:
    """Yield one diagnosis for all exports with the same cause, in the order of the first of them."""
    by_cause: dict[tuple[str, str, str], list[tuple[str, Diagnosis]]] = {}
    for label, each in diagnoses:
        by_cause.setdefault((each.cause, each.severity, each.confirmation), []).append((label, each))
    for group in by_cause.values():
        labels = ", ".join(label for label, _ in group)
        first = group[0][1]
        codes = tuple(dict.fromkeys(code for _, each in group for code in each.explains))
        yield replace(first, sentence=f"{labels}: {first.sentence}", explains=codes)


def _affected(verdict: Verdict) -> Iterator[str]:
    for label, summary in verdict.findings.get("exports", {}).items():
        if summary["status"] in ("fail", "warn"):
            yield label


def _diagnose(
    evidence: Evidence, failing: Failing, label: str, summaries: Summaries
) -> Iterator[tuple[str, Diagnosis]]:
    named = {summary["cause"] for summary in summaries.values() if "cause" in summary}
    explained: set[str] = set()
    for cause in EXPORT_CAUSES:
        codes = [code for code in cause.explains if code in summaries]
        confirmation = _confirmation(evidence, cause.slug, label, summaries)
        if not set(codes) - explained or (cause.slug not in named and confirmation is None):
            continue
        explained |= set(codes)
        yield label, _diagnosis(evidence, cause, failing, label, summaries, confirmation)


def _diagnosis(
    evidence: Evidence,
    cause: Cause,
    failing: Failing,
    label: str,
    summaries: Summaries,
    confirmation: str | None,
) -> Diagnosis:
    codes = tuple(code for code in cause.explains if code in summaries)
    worst = [failing[code] for code in codes if failing[code].findings.get("export") == label]
    return Diagnosis(
        cause=cause.slug,
        severity="fail" if any(summaries[code]["status"] == "fail" for code in codes) else "warn",
        sentence=cause.sentence,
        layer=_layer(evidence, cause.slug),
        rows=(),
        explains=codes,
        confidence="confirmed" if confirmation is not None else "likely",
        confirmation=confirmation or "",
        advice=cause.advice.format(),
        damage=measure_impact(evidence, worst),
    )


def _confirmation(evidence: Evidence, slug: str, label: str, summaries: Summaries) -> str | None:
    """Return how a cause is confirmed on an export, None if it is not."""
    read = _READ.get(slug)
    if read is not None:
        return read if any(summary.get("cause") == slug for summary in summaries.values()) else None
    if slug == "export-training-true" and _is_random_when_called(evidence, label, summaries):
        return "two calls of the model without a training argument differ as well, two predictions do not"
    details = evidence.details(export_name(VARIANTS, label), VariantDetails)
    if "variants" not in details or "KC901" not in summaries:
        return None
    result = details["variants"].get(slug)
    limits = summaries["KC901"].get("limits", {})
    if result is None or not limits or not _within(result["differences"], limits):
        return None
    if _within(details["plain"], limits):
        return None
    return _CHANGES[slug].format(order=", ".join(result.get("order", ())))


def _is_random_when_called(evidence: Evidence, label: str, summaries: Summaries) -> bool:
    details = evidence.details(export_name(STATE, label), ExportStateDetails)
    return "KC903" in summaries and details.get("bare", 0.0) > details.get("model_own", 0.0)


def _within(differences: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    return all(differences.get(output, 0.0) <= limit for output, limit in limits.items())


def _layer(evidence: Evidence, slug: str) -> str | None:
    """The layer that facts point to."""
    layers = evidence.facts.layers
    suspects: Mapping[str, Sequence[LayerFact]] = {
        "export-training-true": _in_training(layers),
        "export-statistics-lost": [layer for layer in layers if layer.kind == "Normalization"],
        "export-mask-lost": [layer for layer in layers if layer.masks is not None],
        "export-state-frozen": evidence.facts.stateful_layers,
        "export-state-carried": evidence.facts.stateful_layers,
    }
    return next((layer.path for layer in suspects.get(slug, ())), None)


def _in_training(layers: Sequence[LayerFact]) -> list[LayerFact]:
    """The layers that training mode concerns: those whose mode is fixed in the graph first."""
    fixed = [layer for layer in layers if layer.baked_training]
    by_default = [layer for layer in layers if layer.default_training]
    return [*fixed, *by_default, *(layer for layer in layers if _TRAINED.search(layer.kind))]


_TRAINED = re.compile(r"^Random|Dropout|Noise|BatchNorm")
"""Kinds of layers whose outputs depend on the training argument."""

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
    "export-casts-silently": "the same numbers were passed in different types",
}
"""Causes that a check reads directly."""

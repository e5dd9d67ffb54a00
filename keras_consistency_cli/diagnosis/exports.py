"""Diagnosis of exports: the causes of each export that differs from the model, one export at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import Cause, Diagnosis, Failing
from keras_consistency_cli.diagnosis.causes.exports import EXPORT_CAUSES
from keras_consistency_cli.diagnosis.confirmations.exports import (
    Summaries,
    confirm_export,
    is_likely,
    summaries_by_export,
)
from keras_consistency_cli.diagnosis.impact import measure_impact
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.exports.table import export_routes
from keras_consistency_cli.routes.exports.variants import VARIANTS, VariantDetails
from keras_consistency_cli.routes.targets import route_on

__all__ = ["diagnose_exports", "searching_routes"]


def searching_routes(verdicts: Sequence[Verdict]) -> Iterator[Route]:
    """Yield the routes that search for causes on the exports that differ from the model."""
    by_name = {verdict.code: verdict for verdict in verdicts}
    exports = by_name["KC901"].findings.get("exports", {}) if "KC901" in by_name else {}
    labels = [label for label, summary in exports.items() if summary["status"] in ("fail", "warn")]
    yield from (route for route in export_routes(labels) if route.name.startswith(VARIANTS))


def diagnose_exports(evidence: Evidence, failing: Failing) -> Iterator[Diagnosis]:
    """Yield the causes of every export for which a check failed or warned."""
    diagnoses = [
        each
        for label, summaries in summaries_by_export(failing).items()
        for each in _diagnose(evidence, failing, label, summaries)
    ]
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


def _diagnose(
    evidence: Evidence, failing: Failing, label: str, summaries: Summaries
) -> Iterator[tuple[str, Diagnosis]]:
    named = {summary["cause"] for summary in summaries.values() if "cause" in summary}
    explained: set[str] = set()
    for cause in EXPORT_CAUSES:
        codes = [code for code in cause.explains if code in summaries]
        confirmation = confirm_export(evidence, cause.slug, label, summaries)
        is_suspected = cause.slug in named or is_likely(evidence, cause.slug, label)
        if not set(codes) - explained or not (is_suspected or confirmation is not None):
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
        layer=_layer(evidence, cause.slug, label),
        rows=(),
        explains=codes,
        confidence="confirmed" if confirmation is not None else "likely",
        confirmation=confirmation or "",
        advice=cause.advice.format(),
        damage=measure_impact(evidence, worst),
    )


def _layer(evidence: Evidence, slug: str, label: str) -> str | None:
    """The layer that facts point to, else the one where values inside the export begin to differ."""
    layers = evidence.facts.layers
    suspects: Mapping[str, Sequence[LayerFact]] = {
        "export-training-true": _in_training(layers),
        "export-statistics-lost": [layer for layer in layers if layer.kind == "Normalization"],
        "export-mask-lost": [layer for layer in layers if layer.masks is not None],
        "export-state-frozen": evidence.facts.stateful_layers,
        "export-state-carried": evidence.facts.stateful_layers,
    }
    differing = evidence.details(route_on(VARIANTS, label), VariantDetails).get("differing", {})
    located = differing.get("layer") if slug in _LOCATED else None
    return next((layer.path for layer in suspects.get(slug, ())), located)


def _in_training(layers: Sequence[LayerFact]) -> list[LayerFact]:
    """The layers that training mode concerns: those whose mode is fixed in the graph first."""
    fixed = [layer for layer in layers if layer.baked_training]
    by_default = [layer for layer in layers if layer.default_training]
    return [*fixed, *by_default, *(layer for layer in layers if _TRAINED.search(layer.kind))]


_LOCATED = ("export-layer-differs", "runtime-optimiser")
"""Causes that begin at one layer."""
_TRAINED = re.compile(r"^Random|Dropout|Noise|BatchNorm")
"""Kinds of layers whose outputs depend on the training argument."""

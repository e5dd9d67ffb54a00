"""Diagnosis: from failed checks to causes, layers and fixes. Free of Keras."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.base import (
    Cause,
    Diagnosis,
    DiagnosisEvidence,
    Failing,
    Location,
)
from keras_consistency_cli.diagnosis.causes.precision import ROUNDING_CAUSE
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.confirmations.base import layer_list
from keras_consistency_cli.diagnosis.confirmations.table import CONFIRMATIONS, confirm
from keras_consistency_cli.diagnosis.impact import measure_impact
from keras_consistency_cli.diagnosis.layers.locations import confirming_names, deviations, locate_cause
from keras_consistency_cli.diagnosis.signatures import scaling_makes_nonfinite
from keras_consistency_cli.diagnosis.targets import failing_by_target, merge_targets
from keras_consistency_cli.routes.backends.layers import backend_locators
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.calling.xla_numbers import XLA_NUMBERS
from keras_consistency_cli.routes.exports.table import export_routes
from keras_consistency_cli.routes.exports.variants import VARIANTS
from keras_consistency_cli.routes.locating.processes import PROCESS_LOCATORS
from keras_consistency_cli.routes.numerics.rounding_location import LayerGrowth, RoundingLocation
from keras_consistency_cli.routes.registry import CONFIRMING_ROUTES, LOCATING_ROUTES

__all__ = ["confirming_routes", "diagnose", "locating_routes"]

_MOST_LAYERS = 5
_MOST_ROWS = 5
_NONFINITE_CAUSES = ("nan-hidden", "non-finite-input", "non-finite-output")
_LOCATED_IF_FAILED = {
    "locate-companions": {"KC103"},
    "locate-created": {"KC202", "KC203", "KC801"},
    "locate-repeat": {"KC203"},
    "layers-here": {"KC203"},
    "layers-elsewhere": {"KC203"},
    "locate-training": {"KC202"},
    "locate-nonfinite": {"KC701"},
    "locate-quantisation": {"KC606"},
}
_LOCATED_IF_WARNED = {
    "locate-rounding": {"KC601", "KC602", "KC603", "KC604"},
    "locate-hidden-nan": {"KC701"},
}
_LOCATED_BY_FINDING = {"ill-conditioned": "locate-rounding", "quantisation-coarse": "coarse-layers"}
"""The routes that search for the layer of a cause that a check names itself."""
_BY_BATCH = {"KC101", "KC102", "KC104"}
"""Neighbours, randomness and state make these fail too, and have locating routes of their own."""
_BY_EXECUTION = {"KC201", "KC204"}


def locating_routes(verdicts: Sequence[Verdict]) -> tuple[Route, ...]:
    """Return the routes that search for the layer behind failures and rounding warnings."""
    failed = {verdict.code for verdict in verdicts if verdict.status is Status.FAIL}
    warned = failed | {verdict.code for verdict in verdicts if verdict.status is Status.WARN}
    names = {name for name, codes in _LOCATED_IF_FAILED.items() if codes & failed}
    names |= {name for name, codes in _LOCATED_IF_WARNED.items() if codes & warned}
    causes = {verdict.findings.get("cause") for verdict in verdicts}
    names |= {name for cause, name in _LOCATED_BY_FINDING.items() if cause in causes}
    if _BY_BATCH & failed and not {"KC103", "KC203"} & failed:
        names |= {"locate-batching", "locate-companions"}
    by_execution = _BY_EXECUTION & failed or any(verdict.findings.get("made") for verdict in verdicts)
    if by_execution and not {"KC103", "KC203"} & failed:
        names.add("locate-execution")
    if "KC204" in failed and not {"KC103", "KC203", "KC701"} & failed:
        names.add(XLA_NUMBERS)
    located = (route for route in (*LOCATING_ROUTES, *PROCESS_LOCATORS) if route.name in names)
    return (*located, *_searching_routes(verdicts))


def _searching_routes(verdicts: Sequence[Verdict]) -> Iterator[Route]:
    """Yield the routes that search for causes on the exports and backends that differ from the model."""
    targets = failing_by_target(verdicts)

    def failing_labels(code: str) -> list[str]:
        return [label for label, failing in targets.items() if label and code in failing]

    exports = export_routes(failing_labels("KC901"))
    yield from (route for route in exports if route.name.startswith(VARIANTS))
    yield from backend_locators(failing_labels("KC607"))


def confirming_routes(evidence: Evidence, verdicts: Sequence[Verdict]) -> tuple[Route, ...]:
    """Return the routes that switch off suspects; to be called after the locating routes."""
    names = {
        name
        for each in diagnose(evidence, verdicts)
        if each.severity == "fail" or (each.cause in CONFIRMATIONS and CONFIRMATIONS[each.cause].if_warned)
        for name in confirming_names(each.cause)
    }
    return tuple(route for route in CONFIRMING_ROUTES if route.name in names)


def diagnose(evidence: Evidence, verdicts: Sequence[Verdict]) -> tuple[Diagnosis, ...]:
    """Return the causes that fit, those of failures first, for the model and each target."""
    diagnoses = [
        each
        for target, failing in failing_by_target(verdicts).items()
        for each in _diagnose(replace(evidence, target=target), failing)
    ]
    return _in_report_order(tuple(merge_targets(diagnoses)), evidence)


def _diagnose(evidence: Evidence, failing: Failing) -> Iterator[Diagnosis]:
    """Yield the causes that fit; each explains at least one failure that no cause before it explains."""
    explained: set[str] = set()
    for cause in CAUSES.values():
        codes = [code for code in cause.explains if code in failing and cause.covers(evidence, failing[code])]
        if set(cause.key) & set(codes) - explained and cause.matches(evidence, failing):
            yield _diagnosis(cause, evidence, failing, codes)
            explained |= set(codes)


def _in_report_order(diagnoses: Sequence[Diagnosis], evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Sort failures first, and rounding, which is recognized first, last."""
    later = {ROUNDING_CAUSE.slug: 2}
    if scaling_makes_nonfinite(evidence):
        # NaN that the scaler makes is a consequence of wrong scaling.
        later |= dict.fromkeys(_NONFINITE_CAUSES, 1)
    return tuple(sorted(diagnoses, key=lambda each: (each.severity != "fail", later.get(each.cause, 0))))


def _diagnosis(cause: Cause, evidence: Evidence, failing: Failing, codes: Sequence[str]) -> Diagnosis:
    result = confirm(cause.slug, evidence, failing)
    location = locate_cause(cause, evidence)
    growth = _growth(cause, evidence)
    verdicts = [failing[code] for code in codes]
    layer = location["layer"] if location else _named_layer(cause, evidence, verdicts)
    texts = cause.texts(evidence)
    measurements = DiagnosisEvidence()
    if location:
        measurements["located"] = location
    if growth:
        measurements["growth"] = growth
    return Diagnosis(
        cause=cause.slug,
        severity="fail" if any(verdict.status is Status.FAIL for verdict in verdicts) else "warn",
        sentence=texts.sentence.format(layer=_layer_text(layer, location, bool(growth))),
        layer=layer,
        rows=_worst_rows(verdicts),
        explains=tuple(codes),
        confidence="confirmed" if result is not None and result.confirmed else "likely",
        confirmation=result.explanation if result is not None else "",
        evidence=measurements,
        advice=_advice(texts.advice, verdicts, layer, bool(growth))
        + _same_fix(result.other_layers(layer) if result is not None else ()),
        damage=measure_impact(evidence, verdicts),
        depth=deviations(cause, evidence, location) if location else (),
        targets=(evidence.target,) if evidence.target else (),
    )


def _named_layer(cause: Cause, evidence: Evidence, verdicts: Sequence[Verdict]) -> str | None:
    """The layer that a check names with this cause, else the one that facts point to."""
    paths = {layer.path for layer in evidence.facts.layers}
    paths |= {layer.path for layer in evidence.data.description.layers}
    named = (each.findings.get("layer") for each in verdicts if each.findings.get("cause") == cause.slug)
    return next((str(layer) for layer in named if layer in paths), None) or cause.suspect(evidence)


def _layer_text(layer: str | None, location: Location | None, grows_with_depth: bool) -> str:
    if layer is None:
        return "the depth of the model" if grows_with_depth else "a layer"
    return f"'{layer}' ({location['kind']})" if location else f"'{layer}'"


def _worst_rows(verdicts: Sequence[Verdict]) -> tuple[int, ...]:
    rows = [
        worst.row
        for verdict in verdicts
        for judged in verdict.judged
        if not judged.within
        for worst in judged.comparison.worst
    ]
    return tuple(dict.fromkeys(rows))[:_MOST_ROWS]


def _advice(general: str, verdicts: Sequence[Verdict], layer: str | None, grows_with_depth: bool) -> str:
    """The fixes of these rows, and the general advice if they are not sufficient."""
    fixes = _specific_fixes(verdicts)
    is_complete = bool(fixes) and any(verdict.findings.get("mend_is_complete") for verdict in verdicts)
    lines = fixes if is_complete else (*fixes, _general_fix(general, layer, grows_with_depth))
    return "\n".join(dict.fromkeys(lines))


def _same_fix(further: Sequence[str]) -> str:
    """The line for other layers with the same fault, empty if there are none."""
    if not further:
        return ""
    verb = "has" if len(further) == 1 else "have"
    return f"\n{layer_list(further)} {verb} the same fault: the fix is the same"


def _specific_fixes(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """The lines that fix these rows, if a check found them, before the general advice."""
    return tuple(str(line) for verdict in verdicts if (line := verdict.findings.get("mend")))


def _general_fix(advice: str, layer: str | None, grows_with_depth: bool) -> str:
    if layer is not None:
        return advice.format(layer=layer)
    place = "the layers where it grows most" if grows_with_depth else "the layer at fault"
    return advice.replace("'{layer}'", place).format(layer=layer)


def _growth(cause: Cause, evidence: Evidence) -> list[LayerGrowth]:
    """The layers where rounding grows most, the worst first, if a route measured them."""
    layers = evidence.details(cause.locator, RoundingLocation).get("growth", ()) if cause.locator else ()
    ranked = sorted((each for each in layers if each["grown"] > 1), key=lambda each: -each["grown"])
    return ranked[:_MOST_LAYERS]

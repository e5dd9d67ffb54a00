"""Diagnosis: from failing verdicts to causes, layers and advice. Free of Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.base import Cause, Diagnosis
from keras_consistency_cli.diagnosis.causes.precision import ROUNDING_CAUSE
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.confirmations import CONFIRMATIONS, confirm
from keras_consistency_cli.diagnosis.depth import along_depth
from keras_consistency_cli.diagnosis.impact import damage_of
from keras_consistency_cli.diagnosis.signatures import nan_from_scaling
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.interventions import INTERVENTION_ROUTES
from keras_consistency_cli.routes.locating.processes import PROCESS_LOCATORS
from keras_consistency_cli.routes.registry import LOCATING_ROUTES

__all__ = ["CAUSES", "Cause", "Diagnosis", "diagnose", "locators", "togglers"]

_RANKED = 5
_OF_NAN = ("nan-hidden", "non-finite-input", "non-finite-output")
_WANTS_LOCATING = {
    "locate-companions": {"KC103"},
    "locate-repeat": {"KC203"},
    "layers-here": {"KC203"},
    "layers-elsewhere": {"KC203"},
    "locate-training": {"KC202"},
    "locate-nonfinite": {"KC701"},
}
_BY_BATCH = {"KC101", "KC102", "KC104"}
"""Neighbours, randomness and state make these fail too, and are looked for by themselves."""
_BY_EXECUTION = {"KC201", "KC204"}
_WANTS_LOCATING_WHEN_WARNED = {"locate-rounding": {"KC601", "KC602", "KC603", "KC604"}}


def locators(verdicts: Sequence[Verdict]) -> tuple[Route, ...]:
    """Return the routes that look for the layer behind these failures, and behind warnings about rounding; none where nothing is amiss."""
    failed = {verdict.code for verdict in verdicts if verdict.status is Status.FAIL}
    warned = failed | {verdict.code for verdict in verdicts if verdict.status is Status.WARN}
    chosen = {name for name, codes in _WANTS_LOCATING.items() if codes & failed}
    chosen |= {name for name, codes in _WANTS_LOCATING_WHEN_WARNED.items() if codes & warned}
    chosen |= (
        {"locate-rounding"}
        if any(verdict.findings.get("cause") == "ill-conditioned" for verdict in verdicts)
        else set()
    )
    chosen |= {"locate-batching"} if _BY_BATCH & failed and not {"KC103", "KC203"} & failed else set()
    chosen |= (
        {"locate-execution"} if _BY_EXECUTION & failed and not {"KC103", "KC203", "KC701"} & failed else set()
    )
    return tuple(route for route in (*LOCATING_ROUTES, *PROCESS_LOCATORS) if route.name in chosen)


def togglers(evidence: Evidence, verdicts: Sequence[Verdict]) -> tuple[Route, ...]:
    """Return the routes that switch off what the failing checks point to, once the locators have run; none where nothing fails."""
    failing = [found.cause for found in diagnose(evidence, verdicts) if found.severity == "fail"]
    wanted = {route for cause in failing for route in _toggling(cause)}
    return tuple(route for route in INTERVENTION_ROUTES if route.name in wanted)


def _toggling(cause: str) -> tuple[str, ...]:
    known = CONFIRMATIONS.get(cause)
    return known.routes if known is not None else ()


def diagnose(evidence: Evidence, verdicts: Sequence[Verdict]) -> tuple[Diagnosis, ...]:
    """Return the causes that fit, those of failures first, each explaining what no earlier one explains. The rest stays unexplained."""
    by_code = {
        verdict.code: verdict
        for verdict in verdicts
        if verdict.status in (Status.FAIL, Status.WARN) and not _hypothetical(verdict)
    }
    explained: set[str] = set()
    found = []
    for cause in CAUSES.values():
        codes = [code for code in cause.explains if code in by_code and cause.covers(evidence, by_code[code])]
        if set(cause.key) & set(codes) - explained and cause.fits(evidence, by_code):
            found.append(_diagnosed(cause, evidence, by_code, codes))
            explained |= set(codes)
    # Rounding has to be recognised before all faults that look like it, and told after those that there are; NaN that a scaler makes of rows
    # without any comes after what is wrong with the scaling.
    later = {ROUNDING_CAUSE.slug: 2} | (dict.fromkeys(_OF_NAN, 1) if nan_from_scaling(evidence) else {})
    return tuple(
        sorted(found, key=lambda diagnosis: (diagnosis.severity != "fail", later.get(diagnosis.cause, 0)))
    )


def _hypothetical(verdict: Verdict) -> bool:
    """Whether a warning tells what a mistake would do that nobody is known to have made: no cause explains it."""
    return bool(verdict.findings.get("hypothetical"))


def _diagnosed(
    cause: Cause, evidence: Evidence, by_code: Mapping[str, Verdict], codes: Sequence[str]
) -> Diagnosis:
    proof = confirm(cause.slug, evidence, by_code)
    place = _place(cause, evidence)
    layer = place.get("layer") or cause.suspect(evidence)
    rows = [
        worst.row
        for code in codes
        for judged in by_code[code].judged
        if not judged.within
        for worst in judged.comparison.worst
    ]
    failing = any(by_code[code].status is Status.FAIL for code in codes)
    growth = _growth(cause, evidence)
    nobody, somewhere = (
        ("the model's depth", "the layers at which it grows most")
        if growth
        else ("a layer", "the layer at fault")
    )
    named = f"'{layer}'" + (f" ({place['kind']})" if "kind" in place else "") if layer else nobody
    return Diagnosis(
        cause=cause.slug,
        severity="fail" if failing else "warn",
        sentence=cause.sentence.format(layer=named),
        layer=layer,
        rows=tuple(dict.fromkeys(rows))[:5],
        explains=tuple(codes),
        confidence="confirmed" if proof is not None and proof.confirmed else "likely",
        confirmation=proof.told if proof is not None else "",
        evidence={**({"located": dict(place)} if place else {}), **growth},
        advice="\n".join((*_fixes(by_code, codes), _general(cause, layer, somewhere))),
        damage=damage_of(evidence, [by_code[code] for code in codes]),
        depth=along_depth(evidence, cause.locator) if place else (),
    )


def _general(cause: Cause, layer: str | None, somewhere: str) -> str:
    return (cause.advice if layer else cause.advice.replace("'{layer}'", somewhere)).format(layer=layer)


def _fixes(by_code: Mapping[str, Verdict], codes: Sequence[str]) -> tuple[str, ...]:
    """The very lines that mend these rows, where a check has found them: they come before what holds in general."""
    found = (by_code[code].findings.get("mend") for code in codes)
    return tuple(str(line) for line in found if line)


def _growth(cause: Cause, evidence: Evidence) -> dict[str, Any]:
    """The layers at which rounding grows most, the worst first, where a locator measured that."""
    measured = evidence.details(cause.locator).get("growth", ()) if cause.locator else ()
    ranked = sorted((each for each in measured if each["grown"] > 1), key=lambda each: -each["grown"])
    return {"growth": ranked[:_RANKED]} if ranked else {}


def _place(cause: Cause, evidence: Evidence) -> Mapping[str, Any]:
    found = evidence.details(cause.locator) if cause.locator else {}
    if "layer" not in found:
        return {}
    return {
        **{key: found[key] for key in ("layer", "kind", "order", "steps", "custom")},
        **_code_around(cause, evidence),
    }


def _code_around(cause: Cause, evidence: Evidence) -> dict[str, Any]:
    """The layer or model whose own call() is at fault, where the layer that was located is only the first to be given other inputs."""
    for route in _toggling(cause.slug):
        found = evidence.details(route)
        if "own_code" in found and len(found["held"]) < 2:
            return {
                "layer": next(iter(found["held"]), evidence.facts.name),
                "kind": found["own_code"],
                "custom": True,
            }
    return {}

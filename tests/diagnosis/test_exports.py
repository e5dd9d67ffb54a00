"""Causes of exports: one export at a time, each confirmed by the change that makes it agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.causes.targets.exports import EXPORT_CAUSES
from keras_consistency_cli.diagnosis.confirmations.table import confirm
from keras_consistency_cli.diagnosis.confirmations.targets.exports import EXPORT_CONFIRMATIONS
from keras_consistency_cli.diagnosis.diagnose import diagnose, locating_routes
from keras_consistency_cli.diagnosis.targets import failing_by_target
from keras_consistency_cli.measurement.facts import LayerFact

LABEL, OTHER = "m.onnx", "m.tflite"
LAYER = "export-layer-differs"
LIMITS = {"out": 1e-6}
_RESIZING = LayerFact(path="s", kind="Resizing", default_training=True, baked_training=True)
_FIXED = LayerFact(path="f", kind="X", baked_training=True)
BY_CHANGE = (
    "export-stale",
    "export-inputs-reordered",
    "export-outputs-reordered",
    "export-scales-itself",
    "export-predict-step-lost",
    "export-mask-lost",
    "export-epsilon-differs",
    "export-training-true",
    "export-expects-other-rows",
    "export-overflows",
    "export-narrows-rows",
    "export-nan-differs",
    "export-transforms-outputs",
    "export-low-precision",
    "runtime-optimiser",
)
READ = {
    "export-neighbours": "KC902",
    "export-sums-saturate": "KC901",
    "export-batch-frozen": "KC902",
    "export-state-frozen": "KC903",
    "export-state-carried": "KC903",
    "export-unrepeatable": "KC903",
    "export-weights-missing": "KC904",
    "export-size-frozen": "KC904",
    "unsupported-operators": "KC904",
    "export-fails": "KC904",
    "export-statistics-lost": "KC904",
    "export-of-other-model": "KC904",
    "export-unloadable": "KC904",
}


def found(status: str = "fail", **more: Any) -> dict[str, Any]:
    """What a check found on one export."""
    return {"status": status, "message": "", **more}


def variants(label: str = LABEL, *, plain: float = 0.5, **tried: float) -> dict[str, Any]:
    """What the route that changes one thing at a time measured."""
    results = {slug.replace("_", "-"): {"differences": {"out": value}} for slug, value in tried.items()}
    weights = {"searched": 2, "found": 2, "other": 0}
    return {f"variants@{label}": {"plain": {"out": plain}, "variants": results, "weights": weights}}


def causes(evidence: Any, *verdicts: Any) -> list[tuple[str, str, str | None]]:
    return [(each.cause, each.confidence, each.layer) for each in diagnose(evidence, verdicts)]


def failed(verdict: Any, code: str, exports: Mapping[str, Any], status: Status = Status.FAIL) -> Verdict:
    parts = {
        label: Verdict(status=Status(each["status"]), message="", findings=each)
        for label, each in exports.items()
    }
    return replace(verdict(code, status, exports=exports), by_target=parts)


def confirmed(slug: str, evidence: Evidence, check: Verdict) -> bool:
    """Whether a cause is confirmed on the export of these tests."""
    (failing,) = (failing for label, failing in failing_by_target([check]).items() if label)
    return confirm(slug, replace(evidence, target=LABEL), failing) is not None


def test_every_cause_is_here() -> None:
    slugs = {cause.slug for cause in EXPORT_CAUSES}
    assert slugs == {*BY_CHANGE, *READ, "export-saturated", LAYER} == set(EXPORT_CONFIRMATIONS)


@pytest.mark.parametrize("slug", BY_CHANGE)
def test_the_change_that_makes_both_agree_is_the_cause(slug: str, evidence: Any, verdict: Any) -> None:
    key = slug.replace("-", "_")
    check = failed(verdict, "KC901", {LABEL: found(limits=LIMITS)})
    assert causes(evidence(located=variants(**{key: 1e-7})), check) == [(slug, "confirmed", None)]
    assert causes(evidence(located=variants(**{key: 0.1})), check) == []
    assert confirmed(slug, evidence(located=variants(**{key: 1e-7})), check)
    assert not confirmed(slug, evidence(located=variants(**{key: 0.1})), check)


def test_weights_with_which_next_to_nothing_is_left_are_those_of_the_export(
    evidence: Any, verdict: Any
) -> None:
    check = failed(verdict, "KC901", {LABEL: found(limits=LIMITS)})
    located = variants(export_stale=1e-5)
    located[f"variants@{LABEL}"]["variants"]["export-stale"] |= {"how": "in 'head'", "layer": "head"}
    assert causes(evidence(located=located), check) == [("export-stale", "confirmed", "head")]
    assert causes(evidence(located=variants(export_training_true=1e-5)), check) == []


def test_a_batch_on_which_both_agree_anyway_confirms_nothing(evidence: Any, verdict: Any) -> None:
    check = failed(verdict, "KC901", {LABEL: found(limits=LIMITS)})
    assert causes(evidence(located=variants(plain=1e-7, export_stale=1e-7)), check) == []


@pytest.mark.parametrize(("slug", "code"), READ.items())
def test_a_cause_that_a_check_reads(slug: str, code: str, evidence: Any, verdict: Any) -> None:
    check = failed(verdict, code, {LABEL: found(cause=slug)})
    assert causes(evidence(), check) == [(slug, "confirmed", None)]
    assert confirmed(slug, evidence(), check)
    assert not confirmed(slug, evidence(), failed(verdict, code, {LABEL: found()}))


def test_weights_of_another_run_are_likely_if_the_model_cannot_take_them(evidence: Any, verdict: Any) -> None:
    located = variants()
    located[f"variants@{LABEL}"]["weights"] = {"searched": 3, "found": 0, "other": 2}
    check = failed(verdict, "KC901", {LABEL: found(limits=LIMITS)})
    (diagnosis,) = diagnose(evidence(located=located), [check])
    assert (diagnosis.cause, diagnosis.confidence) == ("export-stale", "likely")
    assert "none of 3 weights" in diagnosis.confirmation
    located[f"variants@{LABEL}"]["weights"] = {"searched": 3, "found": 1, "other": 2}
    assert causes(evidence(located=located), check) == []


@pytest.mark.parametrize(
    ("count", "precision", "expected"),
    [
        (0, "int8", []),
        (5, "float32", []),
        (5, "int8", [("export-saturated", "confirmed", None)]),
    ],
)
def test_outputs_that_are_cut(
    count: int, precision: str, expected: list[Any], evidence: Any, verdict: Any
) -> None:
    located = variants()
    located[f"variants@{LABEL}"]["saturated"] = count
    check = failed(verdict, "KC901", {LABEL: found(limits=LIMITS, precision=precision)})
    assert causes(evidence(located=located), check) == expected


def test_the_layer_from_which_values_differ(evidence: Any, verdict: Any) -> None:
    located = variants()
    located[f"variants@{LABEL}"]["differing"] = {"layer": "b", "kind": "Dense", "after": "a"}
    check = failed(verdict, "KC901", {LABEL: found(limits=LIMITS)})
    assert causes(evidence(located=located), check) == [(LAYER, "likely", "b")]
    located[f"variants@{LABEL}"]["differing"]["unknown"] = ["between"]
    (diagnosis,) = diagnose(evidence(located=located), [check])
    assert "'between'" in diagnosis.confirmation
    located = variants(export_stale=1e-7)
    located[f"variants@{LABEL}"]["differing"] = {"layer": "b", "kind": "Dense", "after": "a"}
    assert causes(evidence(located=located), check) == [("export-stale", "confirmed", None)]


def test_each_export_has_its_own_cause(evidence: Any, verdict: Any) -> None:
    located = variants(export_stale=1e-7) | variants(OTHER, runtime_optimiser=1e-7)
    check = failed(verdict, "KC901", {LABEL: found(limits=LIMITS), OTHER: found(limits=LIMITS)})
    assert [cause for cause, _, _ in causes(evidence(located=located), check)] == [
        "export-stale",
        "runtime-optimiser",
    ]


def test_exports_with_the_same_cause_share_a_diagnosis(evidence: Any, verdict: Any) -> None:
    exports = {label: found("warn", cause="export-state-carried") for label in (LABEL, OTHER)}
    (only,) = diagnose(evidence(), [failed(verdict, "KC903", exports, Status.WARN)])
    assert only.sentence.startswith(f"{LABEL}, {OTHER}: ")
    assert only.severity == "warn"


def test_exports_of_two_kinds_are_made_again_in_their_own_formats(evidence: Any, verdict: Any) -> None:
    located = variants(export_stale=1e-7) | variants(OTHER, export_stale=1e-7)
    located |= {f"interface@{LABEL}": {"kind": "onnx"}, f"interface@{OTHER}": {"kind": "litert"}}
    check = failed(verdict, "KC901", {LABEL: found(limits=LIMITS), OTHER: found(limits=LIMITS)})
    (only,) = diagnose(evidence(located=located), [check])
    assert only.targets == (LABEL, OTHER)
    assert "format='onnx'" in only.advice
    assert "format='litert'" in only.advice
    assert only.advice.count("export the model again") == 1


def test_one_cause_explains_every_check_of_an_export(evidence: Any, verdict: Any) -> None:
    checks = [
        failed(verdict, "KC901", {LABEL: found(limits=LIMITS)}),
        failed(verdict, "KC903", {LABEL: found(cause="export-state-frozen")}),
    ]
    (only,) = diagnose(evidence(), checks)
    assert set(only.explains) == {"KC901", "KC903"}


@pytest.mark.parametrize(
    ("layers", "layer"),
    [
        ((LayerFact(path="d", kind="Dense"), LayerFact(path="r", kind="RandomFlip")), "r"),
        ((LayerFact(path="b", kind="BatchNormalization"), _FIXED), "f"),
        ((LayerFact(path="d", kind="Dense"),), None),
        ((_RESIZING, LayerFact(path="n", kind="BatchNormalization")), "n"),
        ((_RESIZING, LayerFact(path="n", kind="Dense")), None),
    ],
)  # fmt: skip
def test_the_layer_that_training_mode_concerns(
    layers: tuple[LayerFact, ...], layer: str | None, evidence: Any, verdict: Any
) -> None:
    check = failed(verdict, "KC901", {LABEL: found(limits=LIMITS)})
    measured = evidence(located=variants(export_training_true=1e-7), layers=layers)
    assert causes(measured, check) == [("export-training-true", "confirmed", layer)]


def test_random_calls_of_the_model_confirm_training_mode(evidence: Any, verdict: Any) -> None:
    check = failed(verdict, "KC903", {LABEL: found(cause="export-training-true")})
    state = {f"state@{LABEL}": {"bare": 0.3, "model_own": 0.0}}
    assert causes(evidence(located=state), check) == [("export-training-true", "confirmed", None)]
    state = {f"state@{LABEL}": {"bare": 0.0, "model_own": 0.0}}
    assert causes(evidence(located=state), check) == [("export-training-true", "likely", None)]


def test_the_search_runs_on_exports_that_differ_only(verdict: Any) -> None:
    checks = [failed(verdict, "KC901", {LABEL: found(), OTHER: found("pass")})]
    assert [route.name for route in locating_routes(checks)] == [f"variants@{LABEL}"]
    assert all("@" not in route.name for route in locating_routes([verdict("KC101")]))

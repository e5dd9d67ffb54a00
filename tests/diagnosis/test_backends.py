"""Causes of backends: one backend at a time, each confirmed by what removes the difference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.causes.targets.backends import BACKEND_CAUSES
from keras_consistency_cli.diagnosis.confirmations.targets.backends import BACKEND_CONFIRMATIONS
from keras_consistency_cli.diagnosis.diagnose import diagnose, locating_routes
from keras_consistency_cli.routes.trace import Trace

NAN, CUT, LOW, LAYER, REFUSES = (
    "backend-nan-differs",
    "backend-cuts-integers",
    "backend-low-precision",
    "backend-layer-differs",
    "backend-refuses-layer",
)
LIMITS = {"out": 1e-6}


def failed(verdict: Any, status: Status = Status.FAIL, label: str = "jax", **found: Any) -> Verdict:
    """KC607 on one other backend."""
    part = Verdict(status=status, message="", findings={"limits": LIMITS, **found})
    return replace(verdict("KC607", status), by_target={label: part})


def suspect(layer: str = "bad", left: float = 0.0, **more: Any) -> dict[str, Any]:
    usual = {"kind": "X", "difference": 0.1, "failed": False, "code": "", "left": {"out": left}}
    return {"layer": layer, **usual, **more}


def located(*layers: dict[str, Any], plain: float = 0.5, bound: Any = (), **more: Any) -> dict[str, Any]:
    """What the locating routes measured on JAX."""
    details = {"plain": {"out": plain}, "scale": {"out": 1.0}, "layers": list(layers), **more}
    return {"differing-layers@jax": details, "kept-layers": {"bound": list(bound)}}


def causes(evidence: Any, *verdicts: Any) -> list[tuple[str, str, str | None]]:
    return [(each.cause, each.confidence, each.layer) for each in diagnose(evidence, verdicts)]


def with_error(evidence: Any, error: str) -> Any:
    trace = Trace(route="predict@jax", error=error)
    return replace(evidence, traces={**evidence.traces, "predict@jax": trace})


def test_every_cause_has_a_confirmation() -> None:
    assert {cause.slug for cause in BACKEND_CAUSES} == {NAN, CUT, LOW, LAYER, REFUSES}
    assert set(BACKEND_CONFIRMATIONS) == {NAN, CUT, LOW, LAYER, REFUSES}


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([suspect()], [(LAYER, "confirmed", "bad")]),
        ([suspect("one", 0.2), suspect("two")], [(LAYER, "confirmed", "one")]),
        ([suspect(left=0.2)], []),
        ([], []),
        ([suspect(code="Net")], [(LAYER, "confirmed", None)]),
    ],
)
def test_a_layer_is_the_cause_if_its_outputs_remove_the_difference(
    layers: list[Any], expected: list[Any], evidence: Any, verdict: Any
) -> None:
    assert causes(evidence(located=located(*layers)), failed(verdict)) == expected


def test_a_batch_on_which_both_agree_anyway_confirms_nothing(evidence: Any, verdict: Any) -> None:
    assert causes(evidence(located=located(suspect(), plain=1e-7)), failed(verdict)) == []


@pytest.mark.parametrize(("slug", "key"), [(NAN, "finite"), (CUT, "narrowed")])
def test_rows_that_are_left_out_or_cut_are_the_cause(
    slug: str, key: str, evidence: Any, verdict: Any
) -> None:
    gone = evidence(located=located(nonfinite=3, **{key: {"out": 0.0}}))
    assert [each[:2] for each in causes(gone, failed(verdict))] == [(slug, "confirmed")]
    there = evidence(located=located(nonfinite=3, **{key: {"out": 0.4}}))
    assert causes(there, failed(verdict)) == []


@pytest.mark.parametrize(
    ("layers", "bound", "expected"),
    [
        ([suspect(failed=True)], [], ("confirmed", "bad")),
        ([suspect(failed=True, left=0.5)], [], ("likely", "bad")),
        ([], [("mine", "Mine", "tensorflow")], ("confirmed", "mine")),
        ([], [("mine", "Mine", "jax")], ("likely", None)),
        ([], [("other", "Other", "tensorflow")], ("likely", None)),
    ],
)
def test_a_layer_that_does_not_run(
    layers: list[Any], bound: list[Any], expected: tuple[str, str | None], evidence: Any, verdict: Any
) -> None:
    named = [dict(zip(("layer", "kind", "uses"), each, strict=True)) for each in bound]
    world = evidence(located=located(*layers, plain=float("inf"), bound=named))
    error = with_error(world, "AttributeError: Exception encountered when calling Mine.call().")
    found = causes(error, failed(verdict, cause=REFUSES, limits={}))
    assert found == [(REFUSES, *expected)]


@pytest.mark.parametrize(("dtype", "confidence"), [("float32", "confirmed"), ("float64", "likely")])
def test_float32_is_read_from_the_outputs(dtype: str, confidence: str, evidence: Any, verdict: Any) -> None:
    check = failed(verdict, Status.WARN, cause=LOW, dtypes={"out": dtype})
    assert causes(evidence(located=located()), check) == [(LOW, confidence, None)]


def test_layers_are_compared_on_the_backends_that_differ_only(verdict: Any) -> None:
    names = {route.name for route in locating_routes([failed(verdict, label="torch")])}
    assert {"kept-layers", "differing-layers@torch"} <= names
    assert "differing-layers@jax" not in names
    assert not {name for name in names if name.startswith("variants")}

"""CONFIRMATIONS: every cause is confirmed by what shows it, and by nothing less; docs/diagnosis.md says the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Status, Verdict
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.confirmations.table import CONFIRMATIONS, confirm
from keras_consistency_cli.diagnosis.diagnose import confirming_routes, diagnose
from keras_consistency_cli.measurement.comparison import Answers, Comparison, compare
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.locating.interventions import TOGGLING_ROUTES
from keras_consistency_cli.routes.trace import Trace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "diagnosis.md"

GONE = {"held": ["a", "b/c"], "before": 0.3, "left": 0.0}
LEFT = {"held": ["a"], "before": 0.3, "left": 0.2, "then": "d"}
OWN = {"held": [], "before": 0.3, "left": None, "own_code": "Net"}
SERVED_BATCHES = {
    "kind": "refit-batches",
    "columns": [0, 1],
    "batch": 32,
    "off": 2.0,
    "factor": 0.0,
    "shift": 0.0,
}


def served(*kinds: str) -> dict[str, Any]:
    """What the route of the served rows tells where each of these mistakes made two columns."""
    found = [{**SERVED_BATCHES, "kind": kind} for kind in kinds]
    return {
        "located": {
            "served": {"inputs": {"x": {"mistakes": found, "features": 6, "rows": 9, "wrong_rows": 9}}}
        }
    }


def pair(
    candidate: str, reference: str, *, apart: float = 0.0, nan: bool = False
) -> dict[tuple[str, str], tuple[Comparison, ...]]:
    """A comparison of two routes whose answers differ in one row."""
    mine, theirs = np.ones((16, 1), np.float32), np.ones((16, 1), np.float32)
    mine[3] = np.nan if nan else mine[3] + apart
    return {
        (candidate, reference): (
            compare((candidate, reference), Answers(outputs={"out": mine}), Answers(outputs={"out": theirs}))[
                0
            ],
        )
    }


def toggled(route: str, found: dict[str, Any]) -> dict[str, Any]:
    return {"located": {route: found}}


SEED = {"changed": {"predict": ("drop/seed", "seed")}, "differing": ("predict-again",)}
FIRM, UNFIRM = (
    {"located": {"companions": {"deterministic": True}}},
    {"located": {"companions": {"deterministic": False}}},
)
COUNT = {"changed": {"predict": ("count", "weight")}, "differing": ("predict-again",)}
ILL = {"KC604": {"cause": "ill-conditioned", "amplification": {"inputs": 3e6}}}

PLAIN = {
    "located": {"plain-predict": {"before": 1.0, "left": 0.0, "scale": 2.0}},
    "overridden": ("predict_step",),
}
CAST = {"pairs": {**pair("call", "predict"), **pair("call-as-given", "call", apart=0.5)}}
MISCAST = {"pairs": {**pair("call", "predict", apart=0.4), **pair("call-as-given", "call", apart=0.5)}}
UNRESET = {"differing": ("predict-again",), "pairs": pair("predict-reset", "predict", apart=0.1)}

CONFIRMED: list[tuple[str, dict[str, Any], dict[str, dict[str, Any]]]] = [
    ("untracked-state", toggled("hold-copies", GONE), {"KC801": {}}),
    ("untracked-state", toggled("reloaded", {"untracked": ["odd.v"]}), {"KC801": {}}),
    ("config-loses-arguments", toggled("hold-copies", GONE), {"KC801": {}}),
    ("config-loses-arguments", {}, {"KC801": {"forgotten": [{"layer": "odd"}]}}),
    ("config-loses-arguments", {}, {"KC801": {"failure": "TypeError: no"}}),
    ("batch-statistics-in-inference", toggled("hold-companions", GONE), {"KC103": {}}),
    ("cross-sample-dependence", toggled("hold-companions", GONE), {"KC103": {}}),
    ("batch-size-dependence", {"pairs": pair("companions", "companions-baseline")}, {"KC102": {}}),
    (
        "state-carry-over",
        {"differing": ("predict-again",), "pairs": pair("predict-reset", "predict")},
        {"KC502": {}},
    ),
    ("state-carry-over", toggled("hold-repeat", GONE), {"KC203": {}}),
    ("active-randomness", toggled("hold-repeat", GONE), {"KC203": {}}),
    ("active-randomness", {**SEED, **FIRM}, {"KC203": {}}),
    ("hidden-state", toggled("hold-repeat", GONE), {"KC203": {}}),
    ("hidden-state", {**COUNT, **FIRM}, {"KC203": {}}),
    ("hidden-state", {"differing": ("predict-retraced",)}, {"KC203": {}}),
    ("untracked-state", {"differing": ("fresh-process",)}, {"KC203": {}}),
    ("training-flag-default", toggled("hold-training", GONE), {"KC202": {}}),
    ("state-batch-mismatch", {}, {"KC102": {"given": 9, "output_rows": {"out": 12}}}),
    ("outputs-not-per-sample", {}, {"KC102": {"output_rows": {"out": 1}}}),
    ("nan-hidden", {"pairs": pair("call", "predict", nan=True)}, {"KC701": {"hidden": {"out": 1}}}),
    ("non-finite-input", {}, {"KC701": {"rows": {"x": 1}}}),
    (
        "non-finite-output",
        toggled("hold-nonfinite", {"held": ["log"], "before": 4, "left": 0}),
        {"KC701": {}},
    ),
    ("non-finite-output", {}, {"KC701": {"weights": ["w"]}}),
    ("predict-overridden", PLAIN, {"KC201": {}}),
    ("eager-differs", {}, {"KC204": {}}),
    ("dtype-cast", CAST, {"KC201": {"cast": True}}),
    ("dtype-cast", toggled("rows", {"lost_in_cast": {"x": 7}}), {"KC201": {"cast": {"x": 7}}}),
    ("preprocess-row-dependence", {}, {"KC302": {}}),
    ("preprocess-unrepeatable", {}, {"KC302": {}}),
    ("scaler-refit", served("refit-batches"), {"KC301": {}}),
    ("scaler-missing", served("unscaled"), {"KC301": {}}),
    ("scaler-applied-twice", served("scaled-twice", "unknown"), {"KC301": {}}),
    ("scaling-step-skipped", served("without-step:log"), {"KC301": {}}),
    ("gaps-filled-otherwise", served("filled:0"), {"KC301": {}}),
    ("feature-order", served("other-columns"), {"KC301": {}}),
    ("feature-order", {}, {"KC304": {"fitted": ["a", "b"]}}),
    ("scaled-in-low-precision", served("float16-first"), {"KC305": {}}),
    ("normalization-unadapted", {}, {"KC401": {}}),
    ("input-mutated", {}, {"KC402": {}}),
    ("scaler-version", {}, {"KC304": {}}),
    ("wrong-rank", {}, {"KC501": {}}),
    ("wrong-length", {}, {"KC501": {}}),
    ("wrong-features", {}, {"KC501": {}}),
    ("axes-swapped", {}, {"KC501": {"refused": True}}),
    ("wrong-ids", {}, {"KC501": {}}),
    ("mask-lost", toggled("hold-masks", {**GONE, "scale": 1.0}), {"KC504": {}}),
    ("fully-masked-row", {}, {"KC504": {}}),
    ("stepwise-differs", toggled("steps", {"twin": 1e-7, "future": 0.0}), {"KC503": {}}),
    ("stepwise-differs", toggled("steps", {"future": 0.5}), {"KC503": {}}),
    ("state-not-carried", {}, {"KC502": {}}),
    ("time-distributed-dynamic", {}, {"KC501": {}}),
    ("recorded-in-other-form", {}, {"KC802": {"forms": {"out": "sorted"}}}),
    ("kernel-dependent", {}, {"KC605": {}}),
    ("low-precision", {}, {"KC602": {"operations": ["m/Cast (Cast, float16)"]}}),
    ("low-precision", {}, {"KC603": {}}),
    ("rounding", {}, {"KC101": {}}),
    ("ill-conditioned", {}, ILL),
    ("ill-conditioned", {}, {"KC602": {"excess": 1.4}}),
    ("near-ties", {}, {"KC604": {"cause": "near-ties"}}),
]

LIKELY: list[tuple[str, dict[str, Any], dict[str, dict[str, Any]]]] = [
    ("untracked-state", toggled("hold-copies", LEFT), {"KC801": {}}),
    ("cross-sample-dependence", toggled("hold-companions", LEFT), {"KC103": {}}),
    ("cross-sample-dependence", toggled("hold-companions", OWN), {"KC103": {}}),
    ("state-carry-over", UNRESET, {"KC502": {}}),
    ("active-randomness", {**SEED, **UNFIRM}, {"KC203": {}}),
    ("training-flag-default", toggled("hold-training", LEFT), {"KC202": {}}),
    ("state-batch-mismatch", {}, {"KC502": {}}),
    ("nan-hidden", {"pairs": pair("call", "predict", apart=0.1)}, {"KC701": {"hidden": {"out": 1}}}),
    (
        "non-finite-output",
        toggled("hold-nonfinite", {"held": ["log"], "before": 4, "left": 3}),
        {"KC701": {}},
    ),
    (
        "predict-overridden",
        toggled("plain-predict", {"before": 1.0, "left": 0.5, "scale": 2.0}),
        {"KC201": {}},
    ),
    ("dtype-cast", MISCAST, {"KC201": {}}),
    ("preprocess-row-dependence", {}, {"KC301": {}}),
    ("scaler-refit", served("unknown"), {"KC301": {}}),
    ("scaler-missing", {}, {"KC303": {}}),
    ("scaler-applied-twice", {}, {"KC303": {}}),
    ("feature-order", {}, {"KC301": {}}),
    ("gaps-filled-otherwise", {}, {"KC702": {}}),
    ("scaled-in-low-precision", {}, {"KC305": {}}),
    ("scaler-foreign", served("another-scaler"), {"KC301": {}}),
    ("normalization-stale", {}, {"KC401": {}}),
    ("normalized-twice", {}, {"KC402": {}}),
    ("input-range", {}, {"KC402": {}}),
    ("scaler-stale", {}, {"KC304": {}}),
    ("distribution-shift", {}, {"KC702": {}}),
    ("axes-swapped", {}, {"KC501": {}}),
    ("input-order", {}, {"KC501": {}}),
    ("mask-lost", toggled("hold-masks", {**LEFT, "scale": 1.0}), {"KC504": {}}),
    ("mask-lost", {}, {"KC504": {}}),
    ("padding-unmasked", {}, {"KC504": {}}),
    ("stepwise-differs", toggled("steps", {"twin": 0.3, "future": 0.0}), {"KC503": {}}),
    ("answers-moved", {}, {"KC802": {}}),
    ("device-precision", {}, {"KC601": {}}),
    ("low-precision", {}, {"KC602": {"operations": []}}),
]

UNTRIED: list[tuple[str, dict[str, Any], dict[str, dict[str, Any]]]] = [
    ("untracked-state", {}, {"KC801": {}}),
    ("config-loses-arguments", {}, {"KC801": {}}),
    ("batch-statistics-in-inference", {}, {"KC103": {}}),
    (
        "batch-size-dependence",
        {"pairs": pair("companions", "companions-baseline", apart=1e-6)},
        {"KC102": {}},
    ),
    ("state-carry-over", {"pairs": pair("predict-reset", "predict")}, {"KC502": {}}),
    ("active-randomness", SEED, {"KC203": {}}),
    ("hidden-state", {}, {"KC203": {}}),
    ("outputs-not-per-sample", {}, {"KC102": {}}),
    ("recorded-in-other-form", {}, {"KC802": {}}),
    ("ill-conditioned", {}, {"KC602": {"excess": 40.0}}),
]


def proven(
    evidence: Any, verdict: Any, cause: str, known: dict[str, Any], failed: dict[str, dict[str, Any]]
) -> Any:
    made = evidence(**{key: value for key, value in known.items() if key != "pairs"})
    made = replace(made, comparisons={**made.comparisons, **known.get("pairs", {})})
    return confirm(cause, made, {code: verdict(code, **findings) for code, findings in failed.items()})


def cases(
    rows: list[tuple[str, dict[str, Any], dict[str, dict[str, Any]]]],
) -> pytest.MarkDecorator:
    """One test per row, named after its cause, its codes and its place."""
    ids = [f"{cause}-{'-'.join(failed)}-{at}" for at, (cause, _, failed) in enumerate(rows)]
    return pytest.mark.parametrize(("cause", "known", "failed"), rows, ids=ids)


@cases(CONFIRMED)
def test_confirmed(
    evidence: Any,
    verdict: Any,
    wording: SnapshotAssertion,
    cause: str,
    known: dict[str, Any],
    failed: dict[str, dict[str, Any]],
) -> None:
    proof = proven(evidence, verdict, cause, known, failed)
    assert proof.confirmed
    assert proof.explanation == wording


@cases(LIKELY)
def test_likely(
    evidence: Any,
    verdict: Any,
    wording: SnapshotAssertion,
    cause: str,
    known: dict[str, Any],
    failed: dict[str, dict[str, Any]],
) -> None:
    proof = proven(evidence, verdict, cause, known, failed)
    assert not proof.confirmed
    assert proof.explanation == wording


@cases(UNTRIED)
def test_nothing_was_tried(
    evidence: Any, verdict: Any, cause: str, known: dict[str, Any], failed: dict[str, dict[str, Any]]
) -> None:
    assert proven(evidence, verdict, cause, known, failed) is None


def test_every_cause_is_confirmed_here_or_cannot_be() -> None:
    assert set(CONFIRMATIONS) == set(CAUSES)
    confirmed, likely = {case[0] for case in CONFIRMED}, {case[0] for case in [*LIKELY, *UNTRIED]}
    assert confirmed | likely == set(CAUSES)
    assert {slug for slug, known in CONFIRMATIONS.items() if known.how.startswith("not: ")} == set(
        CAUSES
    ) - confirmed


def test_a_step_that_may_be_meant_is_not_certain(
    evidence: Any, verdict: Any, wording: SnapshotAssertion
) -> None:
    proof = confirm("wrong-length", evidence(), {"KC501": verdict("KC501", Status.WARN)})
    assert proof is not None
    assert not proof.confirmed
    assert proof.explanation == wording


@pytest.mark.parametrize("route", ["hold-companions"])
def test_a_route_that_crashed_confirms_nothing(evidence: Any, verdict: Any, route: str) -> None:
    made = evidence(located={route: GONE})
    crashed = replace(made, traces={**made.traces, route: Trace(route=route, details=GONE, error="boom")})
    assert confirm("cross-sample-dependence", crashed, {"KC103": verdict("KC103")}) is None
    assert confirm("a-cause-of-somebody-else", made, {}) is None


def test_many_layers_are_counted_rather_than_listed(
    evidence: Any, verdict: Any, wording: SnapshotAssertion
) -> None:
    proof = confirm(
        "active-randomness",
        evidence(located={"hold-repeat": {**GONE, "held": list("abcde")}}),
        {"KC203": verdict("KC203")},
    )
    assert proof is not None
    assert proof.confirmed
    assert proof.explanation == wording


def test_a_diagnosis_carries_its_confirmation(
    evidence: Any, verdict: Any, wording: SnapshotAssertion
) -> None:
    (sure,) = diagnose(evidence(located={"hold-companions": GONE}), [verdict("KC103")])
    assert sure.confidence == "confirmed"
    assert sure.confirmation == wording
    (unsure,) = diagnose(evidence(located={"hold-companions": LEFT}), [verdict("KC103")])
    assert unsure.confidence == "likely"
    assert unsure.confirmation == wording


def test_code_around_a_layer_is_named_in_its_place(evidence: Any, verdict: Any) -> None:
    place = {"layer": "last", "kind": "Dense", "custom": False, "order": 2, "steps": 3}
    (model,) = diagnose(
        evidence(located={"locate-companions": place, "hold-companions": OWN}), [verdict("KC103")]
    )
    assert (model.layer, model.confidence) == ("m", "likely")
    assert "'m' (Net)" in model.sentence
    block = {**GONE, "held": ["block"], "own_code": "Block"}
    (layer,) = diagnose(
        evidence(located={"locate-companions": place, "hold-companions": block}), [verdict("KC103")]
    )
    assert (layer.layer, layer.confidence) == ("block", "confirmed")


@pytest.mark.parametrize(
    ("known", "code", "status", "routes"),
    [
        ({}, "KC103", Status.FAIL, ["hold-companions"]),
        ({"changed": {"predict": ("drop/seed", "seed")}}, "KC203", Status.FAIL, ["hold-repeat"]),
        (
            {"layers": (LayerFact(path="bn", kind="BatchNormalization", baked_training=True),)},
            "KC202",
            Status.FAIL,
            ["hold-training"],
        ),
        ({"overridden": ("predict_step",)}, "KC201", Status.FAIL, ["plain-predict"]),
        ({}, "KC103", Status.WARN, []),
        ({}, "KC103", Status.PASS, []),
        ({}, "KC103", Status.ERROR, []),
        ({}, "KC103", Status.SKIP, []),
        ({}, "KC203", Status.FAIL, []),
    ],
)
def test_suspects_are_switched_off_only_where_a_check_fails(
    evidence: Any, verdict: Any, known: dict[str, Any], code: str, status: Status, routes: list[str]
) -> None:
    assert [route.name for route in confirming_routes(evidence(**known), [verdict(code, status)])] == routes


def test_every_toggling_route_belongs_to_a_cause() -> None:
    assert {route for known in CONFIRMATIONS.values() for route in known.routes} == {
        route.name for route in TOGGLING_ROUTES
    }


def test_the_page_says_how_each_cause_is_confirmed() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert rows == [f"| `{slug}` | {CONFIRMATIONS[slug].how} |" for slug in sorted(CAUSES)]


def test_a_verdict_is_needed_for_what_is_read(evidence: Any) -> None:
    empty: dict[str, Verdict] = {}
    assert confirm("wrong-rank", evidence(), empty) is None

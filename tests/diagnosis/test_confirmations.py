"""CONFIRMATIONS: every cause is confirmed by what shows it, and by nothing less; docs/diagnosis.md says the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.confirmations import CONFIRMATIONS, confirm
from keras_consistency_cli.diagnosis.diagnose import diagnose, togglers
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.measurement.measure import Answers, compare
from keras_consistency_cli.routes.locating.interventions import INTERVENTION_ROUTES
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

CONFIRMED: list[tuple[str, dict[str, Any], dict[str, dict[str, Any]], str]] = [
    ("untracked-state", toggled("hold-copies", GONE), {"KC801": {}}, "with 'a' and 'b/c' held, both copies"),
    (
        "untracked-state",
        toggled("reloaded", {"untracked": ["odd.v"]}),
        {"KC801": {}},
        "another value of odd.v",
    ),
    ("config-loses-arguments", toggled("hold-copies", GONE), {"KC801": {}}, "both copies"),
    ("config-loses-arguments", {}, {"KC801": {"forgotten": [{"layer": "odd"}]}}, "get_config leaves it out"),
    ("config-loses-arguments", {}, {"KC801": {"failure": "TypeError: no"}}, "Keras refuses"),
    (
        "batch-statistics-in-inference",
        toggled("hold-companions", GONE),
        {"KC103": {}},
        "neighbours change no bit",
    ),
    ("cross-sample-dependence", toggled("hold-companions", GONE), {"KC103": {}}, "with 'a' and 'b/c' held"),
    (
        "batch-size-dependence",
        {"pairs": pair("companions", "companions-baseline")},
        {"KC102": {}},
        "other neighbours leave every bit",
    ),
    (
        "state-carry-over",
        {"differing": ("predict-again",), "pairs": pair("predict-reset", "predict")},
        {"KC502": {}},
        "with states reset",
    ),
    ("state-carry-over", toggled("hold-repeat", GONE), {"KC203": {}}, "repeated calls agree"),
    ("active-randomness", toggled("hold-repeat", GONE), {"KC203": {}}, "repeated calls agree"),
    ("active-randomness", {**SEED, **FIRM}, {"KC203": {}}, "from the same random seeds"),
    ("hidden-state", toggled("hold-repeat", GONE), {"KC203": {}}, "repeated calls agree"),
    ("hidden-state", {**COUNT, **FIRM}, {"KC203": {}}, "from the same variables"),
    ("hidden-state", {"differing": ("predict-retraced",)}, {"KC203": {}}, "until predict is traced anew"),
    ("untracked-state", {"differing": ("fresh-process",)}, {"KC203": {}}, "until a fresh process"),
    (
        "training-flag-default",
        toggled("hold-training", GONE),
        {"KC202": {}},
        "with training=False passed to 'a' and 'b/c' alone",
    ),
    (
        "state-batch-mismatch",
        {},
        {"KC102": {"given": 9, "output_rows": {"out": 12}}},
        "more answers than it has rows",
    ),
    ("outputs-not-per-sample", {}, {"KC102": {"output_rows": {"out": 1}}}, "counted"),
    (
        "nan-hidden",
        {"pairs": pair("call", "predict", nan=True)},
        {"KC701": {"hidden": {"out": 1}}},
        "give 1 values of NaN",
    ),
    ("non-finite-input", {}, {"KC701": {"rows": {"x": 1}}}, "counted"),
    (
        "non-finite-output",
        toggled("hold-nonfinite", {"held": ["log"], "before": 4, "left": 0}),
        {"KC701": {}},
        "every answer is finite",
    ),
    ("non-finite-output", {}, {"KC701": {"weights": ["w"]}}, "read off the weights"),
    ("predict-overridden", PLAIN, {"KC201": {}}, "predict_step"),
    ("eager-differs", {}, {"KC204": {}}, "the layer alone gives others in a graph"),
    ("dtype-cast", CAST, {"KC201": {"cast": True}}, "cast to float32 by hand"),
    (
        "dtype-cast",
        toggled("rows", {"lost_in_cast": {"x": 7}}),
        {"KC201": {"cast": {"x": 7}}},
        "7 whole numbers",
    ),
    ("preprocess-row-dependence", {}, {"KC302": {}}, "called on one row at a time"),
    ("preprocess-unrepeatable", {}, {"KC302": {}}, "called on the same rows"),
    (
        "scaler-refit",
        served("refit-batches"),
        {"KC301": {}},
        "gives the served rows back, value by value, in 2 columns",
    ),
    ("scaler-missing", served("unscaled"), {"KC301": {}}, "value by value"),
    (
        "scaler-applied-twice",
        served("scaled-twice", "unknown"),
        {"KC301": {}},
        "2 more are wrong in another way",
    ),
    ("scaling-step-skipped", served("without-step:log"), {"KC301": {}}, "value by value"),
    ("gaps-filled-otherwise", served("filled:0"), {"KC301": {}}, "value by value"),
    ("feature-order", served("other-columns"), {"KC301": {}}, "value by value"),
    ("feature-order", {}, {"KC304": {"fitted": ["a", "b"]}}, "read off the names"),
    ("scaled-in-low-precision", served("float16-first"), {"KC305": {}}, "value by value"),
    ("normalization-unadapted", {}, {"KC401": {}}, "read off the layer"),
    ("input-mutated", {}, {"KC402": {}}, "came back changed"),
    ("scaler-version", {}, {"KC304": {}}, "read off the file"),
    ("wrong-rank", {}, {"KC501": {}}, "read off the shape"),
    ("wrong-length", {}, {"KC501": {}}, "declares another length"),
    ("wrong-features", {}, {"KC501": {}}, "another number of features"),
    ("axes-swapped", {}, {"KC501": {"refused": True}}, "takes them with their axes exchanged"),
    ("wrong-ids", {}, {"KC501": {}}, "counted"),
    ("mask-lost", toggled("hold-masks", {**GONE, "scale": 1.0}), {"KC504": {}}, "padding changes nothing"),
    ("fully-masked-row", {}, {"KC504": {}}, "those rows give NaN"),
    (
        "stepwise-differs",
        toggled("steps", {"twin": 1e-7, "future": 0.0}),
        {"KC503": {}},
        "a copy that carries its state",
    ),
    (
        "stepwise-differs",
        toggled("steps", {"future": 0.5}),
        {"KC503": {}},
        "with later steps replaced, earlier answers move by 50%",
    ),
    ("state-not-carried", {}, {"KC502": {}}, "none is stateful"),
    ("time-distributed-dynamic", {}, {"KC501": {}}, "traced anew"),
    ("recorded-in-other-form", {}, {"KC802": {"forms": {"out": "sorted"}}}, "are the recorded ones"),
    ("kernel-dependent", {}, {"KC605": {}}, "nothing but oneDNN"),
    ("low-precision", {}, {"KC602": {"operations": ["m/Cast (Cast, float16)"]}}, "compiled step"),
    ("low-precision", {}, {"KC603": {}}, "dtype policy"),
    ("rounding", {}, {"KC101": {}}, "the model's own rounding"),
    ("ill-conditioned", {}, ILL, "3.0e+06 times"),
    ("ill-conditioned", {}, {"KC602": {"excess": 1.4}}, "layer by layer"),
    ("near-ties", {}, {"KC604": {"cause": "near-ties"}}, "turns decisions round"),
]

LIKELY: list[tuple[str, dict[str, Any], dict[str, dict[str, Any]], str | None]] = [
    ("untracked-state", {}, {"KC801": {}}, None),
    ("untracked-state", toggled("hold-copies", LEFT), {"KC801": {}}, "0.2 of 0.3 is left, 'd' differs next"),
    ("config-loses-arguments", {}, {"KC801": {}}, None),
    ("batch-statistics-in-inference", {}, {"KC103": {}}, None),
    ("cross-sample-dependence", toggled("hold-companions", LEFT), {"KC103": {}}, "it is not the only one"),
    (
        "cross-sample-dependence",
        toggled("hold-companions", OWN),
        {"KC103": {}},
        "in the call() of Net itself",
    ),
    (
        "batch-size-dependence",
        {"pairs": pair("companions", "companions-baseline", apart=1e-6)},
        {"KC102": {}},
        None,
    ),
    ("state-carry-over", UNRESET, {"KC502": {}}, "something else is kept too"),
    ("state-carry-over", {"pairs": pair("predict-reset", "predict")}, {"KC502": {}}, None),
    ("active-randomness", {**SEED, **UNFIRM}, {"KC203": {}}, "something else moves too"),
    ("active-randomness", SEED, {"KC203": {}}, None),
    ("hidden-state", {}, {"KC203": {}}, None),
    ("training-flag-default", toggled("hold-training", LEFT), {"KC202": {}}, "is left"),
    ("state-batch-mismatch", {}, {"KC502": {}}, "built into the model"),
    ("outputs-not-per-sample", {}, {"KC102": {}}, None),
    (
        "nan-hidden",
        {"pairs": pair("call", "predict", apart=0.1)},
        {"KC701": {"hidden": {"out": 1}}},
        "no way of calling it",
    ),
    (
        "non-finite-output",
        toggled("hold-nonfinite", {"held": ["log"], "before": 4, "left": 3}),
        {"KC701": {}},
        "3 of 4 values",
    ),
    (
        "predict-overridden",
        toggled("plain-predict", {"before": 1.0, "left": 0.5, "scale": 2.0}),
        {"KC201": {}},
        "still 0.5 apart",
    ),
    ("dtype-cast", MISCAST, {"KC201": {}}, "still 0.4 from predict"),
    ("preprocess-row-dependence", {}, {"KC301": {}}, "served rows"),
    ("scaler-refit", served("unknown"), {"KC301": {}}, "statistics alone"),
    ("scaler-missing", {}, {"KC303": {}}, "statistics alone"),
    ("scaler-applied-twice", {}, {"KC303": {}}, "statistics alone"),
    ("feature-order", {}, {"KC301": {}}, "statistics alone"),
    ("gaps-filled-otherwise", {}, {"KC702": {}}, "statistics alone"),
    ("scaled-in-low-precision", {}, {"KC305": {}}, "--served tells"),
    ("scaler-foreign", served("another-scaler"), {"KC301": {}}, "not at hand"),
    ("normalization-stale", {}, {"KC401": {}}, "reference rows"),
    ("normalized-twice", {}, {"KC402": {}}, "range of the rows"),
    ("input-range", {}, {"KC402": {}}, "range of the rows"),
    ("scaler-stale", {}, {"KC304": {}}, "reference rows"),
    ("distribution-shift", {}, {"KC702": {}}, "statistics alone"),
    ("axes-swapped", {}, {"KC501": {}}, "only their owner knows"),
    ("input-order", {}, {"KC501": {}}, "levels of the inputs"),
    (
        "mask-lost",
        toggled("hold-masks", {**LEFT, "scale": 1.0}),
        {"KC504": {}},
        "padding still moves answers by 0.2",
    ),
    ("mask-lost", {}, {"KC504": {}}, "no steps are left"),
    ("padding-unmasked", {}, {"KC504": {}}, "masks nothing"),
    (
        "stepwise-differs",
        toggled("steps", {"twin": 0.3, "future": 0.0}),
        {"KC503": {}},
        "no copy of the model",
    ),
    ("recorded-in-other-form", {}, {"KC802": {}}, None),
    ("answers-moved", {}, {"KC802": {}}, "only numbers were recorded"),
    ("device-precision", {}, {"KC601": {}}, "one device"),
    ("low-precision", {}, {"KC602": {"operations": []}}, "distance to float64"),
    ("ill-conditioned", {}, {"KC602": {"excess": 40.0}}, None),
]


def proven(
    evidence: Any, verdict: Any, cause: str, known: dict[str, Any], failed: dict[str, dict[str, Any]]
) -> Any:
    made = evidence(**{key: value for key, value in known.items() if key != "pairs"})
    made = replace(made, comparisons={**made.comparisons, **known.get("pairs", {})})
    return confirm(cause, made, {code: verdict(code, **findings) for code, findings in failed.items()})


@pytest.mark.parametrize(
    ("cause", "known", "failed", "told"),
    CONFIRMED,
    ids=[f"{case[0]}-{at}" for at, case in enumerate(CONFIRMED)],
)
def test_confirmed(
    evidence: Any,
    verdict: Any,
    cause: str,
    known: dict[str, Any],
    failed: dict[str, dict[str, Any]],
    told: str,
) -> None:
    proof = proven(evidence, verdict, cause, known, failed)
    assert proof.confirmed
    assert told in proof.told


@pytest.mark.parametrize(
    ("cause", "known", "failed", "told"), LIKELY, ids=[f"{case[0]}-{at}" for at, case in enumerate(LIKELY)]
)
def test_only_likely(
    evidence: Any,
    verdict: Any,
    cause: str,
    known: dict[str, Any],
    failed: dict[str, dict[str, Any]],
    told: str | None,
) -> None:
    proof = proven(evidence, verdict, cause, known, failed)
    assert (proof is None) == (told is None)
    assert proof is None or (not proof.confirmed and told in proof.told)


def test_every_cause_is_confirmed_here_or_cannot_be() -> None:
    assert set(CONFIRMATIONS) == set(CAUSES)
    confirmed, likely = {case[0] for case in CONFIRMED}, {case[0] for case in LIKELY}
    assert confirmed | likely == set(CAUSES)
    assert {slug for slug, known in CONFIRMATIONS.items() if known.how.startswith("not: ")} == set(
        CAUSES
    ) - confirmed


def test_a_step_that_may_be_meant_is_not_certain(evidence: Any, verdict: Any) -> None:
    proof = confirm("wrong-length", evidence(), {"KC501": verdict("KC501", Status.WARN)})
    assert proof is not None
    assert (proof.confirmed, "takes any length" in proof.told) == (False, True)


@pytest.mark.parametrize("route", ["hold-companions"])
def test_a_route_that_crashed_confirms_nothing(evidence: Any, verdict: Any, route: str) -> None:
    made = evidence(located={route: GONE})
    crashed = replace(made, traces={**made.traces, route: Trace(route=route, details=GONE, error="boom")})
    assert confirm("cross-sample-dependence", crashed, {"KC103": verdict("KC103")}) is None
    assert confirm("a-cause-of-somebody-else", made, {}) is None


def test_many_layers_are_counted_rather_than_listed(evidence: Any, verdict: Any) -> None:
    proof = confirm(
        "active-randomness",
        evidence(located={"hold-repeat": {**GONE, "held": list("abcde")}}),
        {"KC203": verdict("KC203")},
    )
    assert proof is not None
    assert proof.told.startswith("with 'a', 'b', 'c' and 2 more held")


def test_a_diagnosis_carries_its_confirmation(evidence: Any, verdict: Any) -> None:
    (sure,) = diagnose(evidence(located={"hold-companions": GONE}), [verdict("KC103")])
    assert (sure.confidence, sure.confirmation) == (
        "confirmed",
        "with 'a' and 'b/c' held, neighbours change no bit",
    )
    (unsure,) = diagnose(evidence(located={"hold-companions": LEFT}), [verdict("KC103")])
    assert (unsure.confidence, unsure.confirmation) == (
        "likely",
        "with 'a' held, 0.2 of 0.3 is left, 'd' differs next: it is not the only one",
    )


def test_code_around_a_layer_is_named_in_its_place(evidence: Any, verdict: Any) -> None:
    place = {"layer": "last", "kind": "Dense", "custom": False, "order": 2, "steps": 3}
    (model,) = diagnose(
        evidence(located={"locate-companions": place, "hold-companions": OWN}), [verdict("KC103")]
    )
    assert (model.layer, model.confidence) == ("m", "likely")
    assert model.sentence.startswith("'m' (Net) mixes the rows")
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
    assert [route.name for route in togglers(evidence(**known), [verdict(code, status)])] == routes


def test_every_toggling_route_belongs_to_a_cause() -> None:
    assert {route for known in CONFIRMATIONS.values() for route in known.routes} == {
        route.name for route in INTERVENTION_ROUTES
    }


def test_the_page_says_how_each_cause_is_confirmed() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert rows == [f"| `{slug}` | {CONFIRMATIONS[slug].how} |" for slug in sorted(CAUSES)]


def test_a_verdict_is_needed_for_what_is_read(evidence: Any) -> None:
    empty: dict[str, Verdict] = {}
    assert confirm("wrong-rank", evidence(), empty) is None

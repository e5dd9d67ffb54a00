"""Causes explain failures, the most specific first, and name the layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.diagnose import diagnose, locating_routes
from keras_consistency_cli.diagnosis.impact import AffectedRow, Impact
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.data_facts import DataFacts, RowsFact, ServedFact
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import Trace

PLACE = {"layer": "enc/mix", "kind": "Mix", "custom": True, "order": 2, "steps": 5}


def test_without_a_failure_there_is_no_diagnosis(evidence: Any, verdict: Any) -> None:
    passed = [
        verdict(code, status)
        for code in ("KC103", "KC203", "KC602")
        for status in (Status.PASS, Status.SKIP, Status.ERROR)
    ]
    assert diagnose(evidence(changed={"predict": ("seed", "seed")}), passed) == ()
    assert diagnose(evidence(), []) == ()


def test_a_whole_diagnosis(evidence: Any, verdict: Any, wording: SnapshotAssertion) -> None:
    failed = [verdict("KC101", moved=(4, 9)), verdict("KC103", moved=(9, 2)), verdict("KC104", Status.PASS)]
    (diagnosis,) = diagnose(evidence(located={"locate-companions": PLACE}), failed)
    assert diagnosis == Diagnosis(
        cause="cross-sample-dependence",
        severity="fail",
        sentence=diagnosis.sentence,
        layer="enc/mix",
        rows=(4, 9, 2),
        explains=("KC101", "KC103"),
        confidence="likely",
        evidence={"located": PLACE},
        advice=diagnosis.advice,
        damage=Impact(
            rows_hit=2,
            rows=16,
            share=0.125,
            worst=tuple(AffectedRow(row=row, output="out", index=(0,), distance=1.0) for row in (4, 9, 2)),
        ),
    )
    assert "'enc/mix' (Mix)" in diagnosis.sentence
    assert [diagnosis.sentence, diagnosis.advice] == wording


def test_without_a_located_layer_the_texts_name_none(
    evidence: Any, verdict: Any, wording: SnapshotAssertion
) -> None:
    (diagnosis,) = diagnose(evidence(), [verdict("KC103")])
    assert (diagnosis.layer, diagnosis.evidence) == (None, {})
    assert [diagnosis.sentence, diagnosis.advice] == wording


@pytest.mark.parametrize(
    ("held", "named"),
    [(["enc/mix"], False), (["enc/mix", "dec/mix"], True), (["enc/mix", "b", "c"], True), (["other"], False)],
)
def test_other_layers_with_the_same_fault_are_in_the_fix(
    evidence: Any, verdict: Any, held: list[str], named: bool, wording: SnapshotAssertion
) -> None:
    patch = {"held": held, "before": 0.3, "left": 0.0}
    known = evidence(located={"locate-companions": PLACE, "hold-companions": patch})
    (diagnosis,) = diagnose(known, [verdict("KC103")])
    line = diagnosis.advice.splitlines()[-1]
    assert all(path in line for path in held[1:])
    assert (line == wording) if named else "same fault" not in line


def test_confirmations_that_replace_no_layers_name_no_other_layers(evidence: Any, verdict: Any) -> None:
    patch = {"held": ["enc/mix", "dec/mix"], "before": 0.3, "left": 0.2}
    known = evidence(located={"locate-companions": PLACE, "hold-companions": patch})
    (diagnosis,) = diagnose(known, [verdict("KC103")])
    assert (diagnosis.confidence, "same fault" in diagnosis.advice) == ("likely", False)
    known = evidence(located={"hold-clock": {"held": 0.0, "moved": 0.5}})
    (diagnosis,) = diagnose(known, [verdict("KC203", cause="clock-read")])
    assert (diagnosis.cause, diagnosis.confidence) == ("clock-read", "confirmed")
    assert "same fault" not in diagnosis.advice
    known = evidence(
        overridden=("predict_step",), located={"plain-predict": {"before": 0.3, "left": 0.0, "scale": 2.0}}
    )
    (diagnosis,) = diagnose(known, [verdict("KC201")])
    assert (diagnosis.cause, "same fault" in diagnosis.advice) == ("predict-overridden", False)


@pytest.mark.parametrize("methods", [("predict_step",), ("predict",), ("predict_step", "predict_on_batch")])
def test_the_overridden_methods_are_named(
    evidence: Any, verdict: Any, methods: tuple[str, ...], wording: SnapshotAssertion
) -> None:
    (diagnosis,) = diagnose(evidence(overridden=methods), [verdict("KC201")])
    assert diagnosis.cause == "predict-overridden"
    assert [diagnosis.sentence, diagnosis.advice] == wording


@pytest.mark.parametrize(
    ("raised", "lost"), [(["mix"], 0), (["mix", "a{0}b"], 0), (["mix", "b", "c"], 3), (["mix"], 3)]
)
def test_every_layer_that_must_compute_in_float32_is_named(
    evidence: Any, verdict: Any, raised: list[str], lost: int, wording: SnapshotAssertion
) -> None:
    details = {"layer": "mix", "raised": raised, "lost_before": 4, "lost": lost}
    layers = (LayerFact(path="mix", kind="Dense", dtype_policy="float16"),)
    located = {"locate-nonfinite": {**PLACE, "layer": "mix"}, "raise-precision": details}
    known = evidence(located=located, layers=layers)
    same = Comparison(candidate="predict", reference="predict-float64", output="y", rows=2, elements=2)
    compared = {**known.comparisons, ("predict", "predict-float64"): (same,)}
    (diagnosis,) = diagnose(replace(known, comparisons=compared), [verdict("KC701", outputs={"y": 1})])
    assert (diagnosis.cause, diagnosis.confidence) == (
        "overflow-in-float16",
        "likely" if lost else "confirmed",
    )
    assert [diagnosis.advice, diagnosis.confirmation] == wording


DEPTH = [
    {
        "layer": name,
        "kind": kind,
        "depth": number,
        "inputs": 0.0,
        "outputs": 0.3,
        "culprit": name == "enc/mix",
    }
    for number, (name, kind) in enumerate((("waves", "Waves"), ("enc/mix", "Mix")), start=1)
]


@pytest.mark.parametrize(
    ("raised", "layer", "order"),
    [
        (["waves"], "waves", 1),
        (["a{0}b", "waves"], "waves", 1),
        (["enc/mix"], "enc/mix", 2),
        (list("abcdefgh"), None, None),
    ],
)
def test_the_layer_is_the_one_that_the_experiment_confirms(
    evidence: Any, verdict: Any, raised: list[str], layer: str | None, order: int | None
) -> None:
    details = {"layer": layer or "", "raised": raised, "off_before": 0.4, "off": 0.001}
    known = evidence(
        located={"locate-rounding": {**PLACE, "depth": DEPTH}, "raise-precision": details},
        layers=(LayerFact(path="waves", kind="Waves", custom=True),),
    )
    (diagnosis,) = diagnose(known, [verdict("KC603", Status.WARN, cause="low-precision")])
    assert (diagnosis.layer, diagnosis.confidence) == (layer, "confirmed")
    located = diagnosis.evidence.get("located")
    assert (located and located["order"]) == order
    assert [each.layer for each in diagnosis.depth if each.culprit] == ([layer] if layer else [])
    assert all(f"'{path}'" in diagnosis.advice for path in raised if layer)


@pytest.mark.parametrize("trace", [{"error": "boom"}, {"unavailable": "no"}])
def test_a_locator_that_did_not_run_names_nothing(evidence: Any, verdict: Any, trace: dict[str, str]) -> None:
    known = evidence(located={"locate-companions": PLACE})
    broken = {**known.traces, "locate-companions": replace(known.traces["locate-companions"], **trace)}
    (diagnosis,) = diagnose(replace(known, traces=broken), [verdict("KC103")])
    assert (diagnosis.layer, diagnosis.evidence) == (None, {})


def test_at_most_five_rows_are_listed_and_none_twice(evidence: Any, verdict: Any) -> None:
    (diagnosis,) = diagnose(
        evidence(), [verdict("KC101", moved=(1, 2, 3)), verdict("KC103", moved=(3, 4, 5, 6))]
    )
    assert diagnosis.rows == (1, 2, 3, 4, 5)


def test_a_failure_is_explained_by_one_cause_only(evidence: Any, verdict: Any) -> None:
    """Randomness makes KC101, KC104 and KC203 fail; kept state would explain the same checks."""
    diagnoses = diagnose(
        evidence(changed={"predict": ("seed", "seed")}),
        [verdict(code) for code in ("KC101", "KC104", "KC203", "KC202")],
    )
    assert [(each.cause, each.explains) for each in diagnoses] == [
        ("active-randomness", ("KC101", "KC104", "KC203", "KC202"))
    ]


def test_a_failure_outweighs_a_warning_in_severity(evidence: Any, verdict: Any) -> None:
    rows = {"rows": {"x": 3}}
    (warned,) = diagnose(evidence(), [verdict("KC701", Status.WARN, **rows)])
    (failed,) = diagnose(evidence(), [verdict("KC701", Status.FAIL, **rows)])
    assert (warned.severity, failed.severity) == ("warn", "fail")


@pytest.mark.parametrize(
    ("code", "status", "names"),
    [
        ("KC103", Status.FAIL, ["locate-companions"]),
        ("KC203", Status.FAIL, ["locate-repeat", "locate-created", "layers-here", "layers-elsewhere"]),
        ("KC202", Status.FAIL, ["locate-training", "locate-created"]),
        ("KC101", Status.FAIL, ["locate-companions", "locate-batching"]),
        ("KC204", Status.FAIL, ["locate-execution", "locate-xla-numbers"]),
        ("KC201", Status.FAIL, ["locate-execution"]),
        ("KC103", Status.WARN, []),
        ("KC103", Status.PASS, []),
        ("KC103", Status.ERROR, []),
    ],
)
def test_locators(verdict: Any, code: str, status: Status, names: list[str]) -> None:
    assert [route.name for route in locating_routes([verdict(code, status)])] == names


def test_locators_of_several_failures(verdict: Any) -> None:
    assert [
        route.name for route in locating_routes([verdict("KC203"), verdict("KC103"), verdict("KC202")])
    ] == [
        "locate-companions",
        "locate-repeat",
        "locate-training",
        "locate-created",
        "layers-here",
        "layers-elsewhere",
    ]
    assert locating_routes([]) == ()


def test_the_line_that_fixes_these_rows_comes_before_general_advice(evidence: Any, verdict: Any) -> None:
    failed = replace(
        verdict("KC501"), findings={"cause": "axes-swapped", "mend": "x = x.transpose(0, 2, 3, 1)"}
    )
    (diagnosis,) = diagnose(evidence(), [failed])
    assert diagnosis.advice.splitlines()[0] == "x = x.transpose(0, 2, 3, 1)"
    assert len(diagnosis.advice.splitlines()) > 1


@pytest.mark.parametrize(
    ("named", "layer"),
    [("second", "second"), ("gone", "first"), (None, "first")],
    ids=["named", "gone", "no"],
)
def test_the_layer_that_a_check_names_comes_before_the_one_that_facts_point_to(
    evidence: Any, verdict: Any, named: str | None, layer: str
) -> None:
    layers = tuple(LayerFact(path=path, kind="LSTM", stateful=True) for path in ("first", "second"))
    failed = verdict("KC503", cause="stepwise-differs", layer=named)
    (diagnosis,) = diagnose(evidence(layers=layers), [failed])
    assert (diagnosis.cause, diagnosis.layer) == ("stepwise-differs", layer)


SERVED = ServedFact(rows=16, raw=1.0, scaled=0.0, twice=0.0)


@pytest.mark.parametrize("slug", ["scaler-missing", "scaler-applied-twice", "feature-order"])
@pytest.mark.parametrize("served", [None, SERVED], ids=["data", "served"])
def test_wrong_served_rows_explain_nothing_about_the_rows_of_the_data(
    evidence: Any, verdict: Any, slug: str, served: ServedFact | None
) -> None:
    known = replace(evidence(), data=DataContext(description=DataFacts(served_as=served)))
    named = "KC304" if slug == "feature-order" else "KC303"
    failed = [verdict(named, cause=slug), verdict("KC404", cause="batch-norm-statistics")]
    expected = [slug] if served is None else [slug, "batch-norm-statistics"]
    assert [each.cause for each in diagnose(known, failed)] == expected


@pytest.mark.parametrize(("raw", "first"), [(0, "scaler-applied-twice"), (3, "nan-hidden")])
def test_nan_made_by_a_scaler_comes_after_the_scaling_cause(
    evidence: Any, verdict: Any, raw: int, first: str
) -> None:
    """A logarithm applied twice gives NaN; NaN in the raw rows is a cause of its own."""
    bare = RowsFact(input="x", rows=16, shape=(4,), columns=())
    known = DataFacts(raw=(replace(bare, bad_rows=raw),), fed=(replace(bare, bad_rows=3),))
    failed = [verdict("KC701", hidden={"out": 3}), verdict("KC303", cause="scaler-applied-twice")]
    diagnoses = diagnose(replace(evidence(), data=DataContext(description=known)), failed)
    assert {each.cause for each in diagnoses} == {"nan-hidden", "scaler-applied-twice"}
    assert diagnoses[0].cause == first


@pytest.mark.parametrize(
    ("raw", "causes"), [(0, ["scaler-applied-twice"]), (3, ["non-finite-input", "scaler-applied-twice"])]
)
def test_nan_made_by_scaling_twice_is_a_consequence(
    evidence: Any, verdict: Any, raw: int, causes: list[str]
) -> None:
    bare = RowsFact(input="x", rows=16, shape=(4,), columns=())
    known = DataFacts(raw=(replace(bare, bad_rows=raw),), fed=(replace(bare, bad_rows=3),))
    failed = [verdict("KC701", rows={"x": 3}), verdict("KC303", cause="scaler-applied-twice")]
    diagnoses = diagnose(replace(evidence(), data=DataContext(description=known)), failed)
    assert [each.cause for each in diagnoses] == causes
    assert ("KC701" in diagnoses[-1].explains) == (raw == 0)


@pytest.mark.parametrize(
    ("error", "layer"),
    [
        ("InvalidArgumentError: no [[{{node model_1/mix_3/loop/ExpandDims}}]]", "mix"),
        ("InvalidArgumentError: no [[{{node model_1/other/Reshape}}]]", None),
        ("InvalidArgumentError: no", None),
    ],
)
def test_a_layer_whose_operation_refuses_a_batch_is_suspected(
    evidence: Any, verdict: Any, error: str, layer: str | None
) -> None:
    known = evidence(layers=(LayerFact(path="dense", kind="Dense"), LayerFact(path="mix", kind="Mix")))
    refused = replace(known, traces={**known.traces, "batch-3": Trace(route="batch-3", error=error)})
    (diagnosis,) = diagnose(refused, [verdict("KC102", refused=["batch-3"])])
    assert (diagnosis.cause, diagnosis.layer) == ("batch-size-dependence", layer)

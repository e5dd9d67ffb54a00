"""KC702: the rows have the distribution of the training rows."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc702_distribution_shift import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.setting_types import DriftOptions
from keras_consistency_cli.measurement.data_facts import DataFacts, DriftFact, RowsFact
from tests.helpers.described import examined, layer


def drift(**fields: Any) -> DriftFact:
    usual: dict[str, Any] = {
        "input": "x",
        "name": "age",
        "against": "reference",
        "mean": 52.0,
        "expected": 45.0,
    }
    usual |= {"shift": 0.0, "p_value": 1.0, "rows": 200}
    return DriftFact(**{**usual, **fields})


def described(*facts: DriftFact, **fields: Any) -> DataFacts:
    return DataFacts(drift=facts, reference=(RowsFact(input="x", rows=1, shape=(1,), columns=()),), **fields)


@pytest.mark.parametrize(
    ("fact", "moved"),
    [
        (drift(shift=0.9, p_value=1e-9), True),
        (drift(shift=-0.9, p_value=1e-9), True),
        (drift(shift=0.9, p_value=1e-2), False),
        (drift(shift=0.4, p_value=1e-30), False),
        (drift(distance=0.25, p_value=1e-9), True),
        (drift(distance=0.1, p_value=1e-30), False),
        (drift(outside=0.3, outside_p=1e-9), True),
        (drift(outside=0.5, outside_p=1e-2), False),
        (drift(outside=0.04, outside_p=1e-30), False),
    ],
    ids=[
        "shift up",
        "shift down",
        "shift by chance",
        "small shift",
        "distance",
        "small distance",
        "outside",
        "outside by chance",
        "little outside",
    ],
)
def test_large_and_significant_effects_count(
    fact: DriftFact, moved: bool, wording: SnapshotAssertion
) -> None:
    verdict = examined(CHECK, described(fact))
    assert (verdict.status, list(verdict.findings["moved"])) == (
        (Status.WARN, ["age"]) if moved else (Status.PASS, [])
    )
    assert verdict.message == wording


def test_the_worst_feature_is_named(wording: SnapshotAssertion) -> None:
    verdict = examined(
        CHECK,
        described(
            drift(shift=0.6, p_value=0.0), drift(name="income", shift=2.0, p_value=0.0), drift(name="rooms")
        ),
    )
    assert verdict.message == wording
    assert verdict.findings["cause"] == "distribution-shift"


def test_the_figures_of_every_feature_are_listed() -> None:
    facts = (
        drift(name="rooms", shift=-0.3),
        drift(name="age", shift=0.6, p_value=0.0),
        drift(name="sold", outside=0.5, outside_p=0.0),
    )
    found = examined(CHECK, described(*facts)).findings["by_feature"]
    assert [(each["name"], each["moved"], each["shift"]) for each in found] == [
        ("sold", True, 0.0),
        ("age", True, 0.6),
        ("rooms", False, -0.3),
    ]
    assert found[1] == {
        "input": "x",
        "name": "age",
        "mean": 52.0,
        "expected": 45.0,
        "shift": 0.6,
        "distance": None,
        "outside": None,
        "moved": True,
    }
    assert (
        len(examined(CHECK, described(*(drift(name=str(at)) for at in range(90)))).findings["by_feature"])
        == 40
    )


def test_many_features_are_many_chances() -> None:
    lucky = drift(shift=0.9, p_value=1e-5)
    assert examined(CHECK, described(lucky)).status is Status.WARN
    assert (
        examined(CHECK, described(lucky, *(drift(name=str(at)) for at in range(200)))).status is Status.PASS
    )


def test_limits_and_severity_are_the_owners() -> None:
    fact = drift(shift=0.9, p_value=1e-9)
    assert examined(CHECK, described(fact), drift_limits=DriftOptions(effect=1.0)).status is Status.PASS
    assert examined(CHECK, described(fact), drift_limits=DriftOptions(severity="fail")).status is Status.FAIL
    assert (
        examined(
            CHECK, described(drift(outside=0.5, outside_p=0.0)), drift_limits=DriftOptions(outside=0.6)
        ).status
        is Status.PASS
    )


def test_the_source_of_the_statistics_is_named(wording: SnapshotAssertion) -> None:
    assert examined(CHECK, DataFacts(drift=(drift(against="norm"),))).message == wording


def test_gaps_that_were_filled_are_a_separate_cause(wording: SnapshotAssertion) -> None:
    filled = drift(outside=0.08, outside_p=0.0, filler=-999.0, gaps=0.07)
    verdict = examined(CHECK, described(filled, drift(name="rooms")))
    assert (verdict.status, verdict.findings["cause"]) == (Status.WARN, "gaps-filled-otherwise")
    assert verdict.message == wording
    also = examined(CHECK, described(filled, drift(name="rooms", shift=2.0, p_value=0.0)))
    assert also.findings["cause"] == "distribution-shift"


def test_a_layer_that_stores_the_statistics_is_named(wording: SnapshotAssertion) -> None:
    two = (drift(against="left"), drift(name="speed", against="right", shift=2.0, p_value=0.0))
    layers = (layer(path="left"), layer(path="right"))
    verdict = examined(CHECK, DataFacts(drift=two, layers=layers))
    assert verdict.message == wording
    assert (verdict.findings["cause"], verdict.findings["layer"]) == ("distribution-shift", "right")
    assert verdict.advice == wording
    by_scaler = examined(
        CHECK, DataFacts(drift=(drift(against="StandardScaler", shift=2.0, p_value=0.0),), layers=layers)
    )
    assert "layer" not in by_scaler.findings


@pytest.mark.parametrize("facts", [DataFacts(), described(drift(shift=9.0, p_value=0.0), generated=True)])
def test_nothing_to_compare_with_is_a_skip(facts: DataFacts) -> None:
    assert examined(CHECK, facts).status is Status.SKIP

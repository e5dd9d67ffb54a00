"""The cause `rounding`: a strict limit that fails on rounding alone is not a fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.diagnose import diagnose
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.facts import Decision, Facts
from keras_consistency_cli.measurement.limits import NoiseEvidence, judge
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Policy, UserLimit
from keras_consistency_cli.routes.trace import Change, Trace

EXACT = Policy(exact=True)
STRICT = Policy(stated=UserLimit(rtol=0.0, atol=1e-9))
NOISE = 2.0**-20
PREDICT = np.linspace(0.5, 1.0, 32, dtype=np.float32).reshape(-1, 1)
FLOAT64_COPY = PREDICT + NOISE * np.where(np.arange(32) % 2, 1.0, -1.0).reshape(-1, 1)


def _answers(values: np.ndarray) -> RowOutputs:
    return RowOutputs(outputs={"out": values})


def _compared(
    names: tuple[str, str], candidate: np.ndarray, reference: np.ndarray, policy: Policy
) -> Comparison:
    return compare(
        names,
        _answers(candidate),
        _answers(reference),
        float64_copy=_answers(FLOAT64_COPY),
        stated={"out": policy.stated},
    )[0]


def _evidence(policy: Policy, noise: Comparison, changed: str) -> Evidence:
    changes = (Change(path=changed, kind="seed", max_abs=1.0),) if changed else ()
    facts = Facts(name="m", kind="Functional", parameters=1, layers=(), inputs=(), outputs=())
    traces = {"predict": Trace(route="predict", changed=changes)}
    return Evidence(facts=facts, policy=policy, traces=traces, comparisons={}, noise={"out": noise})


@pytest.fixture
def diagnosed() -> Callable[..., tuple[Diagnosis, ...]]:
    """A function that diagnoses a check whose candidate differs from predict in row 3.

    The difference is `by`, and `float64_pair` on the float64 copy.
    """

    def run(
        by: float, policy: Policy, code: str = "KC102", float64_pair: float | None = None, **more: Any
    ) -> Any:
        changed, others = more.pop("changed", ""), more.pop("others", ())
        moved = PREDICT.copy()
        moved[3] += np.float32(by)
        noise = _compared(("predict", "predict-float64"), PREDICT, FLOAT64_COPY, policy)
        twin = (
            None
            if float64_pair is None
            else _compared(
                ("other-float64", "predict-float64"), FLOAT64_COPY + float64_pair, FLOAT64_COPY, policy
            )
        )
        comparison = _compared(("other", "predict"), moved, PREDICT, policy)
        ruling = judge(NoiseEvidence(pair=comparison, noise=noise, float64_pair=twin), policy=policy)
        judged = Judged(comparison=comparison, limit=ruling.limit, within=ruling.within, float64_pair=twin)
        status = Status.PASS if ruling.within else Status.FAIL
        verdict = Verdict(status=status, message="", code=code, name=code, judged=(judged,), findings=more)
        return diagnose(_evidence(policy, noise, changed), [verdict, *others])

    return run


@pytest.mark.parametrize("policy", [EXACT, STRICT])
@pytest.mark.parametrize(
    ("code", "findings"),
    [("KC101", {}), ("KC102", {}), ("KC202", {}), ("KC204", {}), ("KC605", {"cause": "kernel-dependent"})],
)
def test_a_deviation_within_rounding_is_not_a_fault(
    diagnosed: Any, policy: Policy, code: str, findings: dict[str, Any]
) -> None:
    (diagnosis,) = diagnosed(2 * NOISE, policy, code, float64_pair=0.0, **findings)
    assert (diagnosis.cause, diagnosis.explains, diagnosis.severity, diagnosis.layer) == (
        "rounding",
        (code,),
        "fail",
        None,
    )
    assert "--exact" in diagnosis.advice


@pytest.mark.parametrize("policy", [EXACT, STRICT])
def test_a_deviation_beyond_rounding_is_a_fault(diagnosed: Any, policy: Policy) -> None:
    assert [each.cause for each in diagnosed(0.1, policy)] == ["batch-size-dependence"]


def test_a_deviation_that_float64_has_too_is_a_fault(diagnosed: Any) -> None:
    assert [each.cause for each in diagnosed(NOISE, EXACT, float64_pair=1e-7)] == ["batch-size-dependence"]


def test_rounding_does_not_hide_randomness(diagnosed: Any) -> None:
    assert "rounding" not in [each.cause for each in diagnosed(0.1, EXACT, "KC101", changed="drop/seed")]
    assert [each.cause for each in diagnosed(0.1, EXACT, "KC203", changed="drop/seed")] == [
        "active-randomness"
    ]


@pytest.mark.parametrize("code", ["KC103", "KC203", "KC801"])
def test_a_kernel_that_runs_twice_rounds_alike(diagnosed: Any, code: str) -> None:
    assert "rounding" not in [each.cause for each in diagnosed(NOISE, EXACT, code, float64_pair=0.0)]


def test_calibrated_limits_never_fail_on_rounding(diagnosed: Any) -> None:
    assert diagnosed(2 * NOISE, Policy(), float64_pair=0.0) == ()


def test_a_fault_is_reported_before_rounding(diagnosed: Any) -> None:
    leak = Verdict(status=Status.FAIL, message="", code="KC103", name="companion-swap")
    diagnoses = diagnosed(2 * NOISE, EXACT, "KC201", float64_pair=0.0, others=(leak,))
    assert [(each.cause, each.explains) for each in diagnoses] == [
        ("cross-sample-dependence", ("KC103",)),
        ("rounding", ("KC201",)),
    ]


@pytest.mark.parametrize(
    ("rows", "decision", "is_order"),
    [(8, None, True), (8, "threshold", False), (0, None, False)],
    ids=["places", "classes", "no change"],
)
def test_near_ties_of_scores_have_texts_of_their_own(
    rows: int, decision: Decision | None, is_order: bool
) -> None:
    reference, changed = np.zeros((32, 1)), np.zeros((32, 1))
    changed[:rows] = 1.0
    names = ("changed-weights", "predict-float64")
    compared = compare(names, _answers(changed), _answers(reference), decisions={"out": decision})
    evidence = replace(_evidence(EXACT, compared[0], ""), comparisons={names: compared})
    cause = CAUSES["near-ties"]
    texts = cause.texts(evidence)
    assert (texts.sentence != cause.sentence, texts.advice != cause.advice) == (is_order, is_order)

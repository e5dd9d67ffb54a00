"""Reports as a run builds them: the numbers come from compare() and judge()."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.measurement.facts import Facts, InputFact, LayerFact, OutputFact
from keras_consistency_cli.measurement.limits import NoiseEvidence, judge
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Policy, UserLimit
from keras_consistency_cli.reporting.report import Report, Source

ROWS = 256
HOSTILE = "[bold red]no[/]\x1b[31m\n::error::owned \u202eabc"

Pairing = Callable[..., Judged]


def _facts(**changed: Any) -> Facts:
    defaults: dict[str, Any] = {
        "name": "churn",
        "kind": "Functional",
        "parameters": 12_769,
        "layers": (
            LayerFact(path="dense", kind="Dense", parameters=704),
            LayerFact(path="score", kind="Dense", parameters=65),
        ),
        "inputs": (InputFact(name="features", shape=(None, 10), dtype="float32"),),
        "outputs": (OutputFact(name="score", shape=(None, 1), decision="threshold"),),
        "keras": "3.15.1",
        "saved_with": "3.15.1",
        "backend": "tensorflow",
        "backend_version": "2.21.0",
        "devices": ("CPU:0",),
        "python": "3.12.3",
    }
    return Facts(**{**defaults, **changed})


def _judged(
    candidate: str,
    reference: str,
    change: float,
    *,
    output: str = "score",
    rows: tuple[int, ...] = (3, 17, 40, 99),
    exact: bool = False,
    stated: UserLimit | None = None,
    count: int = ROWS,
    seed: int = 0,
) -> Judged:
    """Judge two routes that differ by `change` in `rows`, with rounding noise of about 1e-7."""
    exact_answers = np.random.default_rng(seed).uniform(0.1, 0.9, (count, 1))
    reference_values = exact_answers.astype(np.float32)
    candidate_values = reference_values.copy()
    candidate_values[[row for row in rows if row < count]] += np.float32(change)
    float64_copy = RowOutputs(outputs={output: exact_answers})
    answers = (
        RowOutputs(outputs={output: candidate_values}),
        RowOutputs(outputs={output: reference_values}),
    )
    pair = compare(
        (candidate, reference),
        *answers,
        float64_copy=float64_copy,
        stated={output: stated},
        decisions={output: "threshold"},
    )[0]
    noise = compare(("predict", "predict-float64"), answers[1], float64_copy, float64_copy=float64_copy)[0]
    judgement = judge(NoiseEvidence(pair=pair, noise=noise), policy=Policy(stated=stated), exact=exact)
    return Judged(comparison=pair, limit=judgement.limit, within=judgement.within, reason=judgement.reason)


@pytest.fixture
def judged() -> Pairing:
    """A function that returns one judged comparison of real arrays."""
    return _judged


def _passing(
    code: str, name: str, *pairs: Judged, advice: str | None = None, message: str = "agrees"
) -> Verdict:
    return Verdict(
        code=code, name=name, status=Status.PASS, message=message, judged=pairs, advice=advice, elapsed_s=0.1
    )


def _passing_checks() -> dict[str, Verdict]:
    verdicts = (
        _passing("KC101", "batch-vs-single", _judged("one-by-one", "predict", 6e-8)),
        _passing(
            "KC102",
            "batch-size",
            _judged("predict-7", "predict", 1.2e-7),
            _judged("predict-2", "predict", 0.0),
        ),
        _passing("KC103", "companion-swap", _judged("swap-first", "predict", 0.0, exact=True, count=96)),
        _passing("KC104", "row-order", _judged("shuffled", "predict", 6e-8)),
        _passing("KC201", "predict-vs-call", _judged("call", "predict", 1.2e-7)),
        _passing("KC202", "training-flag", _judged("bare-call", "call", 0.0)),
        _passing("KC203", "repeatability", _judged("predict-again", "predict", 0.0, exact=True)),
        _passing("KC204", "execution-mode", _judged("xla", "predict", 1.2e-7)),
        _passing(
            "KC205", "gradient-flow", message="gradients reach every float input from every float output"
        ),
        _passing(
            "KC206",
            "call-cost",
            message=(
                "one row: predict 27 ms, model(x) 3.1 ms, compiled 0.4 ms; 256 rows: predict 0.14 ms a row, "
                "compiled 2 µs a row"
            ),
            advice=(
                "for single requests call the model through a compiled tf.function: predict costs 67 times "
                "as much for one row"
            ),
        ),
        _passing("KC602", "float32-vs-float64", _judged("predict", "predict-float64", 0.0)),
        _passing("KC701", "finite", message="inputs and outputs are finite in all 256 rows"),
    )
    return {verdict.code: verdict for verdict in verdicts}


def _report(verdicts: Mapping[str, Verdict], **changed: Any) -> Report:
    defaults: dict[str, Any] = {
        "version": "0.1.0",
        "verdicts": tuple(verdicts.values()),
        "facts": _facts(),
        "environment": {"keras": "3.15.1", "threads": 2, "onednn": True},
        "model": Source(path="models/churn.keras", sha256="ab" * 32, summary="Functional"),
        "data": Source(path="x.npy", sha256="cd" * 32, summary="float32 (10000, 10)"),
        "settings": {"rows": 256, "seed": 0},
        "rows": ROWS,
        "rows_available": 10_000,
        "noise": {"score": 3.0e-08},
        "reproduce": "kcheck run models/churn.keras --data x.npy --rows 256 --seed 0",
        "elapsed_s": 2.94,
    }
    return Report(**{**defaults, **changed})


@pytest.fixture
def healthy() -> Report:
    """A multi-layer perceptron that passes every check."""
    return _report(_passing_checks())


@pytest.fixture
def make_report() -> Callable[..., Report]:
    """A function that returns a report of these verdicts; keywords replace fields."""
    return lambda *verdicts, **changed: _report(
        {str(at): verdict for at, verdict in enumerate(verdicts)}, **changed
    )


@pytest.fixture
def failing() -> Report:
    """A leak between rows: two checks fail, one warns, one crashed, one was skipped."""
    changed = (
        Verdict(
            code="KC101",
            name="batch-vs-single",
            status=Status.FAIL,
            message=("4 of 256 rows answer differently when they are alone in their batch."),
            judged=(
                _judged("one-by-one", "predict", 6e-8),
                _judged("one-by-one-16", "predict", 0.31),
                _judged("one-by-one-3", "predict", 0.012),
            ),
        ),
        Verdict(
            code="KC103",
            name="companion-swap",
            status=Status.FAIL,
            message=("a row's answer changes when its neighbours are replaced."),
            judged=(_judged("swap-middle", "predict", 0.0021, exact=True, count=96),),
            advice=("compute nothing over axis 0"),
        ),
        Verdict(
            code="KC204",
            name="execution-mode",
            status=Status.ERROR,
            message="the xla route crashed.",
            reason="InvalidArgumentError: no XLA kernel for StringFormat\n  at node churn/score",
            advice="rerun with --debug to see the backend's log",
        ),
        Verdict(
            code="KC202",
            name="training-flag",
            status=Status.WARN,
            message=("layer 'dropout' answers to training=True."),
            judged=(_judged("training-call", "call", 0.2),),
            advice="call the model with training=False",
        ),
        Verdict(
            code="KC205",
            name="gradient-flow",
            status=Status.SKIP,
            message="",
            reason="no input is a float: no gradient is defined for int32",
        ),
    )
    diagnosis = Diagnosis(
        cause="cross-sample-dependence",
        severity="fail",
        sentence=(
            "Layer 'norm' averages over the batch, so the answer for a row depends on the rows it is sent "
            "with."
        ),
        layer="encoder/norm",
        rows=tuple(range(3, 15)),
        explains=("KC101", "KC103"),
        confidence="confirmed",
        confirmation="with the output of 'encoder/norm' replaced, neighbours change no bit",
        evidence={"share": np.float32(0.5), "axis": 0},
        advice=(
            "Average over the features instead of over the rows:\n"
            "    mean = keras.ops.mean(x, axis=-1, keepdims=True)\n"
            "    return x - mean"
        ),
    )
    return _report(
        {**_passing_checks(), **{verdict.code: verdict for verdict in changed}}, diagnoses=(diagnosis,)
    )


@pytest.fixture
def stateful() -> Report:
    """A stateful LSTM with two outputs, generated rows and no float64 copy."""
    outputs = tuple(OutputFact(name=name, shape=(32, 1)) for name in ("next", "trend"))
    facts = _facts(
        name="lstm",
        kind="Sequential",
        parameters=17_217,
        outputs=outputs,
        batch_size=32,
        saved_with="3.3.0",
        layers=(LayerFact(path="lstm", kind="LSTM", stateful=True, parameters=17_152),),
    )
    carried = Verdict(
        code="KC203",
        name="repeatability",
        status=Status.FAIL,
        message=("the second predict starts from the state the first one left behind."),
        judged=(
            _judged("predict-again", "predict", 0.4, output="next"),
            _judged("predict-again", "predict", 0.02, output="trend", seed=1),
        ),
        findings={"changed": {"lstm/state": np.float64(0.7)}},
    )
    verdicts = {code: verdict for code, verdict in _passing_checks().items() if code in ("KC103", "KC201")}
    return _report(
        {**verdicts, "KC203": carried},
        facts=facts,
        model=Source(path="lstm.keras"),
        data=Source(path="", summary="'steps': standard normal"),
        generated=True,
        rows_available=256,
        noise={"next": 1.5e-7, "trend": 3e-6},
    )


@pytest.fixture
def hostile() -> Report:
    """Every text that others can choose tries to colour, to break lines and to give commands."""
    worst = _judged(HOSTILE, HOSTILE, 0.3, output=HOSTILE)
    verdicts = (
        Verdict(
            code="KC101",
            name=HOSTILE,
            status=Status.FAIL,
            message=HOSTILE,
            reason=HOSTILE,
            judged=(worst,),
            advice=f"{HOSTILE}\n    {HOSTILE}",
        ),
        Verdict(code="KC102", name="batch-size", status=Status.SKIP, message=HOSTILE, reason=HOSTILE),
        Verdict(
            code="KC104", name="row-order", status=Status.ERROR, message=HOSTILE, reason=f"##[error]{HOSTILE}"
        ),
    )
    diagnosis = Diagnosis(
        cause=HOSTILE,
        severity="fail",
        sentence=HOSTILE,
        layer=HOSTILE,
        explains=("KC101", HOSTILE),
        advice=HOSTILE,
    )
    return _report(
        {verdict.code: verdict for verdict in verdicts},
        diagnoses=(diagnosis,),
        facts=_facts(notes=(HOSTILE,), devices=(HOSTILE,)),
        model=Source(path=HOSTILE),
        data=Source(path=HOSTILE),
        scaler=Source(path=HOSTILE, summary=HOSTILE),
        noise={HOSTILE: 1e-7, "b\ud800": 2e-7},
        notes=(HOSTILE,),
        reproduce=HOSTILE,
        settings={HOSTILE: HOSTILE},
    )

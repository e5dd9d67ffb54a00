"""KC301: served rows are judged if there are any, else refitting is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc301_scaler_reuse_vs_refit import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.trace import Trace

REFITS = ("refit-all", "refit-batches", "refit-single")


def mistake(kind: str, columns: tuple[int, ...] = (0, 1), **fields: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "columns": list(columns),
        "off": 2.5,
        "batch": None,
        "sources": [],
        "shift": None,
        "factor": None,
        **fields,
    }


def served(
    outputs: np.ndarray, *mistakes: dict[str, Any], names: dict[str, list[str]] | None = None, **inputs: Any
) -> Trace:
    match = {"rows": 32, "features": 2, "wrong_rows": 5, "mistakes": list(mistakes)}
    return Trace(
        route="served",
        outputs={"out": outputs},
        details={"inputs": {"x": match, **inputs}, "names": names or {}},
    )


def none(reason: str) -> Trace:
    return Trace(route="", details={"reason": reason})


def world_without_scaler(world: Any) -> Any:
    gone = none("no scaler or preprocess given")
    return world.where(
        {
            **dict.fromkeys(REFITS, gone),
            "unscaled": gone,
            "scaled-twice": gone,
            "served": none("no served rows given"),
        }
    )


def test_no_scaler_is_a_skip(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world_without_scaler(world).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.SKIP, wording)


def test_harmless_refitting_passes(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.verdict(CHECK)
    assert verdict.status is Status.PASS
    assert verdict.message == wording


def test_a_thousandth_of_the_output_is_harmless(world: Any) -> None:
    harmless, harmful = (world.where({"refit-all": world.moved(by)}).verdict(CHECK) for by in (1e-3, 2e-3))
    assert (harmless.advice is None, harmful.advice is None) == (True, False)


def test_refitting_that_would_change_outputs_is_information_without_a_cause(
    world: Any, wording: SnapshotAssertion
) -> None:
    single = Trace(
        route="", outputs={"out": world.moved(0.5, range(32))}, details={"constant": True, "moved": 3.0}
    )
    verdict = world.where({"refit-batches": world.moved(0.25), "refit-single": single}).verdict(CHECK)
    assert (verdict.status, verdict.judged) == (Status.PASS, ())
    assert verdict.message == wording
    assert "cause" not in verdict.findings
    assert verdict.findings["would"]["refit-single"]["inputs_move"] == 3.0
    assert verdict.findings["would"]["refit-single"]["predictions"] == wording
    assert verdict.advice == wording


def test_flipped_decisions_are_never_harmless(make_world: Any, wording: SnapshotAssertion) -> None:
    world = make_world(centre=0.5)
    facts = {
        "outputs": tuple(replace(each, decision="threshold") for each in world.evidence(CHECK).facts.outputs)
    }
    verdict = world.where(
        {"refit-all": np.where(world.predict < 0.5, np.float32(0.5), world.predict)}, facts=facts
    ).verdict(CHECK)
    assert verdict.status is Status.PASS
    assert verdict.message == wording


def test_a_scaler_that_cannot_be_fitted_on_one_row(world: Any) -> None:
    verdict = world.where({"refit-single": none("PCA cannot be fitted on 1 rows")}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.PASS, "refit-single: PCA cannot be fitted on 1 rows")


def test_right_served_rows_pass_whatever_refitting_would_do(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"served": served(world.predict), "refit-all": world.moved(0.5)}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.PASS,
        wording,
    )
    assert [each.comparison.candidate for each in verdict.judged] == ["served"]
    assert verdict.findings["would"]["refit-all"]["predictions"] == wording


CAUSES = {
    "refit-all": "scaler-refit",
    "refit-batches": "scaler-refit",
    "refit-single": "scaler-refit",
    "refit-first": "scaler-refit",
    "refit-some": "scaler-refit",
    "refit-so-far": "scaler-refit",
    "refit-last": "scaler-refit",
    "refit-groups:'owner'": "scaler-refit",
    "refit-updated": "scaler-refit",
    "unscaled": "scaler-missing",
    "scaled-twice": "scaler-applied-twice",
    "scaled-too": "scaler-applied-twice",
    "float32-first": "scaled-in-low-precision",
    "float16-first": "scaled-in-low-precision",
    "float32-after": "scaled-in-low-precision",
    "float16-after": "scaled-in-low-precision",
    "without-step:log": "scaling-step-skipped",
    "filled:-999": "gaps-filled-otherwise",
    "filled-forward": "gaps-filled-otherwise",
    "filled-after:0": "gaps-filled-otherwise",
    "filled-alike": "gaps-filled-otherwise",
    "scaled-alone": "preprocess-row-dependence",
    "scaled-batches": "preprocess-row-dependence",
    "other-columns": "feature-order",
    "another-scaler": "scaler-foreign",
    "cut-first": "scaled-in-low-precision",
    "rounded-first": "scaled-in-low-precision",
    "wrapped-first:int32": "scaled-in-low-precision",
    "wrapped-after:uint8": "scaled-in-low-precision",
    "clipped": "function-misapplied",
    "constant": "features-not-filled",
    "one-number": "features-not-filled",
    "other-base:log10 in place of log": "function-misapplied",
    "sample-deviation:40": "scaler-foreign",
    "codes-shifted:3 smaller": "codes-refit",
    "rows-of-others": "row-order",
    "rows-late:the row before": "row-order",
    "not-clipped": "scaling-step-skipped",
    "late:the row before": "row-order",
    "axes-reshaped:its axes in the order 3, 1, 2, then reshaped": "feature-order",
    "function:log1p": "function-misapplied",
    "function-first:sqrt": "function-misapplied",
    "rows-reordered": "row-order",
    "values-reordered": None,
    "images-turned:rotated by 90 degrees": "images-turned",
    "images-nearly-turned:rotated by 180 degrees": "images-turned",
    "decimals:2 decimals": "scaled-in-low-precision",
    "decimals-first:1 decimal": "scaled-in-low-precision",
    "grid:0.00392": "scaled-in-low-precision",
    "inverted:1 minus the right values": "values-inverted",
    "grey": "function-misapplied",
    "other-columns-scaled": "feature-order",
    "turned:30": "time-shift",
    "padding-side:after the values instead of before them": "padding-side",
    "cut-side:its first values instead of its last ones": "padding-side",
    "encoded-by-row": "codes-refit",
    "own-statistics:mean and deviation of each row": "scaled-by-own-statistics",
    "resampled:cut 1 time step later": "sampled-differently",
    "nearly-resampled:with 0.5 times as many time steps": "sampled-differently",
    "unknown": None,
    "other-input:the rows of input 'right'": "input-order",
    "lost-categories:0, 4": "codes-refit",
    "not-divided": "scaler-foreign",
    "divided-again": "scaler-foreign",
    "turned-calendar:51.43": "time-shift",
    "turned-calendar:12": "time-shift",
    "other-unit:°F in place of °C": "scaler-foreign",
    "padding-changed:-7.1 in the padding in place of 0": "padding-unmasked",
    "float16-clipped-first:0,2": "scaled-in-low-precision",
    "float16-overflow-first:1": "scaled-in-low-precision",
    "float16-clipped:0": "scaled-in-low-precision",
    "float16-overflow:0,1,2,3,4,5": "scaled-in-low-precision",
}


@pytest.mark.parametrize("kind", CAUSES)
def test_each_mistake_fails_and_names_its_cause(world: Any, kind: str, wording: SnapshotAssertion) -> None:
    verdict = world.where({"served": served(world.moved(0.25), mistake(kind, batch=16))}).verdict(CHECK)
    assert verdict.status is Status.FAIL
    assert verdict.findings.get("cause") == CAUSES[kind]
    assert verdict.message == wording
    assert verdict.findings["served"]["x"]["mistakes"][0]["kind"] == kind


def test_the_batch_size_is_reported(world: Any, wording: SnapshotAssertion) -> None:
    message = (
        world.where({"served": served(world.moved(0.25), mistake("refit-batches", batch=16))})
        .verdict(CHECK)
        .message
    )
    assert message == wording


def test_the_step_left_out_is_reported(world: Any, wording: SnapshotAssertion) -> None:
    message = (
        world.where({"served": served(world.moved(0.25), mistake("without-step:log"))}).verdict(CHECK).message
    )
    assert message == wording


def test_the_filling_of_gaps_is_reported(world: Any, wording: SnapshotAssertion) -> None:
    message = (
        world.where({"served": served(world.moved(0.25), mistake("filled:-999"))}).verdict(CHECK).message
    )
    assert message == wording


def test_columns_are_named_if_they_have_names(world: Any, wording: SnapshotAssertion) -> None:
    one = mistake("refit-all", columns=(1,))
    assert world.where({"served": served(world.predict, one)}).verdict(CHECK).message == wording
    named = served(world.predict, one, names={"x": ["age", "income"]})
    assert world.where({"served": named}).verdict(CHECK).message == wording


def test_a_different_scaler_is_reported_with_its_shift_and_width(
    world: Any, wording: SnapshotAssertion
) -> None:
    verdict = world.where(
        {"served": served(world.predict, mistake("another-scaler", shift=0.3, factor=1.25))}
    ).verdict(CHECK)
    assert verdict.message == wording


@pytest.mark.parametrize(
    ("factor", "columns"),
    [(1.8, (1,)), (0.01, (1,)), (1000.0002, (1,)), (1.25, (1,)), (1.8, (0, 1, 2))],
    ids=["Fahrenheit", "per cent", "thousandths", "no unit", "all columns"],
)
def test_a_different_unit_is_reported_if_a_single_column_is_off_by_its_factor(
    world: Any, factor: float, columns: tuple[int, ...], wording: SnapshotAssertion
) -> None:
    wrong = mistake("another-scaler", columns, shift=7.1, factor=factor)
    assert world.where({"served": served(world.predict, wrong)}).verdict(CHECK).message == wording


@pytest.mark.parametrize("kind", ["other-columns", "values-reordered"])
def test_features_of_images_are_channels(world: Any, kind: str, wording: SnapshotAssertion) -> None:
    match = {
        "rows": 32,
        "features": 3,
        "wrong_rows": 32,
        "mistakes": [mistake(kind, (0, 2), sources=(2, 0))],
        "channels": True,
    }
    trace = Trace(route="served", outputs={"out": world.moved(0.25)}, details={"inputs": {"x": match}})
    assert world.where({"served": trace}).verdict(CHECK).message == wording


def test_unknown_mistakes_are_counted(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"served": served(world.predict, mistake("unknown", off=float("inf")))}).verdict(
        CHECK
    )
    assert verdict.message == wording


def test_the_widest_mistake_names_the_cause_and_inputs_are_named(
    world: Any, wording: SnapshotAssertion
) -> None:
    other = {"rows": 32, "features": 3, "wrong_rows": 9, "mistakes": [mistake("scaled-twice", (0, 1, 2))]}
    verdict = world.where({"served": served(world.predict, mistake("refit-all", (0,)), y=other)}).verdict(
        CHECK
    )
    assert verdict.findings["cause"] == "scaler-applied-twice"
    assert verdict.message == wording


def test_served_rows_of_a_different_shape(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(
        {"served": served(world.predict, y={"misshapen": "(3,) float32, not (4,) float32"})}
    ).verdict(CHECK)
    assert verdict.status is Status.FAIL
    assert verdict.message == wording


def test_served_rows_count_without_a_scaler_too(world: Any) -> None:
    without = world_without_scaler(world)
    assert without.where({"served": served(world.predict)}).verdict(CHECK).status is Status.PASS
    assert (
        without.where({"served": served(world.predict, mistake("unknown"))}).verdict(CHECK).status
        is Status.FAIL
    )


@pytest.mark.parametrize("route", [*REFITS, "served"])
def test_crashes_are_errors(world: Any, crashed: Trace, route: str) -> None:
    verdict = world.where({route: crashed}).verdict(CHECK)
    assert verdict.status is Status.ERROR
    assert "ValueError: boom" in (verdict.reason or "")


def refused(route: str) -> Trace:
    error = "InvalidArgumentError: indices[5] = 5 is not in [0, 5)"
    return Trace(route=route, error=error, details={"raised": "InvalidArgumentError"})


def test_refitted_rows_that_the_model_refuses_are_information(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({name: refused(name) for name in REFITS[:2]}).verdict(CHECK)
    assert (verdict.status, verdict.judged) == (Status.PASS, ())
    assert verdict.message == wording
    assert verdict.reason == wording


def test_refitted_rows_that_the_model_refuses_all(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({name: refused(name) for name in REFITS}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.SKIP, wording)


def test_served_rows_that_the_model_refuses_are_an_error(world: Any) -> None:
    assert world.where({"served": refused("served")}).verdict(CHECK).status is Status.ERROR


def test_outputs_that_are_lost_are_reported(world: Any, wording: SnapshotAssertion) -> None:
    lost = world.predict.copy()
    lost[4] = np.nan
    assert world.where({"served": served(lost, mistake("unscaled"))}).verdict(CHECK).message == wording
    narrow = (
        world.where({"served": served(world.predict[:, [0, 0]], mistake("unscaled"))}).verdict(CHECK).message
    )
    assert narrow == wording


@pytest.mark.parametrize(
    "hit",
    [
        {"hit": 6, "first": (0, 5, 10, 15, 20), "last": 25, "every": 5},
        {"hit": 8, "first": (8, 9, 10, 11, 12), "last": 15, "every": 1},
        {"hit": 7, "first": (1, 2, 4, 8, 9), "last": 31, "every": 0},
        {"hit": 1, "first": (3,), "last": 3, "every": 0},
    ],
    ids=["every 5 rows", "a run of rows", "some rows", "one row"],
)
def test_mixed_traffic_is_reported_by_its_rows(
    world: Any, hit: dict[str, Any], wording: SnapshotAssertion
) -> None:
    verdict = world.where({"served": served(world.moved(0.25), mistake("unscaled", **hit))}).verdict(CHECK)
    assert verdict.message == wording
    assert verdict.findings["cause"] == "scaler-missing"


def test_mixed_traffic_in_some_columns(world: Any, wording: SnapshotAssertion) -> None:
    hit = mistake("scaled-twice", (1,), hit=2, first=(4, 6), last=6, every=0)
    assert world.where({"served": served(world.predict, hit)}).verdict(CHECK).message == wording


def test_the_known_mistake_of_most_values_names_the_cause(world: Any) -> None:
    few, many = (
        mistake("unscaled", hit=2, first=(0, 9), last=9),
        mistake("scaled-twice", hit=9, first=(1, 2), last=30),
    )
    assert (
        world.where({"served": served(world.predict, few, many)}).verdict(CHECK).findings["cause"]
        == "scaler-applied-twice"
    )
    unknown = mistake("unknown", hit=9, first=(1, 2), last=30)
    assert (
        world.where({"served": served(world.predict, few, unknown)}).verdict(CHECK).findings["cause"]
        == "scaler-missing"
    )

"""KC301: served rows are judged where there are any, else refitting is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.rules.kc301_scaler_reuse_vs_refit import CHECK
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


def test_no_scaler_is_no_verdict(world: Any) -> None:
    found = world_without_scaler(world).verdict(CHECK)
    assert (found.status, found.reason) == (Status.SKIP, "no scaler or preprocess given")


def test_harmless_refitting_passes(world: Any) -> None:
    found = world.verdict(CHECK)
    assert found.status is Status.PASS
    assert found.message == (
        "refitting the scaler would be harmless on these rows: on all rows, predictions stay the same; "
        "on each batch, predictions stay the same; on each row alone, predictions stay the same"
    )


def test_a_thousandth_of_the_output_is_harmless(world: Any) -> None:
    assert world.where({"refit-all": world.moved(1e-3)}).verdict(CHECK).status is Status.PASS
    assert world.where({"refit-all": world.moved(2e-3)}).verdict(CHECK).status is Status.WARN


def test_harm_of_refitting_is_a_warning_with_its_numbers_and_no_cause(world: Any) -> None:
    single = Trace(
        route="", outputs={"out": world.moved(0.5, range(32))}, details={"constant": True, "moved": 3.0}
    )
    found = world.where({"refit-batches": world.moved(0.25), "refit-single": single}).verdict(CHECK)
    assert found.status is Status.WARN
    assert "on all rows, predictions stay the same" in found.message
    for words in (
        "on each batch, predictions move by up to 0.25",
        "by up to 0.5",
        "every row becomes the same",
    ):
        assert words in found.message
    assert "cause" not in found.findings
    assert found.findings["would"]["refit-single"] == {
        "inputs_move": 3.0,
        "predictions": "move by up to 0.5 (0.44 of the greatest output)",
    }
    assert "--served" in (found.advice or "")


def test_flipped_decisions_are_never_harmless(make_world: Any) -> None:
    world = make_world(centre=0.5)
    facts = {
        "outputs": tuple(replace(each, decision="threshold") for each in world.evidence(CHECK).facts.outputs)
    }
    found = world.where(
        {"refit-all": np.where(world.predict < 0.5, np.float32(0.5), world.predict)}, facts=facts
    ).verdict(CHECK)
    assert found.status is Status.WARN
    assert "16 of 32 decisions flip" in found.message


def test_a_scaler_that_cannot_be_fitted_on_one_row(world: Any) -> None:
    found = world.where({"refit-single": none("PCA cannot be fitted on 1 rows")}).verdict(CHECK)
    assert (found.status, found.reason) == (Status.PASS, "refit-single: PCA cannot be fitted on 1 rows")


def test_right_served_rows_pass_whatever_refitting_would_do(world: Any) -> None:
    found = world.where({"served": served(world.predict), "refit-all": world.moved(0.5)}).verdict(CHECK)
    assert (found.status, found.message) == (
        Status.PASS,
        "the served rows are what the model should be fed; predictions stay the same",
    )
    assert [each.comparison.candidate for each in found.judged] == ["served"]
    assert found.findings["would"]["refit-all"]["predictions"].startswith("move by up to 0.5")


CAUSES = {
    "refit-all": "scaler-refit",
    "refit-batches": "scaler-refit",
    "refit-single": "scaler-refit",
    "refit-first": "scaler-refit",
    "refit-some": "scaler-refit",
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
    "clipped": None,
    "constant": None,
    "one-number": None,
    "rows-reordered": None,
    "unknown": None,
}


@pytest.mark.parametrize("kind", CAUSES)
def test_each_mistake_fails_and_names_its_cause(world: Any, kind: str) -> None:
    found = world.where({"served": served(world.moved(0.25), mistake(kind, batch=16))}).verdict(CHECK)
    assert found.status is Status.FAIL
    assert found.findings.get("cause") == CAUSES[kind]
    assert "predictions move by up to 0.25" in found.message
    assert found.findings["served"]["x"]["mistakes"][0]["kind"] == kind


def test_the_batch_size_is_told(world: Any) -> None:
    message = (
        world.where({"served": served(world.moved(0.25), mistake("refit-batches", batch=16))})
        .verdict(CHECK)
        .message
    )
    expected = "they look scaled by a scaler that was refitted on every 16 rows, off by up to 2.5 standard deviations; predictions move"
    assert message.startswith(f"the served rows are not what the model should be fed: {expected}")


def test_the_step_left_out_is_told(world: Any) -> None:
    message = (
        world.where({"served": served(world.moved(0.25), mistake("without-step:log"))}).verdict(CHECK).message
    )
    assert "they look scaled without the step 'log' of the pipeline" in message


def test_what_fills_the_gaps_is_told(world: Any) -> None:
    message = (
        world.where({"served": served(world.moved(0.25), mistake("filled:-999"))}).verdict(CHECK).message
    )
    assert "they look filled with -999 where values are missing, and then scaled" in message


def test_columns_are_told_by_name_where_they_have_one(world: Any) -> None:
    one = mistake("refit-all", columns=(1,))
    assert (
        "column 1 looks scaled" in world.where({"served": served(world.predict, one)}).verdict(CHECK).message
    )
    named = served(world.predict, one, names={"x": ["age", "income"]})
    assert "column 'income' looks scaled" in world.where({"served": named}).verdict(CHECK).message


def test_another_scaler_is_told_with_its_shift_and_width(world: Any) -> None:
    found = world.where(
        {"served": served(world.predict, mistake("another-scaler", shift=0.3, factor=1.25))}
    ).verdict(CHECK)
    assert "(its centre +0.3 standard deviations away, 1.25 times as wide)" in found.message


def test_another_unit_is_told_where_a_single_column_is_off_by_its_factor(world: Any) -> None:
    def told(factor: float, columns: tuple[int, ...]) -> bool:
        wrong = mistake("another-scaler", columns, shift=7.1, factor=factor)
        return (
            "times as wide, as numbers in another unit are)"
            in world.where({"served": served(world.predict, wrong)}).verdict(CHECK).message
        )

    assert [told(factor, (1,)) for factor in (1.8, 0.01, 1000.0002, 1.25)] == [True, True, True, False]
    assert not told(1.8, (0, 1, 2))


def test_what_nothing_explains_is_counted(world: Any) -> None:
    found = world.where({"served": served(world.predict, mistake("unknown", off=float("inf")))}).verdict(
        CHECK
    )
    assert (
        "they look like no known mistake (5 of 32 rows differ), and missing or infinite where they should not be"
        in found.message
    )


def test_the_widest_mistake_names_the_cause_and_inputs_are_named(world: Any) -> None:
    other = {"rows": 32, "features": 3, "wrong_rows": 9, "mistakes": [mistake("scaled-twice", (0, 1, 2))]}
    found = world.where({"served": served(world.predict, mistake("refit-all", (0,)), y=other)}).verdict(CHECK)
    assert found.findings["cause"] == "scaler-applied-twice"
    assert "input 'x': column 0 looks" in found.message
    assert "input 'y': they look scaled twice" in found.message


def test_served_rows_of_another_shape(world: Any) -> None:
    found = world.where(
        {"served": served(world.predict, y={"misshapen": "(3,) float32, not (4,) float32"})}
    ).verdict(CHECK)
    assert found.status is Status.FAIL
    assert "input 'y': not those of the data: (3,) float32, not (4,) float32" in found.message


def test_served_rows_count_without_a_scaler_too(world: Any) -> None:
    without = world_without_scaler(world)
    assert without.where({"served": served(world.predict)}).verdict(CHECK).status is Status.PASS
    assert (
        without.where({"served": served(world.predict, mistake("unknown"))}).verdict(CHECK).status
        is Status.FAIL
    )


@pytest.mark.parametrize("route", [*REFITS, "served"])
def test_crashes_are_errors(world: Any, crashed: Trace, route: str) -> None:
    found = world.where({route: crashed}).verdict(CHECK)
    assert found.status is Status.ERROR
    assert "ValueError: boom" in (found.reason or "")


def test_predictions_that_are_lost_are_told(world: Any) -> None:
    lost = world.predict.copy()
    lost[4] = np.nan
    assert (
        "1 become NaN or infinite"
        in world.where({"served": served(lost, mistake("unscaled"))}).verdict(CHECK).message
    )
    narrow = (
        world.where({"served": served(world.predict[:, [0, 0]], mistake("unscaled"))}).verdict(CHECK).message
    )
    assert "predictions have another shape" in narrow


@pytest.mark.parametrize(
    ("hit", "words"),
    [
        (
            {"hit": 6, "first": (0, 5, 10, 15, 20), "last": 25, "every": 5},
            "6 of 32 rows (every 5 rows, from row 0 on) look not scaled at all",
        ),
        (
            {"hit": 8, "first": (8, 9, 10, 11, 12), "last": 15, "every": 1},
            "8 of 32 rows (8 to 15) look not scaled at all",
        ),
        (
            {"hit": 7, "first": (1, 2, 4, 8, 9), "last": 31, "every": 0},
            "7 of 32 rows (1, 2, 4, 8, 9, …) look not scaled at all",
        ),
        ({"hit": 1, "first": (3,), "last": 3, "every": 0}, "row 3 alone looks not scaled at all"),
    ],
)
def test_mixed_traffic_is_told_by_its_rows(world: Any, hit: dict[str, Any], words: str) -> None:
    found = world.where({"served": served(world.moved(0.25), mistake("unscaled", **hit))}).verdict(CHECK)
    expected = f"the served rows are not what the model should be fed: {words}, off by up to 2.5 standard deviations; predictions"
    assert found.message.startswith(expected)
    assert found.findings["cause"] == "scaler-missing"


def test_mixed_traffic_in_some_columns(world: Any) -> None:
    hit = mistake("scaled-twice", (1,), hit=2, first=(4, 6), last=6, every=0)
    assert (
        "2 of 32 rows (4, 6) look, in column 1, scaled twice"
        in world.where({"served": served(world.predict, hit)}).verdict(CHECK).message
    )


def test_the_mistake_of_most_values_names_the_cause_and_a_known_one_at_that(world: Any) -> None:
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

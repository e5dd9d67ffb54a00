"""KC102: batch sizes, the short tail, and one output row per input row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Pair
from keras_consistency_cli.checks.context import DataContext, GivenRows
from keras_consistency_cli.checks.rules.kc102_batch_size import CHECK, batch_pairs
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.setting_types import OwnerFacts
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import BATCH_SIZES, Trace

SIZES = [f"batch-{size}" for size in (*BATCH_SIZES, "all")]
ALL = [*SIZES, "short-tail"]


def test_pairs() -> None:
    names = ("batch-5", "batch-all", "short-tail")
    assert batch_pairs((5,)) == tuple(Pair(candidate=name, reference="predict") for name in names)
    assert [pair.candidate for pair in CHECK.pairs] == ALL


def test_healthy(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.verdict(CHECK)
    assert (verdict.status, verdict.message, verdict.reason) == (
        Status.PASS,
        wording,
        None,
    )
    assert [each.comparison.candidate for each in verdict.judged] == ALL


@pytest.mark.parametrize("route", ALL)
@pytest.mark.parametrize(("by", "status"), [(2.0**-14, Status.PASS), (2.0**-12, Status.FAIL)])
def test_one_size_differs(world: Any, route: str, by: float, status: Status) -> None:
    verdict = world.where({route: world.moved(by)}).verdict(CHECK)
    over = [each.comparison.candidate for each in verdict.judged if not each.within]
    assert (verdict.status, over) == (status, [route] if status is Status.FAIL else [])


def test_a_size_that_differs_is_named(world: Any, wording: SnapshotAssertion) -> None:
    assert world.where({"batch-7": world.moved(0.5)}).verdict(CHECK).message == wording


@pytest.mark.parametrize("route", ALL)
def test_a_size_that_crashed_is_an_error(world: Any, crashed: Trace, route: str) -> None:
    verdict = world.where({route: crashed}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.ERROR, f"{route}: ValueError: boom")


def test_all_crashed_or_missing(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where(dict.fromkeys(ALL, crashed)).verdict(CHECK).status is Status.ERROR
    assert world.where(dict.fromkeys(ALL, missing)).verdict(CHECK).status is Status.SKIP


def test_a_missing_size_is_reported(world: Any, missing: Trace) -> None:
    verdict = world.where({"batch-7": missing}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.PASS, "batch-7: not on this machine")


@pytest.mark.parametrize("rows", [1, 31, 36])
def test_different_numbers_of_rows_in_and_out_fail(world: Any, rows: int, wording: SnapshotAssertion) -> None:
    verdict = world.where({"predict": np.ones((rows, 1), np.float32)}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.FAIL,
        wording,
    )
    assert verdict.findings == {"given": 32, "output_rows": {"out": rows}}


def test_a_tail_that_grows(world: Any, wording: SnapshotAssertion) -> None:
    grown = Trace(route="", outputs={"out": np.ones((12, 1), np.float32)}, details={"given": 9})
    verdict = world.where({"short-tail": grown}, facts={"batch_size": 4}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.FAIL,
        wording,
    )


def test_a_tail_of_as_many_rows_as_it_was_given(world: Any) -> None:
    tail = Trace(route="", outputs={"out": world.predict[:9]}, rows=np.arange(9), details={"given": 9})
    assert world.where({"short-tail": tail}).verdict(CHECK).status is Status.PASS


@pytest.mark.parametrize(
    ("built_for", "status"), [(4, Status.SKIP), (None, Status.ERROR)], ids=["built for 4", "any size"]
)
def test_only_a_model_built_for_one_size_may_refuse_a_tail(
    world: Any, crashed: Trace, built_for: int | None, status: Status, wording: SnapshotAssertion
) -> None:
    """Such a model takes no other batch size either, so that nothing is left to compare."""
    verdict = world.where({"short-tail": crashed}, facts={"batch_size": built_for}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (status, wording)


SHAPE_MISMATCH = Trace(route="", error="InvalidArgumentError: Input to reshape is a tensor with 6 values")


def test_sizes_that_the_model_refuses_fail(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"batch-2": SHAPE_MISMATCH, "batch-all": SHAPE_MISMATCH}).verdict(CHECK)
    assert verdict.status is Status.FAIL
    assert verdict.message == wording
    assert verdict.findings == {"refused": ["batch-2", "batch-all"]}


@pytest.mark.parametrize("error", ["InvalidArgumentError: 6 values", "ValueError: must be divisible by 8"])
def test_a_predict_of_one_row_that_is_refused_fails(world: Any, error: str) -> None:
    verdict = world.where({"single-predict": Trace(route="", error=error)}).verdict(
        replace(CHECK, routes=("single-predict",))
    )
    assert (verdict.status, verdict.findings) == (Status.FAIL, {"refused": ["batch-1"]})


@pytest.mark.parametrize(
    ("single", "whole", "status"),
    [
        (Trace(route=""), SHAPE_MISMATCH, Status.ERROR),
        (Trace(route=""), Trace(route=""), Status.FAIL),
        (SHAPE_MISMATCH, SHAPE_MISMATCH, Status.FAIL),
    ],
    ids=["certain rows", "all rows run in one size", "any single row"],
)
def test_rows_that_crash_in_a_batch_of_any_size_are_no_batch_size(
    world: Any, single: Trace, whole: Trace, status: Status
) -> None:
    refused = dict.fromkeys((*SIZES, "predict", "one-by-one"), SHAPE_MISMATCH)
    some = Trace(route="", rows=np.arange(8))
    traces = {**refused, "batch-2": some, "batch-32": whole, "single-predict": single}
    verdict = world.where(traces).verdict(replace(CHECK, routes=("single-predict", "one-by-one")))
    assert verdict.status is status


def test_the_statistics_of_batch_normalization_are_no_batch_size(world: Any) -> None:
    measured = Trace(route="batch-norm-statistics", details={})
    traces = {**dict.fromkeys((*SIZES, "one-by-one"), SHAPE_MISMATCH), "batch-norm-statistics": measured}
    assert world.where(traces).verdict(CHECK).status is Status.ERROR


def test_a_model_that_refuses_every_size_or_declares_one_does_not_fail(world: Any) -> None:
    assert world.where(dict.fromkeys(SIZES, SHAPE_MISMATCH)).verdict(CHECK).status is Status.ERROR
    assert (
        world.where({"batch-2": SHAPE_MISMATCH}, facts={"batch_size": 32}).verdict(CHECK).status
        is not Status.FAIL
    )


@pytest.mark.parametrize(("by", "status"), [(0.0, Status.SKIP), (0.5, Status.FAIL)])
def test_a_single_row_does_not_show_agreement(
    make_world: Any, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    one = make_world(1)
    verdict = one.where({"batch-7": one.moved(by, (0,))}).verdict(CHECK)
    assert verdict.status is status
    assert verdict.reason == wording


@pytest.mark.parametrize(
    ("declared", "rows", "status"),
    [
        ("consecutive", 20, Status.SKIP),
        ("interleaved", 20, Status.SKIP),
        ("interleaved", 21, Status.FAIL),
        ("independent", 20, Status.FAIL),
    ],
)
def test_whole_batches_that_continue_each_other_have_no_short_tail(
    world: Any, declared: str, rows: int, status: Status
) -> None:
    """Nothing is left to compare: such a model takes no other batch size."""
    grown = Trace(route="", details={"given": 5}, outputs={"out": world.predict[:8]})
    given = {"x": GivenRows(shape=(rows, 6, 3), expected=(4, 6, 3))}
    context = DataContext(owner=OwnerFacts(stateful_rows=declared), rows_given=given)
    facts = {"layers": (LayerFact(path="lstm", kind="LSTM", stateful=True),), "batch_size": 4}
    assert world.where({"short-tail": grown}, facts=facts, data=context).verdict(CHECK).status is status

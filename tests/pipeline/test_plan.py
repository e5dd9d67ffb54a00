"""plan: the routes to run and the pairs to compare for a set of checks."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.checks.base import Check, Pair
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.pipeline.plan import Plan, share_moving
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.registry import LOCATING_ROUTES, routes
from keras_consistency_cli.routes.trace import Result


def nothing(_session: Any, _rows: Any) -> Result:
    """A route's function; a plan never runs it."""
    return Result(outputs={})


NAMES = (
    "predict",
    "predict-float64",
    "call",
    "call-float64",
    "graph",
    "companions",
    "rows",
    "predict-again",
)
TABLE = tuple(Route(name=name, summary="", run=nothing) for name in NAMES)


def check(*pairs: tuple[str, str], routes: tuple[str, ...] = ()) -> Check:
    return Check(
        code="KC999",
        name="c",
        title="t",
        explanation="",
        examine=lambda _: Verdict(status=Status.PASS, message=""),
        pairs=tuple(Pair(candidate=candidate, reference=reference) for candidate, reference in pairs),
        routes=routes,
    )


def test_a_plan_has_the_pairs_also_in_float64_and_the_noise() -> None:
    plan = Plan.of([check(("call", "predict"))], TABLE)
    assert [route.name for route in plan.routes] == [
        "predict",
        "predict-float64",
        "call",
        "call-float64",
        "predict-again",
    ]
    assert plan.pairs == (
        Pair(candidate="call", reference="predict"),
        Pair(candidate="call-float64", reference="predict-float64"),
        Pair(candidate="predict-again", reference="predict"),
        Pair(candidate="predict", reference="predict-float64"),
        Pair(candidate="call", reference="predict-float64"),
    )


def test_a_plan_leaves_out_float64_pairs_that_do_not_exist() -> None:
    plan = Plan.of([check(("graph", "predict"))], TABLE)
    assert [pair.candidate for pair in plan.pairs] == ["graph", "predict-again", "predict"]


def test_a_route_that_several_checks_need_is_planned_once() -> None:
    plan = Plan.of([check(("call", "predict")), check(("call", "predict"), routes=("rows", "call"))], TABLE)
    assert len(plan.pairs) == 5
    assert [route.name for route in plan.routes] == [
        "predict",
        "predict-float64",
        "call",
        "call-float64",
        "rows",
        "predict-again",
    ]


def test_the_plan_of_all_checks_has_every_pair_and_route_they_need() -> None:
    plan = Plan.of(CHECKS, routes())
    planned = {route.name for route in plan.routes}
    assert {pair for check in CHECKS for pair in check.pairs} <= set(plan.pairs)
    assert {name for check in CHECKS for name in check.routes} <= planned
    assert {
        name.removesuffix("-baseline") for pair in plan.pairs for name in (pair.candidate, pair.reference)
    } <= planned
    assert planned & {route.name for route in LOCATING_ROUTES} == set()


def test_a_baseline_is_compared_with_that_of_the_float64_copy() -> None:
    plan = Plan.of([check for check in CHECKS if check.code == "KC103"], routes())
    assert set(plan.pairs) == {
        Pair(candidate="companions", reference="companions-baseline", exact=True),
        Pair(candidate="companions-float64", reference="companions-float64-baseline", exact=True),
        Pair(candidate="predict-again", reference="predict"),
        Pair(candidate="predict", reference="predict-float64"),
        Pair(candidate="rounded-layers", reference="predict"),
        Pair(candidate="rounded-to-policies", reference="predict"),
    }


def route(name: str, *, moves: bool) -> Route:
    return Route(name=name, summary="", run=nothing, moves=moves)


def test_workers_that_are_alike_share_the_routes_that_move() -> None:
    own, moving, other = route("own", moves=False), route("moving", moves=True), route("other", moves=False)
    queues = share_moving({"main": [own, moving], "float64": [other]}, ["main", "float64"])
    assert list(queues["float64"]) == [other, moving]  # it was ready first
    assert list(queues["main"]) == [own]


def test_each_route_that_moves_runs_once_whoever_takes_it() -> None:
    moving = [route(str(number), moves=True) for number in range(4)]
    starts = [route("a", moves=False), route("b", moves=False)]
    queues = share_moving(
        {"main": [starts[0], *moving[:2]], "float64": [starts[1], *moving[2:]]}, ["main", "float64"]
    )
    turns = [next(queues[worker]) for worker in ("main", "float64", "main", "main", "float64", "main")]
    assert turns == [*starts, *moving]
    assert [list(queue) for queue in queues.values()] == [[], []]


@pytest.mark.parametrize("alike", [["main"], ["main", "idle"], []])
def test_a_worker_without_routes_of_its_own_is_not_started_for_them(alike: list[str]) -> None:
    routes = [route("own", moves=False), route("moving", moves=True)]
    queues = share_moving({"main": routes, "idle": [], "else": [route("apart", moves=True)]}, alike)
    assert [[each.name for each in queue] for queue in queues.values()] == [["own", "moving"], [], ["apart"]]

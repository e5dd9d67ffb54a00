"""evidence: what is planned, run, compared chunk by chunk and kept. The seats are fakes that hand out small arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.base import Check, Pair, Status, Verdict
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.measurement.comparison import Stated
from keras_consistency_cli.measurement.facts import Facts, OutputFact
from keras_consistency_cli.measurement.tolerance import Policy
from keras_consistency_cli.pipeline.collector import EvidenceCollector, Plan
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.registry import LOCATING_ROUTES, routes
from keras_consistency_cli.routes.trace import Change, Result, Trace

DATA = np.arange(8.0, dtype=np.float32).reshape(-1, 1)
FACTS = Facts(
    name="m", kind="Functional", parameters=1, layers=(), inputs=(), outputs=(), backend="tensorflow"
)
NOISE = 2.0**-20


def nothing(_session: Any, _rows: Any) -> Result:
    """The fakes never run it."""
    return Result(outputs={})


def route(name: str, **known: Any) -> Route:
    return Route(name=name, summary="", run=nothing, **known)


TABLE = (
    route("predict", streams=True),
    route("predict-float64", streams=True),
    route("call", streams=True),
    route("call-float64", streams=True),
    route("graph", placement="fresh"),
    route("companions"),
    route("rows", streams=True),
    route("predict-again"),
    route("needs-gpu", unavailable=lambda _facts: "no GPU is visible"),
)


def check(*pairs: tuple[str, str], routes: tuple[str, ...] = ()) -> Check:
    made = tuple(Pair(candidate=candidate, reference=reference) for candidate, reference in pairs)
    return Check(
        code="KC999",
        name="c",
        title="t",
        explanation="",
        examine=lambda _: Verdict(status=Status.PASS, message=""),
        pairs=made,
        routes=routes,
    )


class FakeClient:
    """Answers with the numbers of the rows it is asked for, and notes what it was asked."""

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[tuple[str, list[int]]] = []

    def run(self, name: str, numbers: np.ndarray) -> tuple[Trace, Trace | None]:
        self.asked.append((name, numbers.tolist()))
        answer = self.answers.get(name, DATA + NOISE if name.endswith("float64") else DATA)
        if callable(answer):
            answer = answer(numbers)
        if isinstance(answer, tuple):
            return answer
        if isinstance(answer, Trace):
            return answer, None
        return Trace(route=name, outputs={"out": answer[numbers]}, elapsed_s=1.0), None


def collector(
    asked: Sequence[Check],
    answers: Mapping[str, Any] | None = None,
    *,
    facts: Facts = FACTS,
    policy: Policy | None = None,
) -> EvidenceCollector:
    client: Any = FakeClient(answers)
    return EvidenceCollector(
        plan=Plan.of(asked, TABLE),
        facts=facts,
        policy=policy or Policy(),
        clients={"main": client, "fresh": client},
    )


def asked(gathered: EvidenceCollector) -> list[tuple[str, list[int]]]:
    client: Any = gathered.clients["main"]
    return list(client.asked)


BOTH = (np.arange(5), np.arange(5, 8))


def in_two(gathered: EvidenceCollector) -> EvidenceCollector:
    gathered.add(BOTH[0], first=True)
    gathered.add(BOTH[1], first=False)
    return gathered


# --- the plan


def test_plan_has_pairs_their_twins_and_the_noise() -> None:
    plan = Plan.of([check(("call", "predict"))], TABLE)
    assert [each.name for each in plan.routes] == [
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


def test_plan_leaves_out_twins_that_do_not_exist() -> None:
    plan = Plan.of([check(("graph", "predict"))], TABLE)
    assert [pair.candidate for pair in plan.pairs] == ["graph", "predict-again", "predict"]


def test_plan_asks_once_for_what_several_checks_want() -> None:
    plan = Plan.of([check(("call", "predict")), check(("call", "predict"), routes=("rows", "call"))], TABLE)
    assert len(plan.pairs) == 5
    assert [each.name for each in plan.routes] == [
        "predict",
        "predict-float64",
        "call",
        "call-float64",
        "rows",
        "predict-again",
    ]


def test_plan_of_all_checks_has_every_pair_and_route_they_ask_for() -> None:
    plan = Plan.of(CHECKS, routes())
    planned = {each.name for each in plan.routes}
    assert {pair for each in CHECKS for pair in each.pairs} <= set(plan.pairs)
    assert {name for each in CHECKS for name in each.routes} <= planned
    assert {
        name.removesuffix("-baseline") for pair in plan.pairs for name in (pair.candidate, pair.reference)
    } <= planned
    assert planned & {each.name for each in LOCATING_ROUTES} == set()


def test_plan_pairs_the_baseline_with_its_own_shadow() -> None:
    plan = Plan.of([each for each in CHECKS if each.code == "KC103"], routes())
    assert set(plan.pairs) == {
        Pair(candidate="companions", reference="companions-baseline", exact=True),
        Pair(candidate="companions-float64", reference="companions-float64-baseline", exact=True),
        Pair(candidate="predict-again", reference="predict"),
        Pair(candidate="predict", reference="predict-float64"),
        Pair(candidate="rounded-layers", reference="predict"),
    }


# --- chunks


def test_routes_that_do_not_stream_run_on_the_first_chunk_alone() -> None:
    gathered = in_two(collector([check(("call", "predict"), ("graph", "predict"))]))
    ran = {
        name: [numbers for asked_for, numbers in asked(gathered) if asked_for == name]
        for name, _ in asked(gathered)
    }
    assert ran["predict"] == [[0, 1, 2, 3, 4], [5, 6, 7]]
    assert ran["graph"] == [[0, 1, 2, 3, 4]]
    rows = {pair: each[0].rows for pair, each in gathered.comparisons.items()}
    noise = {
        ("predict", "predict-float64"): 8,
        ("call", "predict-float64"): 8,
        ("predict-again", "predict"): 5,
    }
    assert rows == {
        ("call", "predict"): 8,
        ("call-float64", "predict-float64"): 8,
        ("graph", "predict"): 5,
        **noise,
    }
    assert gathered.rows == 8


def test_chunks_give_the_comparison_of_all_rows() -> None:
    moved = DATA + np.array([[0], [0.5], [0], [0], [0], [0], [0.25], [0]], np.float32)
    whole = collector([check(("call", "predict"))], {"call": moved})
    whole.add(np.arange(8), first=True)
    parts = in_two(collector([check(("call", "predict"))], {"call": moved}))
    for pair in (("call", "predict"), ("call-float64", "predict-float64"), ("predict", "predict-float64")):
        assert parts.comparisons[pair] == whole.comparisons[pair]
    assert [worst.row for worst in parts.comparisons["call", "predict"][0].worst] == [1, 6]


def test_worst_rows_have_the_numbers_of_the_users_data() -> None:
    gathered = collector([check(("call", "predict"))], {"call": DATA * 2})
    gathered.add(np.array([6, 2]), first=True)
    assert [(worst.row, worst.distance) for worst in gathered.comparisons["call", "predict"][0].worst] == [
        (6, 6.0),
        (2, 2.0),
    ]


def test_outputs_are_let_go_and_rows_counted() -> None:
    trace = in_two(collector([check(("call", "predict"))])).traces["predict"]
    assert trace == Trace(route="predict", details={"output_rows": {"out": 8}}, elapsed_s=2.0)


@pytest.mark.parametrize("bad", [Trace(route="call", error="boom"), Trace(route="call", unavailable="no")])
@pytest.mark.parametrize("chunk", [0, 5])
def test_a_chunk_that_went_wrong_outweighs_those_that_went_well(bad: Trace, chunk: int) -> None:
    answers = {
        "call": lambda numbers: (
            bad if numbers[0] == chunk else (Trace(route="call", outputs={"out": DATA[numbers]}), None)
        )
    }
    trace = in_two(collector([check(("call", "predict"))], answers)).traces["call"]
    assert (trace.error, trace.unavailable, trace.ran) == (bad.error, bad.unavailable, False)


def test_a_change_in_the_first_chunk_is_kept() -> None:
    change = (Change(path="w", kind="weight", max_abs=1.0),)
    answers = {
        "call": lambda numbers: Trace(
            route="call", outputs={"out": DATA[numbers]}, changed=change if numbers[0] == 0 else ()
        )
    }
    assert in_two(collector([check(("call", "predict"))], answers)).traces["call"].changed == change


def test_an_output_that_later_chunks_lack_is_not_forgotten() -> None:
    def two_then_one(numbers: np.ndarray) -> Trace:
        outputs = {"out": DATA[numbers], "extra": DATA[numbers]}
        return Trace(route="", outputs=outputs if numbers[0] == 0 else {"out": DATA[numbers]})

    def moved(numbers: np.ndarray) -> Trace:
        trace = two_then_one(numbers)
        return Trace(
            route="", outputs={name: values + (name == "extra") for name, values in trace.outputs.items()}
        )

    gathered = in_two(
        collector(
            [check(("call", "predict"))],
            {"predict": _named("predict", two_then_one), "call": _named("call", moved)},
        )
    )
    assert {each.output: each.max_abs for each in gathered.comparisons["call", "predict"]} == {
        "out": 0.0,
        "extra": 1.0,
    }


def _named(name: str, answer: Any) -> Any:
    return lambda numbers: Trace(route=name, outputs=answer(numbers).outputs)


def test_a_route_that_cannot_run_is_never_asked() -> None:
    gathered = in_two(collector([check(("needs-gpu", "predict"))]))
    assert gathered.traces["needs-gpu"].unavailable == "no GPU is visible"
    assert "needs-gpu" not in {name for name, _ in asked(gathered)}
    assert ("needs-gpu", "predict") not in gathered.comparisons


def test_a_baseline_is_a_trace_of_its_own() -> None:
    pair = (
        Trace(route="companions", outputs={"out": DATA[:2] + 1}),
        Trace(route="companions-baseline", outputs={"out": DATA[:2]}),
    )
    gathered = collector([check(("companions", "companions-baseline"))], {"companions": pair})
    gathered.add(np.arange(8), first=True)
    assert gathered.comparisons["companions", "companions-baseline"][0].max_abs == 1.0


def test_each_seat_gets_its_own_routes() -> None:
    clients: dict[str, Any] = {"main": FakeClient(), "fresh": FakeClient()}
    EvidenceCollector(
        plan=Plan.of([check(("graph", "predict"))], TABLE), facts=FACTS, policy=Policy(), clients=clients
    ).add(np.arange(3), first=True)
    asked_for = {name: [route for route, _ in client.asked] for name, client in clients.items()}
    assert asked_for == {"main": ["predict", "predict-float64", "predict-again"], "fresh": ["graph"]}


def test_more_routes_can_be_run_afterwards() -> None:
    gathered = collector(
        [check(("call", "predict"))], {"locate": Trace(route="locate", details={"layer": "a"})}
    )
    gathered.run_more([route("locate"), route("gone", unavailable=lambda _facts: "not here")], np.arange(2))
    assert gathered.traces == {
        "gone": Trace(route="gone", unavailable="not here", details={"output_rows": {}}),
        "locate": Trace(route="locate", details={"layer": "a", "output_rows": {}}),
    }


# --- what follows from the outputs


def test_bad_rows_are_noted_by_their_numbers() -> None:
    marked = {
        "rows": lambda numbers: Trace(route="rows", outputs={"x": np.isin(numbers, (1, 6)), "y": numbers < 0})
    }
    gathered = in_two(collector([check(("call", "predict"), routes=("rows",))], marked))
    assert gathered.bad_rows == {"x": [1, 6], "y": []}


def test_rounding_is_not_measured_in_bad_rows() -> None:
    marked = {
        "rows": lambda numbers: Trace(route="rows", outputs={"x": numbers == 6}),
        "predict-float64": DATA + NOISE + (DATA == 6),
    }
    noise = in_two(collector([check(("call", "predict"), routes=("rows",))], marked)).noise()["out"]
    assert (noise.max_abs, noise.noise_elements) == (NOISE, 7)


def test_noise_is_predict_against_its_shadow() -> None:
    noise = in_two(collector([check(("call", "predict"))])).noise()
    assert list(noise) == ["out"]
    assert (noise["out"].candidate, noise["out"].reference, noise["out"].max_abs, noise["out"].rows) == (
        "predict",
        "predict-float64",
        NOISE,
        8,
    )


@pytest.mark.parametrize(
    ("kind", "moved", "known"),
    [("seed", 0.5, False), ("seed", 0.0, True), ("state", 0.5, True), ("weight", 0.5, True)],
)
def test_randomness_is_no_noise(kind: Any, moved: float, known: bool) -> None:
    predict = Trace(
        route="predict", outputs={"out": DATA}, changed=(Change(path="p", kind=kind, max_abs=1.0),)
    )
    gathered = collector(
        [check(("predict-again", "predict"))], {"predict": predict, "predict-again": DATA + np.float32(moved)}
    )
    gathered.add(np.arange(8), first=True)
    assert bool(gathered.noise()) is known


def test_a_fault_of_predict_alone_does_not_hide_in_its_noise() -> None:
    gathered = collector(
        [check(("call", "predict"))],
        {"predict": DATA + np.float32(0.5), "predict-again": DATA + np.float32(0.5)},
    )
    gathered.add(np.arange(8), first=True)
    assert (gathered.noise()["out"].candidate, gathered.noise()["out"].max_abs) == ("call", NOISE)


def test_there_is_no_noise_without_a_shadow() -> None:
    gathered = collector(
        [check(("call", "predict"))], {"predict-float64": Trace(route="predict-float64", unavailable="no")}
    )
    gathered.add(np.arange(8), first=True)
    assert gathered.noise() == {}


PROBABLE = np.tile(np.array([0.25, 0.75], np.float32), (8, 1))


@pytest.mark.parametrize(
    ("outputs", "declared", "decision"),
    [
        (PROBABLE, None, "argmax"),
        (PROBABLE, "threshold", "threshold"),
        (DATA, "threshold", "threshold"),
        (DATA, None, None),
        (PROBABLE * 2, None, None),
        (np.tile(np.array([-1.0, 2.0], np.float32), (8, 1)), None, None),
        (np.full((8, 2), np.nan, np.float32), None, None),
        (np.where(np.arange(8).reshape(-1, 1) == 3, np.float32("nan"), PROBABLE), None, "argmax"),
        (np.ones((8, 1), np.float32), None, None),
        (np.tile([0, 1], (8, 1)), None, None),
    ],
)
def test_decisions(outputs: np.ndarray, declared: Any, decision: Any) -> None:
    facts = Facts(
        name="m",
        kind="Functional",
        parameters=1,
        layers=(),
        inputs=(),
        outputs=(OutputFact(name="out", shape=None, decision=declared),),
    )
    gathered = collector(
        [check(("call", "predict"))],
        dict.fromkeys(("predict", "call", "predict-float64", "call-float64"), outputs),
        facts=facts,
    )
    gathered.add(np.arange(8), first=True)
    assert gathered.decisions == {"out": decision}
    assert gathered.comparisons["call", "predict"][0].decision == decision


def test_stated_limits_reach_the_comparison() -> None:
    gathered = collector(
        [check(("call", "predict"))],
        {"call": DATA + 0.5},
        policy=Policy(per_output=(("out", Stated(rtol=0.0, atol=0.125)),)),
    )
    in_two(gathered)
    found = gathered.comparisons["call", "predict"][0]
    assert (found.stated_excess, found.stated_over) == (0.375, 8)


def test_evidence_has_all_of_it() -> None:
    gathered = in_two(collector([check(("call", "predict"))]))
    found = gathered.evidence(DataContext(nonfinite_weights=("w",)))
    assert (found.facts, found.policy, found.rows) == (FACTS, Policy(), 8)
    assert (found.traces, found.comparisons, found.noise) == (
        gathered.traces,
        gathered.comparisons,
        gathered.noise(),
    )
    assert found.data == DataContext(nonfinite_weights=("w",))

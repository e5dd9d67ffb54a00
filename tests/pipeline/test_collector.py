"""collector: routes are run, compared chunk by chunk, and merged. Fake workers return small arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.measurement.facts import Facts, OutputFact
from keras_consistency_cli.measurement.policy import Policy, UserLimit
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.plan import Plan
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.trace import Change, Result, Trace

DATA = np.arange(8.0, dtype=np.float32).reshape(-1, 1)
FACTS = Facts(
    name="m", kind="Functional", parameters=1, layers=(), inputs=(), outputs=(), backend="tensorflow"
)
NOISE = 2.0**-20


def nothing(_session: Any, _rows: Any) -> Result:
    """A route's function; the fake workers never run it."""
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
    """A worker that returns the numbers of the rows it runs on, and notes its requests."""

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.answers = answers or {}
        self.requests: list[tuple[str, list[int]]] = []

    def run(self, name: str, numbers: np.ndarray) -> tuple[Trace, Trace | None]:
        self.requests.append((name, numbers.tolist()))
        answer = self.answers.get(name, DATA + NOISE if name.endswith("float64") else DATA)
        if callable(answer):
            answer = answer(numbers)
        if isinstance(answer, tuple):
            return answer
        if isinstance(answer, Trace):
            return answer, None
        return Trace(route=name, outputs={"out": answer[numbers]}, elapsed_s=1.0), None


def collector(
    checks: Sequence[Check],
    answers: Mapping[str, Any] | None = None,
    *,
    facts: Facts = FACTS,
    policy: Policy | None = None,
) -> EvidenceCollector:
    client: Any = FakeClient(answers)
    return EvidenceCollector(
        plan=Plan.of(checks, TABLE),
        facts=facts,
        policy=policy or Policy(),
        clients={"main": client, "fresh": client},
    )


def requests(collected: EvidenceCollector) -> list[tuple[str, list[int]]]:
    client: Any = collected.clients["main"]
    return list(client.requests)


BOTH = (np.arange(5), np.arange(5, 8))


def add_in_two(collected: EvidenceCollector) -> EvidenceCollector:
    collected.add_sample(BOTH[0])
    collected.merge(collected.measure(BOTH[1]))
    return collected


# --- chunks


def test_routes_that_do_not_stream_run_on_the_first_chunk_alone() -> None:
    collected = add_in_two(collector([check(("call", "predict"), ("graph", "predict"))]))
    ran = {
        name: [numbers for route, numbers in requests(collected) if route == name]
        for name, _ in requests(collected)
    }
    assert ran["predict"] == [[0, 1, 2, 3, 4], [5, 6, 7]]
    assert ran["graph"] == [[0, 1, 2, 3, 4]]
    rows = {pair: each[0].rows for pair, each in collected.comparisons.items()}
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
    assert collected.rows == 8


def test_chunks_give_the_comparison_of_all_rows() -> None:
    moved = DATA + np.array([[0], [0.5], [0], [0], [0], [0], [0.25], [0]], np.float32)
    whole = collector([check(("call", "predict"))], {"call": moved})
    whole.add_sample(np.arange(8))
    parts = add_in_two(collector([check(("call", "predict"))], {"call": moved}))
    for pair in (("call", "predict"), ("call-float64", "predict-float64"), ("predict", "predict-float64")):
        assert parts.comparisons[pair] == whole.comparisons[pair]
    assert [worst.row for worst in parts.comparisons["call", "predict"][0].worst] == [1, 6]


def test_worst_rows_have_the_row_numbers_of_the_data() -> None:
    collected = collector([check(("call", "predict"))], {"call": DATA * 2})
    collected.add_sample(np.array([6, 2]))
    assert [(worst.row, worst.distance) for worst in collected.comparisons["call", "predict"][0].worst] == [
        (6, 6.0),
        (2, 2.0),
    ]


def test_outputs_are_dropped_and_their_rows_counted() -> None:
    trace = add_in_two(collector([check(("call", "predict"))])).traces["predict"]
    assert trace == Trace(route="predict", output_rows={"out": 8}, elapsed_s=2.0)


@pytest.mark.parametrize("bad", [Trace(route="call", error="boom"), Trace(route="call", unavailable="no")])
@pytest.mark.parametrize("chunk", [0, 5])
def test_a_failed_chunk_outweighs_the_others(bad: Trace, chunk: int) -> None:
    answers = {
        "call": lambda numbers: (
            bad if numbers[0] == chunk else (Trace(route="call", outputs={"out": DATA[numbers]}), None)
        )
    }
    trace = add_in_two(collector([check(("call", "predict"))], answers)).traces["call"]
    assert (trace.error, trace.unavailable, trace.ran) == (bad.error, bad.unavailable, False)


def test_a_change_in_the_first_chunk_is_kept() -> None:
    change = (Change(path="w", kind="weight", max_abs=1.0),)
    answers = {
        "call": lambda numbers: Trace(
            route="call", outputs={"out": DATA[numbers]}, changed=change if numbers[0] == 0 else ()
        )
    }
    assert add_in_two(collector([check(("call", "predict"))], answers)).traces["call"].changed == change


def test_an_output_that_later_chunks_do_not_have_is_kept() -> None:
    def two_then_one(numbers: np.ndarray) -> Trace:
        outputs = {"out": DATA[numbers], "extra": DATA[numbers]}
        return Trace(route="", outputs=outputs if numbers[0] == 0 else {"out": DATA[numbers]})

    def moved(numbers: np.ndarray) -> Trace:
        trace = two_then_one(numbers)
        return Trace(
            route="", outputs={name: values + (name == "extra") for name, values in trace.outputs.items()}
        )

    collected = add_in_two(
        collector(
            [check(("call", "predict"))],
            {"predict": _named("predict", two_then_one), "call": _named("call", moved)},
        )
    )
    assert {each.output: each.max_abs for each in collected.comparisons["call", "predict"]} == {
        "out": 0.0,
        "extra": 1.0,
    }


def _named(name: str, answer: Any) -> Any:
    return lambda numbers: Trace(route=name, outputs=answer(numbers).outputs)


def test_an_unavailable_route_is_never_requested() -> None:
    collected = add_in_two(collector([check(("needs-gpu", "predict"))]))
    assert collected.traces["needs-gpu"].unavailable == "no GPU is visible"
    assert "needs-gpu" not in {name for name, _ in requests(collected)}
    assert ("needs-gpu", "predict") not in collected.comparisons


def test_a_baseline_is_a_trace_of_its_own() -> None:
    pair = (
        Trace(route="companions", outputs={"out": DATA[:2] + 1}),
        Trace(route="companions-baseline", outputs={"out": DATA[:2]}),
    )
    collected = collector([check(("companions", "companions-baseline"))], {"companions": pair})
    collected.add_sample(np.arange(8))
    assert collected.comparisons["companions", "companions-baseline"][0].max_abs == 1.0


def test_each_worker_gets_its_own_routes() -> None:
    clients: dict[str, Any] = {"main": FakeClient(), "fresh": FakeClient()}
    EvidenceCollector(
        plan=Plan.of([check(("graph", "predict"))], TABLE), facts=FACTS, policy=Policy(), clients=clients
    ).add_sample(np.arange(3))
    requested = {name: [route for route, _ in client.requests] for name, client in clients.items()}
    assert requested == {"main": ["predict", "predict-float64", "predict-again"], "fresh": ["graph"]}


def test_more_routes_can_be_run_afterwards() -> None:
    collected = collector(
        [check(("call", "predict"))], {"locate": Trace(route="locate", details={"layer": "a"})}
    )
    collected.run_more([route("locate"), route("gone", unavailable=lambda _facts: "not here")], np.arange(2))
    assert collected.traces == {
        "gone": Trace(route="gone", unavailable="not here"),
        "locate": Trace(route="locate", details={"layer": "a"}),
    }


# --- what follows from the outputs


def test_rows_with_nan_are_noted_by_their_numbers() -> None:
    marked = {
        "rows": lambda numbers: Trace(route="rows", outputs={"x": np.isin(numbers, (1, 6)), "y": numbers < 0})
    }
    collected = add_in_two(collector([check(("call", "predict"), routes=("rows",))], marked))
    assert collected.bad_rows == {"x": [1, 6], "y": []}


def test_noise_is_not_measured_in_rows_with_nan() -> None:
    marked = {
        "rows": lambda numbers: Trace(route="rows", outputs={"x": numbers == 6}),
        "predict-float64": DATA + NOISE + (DATA == 6),
    }
    noise = add_in_two(collector([check(("call", "predict"), routes=("rows",))], marked)).noise()["out"]
    assert (noise.max_abs, noise.noise_elements) == (NOISE, 7)


def test_decisions_in_rows_with_nan_do_not_change() -> None:
    likely = np.linspace(0.1, 0.9, 8).astype(np.float32)[:, None]
    answers = {
        "rows": lambda numbers: Trace(route="rows", outputs={"x": numbers == 6}),
        **dict.fromkeys(("predict", "predict-float64", "call"), likely),
    }
    flag = OutputFact(name="out", shape=(None, 1), decision="threshold")
    checks = [check(("call", "predict-float64"), routes=("rows",))]
    collected = collector(checks, answers, facts=replace(FACTS, outputs=(flag,)))
    collected.add_sample(np.arange(8))
    (compared,) = collected.comparisons["call", "predict-float64"]
    assert (compared.decisions, compared.flipped, compared.nonfinite) == (8, 0, 0)


def test_noise_is_predict_compared_with_its_float64_copy() -> None:
    noise = add_in_two(collector([check(("call", "predict"))])).noise()
    assert list(noise) == ["out"]
    assert (noise["out"].candidate, noise["out"].reference) == ("predict", "predict-float64")
    assert (noise["out"].max_abs, noise["out"].rows) == (NOISE, 8)


@pytest.mark.parametrize(("kind", "known"), [("seed", False), ("state", True)])
def test_a_predict_that_changes_its_seed_and_does_not_repeat_has_no_noise(kind: Any, known: bool) -> None:
    change = Change(path="p", kind=kind, max_abs=1.0)
    predict = Trace(route="predict", outputs={"out": DATA}, changed=(change,))
    collected = collector(
        [check(("predict-again", "predict"))], {"predict": predict, "predict-again": DATA + np.float32(0.5)}
    )
    collected.add_sample(np.arange(8))
    assert bool(collected.noise()) is known


def test_a_fault_of_predict_does_not_hide_in_its_own_noise() -> None:
    moved = DATA + np.float32(0.5)
    collected = collector([check(("call", "predict"))], {"predict": moved, "predict-again": moved})
    collected.add_sample(np.arange(8))
    assert (collected.noise()["out"].candidate, collected.noise()["out"].max_abs) == ("call", NOISE)


@pytest.mark.parametrize(("declared", "decision"), [(None, "argmax"), ("threshold", "threshold")])
def test_decisions_are_those_of_the_sample(declared: Any, decision: Any) -> None:
    outputs = np.tile(np.array([0.25, 0.75], np.float32), (8, 1))
    facts = replace(FACTS, outputs=(OutputFact(name="out", shape=None, decision=declared),))
    names = ("predict", "call", "predict-float64", "call-float64")
    collected = collector([check(("call", "predict"))], dict.fromkeys(names, outputs), facts=facts)
    collected.add_sample(np.arange(8))
    assert collected.decisions == {"out": decision}
    assert collected.comparisons["call", "predict"][0].decision == decision


def test_stated_limits_reach_the_comparison() -> None:
    collected = collector(
        [check(("call", "predict"))],
        {"call": DATA + 0.5},
        policy=Policy(per_output=(("out", UserLimit(rtol=0.0, atol=0.125)),)),
    )
    add_in_two(collected)
    comparison = collected.comparisons["call", "predict"][0]
    assert (comparison.stated_excess, comparison.stated_over) == (0.375, 8)


def test_evidence_contains_everything_collected() -> None:
    collected = add_in_two(collector([check(("call", "predict"))]))
    evidence = collected.evidence(DataContext(nonfinite_weights=("w",)))
    assert (evidence.facts, evidence.policy, evidence.rows) == (FACTS, Policy(), 8)
    assert (evidence.traces, evidence.comparisons, evidence.noise) == (
        collected.traces,
        collected.comparisons,
        collected.noise(),
    )
    assert evidence.data == DataContext(nonfinite_weights=("w",))


# --- one check after the other


def fails_if_different(candidate: str, code: str) -> Check:
    """A check that fails if the candidate differs from predict."""

    def examine(evidence: Evidence) -> Verdict:
        differs = any(not pair.identical for pair in evidence.comparisons[candidate, "predict"])
        return Verdict(status=Status.FAIL if differs else Status.PASS, message="")

    return replace(check((candidate, "predict")), code=code, examine=examine)


IN_ORDER = tuple(fails_if_different(name, name) for name in ("call", "graph", "companions"))


def test_no_route_runs_after_the_first_check_that_fails() -> None:
    collected = collector(IN_ORDER, {"graph": DATA + 1})
    collected.add_until_failure(IN_ORDER, TABLE, np.arange(4), DataContext())
    assert [name for name, _ in requests(collected)] == [
        "predict",
        "predict-float64",
        "call",
        "call-float64",
        "predict-again",
        "graph",
    ]
    statuses = [one.verdict(collected.evidence(DataContext())).status for one in IN_ORDER[:2]]
    assert (statuses, collected.rows) == ([Status.PASS, Status.FAIL], 4)


def test_without_a_failure_every_route_runs_once_and_the_evidence_is_the_same() -> None:
    at_once, in_order = collector(IN_ORDER), collector(IN_ORDER)
    at_once.add_sample(np.arange(8))
    in_order.add_until_failure(IN_ORDER, TABLE, np.arange(8), DataContext())
    assert sorted(requests(in_order)) == sorted(requests(at_once))
    assert (in_order.comparisons, in_order.rows) == (at_once.comparisons, at_once.rows)
    assert (in_order.traces, in_order.decisions) == (at_once.traces, at_once.decisions)
    assert list(in_order.comparisons) == list(at_once.comparisons)


# --- what is reported


class Watcher:
    """Notes the events of a run."""

    def __init__(self) -> None:
        self.activities: list[str] = []
        self.finished: list[tuple[str, str, int, int]] = []

    def __call__(self, activity: str, /) -> None:
        self.activities.append(activity)

    def route_finished(self, name: str, summary: str, done: int, total: int, /) -> None:
        self.finished.append((name, summary, done, total))


def test_every_finished_route_is_reported_with_a_count(wording: SnapshotAssertion) -> None:
    watcher = Watcher()
    collected = replace(collector([check(("graph", "predict"), ("needs-gpu", "predict"))]), observe=watcher)
    collected.add_sample(np.arange(3))
    names = [name for name, *_ in watcher.finished]
    assert sorted(names) == ["graph", "predict", "predict-again", "predict-float64"]
    assert [(done, total) for *_, done, total in watcher.finished] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert watcher.activities == wording

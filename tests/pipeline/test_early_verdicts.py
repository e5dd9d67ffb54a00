"""early: checks are asked once what they need has run, and a run that ends at the first failure runs no more than it must."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.measurement.tolerance import Policy
from keras_consistency_cli.pipeline.collector import EvidenceCollector, Plan
from keras_consistency_cli.pipeline.early_verdicts import asked_early, one_by_one
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.trace import Result, Trace

FACTS = Facts(
    name="m", kind="Functional", parameters=1, layers=(), inputs=(), outputs=(), backend="tensorflow"
)
ROWS = np.arange(4)


def nothing(_session: Any, _rows: Any) -> Result:
    """The fake seat never runs it."""
    return Result(outputs={})


NAMES = ("predict", "predict-float64", "predict-again", "call", "call-float64", "graph", "slow")
TABLE = tuple(Route(name=name, summary="", run=nothing) for name in NAMES)


class WorkerClient:
    """Answers alike on every route but on `graph`, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, name: str, numbers: np.ndarray) -> tuple[Trace, None]:
        self.asked.append(name)
        return Trace(
            route=name, outputs={"out": numbers[:, None].astype("float32") + (name == "graph")}
        ), None


def agrees(candidate: str, code: str) -> Check:
    """A check that fails where the candidate is apart from predict."""
    pair = (candidate, "predict")

    def examine(evidence: Evidence) -> Verdict:
        apart = any(not each.identical for each in evidence.comparisons[pair])
        return Verdict(status=Status.FAIL if apart else Status.PASS, message=f"{evidence.rows} rows")

    return Check(
        code=code,
        name=candidate,
        title="",
        explanation="",
        examine=examine,
        pairs=(Pair(candidate=candidate, reference="predict"),),
    )


CHECKS = (agrees("call", "KC1"), agrees("graph", "KC2"), agrees("slow", "KC3"))


def collector(client: Any) -> EvidenceCollector:
    return EvidenceCollector(
        plan=Plan.of(CHECKS, TABLE), facts=FACTS, policy=Policy(), clients={"main": client}
    )


def test_a_check_is_asked_before_routes_run_that_it_does_not_need() -> None:
    client = WorkerClient()
    heard: list[tuple[str, Status, str, str]] = []

    def hear(verdict: Verdict) -> None:
        heard.append((verdict.code, verdict.status, verdict.message, client.asked[-1]))

    gathered = collector(client)
    gathered.add(ROWS, first=True, look=asked_early(CHECKS, TABLE, DataContext(), hear))
    assert heard == [
        ("KC1", Status.PASS, "4 rows", "call-float64"),
        ("KC2", Status.FAIL, "4 rows", "graph"),
        ("KC3", Status.PASS, "4 rows", "slow"),
    ]


def test_being_watched_changes_nothing_of_the_evidence() -> None:
    alone, watched = collector(WorkerClient()), collector(WorkerClient())
    alone.add(ROWS, first=True)
    watched.add(ROWS, first=True, look=asked_early(CHECKS, TABLE, DataContext(), lambda _: None))
    assert (watched.comparisons, list(watched.comparisons)) == (alone.comparisons, list(alone.comparisons))
    assert (watched.traces, watched.rows, watched.decisions, watched.bad_rows) == (
        alone.traces,
        alone.rows,
        alone.decisions,
        alone.bad_rows,
    )


def test_a_run_that_ends_at_the_first_failure_asks_no_further_routes() -> None:
    client = WorkerClient()
    gathered = collector(client)
    gathered.add(ROWS, first=True, steps=tuple(one_by_one(CHECKS, TABLE, DataContext())))
    assert client.asked == ["predict", "predict-float64", "predict-again", "call", "call-float64", "graph"]
    assert [check.verdict(gathered.evidence(DataContext())).status for check in CHECKS[:2]] == [Status.PASS, Status.FAIL]


def test_where_nothing_fails_all_of_it_runs_once() -> None:
    client = WorkerClient()
    checks = (CHECKS[0], CHECKS[2])
    gathered = EvidenceCollector(
        plan=Plan.of(checks, TABLE), facts=FACTS, policy=Policy(), clients={"main": client}
    )  # type: ignore[dict-item]
    gathered.add(ROWS, first=True, steps=tuple(one_by_one(checks, TABLE, DataContext())))
    assert sorted(client.asked) == sorted(set(NAMES) - {"graph"})

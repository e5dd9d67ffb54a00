"""exhibits: the rows that a failure shows on, and both answers row for row, also where a route answers for a row several times."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.base import Judged, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.measure import Answers, compare
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.pipeline.failing_rows import collect
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.trace import Trace

X = np.arange(40.0).reshape(20, 2)


@dataclass
class Runs:
    """Stands in for what gathers evidence: answers by route for the rows of these numbers."""

    answers: dict[str, Callable[[np.ndarray], Any]]
    bad_rows: dict[str, list[int]] = field(default_factory=dict)
    asked: list[tuple[list[str], list[int]]] = field(default_factory=list)

    def run_again(self, routes: Iterable[Route], numbers: np.ndarray) -> dict[str, Trace]:
        self.asked.append(([route.name for route in routes], numbers.tolist()))
        found = {}
        for name, answer in {
            "given-rows": lambda at: X[at],
            "given-rows-baseline": lambda at: X[at] / 10,
            **self.answers,
        }.items():
            made = answer(numbers)
            found[name] = (
                made
                if isinstance(made, Trace)
                else Trace(route=name, outputs={"x" if name.startswith("given") else "y": made})
            )
        return found


def predicted(numbers: np.ndarray) -> np.ndarray:
    return np.asarray(X[numbers].sum(axis=1, keepdims=True))


def moved(**by_row: float) -> Callable[[np.ndarray], np.ndarray]:
    """Predict's answers, those of rows r3, r7, ... moved."""
    change = {int(name[1:]): by for name, by in by_row.items()}
    return lambda numbers: predicted(numbers) + np.array([[change.get(row, 0.0)] for row in numbers.tolist()])


def failed(code: str, comparison: Comparison | None) -> Verdict:
    judged = (
        (Judged(comparison=comparison, limit=Limit(value=0.1, origin="calibrated"), within=False),)
        if comparison
        else ()
    )
    return Verdict(status=Status.FAIL, message="", code=code, judged=judged)


def pair(candidate: str, reference: str = "predict", worst: int = 3) -> Comparison:
    theirs = np.zeros((20, 1))
    mine = theirs.copy()
    mine[worst] = 5.0
    return compare((candidate, reference), Answers(outputs={"y": mine}), Answers(outputs={"y": theirs}))[0]


def test_rows_come_with_both_answers_those_that_moved_most_first() -> None:
    runs = Runs(answers={"predict": predicted, "one-by-one": moved(r3=-1.0, r7=4.0)})
    (found,) = collect(runs, [failed("KC101", pair("one-by-one"))], np.arange(10), 20)  # type: ignore[arg-type]
    assert (found.code, found.candidate, found.reference, found.problem) == (
        "KC101",
        "one-by-one",
        "predict",
        None,
    )
    assert found.rows[:2] == (7, 3)
    assert np.array_equal(found.given["x"], X[list(found.rows)])
    assert np.array_equal(found.fed["x"], X[list(found.rows)] / 10)
    assert (found.answers["y"] - found.expected["y"])[:3].ravel().tolist() == [4.0, -1.0, 0.0]
    assert runs.asked == [(["predict", "one-by-one", "given-rows"], list(range(10)))]


def test_a_row_outside_the_sample_takes_the_place_of_another() -> None:
    runs = Runs(answers={"predict": predicted, "one-by-one": moved(r17=1.0)})
    (found,) = collect(runs, [failed("KC101", pair("one-by-one", worst=17))], np.arange(10), 20)  # type: ignore[arg-type]
    assert found.rows[0] == 17
    assert runs.asked[0][1] == [*range(9), 17]


def test_a_route_that_answers_a_row_several_times_is_held_against_its_own_reference() -> None:
    """Row 2 is tried twice: the second time its neighbours changed it."""
    positions = np.array([2, 5, 2])
    mine, theirs = np.array([[1.0], [5.0], [9.0]]), np.array([[1.0], [5.0], [2.0]])
    answers = {
        "predict": predicted,
        "companions": lambda _numbers: Trace(route="companions", outputs={"y": mine}, rows=positions),
        "companions-baseline": lambda _numbers: Trace(
            route="companions-baseline", outputs={"y": theirs}, rows=positions
        ),
    }
    runs = Runs(answers=answers)
    (found,) = collect(runs, [failed("KC103", pair("companions", "companions-baseline"))], np.arange(10), 20)  # type: ignore[arg-type]
    assert found.rows == (2, 5)
    assert (found.answers["y"].ravel().tolist(), found.expected["y"].ravel().tolist()) == (
        [9.0, 5.0],
        [2.0, 5.0],
    )
    assert "companions-baseline" not in runs.asked[0][0]


def test_a_check_that_compares_nothing_shows_the_rows_with_nan() -> None:
    runs = Runs(answers={"predict": predicted}, bad_rows={"x": [4, 8]})
    (found,) = collect(runs, [failed("KC701", None)], np.arange(10), 20)  # type: ignore[arg-type]
    assert (found.rows, found.answers, found.expected["y"].shape) == ((4, 8), {}, (2, 1))


@pytest.mark.parametrize(
    ("trace", "problem"),
    [
        (Trace(route="one-by-one", error="boom"), "one-by-one: boom"),
        (Trace(route="one-by-one", unavailable="no"), "one-by-one: no"),
        (
            Trace(route="one-by-one", outputs={"y": np.float64(1.0)}),
            "one-by-one: its answers do not stand for rows one by one",
        ),
    ],
)
def test_what_went_wrong_the_second_time_is_told(trace: Trace, problem: str) -> None:
    runs = Runs(answers={"predict": predicted, "one-by-one": lambda _numbers: trace})
    (found,) = collect(runs, [failed("KC101", pair("one-by-one"))], np.arange(10), 20)  # type: ignore[arg-type]
    assert found.problem == problem
    assert found.answers == {}
    assert len(found.rows) == 10


def test_nothing_runs_where_nothing_failed() -> None:
    runs = Runs(answers={})
    assert collect(runs, [Verdict(status=Status.WARN, message="", code="KC101")], np.arange(10), 20) == ()  # type: ignore[arg-type]
    assert runs.asked == []

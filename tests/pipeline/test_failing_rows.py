"""failing rows: the rows that a failure shows on, with the outputs of both routes row for row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.pipeline.failing_rows import collect_failing_rows, worst_rows
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.trace import Trace

X = np.arange(40.0).reshape(20, 2)


@dataclass
class Runs:
    """Stands in for the evidence collector: outputs by route for the rows of these numbers."""

    outputs: dict[str, Callable[[np.ndarray], Any]]
    bad_rows: dict[str, list[int]] = field(default_factory=dict)
    requests: list[tuple[list[str], list[int]]] = field(default_factory=list)

    def run_again(self, routes: Iterable[Route], numbers: np.ndarray) -> dict[str, Trace]:
        self.requests.append(([route.name for route in routes], numbers.tolist()))
        traces = {}
        for name, make in {
            "given-rows": lambda at: X[at],
            "given-rows-baseline": lambda at: X[at] / 10,
            **self.outputs,
        }.items():
            made = make(numbers)
            output = "x" if name.startswith("given") else "y"
            traces[name] = made if isinstance(made, Trace) else Trace(route=name, outputs={output: made})
        return traces


def predicted(numbers: np.ndarray) -> np.ndarray:
    return np.asarray(X[numbers].sum(axis=1, keepdims=True))


def moved(**by_row: float) -> Callable[[np.ndarray], np.ndarray]:
    """Predict's outputs, changed in rows r3, r7, ..."""
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
    values = np.zeros((20, 1))
    changed = values.copy()
    changed[worst] = 5.0
    outputs = RowOutputs(outputs={"y": changed}), RowOutputs(outputs={"y": values})
    return compare((candidate, reference), *outputs)[0]


def test_rows_have_both_outputs_and_the_greatest_difference_comes_first() -> None:
    runs = Runs(outputs={"predict": predicted, "one-by-one": moved(r3=-1.0, r7=4.0)})
    (failing,) = collect_failing_rows(
        runs, routes(), [failed("KC101", pair("one-by-one"))], np.arange(10), 20
    )
    assert (failing.code, failing.candidate, failing.reference, failing.problem) == (
        "KC101",
        "one-by-one",
        "predict",
        None,
    )
    assert failing.rows[:2] == (7, 3)
    assert np.array_equal(failing.given["x"], X[list(failing.rows)])
    assert np.array_equal(failing.fed["x"], X[list(failing.rows)] / 10)
    assert (failing.answers["y"] - failing.expected["y"])[:3].ravel().tolist() == [4.0, -1.0, 0.0]
    assert runs.requests == [(["predict", "one-by-one", "given-rows"], list(range(10)))]


def test_a_row_outside_the_sample_takes_the_place_of_another() -> None:
    runs = Runs(outputs={"predict": predicted, "one-by-one": moved(r17=1.0)})
    (failing,) = collect_failing_rows(
        runs, routes(), [failed("KC101", pair("one-by-one", worst=17))], np.arange(10), 20
    )
    assert failing.rows[0] == 17
    assert runs.requests[0][1] == [*range(9), 17]


def test_a_route_that_answers_a_row_several_times_is_compared_with_its_own_baseline() -> None:
    """Row 2 runs twice: the second time its neighbours change it."""
    positions = np.array([2, 5, 2])
    changed, baseline = np.array([[1.0], [5.0], [9.0]]), np.array([[1.0], [5.0], [2.0]])
    outputs = {
        "predict": predicted,
        "companions": lambda _numbers: Trace(route="companions", outputs={"y": changed}, rows=positions),
        "companions-baseline": lambda _numbers: Trace(
            route="companions-baseline", outputs={"y": baseline}, rows=positions
        ),
    }
    runs = Runs(outputs=outputs)
    (failing,) = collect_failing_rows(
        runs, routes(), [failed("KC103", pair("companions", "companions-baseline"))], np.arange(10), 20
    )
    assert failing.rows == (2, 5)
    assert (failing.answers["y"].ravel().tolist(), failing.expected["y"].ravel().tolist()) == (
        [9.0, 5.0],
        [2.0, 5.0],
    )
    assert "companions-baseline" not in runs.requests[0][0]


def test_a_check_that_compares_nothing_shows_the_rows_with_nan() -> None:
    runs = Runs(outputs={"predict": predicted}, bad_rows={"x": [4, 8]})
    (failing,) = collect_failing_rows(runs, routes(), [failed("KC701", None)], np.arange(10), 20)
    assert (failing.rows, failing.answers, failing.expected["y"].shape) == ((4, 8), {}, (2, 1))


@pytest.mark.parametrize(
    "trace",
    [
        Trace(route="one-by-one", error="boom"),
        Trace(route="one-by-one", unavailable="no"),
        Trace(route="one-by-one", outputs={"y": np.float64(1.0)}),
    ],
    ids=["error", "unavailable", "one output for all rows"],
)
def test_a_route_that_fails_the_second_time_is_reported(trace: Trace, wording: SnapshotAssertion) -> None:
    runs = Runs(outputs={"predict": predicted, "one-by-one": lambda _numbers: trace})
    (failing,) = collect_failing_rows(
        runs, routes(), [failed("KC101", pair("one-by-one"))], np.arange(10), 20
    )
    assert failing.answers == {}
    assert len(failing.rows) == 10
    assert failing.problem == wording


def test_the_worst_row_of_each_failure_comes_first() -> None:
    one, other = pair("one-by-one", worst=17), pair("shuffled", worst=3)
    passed = replace(failed("KC102", pair("batch-2", worst=9)), status=Status.PASS)
    found = worst_rows([failed("KC101", one), passed, failed("KC701", None), failed("KC104", other)])
    assert found[:2] == [17, 3]
    assert len(found) == len(set(found))


def test_nothing_runs_without_a_failure() -> None:
    runs = Runs(outputs={})
    assert (
        collect_failing_rows(
            runs, routes(), [Verdict(status=Status.WARN, message="", code="KC101")], np.arange(10), 20
        )
        == ()
    )
    assert runs.requests == []

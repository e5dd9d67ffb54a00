"""answers: an answer is read, and anything else is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.workers.answers import read_description, read_load_answer, read_traces

FACTS = Facts(name="m", kind="Functional", parameters=1, layers=(), inputs=(), outputs=())
HEADER = {
    "details": {"a": 1},
    "changed": [{"path": "w", "kind": "weight", "max_abs": 0.5}],
    "elapsed_s": 0.1,
}
OUTPUTS = {"outputs/out": np.ones((2, 1))}


def test_the_answer_to_load_is_read() -> None:
    header = {"facts": dataclasses.asdict(FACTS), "rows": "", "unprotected": ["network: no"]}
    answer = read_load_answer(header)
    assert (answer.facts, answer.rows, answer.unprotected) == (FACTS, "", ("network: no",))


def test_the_answer_to_describe_is_read() -> None:
    description = DataFacts(generated=True)
    assert read_description({"description": dataclasses.asdict(description)}) == description


def test_a_trace_has_outputs_details_and_changes() -> None:
    trace, baseline = read_traces("call", HEADER, OUTPUTS, 2)
    assert (trace.route, trace.details, trace.elapsed_s, baseline) == ("call", {"a": 1}, 0.1, None)
    assert [change.path for change in trace.changed] == ["w"]
    assert trace.outputs["out"].tolist() == [[1.0], [1.0]]


def test_a_baseline_is_a_trace_of_its_own() -> None:
    arrays = {**OUTPUTS, "baseline/out": np.zeros((2, 1)), "rows": np.array([1, 0])}
    trace, baseline = read_traces("companions", HEADER, arrays, 2)
    assert baseline is not None
    assert (baseline.route, baseline.outputs["out"].tolist()) == ("companions-baseline", [[0.0], [0.0]])
    assert trace.rows is not None
    assert trace.rows.tolist() == np.asarray(baseline.rows).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("header", "arrays"),
    [
        ({}, OUTPUTS),
        ({**HEADER, "changed": 3}, OUTPUTS),
        ({**HEADER, "elapsed_s": "soon"}, OUTPUTS),
        (HEADER, {"inputs/out": np.ones(2)}),
        (HEADER, {**OUTPUTS, "rows": np.array([0, 2])}),
        (HEADER, {**OUTPUTS, "rows": np.array([-1, 0])}),
        (HEADER, {**OUTPUTS, "rows": np.array([0.0, 1.0])}),
        (HEADER, {**OUTPUTS, "rows": np.array([[0, 1]])}),
    ],
    ids=["empty", "changes", "time", "group", "beyond", "negative", "floats", "two axes"],
)
def test_anything_else_is_refused(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises((KeyError, ValueError)):
        read_traces("call", header, arrays, 2)

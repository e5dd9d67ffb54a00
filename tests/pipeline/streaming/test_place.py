"""place: chunks are measured in any order and merged in theirs; a chunk with an error is measured again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.pipeline.streaming.chunk import ChunkEvidence, join_traces
from keras_consistency_cli.pipeline.streaming.open import open_place
from keras_consistency_cli.pipeline.streaming.place import ThisRun, in_order, measure_reliably
from keras_consistency_cli.routes.trace import Trace

SETTINGS = Settings.model_validate({"model": "m.keras"})
RAN, FAILED = Trace(route="predict", output_rows={"out": 2}), Trace(route="predict", error="killed")


@dataclass
class Future:
    """A result that is computed when it is asked for."""

    act: Callable[[], int]

    def result(self) -> int:
        return self.act()


def test_results_come_in_order_and_few_items_are_read_ahead() -> None:
    read: list[int] = []

    def numbers() -> Any:
        for number in range(6):
            read.append(number)
            yield number

    results = in_order(lambda number: Future(lambda: -number), numbers(), at_once=3)
    assert (next(results), read) == (0, [0, 1, 2])
    assert (list(results), read) == ([-1, -2, -3, -4, -5], [0, 1, 2, 3, 4, 5])


class Collector:
    """Gives the traces of a list, one in each measurement."""

    def __init__(self, *traces: Trace) -> None:
        self.left = list(traces)

    def measure(self, numbers: np.ndarray) -> ChunkEvidence:
        trace = self.left.pop(0)
        return ChunkEvidence(traces={trace.route: trace}, comparisons={}, bad_rows={}, rows=len(numbers))


@pytest.mark.parametrize(
    ("traces", "error", "left"),
    [((RAN, FAILED), None, 1), ((FAILED, RAN), None, 0), ((FAILED, FAILED, RAN), "killed", 1)],
)
def test_a_chunk_with_an_error_is_measured_once_more(
    traces: tuple[Trace, ...], error: str | None, left: int
) -> None:
    collector: Any = Collector(*traces)
    measured = measure_reliably(collector, np.arange(2))
    assert (measured.traces["predict"].error, len(collector.left)) == (error, left)


def test_traces_of_chunks_are_joined() -> None:
    assert join_traces(None, RAN) is RAN
    assert join_traces(RAN, RAN).output_rows == {"out": 4}
    assert join_traces(FAILED, RAN).error == join_traces(RAN, FAILED).error == "killed"


def test_the_usual_place_is_the_run() -> None:
    with open_place(None, SETTINGS) as place:
        assert isinstance(place, ThisRun)
        assert list(place.notes()) == []


@pytest.mark.parametrize("scheduler", ["local", "local:0", "local:-1", "local:x", "4", "host:8786", ""])
def test_other_schedulers_are_refused(scheduler: str) -> None:
    with pytest.raises(UsageError) as refused, open_place(scheduler, SETTINGS):
        pass
    assert refused.value.exit_code == 2

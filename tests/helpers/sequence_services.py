"""Services that continue sequences of requests: with states by sequence, of all callers, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.helpers.recurrent import run_series
from tests.helpers.stub_services import Stub

__all__ = ["SEQUENCE_SERVICES", "SequenceAnswers", "SequenceStub", "answer_in_sequence"]

States = dict[str, np.ndarray]
SequenceAnswers = Callable[[States, str, np.ndarray], np.ndarray]
"""From the states that a service keeps, the number of the sequence and one series to the outputs."""


def by_sequence(states: States, sequence: str, series: np.ndarray) -> np.ndarray:
    """The healthy service."""
    return run_series(states, sequence, series)


def by_last_caller(states: States, sequence: str, series: np.ndarray) -> np.ndarray:
    """One state for all, which is reset if the sequence is not the one of the request before."""
    if sequence not in states:
        states.clear()
    return run_series(states, sequence, series)


def of_all_callers(states: States, _sequence: str, series: np.ndarray) -> np.ndarray:
    """One state for all, which is never reset."""
    return run_series(states, "", series)


def without_state(_states: States, _sequence: str, series: np.ndarray) -> np.ndarray:
    """A state of zeros before each request."""
    return run_series({}, "", series)


def by_few_sequences(states: States, sequence: str, series: np.ndarray) -> np.ndarray:
    """A cache of states that is too small: it forgets the oldest sequence."""
    outputs = run_series(states, sequence, series)
    while len(states) > 1:
        del states[next(iter(states))]
    return outputs


def in_copies(states: States, sequence: str, series: np.ndarray) -> np.ndarray:
    """Every second request is answered by a process that has not seen the sequence."""
    states["turn"] = 1 - states.get("turn", np.zeros(()))
    return run_series(states, f"{sequence} in process {states['turn']}", series)


SEQUENCE_SERVICES: dict[str, SequenceAnswers] = {
    "state by sequence": by_sequence,
    "state of the last sequence": by_last_caller,
    "state of all callers": of_all_callers,
    "no state": without_state,
    "state of few sequences": by_few_sequences,
    "state in copies": in_copies,
}


def answer_in_sequence(run: SequenceAnswers, states: States, number: str, rows: np.ndarray) -> np.ndarray:
    """Return the outputs for the series of a request; several series are that many sequences."""
    numbers = [number] if len(rows) == 1 else [f"{number}/{at}" for at in range(len(rows))]
    return np.stack([run(states, each, series) for each, series in zip(numbers, rows, strict=True)])


class SequenceStub(Stub):
    """A service whose requests say which sequence they continue."""

    def __init__(self, run: SequenceAnswers, protocol: str = "json") -> None:
        self.run, self.states = run, States()
        super().__init__(lambda rows: rows, protocol)
        self.extensions = ("classification", "sequence")

    def answer(self, rows: np.ndarray, body: Any) -> np.ndarray:
        """The outputs for the series of a request."""
        number = body.get("session", str(body.get("parameters", {}).get("sequence_id", "")))
        return answer_in_sequence(self.run, self.states, number, rows)

"""Two sequences of requests, one after the other and interleaved: each must go on as if it were alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from keras_consistency_cli.routes.session.batches import count_rows, select_rows
from keras_consistency_cli.routes.trace import Outputs, Result
from keras_consistency_cli.workers.endpoints.asked import Asked, details_of, outputs_of
from keras_consistency_cli.workers.endpoints.protocols.steps import Step
from keras_consistency_cli.workers.endpoints.protocols.wire import Answer
from keras_consistency_cli.workers.endpoints.service import join

__all__ = ["ask_in_sequence", "ask_interleaved", "sequence_places"]

_SEQUENCES, _MOST_STEPS, _FEWEST_STEPS = 2, 4, 2
_NO_STATE = "the model carries no state from one request to the next"
_NO_SEQUENCES = "requests do not say which sequence they belong to"
_TOO_FEW = "there are too few rows for two sequences"


def sequence_places(count: int, step_size: int) -> np.ndarray:
    """Return the positions of rows by sequence, step and row of the request; empty if they are too few.

    Args:
        count: the number of rows.
        step_size: the number of rows in a request.
    """
    steps = min(_MOST_STEPS, count // (_SEQUENCES * step_size))
    steps = steps if steps >= _FEWEST_STEPS else 0
    return np.arange(_SEQUENCES * steps * step_size).reshape(_SEQUENCES, steps, step_size)


def ask_in_sequence(asked: Asked) -> Result:
    """One sequence after the other; the baseline are the outputs of the model that carries its state."""
    reason = _why_not(asked)
    if reason:
        return Result(outputs={}, details={"reason": reason})
    places = _places(asked)
    order = [(sequence, step) for sequence in range(len(places)) for step in range(places.shape[1])]
    asked.in_sequence = _ask(asked, places, order)
    return _compared(asked, asked.in_sequence, asked.continued)


def ask_interleaved(asked: Asked) -> Result:
    """The sequences in turns, a request each; the baseline are the answers to one after the other."""
    if asked.in_sequence is None:
        return Result(outputs={}, details={"reason": _why_not(asked)})
    places = _places(asked)
    order = [(sequence, step) for step in range(places.shape[1]) for sequence in range(len(places))]
    return _compared(asked, _ask(asked, places, order), outputs_of(asked.in_sequence, asked.predicted))


def _why_not(asked: Asked) -> str:
    if not asked.step_size:
        return _NO_STATE
    if not asked.service.has_sequences or (asked.service.takes_one_row and asked.step_size > 1):
        return _NO_SEQUENCES
    return "" if asked.continued else _TOO_FEW


def _places(asked: Asked) -> np.ndarray:
    return sequence_places(count_rows(asked.fed), asked.step_size)


def _ask(asked: Asked, places: np.ndarray, order: Iterable[tuple[int, int]]) -> dict[str, Answer]:
    """Send the steps in this order; return the answers in the order of the rows."""
    rows, _ = asked.right
    numbers = [asked.service.new_sequence() for _ in places]
    last = places.shape[1] - 1
    answers = {
        (sequence, step): asked.service.ask(
            select_rows(rows, places[sequence, step]),
            Step(sequence=numbers[sequence], is_first=step == 0, is_last=step == last),
        )
        for sequence, step in order
    }
    return join([answers[each] for each in sorted(answers)])


def _compared(asked: Asked, answers: dict[str, Answer], baseline: Outputs) -> Result:
    return Result(
        outputs=outputs_of(answers, asked.predicted),
        baseline=baseline,
        rows=_places(asked).ravel(),
        details=details_of(answers),
    )

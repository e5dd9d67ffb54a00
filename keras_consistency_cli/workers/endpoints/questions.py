"""What a service is asked, route by route; answers are traces, as those of a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from keras_consistency_cli.routes.endpoints import table
from keras_consistency_cli.routes.output_functions import find_function
from keras_consistency_cli.routes.session.batches import count_rows, select_rows
from keras_consistency_cli.routes.trace import Result
from keras_consistency_cli.workers.endpoints.asked import (
    Asked,
    ask_all,
    batches,
    details_of,
    outputs_of,
    wire_of,
)
from keras_consistency_cli.workers.endpoints.budget import BURST
from keras_consistency_cli.workers.endpoints.misplaced import (
    Misplaced,
    find_misplaced,
    furthest,
    largest_difference,
)
from keras_consistency_cli.workers.endpoints.protocols.forms import Rows
from keras_consistency_cli.workers.endpoints.protocols.wire import Answer
from keras_consistency_cli.workers.endpoints.sequences import ask_in_sequence, ask_interleaved
from keras_consistency_cli.workers.endpoints.service import Service, join
from keras_consistency_cli.workers.endpoints.wrong_rows import count_harmed, make_wrong_rows

__all__ = ["QUESTIONS"]

_SINGLE_ROWS, _CONCURRENT_ROWS, _FEW_ROWS = 16, 32, 3
_ROUNDS = 2
"""Times that all rows are sent at the same time: a race does not show each time."""
_SAME_ANSWER = 0.5
"""As a share of how far answers are off: two that are further from each other are not the same answer."""
_SAME_STATE = 0.05
"""As a share of the change that a different request makes: as little as this is left of older ones."""


def _as_given(asked: Asked) -> Result:
    asked.answers = ask_all(asked, asked.raw if asked.scales else asked.fed)
    return _compared_with_model(asked, asked.answers)


def _compared_with_model(asked: Asked, answers: Mapping[str, Answer]) -> Result:
    """Answers to all rows: whether they are in a different order, or a function of the model's outputs."""
    count = count_rows(asked.fed)
    parts = [
        find_misplaced(_pick_answers(answers, place), asked.predicted, place)
        for place in batches(count, asked.batch_size)
    ]
    details: table.AnswerDetails = {**details_of(answers), **_misplaced(*parts), "functions": {}}
    details["of_own_sequence"] = asked.service.has_sequences
    for name, values in asked.predicted.items():
        found = find_function(answers[name].values, values)
        if found is not None:
            details["functions"][name] = {
                "text": found.text,
                "difference": found.difference,
                "is_rounding": found.is_rounding,
            }
    return Result(outputs=outputs_of(answers, asked.predicted), details=details)


def _misplaced(*parts: Misplaced) -> table.AnswerDetails:
    return {
        "wrong_rows": sum(each.wrong for each in parts),
        "of_request": sum(each.inside for each in parts),
        "of_others": sum(each.anywhere for each in parts),
    }


def _pick_answers(answers: Mapping[str, Answer], positions: np.ndarray) -> dict[str, Answer]:
    return {name: replace(answer, values=answer.values[positions]) for name, answer in answers.items()}


def _scaled(asked: Asked) -> Result:
    if not asked.scales:
        return Result(outputs={}, details={"reason": "no scaler is given"})
    asked.scaled = ask_all(asked, asked.fed)
    return _compared_with_model(asked, asked.scaled)


def _compared(
    asked: Asked, positions: np.ndarray, answers: Mapping[str, Answer], *, at_once: bool = True
) -> Result:
    """Answers to some rows, with those to the same rows in ordinary batches as their baseline.

    Args:
        asked: the service.
        positions: the rows.
        answers: the answers, in the order of the rows.
        at_once: whether they were one request.
    """
    _, usual = asked.right
    baseline = {name: answer.values[positions] for name, answer in usual.items()}
    like = asked.predicted
    requests = [np.arange(len(positions))] if at_once else [np.array([n]) for n in range(len(positions))]
    parts = [find_misplaced(_pick_answers(answers, each), like, positions[each]) for each in requests]
    return Result(
        outputs=outputs_of(answers, like),
        baseline={name: baseline[name].astype(like[name].dtype) for name in like},
        rows=positions,
        details={**details_of(answers), **_misplaced(*parts)},
    )


def _again(asked: Asked) -> Result:
    """A request after itself, after a different one, and after itself again: only a state remembers."""
    rows, _ = asked.right
    positions = np.arange(min(_FEW_ROWS, count_rows(rows)))
    request, other = select_rows(rows, positions), select_rows(rows, np.arange(count_rows(rows))[-_FEW_ROWS:])
    asked.service.ask(request)
    first = asked.service.ask(request)
    asked.service.ask(other)
    second, third = asked.service.ask(request), asked.service.ask(request)
    follows = largest_difference(third, first) < _SAME_STATE * largest_difference(second, first)
    like = asked.predicted
    details: table.RepeatDetails = {"follows_request": follows, "wire": wire_of(second)}
    return Result(
        outputs=outputs_of(second, like), baseline=outputs_of(first, like), rows=positions, details=details
    )


def _one_by_one(asked: Asked) -> Result:
    """Single rows, twice, the second time from the last to the first: chance and turns do not repeat."""
    rows, usual = asked.right
    positions = np.arange(min(_SINGLE_ROWS, count_rows(rows)))
    first = join([asked.service.ask(select_rows(rows, positions[[n]])) for n in positions])
    again = join([asked.service.ask(select_rows(rows, positions[[n]])) for n in positions[::-1]][::-1])
    answers = _worst_of([first, again], usual, positions)
    off = furthest(answers, {name: each.values for name, each in usual.items()}, positions).max()
    result = _compared(asked, positions, answers, at_once=False)
    repeats = largest_difference(again, first) <= _SAME_ANSWER * off
    return replace(result, details={**result.details, "repeats": bool(repeats)})


def _shuffled(asked: Asked) -> Result:
    """The rows of all batches are mixed, so that each has other neighbours."""
    rows, _ = asked.right
    positions = np.random.default_rng(0).permutation(count_rows(rows))[: asked.batch_size]
    return _sorted_by_row(asked, positions, asked.service.ask(select_rows(rows, positions)))


def _sorted_by_row(asked: Asked, positions: np.ndarray, answers: Mapping[str, Answer]) -> Result:
    order = np.argsort(positions)
    for answer in answers.values():
        answer.values = answer.values[order]
    return _compared(asked, positions[order], answers)


def _duplicates(asked: Asked) -> Result:
    """Each row twice, next to each other; the second one counts."""
    rows, _ = asked.right
    positions = np.arange(min(_FEW_ROWS * 2, count_rows(rows)))
    answers = asked.service.ask(select_rows(rows, np.repeat(positions, 2)))
    for answer in answers.values():
        answer.values = answer.values[1::2]
    return _compared(asked, positions, answers)


def _after_large(asked: Asked) -> Result:
    rows, _ = asked.right
    positions = np.arange(count_rows(rows))
    asked.service.ask(rows)
    few = positions[-_FEW_ROWS:]
    return _compared(asked, few, asked.service.ask(select_rows(rows, few)))


def _concurrent(asked: Asked) -> Result:
    """Single rows at the same time, in waves; of all rounds the answer that is furthest off counts."""
    rows, usual = asked.right
    positions = np.arange(min(_CONCURRENT_ROWS, count_rows(rows)))
    rounds = [_ask_at_once(asked.service, rows, positions) for _ in range(_ROUNDS)]
    chosen = _worst_of(rounds, usual, positions)
    result = _compared(asked, positions, chosen)
    # The service's own answers are the right ones here: they may all be wrong for a different reason.
    found = find_misplaced(chosen, {name: each.values for name, each in usual.items()}, positions)
    details = {"wrong_rows": found.wrong, "of_others": found.anywhere}
    return replace(result, details={**result.details, **details})


def _worst_of(
    rounds: Sequence[Mapping[str, Answer]], usual: Mapping[str, Answer], positions: np.ndarray
) -> dict[str, Answer]:
    """For each row the answer of all rounds that is furthest from the usual one."""
    right = {name: answer.values for name, answer in usual.items()}
    worst = np.argmax([furthest(answers, right, positions) for answers in rounds], axis=0)
    return {
        name: Answer(
            values=np.stack([rounds[which][name].values[row] for row, which in enumerate(worst)]),
            digits=max(answers[name].digits for answers in rounds),
            decimals=max(answers[name].decimals for answers in rounds),
        )
        for name in usual
    }


def _ask_at_once(service: Service, rows: Rows, positions: np.ndarray) -> dict[str, Answer]:
    with ThreadPoolExecutor(BURST) as pool:
        return join(
            list(pool.map(lambda place: service.ask(select_rows(rows, positions[[place]])), positions))
        )


def _described(asked: Asked) -> Result:
    """What the service says of itself, and how it takes rows that are wrong."""
    rows, _ = asked.right
    first = select_rows(rows, np.arange(1))
    silent: list[str] = []
    refused: list[str] = []
    harmed = 0
    for what, wrong in make_wrong_rows(first).items():
        status = asked.service.status_of(wrong)
        (silent if status == 200 else refused).append(f"{what} (status {status})" if status else what)
        if status != 200 and len(refused) == 1:
            harmed = count_harmed(asked.service, first, wrong)
    interface = asked.service.interface
    details: table.DescribedDetails = {
        "protocol": asked.service.protocol,
        "name": interface.name,
        "version": interface.version,
        "inputs": list(interface.inputs),
        "outputs": list(interface.outputs),
        "silent": silent,
        "refused": refused,
        "harmed": harmed,
        "requests": asked.service.budget.used,
    }
    return Result(outputs={}, details=details)


QUESTIONS: Mapping[str, Callable[[Asked], Result]] = {
    table.ANSWERS: _as_given,
    table.SCALED: _scaled,
    table.AGAIN: _again,
    table.SINGLE: _one_by_one,
    table.SHUFFLED: _shuffled,
    table.DUPLICATES: _duplicates,
    table.AFTER_LARGE: _after_large,
    table.CONCURRENT: _concurrent,
    table.IN_SEQUENCE: ask_in_sequence,
    table.INTERLEAVED: ask_interleaved,
    table.DESCRIBED: _described,
}
"""By route without label: the function that asks."""

"""What a service is asked, route by route; answers are traces, as those of a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import numpy as np

from keras_consistency_cli.routes.endpoints import table
from keras_consistency_cli.routes.trace import Outputs, Result
from keras_consistency_cli.workers.endpoints.budget import BURST
from keras_consistency_cli.workers.endpoints.protocols import Rows
from keras_consistency_cli.workers.endpoints.service import Service, join
from keras_consistency_cli.workers.endpoints.wire import Answer

__all__ = ["QUESTIONS", "Asked", "distances"]

_SINGLE_ROWS, _CONCURRENT_ROWS, _FEW_ROWS = 16, 32, 3
_ROUNDS = 2
"""Times that all rows are sent at the same time: a race does not show each time."""
_SAME_STATE = 0.05
"""As a share of the change that a different request makes: as little as this is left of older ones."""
_FAR = float(np.finfo(np.float32).max)
_NEAR = 1e-4
"""As a share of the largest answer: an answer this near to that of a different row is that answer."""


@dataclass(kw_only=True)
class Asked:
    """A service, the rows for it, and its answers to them, which other questions refer to.

    `raw` and `fed` are rows before and after scaling; `predicted` are the outputs of the model.
    """

    service: Service
    raw: Rows
    fed: Rows
    scales: bool
    predicted: Outputs
    batch_size: int
    answers: dict[str, Answer] | None = None
    scaled: dict[str, Answer] | None = None

    @property
    def right(self) -> tuple[Rows, Mapping[str, Answer]]:
        """The kind of rows that the service takes, by its answers so far, and these answers."""
        answers = self.answers or _ask_all(self, self.raw if self.scales else self.fed)
        self.answers = answers
        if self.scales and self.scaled is not None and self._distance(self.scaled) < self._distance(answers):
            return self.fed, self.scaled
        return (self.raw if self.scales else self.fed), answers

    def _distance(self, answers: Mapping[str, Answer]) -> float:
        """How far the answers are from predict; NaN on one side only is as far as can be."""
        predicted = self.predicted.items()
        return max(float(distances(answers[name].values, values).mean()) for name, values in predicted)


def distances(values: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How far numbers are from others; NaN or infinity on one side only is as far as can be."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(values - expected)
    apart[(values == expected) | (np.isnan(values) & np.isnan(expected))] = 0.0
    return np.asarray(np.nan_to_num(apart, nan=_FAR, posinf=_FAR))


def _pick(rows: Rows, positions: np.ndarray) -> Rows:
    return {name: values[positions] for name, values in rows.items()}


def _count(rows: Rows) -> int:
    return len(next(iter(rows.values())))


def _ask_all(asked: Asked, rows: Rows) -> dict[str, Answer]:
    """Ask in batches of the size in use."""
    starts = range(0, _count(rows), asked.batch_size)
    places = [np.arange(start, min(start + asked.batch_size, _count(rows))) for start in starts]
    return join([asked.service.ask(_pick(rows, place)) for place in places])


def _outputs(answers: Mapping[str, Answer], like: Outputs) -> Outputs:
    return {name: answers[name].values.astype(like[name].dtype) for name in like}


def _details(answers: Mapping[str, Answer]) -> table.AnswerDetails:
    wire: dict[str, table.WireDetails] = {
        name: {
            "half_unit": answer.half_unit,
            "digits": answer.digits,
            "decimals": answer.decimals,
            "forms": answer.forms,
        }
        for name, answer in answers.items()
    }
    return {"wire": wire}


def _as_given(asked: Asked) -> Result:
    asked.answers = _ask_all(asked, asked.raw if asked.scales else asked.fed)
    return Result(outputs=_outputs(asked.answers, asked.predicted), details=_details(asked.answers))


def _scaled(asked: Asked) -> Result:
    if not asked.scales:
        return Result(outputs={}, details={"reason": "no scaler is given"})
    asked.scaled = _ask_all(asked, asked.fed)
    return Result(outputs=_outputs(asked.scaled, asked.predicted), details=_details(asked.scaled))


def _compared(asked: Asked, positions: np.ndarray, answers: Mapping[str, Answer]) -> Result:
    """Answers to some rows, with those to the same rows in ordinary batches as their baseline."""
    _, usual = asked.right
    baseline = {name: answer.values[positions] for name, answer in usual.items()}
    like = asked.predicted
    return Result(
        outputs=_outputs(answers, like),
        baseline={name: baseline[name].astype(like[name].dtype) for name in like},
        rows=positions,
        details=_details(answers),
    )


def _again(asked: Asked) -> Result:
    """A request after itself, after a different one, and after itself again: only a state remembers."""
    rows, usual = asked.right
    positions = np.arange(min(_FEW_ROWS, _count(rows)))
    request, other = _pick(rows, positions), _pick(rows, np.arange(_count(rows))[-_FEW_ROWS:])
    asked.service.ask(request)
    first = asked.service.ask(request)
    asked.service.ask(other)
    second, third = asked.service.ask(request), asked.service.ask(request)
    one, two, three = (_flattened(answers, usual) for answers in (first, second, third))
    follows = float(np.abs(three - one).max()) < _SAME_STATE * float(np.abs(two - one).max())
    like = asked.predicted
    details: table.RepeatDetails = {"follows_request": follows, **_details(second)}
    return Result(
        outputs=_outputs(second, like), baseline=_outputs(first, like), rows=positions, details=details
    )


def _one_by_one(asked: Asked) -> Result:
    rows, _ = asked.right
    positions = np.arange(min(_SINGLE_ROWS, _count(rows)))
    return _compared(
        asked, positions, join([asked.service.ask(_pick(rows, positions[[n]])) for n in positions])
    )


def _shuffled(asked: Asked) -> Result:
    """The rows of all batches are mixed, so that each has other neighbours."""
    rows, _ = asked.right
    positions = np.random.default_rng(0).permutation(_count(rows))[: asked.batch_size]
    return _sorted_by_row(asked, positions, asked.service.ask(_pick(rows, positions)))


def _sorted_by_row(asked: Asked, positions: np.ndarray, answers: Mapping[str, Answer]) -> Result:
    order = np.argsort(positions)
    for answer in answers.values():
        answer.values = answer.values[order]
    return _compared(asked, positions[order], answers)


def _duplicates(asked: Asked) -> Result:
    """Each row twice, next to each other; the second one counts."""
    rows, _ = asked.right
    positions = np.arange(min(_FEW_ROWS * 2, _count(rows)))
    answers = asked.service.ask(_pick(rows, np.repeat(positions, 2)))
    for answer in answers.values():
        answer.values = answer.values[1::2]
    return _compared(asked, positions, answers)


def _after_large(asked: Asked) -> Result:
    rows, _ = asked.right
    positions = np.arange(_count(rows))
    asked.service.ask(rows)
    few = positions[-_FEW_ROWS:]
    return _compared(asked, few, asked.service.ask(_pick(rows, few)))


def _concurrent(asked: Asked) -> Result:
    """Single rows at the same time, in waves; of all rounds the answer that is furthest off counts."""
    rows, usual = asked.right
    positions = np.arange(min(_CONCURRENT_ROWS, _count(rows)))
    rounds = [_ask_at_once(asked.service, rows, positions) for _ in range(_ROUNDS)]
    worst = np.argmax([_furthest(answers, usual, positions) for answers in rounds], axis=0)
    chosen = {
        name: Answer(
            values=np.stack([rounds[which][name].values[row] for row, which in enumerate(worst)]),
            digits=max(answers[name].digits for answers in rounds),
            decimals=max(answers[name].decimals for answers in rounds),
        )
        for name in usual
    }
    result = _compared(asked, positions, chosen)
    wrong, of_others = _foreign(chosen, usual, positions)
    details = {**result.details, "wrong_rows": wrong, "of_others": of_others}
    return Result(outputs=result.outputs, baseline=result.baseline, rows=positions, details=details)


def _ask_at_once(service: Service, rows: Rows, positions: np.ndarray) -> dict[str, Answer]:
    with ThreadPoolExecutor(BURST) as pool:
        return join(list(pool.map(lambda place: service.ask(_pick(rows, positions[[place]])), positions)))


def _furthest(
    answers: Mapping[str, Answer], usual: Mapping[str, Answer], positions: np.ndarray
) -> np.ndarray:
    """How far each answer is from the usual one, over all outputs."""
    parts = [
        distances(answers[name].values, usual[name].values[positions]).reshape(len(positions), -1)
        for name in usual
    ]
    return cast(np.ndarray, np.concatenate(parts, axis=1).max(axis=1))


def _flattened(answers: Mapping[str, Answer], like: Mapping[str, Answer]) -> np.ndarray:
    """Every answer as one row of finite numbers."""
    rows = [answers[name].values.reshape(len(answers[name].values), -1) for name in like]
    return np.asarray(np.nan_to_num(np.concatenate(rows, axis=1)))


def _foreign(
    answers: Mapping[str, Answer], usual: Mapping[str, Answer], positions: np.ndarray
) -> tuple[int, int]:
    """Return how many answers are wrong, and how many of these are the right ones for a different row."""
    flat = _flattened(answers, usual)
    right = _flattened(usual, usual)
    near = _NEAR * (float(np.abs(right).max()) or 1.0)
    wrong = np.flatnonzero(np.abs(flat - right[positions]).max(axis=1) > near)
    others = sum(bool((np.abs(right - flat[row]).max(axis=1) <= near).any()) for row in wrong)
    return len(wrong), others


def _described(asked: Asked) -> Result:
    """What the service says of itself, and how it takes rows that are wrong."""
    rows, _ = asked.right
    first = _pick(rows, np.arange(1))
    silent: list[str] = []
    refused: list[str] = []
    for what, wrong in _wrong_rows(first).items():
        status = asked.service.status_of(wrong)
        (silent if status == 200 else refused).append(f"{what} (status {status})" if status else what)
    interface = asked.service.interface
    details: table.DescribedDetails = {
        "protocol": asked.service.protocol,
        "name": interface.name,
        "version": interface.version,
        "inputs": list(interface.inputs),
        "outputs": list(interface.outputs),
        "silent": silent,
        "refused": refused,
        "requests": asked.service.budget.used,
    }
    return Result(outputs={}, details=details)


def _wrong_rows(first: Rows) -> dict[str, Rows]:
    (name, values), *_ = first.items()
    if values.ndim < 2 or values.dtype.kind not in "fiu":
        return {}
    wider = np.concatenate([values, values[..., :1]], axis=-1)
    wrong: dict[str, Rows] = {"a row with one column more": {**first, name: wider}}
    if values.shape[-1] > 1:
        wrong["a row with one column less"] = {**first, name: values[..., :-1]}
    return {**wrong, "texts instead of numbers": {**first, name: np.full(values.shape, "text")}}


QUESTIONS: Mapping[str, Callable[[Asked], Result]] = {
    table.ANSWERS: _as_given,
    table.SCALED: _scaled,
    table.AGAIN: _again,
    table.SINGLE: _one_by_one,
    table.SHUFFLED: _shuffled,
    table.DUPLICATES: _duplicates,
    table.AFTER_LARGE: _after_large,
    table.CONCURRENT: _concurrent,
    table.DESCRIBED: _described,
}
"""By route without label: the function that asks."""

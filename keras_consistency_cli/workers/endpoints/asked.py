"""A service, and the rows that it is asked about; what every question needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from keras_consistency_cli.routes.endpoints import table
from keras_consistency_cli.routes.session.batches import count_rows, select_rows
from keras_consistency_cli.routes.trace import Outputs
from keras_consistency_cli.workers.endpoints.misplaced import distances
from keras_consistency_cli.workers.endpoints.protocols.forms import Rows
from keras_consistency_cli.workers.endpoints.protocols.wire import Answer
from keras_consistency_cli.workers.endpoints.service import Service, join

__all__ = ["Asked", "ask_all", "batches", "details_of", "outputs_of", "wire_of"]


@dataclass(kw_only=True)
class Asked:
    """A service, the rows for it, and its answers to them, which other questions refer to.

    `raw` and `fed` are rows before and after scaling; `predicted` are the outputs of the model.
    `batch_size` is the number of rows in a request, `step_size` that in a request of a sequence (0 if the
    model carries no state). `continued` are the outputs of the model that carries its state through each
    sequence.
    """

    service: Service
    raw: Rows
    fed: Rows
    scales: bool
    predicted: Outputs
    batch_size: int
    step_size: int = 0
    continued: Outputs = field(default_factory=dict)
    answers: dict[str, Answer] | None = None
    scaled: dict[str, Answer] | None = None
    in_sequence: dict[str, Answer] | None = None

    @property
    def right(self) -> tuple[Rows, Mapping[str, Answer]]:
        """The kind of rows that the service takes, by its answers so far, and these answers."""
        answers = self.answers or ask_all(self, self.raw if self.scales else self.fed)
        self.answers = answers
        if self.scales and self.scaled is not None and self._distance(self.scaled) < self._distance(answers):
            return self.fed, self.scaled
        return (self.raw if self.scales else self.fed), answers

    def _distance(self, answers: Mapping[str, Answer]) -> float:
        """How far the answers are from predict, in any order; NaN on one side only is as far as can be."""
        return max(
            float(distances(np.sort(answers[name].values, axis=0), np.sort(values, axis=0)).mean())
            for name, values in self.predicted.items()
        )


def ask_all(asked: Asked, rows: Rows) -> dict[str, Answer]:
    """Ask in batches of the size in use."""
    places = batches(count_rows(rows), asked.batch_size)
    return join([asked.service.ask(select_rows(rows, place)) for place in places])


def batches(count: int, size: int) -> list[np.ndarray]:
    """Return the positions of the rows of each batch."""
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]


def outputs_of(answers: Mapping[str, Answer], like: Outputs) -> Outputs:
    """Return the numbers of answers, in the types of the outputs of the model."""
    return {name: answers[name].values.astype(like[name].dtype) for name in like}


def details_of(answers: Mapping[str, Answer]) -> table.AnswerDetails:
    """Return how the numbers of answers were written, as details of a route."""
    return {"wire": wire_of(answers)}


def wire_of(answers: Mapping[str, Answer]) -> dict[str, table.WireDetails]:
    """Return how the numbers of answers were written, by output."""
    return {
        name: {
            "half_unit": answer.half_unit,
            "digits": answer.digits,
            "decimals": answer.decimals,
            "forms": answer.forms,
        }
        for name, answer in answers.items()
    }

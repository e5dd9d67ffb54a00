"""Rows that a service must refuse, and what a wrong row does to the requests of others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_consistency_cli.workers.endpoints.budget import BURST
from keras_consistency_cli.workers.endpoints.protocols.forms import Rows
from keras_consistency_cli.workers.endpoints.service import Service

__all__ = ["count_harmed", "make_wrong_rows"]

_ROUNDS = 2
"""Times that a wrong row is sent between others: a request may also fail by chance."""
_ANSWERED = 200


def make_wrong_rows(row: Rows) -> dict[str, Rows]:
    """Return wrong rows by what is wrong with them; none for texts and for rows of one number.

    Args:
        row: one right row, shape (1, ...) for each input.
    """
    (name, values), *_ = row.items()
    if values.ndim < 2 or values.dtype.kind not in "fiu":
        return {}
    wider = np.concatenate([values, values[..., :1]], axis=-1)
    wrong: dict[str, Rows] = {"a row with one column more": {**row, name: wider}}
    if values.shape[-1] > 1:
        wrong["a row with one column less"] = {**row, name: values[..., :-1]}
    return {**wrong, "texts instead of numbers": {**row, name: np.full(values.shape, "text")}}


def count_harmed(service: Service, row: Rows, wrong: Rows) -> int:
    """Return how many right rows get no answer only because a wrong row is sent at the same time.

    A server that puts rows of several requests into one batch may fail for all of them. The smallest number
    of all rounds counts.
    """
    rounds = []
    with ThreadPoolExecutor(BURST) as pool:
        for _ in range(_ROUNDS):
            _, *statuses = pool.map(service.status_of, [wrong, *[row] * (BURST - 1)])
            failed = sum(status != _ANSWERED for status in statuses)
            again = pool.map(service.status_of, [row] * failed)
            rounds.append(sum(status == _ANSWERED for status in again))
    return min(rounds)

"""Raw rows that wait for the call of the model that they belong to, in the thread or task that brought them.

They are kept in a context variable: a task that starts another one, or a thread for it, passes them on, and
tasks that run at the same time do not see each other's.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from keras_consistency_cli.loading.recording.arrays import Arrays, count_rows, shapes_of

__all__ = ["add_raw", "forget_raw", "take_raw"]

_MOST = 64


@dataclass(eq=False)
class _Portion:
    """Rows of one call of `record.raw`; once used, they are used in every context that knows them."""

    rows: Arrays
    is_used: bool = False


_waiting: ContextVar[tuple[_Portion, ...]] = ContextVar("kcheck_raw_rows", default=())


def add_raw(rows: Arrays, *, most: int) -> None:
    """Add rows; the oldest are dropped if there are more than `most`, or too many portions."""
    portions = [*(each for each in _waiting.get() if not each.is_used), _Portion(rows)][-_MOST:]
    while len(portions) > 1 and sum(count_rows(each.rows) for each in portions) > most:
        del portions[0]
    _waiting.set(tuple(portions))


def forget_raw() -> None:
    """Forget the rows, because the call that they belong to is not kept."""
    for portion in _waiting.get():
        portion.is_used = True


def take_raw(size: int) -> Arrays | None:
    """Return the raw rows of a call with `size` rows, None if the latest do not fit; forget all of them."""
    portions = [each.rows for each in _waiting.get() if not each.is_used]
    forget_raw()
    if not portions:
        return None
    if size == 1 and count_rows(portions[-1]) != 1:
        is_single = all(array.ndim == 1 for array in portions[-1].values())
        return {name: array[None] for name, array in portions[-1].items()} if is_single else None
    latest: list[Arrays] = []
    while portions and sum(map(count_rows, latest)) < size:
        latest.insert(0, portions.pop())
    if sum(map(count_rows, latest)) != size or len({shapes_of(each) for each in latest}) != 1:
        return None
    return {name: np.concatenate([each[name] for each in latest]) for name in latest[0]}

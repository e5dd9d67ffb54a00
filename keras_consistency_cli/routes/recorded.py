"""The route of recorded answers: read from the user's file, nothing is run; and what turns today's answers into them, where something simple does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.routes.base import Outputs, Result, Route, Rows
from keras_consistency_cli.routes.batches import count, first, some
from keras_consistency_cli.text import clean

__all__ = ["RECORDED_ROUTES", "other_form"]

_ROWS = 256
_NEAR = 1e-4
"""Of the answers' spread: how near an answer must come to count as the same."""
_FEWEST_ROWS = 8


def _recorded(session: Any, rows: Rows) -> Result:
    expected = session.subject.expected(session.numbers)
    if expected is None:
        return Result(outputs={}, details={"given": False})
    few = first(rows, session.batch_size)
    today = session.step(few)
    named = _named(expected, today)
    details = {"forms": _forms(session, rows, named)} if not _near(named, today, count(few)) else {}
    return Result(outputs=named, details={"given": True, **details})


def _named(expected: Mapping[str, np.ndarray], today: Outputs) -> dict[str, np.ndarray]:
    """Give recorded arrays the names of the outputs, and the axis of length 1 that recording often drops."""
    if len(expected) == 1 and len(today) == 1:
        named = dict(zip(today, expected.values(), strict=True))
    elif set(expected) == set(today):
        named = {name: expected[name] for name in today}
    else:
        what = f"the expected answers are called {clean(', '.join(expected))}, the model's outputs {clean(', '.join(today))}"
        raise DataError(what, expected=".npz with one array for each output, by its name")
    return {name: _shaped(values, today[name]) for name, values in named.items()}


def _shaped(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    same = values.ndim != like.ndim and [size for size in values.shape[1:] if size != 1] == [size for size in like.shape[1:] if size != 1]
    return values.reshape(len(values), *like.shape[1:]) if same else values


def _near(named: Outputs, today: Outputs, rows: int) -> bool:
    return all(values[:rows].shape == today[name].shape and _same(values[:rows], today[name]) for name, values in named.items())


def _forms(session: Any, rows: Rows, named: Outputs) -> dict[str, str]:
    """By output: what turns today's answers into the recorded ones, in words."""
    step = session.facts.batch_size or 1
    positions = np.arange(min(count(rows), max(_ROWS, step)) // step * step)
    session.restore()
    today = session.steps(some(rows, positions), session.batch_size)
    found = {name: other_form(values[positions], today[name]) for name, values in named.items()}
    return {name: words for name, words in found.items() if words}


def other_form(recorded: np.ndarray, today: np.ndarray) -> str | None:
    """Return what turns today's answers of one output into the recorded ones: another order of rows, one factor and offset, or None."""
    if recorded.shape != today.shape or recorded.dtype.kind not in "fiu" or today.dtype.kind != "f" or len(today) < _FEWEST_ROWS:
        return None
    a, b = (values.reshape(len(values), -1).astype(np.float64) for values in (recorded, today))
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or b.std() == 0 or _same(a, b):
        return None
    if _reordered(a, b):
        return "the same rows in another order"
    factor, offset = np.polyfit(b.ravel(), a.ravel(), 1)
    if factor and _same(factor * b + offset, a):
        added = f" {'+' if offset > 0 else '-'} {abs(offset):.6g}" if abs(offset) > _NEAR * a.std() else ""
        return f"today's answers × {factor:.6g}{added}"
    return None


def _reordered(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether each recorded row is one of today's, each of them once, by the nearest in every column."""
    order_a, order_b = np.lexsort(a.T), np.lexsort(b.T)
    return _same(a[order_a], b[order_b])


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    if a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
        return bool((a == b).all())
    wide = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return bool(np.abs(wide[0] - wide[1]).max(initial=0.0) <= _NEAR * max(wide[1].std(), 1e-300))


RECORDED_ROUTES: tuple[Route, ...] = (Route(name="recorded", summary="the answers recorded in --expected", run=_recorded, streams=True),)

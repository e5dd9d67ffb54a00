"""The route of recorded answers: read from the user's file, nothing is run; and what turns today's answers into them, where something simple does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.persistence.activations import NEAR, activated, classes, same
from keras_consistency_cli.routes.persistence.recording_precision import Recording, recording
from keras_consistency_cli.routes.session.batches import count, first, some
from keras_consistency_cli.routes.trace import Outputs, Result, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["RECORDED_ROUTES", "other_form"]

_ROWS = 256
_FEWEST_ROWS = 8
_MOST_COLUMNS = 100
"""Each is held against each."""


def _recorded(session: Session, rows: Rows) -> Result:
    expected = session.subject.sources.expected(session.row_numbers)
    if expected is None:
        return Result(outputs={}, details={"given": False})
    few = first(rows, session.batch_size)
    today = session.step(few)
    named = _named(expected, today)
    details = {"forms": _forms(session, rows, named)} if not _near(named, today, count(few)) else {}
    rounded = _rounded(session, today)
    outputs = _unrounded(session, rows, named, rounded) if rounded else named
    told = {"rounded": {name: form.words for name, form in rounded.items()}} if rounded else {}
    return Result(outputs=outputs, details={"given": True, **details, **told})


def _rounded(session: Session, today: Outputs) -> dict[str, Recording]:
    """By output, how answers were rounded when they were recorded, from rows all over the file."""
    sample = _named(session.subject.sources.expected_sample(), today)
    found = {name: recording(values, today[name]) for name, values in sample.items()}
    return {name: form for name, form in found.items() if form is not None}


def _unrounded(
    session: Session, rows: Rows, named: Outputs, rounded: Mapping[str, Recording]
) -> dict[str, np.ndarray]:
    """The recorded answers, moved towards today's as far as what recording has rounded off allows."""
    session.restore()
    today = session.steps(rows, session.batch_size)
    fits = {
        name
        for name, form in rounded.items()
        if named[name].shape == today[name].shape and form.holds(named[name])
    }
    return {
        name: rounded[name].nearest(values, today[name]) if name in fits else values
        for name, values in named.items()
    }


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
    same = values.ndim != like.ndim and [size for size in values.shape[1:] if size != 1] == [
        size for size in like.shape[1:] if size != 1
    ]
    return values.reshape(len(values), *like.shape[1:]) if same else values


def _near(named: Outputs, today: Outputs, rows: int) -> bool:
    return all(
        values[:rows].shape == today[name].shape and same(values[:rows], today[name])
        for name, values in named.items()
    )


def _forms(session: Session, rows: Rows, named: Outputs) -> dict[str, str]:
    """By output: what turns today's answers into the recorded ones, in words."""
    step = session.facts.batch_size or 1
    positions = np.arange(min(count(rows), max(_ROWS, step)) // step * step)
    session.restore()
    today = session.steps(some(rows, positions), session.batch_size)
    picked = {name: values[positions] for name, values in named.items()}
    found = {
        name: other_form(values, today[name]) or _of_another(name, values, today)
        for name, values in picked.items()
    }
    return {name: words for name, words in found.items() if words}


def _of_another(name: str, recorded: np.ndarray, today: Outputs) -> str | None:
    """That an output was recorded under the name of another one; None where it is what it should be, or no other's."""
    alike = [
        other
        for other, values in today.items()
        if values.shape == recorded.shape and values.std() > 0 and same(recorded, values)
    ]
    return f"the answers of output '{alike[0]}'" if alike and name not in alike else None


def other_form(recorded: np.ndarray, today: np.ndarray) -> str | None:
    """Return what turns today's answers of one output into the recorded ones, or None.

    That is: another order of rows or of columns, one factor and offset, logits or probabilities or a logarithm in each other's place, class ids.
    """
    if (
        len(recorded) != len(today)
        or recorded.dtype.kind not in "fiu"
        or today.dtype.kind != "f"
        or len(today) < _FEWEST_ROWS
    ):
        return None
    a, b = (values.reshape(len(values), -1).astype(np.float64) for values in (recorded, today))
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or b.std() == 0:
        return None
    if a.shape == b.shape and same(a, b):
        return None
    found = classes(recorded, today)
    if found or recorded.shape != today.shape:
        return found
    vectors = (-1, today.shape[-1] if today.ndim > 1 else 1)
    return (
        _numbers(a, b)
        or _columns(a.reshape(vectors), b.reshape(vectors))
        or activated(a.reshape(vectors), b.reshape(vectors))
    )


def _numbers(a: np.ndarray, b: np.ndarray) -> str | None:
    """What turns the answers of one output `b` into as many numbers `a`, in words."""
    if _reordered(a, b):
        return "the same rows in another order"
    factor, offset = np.polyfit(b.ravel(), a.ravel(), 1)
    if factor and same(factor * b + offset, a):
        added = f" {'+' if offset > 0 else '-'} {abs(offset):.6g}" if abs(offset) > NEAR * a.std() else ""
        return f"today's answers × {factor:.6g}{added}"
    return None


def _columns(a: np.ndarray, b: np.ndarray) -> str | None:
    """That each recorded column is another of today's, each of them once; classes in another order are such columns."""
    if not 1 < a.shape[1] <= _MOST_COLUMNS or (b.std(axis=0) == 0).any():
        return None
    alike = [
        [source for source in range(b.shape[1]) if same(a[:, column], b[:, source])]
        for column in range(a.shape[1])
    ]
    order = [sources[0] for sources in alike if len(sources) == 1]
    return (
        f"today's columns in the order {', '.join(map(str, order))}"
        if sorted(order) == list(range(b.shape[1]))
        else None
    )


def _reordered(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether each recorded row is one of today's, each of them once, by the nearest in every column."""
    order_a, order_b = np.lexsort(a.T), np.lexsort(b.T)
    return same(a[order_a], b[order_b])


RECORDED_ROUTES: tuple[Route, ...] = (
    Route(name="recorded", summary="the answers recorded in --expected", run=_recorded, streams=True),
)

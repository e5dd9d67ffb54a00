"""The route about ids that a one-hot encoding does not have, which it encodes as zeros without an error.

Measured with Keras 3.15.1 on TensorFlow 2.21: CategoryEncoding(num_tokens=n) and ops.one_hot(x, n) encode n
and every greater id as zeros, ops.one_hot and output_mode="one_hot" encode negative ids so too. That is what
TensorFlow's operations do, and so they are watched, in whatever layer they are. An id that the model computes
may be beyond the end on purpose, such as a position beyond the capacity of an expert; only a CategoryEncoding
is known to expect none. Elsewhere only ids count that come from the rows, as they are or as a code that the
model computes from one number of the row, such as x - 1 or x // 10.

The model runs again on rows whose lost ids are replaced by other ones. If its outputs change, it reads these
ids in another way as well, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.numerics.op_hooks import changing_operations, needs_operation_hooks
from keras_consistency_cli.routes.session.batches import split_batches
from keras_consistency_cli.routes.session.layer_hooks import intercept_calls, layer_path
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["ENCODING", "ONE_HOT_IDS", "ONE_HOT_ROUTE", "LostIds"]

ONE_HOT_IDS = "one-hot-ids"
ENCODING = "CategoryEncoding"
_OPERATIONS = frozenset({"OneHot", "DenseBincount"})
"""Both take the ids and the number of entries first."""
_SHOWN = 4
_MOST_PLACES, _SEVERAL = 64, 2
_REPEATED = 3
"""How often a number must occur, on average, to show that it decides a code."""


class LostIds(TypedDict):
    """The ids that one encoding of `size` entries does not have.

    `wrong` of the `given` ids are lost, `different` counts different ones and `shown` holds some of them.
    `greatest` is the greatest of all ids. `begins_with_one` says whether the ids are 1, 2, … up to the size,
    each of them and no other. `input` is the input that they come from, "" if they are computed of several
    numbers; `coded` says whether they are computed of one number of it. `kind` is the class of the layer.
    """

    size: int
    kind: str
    input: str
    given: int
    wrong: int
    different: int
    shown: list[int]
    greatest: int
    begins_with_one: bool
    coded: bool


@dataclass(frozen=True, kw_only=True)
class _Call:
    """One encoding: the path and class of its layer, its number of entries, and its ids by row."""

    path: str
    kind: str
    size: int
    ids: np.ndarray


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A number of each row of an input, by its position in the flat row."""

    input: str
    position: int


def _examine(session: Session, rows: Rows) -> Result:
    details: dict[str, LostIds] = {}
    if _may_encode(session, rows):
        calls = [call for call in _record(session, rows) if _is_outside(call.ids, call.size).any()]
        places = _find_places(rows) if calls else {}
        for call in calls:
            lost = _describe(session, rows, call, places)
            if lost is not None:
                details.setdefault(call.path, lost)
    session.restore()
    return Result(outputs={}, details=details)


def _may_encode(session: Session, rows: Rows) -> bool:
    """Whether the graph of predict holds such an operation; False if it cannot be traced.

    A model that runs eagerly has no graph, and is watched. One that cannot be traced fails in other routes.
    """
    from keras_consistency_cli.routes.session.tensorflow import on_tensorflow

    batch, _ = session.one_batch(rows)
    with suppress(Exception):
        return on_tensorflow(session).has_operations(batch, _OPERATIONS)
    return False


def _record(session: Session, rows: Rows) -> Iterator[_Call]:
    """Yield each encoding, with the ids of all rows."""
    batches = [_record_batch(session, batch) for batch in split_batches(rows, session.batch_size)]
    if len({len(calls) for calls in batches}) != 1:
        return
    for calls in zip(*batches, strict=True):
        keys = {(call.path, call.size, call.ids.shape[1:]) for call in calls}
        if len(keys) == 1:
            first, ids = calls[0], np.concatenate([call.ids for call in calls])
            yield _Call(path=first.path, kind=first.kind, size=first.size, ids=ids)


def _record_batch(session: Session, batch: Rows) -> list[_Call]:
    count = len(next(iter(batch.values())))
    calls: list[_Call] = []

    def note(kind: str, inputs: Any, _outputs: list[Any]) -> None:
        if kind not in _OPERATIONS or not running:
            return
        ids = np.asarray(inputs[0])
        if ids.dtype.kind in "iu" and ids.size and ids.size % count == 0:
            layer, path = type(running[-1]).__name__, layer_path(running)
            ids, size = ids.reshape(count, -1).astype(np.int64), int(np.asarray(inputs[1]))
            calls.append(_Call(path=path, kind=layer, size=size, ids=ids))

    session.restore()
    # Other routes report a model that does not run; what was encoded until then counts.
    with intercept_calls() as running, changing_operations(note), suppress(Exception):
        session.call_once(batch, training=False)
    return calls


def _is_outside(ids: np.ndarray, size: int) -> np.ndarray:
    return (ids < 0) | (ids >= size)


def _find_places(rows: Rows) -> Mapping[bytes, _Place]:
    """Return where each series of numbers over all rows is; a number that never changes tells nothing."""
    places: dict[bytes, _Place] = {}
    for name, values in rows.items():
        if values.dtype.kind not in "fiu" or not values.size:
            continue
        flat = values.reshape(len(values), -1).astype(np.float64)
        for position in np.flatnonzero((flat != flat[:1]).any(axis=0)):
            places.setdefault(flat[:, position].tobytes(), _Place(input=name, position=int(position)))
    return places


def _describe(session: Session, rows: Rows, call: _Call, places: Mapping[bytes, _Place]) -> LostIds | None:
    """Return the ids that this encoding loses, None if none counts."""
    found = [places.get(column.astype(np.float64).tobytes()) for column in call.ids.T]
    ids = call.ids if call.kind == ENCODING else call.ids[:, [place is not None for place in found]]
    own = [place for place in found if place]
    others = _choose_others(ids, call.size)
    if others and _are_alike(session, rows, [(place, others) for place in own]):
        return _count_lost(call, ids, sorted(others), next((place.input for place in own), ""))
    return None if own or call.kind == ENCODING else _describe_codes(session, rows, call, places.values())


def _count_lost(
    call: _Call, ids: np.ndarray, lost: Sequence[int], source: str, *, coded: bool = False
) -> LostIds:
    known = np.unique(ids[ids >= 0])
    return {
        "size": call.size,
        "kind": call.kind,
        "input": source,
        "given": ids.size,
        "wrong": int(np.isin(ids, lost).sum()),
        "different": len(lost),
        "shown": list(lost[-_SHOWN:]),
        "greatest": int(ids.max()),
        "begins_with_one": np.array_equal(known, np.arange(1, call.size + 1)),
        "coded": coded,
    }


def _describe_codes(session: Session, rows: Rows, call: _Call, places: Iterable[_Place]) -> LostIds | None:
    """Return the codes that this encoding loses, if each of them is computed of one number of the row.

    One lost code is no loss: encodings that leave out one of their categories are usual.
    """
    deciding = list(islice((place for place in places if _may_decide(_read(rows, place))), _MOST_PLACES))
    sources = [_find_source(rows, column, deciding) for column in call.ids.T[:_MOST_PLACES]]
    coded = [(place, ids) for place, ids in zip(sources, call.ids.T, strict=False) if place is not None]
    ids = np.stack([each for _, each in coded], axis=1) if coded else np.zeros((0, 0), np.int64)
    lost = _choose_others(ids, call.size)
    changes = [
        (place, _choose_other_numbers(_read(rows, place)[np.isin(each, list(lost))])) for place, each in coded
    ]
    changes = [(place, others) for place, others in changes if others]
    if len(lost) < _SEVERAL or not changes or not _are_alike(session, rows, changes):
        return None
    return _count_lost(call, ids, sorted(lost), changes[0][0].input, coded=True)


def _find_source(rows: Rows, codes: np.ndarray, places: Iterable[_Place]) -> _Place | None:
    """Return the number of the row that decides the code, None without one or if codes do not vary."""
    for place in places if len(np.unique(codes)) > 1 else ():
        numbers = _read(rows, place)
        pairs = np.unique(np.stack([numbers, codes], axis=1), axis=0)
        if len(pairs) == len(np.unique(numbers)):
            return place
    return None


def _may_decide(numbers: np.ndarray) -> bool:
    """Whether whole numbers occur several times each: one that is different in each row decides anything."""
    return bool((numbers == np.rint(numbers)).all()) and len(np.unique(numbers)) <= len(numbers) // _REPEATED


def _choose_other_numbers(lost: np.ndarray) -> dict[int, int]:
    """Return each number of the rows whose code is lost, with another one of these."""
    numbers = np.unique(lost).astype(np.int64).tolist()
    return {number: numbers[at - 1] for at, number in enumerate(numbers)} if len(numbers) > 1 else {}


def _read(rows: Rows, place: _Place) -> np.ndarray:
    values = rows[place.input]
    return np.asarray(values.reshape(len(values), -1)[:, place.position], dtype=np.float64)


def _choose_others(ids: np.ndarray, size: int) -> dict[int, int]:
    """Return each id that is lost, with another one that is encoded in the same way.

    A single negative id is the usual way to say that there is none.
    """
    low, high = (np.unique(ids[is_lost]).tolist() for is_lost in (ids < 0, ids >= size))
    others = {value: high[place - 1] for place, value in enumerate(high)} if len(high) > 1 else {}
    if len(high) == 1:
        others = {high[0]: high[0] + 1}
    return others | ({value: low[place - 1] for place, value in enumerate(low)} if len(low) > 1 else {})


def _are_alike(session: Session, rows: Rows, changes: Sequence[tuple[_Place, Mapping[int, int]]]) -> bool:
    """Whether the outputs stay the same if numbers of lost ids in the rows are replaced by other ones."""
    if not changes:
        return True
    try:
        pairs = zip(_call(session, rows), _call(session, _replace(rows, changes)), strict=True)
        return all(
            np.array_equal(first[name], second[name], equal_nan=True)
            for first, second in pairs
            for name in first
        )
    except Exception:
        return False


def _replace(rows: Rows, changes: Sequence[tuple[_Place, Mapping[int, int]]]) -> Rows:
    changed = {name: np.array(values, order="C") for name, values in rows.items()}
    for place, others in changes:
        given = rows[place.input].reshape(len(rows[place.input]), -1)[:, place.position]
        column = changed[place.input].reshape(len(given), -1)[:, place.position]
        for value, other in others.items():
            column[given == value] = other
    return changed


def _call(session: Session, rows: Rows) -> Iterator[Mapping[str, np.ndarray]]:
    for batch in split_batches(rows, session.batch_size):
        session.restore()
        yield session.call_once(batch, training=False)


ONE_HOT_ROUTE = Route(
    name=ONE_HOT_IDS,
    summary="ids compared with the one-hot encodings that take them",
    run=_examine,
    unavailable=needs_operation_hooks,
)

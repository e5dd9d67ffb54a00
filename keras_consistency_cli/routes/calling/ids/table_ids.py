"""The route about ids: what the rows give to each table of the model.

The indices are recorded while the model runs on the rows, so that only what reaches a table counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NotRequired, TypedDict

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.calling.ids.unknown_ids import describe_unknown_ids
from keras_consistency_cli.routes.session.batches import split_batches
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["IDS_ROUTE", "IdProblems", "RoundedIds"]

Given = Mapping[str, np.ndarray]
"""By input, the ids in its rows."""

_FLOAT_TYPES = ("float32", "float16", "bfloat16")


class RoundedIds(TypedDict):
    """Ids that a dtype of floats does not hold.

    `changed` is the number of values that it changes; `given` and `kept` count the different ids in the rows
    and at the table. `greatest` is the greatest id in the rows, without its sign. `rows` is the dtype of the
    rows of the input.
    """

    changed: int
    given: int
    kept: int
    greatest: int
    dtype: str
    rows: NotRequired[str]


class IdProblems(TypedDict, total=False):
    """What is wrong with the ids that one table is given.

    `wrong` counts ids that it does not have, of this `kind`, and `keras` is what Keras does with them.
    `highest` is its last id, `input` the input that the ids come from, "" if they are computed. `places` is
    the number of positions that are looked up, if they are counted from 0 and the rows have too many.
    """

    wrong: int
    kind: str
    keras: str
    highest: int
    input: str
    places: int
    rounded: RoundedIds


def _examine_ids(session: Session, rows: Rows) -> Result:
    """Compare the ids that reach each table with the ids that it has, and with those in the rows."""
    sources = _read_sources(session, rows)
    details: dict[str, IdProblems] = {}
    for table, (size, values) in _record_ids(session, rows).items():
        given = sources.get(table, {})
        problems: IdProblems = {"input": _choose_input(given, size)}
        if size is not None:
            problems |= {"highest": size - 1, **_describe_unknown(values, size - 1, session.facts.backend)}
            if not given and _counts_from_zero(values) and values.max() >= size:
                problems["places"] = int(values.max()) + 1
        rounded = _find_rounded(given, values, size)
        if rounded is not None:
            problems["input"], problems["rounded"] = rounded
            problems["rounded"]["rows"] = str(rows[problems["input"]].dtype)
        details[table] = problems
    return Result(outputs={}, details=details)


def _read_sources(session: Session, rows: Rows) -> Mapping[str, Given]:
    """Return by table the inputs that it reads, with their ids in the rows."""
    sources: dict[str, dict[str, np.ndarray]] = {}
    for name, hint in session.subject.hints.items():
        for places in hint.places:
            values = rows[name]
            given = values[np.broadcast_to(places.among(values), values.shape)].astype(np.float64)
            sources.setdefault(places.table, {})[name] = given
    return sources


def _choose_input(given: Given, size: int | None) -> str:
    """Return the first input with ids that the table does not have, else the first one, "" if none."""
    unknown = (
        name for name, ids in given.items() if size is not None and _describe_unknown(ids, size - 1)["wrong"]
    )
    return next(unknown, next(iter(given), ""))


def _record_ids(session: Session, rows: Rows) -> dict[str, tuple[int | None, np.ndarray]]:
    """Return the size of each table and all values that it is given."""
    from keras_consistency_cli.loading.model.table_calls import recording_table_calls

    sizes: dict[str, int | None] = {}
    values: dict[str, list[np.ndarray]] = {}
    for batch in split_batches(rows, session.batch_size):
        session.restore()
        # Other routes report a model that does not run; what was looked up until then counts.
        with recording_table_calls(session.model) as recorded, suppress(Exception):
            session.call(batch, training=False)
        for call in recorded.calls:
            if call.kind != "CategoryEncoding" and call.values.dtype.kind in "fiu":
                sizes[call.table] = call.size
                values.setdefault(call.table, []).append(call.values.astype(np.float64).ravel())
    return {table: (sizes[table], np.concatenate(parts)) for table, parts in values.items()}


def _describe_unknown(values: np.ndarray, highest: float, backend: str = "") -> IdProblems:
    finite = values[np.isfinite(values)]
    kinds = (
        ("fractions", finite != np.floor(finite), "Keras cuts them to whole ids without a warning"),
        (f"below {-highest - 1:.0f}", finite < -highest - 1, describe_unknown_ids("too low", backend)),
        ("negative", finite < 0, describe_unknown_ids("negative", backend)),
        (f"above {highest:.0f}", finite > highest, describe_unknown_ids("too high", backend)),
    )
    for kind, is_wrong, keras in kinds:
        if is_wrong.any():
            return {"wrong": int(is_wrong.sum()), "kind": kind, "keras": keras}
    return {"wrong": 0}


def _counts_from_zero(values: np.ndarray) -> bool:
    """Whether these are positions, 0, 1, 2, … over and over, as arange gives them."""
    length = int(values.max(initial=-1)) + 1 if np.isfinite(values).all() else 0
    is_whole = length > 1 and len(values) % length == 0
    return is_whole and bool((values.reshape(-1, length) == np.arange(length)).all())


def _find_rounded(given: Given, looked_up: np.ndarray, size: int | None) -> tuple[str, RoundedIds] | None:
    """Describe whole ids that a dtype of floats changed on their way to the table, with their input.

    A model may fold ids into the table by a modulo, which does not show what has been lost before.
    """
    exact = np.concatenate([np.zeros(0), *given.values()])
    if not len(exact) or not np.isfinite(exact).all() or (exact != np.floor(exact)).any():
        return None
    reached = np.unique(looked_up)
    folds = (None, size, size - 1) if size is not None and size > 1 else (None,)
    if any(np.isin(_fold(exact, divisor), reached).all() for divisor in folds):
        return None
    for dtype, names in _suspects(given):
        kept = np.concatenate([_narrow(ids, dtype) if name in names else ids for name, ids in given.items()])
        if any(np.array_equal(np.unique(_fold(kept, divisor)), reached) for divisor in folds):
            return names[0], {
                "changed": int((kept != exact).sum()),
                "given": len(np.unique(exact)),
                "kept": len(np.unique(kept)),
                "greatest": int(np.abs(exact).max()),
                "dtype": dtype,
            }
    return None


def _suspects(given: Given) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each dtype with the inputs that it may have changed: one of them, or all."""
    for dtype in _FLOAT_TYPES:
        yield from ((dtype, (name,)) for name in given)
        if len(given) > 1:
            yield dtype, tuple(given)


@np.errstate(invalid="ignore")
def _fold(ids: np.ndarray, divisor: int | None) -> np.ndarray:
    return ids if divisor is None else ids % divisor


def _narrow(ids: np.ndarray, dtype: str) -> np.ndarray:
    """Return the ids as the dtype holds them, after the cast of predict to float32."""
    import keras

    narrow = keras.ops.cast(keras.ops.cast(ids, "float32"), dtype)
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(narrow, "float64")))


def _explain_no_table(facts: Facts) -> str | None:
    """Return why no ids can be recorded; a layer of the user's may hold tables of its own."""
    if any("Embedding" in layer.kind or layer.kind in ("IntegerLookup", "Hashing") for layer in facts.layers):
        return None
    return "the model has no Embedding"


IDS_ROUTE = Route(
    name="ids",
    summary="ids compared with the tables that take them",
    run=_examine_ids,
    unavailable=_explain_no_table,
)

"""The route about ids: what the rows give to each table of the model.

The indices are recorded while the model runs on the rows, so that only what reaches a table counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import split_batches
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.loading.hints.layer_hints import IdPlaces
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["IDS_ROUTE", "IdProblems", "RoundedIds"]

_FLOAT_TYPES = ("float32", "float16", "bfloat16")


class RoundedIds(TypedDict):
    """Ids that a dtype of floats does not hold.

    `changed` is the number of values that it changes; `given` and `kept` count the different ids in the rows
    and at the table.
    """

    changed: int
    given: int
    kept: int
    dtype: str


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
    sources = _find_sources(session)
    details: dict[str, IdProblems] = {}
    for table, (size, values) in _record_ids(session, rows).items():
        name, places = sources.get(table, ("", None))
        problems: IdProblems = {"input": name}
        if size is not None:
            problems |= {"highest": size - 1, **_describe_unknown(values, size - 1)}
            if places is None and _counts_from_zero(values) and values.max() >= size:
                problems["places"] = int(values.max()) + 1
        rounded = _describe_rounded(rows[name], values, places) if places is not None else None
        if rounded is not None:
            problems["rounded"] = rounded
        details[table] = problems
    return Result(outputs={}, details=details)


def _find_sources(session: Session) -> dict[str, tuple[str, IdPlaces]]:
    """Return the input that each table reads, and its places there."""
    return {
        places.table: (name, places) for name, hint in session.subject.hints.items() for places in hint.places
    }


def _record_ids(session: Session, rows: Rows) -> dict[str, tuple[int | None, np.ndarray]]:
    """Return the size of each table and all values that it is given."""
    from keras_consistency_cli.loading.model.table_calls import recording_table_calls

    sizes: dict[str, int | None] = {}
    values: dict[str, list[np.ndarray]] = {}
    for batch in split_batches(rows, session.batch_size):
        session.restore()
        with recording_table_calls(session.model) as recorded:
            try:
                session.call(batch, training=False)
            except Exception:
                # Other routes report a model that does not run; what was looked up until then counts.
                recorded.hidden = True
        for call in recorded.calls:
            if call.kind != "CategoryEncoding" and call.values.dtype.kind in "fiuV":
                sizes[call.table] = call.size
                values.setdefault(call.table, []).append(call.values.astype(np.float64).ravel())
    return {table: (sizes[table], np.concatenate(parts)) for table, parts in values.items()}


def _describe_unknown(values: np.ndarray, highest: float) -> IdProblems:
    finite = values[np.isfinite(values)]
    kinds = (
        ("fractions", finite != np.floor(finite), "Keras cuts them to whole ids without a warning"),
        (
            "negative",
            finite < 0,
            "on a CPU Keras counts them from the end of the table without a warning, on a GPU it reads zeros",
        ),
        (
            f"above {highest:.0f}",
            finite > highest,
            "on a CPU predict raises an error, on a GPU it reads zeros without a warning",
        ),
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


def _describe_rounded(rows: np.ndarray, looked_up: np.ndarray, places: IdPlaces) -> RoundedIds | None:
    """Describe whole ids that a dtype of floats changed on their way from the rows to the table."""
    import keras

    given = rows[np.broadcast_to(places.among(rows), rows.shape)].astype(np.float64)
    if not len(given) or not np.isfinite(given).all() or (given != np.floor(given)).any():
        return None
    reached = np.unique(looked_up)
    if np.isin(given, reached).all():
        return None
    for dtype in _FLOAT_TYPES:
        narrow = keras.ops.cast(keras.ops.cast(given, "float32"), dtype)
        kept = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(narrow, "float64")))
        if np.array_equal(np.unique(kept), reached):
            return {
                "changed": int((kept != given).sum()),
                "given": len(np.unique(given)),
                "kept": len(reached),
                "dtype": dtype,
            }
    return None


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

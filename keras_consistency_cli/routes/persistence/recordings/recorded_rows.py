"""Whether recorded outputs are those of the same rows, prepared differently.

The model runs on changed rows; its outputs are compared with the recorded ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, islice
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, is_numeric
from keras_consistency_cli.routes.persistence.recordings.activations import CLOSE, close
from keras_consistency_cli.routes.persistence.recordings.comparing import choose_first, varies
from keras_consistency_cli.routes.persistence.recordings.other_vocabularies import (
    VOCABULARY,
    generate_relabelled,
)
from keras_consistency_cli.routes.persistence.recordings.solved_vocabulary import solve_vocabulary
from keras_consistency_cli.routes.row_changes import (
    OTHER_CHANGES,
    UNSCALED_CHANGES,
    RowChange,
    list_other_orders,
)
from keras_consistency_cli.routes.session.batches import count_rows
from keras_consistency_cli.routes.trace import Outputs, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["RAW_ROWS", "describe_recorded_rows"]

RAW_ROWS = "rows before the scaler"
"""What describes the rows without the scaler that the user gave."""

_MIN_ROWS = 8
_ROWS = 32
_MOST_ORDERS = 12
_SERIES_AXES = 3
_MOST_COLUMNS, _MOST_EXCHANGES = 16, 120
_WORK = 1e8
"""Multiplications of one run, of which there is one for each exchange."""

InUnits = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Returns outputs in the units of the targets, if the recorded ones (the first argument) can be in these."""


def describe_recorded_rows(session: Session, rows: Rows, recorded: Outputs, in_units: InUnits) -> str:
    """Describe the rows for which the model gives the recorded outputs, "" if they were not found.

    A few rows decide. Outputs with few values, such as classes, could agree by accident and do not count.
    """
    batch, wanted = choose_first(session, rows, recorded, max(_ROWS, session.batch_size))
    different = max(_count_different(batch), _MIN_ROWS)
    if count_rows(batch) < _MIN_ROWS or not all(
        _tells_rows_apart(each, different) for each in wanted.values()
    ):
        return ""
    for words, changed in _changed_rows(session, batch):
        if _gives_recorded(session, changed, wanted, in_units):
            return words
    solved = solve_vocabulary(session, batch, wanted, in_units)
    is_found = solved is not None and _gives_recorded(session, solved[1], wanted, in_units)
    return f"{VOCABULARY}, {solved[0]}" if solved is not None and is_found else ""


def _gives_recorded(session: Session, changed: Rows, wanted: Outputs, in_units: InUnits) -> bool:
    """Whether the model gives the recorded outputs for changed rows; it may refuse these."""
    session.restore()
    try:
        outputs = session.steps(changed, session.batch_size)
    except Exception:  # a lookup without an entry for unknown words raises an error of its backend
        return False
    return all(_is_recorded(values, outputs[name], in_units) for name, values in wanted.items())


def _count_different(batch: Rows) -> int:
    """Return how many rows differ: a table of categories may hold few."""
    rows = zip(*batch.values(), strict=True)
    return len({tuple(_as_key(values) for values in row) for row in rows})


def _as_key(values: np.ndarray) -> object:
    return np.asarray(values).tobytes() if is_numeric(np.asarray(values).dtype) else str(values)


def _tells_rows_apart(values: np.ndarray, different: int) -> bool:
    """Whether nearly every different row has outputs of its own."""
    if not varies(values):
        return False
    steps = np.rint(values.reshape(len(values), -1).astype(np.float64) / (CLOSE * values.std()))
    return len(np.unique(steps, axis=0)) > different // 2


def _is_recorded(recorded: np.ndarray, outputs: np.ndarray, in_units: InUnits) -> bool:
    if recorded.shape != outputs.shape:
        return False
    return close(outputs, recorded) or close(in_units(recorded, outputs), recorded)


def _changed_rows(session: Session, batch: Rows) -> Iterator[tuple[str, Rows]]:
    """Yield changed rows with their description; rows that do not change are left out."""
    yield from islice(_exchanged_inputs(batch), _MOST_ORDERS)
    raw = _raw_rows(session, batch)
    if raw is not None:
        yield RAW_ROWS, raw
    for words, change in {**_REVERSED, **OTHER_CHANGES, **UNSCALED_CHANGES}.items():
        parts = {name: change(values) for name, values in batch.items()}
        changed = {name: values for name, values in parts.items() if values is not None}
        if changed:
            yield words, {**batch, **_as_float32(changed)}
    yield from generate_relabelled(session, batch)
    if session.facts.rows_for_work(_WORK, fewest=0) >= count_rows(batch):
        yield from islice(_exchanged_columns(batch), _MOST_EXCHANGES)


def _exchanged_columns(batch: Rows) -> Iterator[tuple[str, Rows]]:
    """Yield rows of tables and series with two of a few columns in each other's place."""
    for name, values in batch.items():
        count = values.shape[-1] if values.ndim in (2, _SERIES_AXES) else 0
        if not is_float(values.dtype) or count > _MOST_COLUMNS:
            continue
        for first, second in combinations(range(count), 2):
            order = np.arange(count)
            order[[first, second]] = second, first
            yield f"rows with the columns {first} and {second} exchanged", {**batch, name: values[..., order]}


def _raw_rows(session: Session, batch: Rows) -> Rows | None:
    """Return the rows before the scaler; None without a scaler, or if the model cannot take them."""
    if not session.subject.files.scales:
        return None
    raw = session.subject.raw(session.row_numbers[: count_rows(batch)])
    fits = all(
        name in raw and raw[name].shape == values.shape and is_numeric(raw[name].dtype)
        for name, values in batch.items()
    )
    return _as_float32(raw) if fits else None


def _as_float32(rows: Rows) -> Rows:
    return {
        name: values.astype(np.float32) if is_numeric(values.dtype) else values
        for name, values in rows.items()
    }


def _exchanged_inputs(batch: Rows) -> Iterator[tuple[str, Rows]]:
    """Yield rows whose inputs of the same shape and kind have changed places."""
    kinds = {name: (values.shape, values.dtype.kind) for name, values in batch.items()}
    for order in list_other_orders(list(batch), lambda name, source: kinds[name] == kinds[source]):
        sources = dict(zip(batch, order, strict=True))
        moved = {name: source for name, source in sources.items() if name != source}
        yield _describe_exchange(moved), {name: batch[source] for name, source in sources.items()}


def _describe_exchange(moved: Mapping[str, str]) -> str:
    quoted = [f"'{clean(name)}'" for name in moved]
    if len(quoted) == 2:
        return f"rows with the inputs {quoted[0]} and {quoted[1]} exchanged"
    sources = ", ".join(f"'{clean(source)}'" for source in moved.values())
    return f"rows with the inputs {sources} in the place of {', '.join(quoted)}"


def _reverse_steps(values: np.ndarray) -> np.ndarray | None:
    return values[:, ::-1] if values.ndim == _SERIES_AXES else None


_REVERSED: Mapping[str, RowChange] = {"rows with their time steps in reverse order": _reverse_steps}

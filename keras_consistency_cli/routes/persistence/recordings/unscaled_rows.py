"""Whether recorded outputs are those of scaled rows, where no scaler was given: it is found from the outputs.

Scalers of columns are one straight line for each column. Their numbers are fitted on a part of the rows, so
that the model gives the recorded outputs, and tried on the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.distance import is_float_or_integer
from keras_consistency_cli.routes.persistence.recordings.comparing import Adjust, choose_first, varies
from keras_consistency_cli.routes.session.batches import count_rows
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["is_scaler_missing"]

Floats = npt.NDArray[np.float64]

_MOST_COLUMNS, _FEWEST_ROWS, _MOST_ROWS = 24, 24, 128
_STEPS, _MOVE = 25, 1e-2
_WORK, _MOST_LOOPS = 1e8, 64
"""Multiplications of one run, of which there are a few for each column in each step; loops take longer."""
_EXACT = 2e-3
"""The greatest difference that may be left, in rows that nothing was fitted on."""
_FIRST_TRY = 1.0
"""Where the fit starts from must be better than the recorded mean."""
_LEAST_RANK = 1e-4
"""Share of the greatest singular value: a direction below it changes no output."""
_CENTRE, _SPREADS = 2.0, (0.05, 4.0)
"""The means and deviations that scaled columns have."""


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """The columns of all inputs, standardized by their own statistics."""

    rows: Rows
    centre: Mapping[str, Floats]
    spread: Mapping[str, Floats]

    @classmethod
    def of(cls, rows: Rows) -> _Columns | None:
        """Return the columns; None if these are not a few columns of numbers that vary."""
        tables = {name: values for name, values in rows.items() if values.ndim > 1}
        flat = {name: values.reshape(-1, values.shape[-1]) for name, values in tables.items()}
        is_plain = len(flat) == len(rows) and all(
            is_float_or_integer(each.dtype) and np.isfinite(each).all() for each in flat.values()
        )
        if not is_plain or not 1 < sum(each.shape[1] for each in flat.values()) <= _MOST_COLUMNS:
            return None
        wide = {name: each.astype(np.float64) for name, each in flat.items()}
        spread = {name: each.std(axis=0) for name, each in wide.items()}
        centre = {name: each.mean(axis=0) for name, each in wide.items()}
        return cls(rows=rows, centre=centre, spread=spread) if all(map(np.all, spread.values())) else None

    @property
    def are_scaled(self) -> bool:
        """Whether the columns already have the size of scaled ones."""
        return all(_are_like_scaled(self.centre[name], self.spread[name]) for name in self.rows)

    def starts(self) -> Iterator[Floats]:
        """Yield the numbers of a standard scaler and of one to the range 0 to 1, fitted on these rows."""
        count = sum(map(len, self.centre.values()))
        yield np.concatenate([np.ones(count), np.zeros(count)])
        low, high = (
            np.concatenate([getattr(self.standardized(name), end)(axis=0) for name in self.rows])
            for end in ("min", "max")
        )
        yield np.concatenate([1.0 / (high - low), -low / (high - low)])

    def standardized(self, name: str) -> Floats:
        """Return the columns of an input, standardized."""
        flat = self.rows[name].reshape(-1, self.rows[name].shape[-1]).astype(np.float64)
        return np.asarray((flat - self.centre[name]) / self.spread[name])

    def scaled(self, numbers: Floats) -> Rows:
        """Return the rows with a factor and an offset for each standardized column."""
        factors, offsets = np.split(numbers, 2)
        scaled, start = {}, 0
        for name, values in self.rows.items():
            part = slice(start, start + values.shape[-1])
            flat = self.standardized(name) * factors[part] + offsets[part]
            scaled[name] = flat.reshape(values.shape).astype(np.float32)
            start = part.stop
        return scaled


def is_scaler_missing(session: Session, rows: Rows, recorded: Outputs, adjust: Adjust) -> bool:
    """Whether the model gives the recorded outputs for rows whose columns are scaled, and not for these.

    A model whose outputs do not tell the numbers of each column apart, as a single Dense, says nothing: its
    outputs fit those of any other one.
    """
    count = min(count_rows(rows), _MOST_ROWS, session.facts.rows_for_work(_WORK, fewest=0))
    batch, wanted = choose_first(session, rows, recorded, count)
    is_possible = count >= _FEWEST_ROWS and session.loop_steps(rows) <= _MOST_LOOPS
    is_possible = is_possible and not session.facts.batch_size and not session.subject.files.scales
    columns = _Columns.of(batch) if is_possible and all(map(varies, wanted.values())) else None
    if columns is None or columns.are_scaled:
        return False

    def differ(numbers: Floats) -> Floats:
        session.restore()
        return _measure(session.steps(columns.scaled(numbers), session.batch_size), wanted, adjust)

    return any(_fits(start, differ) for start in columns.starts())


def _measure(outputs: Outputs, recorded: Outputs, adjust: Adjust) -> Floats:
    """Return by how much outputs differ from the recorded ones, row by row, in spreads of these."""
    parts = []
    for name, values in adjust(recorded, outputs).items():
        if outputs[name].shape != values.shape:
            return np.full((len(values), 1), np.inf)
        differences = (outputs[name].astype(np.float64) - values) / values.std()
        parts.append(differences.reshape(len(values), -1))
    return np.concatenate(parts, axis=1)


def _fits(start: Floats, differ: Callable[[Floats], Floats]) -> bool:
    """Whether a fit from these numbers ends at outputs that are the recorded ones in the other rows."""
    first = differ(start)
    if not np.isfinite(first).all() or _size(first) > _FIRST_TRY:
        return False
    fitted = np.arange(len(first)) % 3 > 0
    numbers, slopes = _descend(start, lambda at: differ(at)[fitted].ravel())
    if not np.isfinite(slopes).all() or np.abs(differ(numbers)[~fitted]).max() > _EXACT:
        return False
    singular = np.linalg.svd(slopes, compute_uv=False)
    factors, offsets = np.split(numbers, 2)
    return bool(singular[-1] > _LEAST_RANK * singular[0]) and _are_like_scaled(offsets, np.abs(factors))


def _descend(start: Floats, differ: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """Return numbers with small differences, by the method of Levenberg and Marquardt, and their slopes."""
    numbers, left, damping = start, differ(start), 1e-2
    slopes = _measure_slopes(numbers, left, differ)
    for _ in range(_STEPS):
        normal = slopes.T @ slopes
        step = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-9), -slopes.T @ left)
        tried = differ(numbers + step)
        if not _size(tried) < _size(left):
            damping *= 8.0
            continue
        is_done = _size(left) - _size(tried) < 1e-3 * _size(left)
        numbers, left, damping = numbers + step, tried, damping / 8.0
        if is_done or np.abs(left).max() < _EXACT / 10:
            break
        slopes = _measure_slopes(numbers, left, differ)
    return numbers, slopes


def _measure_slopes(numbers: Floats, left: Floats, differ: Callable[[Floats], Floats]) -> Floats:
    moves = _MOVE * np.eye(len(numbers))
    return np.stack([(differ(numbers + move) - left) / _MOVE for move in moves], axis=1)


def _size(differences: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(differences))))


def _are_like_scaled(centre: Floats, spread: Floats) -> bool:
    low, high = _SPREADS
    return bool((np.abs(centre) <= _CENTRE).all() and (spread >= low).all() and (spread <= high).all())

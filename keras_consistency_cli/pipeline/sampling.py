"""Sampling: how many rows are checked, which ones, and the chunks in which they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.loading.rows.input_matching import check_batch_size, match_inputs, served_inputs
from keras_consistency_cli.loading.rows.source import RowSource
from keras_consistency_cli.loading.subject_spec import raw_inputs
from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.workers.load_request import SAMPLE_ROWS, subject_files

__all__ = [
    "RowsAfterSample",
    "affordable_rows",
    "all_rows",
    "choose_rows",
    "chunk_rows",
    "rows_to_check",
    "rows_to_search",
    "split_sample",
    "with_bad_rows",
]

_CHUNK_BYTES = 32 * 2**20
_MOST_CHUNK_ROWS = 8192
_SAMPLE_BYTES = 16 * 2**20
_WORK, _FEWEST_ROWS = 4e9, 16
"""Multiplications that one pass over all checked rows may take, a second or less, and the fewest rows.

This is a rule and not a measured time, so that runs can be repeated.
"""
_QUICK_WORK, _FEWEST_QUICK_ROWS = 1e9, 8
"""The same with `--quick`."""
_WORK_PER_ELEMENT, _WORK_PER_PARAMETER = 800, 4
"""How often a layer uses an input element and a weight, roughly, if its shapes are not known."""
_OPEN_AXIS = 64
_BAD_ROWS = 2
_SAMPLE_WORK, _FEWEST_SAMPLED = 1e9, 8
"""Multiplications of one pass over the sample, about a tenth of a second, and its fewest rows."""


def rows_to_check(settings: Settings, source: RowSource | None, facts: Facts) -> np.ndarray | range:
    """Return the numbers of the rows to check, spread over the data and seeded; all of them as a range.

    They are as many as the user requests, by default `SAMPLE_ROWS` or what a heavy model allows.

    Raises:
        ShapeMismatchError: the rows have a shape that the model refuses.
        DataError: they do not fit for another reason, or do not fill one batch of a model with a fixed size.
    """
    batch = facts.batch_size or 1
    is_stated = "rows" in settings.model_fields_set
    wanted = settings.rows if is_stated else affordable_rows(facts, source, quick=settings.quick)
    if source is None:
        generated = SAMPLE_ROWS if wanted == "all" else wanted
        return all_rows(max(generated, batch), multiple_of=batch)
    match_inputs(
        source, raw_inputs(subject_files(settings), facts.inputs, source), batch_size=facts.batch_size
    )
    if wanted == "all":
        return all_rows(source.length, multiple_of=batch)
    return choose_rows(source.length, wanted, seed=settings.seed, multiple_of=batch)


def all_rows(length: int, *, multiple_of: int = 1) -> range:
    """Return the numbers of all rows that fill batches of a fixed size.

    Raises:
        DataError: there are fewer rows than one batch.
    """
    check_batch_size(length, multiple_of, "data")
    return range(length - length % multiple_of)


def choose_rows(length: int, wanted: int, *, seed: int, multiple_of: int = 1) -> np.ndarray:
    """Return sorted, unique row numbers spread evenly over the data.

    One row is drawn from each of `wanted` sections of equal length.

    Args:
        length: the number of rows in the data.
        wanted: how many rows to choose; all of them if there are no more.
        seed: the same seed chooses the same rows.
        multiple_of: a fixed batch size; the number of rows is reduced to a multiple of it, but not below one
            batch.

    Raises:
        UsageError: `wanted` is below 1.
        DataError: there are fewer rows than one batch.
    """
    if wanted < 1:
        raise UsageError(f"rows is {wanted}", expected="1 or more, or all")
    check_batch_size(length, multiple_of, "data")
    count = min(wanted, length)
    count = max(count - count % multiple_of, multiple_of)
    edges = np.arange(count + 1, dtype=np.int64) * length // count
    return np.random.default_rng(seed).integers(edges[:-1], edges[1:], dtype=np.int64)


def check_served_rows(additional: Mapping[str, RowSource], facts: Facts) -> None:
    """Check that the model takes the served rows, if there are any.

    Raises:
        ShapeMismatchError: they have a shape that it refuses.
        DataError: they do not fit for another reason.
    """
    if "served" in additional:
        served = additional["served"]
        match_inputs(served, served_inputs(served, facts), batch_size=None)


def affordable_rows(facts: Facts, source: RowSource | None, *, quick: bool = False) -> int:
    """Return on how many rows every route can run in reasonable time.

    256 for most models; of the heaviest ones so many that neighbours and positions can differ.
    """
    work, fewest = (_QUICK_WORK, _FEWEST_QUICK_ROWS) if quick else (_WORK, _FEWEST_ROWS)
    affordable = int(work // max(facts.work or _guess_work(facts, source), 1))
    return max(fewest, min(SAMPLE_ROWS, affordable // fewest * fewest))


def _guess_work(facts: Facts, source: RowSource | None) -> int:
    """Return the multiplications of a row for a model whose layers cannot be counted."""
    if source is not None:
        elements = sum(math.prod(array.shape[1:]) for array in source.arrays.values())
    else:
        elements = sum(_elements(fact.shape) for fact in facts.inputs)
    return elements * _WORK_PER_ELEMENT + facts.parameters * _WORK_PER_PARAMETER


def _elements(shape: tuple[int | None, ...]) -> int:
    """Return the elements of one row, with a guess for axes of any length."""
    return math.prod(dim or _OPEN_AXIS for dim in shape[1:])


def with_bad_rows(numbers: np.ndarray | range, description: DataFacts) -> np.ndarray | range:
    """Return as many row numbers, with the first rows of NaN or infinity among them.

    One bad row must not go unnoticed. Each takes the place of the nearest chosen row. A range has all rows.
    """
    if description.generated or isinstance(numbers, range):
        return numbers
    chosen = set(numbers.tolist())
    first_bad = {row for rows in description.fed for row in rows.first_bad}
    for bad in {row for rows in description.fed for row in rows.first_bad[:_BAD_ROWS]} - chosen:
        replaceable = np.array(sorted(chosen - first_bad))
        if len(replaceable):
            chosen = chosen - {int(replaceable[np.abs(replaceable - bad).argmin()])} | {bad}
    return np.array(sorted(chosen), dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class RowsAfterSample:
    """The rows that are not in the sample, in order; their numbers are computed when they are needed.

    Args:
        rows: all row numbers.
        sampled: the places of the sample among them, sorted.
    """

    rows: np.ndarray | range
    sampled: np.ndarray

    def __len__(self) -> int:
        return len(self.rows) - len(self.sampled)

    def __getitem__(self, part: slice) -> np.ndarray:
        own = np.arange(*part.indices(len(self)), dtype=np.int64)
        # So many rows of the rest come before each row of the sample.
        before = self.sampled - np.arange(len(self.sampled))
        return _numbers_at(self.rows, own + np.searchsorted(before, own, side="right"))

    def batch_of(self, number: int, *, batch: int, chunk: int) -> np.ndarray:
        """Return the batch in which predict runs a row: the numbers of its rows, in their order.

        Args:
            number: the number of a row that is not in the sample.
            batch: rows of a batch.
            chunk: rows of a chunk; batches begin anew in each.
        """
        place = self._place_of(number)
        own = place - int(np.searchsorted(self.sampled, place))
        start = own // chunk * chunk
        first = own - (own - start) % batch
        return self[first : min(first + batch, start + chunk, len(self))]

    def _place_of(self, number: int) -> int:
        rows = self.rows
        return number - rows.start if isinstance(rows, range) else int(np.searchsorted(rows, number))

    def __contains__(self, number: int) -> bool:
        """Whether a row with this number is checked, and is not in the sample."""
        place = self._place_of(number)
        is_checked = 0 <= place < len(self.rows) and self.rows[place] == number
        return bool(is_checked and place not in self.sampled)


def rows_to_search(
    sample: np.ndarray, rest: RowsAfterSample, differing: Sequence[int], *, batch: int, chunk: int
) -> np.ndarray:
    """Return the numbers of the rows on which a fault is searched for: the sample, if it shows the fault.

    If only rows after the sample show it, the batch of the first of them comes first: neighbours in it may be
    the reason. Further ones and rows of the sample follow, at least as many rows as the sample has.

    Args:
        sample: the row numbers of the sample.
        rest: the rows after it.
        differing: the numbers of the rows that differ most, the worst one first; a route may have returned
            more rows than it was given.
        batch: rows of a batch.
        chunk: rows of a chunk of the rest.
    """
    outside = [row for row in differing if row in rest]
    if not outside or not set(differing).isdisjoint(sample.tolist()):
        return sample
    first = rest.batch_of(outside[0], batch=batch, chunk=chunk).tolist()
    others = dict.fromkeys((*outside, *sample.tolist()))
    rows = [*first, *(row for row in others if row not in set(first))]
    return np.array(rows[: max(len(sample), len(first))], dtype=np.int64)


def _numbers_at(rows: np.ndarray | range, places: np.ndarray) -> np.ndarray:
    return rows.start + places if isinstance(rows, range) else rows[places]


def split_sample(
    numbers: np.ndarray | range, facts: Facts, batch_size: int
) -> tuple[np.ndarray, RowsAfterSample]:
    """Split rows into a spread sample and the rest.

    Every route runs on the sample; predict and one-by-one also read the rest. The sample is small enough to
    keep the outputs of some forty routes in memory, and to run a heavy model some forty times.
    """
    row_bytes = 4 * sum(_elements(fact.shape) for fact in facts.outputs if fact.shape)
    affordable = facts.rows_for_work(_SAMPLE_WORK, fewest=_FEWEST_SAMPLED)
    most = min(SAMPLE_ROWS, max(_SAMPLE_BYTES // max(row_bytes, 1), batch_size), affordable)
    step = facts.batch_size or min(batch_size, most)
    size = min(len(numbers), max(step, most // step * step))
    places = np.linspace(0, len(numbers) - 1, size).astype(np.int64)
    return _numbers_at(numbers, places), RowsAfterSample(rows=numbers, sampled=places)


def chunk_rows(source: RowSource | None, batch_size: int) -> int:
    """Return the rows of a chunk, in whole batches; memory does not grow with the data."""
    row_bytes = sum(array.nbytes // max(len(array), 1) for array in source.arrays.values()) if source else 1
    rows = min(_MOST_CHUNK_ROWS, _CHUNK_BYTES // max(row_bytes, 1))
    return max(batch_size, rows // batch_size * batch_size)

"""Which rows are checked: how many, spread over the data, and in which chunks they stream."""

from __future__ import annotations

import math

import numpy as np

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.loading.rows.input_matching import match_inputs
from keras_consistency_cli.loading.rows.source import RowSource, choose_rows
from keras_consistency_cli.loading.subject_spec import raw_inputs
from keras_consistency_cli.measurement.facts import DataFacts, Facts
from keras_consistency_cli.pipeline.inputs import SAMPLE_ROWS, subject_files

__all__ = ["affordable_rows", "chunk_rows", "rows_to_check", "split_sample", "with_bad_rows"]

_CHUNK_BYTES = 32 * 2**20
_SAMPLE_BYTES = 16 * 2**20
_FEWEST_ROWS = 32
_WORK = 2e9
"""Multiplications that one pass over the sample may take, about a second; by a rule and not by the clock, so that runs can be repeated."""
_WORK_PER_ELEMENT = 200
"""How often a convolution or a recurrent layer uses an input element, roughly, for each of its channels."""
_OPEN_AXIS = 64
_BAD_ROWS = 2


def rows_to_check(settings: Settings, source: RowSource | None, facts: Facts) -> np.ndarray:
    """Return row numbers: as many as the user asked for, else `SAMPLE_ROWS` or what a heavy model affords, spread over the data and seeded.

    Raises:
        MisfitError: the rows are of a shape that the model refuses.
        DataError: they do not fit it otherwise, or there are fewer than one batch of a model built for a fixed size.
    """
    batch = facts.batch_size or 1
    wanted = settings.rows if "rows" in settings.model_fields_set else affordable_rows(facts, source)
    if source is None:
        made = SAMPLE_ROWS if wanted == "all" else wanted
        return choose_rows(max(made, batch), "all", seed=settings.seed, multiple_of=batch)
    match_inputs(
        source, raw_inputs(subject_files(settings), facts.inputs, source), batch_size=facts.batch_size
    )
    return choose_rows(source.length, wanted, seed=settings.seed, multiple_of=batch)


def affordable_rows(facts: Facts, source: RowSource | None) -> int:
    """Return how many rows of this model every route can be run on in reasonable time: 256 for most, 32 for the heaviest."""
    if source is not None:
        elements = sum(math.prod(array.shape[1:]) for array in source.arrays.values())
    else:
        elements = sum(math.prod(dim or _OPEN_AXIS for dim in fact.shape[1:]) for fact in facts.inputs)
    work = elements * _WORK_PER_ELEMENT + facts.parameters
    return max(_FEWEST_ROWS, min(SAMPLE_ROWS, int(_WORK // max(work, 1)) // _FEWEST_ROWS * _FEWEST_ROWS))


def with_bad_rows(numbers: np.ndarray, description: DataFacts) -> np.ndarray:
    """Return as many row numbers, with the first rows of NaN or infinity that reach the model among them: one bad row must not hide.

    Each takes the place of the chosen row that is nearest to it.
    """
    if description.generated or not len(numbers):
        return numbers
    chosen = set(numbers.tolist())
    for bad in {row for rows in description.fed for row in rows.first_bad[:_BAD_ROWS]} - chosen:
        others = np.array(sorted(chosen - {row for rows in description.fed for row in rows.first_bad}))
        if len(others):
            chosen = chosen - {int(others[np.abs(others - bad).argmin()])} | {bad}
    return np.array(sorted(chosen), dtype=np.int64)


def split_sample(numbers: np.ndarray, facts: Facts, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into a spread sample, on which every route runs, and the rest, through which predict and one-by-one stream.

    The sample is small enough for some forty routes' outputs to be held at once.
    """
    row_bytes = 4 * sum(
        math.prod(dim or _OPEN_AXIS for dim in fact.shape[1:]) for fact in facts.outputs if fact.shape
    )
    step = facts.batch_size or batch_size
    size = max(step, min(SAMPLE_ROWS, _SAMPLE_BYTES // max(row_bytes, 1)) // step * step)
    if len(numbers) <= size:
        return numbers, numbers[:0]
    picked = np.linspace(0, len(numbers) - 1, size).astype(np.int64)
    rest = np.ones(len(numbers), bool)
    rest[picked] = False
    return numbers[picked], numbers[rest]


def chunk_rows(source: RowSource | None, batch_size: int) -> int:
    """Return how many rows one chunk may have, in whole batches, such that memory does not grow with the data."""
    row_bytes = sum(array.nbytes // max(len(array), 1) for array in source.arrays.values()) if source else 1
    return max(batch_size, min(8192, _CHUNK_BYTES // max(row_bytes, 1)) // batch_size * batch_size)

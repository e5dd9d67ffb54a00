"""Variants of batches: rows scaled by a scaler that was refitted on some rows only.

Such a mistake shows in consecutive rows only, and is generated where its first batch fits the served rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.loading.scalers.scaling import CannotRefit
from keras_consistency_cli.routes.scaling.column_distance import find_wrong_columns, find_wrong_rows
from keras_consistency_cli.routes.served.column_lines import measure_linear_prefix
from keras_consistency_cli.routes.served.mistakes import Array, ServedInput, Variant
from keras_consistency_cli.routes.served.mixed_batches import find_runs

__all__ = [
    "consecutive_rows",
    "generate_batch_variants",
    "generate_request_variants",
    "generate_run_variants",
    "scale_fitting_batches",
    "scale_in_batches",
    "suggest_batch_sizes",
]

_BATCHED_ROWS, _MIN_BATCHES = 512, 2
_MIN_FIRST_ROWS = 8
"""Rows of a first batch; a match with a scaler fitted on fewer rows may be chance."""
_MAX_RUNS, _RUN_ROWS = 4, 512
_COMMON_BATCH_SIZES = (
    *(2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 25, 32, 48, 50, 64, 96),
    *(100, 128, 200, 250, 256, 500, 512, 1000, 1024, 2048),
)


def scale_in_batches(rows: Array, size: int, scale: Callable[[Array], Array]) -> Array:
    """Scale batches of `size` rows and concatenate them; the last batch may be short."""
    return np.concatenate([scale(rows[start : start + size]) for start in range(0, len(rows), size)])


def suggest_batch_sizes(
    raw: Array, served: Array, columns: Iterable[int], *, in_use: Iterable[int] = ()
) -> Iterator[int]:
    """Yield batch sizes on which the scaler may have been refitted, likeliest first.

    They are the row after which the line over the raw rows changes, the sizes in use, and common ones.
    """
    sizes = (measure_linear_prefix(raw, served, list(columns)), *in_use, *_COMMON_BATCH_SIZES)
    yield from (size for size in dict.fromkeys(sizes) if 1 < size < len(raw))


def generate_batch_variants(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows refitted on batches, or on the first rows only.

    A preprocess function is called on batches instead.
    """
    raw, expected, served = consecutive_rows(case)
    wrong = find_wrong_columns(served, expected)
    if not len(wrong):
        return
    wrong_rows = find_wrong_rows(served, expected)
    refits = case.scaling.scaler is not None
    scale = case.scaling.refit_transform if refits else case.scaling.apply
    for size in suggest_batch_sizes(raw, served, wrong.tolist(), in_use=case.sizes):
        scaled = scale_fitting_batches(scale, raw, served, wrong, size)
        if scaled is None:
            continue
        kind = "refit-batches" if refits else "scaled-batches"
        yield Variant(kind=kind, rows=scaled, batch=size)
        if refits and size >= _MIN_FIRST_ROWS and wrong_rows[size:].any():
            yield Variant(kind="refit-first", rows=scaled[:size], batch=size)


def generate_request_variants(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows refitted, or preprocessed, on each request that a recording holds.

    Requests of one row are left to other variants, which need no recording.
    """
    if case.requests is None:
        return
    requests = case.requests[: case.consecutive]
    borders = np.flatnonzero(np.diff(requests)) + 1
    cut = int(np.flatnonzero(requests < 0)[0]) if (requests < 0).any() else len(requests)
    # The last request may go on behind the rows that are compared.
    ends = [border for border in borders.tolist() if border <= cut]
    ends += [len(case.raw)] if cut == len(requests) == len(case.raw) else []
    starts = [0, *ends[:-1]]
    if all(end - start == 1 for start, end in zip(starts, ends, strict=False)):
        return
    refits = case.scaling.scaler is not None
    scale = case.scaling.refit_transform if refits else case.scaling.apply
    pieces = [scale(case.raw[start:end]) for start, end in zip(starts, ends, strict=True)]
    yield Variant(kind="refit-requests" if refits else "scaled-requests", rows=np.concatenate(pieces))


def consecutive_rows(case: ServedInput) -> tuple[Array, Array, Array]:
    """Return raw, expected and served rows that follow one another in the data."""
    rows = slice(case.consecutive)
    return case.raw[rows], case.expected[rows], case.served[rows]


def scale_fitting_batches(
    scale: Callable[[Array], Array], rows: Array, served: Array, wrong: Array, size: int
) -> Array | None:
    """Return the first batches of `size` rows, scaled, if the first of them fits the served rows.

    Args:
        scale: scales one batch.
        rows: raw rows.
        served: the same rows as the model was fed.
        wrong: the wrong columns, of which the first batch must explain one.
        size: rows in a batch.
    """
    try:
        first = scale(rows[:size])
    except (CannotRefit, KcheckError):
        return None
    if first.shape != served[:size].shape or set(wrong) <= set(find_wrong_columns(served[:size], first)):
        return None
    count = min(max(_MIN_BATCHES, _BATCHED_ROWS // size) * size, len(rows) // size * size)
    rest = [scale(rows[start : start + size]) for start in range(size, count, size)]
    return np.concatenate([first, *rest])


def generate_run_variants(case: ServedInput) -> Iterator[Variant]:
    """Yield runs of wrong rows between right ones, refitted together or in batches."""
    raw, expected, served = consecutive_rows(case)
    wrong_rows = find_wrong_rows(served, expected)
    if case.scaling.scaler is None or wrong_rows.all():
        return
    for start, end in find_runs(wrong_rows, _MAX_RUNS):
        run = slice(start, min(end, start + _RUN_ROWS))
        length = run.stop - start
        columns = find_wrong_columns(served[run], expected[run]).tolist()
        prefix = measure_linear_prefix(raw[run], served[run], columns)
        for size in dict.fromkeys((length, prefix, *case.sizes)):
            if 1 < size <= length:
                rows = raw[start : start + length // size * size]
                yield Variant(
                    kind="refit-some" if size == length else "refit-batches",
                    rows=scale_in_batches(rows, size, case.scaling.refit_transform),
                    batch=size,
                    start=start,
                )

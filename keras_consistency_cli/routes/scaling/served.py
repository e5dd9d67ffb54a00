"""The route of the served rows: what the model makes of what serving really fed to it, and which mistake made those rows.

Mistakes of batches can only be seen in consecutive rows, so the first rows of the data are matched beside the sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.loading.scalers.scaling import CannotRefit
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.scaling.column_distance import (
    TOLERANCE,
    affine_prefix,
    wrong_columns,
    wrong_rows,
)
from keras_consistency_cli.routes.scaling.imputation_match import filled_gaps
from keras_consistency_cli.routes.scaling.mistake_matching import (
    Variant,
    explain,
    likely_batches,
    turned_columns,
)
from keras_consistency_cli.routes.scaling.mixed_batches import runs
from keras_consistency_cli.routes.scaling.scaling import in_pieces
from keras_consistency_cli.routes.trace import Result, Rows
from keras_consistency_cli.text import clean

__all__ = ["SERVED_ROUTES", "Making", "mistakes"]

_WINDOW_ROWS, _WINDOW_BYTES = 4096, 32 * 2**20
_WHOLE_BYTES = 64 * 2**20
_ESTIMATED = 5.0
"""Of a spread, by the root of the rows: how far a scaler fitted on a sample of the data may be from one fitted on all of them."""
_UNDONE = 1e-3
"""Of a spread: what undoing and rounding may cost."""
_SINGLES = 64
_BATCHED_ROWS, _FEWEST_BATCHES = 512, 2
_FEWEST_FIRST = 8
"""Rows of a first batch from which on a match with a scaler fitted on them is no accident."""
_MOST_TURNS, _TURNED_ROWS = 64, 256
_MOST_STRETCHES, _STRETCH_ROWS = 4, 512


@dataclass(frozen=True, kw_only=True)
class Making:
    """What a mistake can be made of.

    Args:
        scaling: the subject's `Scaling`.
        raw: raw rows, of which the first `consecutive` follow one another in the data.
        right: the same rows as the model should be given them.
        served: the same rows as it was given them.
        consecutive: how many rows at the beginning are consecutive.
        sizes: batch sizes in use.
        refit_all: gives the rows as fit_transform on all of the data makes them, and the tolerance of that.
    """

    scaling: Any
    raw: np.ndarray
    right: np.ndarray
    served: np.ndarray
    consecutive: int
    sizes: tuple[int, ...]
    refit_all: Callable[[], tuple[np.ndarray, float]]


def mistakes(making: Making) -> Iterator[Variant]:
    """Yield what each mistake would have served, likeliest and cheapest first; those that make no sense here are left out."""
    for make in (
        _refitted,
        _unscaled,
        _twice,
        _stepless,
        _filled,
        _narrow,
        _whole,
        _clipped,
        _alone,
        _stretches,
        _batched,
        _turned,
    ):
        yield from _sensible(make(making))


def _sensible(variants: Iterator[Variant]) -> Iterator[Variant]:
    try:
        yield from variants
    except (CannotRefit, KcheckError):
        return


def _refitted(making: Making) -> Iterator[Variant]:
    rows, tolerance = making.refit_all()
    yield Variant(kind="refit-all", rows=rows, tolerance=tolerance)
    yield Variant(
        kind="refit-single", rows=in_pieces(making.raw[:_SINGLES], 1, making.scaling.refit_transform), batch=1
    )


def _unscaled(making: Making) -> Iterator[Variant]:
    yield Variant(kind="unscaled", rows=making.raw)


def _twice(making: Making) -> Iterator[Variant]:
    if making.right.shape[1:] == making.raw.shape[1:]:
        yield Variant(kind="scaled-twice", rows=making.scaling.apply(making.right))


def _stepless(making: Making) -> Iterator[Variant]:
    """Scaled by a pipeline that leaves one of its steps out."""
    for step, rows in making.scaling.apply_without_each_step(making.raw):
        yield Variant(kind=f"without-step:{clean(step)}", rows=rows)


def _filled(making: Making) -> Iterator[Variant]:
    """Missing values filled by serving itself."""
    yield from filled_gaps(
        making.raw, making.right, making.served, making.scaling.apply, consecutive=making.consecutive
    )


def _narrow(making: Making) -> Iterator[Variant]:
    for name, dtype in (("float32", np.float32), ("float16", np.float16)):
        with np.errstate(over="ignore"):
            yield Variant(kind=f"{name}-after", rows=making.right.astype(dtype))
            if making.raw.dtype.kind == "f" and making.raw.dtype.itemsize > np.dtype(dtype).itemsize:
                narrow = making.raw.astype(dtype)
                # Numbers beyond the narrow range, which a scaler refuses, end this.
                # A scaler computes in the precision of its rows; those that were only stored narrow are scaled in the wide one.
                yield Variant(kind=f"{name}-first", rows=making.scaling.apply(narrow))
                yield Variant(
                    kind=f"{name}-first", rows=making.scaling.apply(narrow.astype(making.raw.dtype))
                )


def _whole(making: Making) -> Iterator[Variant]:
    """Fractions lost before scaling, as in a cast to integers."""
    if making.raw.dtype.kind == "f":
        yield Variant(kind="cut-first", rows=making.scaling.apply(np.trunc(making.raw)))
        yield Variant(kind="rounded-first", rows=making.scaling.apply(np.rint(making.raw)))


def _clipped(making: Making) -> Iterator[Variant]:
    """Scaled rightly, and then cut off at both ends of what was served."""
    axes = tuple(range(making.served.ndim - 1))
    if (
        making.served.shape == making.right.shape
        and making.served.dtype.kind == "f"
        and np.isfinite(making.served).all()
    ):
        low, high = making.served.min(axis=axes), making.served.max(axis=axes)
        # A column of one number is not cut off at it.
        yield Variant(
            kind="clipped", rows=np.where(low < high, np.clip(making.right, low, high), making.right)
        )


def _alone(making: Making) -> Iterator[Variant]:
    """Of a preprocess function; a scaler does not care."""
    if making.scaling.scaler is None:
        yield Variant(
            kind="scaled-alone", rows=in_pieces(making.raw[:_SINGLES], 1, making.scaling.apply), batch=1
        )


def _batched(making: Making) -> Iterator[Variant]:
    """Refitted on batches, or on the first rows only; of a preprocess function, called on batches. Tried where the first batch fits."""
    end = making.consecutive
    raw, served = making.raw[:end], making.served[:end]
    wrong, hit = wrong_columns(served, making.right[:end]), wrong_rows(served, making.right[:end])
    if not len(wrong):
        return
    refits = making.scaling.scaler is not None
    make = making.scaling.refit_transform if refits else making.scaling.apply
    for size in likely_batches(raw, served, wrong.tolist(), tried=making.sizes):
        first = _first_batch(make, raw[:size])
        if (
            first is None
            or first.shape != served[:size].shape
            or set(wrong) <= set(wrong_columns(served[:size], first))
        ):
            continue
        rows = min(max(_FEWEST_BATCHES, _BATCHED_ROWS // size) * size, len(raw) // size * size)
        yield Variant(
            kind="refit-batches" if refits else "scaled-batches",
            rows=in_pieces(raw[:rows], size, make),
            batch=size,
        )
        if refits and size >= _FEWEST_FIRST and hit[size:].any():
            yield Variant(kind="refit-first", rows=first, batch=size)


def _first_batch(make: Callable[[np.ndarray], np.ndarray], rows: np.ndarray) -> np.ndarray | None:
    try:
        return make(rows)
    except (CannotRefit, KcheckError):
        return None


def _turned(making: Making) -> Iterator[Variant]:
    if 1 < making.raw.shape[-1] <= _MOST_TURNS:
        yield from turned_columns(making.raw[:_TURNED_ROWS], making.scaling.apply)


def _stretches(making: Making) -> Iterator[Variant]:
    """Stretches of wrong rows among right ones, refitted together or in batches: what was done to some batches only."""
    end = making.consecutive
    raw, served = making.raw[:end], making.served[:end]
    hit = wrong_rows(served, making.right[:end])
    for start, stop in () if making.scaling.scaler is None or hit.all() else runs(hit, _MOST_STRETCHES):
        here = slice(start, min(stop, start + _STRETCH_ROWS))
        columns = wrong_columns(served[here], making.right[here]).tolist()
        length = here.stop - start
        for size in dict.fromkeys((length, affine_prefix(raw[here], served[here], columns), *making.sizes)):
            if 1 < size <= length:
                made = in_pieces(raw[start : start + length // size * size], size, making.scaling.refit_transform)
                yield Variant(
                    kind="refit-some" if size == length else "refit-batches",
                    rows=made,
                    batch=size,
                    start=start,
                )


def _served(session: Any, rows: Rows) -> Result:
    served = session.subject.served(session.numbers)
    if served is None:
        return Result(outputs={}, details={"reason": "no served rows given"})
    matches = {}
    numbers, consecutive = _numbers(session)
    fed, raw, right = (getattr(session.subject, kind)(numbers) for kind in ("served", "raw", "rows"))
    for name, values in right.items():
        if fed[name].shape != values.shape or values.dtype.kind not in "fiub":
            equal = fed[name].shape == values.shape and bool((fed[name] == values).all())
            matches[name] = {
                "misshapen": None
                if equal
                else f"{fed[name].shape[1:]} {fed[name].dtype}, not {values.shape[1:]} {values.dtype}"
            }
            continue
        variants = _variants(session, name, (raw[name], values, fed[name]), (numbers, consecutive))
        matches[name] = _by_number(asdict(explain(fed[name], values, variants, raw[name])), numbers)
    outputs = session.steps({name: served[name] for name in rows}, session.batch_size)
    return Result(outputs=outputs, details={"inputs": matches, "names": _names(session.subject.scaling)})


def _by_number(match: dict[str, Any], numbers: np.ndarray) -> dict[str, Any]:
    """A match with the rows' numbers in the data instead of their places among those that were matched."""
    told = []
    for mistake in match["mistakes"]:
        places = [*mistake["first"], *([mistake["last"]] if mistake["last"] is not None else [])]
        named = numbers[places].tolist()
        # Behind the consecutive rows places and numbers differ, and with them the distance from row to row.
        every = mistake["every"] if named == places else 0
        told.append(
            {
                **mistake,
                "first": named[: len(mistake["first"])],
                "last": named[-1] if named else None,
                "every": every,
            }
        )
    return {**match, "mistakes": tuple(told)}


def _names(scaling: Any) -> dict[str, list[str]]:
    """Names of the columns of the scaler's input."""
    names = None if scaling is None else scaling.columns or scaling.names
    return {} if not names else {scaling.input: [clean(name) for name in names]}


def _numbers(session: Any) -> tuple[np.ndarray, int]:
    """Row numbers to match: as many from the beginning as memory allows, then the sample's others."""
    length = session.subject.length
    row_bytes = sum(values.nbytes for values in session.subject.raw(np.arange(1)).values())
    window = min(length, _WINDOW_ROWS, max(_WINDOW_BYTES // max(row_bytes, 1), 1))
    return np.concatenate([np.arange(window), session.numbers[session.numbers >= window]]), window


def _variants(
    session: Any, name: str, values: tuple[np.ndarray, ...], numbers: tuple[np.ndarray, int]
) -> Iterator[Variant]:
    """Mistakes that could have been made with this input; the scaler may have been let loose on one that is none of its business."""
    raw, right, served = values
    scaling = session.subject.scaling
    if scaling is None:
        yield from _sensible(_of_joint(session, name, raw, numbers[0]))
        return
    if name != scaling.input:
        yield from _sensible(_once_more("scaled-too", scaling, right))
        return
    if session.subject.files.data_state == "scaled":
        yield from _sensible(_once_more("scaled-twice", scaling, right))
        yield from _sensible(_undone(scaling, right))
        return
    yield from mistakes(
        Making(
            scaling=scaling,
            raw=raw,
            right=right,
            served=served,
            consecutive=numbers[1],
            sizes=(session.batch_size, *session.probe.sizes),
            refit_all=partial(_refit_all, session, numbers[0]),
        )
    )


def _of_joint(session: Any, name: str, raw: np.ndarray, numbers: np.ndarray) -> Iterator[Variant]:
    """Of a function that prepares several inputs at once."""
    joint = session.subject.joint
    if joint is not None and session.subject.files.data_state == "raw":
        yield Variant(kind="unscaled", rows=raw)
        yield Variant(
            kind="scaled-alone", rows=joint.apply_row_by_row(session.subject.raw(numbers[:_SINGLES]))[name], batch=1
        )


def _once_more(kind: str, scaling: Any, right: np.ndarray) -> Iterator[Variant]:
    yield Variant(kind=kind, rows=scaling.apply(right))


def _undone(scaling: Any, right: np.ndarray) -> Iterator[Variant]:
    """Rows as they were before a scaler that can be undone."""
    if hasattr(scaling.scaler, "inverse_transform"):
        flat = scaling.scaler.inverse_transform(right.reshape(-1, right.shape[-1]))
        yield Variant(
            kind="unscaled", rows=np.asarray(flat).reshape(*right.shape[:-1], -1), tolerance=_UNDONE
        )


def _refit_all(session: Any, numbers: np.ndarray) -> tuple[np.ndarray, float]:
    """The rows of these numbers as fit_transform on all of the data gives them; on a sample where the data are large."""
    scaling, length = session.subject.scaling, session.subject.length
    row_bytes = session.subject.raw(np.arange(1))[scaling.input].nbytes
    most = max(_WHOLE_BYTES // max(row_bytes, 1), 1)
    every = (
        np.arange(length)
        if length <= most
        else np.union1d(np.linspace(0, length - 1, most).astype(np.int64), numbers)
    )
    fitted = scaling.refit_transform(session.subject.raw(every)[scaling.input])
    return fitted[np.searchsorted(every, numbers)], TOLERANCE if length <= most else _ESTIMATED / math.sqrt(
        most
    )


SERVED_ROUTES: tuple[Route, ...] = (
    Route(name="served", summary="the rows that serving fed to the model", run=_served),
)

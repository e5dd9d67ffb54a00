"""Routes through the scaler: the same raw rows, scaled in the ways that serving gets wrong, and what the model makes of them.

The reference is predict on rows scaled with the saved scaler. A route that makes no sense here, such as refitting a
preprocess function, gives no outputs and says why in its details.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.loading.scalers.scaling import CannotRefit
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.scaling.column_distance import moved
from keras_consistency_cli.routes.trace import Result, Rows

__all__ = ["SCALING_ROUTES", "Senseless", "in_pieces", "prepared"]

Make = Callable[[Any, np.ndarray, np.ndarray], np.ndarray]
"""Makes the rows that are fed of a session, the raw rows and the rightly scaled ones."""


class Senseless(Exception):  # noqa: N818 - told as a reason
    """This way of scaling makes no sense for this subject; the message says why."""


def in_pieces(rows: np.ndarray, size: int, make: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return what `make` gives for batches of `size` rows, put together again; the last batch may be short."""
    return np.concatenate([make(rows[start : start + size]) for start in range(0, len(rows), size)])


def _refit_all(session: Any, raw: np.ndarray, _right: np.ndarray) -> np.ndarray:
    return np.asarray(session.subject.scaling.refit_transform(raw))


def _refit_batches(session: Any, raw: np.ndarray, _right: np.ndarray) -> np.ndarray:
    return in_pieces(raw, session.batch_size, session.subject.scaling.refit_transform)


def _refit_single(session: Any, raw: np.ndarray, _right: np.ndarray) -> np.ndarray:
    return in_pieces(raw, 1, session.subject.scaling.refit_transform)


def _alone(session: Any, raw: np.ndarray, _right: np.ndarray) -> np.ndarray:
    return in_pieces(raw, 1, session.subject.scaling.apply)


def _made(session: Any) -> tuple[str, ...]:
    """The inputs whose rows a preprocess function makes; nothing else is known of what it does."""
    subject = session.subject
    if subject is None or subject.files.data_state == "scaled":
        return ()
    if subject.joint is not None:
        return tuple(subject.joint.inputs)
    return (
        (subject.scaling.input,)
        if subject.scaling is not None and subject.scaling.function is not None
        else ()
    )


def prepared(session: Any, rows: Rows) -> dict[str, Any]:
    """What tells whether two processes were fed the same rows, where a preprocess function made them."""
    made = [
        np.ascontiguousarray(rows[name]).tobytes()
        for name in _made(session)
        if rows[name].dtype.kind in "fiub"
    ]
    return {"prepared": zlib.crc32(b"".join(made))} if made else {}


def _unsteady(session: Any, rows: Rows) -> dict[str, Any]:
    """By how many spreads a preprocess function moves the same rows from one call to the next."""
    made = [name for name in _made(session) if rows[name].dtype.kind in "fiub"]
    if not made:
        return {}
    once, again = (session.subject.scaled(session.subject.raw(session.numbers)) for _ in range(2))
    pairs = [
        (again[name], once[name])
        for name in made
        if once[name].shape == again[name].shape == rows[name].shape
    ]
    return {"unsteady": max(float(moved(*pair).max(initial=0.0)) for pair in pairs)} if pairs else {}


def _unscaled(_session: Any, raw: np.ndarray, _right: np.ndarray) -> np.ndarray:
    return raw


def _twice(session: Any, raw: np.ndarray, right: np.ndarray) -> np.ndarray:
    if right.shape != raw.shape:
        raise Senseless(
            f"scaled rows have shape {right.shape[1:]}, raw ones {raw.shape[1:]}: they cannot be scaled again"
        )
    return np.asarray(session.subject.scaling.apply(right))


def _permuted(session: Any, raw: np.ndarray, _right: np.ndarray) -> np.ndarray:
    """Columns in the data's own order where the scaler remembers another, else in the order of the alphabet, as a dict or a join may leave them."""
    scaling = session.subject.scaling
    names = scaling.columns or scaling.names
    if names is None or len(names) != raw.shape[-1]:
        raise Senseless("neither the data nor the scaler name their columns")
    order = _disorder(tuple(names), scaling.names)
    if order == sorted(order):
        raise Senseless("the names of the columns suggest no other order")
    return np.asarray(scaling.apply(raw[..., order]))


def _disorder(given: tuple[str, ...], remembered: tuple[str, ...] | None) -> list[int]:
    if remembered is not None and set(remembered) == set(given) and tuple(remembered) != given:
        return [given.index(name) for name in remembered]
    return sorted(range(len(given)), key=lambda column: given[column])


def _cast_first(dtype: type[np.floating[Any]]) -> Make:
    def make(session: Any, raw: np.ndarray, _right: np.ndarray) -> np.ndarray:
        if raw.dtype.kind not in "fiu" or (
            raw.dtype.kind == "f" and raw.dtype.itemsize <= np.dtype(dtype).itemsize
        ):
            raise Senseless(f"the rows are {raw.dtype} as they are")
        with np.errstate(over="ignore"):
            return np.asarray(session.subject.scaling.apply(raw.astype(dtype)))

    return make


def _route(make: Make) -> Callable[[Any, Rows], Result]:
    """The route that feeds the model what `make` gives for the raw and the rightly scaled rows of the scaler's input."""

    def run(session: Any, rows: Rows) -> Result:
        try:
            raw, name = _raw(session)
            made = make(session, raw, rows[name])
            _check_shape(made, rows[name])
        except (Senseless, CannotRefit) as reason:
            return Result(outputs={}, details={"reason": str(reason)})
        except KcheckError as refusal:
            return Result(outputs={}, details={"reason": refusal.what, "crashed": True})
        outputs = session.steps({**rows, name: made}, session.batch_size)
        return Result(outputs=outputs, details=_shift(made, rows[name]))

    return run


def _prepared_alone(session: Any, rows: Rows) -> Result:
    """Each row prepared by itself, and whether a preprocess function gives the same rows twice, here and in another process."""
    joint = session.subject.joint is not None and session.subject.files.data_state == "raw"
    result = _jointly_alone(session, rows) if joint else _route(_alone)(session, rows)
    if "moved" not in result.details:
        return result
    return replace(result, details={**result.details, **_unsteady(session, rows), **prepared(session, rows)})


def _jointly_alone(session: Any, rows: Rows) -> Result:
    """The same by a function that prepares all inputs at once; what moved most is told."""
    joint = session.subject.joint
    try:
        made = joint.apply_row_by_row(session.subject.raw(session.numbers))
        for name in joint.inputs:
            _check_shape(made[name], rows[name])
    except Senseless as reason:
        return Result(outputs={}, details={"reason": str(reason)})
    except KcheckError as refusal:
        return Result(outputs={}, details={"reason": refusal.what, "crashed": True})
    shifts = {name: _shift(made[name], rows[name]) for name in joint.inputs}
    worst = max(shifts, key=lambda name: shifts[name].get("moved", 0.0))
    return Result(
        outputs=session.steps({**rows, **made}, session.batch_size), details={**shifts[worst], "input": worst}
    )


def _raw(session: Any) -> tuple[np.ndarray, str]:
    """The raw rows that the scaler takes, and the input they belong to."""
    scaling = session.subject.scaling
    if scaling is None:
        joint = session.subject.joint is not None
        raise Senseless(
            "the preprocess function prepares several inputs at once"
            if joint
            else "no scaler or preprocess given"
        )
    if session.subject.files.data_state == "scaled":
        raise Senseless("the rows are scaled already (facts.data_state)")
    return session.subject.raw(session.numbers)[scaling.input], scaling.input


def _check_shape(made: np.ndarray, right: np.ndarray) -> None:
    if made.shape != right.shape:
        raise Senseless(f"the model takes rows of shape {right.shape[1:]}, this gives {made.shape[1:]}")
    if made.dtype.kind not in "fiub":
        raise Senseless(f"this gives {made.dtype}, no numbers")


def _shift(made: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """By how many spreads the model's inputs move, in which column most, in how many rows, and whether all rows became the same."""
    if right.dtype.kind not in "fiub" or not right.size:
        return {}
    off = moved(made, right)
    rows = made.reshape(len(made), -1)
    same = len(rows) > 1 and bool((rows == rows[:1]).all()) and not bool((right == right[:1]).all())
    return {
        "moved": float(off.max()),
        "column": int(off.argmax()),
        "columns": np.flatnonzero(off > 0).tolist(),
        "constant": same,
    }


def _routes(table: dict[str, tuple[str, Make]]) -> tuple[Route, ...]:
    runs = {name: _prepared_alone if make is _alone else _route(make) for name, (_, make) in table.items()}
    return tuple(Route(name=name, summary=summary, run=runs[name]) for name, (summary, _) in table.items())


SCALING_ROUTES: tuple[Route, ...] = _routes(
    {
        "refit-all": ("rows scaled by fit_transform on all of them", _refit_all),
        "refit-batches": ("rows scaled by fit_transform on each batch", _refit_batches),
        "refit-single": ("rows scaled by fit_transform on each row alone", _refit_single),
        "scaled-alone": ("rows scaled with the saved scaler, one by one", _alone),
        "unscaled": ("rows not scaled", _unscaled),
        "scaled-twice": ("rows scaled twice", _twice),
        "columns-permuted": ("columns in the order that their names suggest", _permuted),
        "float32-first": ("rows cast to float32 before scaling", _cast_first(np.float32)),
        "float16-first": ("rows cast to float16 before scaling", _cast_first(np.float16)),
    }
)

"""The route that goes along time: does the future reach back, does the past matter, and what do prefixes and single steps give?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.sequences.loops import stepped
from keras_consistency_cli.routes.sequences.series import RECURRENT, any_length, no_time, series_inputs
from keras_consistency_cli.routes.sequences.stateful_copies import carried, decoder_of, encoder_inputs
from keras_consistency_cli.routes.session.batches import count, first
from keras_consistency_cli.routes.session.distances import share
from keras_consistency_cli.routes.session.layer_hooks import Running, among_layers, intercepted, path_of
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["STEPPING_ROUTES"]

_ROWS = 4
_APPARENT = 1e-4
"""Share of the greatest answer from which a difference is more than rounding between shapes."""
_T = TypeVar("_T")
_CARRYING = RECURRENT - {"Bidirectional"}


def _steps(session: Session, rows: Rows) -> Result:
    """Shares of the greatest answer by which answers move: "future", "past", "prefix", "one_step" and "twin"; a text where a way is refused.

    `per_step` tells whether there is an answer for each step, `layer` the first one through which the future reaches back.
    """
    few = first(rows, session.facts.batch_size or min(_ROWS, count(rows)))
    names = _series(session, few)
    if not names:
        return Result(outputs={}, details={})
    length = few[names[0]].shape[1]
    whole = session.fresh_step(few)
    per_step = any(_along_time(values, length) for values in whole.values())
    details: dict[str, Any] = {
        "per_step": per_step,
        "steps": length,
        "stateful": bool(session.facts.stateful_layers),
    }
    details |= (
        {"encoder": True, "decoder": decoder_of(session.model)} if encoder_inputs(session.model) else {}
    )
    cut = length // 2 if per_step else length - 1
    details["past"] = _moved(
        session, few, names, whole, length, replaced=slice(0, cut), kept=slice(cut, None)
    )
    if per_step:
        details["future"] = _moved(
            session, few, names, whole, length, replaced=slice(cut, None), kept=slice(0, cut)
        )
        if details["future"] > _APPARENT:
            details |= _looking_ahead(session, few, _replaced(few, names, slice(cut, None)), length, cut)
        else:
            details["prefix"] = _tried(lambda: _prefix(session, few, names, whole, cut))
    details["one_step"] = _tried(lambda: _one_step(session, few, names, whole))
    if _wants_twin(session, details):
        details["twin"] = _tried(lambda: _twin(session, few, names, whole))
    if not session.facts.stateful_layers:
        details["window"] = _tried(lambda: _window(session, few, names, whole))
    return Result(outputs={}, details=details)


def _series(session: Session, rows: Rows) -> list[str]:
    """Inputs that run along time together: those as long as the first; of an encoder and a decoder those of the decoder."""
    encoded = encoder_inputs(session.model)
    names = list(series_inputs(session, rows))
    names = [name for name in names if name not in encoded] or names
    return [name for name in names if rows[name].shape[1] == rows[names[0]].shape[1]]


def _along_time(values: np.ndarray, length: int) -> bool:
    return values.ndim > 2 and values.shape[1] == length and values.dtype.kind == "f"


def _replaced(rows: Rows, names: Collection[str], where: slice) -> dict[str, np.ndarray]:
    """The rows with other steps in some places: floats out of reach of the old ones, ids of another row."""
    found = dict(rows)
    for name in names:
        values = rows[name].copy()
        other = np.roll(rows[name], 1, axis=0)[:, where]
        values[:, where] = (
            (1.0 - 1.5 * other).astype(values.dtype) if values.dtype.kind == "f" else other[:, ::-1]
        )
        found[name] = values
    return found


def _moved(
    session: Session,
    rows: Rows,
    names: Collection[str],
    whole: Outputs,
    length: int,
    *,
    replaced: slice,
    kept: slice,
) -> float:
    """How far answers move when some steps are replaced: those of the kept steps where there is one for each, all others."""
    moved = session.fresh_step(_replaced(rows, names, replaced))
    along = {name for name, values in whole.items() if _along_time(values, length)}
    pairs = [(moved[name][:, kept], whole[name][:, kept]) for name in along] or [
        (moved[name], values) for name, values in whole.items()
    ]
    return max(share(mine, theirs) for mine, theirs in pairs)


def _tried(run: Callable[[], _T]) -> _T | str:
    """What was measured, or why there is none: a model of one length refuses prefixes and steps."""
    from keras_consistency_cli.loading.model.variable_length_copy import TwinRefused

    try:
        return run()
    except TwinRefused as reason:
        return str(reason)
    except Exception as problem:
        return f"{type(problem).__name__} at another length"


def _prefix(session: Session, rows: Rows, names: Collection[str], whole: Outputs, cut: int) -> float:
    """The last answer to a prefix, against the answer at that step of the whole."""
    feeding = any_length(session, rows, dict.fromkeys(names))
    feeding.restore()
    answers = feeding.graph(
        {name: values[:, :cut] if name in names else values for name, values in rows.items()},
        jit_compile=False,
    )
    length = rows[next(iter(names))].shape[1]
    along = [name for name, values in whole.items() if _along_time(values, length)]
    return max(share(answers[name][:, -1], whole[name][:, cut - 1]) for name in along)


def _one_step(session: Session, rows: Rows, names: Collection[str], whole: Outputs) -> float:
    feeding = any_length(session, rows, dict.fromkeys(names))
    feeding.restore()
    return _along(feeding, rows, names, whole)


def _twin(session: Session, rows: Rows, names: Collection[str], whole: Outputs) -> float:
    """One step at a time through a copy of the model that carries its state."""
    return max(
        _held(mine, theirs)
        for mine, theirs in zip(carried(session, rows, names), whole.values(), strict=True)
    )


def _window(session: Session, rows: Rows, names: list[str], whole: Outputs) -> dict[str, Any]:
    """How many of the last steps decide the last answer ("reach", None where even the first does), and how far off a window of so many is."""
    length = rows[names[0]].shape[1]
    ends = {name: values[:, -1] if _along_time(values, length) else values for name, values in whole.items()}
    sizes = [size for size in (2**power for power in range(12)) if size < length]
    reach = next(
        (size for size in sizes if _last_moves(session, rows, names, ends, length - size) <= _APPARENT), None
    )
    size = reach or max(length // 2, 1)
    feeding = any_length(session, rows, dict.fromkeys(names))
    feeding.restore()
    answers = feeding.tracing()(
        {name: values[:, -size:] if name in names else values for name, values in rows.items()}
    )
    off = max(
        share(answers[name][:, -1] if _along_time(answers[name], size) else answers[name], theirs)
        for name, theirs in ends.items()
    )
    return {"steps": size, "reach": reach, "off": off}


def _last_moves(session: Session, rows: Rows, names: Collection[str], ends: Outputs, before: int) -> float:
    """How far the last answers move when the steps before some place are replaced."""
    moved = session.fresh_step(_replaced(rows, names, slice(0, before)))
    return max(
        share(moved[name][:, -1] if moved[name].ndim > theirs.ndim else moved[name], theirs)
        for name, theirs in ends.items()
    )


def _along(session: Session, rows: Rows, names: Collection[str], whole: Outputs) -> float:
    """Step by step inside one compiled loop, held against the whole: every step, or the last answer where there is one for all."""
    return max(
        _held(mine, theirs)
        for mine, theirs in zip(stepped(session, rows, names), whole.values(), strict=True)
    )


def _held(stepped: np.ndarray, whole: np.ndarray) -> float:
    if whole.ndim > 2 and whole.shape[1] == len(stepped) and stepped.ndim == whole.ndim + 1:
        return share(np.moveaxis(stepped[:, :, 0], 0, 1), whole)
    return share(stepped[-1], whole)


def _wants_twin(session: Session, details: dict[str, Any]) -> bool:
    """Whether carrying state could help: a recurrent model that looks back, and not ahead, and does not carry it by itself."""
    recurrent = any(layer.kind in _CARRYING for layer in session.facts.layers)
    causal = details.get("future", 0.0) <= _APPARENT < details["past"]
    return recurrent and causal and not session.facts.stateful_layers


def _looking_ahead(session: Session, rows: Rows, other: Rows, length: int, cut: int) -> dict[str, Any]:
    """The first layer whose answers to early steps change with later ones."""
    session.restore()
    with _recorded(length) as mine:
        session.call(rows, training=False)
    session.restore()
    with _recorded(length) as theirs:
        session.call(other, training=False)
    for (path, kind, values), (_, _, changed) in zip(mine, theirs, strict=False):
        if values.shape == changed.shape and share(changed[:, :cut], values[:, :cut]) > _APPARENT:
            return {"layer": path, "kind": kind}
    return {}


@contextmanager
def _recorded(length: int) -> Iterator[list[tuple[str, str, np.ndarray]]]:
    """Record what layers and operations of the graph answer meanwhile, where it has as many steps as the series."""
    import keras

    found: list[tuple[str, str, np.ndarray]] = []

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        leaf = next(iter(keras.tree.flatten(outputs)), None)
        if among_layers(running) and len(getattr(leaf, "shape", ())) > 2:
            values = np.asarray(keras.ops.convert_to_numpy(leaf))
            if _along_time(values, length):
                found.append((path_of(running), type(running[-1]).__name__, values))
        return outputs

    with intercepted(around):
        yield found


STEPPING_ROUTES: tuple[Route, ...] = (
    Route(
        name="steps",
        summary="prefixes, single steps, and what future and past do",
        run=_steps,
        unavailable=no_time,
        placement="fresh",
    ),
)

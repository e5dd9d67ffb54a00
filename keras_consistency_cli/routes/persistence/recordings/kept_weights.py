"""Whether recorded outputs come from other weights that the file holds: averages that the optimizer keeps.

With use_ema, and in optimizers that average or look ahead, a file of a compiled model holds two sets of
weights: those of the layers, and a copy of each with its history. Either may be the one that is served.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.persistence.recordings.activations import CLOSE
from keras_consistency_cli.routes.persistence.recordings.comparing import Adjust, choose_first
from keras_consistency_cli.routes.session.batches import count_rows
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["find_kept_weights"]

_MIN_ROWS, _ROWS = 8, 32
_MOST_SETS = 8
_AVERAGES = "_model_variables_moving_average"
_EQUAL = 1e-6
_CLOSER = 0.05
"""Share of the difference of today's outputs that may be left: averages are near the weights themselves."""

Pairs = list[tuple[Any, Any]]
"""Weights of the model, each with the other value that the optimizer holds for it."""


def find_kept_weights(session: Session, rows: Rows, recorded: Outputs, adjust: Adjust) -> str:
    """Describe the other weights with which the model gives the recorded outputs, "" without any.

    A few rows decide. Classes, which could agree by accident, do not count.
    """
    batch, wanted = choose_first(session, rows, recorded, max(_ROWS, session.batch_size))
    kept = list(_kept_sets(session.model)) if count_rows(batch) >= _MIN_ROWS else []
    if not kept or not all(map(_tells_weights, wanted.values())):
        return ""
    limit = min(CLOSE, _CLOSER * _measure(_run_with(session, batch, []), wanted, adjust))
    if limit <= _CLOSER * _EQUAL:
        return ""
    found = (
        words for words, pairs in kept if _measure(_run_with(session, batch, pairs), wanted, adjust) <= limit
    )
    return next(found, "")


def _tells_weights(values: np.ndarray) -> bool:
    """Whether outputs differ from row to row, so that they tell two sets of weights from each other."""
    is_plain = is_float(values.dtype) and bool(np.isfinite(values).all())
    return is_plain and len(np.unique(values)) > len(values) // 2


def _measure(outputs: Outputs, recorded: Outputs, adjust: Adjust) -> float:
    """Return the greatest difference, in standard deviations of the recorded output."""
    if any(values.shape != outputs[name].shape for name, values in recorded.items()):
        return float("inf")
    # Momentum in the place of weights may give NaN and infinity.
    with np.errstate(all="ignore"):
        pairs = [(outputs[name], values) for name, values in adjust(recorded, outputs).items()]
        differences = [
            np.abs(ours.astype(np.float64) - theirs).max() / theirs.std() for ours, theirs in pairs
        ]
    return float(max(differences)) if np.isfinite(differences).all() else float("inf")


def _run_with(session: Session, batch: Rows, pairs: Pairs) -> Outputs:
    """Run the model with other weights, and restore its own."""
    session.restore()
    try:
        for weight, kept in pairs:
            weight.assign(kept)
        return session.steps(batch, session.batch_size)
    finally:
        session.restore()


def _kept_sets(model: Any) -> Iterator[tuple[str, Pairs]]:
    """Yield each set of variables of the optimizer that could be the weights, averages first.

    Momentum has the shapes of the weights too; with it, the model does not give the recorded outputs.
    """
    sets: dict[str, Pairs] = {}
    for optimizer in _optimizers(getattr(model, "optimizer", None)):
        weights = list(getattr(optimizer, "_trainable_variables", ()))
        for name, kept in vars(optimizer).items():
            if name != "_trainable_variables" and _are_alike(kept, weights):
                sets.setdefault(name, []).extend(zip(weights, kept, strict=True))
    names = sorted(sets, key=lambda name: name != _AVERAGES)[:_MOST_SETS]
    yield from ((_describe(name), sets[name]) for name in names)


def _optimizers(optimizer: Any) -> Iterator[Any]:
    """Yield the optimizer and those inside it: of a loss scale, or one for each group of layers."""
    if optimizer is None:
        return
    yield optimizer
    inner = getattr(optimizer, "inner_optimizer", None)
    for each in (*([inner] if inner is not None else []), *(getattr(optimizer, "optimizers", None) or ())):
        yield from _optimizers(each)


def _are_alike(kept: Any, weights: list[Any]) -> bool:
    """Whether an attribute lists one variable for each weight, of the same shape."""
    if not isinstance(kept, (list, tuple)) or not weights or len(kept) != len(weights):
        return False
    return all(
        hasattr(copy, "assign") and tuple(copy.shape) == tuple(weight.shape)
        for copy, weight in zip(kept, weights, strict=True)
    )


def _describe(name: str) -> str:
    if name == _AVERAGES:
        return "the averaged weights that the optimizer holds (use_ema)"
    return f"the weights that the optimizer holds as '{name.strip('_')}'"

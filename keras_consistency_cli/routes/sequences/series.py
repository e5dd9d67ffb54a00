"""Series of other lengths than the given ones: which inputs are series, how they are padded, and a model that takes any length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = [
    "RECURRENT",
    "Padded",
    "any_length",
    "is_series",
    "look_for_padding",
    "no_time",
    "padding_beyond",
    "series_inputs",
]

_SHARE = 0.2
"""Share of the rows that must end alike before that is called padding."""
_STRAY = 0.1
"""Share of the padding-like steps that may stand elsewhere than at the end."""
RECURRENT = frozenset(
    {"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}
)
"""Layers that go along time and remember, by the names of their classes."""
_ALONG = RECURRENT | {"Conv1D", "SeparableConv1D", "DepthwiseConv1D"}
_ALONG_SERIES = frozenset(
    {"MultiHeadAttention", "GroupedQueryAttention", "Attention", "AdditiveAttention", "TimeDistributed"}
)
"""Layers that work along time, and those that do where an input is a series: of flat features they make something else."""


@dataclass(frozen=True, kw_only=True)
class Padded:
    """How the rows of one input are padded: the true length of each, on which side, with what; `inner` counts such steps among the true ones."""

    lengths: np.ndarray
    side: str
    value: np.ndarray
    inner: int

    @property
    def any(self) -> bool:
        """Whether any row is shorter than the time axis."""
        return bool((self.lengths < self.steps).any())

    steps: int = 0
    foreign: int = 0
    """Steps of the padding that hold something else than `value`; only known where the owner says how long the rows are."""


def is_series(values: np.ndarray, *, ids: bool = False) -> bool:
    """Whether axis 1 can be time: numbers of three axes or more, or ids of two."""
    return (
        values.dtype.kind in "fiu" and (values.ndim > 2 or (ids and values.ndim == 2)) and values.shape[1] > 1
    )


def series_inputs(session: Session, rows: Rows) -> dict[str, float | None]:
    """Return the inputs that are series, with the value that the model masks in them, None where it masks nothing."""
    from keras_consistency_cli.loading.model.input_hints import ANY_INPUT, input_hints

    hints = input_hints(session.model)
    found = {}
    for name, values in rows.items():
        hint = hints.get(name) or hints.get(ANY_INPUT)
        ids = hint is not None and hint.kind == "whole" and hint.why.startswith("vocabulary of")
        if is_series(values, ids=ids):
            found[name] = hint.padding if hint is not None else None
    return found


def look_for_padding(values: np.ndarray, value: float | None, side: str | None) -> Padded | None:
    """Return how series are padded, None where nothing says that they are.

    Args:
        values: rows of one input, time on axis 1.
        value: what the model masks, or the owner says; None looks for steps in which many rows end.
        side: "left" or "right"; None takes the one with more such steps.
    """
    steps = values.reshape(len(values), values.shape[1], -1)
    wanted = np.full(steps.shape[2], value, steps.dtype) if value is not None else _commonest_end(steps, side)
    if wanted is None:
        return None
    same = (steps == wanted).all(axis=2)
    runs = {"right": _run(same[:, ::-1]), "left": _run(same)}
    chosen = side or max(runs, key=lambda each: (int(runs[each].sum()), each))
    lengths = steps.shape[1] - runs[chosen]
    inner = int(same.sum() - runs[chosen].sum())
    found = Padded(lengths=lengths, side=chosen, value=wanted, inner=inner, steps=steps.shape[1])
    return found if value is not None or _convincing(found, same) else None


def padding_beyond(
    values: np.ndarray, lengths: np.ndarray, *, side: str | None, mask: float | None
) -> Padded:
    """Return how series are padded whose true lengths are known.

    Args:
        values: rows of one input, time on axis 1.
        lengths: the true length of each.
        side: "left" or "right"; None takes the one on which the padding is more alike.
        mask: what the model masks: such steps within the true lengths are counted as `inner`.
    """
    steps = values.reshape(len(values), values.shape[1], -1)
    place = np.arange(steps.shape[1])
    beyond = {"right": place >= lengths[:, None], "left": place < (steps.shape[1] - lengths)[:, None]}
    found = []
    for each in (side,) if side else ("right", "left"):
        filling, counts = np.unique(steps[beyond[each]], axis=0, return_counts=True)
        value = (
            filling[int(np.argmax(counts))]
            if len(counts)
            else np.full(steps.shape[2], 0.0 if mask is None else mask, steps.dtype)
        )
        inner = 0 if mask is None else int(((steps == mask).all(axis=2) & ~beyond[each]).sum())
        foreign = int(counts.sum() - counts.max(initial=0))
        found.append(
            Padded(
                lengths=lengths, side=each, value=value, inner=inner, steps=steps.shape[1], foreign=foreign
            )
        )
    return min(found, key=lambda padded: padded.foreign)


def _run(same: np.ndarray) -> np.ndarray:
    """The number of padding steps at the beginning of each row."""
    return np.asarray(np.where(same.all(axis=1), same.shape[1], np.argmin(same, axis=1)))


def _commonest_end(steps: np.ndarray, side: str | None) -> np.ndarray | None:
    """The last (or first) step that most rows share; of ids only zeros, for ids repeat by chance."""
    found: list[tuple[int, np.ndarray]] = []
    for place in {"right": (-1,), "left": (0,), None: (-1, 0)}[side]:
        ends, counts = np.unique(steps[:, place], axis=0, return_counts=True)
        found.append((int(counts.max()), ends[int(np.argmax(counts))]))
    shared, end = max(found, key=lambda each: each[0])
    return (
        end if shared >= max(2, _SHARE * len(steps)) and (steps.dtype.kind == "f" or not end.any()) else None
    )


def _convincing(found: Padded, same: np.ndarray) -> bool:
    """Whether steps that look like padding are: runs of several lengths, at one end of many rows, and hardly anywhere else."""
    runs = found.steps - found.lengths
    several = len(np.unique(runs)) > 1 and (runs > 1).mean() >= _SHARE
    return several and found.inner <= _STRAY * max(int(same.sum()), 1)


def any_length(session: Session, rows: Rows, names: Mapping[str, Any]) -> Any:
    """Return a session whose model takes series of any length: this one, or that of a twin.

    Raises:
        TwinRefused: the model cannot be fed other lengths.
    """
    from keras_consistency_cli.loading.model.facts import describe_model
    from keras_consistency_cli.loading.model.variable_length_copy import TwinRefused, build_twin

    facts = session.facts
    declared = [fact for fact in facts.inputs if fact.name in names]
    if declared and all(fact.shape[1] is None or fact.lenient == "length" for fact in declared):
        return session
    if facts.kind == "subclass" or not declared:
        raise TwinRefused("it is a subclassed model of one length")
    twin = build_twin(session.model, lengths={rows[name].shape[1] for name in names}, **session.loading)
    return session.on_copy(twin, describe_model(twin))


def no_time(facts: Facts) -> str | None:
    """Return why nothing can be done along time with this model, None where it can."""
    if facts.backend not in ("tensorflow", ""):
        return f"series are followed with the TensorFlow backend; this is {facts.backend}"
    kinds = {layer.kind for layer in facts.layers}
    series = "Embedding" in kinds or any(len(fact.shape) > 2 for fact in facts.inputs)
    if (
        kinds & _ALONG
        or (series and kinds & _ALONG_SERIES)
        or any(layer.masks is not None for layer in facts.layers)
    ):
        return None
    return "the model has no layer that works along time"

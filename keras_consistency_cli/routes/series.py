"""Series of other lengths than the given ones: which inputs are series, how they are padded, and a model that takes any length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_consistency_cli.routes.base import Rows

__all__ = ["Padded", "any_length", "is_series", "look_for_padding", "series_inputs"]

_SHARE = 0.2
"""Share of the rows that must end alike before that is called padding."""
_STRAY = 0.1
"""Share of the padding-like steps that may stand elsewhere than at the end."""


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


def is_series(values: np.ndarray, *, ids: bool = False) -> bool:
    """Whether axis 1 can be time: numbers of three axes or more, or ids of two."""
    return values.dtype.kind in "fiu" and (values.ndim > 2 or (ids and values.ndim == 2)) and values.shape[1] > 1


def series_inputs(session: Any, rows: Rows) -> dict[str, float | None]:
    """Return the inputs that are series, with the value that the model masks in them, None where it masks nothing."""
    from keras_consistency_cli.loading.hints import ANY_INPUT, input_hints

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
    return end if shared >= max(2, _SHARE * len(steps)) and (steps.dtype.kind == "f" or not end.any()) else None


def _convincing(found: Padded, same: np.ndarray) -> bool:
    """Whether steps that look like padding are: runs of several lengths, at one end of many rows, and hardly anywhere else."""
    runs = found.steps - found.lengths
    several = len(np.unique(runs)) > 1 and (runs > 1).mean() >= _SHARE
    return several and found.inner <= _STRAY * max(int(same.sum()), 1)


def any_length(session: Any, rows: Rows, names: Mapping[str, Any]) -> Any:
    """Return a session whose model takes series of any length: this one, or that of a twin.

    Raises:
        TwinRefused: the model cannot be fed other lengths.
    """
    from keras_consistency_cli.loading.model_facts import describe_model
    from keras_consistency_cli.loading.twin import TwinRefused, build_twin

    facts = session.facts
    declared = [fact for fact in facts.inputs if fact.name in names]
    if declared and all(fact.shape[1] is None or fact.lenient == "length" for fact in declared):
        return session
    if facts.kind == "subclass" or not declared:
        raise TwinRefused("it is a subclassed model of one length")
    subject = session.subject
    known, unsafe = (subject.custom_objects, subject.files.allow_unsafe) if subject is not None else ({}, False)
    twin = build_twin(session.model, lengths={rows[name].shape[1] for name in names}, custom_objects=known, allow_unsafe=unsafe)
    return type(session)(twin, describe_model(twin), session.probe)

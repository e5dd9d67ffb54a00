"""Inputs that were served the rows of other inputs of the same model, value by value.

Keras matches a list of arrays by position. Inputs of the same shape take each other's rows without an error,
also if one of them is scaled and the other is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from keras_consistency_cli.measurement.distance import is_numeric
from keras_consistency_cli.routes.scaling.column_distance import (
    ColumnComparison,
    compute_limits,
    compute_spreads,
    flatten_to_columns,
    is_beyond_limit,
)
from keras_consistency_cli.routes.served.mistakes import Array, Match, Mistake, MistakeKey
from keras_consistency_cli.routes.served.mixed_batches import build_part
from keras_consistency_cli.text import clean

__all__ = ["ExchangedInput", "InputRows", "find_exchanged_inputs", "is_exchange"]

_LEAST_EVIDENCE = 20.0
"""In bits: values of another input would be there by chance with a probability of 2 to the minus this."""
_IMAGE_AXES, _NAME_LENGTH = 4, 40


@dataclass(frozen=True, kw_only=True)
class InputRows:
    """The rows of one input.

    Args:
        served: as the model was fed.
        expected: as it should have been fed.
        raw: before scaling.
        scale: what scales this input and gives None for rows that it refuses; None if nothing scales it.
    """

    served: Array
    expected: Array
    raw: Array
    scale: Callable[[Array], Array | None] | None = None


@dataclass(frozen=True, kw_only=True)
class ExchangedInput:
    """An input that was served the rows of another one, `source`."""

    source: str
    match: Match


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """The rows of another input, and in words what they are."""

    source: str
    words: str
    rows: Array


def find_exchanged_inputs(inputs: Mapping[str, InputRows]) -> dict[str, ExchangedInput]:
    """Return the inputs whose wrong rows are all those of one other input."""
    found = {}
    for name in inputs:
        match = _match_others(name, inputs)
        if match is not None:
            found[name] = match
    return found


def is_exchange(exchanged: Mapping[str, ExchangedInput]) -> bool:
    """Whether the inputs have each other's rows: each of them is the source of one other."""
    return bool(exchanged) and {each.source for each in exchanged.values()} == set(exchanged)


def _match_others(name: str, inputs: Mapping[str, InputRows]) -> ExchangedInput | None:
    own = inputs[name]
    if own.served.shape != own.expected.shape or not is_numeric(own.expected.dtype):
        return None
    comparison = ColumnComparison.of(own.served, own.expected)
    wrong = comparison.wrong_in_rows(len(own.served))
    wrong_rows: Array = np.asarray(wrong.any(axis=(1, 2)))
    if _measure_evidence(own.served[wrong_rows], int(wrong.sum())) < _LEAST_EVIDENCE:
        return None
    for candidate in _candidates(name, inputs):
        if _gives(candidate.rows, own.served, wrong_rows):
            match = _build_match(candidate, comparison, wrong, wrong_rows)
            return ExchangedInput(source=candidate.source, match=match)
    return None


def _measure_evidence(values: Array, wrong: int) -> float:
    """Return in bits how unlikely it is that so many wrong values are those of an input by chance.

    Ids and flags of few different values are equal by chance more easily than measurements.
    """
    return wrong * math.log2(len(np.unique(values))) if values.size else 0.0


def _candidates(name: str, inputs: Mapping[str, InputRows]) -> Iterator[_Candidate]:
    """Yield the rows of the other inputs: as they should be, scaled like this input, and not scaled."""
    own = inputs[name]
    for other, rows in inputs.items():
        if other == name or not is_numeric(rows.raw.dtype):
            continue
        shown = clean(other, _NAME_LENGTH)
        yield _Candidate(source=other, words=f"the rows of input '{shown}'", rows=rows.expected)
        if own.scale is not None and rows.raw.shape == own.raw.shape:
            scaled = own.scale(rows.raw)
            if scaled is not None:
                words = f"the rows of input '{shown}', scaled like its own"
                yield _Candidate(source=other, words=words, rows=scaled)
        if rows.scale is not None:
            yield _Candidate(source=other, words=f"the raw rows of input '{shown}'", rows=rows.raw)


def _gives(candidate: Array, served: Array, wrong_rows: Array) -> bool:
    """Whether these are the served values in all wrong rows."""
    if candidate.shape != served.shape:
        return False
    # An input of whole numbers cuts what it is given.
    is_cut = np.issubdtype(served.dtype, np.integer) and not np.issubdtype(candidate.dtype, np.integer)
    columns = flatten_to_columns(np.trunc(candidate) if is_cut else candidate)
    limit = compute_limits(columns, compute_spreads(columns))
    differs = is_beyond_limit(flatten_to_columns(served), columns, limit)
    return not differs.reshape(len(served), -1)[wrong_rows].any()


def _build_match(
    candidate: _Candidate, comparison: ColumnComparison, wrong: Array, wrong_rows: Array
) -> Match:
    features = wrong.shape[2]
    columns = list(range(features))
    kind = f"other-input:{candidate.words}"
    part = build_part(MistakeKey(kind, None), wrong_rows, np.asarray(wrong.any(axis=1)), columns)
    mistake = Mistake(kind=kind, columns=tuple(columns), off=float(comparison.distances.max()))
    if part.hit < len(wrong_rows):
        mistake = replace(mistake, hit=part.hit, first=part.first, last=part.last, every=part.every)
    return Match(
        rows=len(wrong_rows),
        features=features,
        wrong_rows=part.hit,
        mistakes=(mistake,),
        channels=candidate.rows.ndim >= _IMAGE_AXES,
    )

"""Category codes that were assigned again: each expected value is served as one other value, one to one.

A label encoder that is fitted on other rows, or a vocabulary that was rebuilt, does that. Values that occur
only once say nothing, so that the repeated ones decide. Among the ids of a table, one served code may stand
for several right ones: that of unknown words.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "Codes",
    "are_encoded_by_row",
    "describe_shift",
    "find_moved_flags",
    "find_relabelled",
    "measure_shift",
]

Array = npt.NDArray[Any]
Codes = dict[float, float]
"""The served code by expected code."""

_LEAST_EVIDENCE = 20.0
"""In bits: a random code would repeat by chance with a probability of 2 to the minus this."""
_LEAST_SHIFTED = 3
"""Codes that differ by the same number; fewer may do so by chance."""
_MOST_ON_A_LINE = 16
_DECIMALS = 5
"""Digits in which scaled codes are the same."""


def find_relabelled(
    served: Array, expected: Array, columns: Iterable[int], ids: frozenset[int] = frozenset()
) -> dict[int, Codes]:
    """Return the columns whose codes were assigned again, with the served code by expected code.

    Args:
        served: the served columns.
        expected: the expected columns.
        columns: the wrong ones among them; if they share one code, as the words of a text do, fewer rows are
            enough.
        ids: the columns that hold ids of a table, and so are codes.
    """
    wrong = list(columns)
    together = _read_codes(
        served[:, wrong].ravel(), expected[:, wrong].ravel(), are_ids=ids.issuperset(wrong)
    )
    if together is not None:
        return dict.fromkeys(wrong, together)
    codes = {
        column: _read_codes(served[:, column], expected[:, column], are_ids=column in ids) for column in wrong
    }
    return {column: found for column, found in codes.items() if found is not None}


def are_encoded_by_row(served: Array, expected: Array) -> bool:
    """Whether in each row every id is served as one other id, one to one, but not the same one in all rows.

    A tokenizer that is fitted on each text does that. It numbers the words of each text from 1 on.
    """
    evidence, most = 0.0, max(float(expected.max()), 2.0)
    for there, here in zip(served.reshape(len(served), -1), expected.reshape(len(expected), -1), strict=True):
        is_word = (here != 0) | (there != 0)
        pairs = set(zip(here[is_word].tolist(), there[is_word].tolist(), strict=True))
        rights, wrongs = {right for right, _ in pairs}, {wrong for _, wrong in pairs}
        if not len(pairs) == len(rights) == len(wrongs):
            return False
        evidence += (is_word.sum() - len(pairs)) * math.log2(max(len(pairs), 1))
        is_counted = wrongs == set(range(1, len(wrongs) + 1))
        evidence += len(wrongs) * math.log2(most / len(wrongs)) if is_counted and len(wrongs) < most else 0.0
    return evidence >= _LEAST_EVIDENCE


def measure_shift(codes: Codes) -> float | None:
    """Return by how much all codes differ, None if it is not the same for all.

    The first code may be that of padding, which stays; one served code may be that of unknown words.
    """
    first, unknown = min(codes), _find_shared_code(codes)
    shifts = {there - here for here, there in codes.items() if there != unknown and here != first}
    is_padding = codes[first] in (first, unknown)
    if len(codes) - is_padding < _LEAST_SHIFTED or len(shifts) != 1 or 0 in shifts:
        return None
    shift = shifts.pop()
    return shift if is_padding or codes[first] - first == shift else None


def _find_shared_code(codes: Codes) -> float | None:
    """Return the served code that most right ones share, None if each has its own."""
    (code, count), *_ = Counter(codes.values()).most_common(1)
    return code if count > 1 else None


def _read_codes(served: Array, expected: Array, *, are_ids: bool) -> Codes | None:
    """Return the served code of each expected one, None if the values are not codes or do not agree."""
    if not (np.isfinite(served).all() and np.isfinite(expected).all()) or not len(expected):
        return None
    served, expected = np.round(served, _DECIMALS), np.round(expected, _DECIMALS)
    values, places = np.unique(expected, return_inverse=True)
    first = np.zeros(len(values))
    first[places] = served
    distinct, counts = np.unique(first, return_counts=True)
    most_shared = 1 if are_ids else 0
    is_one_to_one = (counts > 1).sum() <= most_shared and bool((first[places] == served).all())
    # A code that stays, such as that of padding, says nothing.
    changed = served != expected
    evidence = (changed.sum() - (first != values).sum()) * math.log2(len(distinct))
    if not is_one_to_one or evidence < _LEAST_EVIDENCE or not (are_ids or _are_codes(first, values)):
        return None
    return dict(zip(values.tolist(), first.tolist(), strict=True))


def _are_codes(served: Array, expected: Array) -> bool:
    """Whether these are whole numbers, or the same numbers in different places, as scaled codes are."""
    is_whole = bool((served == np.floor(served)).all() and (expected == np.floor(expected)).all())
    steps = np.diff(served) / np.diff(expected)
    # Many numbers on a line are measurements, such as the pixels of an inverted image.
    is_line = len(expected) > _MOST_ON_A_LINE and bool(np.allclose(steps, steps[0]))
    return not is_line and (is_whole or bool(np.isin(served, expected).all()))


def find_moved_flags(served: Array, expected: Array, columns: Iterable[int]) -> list[int]:
    """Return the columns of two values that are served as two others, in the same order.

    By themselves they may be codes as well as a different scaler.
    """
    flags = []
    for column in columns:
        values, places = np.unique(expected[:, column], return_inverse=True)
        parts = [np.unique(served[places == place, column]) for place in range(len(values))]
        if len(values) == 2 and all(len(part) == 1 for part in parts) and parts[0][0] < parts[1][0]:
            flags.append(column)
    return flags


def describe_shift(shift: float) -> str:
    """Return by how much numbers are larger or smaller."""
    return f"{abs(shift):g} {'larger' if shift > 0 else 'smaller'}"

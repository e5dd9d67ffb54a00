"""The precision of recorded outputs: 16 bits, or a few decimals as in text files.

A rounded number represents all numbers that round to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_consistency_cli.measurement.distance import is_float

__all__ = ["Recording", "recording"]

_MAX_DECIMALS = 7
"""More decimals are as precise as float32."""
_MAX_CHANCE = 1e-6
"""The greatest accepted probability that numbers only look as if they were rounded.

float32 has few digits beyond the sixth decimal.
"""
_MIN_NUMBERS = 8
"""The least number of different values: labels and flags are round in any case."""
_MAX_STEP = 0.125
"""Of the standard deviation: numbers rounded more coarsely are classes, not outputs."""
_FLOAT32_SPACING = 2.0**-22


@dataclass(frozen=True, kw_only=True)
class Recording:
    """How outputs were rounded when they were recorded.

    Args:
        words: the form, as in "float16".
        half_step: for recorded numbers, how far a number that rounds to each of them may be from it.
        holds: whether all of these numbers have this form.
        chance: how probable it is that other numbers of their size have this form too.
    """

    words: str
    half_step: Callable[[np.ndarray], np.ndarray]
    holds: Callable[[np.ndarray], bool]
    chance: Callable[[np.ndarray], float] = lambda _values: 0.0

    def nearest(self, recorded: np.ndarray, today: np.ndarray) -> np.ndarray:
        """Return the numbers closest to today's that round to the recorded ones."""
        wide = recorded.astype(np.float64)
        reach = self.half_step(wide)
        with np.errstate(invalid="ignore"):
            clipped = np.clip(today.astype(np.float64), wide - reach, wide + reach)
        return np.asarray(np.where(np.isfinite(wide), clipped, wide), today.dtype)

    def greatest_half_step(self, values: np.ndarray) -> float:
        """Return the greatest half step over finite values."""
        return float(self.half_step(_finite(values)).max(initial=0.0))


def recording(sample: np.ndarray, today: np.ndarray) -> Recording | None:
    """Return the form in which outputs were recorded, None for the precision of float32.

    Args:
        sample: recorded values of one output, from the whole file.
        today: today's values; if they have a form themselves, recording has not rounded them to it.
    """
    if not (is_float(sample.dtype) and is_float(today.dtype)):
        return None
    finite = sample[np.isfinite(sample)]
    if len(np.unique(finite)) < _MIN_NUMBERS:
        return None
    coarsest = (_coarsest_form(kind, sample) for kind in _KINDS)
    candidates = [form for form in coarsest if form is not None and not form.holds(today)]
    if not candidates:
        return None
    chosen = min(candidates, key=lambda form: form.greatest_half_step(sample))
    spread = float(np.std(finite.astype(np.float64)))
    return chosen if 2 * chosen.greatest_half_step(sample) <= _MAX_STEP * spread else None


def _coarsest_form(kind: tuple[Recording, ...], sample: np.ndarray) -> Recording | None:
    """Return the coarsest form of one kind that holds.

    Numbers with four decimals also have five.
    """
    return next((form for form in kind if form.holds(sample) and form.chance(sample) <= _MAX_CHANCE), None)


def _finite(values: np.ndarray) -> np.ndarray:
    return np.asarray(values[np.isfinite(values)], np.float64)


def _binary(words: str, digits: int, least: float) -> Recording:
    """Return a binary form.

    Args:
        words: its name.
        digits: binary digits after the first one.
        least: the distance of numbers below its least normal number.
    """

    def step(values: np.ndarray) -> np.ndarray:
        _, exponent = np.frexp(values)
        return np.asarray(np.maximum(np.ldexp(1.0, exponent - 1 - digits), least))

    def holds(values: np.ndarray) -> bool:
        finite = _finite(values)
        return bool((np.rint(finite / step(finite)) * step(finite) == finite).all())

    return Recording(words=words, half_step=lambda values: step(values) / 2, holds=holds)


def _decimal(places: int) -> Recording:
    """Return the form of numbers with this many decimals."""

    def holds(values: np.ndarray) -> bool:
        finite = _finite(values)
        return bool((np.abs(np.round(finite, places) - finite) <= _FLOAT32_SPACING * np.abs(finite)).all())

    def chance(values: np.ndarray) -> float:
        sizes = np.abs(np.unique(_finite(values)))
        return float(np.prod(np.minimum(1.0, 2 * _FLOAT32_SPACING * sizes * 10.0**places)))

    half = 0.5 * 10.0**-places
    decimals = f"numbers with {places} decimal{'s' if places > 1 else ''}"
    return Recording(
        words=decimals if places else "whole numbers",
        half_step=lambda values: half + _FLOAT32_SPACING * np.abs(values),
        holds=holds,
        chance=chance,
    )


_KINDS = (
    (_binary("bfloat16", 7, 2.0**-133), _binary("float16", 10, 2.0**-24)),
    tuple(_decimal(places) for places in range(_MAX_DECIMALS + 1)),
)
"""Kinds of forms, each from the coarsest to the finest."""

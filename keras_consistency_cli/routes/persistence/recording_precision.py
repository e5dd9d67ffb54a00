"""What a recording rounds off: answers kept in 16 bits, or with a few decimals as text files do, stand for all numbers that round to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Recording", "recording"]

_MOST_DECIMALS = 7
"""More than that is as good as float32."""
_CHANCE = 1e-6
"""How likely it may be that numbers which nobody rounded look like it: float32 has few digits beyond the sixth decimal."""
_FEWEST = 8
"""Different numbers without which nothing can be told: labels and flags are round anyway."""
_COARSEST = 0.125
"""Of the answers' spread: numbers rounded more coarsely than that are classes, not answers."""
_SPREAD_ULPS = 2.0**-22


@dataclass(frozen=True, kw_only=True)
class Recording:
    """How answers were rounded when they were recorded.

    Args:
        words: the form, as in "float16".
        half: by recorded number, how far what was rounded to it may lie from it.
        holds: whether these numbers are all of that form.
        chance: how likely others of their size would be so too.
    """

    words: str
    half: Callable[[np.ndarray], np.ndarray]
    holds: Callable[[np.ndarray], bool]
    chance: Callable[[np.ndarray], float] = lambda _values: 0.0

    def nearest(self, recorded: np.ndarray, today: np.ndarray) -> np.ndarray:
        """Return the numbers nearest to today's that round to the recorded ones."""
        wide = recorded.astype(np.float64)
        reach = self.half(wide)
        with np.errstate(invalid="ignore"):
            nearest = np.where(
                np.isfinite(wide), np.clip(today.astype(np.float64), wide - reach, wide + reach), wide
            )
        return nearest.astype(today.dtype)


def recording(sample: np.ndarray, today: np.ndarray) -> Recording | None:
    """Return the form in which answers were recorded, None where they hold all that float32 does.

    Args:
        sample: recorded answers of one output, from all over the file.
        today: answers of today; where they are of that form themselves, recording has rounded nothing off.
    """
    if (
        sample.dtype.kind != "f"
        or today.dtype.kind != "f"
        or len(np.unique(sample[np.isfinite(sample)])) < _FEWEST
    ):
        return None
    spread = float(np.std(sample[np.isfinite(sample)].astype(np.float64)))
    # Numbers with four decimals have five as well: of each kind it is the coarsest that holds.
    firsts = (
        next((each for each in kind if each.holds(sample) and each.chance(sample) <= _CHANCE), None)
        for kind in _KINDS
    )
    chosen = min(
        (each for each in firsts if each is not None and not each.holds(today)),
        key=lambda each: _widest(each, sample),
        default=None,
    )
    return chosen if chosen is not None and 2 * _widest(chosen, sample) <= _COARSEST * spread else None


def _widest(form: Recording, values: np.ndarray) -> float:
    return float(form.half(values[np.isfinite(values)].astype(np.float64)).max(initial=0.0))


def _bits(words: str, digits: int, least: float) -> Recording:
    """A binary form with this many digits behind the first, and the step below its least normal number."""

    def step(values: np.ndarray) -> np.ndarray:
        _, exponent = np.frexp(values)
        return np.asarray(np.maximum(np.ldexp(1.0, exponent - 1 - digits), least))

    def holds(values: np.ndarray) -> bool:
        wide = values[np.isfinite(values)].astype(np.float64)
        return bool((np.rint(wide / step(wide)) * step(wide) == wide).all())

    return Recording(words=words, half=lambda values: step(values) / 2, holds=holds)


def _decimals(places: int) -> Recording:
    def holds(values: np.ndarray) -> bool:
        wide = values[np.isfinite(values)].astype(np.float64)
        return bool((np.abs(np.round(wide, places) - wide) <= _SPREAD_ULPS * np.abs(wide)).all())

    def chance(values: np.ndarray) -> float:
        sizes = np.abs(np.unique(values[np.isfinite(values)].astype(np.float64)))
        return float(np.prod(np.minimum(1.0, 2 * _SPREAD_ULPS * sizes * 10.0**places)))

    half = 0.5 * 10.0**-places
    words = (
        f"numbers with {places} decimals"
        if places > 1
        else "numbers with 1 decimal"
        if places
        else "whole numbers"
    )
    return Recording(
        words=words, half=lambda values: half + _SPREAD_ULPS * np.abs(values), holds=holds, chance=chance
    )


_KINDS = (
    (_bits("bfloat16", 7, 2.0**-133), _bits("float16", 10, 2.0**-24)),
    tuple(_decimals(places) for places in range(_MOST_DECIMALS + 1)),
)
"""Each from the coarsest to the finest."""

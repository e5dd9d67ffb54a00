"""Numbers and words as people read them. Plain text, no Rich."""

from __future__ import annotations

import math
import re
from decimal import ROUND_CEILING, Decimal

from keras_consistency_cli.measurement.comparison import Comparison, WorstRow
from keras_consistency_cli.text import clean

__all__ = [
    "NOTHING",
    "at_least",
    "both_values",
    "count",
    "deviation",
    "number",
    "one_line",
    "plain",
    "spelled",
]

NOTHING = "—"
"""Stands where there is no number."""

_ASCII = str.maketrans(
    {
        "×": "x",
        "·": "*",
        "—": "-",
        "…": "...",
        "≤": "<=",
        "≥": ">=",
        "→": "->",
        "±": "+/-",
        "µ": "u",
        "✓": "+",
        "✗": "x",
    }
    | {"\u2013": "-", "\u2212": "-", "\u2018": "'", "\u2019": "'", "“": '"', "”": '"', "\u00a0": " "}
)
_RAISED = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def plain(text: str) -> str:
    """Spell a text in ASCII: known signs by their nearest look, all others as backslash escapes."""
    lowered = _RAISED.sub(lambda found: "^" + found[0].translate(_LOWERED), text)
    return lowered.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def spelled(text: object, limit: int = 600) -> str:
    """Return a text with everything that could steer a terminal or a build log spelled out; spaces are kept."""
    return clean(text, limit).replace("##[", "#\\x23[")


def one_line(text: object, limit: int = 600) -> str:
    """Return a sentence on one line: line breaks and runs of spaces become one space, the rest is `spelled`."""
    return spelled(" ".join(str(text).split()), limit)


def number(value: float | None) -> str:
    """Write a number with two digits: 1.2e-07, 0.31, 57, 0; a dash for None."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if value == 0:
        return "0"
    size = abs(value)
    if 1e-3 <= size < 9999.5:
        return f"{value:.2g}" if size < 99.5 else f"{value:.0f}"
    return f"{value:.1e}"


def count(amount: int, one: str, many: str | None = None) -> str:
    """Write an amount with its noun: 1 row, 10,000 rows."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def deviation(comparison: Comparison) -> str:
    """Write the greatest deviation, or what kept it from being measured."""
    if comparison.misshapen:
        return "shape"
    if comparison.nonfinite:
        return "nonfinite"
    return number(comparison.max_abs) if comparison.elements else NOTHING


def at_least(value: float) -> str:
    """Write a positive number rounded up to two digits, so that the text, read back, is never below it."""
    exact = Decimal(value)
    step = Decimal(1).scaleb(exact.adjusted() - 1)
    return repr(float(exact.quantize(step, rounding=ROUND_CEILING)))


def both_values(worst: WorstRow) -> tuple[str, str]:
    """Write candidate and reference with as many digits as it takes to tell them apart, at least seven."""
    for digits in (7, 9, 17):
        texts = _value(worst.candidate, digits), _value(worst.reference, digits)
        if texts[0] != texts[1]:
            break
    return texts


def _value(value: float | str, digits: int) -> str:
    return (
        one_line(repr(value), 24)
        if isinstance(value, str)
        else (f"{value:.{digits}g}" if math.isfinite(value) else number(value))
    )

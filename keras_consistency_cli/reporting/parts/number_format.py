"""Numbers and texts as people read them. Plain text, without Rich."""

from __future__ import annotations

import math
import re
from decimal import ROUND_CEILING, Decimal

from keras_consistency_cli.measurement.comparison import Comparison, WorstRow
from keras_consistency_cli.text import clean

__all__ = [
    "NO_NUMBER",
    "escape",
    "format_deviation",
    "format_distance",
    "format_number",
    "format_values",
    "one_line",
    "round_up",
    "to_ascii",
]

NO_NUMBER = "—"
"""In place of a number that does not exist."""

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
_SUPERSCRIPT = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_SUPERSCRIPT_DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def to_ascii(text: str) -> str:
    """Write a text in ASCII: known signs by similar ones, all others as backslash escapes."""
    flat = _SUPERSCRIPT.sub(lambda match: "^" + match[0].translate(_SUPERSCRIPT_DIGITS), text)
    return flat.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def escape(text: object, limit: int = 600) -> str:
    """Escape everything that could control a terminal or a build log; spaces are kept."""
    return clean(text, limit).replace("##[", "#\\x23[")


def one_line(text: object, limit: int = 600) -> str:
    """Write a text on one line, with single spaces, and escape it."""
    return escape(" ".join(str(text).split()), limit)


def format_number(value: float | None) -> str:
    """Write a number with two digits: 1.2e-07, 0.31, 57, 0; a dash for None."""
    if value is None:
        return NO_NUMBER
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if value == 0:
        return "0"
    size = abs(value)
    if 1e-3 <= size < 9999.5:
        return f"{value:.2g}" if size < 99.5 else f"{value:.0f}"
    return f"{value:.1e}"


def format_deviation(comparison: Comparison) -> str:
    """Write the largest deviation, or the reason why it could not be measured."""
    if comparison.misshapen:
        return "shape"
    if comparison.nonfinite:
        return "nonfinite"
    return format_number(comparison.max_abs) if comparison.elements else NO_NUMBER


def format_distance(distance: float) -> str:
    """Write the difference of one row; it is infinite if only one of two values is finite."""
    return "infinite" if math.isinf(distance) else format_number(distance)


def round_up(value: float) -> str:
    """Write a positive number with two digits, rounded up, for limits."""
    exact = Decimal(value)
    step = Decimal(1).scaleb(exact.adjusted() - 1)
    return repr(float(exact.quantize(step, rounding=ROUND_CEILING)))


def format_values(worst: WorstRow) -> tuple[str, str]:
    """Write candidate and reference with enough digits to differ, at least seven."""
    for digits in (7, 9, 17):
        texts = _value(worst.candidate, digits), _value(worst.reference, digits)
        if texts[0] != texts[1]:
            break
    return texts


def _value(value: float | str, digits: int) -> str:
    if isinstance(value, str):
        return one_line(repr(value), 24)
    return f"{value:.{digits}g}" if math.isfinite(value) else format_number(value)

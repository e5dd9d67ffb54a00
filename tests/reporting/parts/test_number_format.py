from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_consistency_cli.measurement.comparison import Comparison, WorstRow
from keras_consistency_cli.reporting.parts.number_format import (
    escape,
    format_deviation,
    format_number,
    format_values,
    one_line,
    round_up,
    to_ascii,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0.0, "0"),
        (-0.0, "0"),
        (1.234e-7, "1.2e-07"),
        (0.314, "0.31"),
        (0.001, "0.001"),
        (0.00099, "9.9e-04"),
        (2.0, "2"),
        (56.7, "57"),
        (99.6, "100"),
        (1234.0, "1234"),
        (9999.6, "1.0e+04"),
        (-0.31, "-0.31"),
        (math.nan, "NaN"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
    ],
)
def test_number_is_short(value: float | None, text: str) -> None:
    assert format_number(value) == text


@settings(max_examples=60, deadline=None)
@given(st.floats(min_value=1e-300, max_value=1e300, allow_nan=False))
def test_at_least_is_never_below_and_at_most_a_tenth_above(value: float) -> None:
    assert value <= float(round_up(value)) <= value * 1.1


def test_at_least_keeps_what_has_two_digits() -> None:
    assert [round_up(0.25), round_up(0.3141), round_up(1.51e-7)] == ["0.25", "0.32", "1.6e-07"]


def test_both_values_shows_as_many_digits_as_tell_them_apart() -> None:
    close = WorstRow(row=0, index=(0,), candidate=0.123456789, reference=0.123456780, distance=9e-9)
    same = WorstRow(row=0, index=(0,), candidate=1.0 + 2**-52, reference=1.0, distance=2**-52)
    odd = WorstRow(row=0, index=(), candidate=math.nan, reference=0.5, distance=math.inf)
    words = WorstRow(row=0, index=(), candidate="a\x1bb", reference="ab", distance=1.0)
    assert [format_values(one) for one in (close, same, odd, words)] == [
        ("0.123456789", "0.12345678"),
        ("1.0000000000000002", "1"),
        ("NaN", "0.5"),
        ("'a\\x1bb'", "'ab'"),
    ]


def test_deviation_names_what_kept_it_from_being_measured() -> None:
    names: dict[str, Any] = {"candidate": "a", "reference": "b", "output": "y"}
    measured = Comparison(**names, elements=4, max_abs=0.31)
    shapes = Comparison(**names, elements=4, misshapen="(2,) against (3,)")
    odd = Comparison(**names, elements=4, nonfinite=1)
    nothing = Comparison(**names)
    assert [format_deviation(one) for one in (measured, shapes, odd, nothing)] == [
        "0.31",
        "shape",
        "nonfinite",
        "—",
    ]


def test_one_line_and_spelled_leave_nothing_that_steers_a_terminal_or_a_log() -> None:
    assert one_line("a\n  b\x1b[0m ##[error]x") == "a b\\x1b[0m #\\x23[error]x"
    assert escape("a\n  b") == "a\\x0a  b"


def test_plain_spells_signs_in_ascii_and_escapes_the_rest() -> None:
    assert to_ascii("✓ 2 × 10⁻²⁹ ≤ 1 µs… 日") == "+ 2 x 10^-29 <= 1 us... \\u65e5"

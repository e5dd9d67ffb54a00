"""Points in .csv files: between thousands or before decimals; what could be both is said or refused."""

from __future__ import annotations

import pytest

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.tables.dialects import Dialect, find_dialect


def dialect_of(*lines: str) -> Dialect:
    return find_dialect("\n".join((*lines, "")).encode(), "x.csv")


@pytest.mark.parametrize(
    ("lines", "cell", "number"),
    [
        (("price;rate", "3.531;0,25", "987;1,5"), "3.531", 3531.0),
        (("price;rate", "531;0,25", "987;1,5"), "3.531", 3531.0),
        (("price;rate", "3.531;1.020,5", "4.100;7,25"), "1.020,5", 1020.5),
        (("people", "1.234.567", "3.531"), "3.531", 3531.0),
        (("price;share", "12;0,25", "7;0.5"), "0.5", 0.5),
        (("price,rate", "3.531,0.25", "4.2,1.5"), "3.531", 3.531),
        (("price,rate", '"3,531",0.25', '"1,100",1.5'), "3,531", 3531.0),
    ],
    ids=["commas", "later lines", "both", "millions", "points and commas", "decimals", "commas in thousands"],
)
def test_a_point_stands_between_thousands_or_before_decimals(
    lines: tuple[str, ...], cell: str, number: float
) -> None:
    dialect = dialect_of(*lines)
    assert (dialect.to_number(cell), dialect.doubt) == (number, "")


@pytest.mark.parametrize(
    "lines",
    [
        ("price;qty", "3.531;2", "987;4"),
        ("price,rate", "3.531,0.25", "1.020,1.5"),
        ("3.531,0.25", "987,1.5"),
    ],
    ids=["beside whole numbers", "beside decimals", "without a header"],
)
def test_a_number_that_may_have_a_point_between_thousands_is_said(lines: tuple[str, ...]) -> None:
    dialect = dialect_of(*lines)
    assert "3531" in dialect.doubt or "1020" in dialect.doubt or "987" in dialect.doubt
    assert dialect.to_number("3.531") == 3.531


@pytest.mark.parametrize(
    "cells",
    [("3.531", "0.25"), ("3.531", "3.5310"), ("0.531", "0.987"), ("3", "987"), ("3.531", "1987")],
    ids=["another length", "four digits", "a leading zero", "whole numbers", "a thousand without a point"],
)
def test_decimals_are_not_doubted(cells: tuple[str, ...]) -> None:
    assert dialect_of("x", *cells).doubt == ""


def test_a_point_of_two_meanings_is_refused() -> None:
    with pytest.raises(DataError) as refused:
        dialect_of("price;rate;share", "3.531;0,25;0.5", "987;1,5;0.25")
    assert "3.531" in refused.value.what
    assert refused.value.fix


@pytest.mark.parametrize("cell", ["3.5", "3.5310", "1.23.456"])
def test_beside_decimal_commas_other_points_are_no_numbers(cell: str) -> None:
    dialect = dialect_of("price;rate", "3.531;0,25", "987;1,5")
    assert not dialect.is_number(cell)

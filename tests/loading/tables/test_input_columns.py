"""The columns of a table go to the inputs of a model by their names, and are counted."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.row_chunks import take
from keras_consistency_cli.loading.rows.input_matching import match_inputs
from keras_consistency_cli.loading.rows.source import RowSource
from keras_consistency_cli.loading.tables.columns import Words
from keras_consistency_cli.loading.tables.input_columns import describe_columns
from keras_consistency_cli.measurement.facts import InputFact


def table(*columns: str, words: Words | None = None) -> RowSource:
    values = np.arange(4.0 * len(columns), dtype="float32").reshape(4, len(columns)) % 4
    return RowSource(
        path="x.csv",
        sha256=None,
        arrays={"data": values},
        length=4,
        named=False,
        columns=columns,
        words=words or {},
    )


def inputs(**widths: int | None) -> tuple[InputFact, ...]:
    return tuple(InputFact(name=name, shape=(None, width), dtype="float32") for name, width in widths.items())


@pytest.mark.parametrize(
    ("columns", "widths", "expected"),
    [
        (("b", "a"), {"a": 1, "b": 1}, {"a": "a", "b": "b"}),
        (("x", "shop", "y", "z"), {"numbers": 3, "shop": 1}, {"numbers": ("x", "y", "z"), "shop": "shop"}),
        (("x", "shop", "y"), {"numbers": None, "shop": 1}, {"numbers": ("x", "y"), "shop": "shop"}),
        (
            ("colour_red", "price", "colour_blue", "size.s", "size.m", "weight"),
            {"rest": 2, "colour": 2, "size": 2},
            {
                "rest": ("price", "weight"),
                "colour": ("colour_red", "colour_blue"),
                "size": ("size.s", "size.m"),
            },
        ),
        (
            ("shop_kind_a", "shop_kind_b", "shop_1"),
            {"shop": 1, "shop_kind": 2},
            {"shop": ("shop_1",), "shop_kind": ("shop_kind_a", "shop_kind_b")},
        ),
    ],
)
def test_columns_go_to_inputs(columns: tuple[str, ...], widths: dict[str, int], expected: object) -> None:
    found = match_inputs(table(*columns), inputs(**widths), batch_size=None)
    assert (dict(found), list(found)) == (expected, list(widths))


def test_rows_of_several_columns_are_those_of_the_table() -> None:
    source = table("x", "shop", "y", "z")
    names = match_inputs(source, inputs(numbers=3, shop=1), batch_size=None)
    for numbers in (np.array([1, 2]), np.array([3, 0])):
        rows = take(source, names, numbers)
        assert np.array_equal(rows["numbers"], source.arrays["data"][numbers][:, [0, 2, 3]])
        assert np.array_equal(rows["shop"], source.arrays["data"][numbers][:, [1]])
        assert rows["numbers"].flags.c_contiguous


def test_only_inputs_of_several_columns_are_described() -> None:
    (line,) = describe_columns(table("x", "shop", "y"), inputs(numbers=2, shop=1))
    assert "numbers" in line
    assert "x, y" in line
    assert not list(describe_columns(table("a", "b"), inputs(a=1, b=1)))
    assert not list(describe_columns(table("a", "b"), inputs(both=2)))


@pytest.mark.parametrize(
    ("columns", "widths", "named"),
    [
        (("a", "b", "id"), {"a": 1, "b": 1}, "'id'"),
        (("x", "shop", "y", "id"), {"numbers": 2, "shop": 1}, "x, y, id"),
        (("x", "shop"), {"numbers": 2, "shop": 1}, "'numbers'"),
        (("shop", "kind"), {"shop": 1, "kind": 1, "numbers": 2}, "'numbers'"),
        (("a_x", "a_y", "b", "id"), {"a": 2, "b": 1}, "'id'"),
        (("x", "y"), {"numbers": 2, "shop": 1}, "'numbers', 'shop'"),
        (("shop", "x", "y", "z"), {"shop": 1, "numbers": 2, "other": 1}, "'numbers', 'other'"),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    columns: tuple[str, ...], widths: dict[str, int], named: str
) -> None:
    with pytest.raises(DataError) as refused:
        match_inputs(table(*columns), inputs(**widths), batch_size=None)
    assert named in str(refused.value)


def test_texts_among_the_other_columns_are_refused() -> None:
    with pytest.raises(DataError) as refused:
        match_inputs(
            table("x", "shop", "y", words={"y": ("a", "b", "c", "d")}),
            inputs(numbers=2, shop=1),
            batch_size=None,
        )
    assert "'y'" in str(refused.value)


@pytest.mark.parametrize(
    "columns", [("age", "income", "bought"), ("age", "income", "CityID"), ("age", "income")]
)
def test_a_single_column_needs_the_name_of_its_input(columns: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="city_id") as refused:
        match_inputs(table(*columns), inputs(age=1, income=1, city_id=1), batch_size=None)
    assert len(columns) == 2 or columns[2] in str(refused.value.expected)

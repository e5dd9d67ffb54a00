"""Numbers and shapes as services write them: read as they are meant, or refused, and never a crash."""

from __future__ import annotations

import math

import pytest

from keras_consistency_cli.workers.endpoints.errors import AnswerError, ShapeError
from keras_consistency_cli.workers.endpoints.protocols.forms import form_of, match_outputs
from keras_consistency_cli.workers.endpoints.protocols.interface import read_interface
from keras_consistency_cli.workers.endpoints.protocols.wire import Answer, read_json, to_array


def read(text: str) -> Answer:
    return to_array(read_json(text.encode()))


@pytest.mark.parametrize(
    ("text", "digits", "decimals"),
    [
        ("0.1250", 3, 4),
        ("-12.5", 3, 1),
        ("1200", 2, 0),
        ("1.25e-7", 3, 9),
        ("1E+5", 1, 0),
        ("0.0", 0, 1),
        ("0.12300000339746475", 3, 3),
        ("0.12345678901234567", 17, 17),
    ],
)
def test_digits_are_counted_in_the_text(text: str, digits: int, decimals: int) -> None:
    answer = read(text)
    assert (float(answer.values), answer.digits, answer.decimals) == (float(text), digits, decimals)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e99999999999999999999999", math.inf),
        ("1e-99999999999999999999999", 0.0),
        ("-" + "1" * 50, -float("1" * 50)),
        ("1" * 500, math.inf),
    ],
)
def test_numbers_outside_the_range_are_read(text: str, value: float) -> None:
    answer = read(f"[{text}]")
    assert answer.values.tolist() == [value]
    assert answer.half_unit >= 0


@pytest.mark.parametrize("depth", [70, 900])
def test_deep_lists_are_an_error(depth: int) -> None:
    with pytest.raises(AnswerError, match="deeply"):
        read("[" * depth + "1" + "]" * depth)


@pytest.mark.parametrize(
    "shape", ["[NaN, 2]", "[1e999, 2]", "[-1, 2]", "[-2, -2]", "[3, 2]", "[" + "1," * 90 + "4]"]
)
def test_shapes_of_v2_that_do_not_fit_are_wrong_answers(shape: str) -> None:
    document = read_json(b'{"outputs": [{"name": "y", "data": [1, 2, 3, 4], "shape": %s}]}' % shape.encode())
    with pytest.raises(ShapeError, match="4 values"):
        form_of("v2", None, "").outputs(document)


def test_no_values_in_a_huge_shape_of_v2_are_no_answers() -> None:
    document = read_json(b'{"outputs": [{"name": "y", "data": [], "shape": [1000000000000, 0]}]}')
    with pytest.raises(ShapeError, match="0 answers"):
        match_outputs(form_of("v2", None, "").outputs(document), {"y": (2,)}, 3)


def test_other_outputs_may_be_texts() -> None:
    document = read_json(b'{"predictions": [{"y": [1, 2], "label": "cat"}, {"y": [3, 4], "label": "dog"}]}')
    answers = match_outputs(form_of("tfserving", None, "").outputs(document), {"y": (2,)}, 2)
    assert answers["y"].values.tolist() == [[1, 2], [3, 4]]


def test_an_error_with_empty_predictions_is_an_error() -> None:
    outputs = form_of("json", None, "").outputs
    with pytest.raises(AnswerError, match="two columns"):
        outputs(read_json(b'{"predictions": null, "error": "two columns are missing"}'))
    assert outputs(read_json(b'{"predictions": [1], "error": null}')) == {"": [1]}


def test_types_of_inputs_are_read_whatever_their_shapes_are() -> None:
    document = read_json(b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [NaN, 1e999, "n"]}]}')
    assert read_interface("v2", document).inputs == {"x": "FP32"}

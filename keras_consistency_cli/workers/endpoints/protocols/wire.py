"""Numbers as a service writes them: their digits, and how it writes NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.endpoints.errors import AnswerError, ShapeError

__all__ = ["Answer", "Json", "WireNumber", "in_shape", "read_json", "shape_data", "to_array"]

Json = dict[str, "Json"] | list["Json"] | str | float | int | bool | None
_MOST_DIGITS = 40
_DIGITS_OF_FLOAT32 = 9
_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
_MOST_AXES = 32
_WORDS = {"nan": math.nan, "inf": math.inf, "infinity": math.inf, "-inf": -math.inf, "-infinity": -math.inf}


class WireNumber(float):
    """A number that remembers how many digits it was written with."""

    digits: int
    decimals: int

    def __new__(cls, text: str) -> WireNumber:
        """Read a JSON number."""
        number = super().__new__(cls, text)
        if len(text) > _MOST_DIGITS:
            number.digits, number.decimals = _MOST_DIGITS, _MOST_DIGITS
            return number
        mantissa, _, exponent = _shorten(number, text).lower().partition("e")
        whole, _, fraction = mantissa.lstrip("-").partition(".")
        number.digits = len((whole + fraction).strip("0"))
        number.decimals = max(len(fraction) - int(exponent or 0), 0)
        return number


def _shorten(number: float, text: str) -> str:
    """Return the shortest text of a float32 that a service wrote as a float64.

    A float32 of 0.123 is written as 0.12300000339746475, but it has no more than three digits.
    """
    if len(text) <= _DIGITS_OF_FLOAT32 or abs(number) > _LARGEST_FLOAT32:
        return text
    narrow = np.float32(number)
    return str(narrow) if float(narrow) == number else text


@dataclass
class Answer:
    """One output as an array, and how it was written.

    `forms` counts NaN by the way it is written: "null", "NaN" (bare) and "quoted".
    """

    values: npt.NDArray[np.float64]
    digits: int = 0
    decimals: int = 0
    forms: dict[str, int] = field(default_factory=dict)

    @property
    def half_unit(self) -> float:
        """Half a unit of the last digit, for the number that has the largest one.

        Services round to a number of digits or of decimals; zeros at the end are not written.
        """
        finite = np.abs(self.values[np.isfinite(self.values)])
        largest = float(finite.max()) if finite.size else 0.0
        by_decimals = 0.5 * 10.0**-self.decimals
        if not largest or not self.digits:
            return by_decimals
        return max(by_decimals, 0.5 * 10.0 ** (math.floor(math.log10(largest)) + 1 - self.digits))


def read_json(text: bytes) -> Json:
    """Return the document; its numbers remember their digits.

    Raises:
        AnswerError: it is not JSON, or nested too deeply.
    """
    try:
        document: Json = json.loads(text, parse_float=WireNumber, parse_int=WireNumber)
    except RecursionError as error:
        raise AnswerError("the answer is nested too deeply") from error
    except ValueError as error:
        start = text[:40].decode("utf-8", "replace")
        kind = "HTML" if start.lstrip().lower().startswith(("<!doctype", "<html")) else "not JSON"
        raise AnswerError(f"the answer is {kind}: it begins with {start!r}") from error
    return document


def shape_data(output: Mapping[str, Json]) -> Json:
    """Return the data of an output of V2 in its declared shape; they may be flat or nested.

    Raises:
        ShapeError: the shape does not fit.
    """
    data, shape = output.get("data"), output.get("shape")
    if not isinstance(data, list) or not isinstance(shape, list) or not data or isinstance(data[0], list):
        return data
    array = np.empty(len(data), dtype=object)
    array[:] = data
    shaped: Json = in_shape(array, shape, f"{len(data)} values").tolist()
    return shaped


def in_shape(values: npt.NDArray[Any], shape: Json, amount: str) -> npt.NDArray[Any]:
    """Return values in the shape that a service declares.

    Args:
        values: the values, one after another.
        shape: the shape; what is not a number is left out.
        amount: how many values there are, for the message.

    Raises:
        ShapeError: the shape does not fit.
    """
    sizes = [size for size in shape if isinstance(size, float | int)] if isinstance(shape, list) else []
    try:
        # For NumPy, an axis of -1 has whatever size fits.
        return values.reshape([max(int(size), 0) for size in sizes])
    except (ValueError, OverflowError) as error:
        declared = clean(", ".join(f"{size:.15g}" for size in sizes), 80)
        raise ShapeError(f"an output has {amount}, and its shape is [{declared}]") from error


def to_array(value: Json) -> Answer:
    """Return nested lists of numbers as an array.

    Raises:
        ShapeError: lists of different lengths.
        AnswerError: too many axes, or anything that is not a number.
    """
    answer = Answer(values=np.zeros(0))
    shape: list[int] = []
    level: Json = value
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0] if level else None
    if len(shape) > _MOST_AXES:
        raise AnswerError("the answer is nested too deeply")
    numbers: list[float] = []
    _collect(value, shape, numbers, answer)
    answer.values = np.array(numbers, np.float64).reshape(shape)
    return answer


def _collect(value: Json, shape: list[int], numbers: list[float], answer: Answer) -> None:
    if shape:
        if not isinstance(value, list) or len(value) != shape[0]:
            length = len(value) if isinstance(value, list) else "no"
            raise ShapeError(f"elements are missing: {shape[0]} in one place and {length} in another")
        for each in value:
            _collect(each, shape[1:], numbers, answer)
        return
    numbers.append(_read_number(value, answer))


def _read_number(value: Json, answer: Answer) -> float:
    if value is None:
        answer.forms["null"] = answer.forms.get("null", 0) + 1
        return math.nan
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        answer.forms["quoted"] = answer.forms.get("quoted", 0) + 1
        return _WORDS[value.strip().lower()]
    if isinstance(value, bool) or not isinstance(value, float | int):
        raise AnswerError(f"the answer holds {type(value).__name__} where a number should be")
    if isinstance(value, WireNumber):
        answer.digits = max(answer.digits, value.digits)
        answer.decimals = max(answer.decimals, value.decimals)
    elif not math.isfinite(value):
        answer.forms["bare"] = answer.forms.get("bare", 0) + 1
    return float(value)

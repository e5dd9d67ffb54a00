"""Joint preparing: a preprocess function that gets the rows of all inputs at once, and returns them as the model is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.text import clean

__all__ = ["EVERY_INPUT", "JointPreprocess"]

EVERY_INPUT = "*"
"""What facts.scaler_input says where a preprocess function prepares all inputs at once."""
_FIX = "give facts: {scaler_input: NAME} where the function prepares a single input"

Rows = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class JointPreprocess:
    """A function that takes {input: rows} and returns rows for each of `inputs`: a dict by their names, or a list in their order."""

    function: Callable[[Any], Any]
    inputs: tuple[str, ...]

    @property
    def kind(self) -> str:
        """What it is called in reports."""
        return clean(getattr(self.function, "__name__", "preprocess"))

    def apply(self, rows: Rows) -> dict[str, np.ndarray]:
        """Return the rows as the model is to be given them; `rows` stay as they are.

        Raises:
            DataError: the function crashed, or does not return one row for each row of every input.
        """
        return self._checked(
            self._called({name: np.array(values) for name, values in rows.items()}),
            len(next(iter(rows.values()))),
        )

    def alone(self, rows: Rows) -> dict[str, np.ndarray]:
        """Return the same, with the function called on each row by itself.

        Raises:
            DataError: as for `apply`.
        """
        count = len(next(iter(rows.values())))
        pieces = [
            self.apply({name: values[at : at + 1] for name, values in rows.items()}) for at in range(count)
        ]
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in self.inputs}

    def mutates(self, rows: Rows) -> bool:
        """Whether the function changes the arrays, or the dict, that it is given."""
        given = {name: np.array(values) for name, values in rows.items()}
        self._called(given)
        return set(given) != set(rows) or any(
            not _same(np.asarray(given[name]), values) for name, values in rows.items()
        )

    def _called(self, given: dict[str, np.ndarray]) -> Any:
        try:
            return self.function(given)
        except Exception as problem:
            names = ", ".join(clean(name) for name in given)
            what = f"--preprocess {self.kind} fails on a dict of {names}: {type(problem).__name__}: {clean(problem)}"
            raise DataError(
                what,
                expected="a function that takes the rows of all inputs, a dict by their names",
                fix=_FIX,
            ) from problem

    def _checked(self, result: Any, count: int) -> dict[str, np.ndarray]:
        if isinstance(result, list | tuple) and len(result) == len(self.inputs):
            result = dict(zip(self.inputs, result, strict=True))
        lacking = (
            [name for name in self.inputs if name not in result]
            if isinstance(result, Mapping)
            else list(self.inputs)
        )
        if lacking:
            what = f"--preprocess {self.kind} returned a {type(result).__name__} without rows for the model's input '{clean(lacking[0])}'"
            raise DataError(
                what,
                expected=f"a dict of {', '.join(clean(name) for name in self.inputs)}, or a list in that order",
                fix=_FIX,
            )
        made = {name: np.asarray(result[name]) for name in self.inputs}
        for name, values in made.items():
            if values.ndim < 1 or len(values) != count or values.dtype.kind not in "fiubUS":
                what = f"--preprocess {self.kind} made {values.dtype} of shape {values.shape} of {count} rows, for input '{clean(name)}'"
                raise DataError(what, expected="numbers or strings, one row for each row")
        return made


def _same(after: np.ndarray, before: np.ndarray) -> bool:
    return after.shape == before.shape and bool(
        np.array_equal(after, before, equal_nan=before.dtype.kind == "f")
    )

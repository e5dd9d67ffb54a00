"""A preprocess function that gets the rows of all inputs at once.

It returns rows for each of them. Scaling (scaling.py) is the counterpart for one input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.measurement.distance import same_values
from keras_consistency_cli.text import clean

__all__ = ["EVERY_INPUT", "JointPreprocess"]

EVERY_INPUT = "*"
"""The value of facts.scaler_input for a preprocess function that prepares all inputs at once."""
_FIX = "set facts: {scaler_input: NAME} if the function prepares a single input"

Rows = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class JointPreprocess:
    """A function that takes {input: rows} and returns rows for each of `inputs`.

    Its result is a dict by the names of the inputs, or a list in their order.
    """

    function: Callable[[Any], Any]
    inputs: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Its name in reports."""
        return clean(getattr(self.function, "__name__", "preprocess"))

    def apply(self, rows: Rows) -> dict[str, np.ndarray]:
        """Return the rows as the model takes them; `rows` stay unchanged.

        Raises:
            DataError: the function crashed, or does not return one row for each row of every input.
        """
        count = len(next(iter(rows.values())))
        result = self._call({name: np.array(values) for name, values in rows.items()})
        return self._check(self._name_inputs(result), count)

    def apply_row_by_row(self, rows: Rows) -> dict[str, np.ndarray]:
        """Return the rows as the model takes them, with one call of the function for each row.

        Raises:
            DataError: as for `apply`.
        """
        count = len(next(iter(rows.values())))
        pieces = [
            self.apply({name: values[row : row + 1] for name, values in rows.items()}) for row in range(count)
        ]
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in self.inputs}

    def mutates(self, rows: Rows) -> bool:
        """Whether the function changes the arrays, or the dict, that it gets."""
        argument = {name: np.array(values) for name, values in rows.items()}
        self._call(argument)
        return set(argument) != set(rows) or any(
            not same_values(values, np.asarray(argument[name])) for name, values in rows.items()
        )

    def _call(self, argument: dict[str, np.ndarray]) -> Any:
        try:
            return self.function(argument)
        except Exception as problem:
            names = ", ".join(clean(name) for name in argument)
            raise DataError(
                f"--preprocess {self.kind} fails on a dict of {names}: "
                f"{type(problem).__name__}: {clean(problem)}",
                expected="a function that takes the rows of all inputs, a dict by their names",
                fix=_FIX,
            ) from problem

    def _name_inputs(self, result: Any) -> dict[str, np.ndarray]:
        """The arrays of a result by input name."""
        if isinstance(result, list | tuple) and len(result) == len(self.inputs):
            result = dict(zip(self.inputs, result, strict=True))
        has_names = isinstance(result, Mapping)
        missing = [name for name in self.inputs if not has_names or name not in result]
        if missing:
            raise DataError(
                f"--preprocess {self.kind} returned a {type(result).__name__} "
                f"without rows for the model's input '{clean(missing[0])}'",
                expected=f"a dict of {', '.join(clean(name) for name in self.inputs)}, "
                "or a list in that order",
                fix=_FIX,
            )
        return {name: np.asarray(result[name]) for name in self.inputs}

    def _check(self, arrays: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
        for name, values in arrays.items():
            if values.ndim < 1 or len(values) != count or values.dtype.kind not in "fiubUS":
                raise DataError(
                    f"--preprocess {self.kind} returned {values.dtype} of shape {values.shape} "
                    f"for {count} rows of input '{clean(name)}'",
                    expected="numbers or strings, one row for each row",
                )
        return arrays

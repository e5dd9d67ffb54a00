"""Scaling: what rows go through before the model, a scaler or the user's own preprocess function, bound to one input."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_consistency_cli.errors import DataError, KcheckError, UsageError
from keras_consistency_cli.loading.scalers.fitted_statistics import scaler_statistics
from keras_consistency_cli.loading.scalers.missing_steps import lacking
from keras_consistency_cli.loading.scalers.scaler import features_expected, framed, transform_rows
from keras_consistency_cli.text import clean, shape_text

__all__ = ["CannotRefit", "Scaling", "import_function", "split_function"]

_EXPECTED = "--preprocess module:function, or --preprocess serve.py:function"


class CannotRefit(Exception):  # noqa: N818 - told as a reason
    """Refitting makes no sense here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """One scaler or preprocess function, and the input of the model whose rows go through it; exactly one of the two is given.

    `columns` are the names of the data's columns, None where the data have none.
    """

    input: str
    scaler: Any = None
    function: Callable[[Any], Any] | None = None
    columns: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...] | None:
        """The feature names that the scaler was fitted on, None where it was fitted without names."""
        return None if self.scaler is None else features_expected(self.scaler)[1]

    @property
    def kind(self) -> str:
        """What it is called in reports: the estimator's class, or the function's name."""
        return clean(
            type(self.scaler).__name__
            if self.scaler is not None
            else getattr(self.function, "__name__", "preprocess")
        )

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows as the model is to be given them; `rows` stay as they are.

        Rows of rank 3 and more are scaled per feature, the last axis. A preprocess function is given a DataFrame where the data have column
        names, else an array.

        Raises:
            DataError: the rows do not fit, or what comes out is not one row for each row.
            RefusedError: the scaler crashed.
        """
        return (
            transform_rows(self.scaler, rows)
            if self.scaler is not None
            else self._preprocessed(np.array(rows))
        )

    def refitted(self, rows: np.ndarray) -> np.ndarray:
        """Return what `fit_transform` on these rows gives, with a fresh copy of the scaler.

        Raises:
            CannotRefit: there is only a preprocess function, or the scaler cannot be fitted on such rows.
            DataError: the rows do not fit.
        """
        if self.scaler is None:
            raise CannotRefit("a preprocess function has nothing to fit")
        from sklearn.base import clone

        flat = np.array(rows).reshape(-1, rows.shape[-1])
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                # fitting on few rows, or on constant ones, is what is being tried here
                warnings.simplefilter("ignore")
                fresh = clone(self.scaler).fit(framed(self.scaler, flat, self.names))
                again = transform_rows(fresh, rows)
        except KcheckError as refusal:
            raise CannotRefit(
                f"{self.kind} fitted on these rows cannot transform them: {refusal.what}"
            ) from refusal
        except Exception as problem:
            raise CannotRefit(
                f"{self.kind} cannot be fitted on {len(rows)} rows: {clean(problem)}"
            ) from problem
        if again.shape != self.apply(rows).shape:
            raise CannotRefit(
                f"{self.kind} fitted on these rows gives rows of shape {shape_text(again.shape[1:])}"
            )
        return again

    def without_a_step(self, rows: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the rows as a pipeline scales them that leaves one step out, with the step's name; those that cannot be spared are passed over."""
        for name, shorter in lacking(self.scaler):
            try:
                made = transform_rows(shorter, rows)
            except KcheckError:
                continue
            yield name, made

    def remembered(self) -> dict[str, Any]:
        """Return what the scaler remembers of its training rows, as plain lists; of a preprocess function only the kind is known."""
        return {"kind": self.kind} if self.scaler is None else scaler_statistics(self.scaler)

    def mutates(self, rows: np.ndarray) -> bool:
        """Whether the preprocess function changes the rows that it is given; a scaler never sees anything but a copy."""
        if self.function is None:
            return False
        given = self._as_given(np.array(rows))
        self._called(given)
        after = np.asarray(given)
        return after.shape != rows.shape or not bool(
            np.array_equal(after, rows, equal_nan=rows.dtype.kind == "f")
        )

    def _as_given(self, rows: np.ndarray) -> Any:
        if self.columns is None or rows.ndim != 2:
            return rows
        pandas: Any = importlib.import_module("pandas")
        return pandas.DataFrame(rows, columns=list(self.columns))

    def _called(self, given: Any) -> np.ndarray:
        assert self.function is not None
        try:
            return np.asarray(self.function(given))
        except Exception as problem:
            kind = type(given).__name__
            what = f"--preprocess {self.kind} fails on a {kind} of shape {given.shape}: {type(problem).__name__}: {clean(problem)}"
            raise DataError(
                what, expected="a function that takes rows and returns one row for each"
            ) from problem

    def _preprocessed(self, rows: np.ndarray) -> np.ndarray:
        result = self._called(self._as_given(rows))
        if result.ndim < 1 or len(result) != len(rows) or result.dtype.kind not in "fiubUS":
            what = f"--preprocess {self.kind} turned rows of shape {rows.shape} into {result.dtype} of shape {result.shape}"
            raise DataError(what, expected="numbers or strings, one row for each row")
        return result


def split_function(text: str) -> tuple[str, str]:
    """Split "module:function" or "file.py:function"; nothing is imported.

    Raises:
        UsageError: it is neither, or the file is missing.
    """
    place, _, name = text.rpartition(":")
    if not place or not name.isidentifier():
        raise UsageError(f"--preprocess is '{clean(text)}'", expected=_EXPECTED)
    if place.endswith(".py") and not Path(place).is_file():
        raise UsageError(f"--preprocess: {clean(place)} does not exist", expected=_EXPECTED)
    return place, name


def import_function(text: str) -> Callable[[Any], Any]:
    """Import the user's preprocess function; this runs the file.

    Raises:
        UsageError: it cannot be imported, or holds no such function.
    """
    place, name = split_function(text)
    try:
        module = _from_file(Path(place)) if place.endswith(".py") else _from_path(place)
    except Exception as problem:
        raise UsageError(
            f"--preprocess {clean(place)} cannot be imported: {type(problem).__name__}: {clean(problem)}"
        ) from problem
    function = getattr(module, name, None)
    if not callable(function):
        raise UsageError(f"--preprocess: {clean(place)} has no function '{clean(name)}'", expected=_EXPECTED)
    return function  # type: ignore[no-any-return]


def _from_file(file: Path) -> Any:
    name = "kcheck_preprocess"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _importing_beside(str(file.resolve().parent)):
        spec.loader.exec_module(module)
    return module


def _from_path(module: str) -> Any:
    with _importing_beside(str(Path.cwd())):
        return importlib.import_module(module)


class _importing_beside:  # noqa: N801 - used like a function
    """Let modules of one folder be imported meanwhile, as Python does for a script that lies there."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        sys.path.insert(0, self._folder)

    def __exit__(self, *_: object) -> None:
        if self._folder in sys.path:
            sys.path.remove(self._folder)

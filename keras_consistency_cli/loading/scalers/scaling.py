"""Scaling: a scaler or the user's preprocess function, bound to one input.

Checks compare the rows that it gives with those of common mistakes: refitted, or without one step.
"""

from __future__ import annotations

import copy
import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from keras_consistency_cli.errors import DataError, KcheckError
from keras_consistency_cli.loading.scalers.fitted_scaler import (
    ScalerStatistics,
    add_column_names,
    describe_statistics,
    get_expected_features,
    names_to_select,
    transform_rows,
)
from keras_consistency_cli.loading.tables.columns import Words, decode
from keras_consistency_cli.measurement.distance import same_values
from keras_consistency_cli.text import clean, shape_text

__all__ = ["CannotRefit", "Scaling", "drop_each_step"]


class CannotRefit(Exception):  # noqa: N818 - reported as a reason
    """Refitting makes no sense here; the message gives the reason."""


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """One scaler or preprocess function, and the model's input whose rows go through it.

    Exactly one of `scaler` and `function` is set. `columns` are the names of the data's columns, None if
    they have no names, and `words` the texts of those that hold codes.
    """

    input: str
    scaler: Any = None
    function: Callable[[Any], Any] | None = None
    columns: tuple[str, ...] | None = None
    words: Words = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...] | None:
        """The feature names that the scaler was fitted on, None without names."""
        return None if self.scaler is None else get_expected_features(self.scaler)[1]

    @property
    def column_names(self) -> tuple[str, ...] | None:
        """The names of the data's columns, or else those that the scaler was fitted on."""
        return self.columns or self.names

    @property
    def kind(self) -> str:
        """Its name in reports: the class of the estimator, or the name of the function."""
        if self.scaler is not None:
            return clean(type(self.scaler).__name__)
        return clean(getattr(self.function, "__name__", "preprocess"))

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows as the model takes them; `rows` stay unchanged.

        Rows of rank 3 and more are scaled per feature, the last axis. A preprocess function gets a DataFrame
        if the data have column names, else an array.

        Raises:
            DataError: the rows do not fit, or the result is not one row for each row.
            RefusedError: the scaler crashed.
        """
        if self.scaler is not None:
            return transform_rows(self.scaler, rows, self.texts)
        return self._preprocess(np.array(rows))

    @property
    def selects_by_name(self) -> bool:
        """Whether the scaler finds its columns by their names, in any order."""
        return self.scaler is not None and bool(names_to_select(self.scaler))

    @property
    def texts(self) -> Mapping[int, Sequence[str]]:
        """The words of the columns of texts, by the positions of the columns."""
        return {
            place: self.words[name] for place, name in enumerate(self.columns or ()) if name in self.words
        }

    def narrow(self, rows: np.ndarray, dtype: type[np.floating[Any]]) -> np.ndarray:
        """Return the rows cast to a dtype; codes of texts are not numbers, and stay."""
        narrow = rows.astype(dtype)
        if not self.texts:
            return narrow
        result = narrow.astype(rows.dtype)
        result[..., list(self.texts)] = rows[..., list(self.texts)]
        return result

    def invert(self, rows: np.ndarray) -> np.ndarray:
        """Return scaled rows as they were before the scaler, which must have an inverse."""
        flat = self.scaler.inverse_transform(rows.reshape(-1, rows.shape[-1]))
        return np.asarray(flat).reshape(*rows.shape[:-1], -1)

    def refit_transform(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows transformed by a copy of the scaler, fitted on these rows.

        Raises:
            CannotRefit: there is only a preprocess function, or the scaler cannot be fitted on such rows.
            DataError: the rows do not fit.
        """
        if self.scaler is None:
            raise CannotRefit("a preprocess function cannot be fitted")
        from sklearn.base import clone

        refitted = self.learn_and_transform(lambda table: clone(self.scaler).fit(table), rows)
        if refitted.shape != self.apply(rows).shape:
            shape = shape_text(refitted.shape[1:])
            raise CannotRefit(f"{self.kind}, fitted on these rows, gives rows of shape {shape}")
        return refitted

    def fitted_on(self, rows: np.ndarray) -> Scaling:
        """Return this scaling with a copy of the scaler that is fitted on these rows.

        Raises:
            CannotRefit: there is only a preprocess function, or the scaler cannot be fitted on such rows.
        """
        if self.scaler is None:
            raise CannotRefit("a preprocess function cannot be fitted")
        from sklearn.base import clone

        copy_of_scaler = clone(self.scaler)
        self.learn_and_transform(copy_of_scaler.fit, rows)
        return replace(self, scaler=copy_of_scaler)

    def update_transform(self, rows: np.ndarray, size: int) -> np.ndarray:
        """Return the rows as a copy of the saved scaler gives them that first learns from each batch.

        Raises:
            CannotRefit: the scaler cannot go on learning, or not from such rows.
        """
        if not hasattr(self.scaler, "partial_fit"):
            raise CannotRefit(f"{self.kind} cannot go on learning")
        learn = copy.deepcopy(self.scaler).partial_fit
        batches = (rows[start : start + size] for start in range(0, len(rows), size))
        return np.concatenate([self.learn_and_transform(learn, batch) for batch in batches])

    def learn_and_transform(self, learn: Callable[[Any], Any], rows: np.ndarray) -> np.ndarray:
        """Return the rows as the scaler gives them that `learn` returns for these rows.

        Raises:
            CannotRefit: it cannot learn from them, or not transform them.
        """
        try:
            flat = np.array(rows).reshape(-1, rows.shape[-1])
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                # Few rows or constant ones are expected here: they are the mistake that is tried.
                warnings.simplefilter("ignore")
                fitted = learn(add_column_names(self.scaler, flat, self.names, self.texts))
                return transform_rows(fitted, rows, self.texts)
        except KcheckError as refusal:
            raise CannotRefit(
                f"{self.kind}, fitted on these rows, cannot transform them: {refusal.what}"
            ) from refusal
        except Exception as problem:
            raise CannotRefit(
                f"{self.kind} cannot be fitted on {len(rows)} rows: {clean(problem)}"
            ) from problem

    def apply_without_each_step(self, rows: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the name of each step of a pipeline, and the rows scaled without that step.

        Steps without which the pipeline fails are skipped.
        """
        for name, shorter in drop_each_step(self.scaler):
            try:
                scaled = transform_rows(shorter, rows, self.texts)
            except KcheckError:
                continue
            yield name, scaled

    def apply_without_clipping(self, rows: np.ndarray) -> np.ndarray | None:
        """Return the rows as the scaler gives them if no part of it clips, None if none does."""
        unclipped = copy.deepcopy(self.scaler)
        clipping = [part for part in _iterate_parts(unclipped) if getattr(part, "clip", False) is True]
        for part in clipping:
            part.clip = False
        return transform_rows(unclipped, rows, self.texts) if clipping else None

    def describe_statistics(self) -> ScalerStatistics:
        """Return the scaler's statistics; for a preprocess function only its kind."""
        return {"kind": self.kind} if self.scaler is None else describe_statistics(self.scaler)

    def mutates(self, rows: np.ndarray) -> bool:
        """Whether the preprocess function changes the rows that it gets.

        A scaler only ever gets a copy.
        """
        if self.function is None:
            return False
        argument = self._name_columns(np.array(rows))
        self._call(argument)
        if self.texts:
            return not self._name_columns(rows).equals(argument)
        return not same_values(rows, np.asarray(argument))

    def _name_columns(self, rows: np.ndarray) -> Any:
        if self.columns is None or rows.ndim != 2 or rows.shape[1] != len(self.columns):
            return rows  # rows that the function has changed already, as for scaling twice
        pandas: Any = importlib.import_module("pandas")
        frame = pandas.DataFrame(rows, columns=list(self.columns))
        for place, words in self.texts.items():
            frame[self.columns[place]] = decode(rows[:, place], words)
        return frame

    def _call(self, argument: Any) -> np.ndarray:
        assert self.function is not None
        try:
            return np.asarray(self.function(argument))
        except Exception as problem:
            raise DataError(
                f"--preprocess {self.kind} fails on a {type(argument).__name__} of shape {argument.shape}: "
                f"{type(problem).__name__}: {clean(problem)}",
                expected="a function that takes rows and returns one row for each",
            ) from problem

    def _preprocess(self, rows: np.ndarray) -> np.ndarray:
        result = self._call(self._name_columns(rows))
        if result.ndim < 1 or len(result) != len(rows) or result.dtype.kind not in "fiubUS":
            raise DataError(
                f"--preprocess {self.kind} turned rows of shape {rows.shape} "
                f"into {result.dtype} of shape {result.shape}",
                expected="numbers or strings, one row for each row",
            )
        return result


def drop_each_step(scaler: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name of each step of a pipeline, and a copy without that step.

    Pipelines inside the scaler count as well. Nothing is fitted and `scaler` stays unchanged; the only step
    of a pipeline is not dropped.
    """
    kind = type(scaler).__name__
    if kind == "Pipeline":
        yield from _drop_from_pipeline(scaler)
    elif kind == "ColumnTransformer":
        for position, (name, branch, columns) in enumerate(scaler.transformers_):
            for step, shorter in drop_each_step(branch):
                yield step, _replace_part(scaler, "transformers_", position, (name, shorter, columns))


def _iterate_parts(scaler: Any) -> Iterator[Any]:
    """Yield the scaler and the estimators inside it, if it is a pipeline or a ColumnTransformer."""
    yield scaler
    inner = getattr(scaler, "steps", None) or getattr(scaler, "transformers_", None) or ()
    for _, part, *_ in inner:
        yield from _iterate_parts(part)


def _drop_from_pipeline(pipeline: Any) -> Iterator[tuple[str, Any]]:
    for position, (name, step) in enumerate(pipeline.steps):
        if step is None or step == "passthrough":
            continue
        if len(pipeline.steps) > 1:
            shorter = copy.copy(pipeline)
            shorter.steps = [*pipeline.steps[:position], *pipeline.steps[position + 1 :]]
            yield name, shorter
        for inner_name, shorter_step in drop_each_step(step):
            yield inner_name, _replace_part(pipeline, "steps", position, (name, shorter_step))


def _replace_part(scaler: Any, attribute: str, position: int, part: tuple[Any, ...]) -> Any:
    """A copy with a different part in this position."""
    changed = copy.copy(scaler)
    parts = getattr(scaler, attribute)
    setattr(changed, attribute, [*parts[:position], part, *parts[position + 1 :]])
    return changed

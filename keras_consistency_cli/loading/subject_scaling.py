"""The scaler or preprocess function of a subject, bound to inputs of the model.

It is loaded when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.rows.reading import drop_option
from keras_consistency_cli.loading.rows.shape_fit import fits
from keras_consistency_cli.loading.rows.source import LONE_ARRAY
from keras_consistency_cli.loading.rows.unnamed_inputs import (
    GENERATED_NAMES,
    generated_names,
    name_each_input,
)
from keras_consistency_cli.loading.scalers.multi_input import EVERY_INPUT, JointPreprocess
from keras_consistency_cli.loading.subject_rows import SubjectRows
from keras_consistency_cli.measurement.facts import InputFact
from keras_consistency_cli.text import clean, shape_text

if TYPE_CHECKING:
    from keras_consistency_cli.loading.scalers.scaling import Scaling

__all__ = ["SubjectScaling"]

Rows = dict[str, np.ndarray]

_SHOWN = 4
_LISTED = 12
_SAMPLED = 1000
_OUTPUT_RANGES = {"MinMaxScaler": (0.0, 1.0), "MaxAbsScaler": (-1.0, 1.0)}
"""The range of the scaled values; generated rows outside of it have no counterpart before scaling."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SubjectScaling:
    """The way from raw rows to the rows that the model takes, and back."""

    sources: SubjectRows

    @cached_property
    def joint(self) -> JointPreprocess | None:
        """The preprocess function if it prepares several inputs at once.

        It does if the settings say so, or if they do not say which input it belongs to and more than one is
        possible.
        """
        files = self.sources.files
        if (
            files.preprocess is None
            or len(self._input_names) < 2
            or files.scaler_input not in (None, EVERY_INPUT)
        ):
            return None
        if files.scaler_input is None and len(self._possible_inputs()) == 1:
            return None
        function = self._load_function()
        assert function is not None
        return JointPreprocess(function=function, inputs=self._input_names)

    @cached_property
    def single(self) -> Scaling | None:
        """The scaler or preprocess function, bound to the one input that it belongs to.

        Raises:
            DataError: the input is not clear, or the columns of the data do not match those of the scaler.
        """
        if not self.sources.files.scales or self.joint is not None:
            return None
        from keras_consistency_cli.loading.scalers.scaling import Scaling

        scaling = Scaling(
            input=self._choose_input(),
            scaler=self.sources.scaler,
            function=self._load_function(),
            columns=self.sources.columns,
            words=self.sources.words,
        )
        _check_columns(scaling)
        self._check_count(scaling)
        _check_types(scaling)
        return scaling

    def _check_count(self, scaling: Scaling) -> None:
        """Name the columns of a table if a scaler without names does not know so many."""
        columns, data = scaling.columns, self.sources.data
        if scaling.scaler is None or scaling.names is not None or columns is None or data is None:
            return
        from keras_consistency_cli.loading.profile.surplus_columns import find_surplus_columns
        from keras_consistency_cli.loading.scalers.fitted_scaler import get_expected_features

        known = get_expected_features(scaling.scaler)[0]
        if len(columns) == known or data.columns is None:
            return
        numbers = np.arange(data.length)[:: max(1, data.length // _SAMPLED)]
        surplus = find_surplus_columns(scaling.scaler, data.array(LONE_ARRAY)[numbers], columns)
        fix = "choose the columns that it was fitted on, in that order: --columns NAMES"
        if surplus:
            fix = f"{drop_option(surplus)}: the other columns fit the statistics of the {scaling.kind}"
        raise DataError(
            f"{len(columns)} columns, the {scaling.kind} knows {known}, without names: "
            f"{', '.join(repr(clean(name, 60)) for name in columns[:_LISTED])}",
            fix=fix,
        )

    def apply(self, rows: Mapping[str, np.ndarray]) -> Rows:
        """Return raw rows as the model takes them.

        Raises:
            DataError: the scaler does not take the rows, or the model does not take the result.
        """
        if self.sources.files.data_state == "scaled" or (self.single is None and self.joint is None):
            return dict(rows)
        if self.joint is not None:
            scaled, kind = self.joint.apply(rows), self.joint.kind
        else:
            assert self.single is not None
            scaled, kind = {self.single.input: self.single.apply(rows[self.single.input])}, self.single.kind
        for fact in self.sources.facts.inputs:
            if fact.name in scaled and not fits(scaled[fact.name].shape, fact.shape):
                raise self._shape_error(kind, scaled[fact.name], fact)
        return {**rows, **scaled}

    def _shape_error(self, kind: str, scaled: np.ndarray, fact: InputFact) -> DataError:
        expected = "the scaler or preprocess function that the model was trained with"
        if self.joint is not None:
            names = ", ".join(map(clean, self._input_names))
            expected = f"a dict by these names, or a list in this order: {names}"
        return DataError(
            f"{kind} returns rows of shape {shape_text(scaled.shape)}, "
            f"the model's input '{clean(fact.name)}' takes {shape_text(fact.shape)}",
            expected=expected,
        )

    def invert(self, rows: Rows) -> Rows:
        """Return generated rows as they would be before scaling.

        They are generated in the range of the scaled values, so the raw rows follow the statistics of the
        scaler.

        Raises:
            UsageError: the scaler or preprocess function has no inverse.
        """
        is_scaled = self.sources.files.data_state == "scaled"
        if self.joint is not None and not is_scaled:
            raise _no_inverse_error()
        return rows if self.single is None or is_scaled else _unscale(rows, self.single)

    def _load_function(self) -> Callable[[Any], Any] | None:
        files, in_memory = self.sources.files, self.sources.in_memory
        if in_memory.preprocess is not None or not files.preprocess:
            return in_memory.preprocess
        from keras_consistency_cli.loading.scalers.preprocess_function import import_function

        return import_function(files.preprocess)

    @property
    def _input_names(self) -> tuple[str, ...]:
        declared = tuple(fact.name for fact in self.sources.facts.inputs)
        return declared or tuple(self.sources.data.arrays if self.sources.data is not None else ())

    def _choose_input(self) -> str:
        files, names = self.sources.files, self._input_names
        is_every_input = files.preprocess is not None and files.scaler_input == EVERY_INPUT
        chosen = None if is_every_input else files.scaler_input
        if chosen is not None and chosen not in names:
            raise DataError(
                f"facts.scaler_input is '{clean(chosen)}', which is not an input of the model",
                expected=", ".join(names) + (f"; {GENERATED_NAMES}" if generated_names(names) else ""),
                fix=name_each_input((chosen,)) if generated_names(names) else None,
            )
        if chosen is not None or len(names) == 1:
            return chosen or names[0]
        possible = self._possible_inputs()
        if len(possible) != 1:
            listed = ", ".join(possible) or "none"
            raise DataError(
                f"the scaler or preprocess function fits {len(possible)} inputs of the model: {listed}",
                expected="exactly one",
                fix=f"name the input: facts: {{scaler_input: {names[0]}}}",
            )
        return possible[0]

    def _possible_inputs(self) -> list[str]:
        """The inputs that the scaler or preprocess function may belong to."""
        return [fact.name for fact in self.sources.facts.inputs if fact.is_float and self._could_scale(fact)]

    def _could_scale(self, fact: InputFact) -> bool:
        """Whether the scaler takes as many features as the rows of this input have."""
        if self.sources.scaler is None:
            return True
        from keras_consistency_cli.loading.scalers.fitted_scaler import get_expected_features

        data = self.sources.data
        array = data.arrays.get(fact.name) if data is not None else None
        features = array.shape[-1] if array is not None else fact.shape[-1]
        return bool(features == get_expected_features(self.sources.scaler)[0])


def _check_columns(scaling: Scaling) -> None:
    """Refuse columns that are not those of the scaler.

    A different order is left to the checks.
    """
    if scaling.names is None or scaling.columns is None or set(scaling.names) == set(scaling.columns):
        return
    missing = [name for name in scaling.names if name not in scaling.columns]
    surplus = [name for name in scaling.columns if name not in scaling.names]
    if not missing:
        are = "is" if len(surplus) == 1 else "are"
        raise DataError(
            f"{len(scaling.columns)} columns, the {scaling.kind} knows {len(scaling.names)}: "
            f"{', '.join(repr(clean(name, 60)) for name in surplus[:_SHOWN])} {are} extra",
            expected=clean(", ".join(scaling.names)),
            fix=drop_option(surplus),
        )
    differences = [f"'{clean(missing[0])}' is missing"] if missing else []
    differences += [f"it was not fitted on '{clean(surplus[0])}'"] if surplus else []
    raise DataError(
        f"the columns of the data do not match the {scaling.kind}: {' and '.join(differences)}",
        expected=clean(", ".join(scaling.names)),
        fix="give each column the name that it had when the scaler was fitted",
    )


def _check_types(scaling: Scaling) -> None:
    """Refuse numbers in a column of which an encoder knows texts: scikit-learn fails on them."""
    if scaling.scaler is None or scaling.columns is None:
        return
    from keras_consistency_cli.loading.tables.encoders import find_text_columns

    for place in find_text_columns(scaling.scaler):
        if place < len(scaling.columns) and place not in scaling.texts:
            name = clean(scaling.columns[place], 60)
            raise DataError(
                f"column '{name}' holds numbers, and the {scaling.kind} knows texts there",
                expected="the column as texts, as when the encoder was fitted",
                fix=f"frame['{name}'] = frame['{name}'].astype(str)",
            )


def _no_inverse_error() -> UsageError:
    return UsageError(
        "rows cannot be generated for a scaler or preprocess function without an inverse",
        fix="give rows with --data x.npy",
    )


def _unscale(rows: Rows, scaling: Scaling) -> Rows:
    if not hasattr(scaling.scaler, "inverse_transform"):
        raise _no_inverse_error()
    low, high = _OUTPUT_RANGES.get(scaling.kind, (-np.inf, np.inf))
    scaled = np.clip(rows[scaling.input].astype(np.float64), low, high)
    return {**rows, scaling.input: scaling.invert(scaled)}

"""Subject: the model, its scaler and its rows, loaded in a worker from what the parent has checked already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.rows.input_matching import match_inputs
from keras_consistency_cli.loading.rows.lengths import open_lengths
from keras_consistency_cli.loading.rows.shape_fit import fits
from keras_consistency_cli.loading.rows.source import RowSource, choose_rows, open_rows, take
from keras_consistency_cli.loading.scalers.multi_input import EVERY_INPUT, JointPreprocess
from keras_consistency_cli.loading.subject_spec import SubjectFiles, raw_inputs
from keras_consistency_cli.measurement.facts import Facts, InputFact
from keras_consistency_cli.text import clean, shape_text

if TYPE_CHECKING:
    from keras_consistency_cli.loading.scalers.scaling import Scaling

__all__ = ["Subject"]

_NO_INVERSE, _GIVE_ROWS = (
    "rows cannot be made up for a scaler or preprocess that has no inverse",
    "give rows with --data x.npy",
)


def _check_columns(scaling: Scaling) -> None:
    """Refuse columns that are not those of the scaler; the same ones in another order are for the checks to judge."""
    if scaling.names is None or scaling.columns is None or set(scaling.names) == set(scaling.columns):
        return
    missing = [name for name in scaling.names if name not in scaling.columns]
    surplus = [name for name in scaling.columns if name not in scaling.names]
    parts = [f"lack '{clean(missing[0])}'"] if missing else []
    parts += [f"have '{clean(surplus[0])}', which it was not fitted on"] if surplus else []
    what = f"the columns of the data are not those of the {scaling.kind}: they {' and '.join(parts)}"
    raise DataError(what, expected=clean(", ".join(scaling.names)))


@dataclass
class Subject:
    """A loaded model with its facts, and rows on demand."""

    files: SubjectFiles
    model: Any
    facts: Facts
    custom_objects: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    """What is at hand and need not be read from a file: row sources under "data", "reference", "served" and "expected", the estimator under "scaler",
    the function under "preprocess"."""
    _prepared: tuple[bytes, dict[str, np.ndarray]] = (b"", {})

    @classmethod
    def load(
        cls,
        files: SubjectFiles,
        *,
        known: Mapping[str, Any] | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> Subject:
        """Load model and facts; raises the errors of `loading.model`.

        Args:
            files: where everything comes from.
            known: custom objects by name, beside those of the files.
            given: what need not be read from a file, as the attribute of that name.
        """
        from keras_consistency_cli.loading.model.facts import describe_model
        from keras_consistency_cli.loading.model.load import (
            check_unchanged,
            import_custom_objects,
            load_model,
        )

        known = {**import_custom_objects([Path(path) for path in files.custom_objects]), **(known or {})}
        check_unchanged(Path(files.model), files.model_sha256)
        model, notes = load_model(
            Path(files.model), known=known, compiled=files.compiled, allow_unsafe=files.allow_unsafe
        )
        facts = describe_model(model, saved_with=files.saved_with, notes=notes)
        return cls(files=files, model=model, facts=facts, custom_objects=known, given=given or {})

    def rows(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Return the rows of these numbers as the model is to be given them: scaled where the user gave raw rows and a scaler."""
        if self._source is None:
            return {name: values[numbers] for name, values in self._generated.items()}
        # Once for each set of rows: routes must not differ because a preprocess function remembers how often it was called.
        key = numbers.tobytes()
        if self._prepared[0] != key:
            self._prepared = (key, self.scaled(self.raw(numbers)))
        return {name: values.copy() for name, values in self._prepared[1].items()}

    def raw(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Return the rows of these numbers as the user gave them; rows that were made are taken for raw ones too."""
        if self._source is None:
            return {name: values[numbers] for name, values in self._made.items()}
        return take(self._source, self._names, numbers)

    @property
    def length(self) -> int:
        """How many rows there are, given or made."""
        return self._source.length if self._source is not None else len(next(iter(self._made.values())))

    def served(self, numbers: np.ndarray) -> dict[str, np.ndarray] | None:
        """Return what serving fed to the model for the rows of these numbers, None where the user gave no served rows."""
        if self._served is None:
            return None
        return take(self._served, match_inputs(self._served, self.facts.inputs, batch_size=None), numbers)

    def lengths(self, numbers: np.ndarray) -> np.ndarray | None:
        """Return the true lengths of the rows of these numbers, None where their owner has not said them."""
        return None if self._lengths is None else self._lengths[numbers]

    @property
    def reference_length(self) -> int:
        """How many reference rows there are, 0 where the user gave none."""
        return 0 if self._reference is None else self._reference.length

    @property
    def columns(self) -> tuple[str, ...] | None:
        """What the columns of the data are called, by their file or by the owner."""
        named = self._source.columns if self._source is not None else None
        return named or (tuple(self.files.feature_names) if self.files.feature_names else None)

    def reference(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Return the reference rows of these numbers, raw; there must be some."""
        assert self._reference is not None
        expected = raw_inputs(self.files, self.facts.inputs, self._reference)
        return take(self._reference, match_inputs(self._reference, expected, batch_size=None), numbers)

    def expected(self, numbers: np.ndarray) -> dict[str, np.ndarray] | None:
        """Return the answers recorded for the rows of these numbers, by the names in their file, None where the user gave none."""
        if self._expected is None:
            return None
        return take(self._expected, {name: name for name in self._expected.arrays}, numbers)

    def expected_sample(self, limit: int = 256) -> dict[str, np.ndarray]:
        """Return at most `limit` of the answers recorded, from all over the file; nothing where the user gave none."""
        length = self._expected.length if self._expected is not None else 0
        return (
            self.expected(np.unique(np.linspace(0, length - 1, min(limit, length)).astype(int))) or {}
            if length
            else {}
        )

    def reference_sample(self, limit: int = 100_000) -> dict[str, np.ndarray] | None:
        """Return at most `limit` rows that the model was trained on, raw and spread over the file, None where the user gave none."""
        length = self.reference_length
        return (
            self.reference(choose_rows(length, min(limit, length), seed=self.files.seed)) if length else None
        )

    def scaled(self, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return raw rows as the model is to be given them.

        Raises:
            DataError: the scaler does not take them, or the model does not take what comes out.
        """
        if self.files.data_state == "scaled" or (self.scaling is None and self.joint is None):
            return dict(rows)
        if self.joint is not None:
            made, kind = self.joint.apply(rows), self.joint.kind
        else:
            assert self.scaling is not None
            made, kind = {self.scaling.input: self.scaling.apply(rows[self.scaling.input])}, self.scaling.kind
        for fact in self.facts.inputs:
            if fact.name in made and not fits(made[fact.name].shape, fact.shape):
                shape = shape_text(made[fact.name].shape)
                what = f"{kind} gives rows of shape {shape}, the model's input '{clean(fact.name)}' takes {shape_text(fact.shape)}"
                order = f"a dict by these names, or a list in this order: {', '.join(map(clean, self._input_names))}"
                raise DataError(
                    what,
                    expected=order
                    if self.joint is not None
                    else "the scaler or preprocess that the model was trained with",
                )
        return {**rows, **made}

    @cached_property
    def joint(self) -> JointPreprocess | None:
        """The preprocess function where it prepares several inputs at once: where its owner says so, or where it could belong to any of them."""
        if (
            self.files.preprocess is None
            or len(self._input_names) < 2
            or self.files.scaler_input not in (None, EVERY_INPUT)
        ):
            return None
        alone = self.files.scaler_input is None and len(self._fitting_inputs()) == 1
        return None if alone else JointPreprocess(function=self._function(), inputs=self._input_names)

    @cached_property
    def scaling(self) -> Scaling | None:
        """The scaler or preprocess function, bound to the one input that it belongs to.

        Raises:
            DataError: it is not clear which input it belongs to, or the columns' names are not those that it was fitted on.
        """
        if not self.files.scales or self.joint is not None:
            return None
        from keras_consistency_cli.loading.scalers.scaling import Scaling

        scaling = Scaling(
            input=self._scaled_input(), scaler=self._scaler, function=self._function(), columns=self.columns
        )
        _check_columns(scaling)
        return scaling

    def _function(self) -> Any:
        if "preprocess" in self.given or not self.files.preprocess:
            return self.given.get("preprocess")
        from keras_consistency_cli.loading.scalers.preprocess_function import import_function

        return import_function(self.files.preprocess)

    @property
    def _input_names(self) -> tuple[str, ...]:
        return tuple(fact.name for fact in self.facts.inputs) or tuple(
            self._source.arrays if self._source else ()
        )

    def _fitting_inputs(self) -> list[str]:
        """Inputs that the scaler or preprocess function could belong to."""
        return [fact.name for fact in self.facts.inputs if fact.is_float and self._could_scale(fact)]

    def _scaled_input(self) -> str:
        names = self._input_names
        wanted = (
            None
            if self.files.preprocess is not None and self.files.scaler_input == EVERY_INPUT
            else self.files.scaler_input
        )
        if wanted is not None and wanted not in names:
            raise DataError(
                f"facts.scaler_input is '{clean(wanted)}', which is no input of the model",
                expected=", ".join(names),
            )
        if wanted is not None or len(names) == 1:
            return wanted or names[0]
        fitting = self._fitting_inputs()
        if len(fitting) != 1:
            what = f"the scaler or preprocess could belong to {len(fitting)} of the model's inputs: {', '.join(fitting) or 'none'}"
            raise DataError(
                what, expected="exactly one", fix=f"say which: facts: {{scaler_input: {names[0]}}}"
            )
        return fitting[0]

    def _could_scale(self, fact: InputFact) -> bool:
        """Whether the scaler takes as many features as the rows of this input have."""
        if self._scaler is None:
            return True
        from keras_consistency_cli.loading.scalers.fitted_scaler import get_expected_features

        known = self._source.arrays.get(fact.name) if self._source is not None else None
        return (known.shape[-1] if known is not None else fact.shape[-1]) == get_expected_features(self._scaler)[
            0
        ]

    @cached_property
    def described_rows(self) -> str:
        """How rows were made where the user gave none, in words; empty where the user gave some."""
        if self._source is not None:
            return ""
        from keras_consistency_cli.loading.rows.synthesis import describe

        return describe(self.facts.inputs, self._hints)

    @cached_property
    def _source(self) -> RowSource | None:
        return self._rows_of("data", "data")

    def _rows_of(self, name: str, what: str) -> RowSource | None:
        path = getattr(self.files, name)
        return self.given[name] if name in self.given else open_rows(Path(path), what=what) if path else None

    @cached_property
    def _served(self) -> RowSource | None:
        return self._rows_of("served", "served rows")

    @cached_property
    def _expected(self) -> RowSource | None:
        return self._rows_of("expected", "expected answers")

    @cached_property
    def _lengths(self) -> np.ndarray | None:
        return (
            open_lengths(Path(self.files.lengths), rows=self.length, steps=None)
            if self.files.lengths
            else None
        )

    @cached_property
    def _reference(self) -> RowSource | None:
        return self._rows_of("reference", "reference rows")

    @cached_property
    def _names(self) -> Mapping[str, str]:
        assert self._source is not None
        return match_inputs(
            self._source,
            raw_inputs(self.files, self.facts.inputs, self._source),
            batch_size=self.facts.batch_size,
        )

    @cached_property
    def _hints(self) -> Mapping[str, Any]:
        from keras_consistency_cli.loading.rows.synthesis import input_hints

        return input_hints(self.model)

    @cached_property
    def _generated(self) -> dict[str, np.ndarray]:
        return self.scaled(self._made)

    @cached_property
    def _made(self) -> dict[str, np.ndarray]:
        """Rows made up where the user gave none, as they would be before scaling."""
        from keras_consistency_cli.loading.rows.synthesis import make_rows

        count = max(self.files.generated_rows, self.facts.batch_size or 1)
        rows = make_rows(self.facts.inputs, self._hints, rows=count, seed=self.files.seed)
        if self.joint is not None and self.files.data_state == "raw":
            raise UsageError(_NO_INVERSE, fix=_GIVE_ROWS)
        return (
            rows
            if self.scaling is None or self.files.data_state == "scaled"
            else self._unscaled(rows, self.scaling)
        )

    @cached_property
    def _scaler(self) -> Any:
        if self.files.scaler is None or "scaler" in self.given:
            return self.given.get("scaler")
        from keras_consistency_cli.loading.scalers.scaler import build_scaler

        return build_scaler(Path(self.files.scaler), trust=self.files.trust_scaler)

    def _unscaled(self, rows: dict[str, np.ndarray], scaling: Scaling) -> dict[str, np.ndarray]:
        """Rows made up in the scaler's own range, sent back through it: what they were before scaling follows its remembered statistics."""
        if not hasattr(scaling.scaler, "inverse_transform"):
            raise UsageError(_NO_INVERSE, fix=_GIVE_ROWS)
        ranges = {"MinMaxScaler": (0.0, 1.0), "MaxAbsScaler": (-1.0, 1.0)}
        low, high = ranges.get(scaling.kind, (-np.inf, np.inf))
        values = rows[scaling.input]
        flat = np.clip(values.astype(np.float64), low, high).reshape(-1, values.shape[-1])
        raw = np.asarray(scaling.scaler.inverse_transform(flat)).reshape(*values.shape[:-1], -1)
        return {**rows, scaling.input: raw}

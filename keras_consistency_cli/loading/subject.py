"""Subject: the model, its scaler and its rows, loaded in a worker from what the parent has checked already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.facts import Facts, InputFact
from keras_consistency_cli.loading.data import RowSource, match_inputs, open_rows, take

__all__ = ["Subject", "SubjectFiles", "raw_inputs"]


@dataclass(frozen=True, kw_only=True)
class SubjectFiles:
    """Where a subject comes from; crosses the border to the worker as JSON."""

    model: str
    saved_with: str = ""
    data: str | None = None
    scaler: str | None = None
    custom_objects: Sequence[str] = ()
    trust_scaler: bool = False
    allow_unsafe: bool = False
    compiled: bool = True
    generated_rows: int = 0
    seed: int = 0


def raw_inputs(inputs: tuple[InputFact, ...]) -> tuple[InputFact, ...]:
    """Return what rows must look like before a scaler: any number of features, for the scaler says itself how many it takes."""
    return tuple(InputFact(name=fact.name, shape=(*fact.shape[:-1], None), dtype=fact.dtype) for fact in inputs)


@dataclass
class Subject:
    """A loaded model with its facts, and rows on demand."""

    files: SubjectFiles
    model: Any
    facts: Facts
    custom_objects: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, files: SubjectFiles) -> Subject:
        """Load model and facts; raises the errors of `loading.model`."""
        from keras_consistency_cli.loading.model import import_custom_objects, load_model
        from keras_consistency_cli.loading.model_facts import describe_model

        known = import_custom_objects([Path(path) for path in files.custom_objects])
        model, notes = load_model(Path(files.model), known=known, compiled=files.compiled, allow_unsafe=files.allow_unsafe)
        return cls(files=files, model=model, facts=describe_model(model, saved_with=files.saved_with, notes=notes), custom_objects=known)

    def rows(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Return the rows of these numbers as the model is to be given them: scaled where there is a scaler."""
        if self._source is None:
            return {name: values[numbers] for name, values in self._generated.items()}
        return self._scaled(take(self._source, self._names, numbers))

    @cached_property
    def described_rows(self) -> str:
        """How rows were made where the user gave none, in words; empty where the user gave some."""
        if self._source is not None:
            return ""
        from keras_consistency_cli.loading.synthesis import describe

        return describe(self.facts.inputs, self._hints)

    @cached_property
    def _source(self) -> RowSource | None:
        return open_rows(Path(self.files.data)) if self.files.data else None

    @cached_property
    def _names(self) -> Mapping[str, str]:
        assert self._source is not None
        return match_inputs(self._source, self._raw_inputs, batch_size=self.facts.batch_size)

    @property
    def _raw_inputs(self) -> tuple[InputFact, ...]:
        """What the rows must look like: where a scaler comes first, it decides about the features itself."""
        return self.facts.inputs if self._scaler is None else raw_inputs(self.facts.inputs)

    @cached_property
    def _hints(self) -> Mapping[str, Any]:
        from keras_consistency_cli.loading.synthesis import input_hints

        return input_hints(self.model)

    @cached_property
    def _generated(self) -> dict[str, np.ndarray]:
        from keras_consistency_cli.loading.synthesis import make_rows

        count = max(self.files.generated_rows, self.facts.batch_size or 1)
        rows = make_rows(self.facts.inputs, self._hints, rows=count, seed=self.files.seed)
        return rows if self._scaler is None else self._as_scaled(rows)

    @cached_property
    def _scaler(self) -> Any:
        if self.files.scaler is None:
            return None
        from keras_consistency_cli.loading.scaler import build_scaler

        return build_scaler(Path(self.files.scaler), trust=self.files.trust_scaler)

    def _scaled(self, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Rows as they come out of the scaler, which belongs to the one float input of as many features as it was fitted on."""
        if self._scaler is None:
            return rows
        from keras_consistency_cli.loading.scaler import features_expected, transform_rows

        features = features_expected(self._scaler)[0]
        fitting = [name for name, values in rows.items() if len(rows) == 1 or (values.dtype.kind == "f" and values.shape[-1] == features)]
        if len(fitting) != 1:
            message = f"the scaler takes {features} features, which {len(fitting)} of the model's inputs have"
            raise DataError(message, expected="exactly one such input")
        return {name: transform_rows(self._scaler, values) if name in fitting else values for name, values in rows.items()}

    def _as_scaled(self, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Rows made up in the scaler's own range, sent back through it: what they were before scaling follows its remembered statistics."""
        if not hasattr(self._scaler, "inverse_transform"):
            raise UsageError("rows cannot be made up for a scaler that has no inverse", mend="give rows with --data x.npy")
        ranges = {"MinMaxScaler": (0.0, 1.0), "MaxAbsScaler": (-1.0, 1.0)}
        low, high = ranges.get(type(self._scaler).__name__, (-np.inf, np.inf))
        raw = {}
        for name, values in rows.items():
            flat = np.clip(values.astype(np.float64), low, high).reshape(-1, values.shape[-1])
            raw[name] = np.asarray(self._scaler.inverse_transform(flat)).reshape(*values.shape[:-1], -1)
        return self._scaled(raw)

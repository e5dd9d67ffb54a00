"""The subject of a check: the model, its scaler and its rows, loaded in a worker.

The parent process has checked all files before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.loading.declared_padding import DeclaredPadding
from keras_consistency_cli.loading.rows.lengths import open_lengths
from keras_consistency_cli.loading.scalers.multi_input import JointPreprocess
from keras_consistency_cli.loading.subject_rows import SubjectRows
from keras_consistency_cli.loading.subject_scaling import SubjectScaling
from keras_consistency_cli.loading.subject_spec import InMemoryInputs, SubjectFiles
from keras_consistency_cli.measurement.facts import Facts

if TYPE_CHECKING:
    from keras_consistency_cli.loading.hints.layer_hints import Hint
    from keras_consistency_cli.loading.model.saved_layers import LoadedState
    from keras_consistency_cli.loading.scalers.scaling import Scaling

__all__ = ["Subject"]

Rows = dict[str, np.ndarray]


@dataclass
class Subject:
    """A loaded model with its facts, and rows by number.

    Rows are generated if the user gave none.
    """

    files: SubjectFiles
    model: Any
    facts: Facts
    custom_objects: Mapping[str, Any] = field(default_factory=dict)
    in_memory: InMemoryInputs = field(default_factory=InMemoryInputs)
    loaded: LoadedState | None = None
    """The model directly after loading, None for a model that comes from no file."""
    _prepared: tuple[bytes, Rows] = (b"", {})

    @classmethod
    def load(
        cls,
        files: SubjectFiles,
        *,
        custom_objects: Mapping[str, Any] | None = None,
        in_memory: InMemoryInputs | None = None,
    ) -> Subject:
        """Load model and facts; the errors of `loading.model.load` are passed on.

        Args:
            files: the files and settings.
            custom_objects: custom objects by name, in addition to those of the files.
            in_memory: objects that take the place of files.
        """
        from keras_consistency_cli.loading.model.facts import describe_model
        from keras_consistency_cli.loading.model.load import (
            check_unchanged,
            collect_mask_warnings,
            import_custom_objects,
            import_packages,
            load_model,
        )
        from keras_consistency_cli.loading.model.saved_layers import LoadedState

        import_packages(files.packages)
        imported = import_custom_objects([Path(path) for path in files.custom_objects])
        objects = {**imported, **(custom_objects or {})}
        check_unchanged(Path(files.model), files.model_sha256)
        with collect_mask_warnings() as masks_destroyed:
            model, failure = load_model(
                Path(files.model),
                custom_objects=objects,
                compiled=files.compiled,
                allow_unsafe=files.allow_unsafe,
                saved_with=files.saved_with,
            )
        return cls(
            files=files,
            model=model,
            facts=describe_model(
                model,
                saved_with=files.saved_with,
                compile_failure=failure,
                masks_destroyed=masks_destroyed,
                time_stated=files.time_stated,
                own_code=bool(objects or files.packages),
            ),
            custom_objects=objects,
            in_memory=in_memory or InMemoryInputs(),
            loaded=LoadedState.of(model, files.stored) if files.stored is not None else None,
        )

    @cached_property
    def sources(self) -> SubjectRows:
        """The rows that the user has given."""
        return SubjectRows(files=self.files, facts=self.facts, in_memory=self.in_memory)

    @cached_property
    def _scaling(self) -> SubjectScaling:
        return SubjectScaling(sources=self.sources)

    @property
    def joint(self) -> JointPreprocess | None:
        """The preprocess function if it prepares several inputs at once."""
        return self._scaling.joint

    @property
    def scaling(self) -> Scaling | None:
        """The scaler or preprocess function, bound to the one input that it belongs to."""
        return self._scaling.single

    def scaled(self, rows: Mapping[str, np.ndarray]) -> Rows:
        """Return raw rows as the model takes them.

        The errors of `SubjectScaling.apply` are passed on.
        """
        return self._scaling.apply(rows)

    @cached_property
    def target_scaler(self) -> Any:
        """The scaler of the targets, None if the user gave none; it is loaded once.

        The errors of `build_scaler` are passed on.
        """
        if self.files.target_scaler is None:
            return None
        from keras_consistency_cli.loading.scalers.scaler import build_scaler

        return build_scaler(Path(self.files.target_scaler), trust=self.files.trust_scaler)

    def rows(self, numbers: np.ndarray) -> Rows:
        """Return the rows with these numbers as the model takes them, scaled if they are raw."""
        if self.sources.data is None:
            return {name: values[numbers] for name, values in self._generated.items()}
        # Prepared once for each set of rows: a preprocess function may return different rows at each call.
        key = numbers.tobytes()
        if self._prepared[0] != key:
            self._prepared = (key, self.scaled(self.raw(numbers)))
        return {name: values.copy() for name, values in self._prepared[1].items()}

    def raw(self, numbers: np.ndarray) -> Rows:
        """Return the rows with these numbers before scaling; generated rows count as raw rows too."""
        if self.sources.data is None:
            return {name: values[numbers] for name, values in self._generated_raw.items()}
        return self.sources.raw(numbers)

    @property
    def length(self) -> int:
        """The number of rows, given or generated."""
        if self.sources.data is not None:
            return self.sources.data.length
        return len(next(iter(self._generated_raw.values())))

    def lengths(self, numbers: np.ndarray) -> np.ndarray | None:
        """Return the true lengths of the rows with these numbers, None if the user gave none."""
        return None if self._lengths is None else self._lengths[numbers]

    @property
    def padding(self) -> DeclaredPadding:
        """What the user and the model declare as padding."""
        return DeclaredPadding(
            masked=self._masked_values(),
            value=self.files.padding_value,
            side=self.files.padding_side,
            has_lengths=self._lengths is not None,
            lengths=self.lengths,
        )

    def _masked_values(self) -> dict[str, float]:
        """The value that the model masks in each input.

        A mask that is made after a layer that changes the rows counts for every series.
        """
        from keras_consistency_cli.loading.hints.input_hints import ANY_INPUT

        hints = {
            fact.name: self.hints.get(fact.name, self.hints.get(ANY_INPUT)) for fact in self.facts.inputs
        }
        masked = {name: hint.padding for name, hint in hints.items() if hint and hint.padding is not None}
        later = {layer.masks for layer in self.facts.layers if layer.masks is not None}
        if masked or len(later) != 1:
            return masked
        return {
            fact.name: value
            for fact in self.facts.inputs
            if len(fact.shape) > 2
            for value in later
            if value is not None
        }

    @cached_property
    def described_rows(self) -> str:
        """How rows were generated, as a phrase; "" if the user gave rows."""
        if self.sources.data is not None:
            return ""
        from keras_consistency_cli.loading.rows.synthesis import describe

        return describe(self.facts.inputs, self.hints, self._row_scale)

    @cached_property
    def _lengths(self) -> np.ndarray | None:
        if not self.files.lengths:
            return None
        return open_lengths(Path(self.files.lengths), rows=self.length, steps=None)

    @cached_property
    def hints(self) -> Mapping[str, Hint]:
        """The values that the model expects of its inputs, by name.

        A model with lookups runs once, to see where ids go.
        """
        from keras_consistency_cli.loading.hints.traced_hints import read_traced_hints

        return read_traced_hints(self.model, self.facts)

    @cached_property
    def _generated(self) -> Rows:
        return self.scaled(self._generated_raw)

    @cached_property
    def _generated_raw(self) -> Rows:
        """Generated rows as they would be before scaling."""
        from keras_consistency_cli.loading.rows.synthesis import make_rows

        count = max(self.files.generated_rows, self.facts.batch_size or 1)
        rows = make_rows(
            self.facts.inputs, self.hints, rows=count, seed=self.files.seed, scale=self._row_scale
        )
        return self._scaling.invert(rows)

    @cached_property
    def _row_scale(self) -> float:
        """The scale at which generated rows move the outputs."""
        from keras_consistency_cli.loading.model.row_scale import PROBED_ROWS, choose_row_scale
        from keras_consistency_cli.loading.rows.synthesis import make_rows

        def generate(scale: float) -> Rows:
            return make_rows(
                self.facts.inputs, self.hints, rows=PROBED_ROWS, seed=self.files.seed, scale=scale
            )

        return choose_row_scale(self.model, self.facts, generate)

"""The rows of a subject that the user has given.

These are data, reference, served rows and expected outputs. Each file is opened when it is first needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from keras_consistency_cli.loading.row_chunks import take
from keras_consistency_cli.loading.rows.input_matching import match_inputs, served_inputs
from keras_consistency_cli.loading.rows.source import LONE_ARRAY, ArrayName, RowSource, open_rows
from keras_consistency_cli.loading.subject_spec import InMemoryInputs, SubjectFiles, raw_inputs
from keras_consistency_cli.loading.tables.columns import Words, merge
from keras_consistency_cli.measurement.facts import Facts

__all__ = ["LABELS", "RAW", "SubjectRows"]

Rows = dict[str, np.ndarray]

_EXPECTED_SAMPLE = 256
LABELS = {
    "data": "data",
    "reference": "reference rows",
    "served": "served rows",
    "expected": "expected outputs",
}
"""What each file of rows is called in messages."""
RAW = ("data", "reference")
"""The files whose columns and windows the user can state: rows before all preprocessing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SubjectRows:
    """The rows that the user has given, by number and by the names of the model's inputs."""

    files: SubjectFiles
    facts: Facts
    in_memory: InMemoryInputs = field(default_factory=InMemoryInputs)

    @cached_property
    def data(self) -> RowSource | None:
        """The source of the rows to check, None if the user gave none."""
        return self._arrange(self._opened_data)

    @property
    def words(self) -> Words:
        """The words of the columns of texts, in data and reference rows alike."""
        return {} if self.data is None else self.data.words

    def raw(self, numbers: np.ndarray) -> Rows:
        """Return the rows with these numbers as the user gave them; there must be some."""
        assert self.data is not None
        return take(
            self.data, self._data_names, numbers, raw_inputs(self.files, self.facts.inputs, self.data)
        )

    def table(self, numbers: np.ndarray) -> Rows:
        """Return the rows with these numbers by column, with their texts; empty without columns of texts."""
        data = self.data
        if data is None or not data.words:
            return {}
        return {name: data.array(name)[numbers][:, 0] for name in data.columns or ()}

    def served(self, numbers: np.ndarray) -> Rows | None:
        """Return the rows that serving fed to the model for these row numbers.

        The result is None if the user gave no served rows.
        """
        if self._served is None:
            return None
        return take(self._served, self._served_names, numbers, served_inputs(self._served, self.facts))

    def decoded_fast(self, numbers: np.ndarray) -> Rows | None:
        """Return these rows with JPEG decoded by TensorFlow; None if there is no such file."""
        images = None if self.data is None or self.data.images is None else self.data.images.decoded_fast()
        if self.data is None or images is None:
            return None
        source = replace(self.data, arrays={LONE_ARRAY: cast(np.ndarray, images)})
        return take(source, self._data_names, numbers)

    @property
    def level(self) -> float:
        """One level of 255 in the values of a folder of images; 1 for other rows."""
        return 1.0 if self.data is None or self.data.images is None else self.data.images.level

    def requests(self, numbers: np.ndarray) -> np.ndarray | None:
        """Return the request of each of these rows, -1 if it was not kept whole; None without a recording."""
        requests = self._served.requests if self._served is not None else None
        return None if requests is None else requests[numbers]

    @property
    def is_recording(self) -> bool:
        """Whether served rows and expected outputs belong together, as a service fed and got them."""
        served, expected = self._served, self._expected
        return (
            served is not None
            and expected is not None
            and served.requests is not None
            and served.path == expected.path
        )

    @property
    def reference_length(self) -> int:
        """The number of reference rows, 0 if the user gave none."""
        return 0 if self._reference is None else self._reference.length

    def reference(self, numbers: np.ndarray) -> Rows:
        """Return the reference rows with these numbers, before scaling; there must be some."""
        assert self._reference is not None
        inputs = raw_inputs(self.files, self.facts.inputs, self._reference)
        return take(self._reference, self._reference_names, numbers, inputs)

    def expected(self, numbers: np.ndarray) -> Rows | None:
        """Return the recorded outputs for these row numbers, by the names in their file.

        The result is None if the user gave none.
        """
        if self._expected is None:
            return None
        return take(self._expected, {name: name for name in self._expected.arrays}, numbers)

    def expected_sample(self) -> Rows:
        """Return some of the recorded outputs, spread over the file; empty if the user gave none."""
        length = self._expected.length if self._expected is not None else 0
        if not length:
            return {}
        numbers = np.linspace(0, length - 1, min(_EXPECTED_SAMPLE, length)).astype(int)
        return self.expected(np.unique(numbers)) or {}

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The column names of the data, from their file or from the settings."""
        named = self.data.columns if self.data is not None else None
        return named or (tuple(self.files.feature_names) if self.files.feature_names else None)

    @cached_property
    def _opened_data(self) -> RowSource | None:
        return self._open("data")

    @cached_property
    def _opened_reference(self) -> RowSource | None:
        return self._open("reference")

    def _arrange(self, source: RowSource | None) -> RowSource | None:
        """Bring columns into the order of a scaler that finds them by name, and share the codes of texts."""
        if source is None or source.columns is None:
            return source
        if source.words and self._opened_data is not None and self._opened_reference is not None:
            source = source.with_words(merge(self._opened_data.words, self._opened_reference.words))
        if self.scaler is None:
            return source
        from keras_consistency_cli.loading.scalers.fitted_scaler import names_to_select

        names = names_to_select(self.scaler)
        return source.in_order(names) if names else source

    @cached_property
    def scaler(self) -> Any:
        """The scaler, None if the user gave none.

        The errors of `build_scaler` are passed on.
        """
        if self.files.scaler is None or self.in_memory.scaler is not None:
            return self.in_memory.scaler
        from keras_consistency_cli.loading.scalers.scaler import build_scaler

        return build_scaler(Path(self.files.scaler), trust=self.files.trust_scaler)

    def _find_text_columns(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The columns of which an encoder knows texts only, although they may look like numbers."""
        if self.scaler is None:
            return ()
        from keras_consistency_cli.loading.scalers.fitted_scaler import names_to_select
        from keras_consistency_cli.loading.tables.encoders import find_text_columns

        names = names_to_select(self.scaler) or columns
        return tuple(names[place] for place in find_text_columns(self.scaler) if place < len(names))

    def _open(self, name: Literal["data", "reference", "served", "expected"]) -> RowSource | None:
        if name in self.in_memory.rows:
            return self.in_memory.rows[name]
        path: str | None = getattr(self.files, name)
        if not path:
            return None
        if name not in RAW:
            return open_rows(Path(path), what=LABELS[name])
        reading = self.files.reading
        source = open_rows(Path(path), what=LABELS[name], reading=reading)
        as_texts = self._find_text_columns(source.columns) if source.columns else ()
        if {*as_texts} <= {*source.words}:
            return source
        return open_rows(Path(path), what=LABELS[name], reading=replace(reading, as_texts=as_texts))

    @cached_property
    def _data_names(self) -> Mapping[str, ArrayName]:
        assert self.data is not None
        inputs = raw_inputs(self.files, self.facts.inputs, self.data)
        return match_inputs(self.data, inputs, batch_size=self.facts.batch_size)

    @cached_property
    def _served(self) -> RowSource | None:
        return self._open("served")

    @cached_property
    def _served_names(self) -> Mapping[str, ArrayName]:
        assert self._served is not None
        return match_inputs(self._served, served_inputs(self._served, self.facts), batch_size=None)

    @cached_property
    def _expected(self) -> RowSource | None:
        return self._open("expected")

    @cached_property
    def _reference(self) -> RowSource | None:
        """The reference rows with their columns in the order of the data."""
        reference = self._arrange(self._opened_reference)
        columns = None if self.data is None else self.data.columns
        return reference if reference is None or columns is None else reference.in_order(columns)

    @property
    def reference_order(self) -> tuple[str, ...] | None:
        """The columns of the reference rows as in their file, if the data have them in a different order."""
        if self._opened_reference is None or self.data is None:
            return None
        columns = self._opened_reference.columns
        return None if columns == self.data.columns else columns

    @cached_property
    def _reference_names(self) -> Mapping[str, ArrayName]:
        assert self._reference is not None
        inputs = raw_inputs(self.files, self.facts.inputs, self._reference)
        return match_inputs(self._reference, inputs, batch_size=None)

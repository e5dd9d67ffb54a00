"""The session of an export: the routes call it as they call the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from keras_consistency_cli.loading.exports.exported_model import ExportedModel, ExportRefused, ExportTensor
from keras_consistency_cli.loading.exports.layouts import fits, from_export, to_export
from keras_consistency_cli.loading.exports.matching import Match, match_inputs, match_outputs
from keras_consistency_cli.loading.exports.spec import ExportSpec
from keras_consistency_cli.routes.exports.weights.held import SearchedWeights
from keras_consistency_cli.routes.exports.weights.stored import StoredConstants
from keras_consistency_cli.routes.exports.weights.units import find_units
from keras_consistency_cli.routes.session.batches import count_rows, first_batch, join_outputs, split_batches
from keras_consistency_cli.routes.session.session import Session
from keras_consistency_cli.routes.trace import Change, Rows
from keras_consistency_cli.text import clean

__all__ = ["ExportSession"]


class ExportSession(Session):
    """An export that takes the model's rows and gives the model's outputs, by the model's names.

    Args:
        exported: the loaded export.
        original: the session of the model in the same process.
        spec: which export it is.
    """

    def __init__(self, exported: ExportedModel, original: Session, spec: ExportSpec) -> None:
        super().__init__(original.model, original.facts, original.options, original.subject)
        self.exported, self.spec, self.original = exported, spec, original
        self.inputs: Match = match_inputs(self.facts.inputs, exported.inputs, spec.input_names)
        self.outputs: Match = match_outputs(self.facts.outputs, exported.outputs)
        self.frozen_batch: int | None = None
        self._weights: SearchedWeights | None = None
        declared = _frozen_batch(exported.inputs)
        if self.facts.batch_size is None and declared is not None:
            self._freeze(declared)
        self._types = {each.name: each.dtype for each in exported.inputs}
        self._shapes = {each.name: each.shape for each in exported.inputs}

    def check_sizes(self, rows: Rows) -> None:
        """Refuse an export whose inputs have an axis of a fixed size that is not that of the rows.

        Raises:
            ExportRefused: the model takes such rows, the export does not.
        """
        for own, values in self.feeds(rows).items():
            shape, size = self._shapes[own], values.shape
            if not fits(size, shape):
                raise ExportRefused(
                    f"its input '{clean(own, 40)}' only takes rows of shape {shape[1:] if shape else ()}; "
                    f"these have {size[1:]}",
                    cause="export-size-frozen",
                )

    def find_frozen_batch(self, rows: Rows) -> None:
        """Find out by calls whether an export takes one row at a time only, whatever it declares.

        Raises:
            ExportRefused: it runs no rows at all; the runtime lacks an operator that only a run needs.
        """
        size = self.facts.batch_size
        batch = first_batch(rows, size or 2)
        is_taken = self._takes(batch)
        if not is_taken and size is None and count_rows(batch) > 1 and self._takes(first_batch(rows, 1)):
            self._freeze(1)

    def _takes(self, rows: Rows) -> bool:
        try:
            self.exported.run(self.feeds(rows))
        except ExportRefused:
            raise
        except Exception:
            # The runtimes raise classes of their own.
            return False
        finally:
            self.restore()
        return True

    def _freeze(self, size: int) -> None:
        self.frozen_batch = size
        self.facts = replace(self.facts, batch_size=size)

    def weights(self, rows: Rows) -> SearchedWeights:
        """Return the model's weights, as they were loaded, searched in the export; the same for all rows."""
        if self._weights is None:
            units = find_units(self.original, rows)
            self._weights = SearchedWeights.of(StoredConstants.of(self.exported), units)
        return self._weights

    def exact(self) -> ExportSession | None:
        """Return the session of the same export without optimizations and lower precision of the runtime.

        None if the runtime has no such mode.
        """
        exact = self.exported.exact()
        return None if exact is None else type(self)(exact, self.original, self.spec)

    def with_wide_sums(self) -> ExportSession | None:
        """Return the session of the same export with exact sums of 8-bit products, None if it has none."""
        wide = self.exported.with_wide_sums()
        return None if wide is None else type(self)(wide, self.original, self.spec)

    def step(self, rows: Rows) -> dict[str, np.ndarray]:
        """Run the export once on all rows."""
        outputs = self.exported.run(self.feeds(rows))
        shapes = {fact.name: fact.shape for fact in self.facts.outputs}
        return {
            name: from_export(outputs[own], self.outputs.layouts[name], shapes[name])
            for name, own in self.outputs.names.items()
        }

    def feeds(self, rows: Rows) -> dict[str, np.ndarray]:
        """Return rows under the export's names, in its types and layout, as a careful caller passes them."""
        return {
            own: to_export(self.as_fed(name, rows[name]), self.inputs.layouts[name], self._shapes[own])
            for name, own in self.inputs.names.items()
        }

    def as_fed(self, name: str, values: np.ndarray) -> np.ndarray:
        """Return rows of an input of the model in the type of the export's."""
        return _as_type(values, self._types[self.inputs.names[name]])

    def predict(self, rows: Rows, batch_size: int | None = None) -> dict[str, np.ndarray]:
        """Run the export over batches, as predict runs the model."""
        size = self.frozen_batch or batch_size or self.batch_size
        return join_outputs([self._padded_step(batch, size) for batch in split_batches(rows, size)])

    def _padded_step(self, rows: Rows, size: int) -> dict[str, np.ndarray]:
        """Run a batch; a short one of an export with a fixed batch size is filled with its last row."""
        length = count_rows(rows)
        if self.frozen_batch is None or length == size:
            return self.step(rows)
        filled = {
            name: np.concatenate([values, values[-1:].repeat(size - length, 0)])
            for name, values in rows.items()
        }
        return {name: values[:length] for name, values in self.step(filled).items()}

    def call(self, rows: Rows, **_kwargs: Any) -> dict[str, np.ndarray]:
        """Run the export once; it has no training argument."""
        return self.step(rows)

    def forget_traces(self) -> None:
        """Do nothing: an export is not traced."""

    def restore(self) -> None:
        """Return to the state directly after loading."""
        self.exported.reset()

    def end_run(self) -> tuple[Change, ...]:
        """Return to that state; no variable of the model is changed by its export."""
        self.restore()
        return ()


def _frozen_batch(tensors: tuple[ExportTensor, ...]) -> int | None:
    """The batch size that all inputs are fixed to, None if one of them is free."""
    sizes = {each.shape[0] for each in tensors if each.shape}
    return sizes.pop() if len(sizes) == 1 else None


def _as_type(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return values in the type of an input; types that NumPy does not have stay as they are."""
    try:
        wanted = np.dtype(dtype)
    except TypeError:
        return values
    return values.astype(object) if wanted.kind in "OUS" else np.ascontiguousarray(values, wanted)

"""Rows whose inputs are series, and the model's outputs for parts and variants of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.sequences.look_ahead import has_time_axis
from keras_consistency_cli.routes.sequences.series import session_for_any_length
from keras_consistency_cli.routes.session.kept_ids import find_ids
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["SeriesSample"]


@dataclass(frozen=True, kw_only=True)
class SeriesSample:
    """Some rows, the inputs that are series, and the outputs for the whole series."""

    session: Session
    rows: Rows
    names: list[str]
    whole: Outputs

    @property
    def length(self) -> int:
        """Number of time steps."""
        return int(self.rows[self.names[0]].shape[1])

    @property
    def step_outputs(self) -> list[str]:
        """The outputs with values for each time step."""
        return [name for name, values in self.whole.items() if has_time_axis(values, self.length)]

    def select_steps(self, steps: slice) -> Rows:
        """Return the rows with some of the time steps only."""
        return {
            name: values[:, steps] if name in self.names else values for name, values in self.rows.items()
        }

    def replace_steps(self, steps: slice) -> Rows:
        """Return the rows with different time steps in some places.

        Floats are out of the range of the old ones, ids are those of a different row.
        """
        changed = dict(self.rows)
        for name in self.names:
            values = self.rows[name].copy()
            other = np.roll(values, 1, axis=0)[:, steps]
            ids = find_ids(self.session, name, self.rows[name])
            replaced = (1.0 - 1.5 * other) if is_float(values.dtype) and not ids.all() else other[:, ::-1]
            if ids.any() and not ids.all():
                # Among other numbers, an id stays in its own time step and feature.
                replaced = np.where(np.broadcast_to(ids, values.shape)[:, steps], other, replaced)
            values[:, steps] = replaced
            changed[name] = values
        return changed

    def open_for_any_length(self) -> Session:
        """Return a session for series of any length, in the state at loading."""
        self._any_length.restore()
        return self._any_length

    def run_part(self, steps: slice) -> Outputs:
        """Return the outputs for some of the time steps only; tracing costs more than it saves."""
        return self.open_for_any_length().call_once(self.select_steps(steps), training=False)

    @cached_property
    def _any_length(self) -> Session:
        return session_for_any_length(self.session, self.rows, self.names)

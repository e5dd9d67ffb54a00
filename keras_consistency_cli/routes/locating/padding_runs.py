"""The same rows in four variants of padding, and the calls of layers while the model runs on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.routes.locating.call_records import CallRecord, record_calls
from keras_consistency_cli.routes.sequences.padding_detection import Side
from keras_consistency_cli.routes.session.batches import count_rows, select_rows
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["PaddingRuns", "RecordedRun", "RecordedRuns"]

RecordedRun = tuple[list[CallRecord], Outputs]
"""The calls of one run, and its outputs."""


@dataclass(frozen=True, kw_only=True)
class PaddingRuns:
    """Rows of one true length in four variants.

    They are padded, cut to the true length, padded on the other side (`moved`), and padded with true time
    steps of their own (`refilled`).
    """

    padded: Rows
    cut: Rows
    moved: Rows
    refilled: Rows
    side: Side

    def in_batches_of(self, size: int | None) -> PaddingRuns:
        """Return the runs for a model with a batch size: its rows are repeated, or the first ones."""
        if size is None:
            return self
        chosen = {
            name: select_rows(rows, np.arange(size) % count_rows(rows))
            for name, rows in vars(self).items()
            if name != "side"
        }
        return PaddingRuns(**chosen, side=self.side)


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordedRuns:
    """The calls of layers in each variant, recorded when they are first needed and then shared.

    Args:
        session: the session of a model that takes series of any length.
        runs: the rows.
    """

    session: Session
    runs: PaddingRuns

    @property
    def side(self) -> Side:
        """The side of the padding."""
        return self.runs.side

    @property
    def steps(self) -> int:
        """The time steps of the padded rows: those of the series that is shorter without padding."""
        pairs = ((rows, self.runs.cut[name]) for name, rows in self.runs.padded.items())
        return next((long.shape[1] for long, short in pairs if long.shape != short.shape), 0)

    @cached_property
    def padded(self) -> RecordedRun:
        """The run with padding."""
        return record_calls(self.session, self.runs.padded)

    @cached_property
    def cut(self) -> RecordedRun:
        """The run without padding."""
        return record_calls(self.session, self.runs.cut)

    @cached_property
    def moved(self) -> RecordedRun:
        """The run with the padding on the other side."""
        return record_calls(self.session, self.runs.moved)

    @cached_property
    def refilled(self) -> RecordedRun:
        """The run with true time steps in place of the padding."""
        return record_calls(self.session, self.runs.refilled)

    def run_padded(self) -> Outputs:
        """Call the model on the rows with padding, without recording."""
        self.session.restore()
        return self.session.call(self.runs.padded, training=False)

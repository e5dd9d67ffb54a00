"""What searches for the origin of recorded outputs share: the rows that they try, and when outputs agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.persistence.recordings.activations import close
from keras_consistency_cli.routes.session.batches import count_rows, first_batch
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["Adjust", "are_recorded", "choose_first", "varies"]

Adjust = Callable[[Outputs, Outputs], Outputs]
"""Returns recorded outputs in the units of the model and without their rounding, for these outputs."""


def choose_first(session: Session, rows: Rows, recorded: Outputs, most: int) -> tuple[Rows, Outputs]:
    """Return the first rows, in whole batches of a model with a fixed batch size, and their outputs.

    Args:
        session: that of the model.
        rows: rows.
        recorded: their recorded outputs.
        most: the greatest number of rows.
    """
    count = min(count_rows(rows), most)
    count -= count % (session.facts.batch_size or 1)
    return first_batch(rows, count), {name: values[:count] for name, values in recorded.items()}


def varies(values: np.ndarray) -> bool:
    """Whether outputs are finite floats that are not all the same."""
    return is_float(values.dtype) and bool(np.isfinite(values).all()) and bool(values.std() > 0)


def are_recorded(outputs: Outputs, recorded: Outputs, adjust: Adjust) -> bool:
    """Whether outputs are the recorded ones."""
    if any(outputs[name].shape != values.shape for name, values in recorded.items()):
        return False
    return all(close(outputs[name], values) for name, values in adjust(recorded, outputs).items())

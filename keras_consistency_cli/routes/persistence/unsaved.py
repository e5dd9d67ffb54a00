"""Layers whose weights the file does not hold although outputs depend on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.routes.session.distances import same_outputs
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.loading.model.unsaved_weights import UnsavedLayer
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["unsaved_layers"]

_MAX_TESTED = 30
"""Further layers are taken to matter as the tested ones do: each test runs the model once."""


def unsaved_layers(session: Session, batch: Rows, live: Outputs) -> list[UnsavedLayer]:
    """Return the layers whose trained weights are not in the file and change the outputs.

    Args:
        session: the model, which has run.
        batch: rows.
        live: its outputs for them.
    """
    from keras_consistency_cli.loading.model.unsaved_weights import find_unsaved_layers

    found = list(find_unsaved_layers(session.model, session.subject.loaded))
    tested = [layer for layer, weights in found[:_MAX_TESTED] if _matters(session, weights, batch, live)]
    return tested + ([layer for layer, _ in found[_MAX_TESTED:]] if tested else [])


def _matters(session: Session, weights: list[Any], batch: Rows, live: Outputs) -> bool:
    """Whether the outputs change if the weights of one layer do."""
    session.restore()
    before = [(weight, np.array(weight)) for weight in weights if "float" in str(weight.dtype)]
    try:
        for weight, values in before:
            weight.assign(values * 1.5 + 1.0)
        return not same_outputs(live, session.single_call(batch))
    finally:
        for weight, values in before:
            weight.assign(values)
        session.restore()

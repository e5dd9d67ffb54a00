"""The route that calls an export twice, next to the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.exports.access import on_export
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.session.distances import greatest_difference, greatest_value
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["STATE", "STATE_ROUTES", "ExportStateDetails"]

STATE = "state"


class ExportStateDetails(TypedDict):
    """Details of the route `state`: greatest differences of two calls on the same batch.

    `own` is that of the export, `fresh` that of its first calls after loading it twice, `model_own` that of
    the model, `bare` that of the model without a training argument, and `training` that of the model in
    training mode. `off` is that of the export's first call from the model's. `scale` is the greatest output
    of the model.
    """

    own: float
    fresh: float
    model_own: float
    bare: float
    training: float
    off: float
    scale: float


def _call_twice(session: Session, rows: Rows) -> Result:
    export = on_export(session)
    batch = first_batch(rows, export.batch_size)
    export.restore()
    calls = [export.predict(batch), export.predict(batch)]
    export.restore()
    first = export.predict(batch)
    original = export.original
    original.restore()
    references = [original.step(batch), original.step(batch)]
    original.restore()
    bare = [original.call(batch), original.call(batch)]
    original.restore()
    details: ExportStateDetails = {
        "own": greatest_difference(calls[1], calls[0]),
        "fresh": greatest_difference(first, calls[0]),
        "model_own": greatest_difference(references[1], references[0]),
        "bare": greatest_difference(bare[1], bare[0]),
        "training": _difference_in_training(original, batch),
        "off": greatest_difference(first, references[0]),
        "scale": greatest_value(references[0]),
    }
    return Result(outputs={}, details=details)


def _difference_in_training(model: Session, batch: Rows) -> float:
    """The greatest difference of two calls in training mode, 0 for a model that cannot be called so."""
    try:
        calls = [model.call(batch, training=True), model.call(batch, training=True)]
    except Exception:
        # Some layers need targets in training.
        return 0.0
    finally:
        model.restore()
    return greatest_difference(calls[1], calls[0])


STATE_ROUTES = (Route(name=STATE, summary="called twice on the same batch", run=_call_twice),)

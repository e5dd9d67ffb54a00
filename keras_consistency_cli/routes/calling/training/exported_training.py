"""The paths on which layers run in training mode: a bare call, and a SavedModel that is exported from it.

The model is exported in both ways: as `model.export` does, and with training=False in the endpoint. Both
files are loaded and run, so that the report says what was seen, and the advice is tried.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_numeric
from keras_consistency_cli.routes.base import Route, needs_tensorflow
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.trace import Outputs, Result, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.measurement.facts import Facts
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["EXPORTED_TRAINING", "EXPORTING_ROUTES", "ExportedTrainingDetails", "PathEffect"]

EXPORTED_TRAINING = "exported-training"
_ROWS = 8


class PathEffect(TypedDict):
    """How far the outputs of a path differ from model(x, training=False).

    `changed` is None if they have a different shape; `shape` is then theirs. `repeats` says whether two runs
    give the same bits.
    """

    changed: float | None
    shape: list[int]
    repeats: bool


class ExportedTrainingDetails(TypedDict, total=False):
    """Details of `exported-training`.

    `call` is model(x), `saved_model` the export of Keras, `with_flag` one with training=False in its
    endpoint. `random_operations` are those of the graph of model(x). `failure` is the error of an export.
    """

    call: PathEffect
    saved_model: PathEffect
    with_flag: PathEffect
    random_operations: list[str]
    failure: str


def _run(session: Session, rows: Rows) -> Result:
    batch = first_batch(rows, session.facts.batch_size or _ROWS)
    session.restore()
    inference = session.call_once(batch, training=False)

    def measure(run: Callable[[], Outputs]) -> PathEffect:
        session.restore()
        first, second = run(), run()
        return _compare(first, second, inference)

    details: ExportedTrainingDetails = {"call": measure(lambda: session.call_once(batch))}
    try:
        with tempfile.TemporaryDirectory(prefix="kcheck-") as folder:
            session.restore()
            details["random_operations"] = _random_operations(session, batch)
            session.restore()
            session.model.export(str(Path(folder) / "bare"), verbose=False)
            details["saved_model"] = measure(_serving(session, Path(folder) / "bare", batch))
            session.restore()
            _export_inference(session.model, Path(folder) / "inference")
            details["with_flag"] = measure(_serving(session, Path(folder) / "inference", batch))
    except Exception as problem:  # an export runs code of the model, which may fail in any way
        details["failure"] = f"{type(problem).__name__}: {clean(problem, 120)}"
    finally:
        session.restore()
    return Result(outputs={}, details=details)


def _compare(first: Outputs, second: Outputs, inference: Outputs) -> PathEffect:
    numeric = [name for name, values in inference.items() if is_numeric(values.dtype)]
    reshaped = next((first[name] for name in numeric if first[name].shape != inference[name].shape), None)
    repeats = all(np.array_equal(first[name], second[name], equal_nan=True) for name in numeric)
    if reshaped is not None:
        return {"changed": None, "shape": list(reshaped.shape), "repeats": repeats}
    differences = [_greatest_difference(first[name], inference[name]) for name in numeric]
    return {"changed": max(differences, default=0.0), "shape": [], "repeats": repeats}


def _greatest_difference(values: np.ndarray, reference: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.nanmax(np.abs(values.astype(float) - reference.astype(float)), initial=0.0))


def _random_operations(session: Session, batch: Rows) -> list[str]:
    import tensorflow as tf

    from keras_consistency_cli.routes.session.tensorflow import on_tensorflow, random_operations

    function = tf.function(lambda rows: session.model(rows))
    return random_operations(function.get_concrete_function(on_tensorflow(session).tensors(batch)).graph)


def _export_inference(model: Any, folder: Path) -> None:
    """Export as the advice says."""
    import keras
    from keras.src.export.export_utils import get_input_signature

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve", lambda rows: model(rows, training=False), input_signature=get_input_signature(model)
    )
    archive.write_out(str(folder), verbose=False)


def _serving(session: Session, folder: Path, batch: Rows) -> Callable[[], Outputs]:
    """Return a function that runs the endpoint of an exported SavedModel."""
    import tensorflow as tf

    from keras_consistency_cli.routes.session.tensorflow import on_tensorflow

    served, packed = tf.saved_model.load(str(folder)), on_tensorflow(session).tensors(batch)
    # The function keeps the loaded object, which owns the variables of the endpoint.
    return lambda: session.name_outputs(served.serve(packed))


def _explain_no_export(facts: Facts) -> str | None:
    return needs_tensorflow(facts, "a SavedModel needs TensorFlow")


EXPORTING_ROUTES: tuple[Route, ...] = (
    Route(
        name=EXPORTED_TRAINING,
        summary="model(x), and exported SavedModels with and without training=False",
        run=_run,
        unavailable=_explain_no_export,
        placement="fresh",
    ),
)
"""They run only after a check has found layers in training mode."""

"""Routes of CPU kernels: predict without oneDNN, and predict with one thread.

Each runs in a process of its own, so that the two effects can be separated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["KERNEL_ROUTES", "ONE_THREAD", "WITHOUT_ONEDNN", "limit_threads"]

WITHOUT_ONEDNN: Mapping[str, str] = {"TF_ENABLE_ONEDNN_OPTS": "0"}
"""Environment variables that switch oneDNN off, if set before the backend is imported."""
ONE_THREAD = 1
"""Number of threads of the worker that runs `one-thread`; it is set after the import."""


def limit_threads(threads: int) -> None:
    """Let TensorFlow compute with this many threads; call it before anything has run.

    Raises:
        RuntimeError: something has already run.
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def _predict(session: Session, rows: Rows) -> Result:
    """Predict by compiled steps, as the main worker does."""
    return Result(outputs=session.steps(rows, session.batch_size))


def _explain_other_backend(facts: Facts) -> str | None:
    if facts.backend == "tensorflow":
        return None
    return f"only TensorFlow has these switches; the backend is {facts.backend}"


KERNEL_ROUTES: tuple[Route, ...] = (
    Route(
        name="without-onednn",
        summary="predict without oneDNN",
        run=_predict,
        unavailable=_explain_other_backend,
        placement="kernels",
    ),
    Route(
        name="one-thread",
        summary="predict with one thread",
        run=_predict,
        unavailable=_explain_other_backend,
        placement="thread",
    ),
)

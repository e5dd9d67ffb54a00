"""Routes of CPU kernels: predict without oneDNN, and predict with one thread.

Each runs in a process of its own, so that the two effects can be separated.
"""

from __future__ import annotations

from collections.abc import Mapping

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route, needs_tensorflow
from keras_consistency_cli.routes.calling.prediction import predict_compiled

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


def _explain_other_backend(facts: Facts) -> str | None:
    return needs_tensorflow(facts, "only TensorFlow has these switches")


KERNEL_ROUTES: tuple[Route, ...] = (
    Route(
        name="without-onednn",
        summary="predict without oneDNN",
        run=predict_compiled,
        unavailable=_explain_other_backend,
        placement="kernels",
    ),
    Route(
        name="one-thread",
        summary="predict with one thread",
        run=predict_compiled,
        unavailable=_explain_other_backend,
        placement="thread",
    ),
)

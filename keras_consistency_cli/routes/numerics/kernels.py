"""Routes of CPU kernels: predict where oneDNN is off, and where one thread computes, each in a process of its own so that the two are told apart."""

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
"""What must be set before the backend is imported for oneDNN to be off."""
ONE_THREAD = 1
"""How many threads the worker may use whose route is `one-thread`; that is settled after the import, so it costs no second one."""


def limit_threads(threads: int) -> None:
    """Let TensorFlow compute with this many threads; to be called in a process that has run nothing yet.

    Raises:
        RuntimeError: something has run already.
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def _predicted(session: Session, rows: Rows) -> Result:
    """Predict as the main worker does, by compiled steps."""
    return Result(outputs=session.steps(rows, session.batch_size))


def _only_tensorflow(facts: Facts) -> str | None:
    return (
        None
        if facts.backend == "tensorflow"
        else f"the switches are those of TensorFlow; the backend is {facts.backend}"
    )


KERNEL_ROUTES: tuple[Route, ...] = (
    Route(
        name="without-onednn",
        summary="predict without oneDNN",
        run=_predicted,
        unavailable=_only_tensorflow,
        placement="kernels",
    ),
    Route(
        name="one-thread",
        summary="predict with one thread",
        run=_predicted,
        unavailable=_only_tensorflow,
        placement="thread",
    ),
)

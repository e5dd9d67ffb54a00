"""Routes of devices and kernels: the same file on the CPU, without TF32, and in a process with other CPU kernels.

Devices are chosen through Keras, so that this runs on every backend.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from keras_consistency_cli.facts import Facts
from keras_consistency_cli.routes.base import Result, Route, Rows
from keras_consistency_cli.routes.batches import batches, count, first, stack

__all__ = ["DEVICE_ROUTES", "OTHER_KERNELS", "accelerators"]

OTHER_KERNELS = {"TF_ENABLE_ONEDNN_OPTS": "0", "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
"""What must be set before the backend is imported for other kernels to be used: no oneDNN, and one thread."""
_BATCHES = 2


def accelerators(facts: Facts) -> tuple[str, ...]:
    """Return the devices that are no CPU."""
    return tuple(device for device in facts.devices if "cpu" not in device.lower())


def _on_cpu(session: Any, rows: Rows) -> Result:
    """The file loaded anew and called where every tensor and variable is put on the CPU."""
    import keras

    from keras_consistency_cli.loading.resaving import load_again

    subject, few = session.subject, _few(session, rows)
    with keras.device("cpu:0"):
        how = {"custom_objects": subject.custom_objects, "allow_unsafe": subject.files.allow_unsafe}
        copy = type(session)(load_again(Path(subject.files.model), compiled=False, **how), session.facts, session.probe)
        outputs = stack([copy.call(batch, training=False) for batch in batches(few, session.batch_size)])
    return Result(outputs=outputs, rows=np.arange(count(few)))


def _without_tf32(session: Any, rows: Rows) -> Result:
    """The model called with matrices multiplied in full float32, wherever the backend has a switch for it."""
    few = _few(session, rows)
    with _full_precision(session.facts.backend):
        outputs = stack([session.call(batch, training=False) for batch in batches(few, session.batch_size)])
    return Result(outputs=outputs, rows=np.arange(count(few)))


def _few(session: Any, rows: Rows) -> Rows:
    return first(rows, _BATCHES * session.batch_size)


@contextmanager
def _full_precision(backend: str) -> Iterator[None]:
    """Switch TF32 off and back; Keras has no switch of its own."""
    if backend == "tensorflow":
        import tensorflow as tf

        before = tf.config.experimental.tensor_float_32_execution_enabled()
        tf.config.experimental.enable_tensor_float_32_execution(False)
        try:
            yield
        finally:
            tf.config.experimental.enable_tensor_float_32_execution(before)
    elif backend == "torch":
        import torch

        usual = torch.get_float32_matmul_precision()
        convolutions = torch.backends.cudnn.allow_tf32
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(usual)
            torch.backends.cudnn.allow_tf32 = convolutions
    else:
        import jax

        with jax.default_matmul_precision("highest"):
            yield


def _other_kernels(session: Any, rows: Rows) -> Result:
    """Predict in a process that was started with other kernels, by compiled steps."""
    return Result(outputs=session.steps(rows, session.batch_size))


def _no_accelerator(facts: Facts) -> str | None:
    return None if accelerators(facts) else f"no accelerator is visible to {facts.backend or 'the backend'}"


def _only_tensorflow(facts: Facts) -> str | None:
    return None if facts.backend == "tensorflow" else f"the switches are those of TensorFlow; the backend is {facts.backend}"


DEVICE_ROUTES: tuple[Route, ...] = (
    Route(name="on-cpu", summary="the model on the CPU", run=_on_cpu, unavailable=_no_accelerator, seat="fresh"),
    Route(name="without-tf32", summary="the model with TF32 switched off", run=_without_tf32, unavailable=_no_accelerator, seat="fresh"),
    Route(
        name="other-kernels",
        summary="predict without oneDNN and with one thread, in a process of its own",
        run=_other_kernels,
        unavailable=_only_tensorflow,
        seat="kernels",
    ),
)

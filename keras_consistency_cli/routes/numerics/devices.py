"""Routes of devices: the CPU and every accelerator, with TF32 and without.

Devices are chosen through Keras, so this runs on every backend. Predict runs on the first accelerator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import count_rows, first_batch
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["DEVICE_ROUTES", "MAX_ACCELERATORS", "find_accelerators", "numbered_route"]

MAX_ACCELERATORS = 8
"""Accelerators that are tried; most machines have no more."""
_BATCHES = 2


def find_accelerators(facts: Facts) -> tuple[str, ...]:
    """Return the devices that are not a CPU."""
    return tuple(device for device in facts.devices if "cpu" not in device.lower())


def numbered_route(route: str, number: int) -> str:
    """Return the name of a route on the accelerator of this number.

    The first accelerator, on which predict runs, has no number in its name.
    """
    return f"{route}-{number}" if number else route


def _run_on_cpu(session: Session, rows: Rows) -> Result:
    """Call a reloaded model with every tensor and variable on the CPU."""
    return _run_on_device("cpu:0", session, rows)


def _run_on_accelerator(number: int, session: Session, rows: Rows) -> Result:
    """Call a reloaded model on an accelerator other than predict's."""
    return _run_on_device(find_accelerators(session.facts)[number], session, rows)


def _run_with_tf32(number: int, tf32: bool, session: Session, rows: Rows) -> Result:
    """Call the model with TF32 switched on or off, if the backend has a switch for it."""
    with _switching_tf32(session.facts.backend, tf32=tf32):
        if number:
            return _run_on_accelerator(number, session, rows)
        sample = _take_sample(session, rows)
        return Result(outputs=_call_in_batches(session, sample), rows=np.arange(count_rows(sample)))


def _run_on_device(device: str, session: Session, rows: Rows) -> Result:
    import keras

    from keras_consistency_cli.loading.model.resaving import load_again

    sample = _take_sample(session, rows)
    with keras.device(device):
        model = load_again(Path(session.subject.files.model), compiled=False, **session.loading)
        if "cpu" in device:
            _disable_cudnn(model)
        outputs = _call_in_batches(session.on_copy(model), sample)
    return Result(outputs=outputs, rows=np.arange(count_rows(sample)), details={"device": device})


def _disable_cudnn(model: Any) -> None:
    """Keep recurrent layers on the CPU: with cuDNN they run on any visible GPU instead."""
    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    for _, layer in walk_layers(model):
        if getattr(layer, "use_cudnn", None) in ("auto", True):
            layer.use_cudnn = False


def _call_in_batches(session: Session, rows: Rows) -> dict[str, np.ndarray]:
    session.restore()
    return session.calls(rows, session.batch_size, training=False)


def _take_sample(session: Session, rows: Rows) -> Rows:
    return first_batch(rows, _BATCHES * session.batch_size)


@contextmanager
def _switching_tf32(backend: str, *, tf32: bool) -> Iterator[None]:
    """Switch TF32 on or off while the context lasts; Keras has no switch of its own."""
    switches = {"tensorflow": _switching_tensorflow, "torch": _switching_torch, "jax": _switching_jax}
    switching = switches.get(backend)
    with switching(tf32) if switching else nullcontext():
        yield


@contextmanager
def _switching_tensorflow(tf32: bool) -> Iterator[None]:
    import tensorflow as tf

    saved = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(tf32)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(saved)


@contextmanager
def _switching_torch(tf32: bool) -> Iterator[None]:
    import torch

    saved, saved_convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(saved)
        torch.backends.cudnn.allow_tf32 = saved_convolutions


@contextmanager
def _switching_jax(tf32: bool) -> Iterator[None]:
    import jax

    with jax.default_matmul_precision("tensorfloat32" if tf32 else "highest"):
        yield


def _explain_missing(number: int, facts: Facts) -> str | None:
    """Return why there is no accelerator of this number, None if there is one."""
    accelerators = find_accelerators(facts)
    if not accelerators:
        return f"no accelerator is visible to {facts.backend or 'the backend'}"
    if number < len(accelerators):
        return None
    return f"only {len(accelerators)} accelerator{'s are' if accelerators[1:] else ' is'} visible"


def _route(name: str, number: int, summary: str, run: Callable[[Session, Rows], Result]) -> Route:
    return Route(
        name=numbered_route(name, number),
        summary=f"{summary} on accelerator {number}" if number else summary,
        run=run,
        unavailable=partial(_explain_missing, number),
        placement="fresh",
    )


def _build_routes() -> Iterator[Route]:
    yield _route("on-cpu", 0, "the model on the CPU", _run_on_cpu)
    for number in range(MAX_ACCELERATORS):
        if number:
            yield _route("on-accelerator", number, "the model", partial(_run_on_accelerator, number))
        without_tf32 = partial(_run_with_tf32, number, False)
        yield _route("without-tf32", number, "the model with TF32 switched off", without_tf32)
    yield _route("with-tf32", 0, "the model with TF32 switched on", partial(_run_with_tf32, 0, True))


DEVICE_ROUTES: tuple[Route, ...] = tuple(_build_routes())

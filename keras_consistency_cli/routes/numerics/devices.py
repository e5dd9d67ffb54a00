"""Routes of devices: the same file on the CPU and on every accelerator, with TF32 and without.

Devices are chosen through Keras, so that this runs on every backend. Predict runs on the first accelerator.
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
from keras_consistency_cli.routes.session.batches import batches, count, first, stack
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["DEVICE_ROUTES", "MOST_ACCELERATORS", "accelerators", "numbered"]

MOST_ACCELERATORS = 8
"""As many as one machine mostly has; further ones are not looked at."""
_BATCHES = 2


def accelerators(facts: Facts) -> tuple[str, ...]:
    """Return the devices that are no CPU."""
    return tuple(device for device in facts.devices if "cpu" not in device.lower())


def numbered(route: str, number: int) -> str:
    """The name of a route on the accelerator of this number; the first one, on which predict runs, goes without."""
    return f"{route}-{number}" if number else route


def _on_cpu(session: Session, rows: Rows) -> Result:
    """The file loaded anew and called where every tensor and variable is put on the CPU."""
    return _elsewhere("cpu:0", session, rows)


def _on_accelerator(number: int, session: Session, rows: Rows) -> Result:
    """The file loaded anew and called on another accelerator than predict's."""
    return _elsewhere(accelerators(session.facts)[number], session, rows)


def _with_precision(number: int, tf32: bool, session: Session, rows: Rows) -> Result:
    """The model called with TF32 switched on or off, wherever the backend has a switch for it."""
    with _multiplying(session.facts.backend, tf32=tf32):
        if number:
            return _on_accelerator(number, session, rows)
        few = _few(session, rows)
        return Result(outputs=_called(session, few), rows=np.arange(count(few)))


def _elsewhere(device: str, session: Session, rows: Rows) -> Result:
    import keras

    from keras_consistency_cli.loading.model.resaving import load_again

    few = _few(session, rows)
    with keras.device(device):
        model = load_again(Path(session.subject.files.model), compiled=False, **session.loading)
        _leave_cudnn(model, device)
        outputs = _called(session.on_copy(model), few)
    return Result(outputs=outputs, rows=np.arange(count(few)), details={"device": device})


def _leave_cudnn(model: Any, device: str) -> None:
    """Recurrent layers take cuDNN wherever a GPU is visible, and so would run there although they are told to run on the CPU."""
    from keras_consistency_cli.loading.model.facts import walk_layers

    for _, layer in walk_layers(model):
        if "cpu" in device and getattr(layer, "use_cudnn", None) in ("auto", True):
            layer.use_cudnn = False


def _called(session: Session, rows: Rows) -> dict[str, np.ndarray]:
    session.restore()
    return stack([session.call(batch, training=False) for batch in batches(rows, session.batch_size)])


def _few(session: Session, rows: Rows) -> Rows:
    return first(rows, _BATCHES * session.batch_size)


@contextmanager
def _multiplying(backend: str, *, tf32: bool) -> Iterator[None]:
    """Switch TF32 on or off, and back; Keras has no switch of its own."""
    switch = {"tensorflow": _tensorflow_switch, "torch": _torch_switch, "jax": _jax_switch}.get(backend)
    with switch(tf32) if switch else nullcontext():
        yield


@contextmanager
def _tensorflow_switch(tf32: bool) -> Iterator[None]:
    import tensorflow as tf

    usual = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(tf32)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(usual)


@contextmanager
def _torch_switch(tf32: bool) -> Iterator[None]:
    import torch

    usual, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(usual)
        torch.backends.cudnn.allow_tf32 = convolutions


@contextmanager
def _jax_switch(tf32: bool) -> Iterator[None]:
    import jax

    with jax.default_matmul_precision("tensorfloat32" if tf32 else "highest"):
        yield


def _without(number: int, facts: Facts) -> str | None:
    """Why there is no accelerator of this number."""
    found = accelerators(facts)
    if not found:
        return f"no accelerator is visible to {facts.backend or 'the backend'}"
    return (
        None if number < len(found) else f"{len(found)} accelerator{'s are' if found[1:] else ' is'} visible"
    )


def _route(name: str, number: int, summary: str, run: Callable[[Session, Rows], Result]) -> Route:
    return Route(
        name=numbered(name, number),
        summary=summary,
        run=run,
        unavailable=partial(_without, number),
        placement="fresh",
    )


def _routes() -> Iterator[Route]:
    yield _route("on-cpu", 0, "the model on the CPU", _on_cpu)
    for number in range(MOST_ACCELERATORS):
        where = f" on accelerator {number}" if number else ""
        if number:
            yield _route("on-accelerator", number, f"the model{where}", partial(_on_accelerator, number))
        yield _route(
            "without-tf32",
            number,
            f"the model with TF32 switched off{where}",
            partial(_with_precision, number, False),
        )
    yield _route("with-tf32", 0, "the model with TF32 switched on", partial(_with_precision, 0, True))


DEVICE_ROUTES: tuple[Route, ...] = tuple(_routes())

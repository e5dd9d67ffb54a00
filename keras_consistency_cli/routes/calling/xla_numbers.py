"""The route that searches for a layer whose random numbers are other ones under XLA.

TensorFlow chooses the generator of random numbers by where they are drawn. In a function that is compiled
with XLA, a fixed seed gives other numbers than eagerly and in graphs, unless the call names the generator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route, needs_tensorflow
from keras_consistency_cli.routes.calling.direct_call import max_difference
from keras_consistency_cli.routes.locating.layers import LocatedLayer
from keras_consistency_cli.routes.locating.step_recorder import owning_layer
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["XLA_NUMBERS", "XLA_NUMBERS_LOCATORS", "XlaNumbersDetails"]

XLA_NUMBERS = "locate-xla-numbers"
_GENERATOR = "philox"
"""The generator that TensorFlow chooses outside XLA, on CPUs and GPUs."""


class XlaNumbersDetails(LocatedLayer, total=False):
    """Details of the route: the first layer that draws, and differences of XLA from a graph.

    `plain` is the greatest difference as it is, `left` the one with the same generator in both.
    """

    plain: float
    left: float


def _xla_numbers(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.routes.session.tensorflow import on_tensorflow

    traced = on_tensorflow(session)
    batch, _ = session.one_batch(rows)
    found = _first_drawing_layer(session, batch)
    if found:
        session.restore()
        reference = traced.tracing()(batch)
        session.restore()
        found["plain"] = max_difference(traced.tracing(jit_compile=True)(batch), reference)
        session.restore()
        with _drawing(lambda draw: partial(_with_generator, draw)):
            found["left"] = max_difference(traced.tracing(jit_compile=True)(batch), reference)
    return Result(outputs={}, details=found)


def _first_drawing_layer(session: Session, batch: Rows) -> XlaNumbersDetails:
    """Return the first layer that draws from a fixed seed in an eager call."""
    found: XlaNumbersDetails = {}
    steps = 0

    def around(_running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal steps
        steps += 1
        return original(*args, **kwargs)

    def noting(draw: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:
            if running and not found:
                owner = owning_layer(running)
                found.update({"layer": owner.path, "kind": owner.kind, "custom": owner.custom})
                found["order"] = steps
            return draw(*args, **kwargs)

        return noted

    session.restore()
    with intercept_calls(around) as running, _drawing(noting):
        session.call(batch, training=False)
    if found:
        found["steps"] = steps
    return found


def _with_generator(draw: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    name = "rng_alg" if draw.__name__.endswith("dropout") else "alg"
    return draw(*args, **{name: _GENERATOR, **kwargs})


@contextmanager
def _drawing(change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Replace TensorFlow's functions that draw from a seed and let the caller name the generator."""
    from unittest import mock

    import tensorflow as tf

    functions = (
        (tf.random, "stateless_normal"),
        (tf.random, "stateless_uniform"),
        (tf.random, "stateless_truncated_normal"),
        (tf.nn.experimental, "stateless_dropout"),
    )
    patches = [mock.patch.object(owner, name, change(getattr(owner, name))) for owner, name in functions]
    try:
        for patch in patches:
            patch.start()
        yield
    finally:
        for patch in patches:
            patch.stop()


def _needs_tensorflow(facts: Facts) -> str | None:
    return needs_tensorflow(facts, "XLA is called through TensorFlow")


XLA_NUMBERS_LOCATORS: tuple[Route, ...] = (
    Route(
        name=XLA_NUMBERS,
        summary="the first layer whose fixed seed gives other numbers under XLA",
        run=_xla_numbers,
        unavailable=_needs_tensorflow,
    ),
)

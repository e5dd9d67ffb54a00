"""The route that stops the clock: the same call twice at one time, and at later times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route, needs_tensorflow
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.session.distances import greatest_difference
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["CLOCK_ROUTES", "HOLD_CLOCK", "ClockDetails"]

HOLD_CLOCK = "hold-clock"
_ROWS = 8
_START = 1_700_000_000.0
_HOUR = 3600.0
_LATER = (5 * _HOUR, 100 * _HOUR, 3000 * _HOUR)
"""Another hour of the same day, another weekday, and another season."""


class ClockDetails(TypedDict, total=False):
    """Details of the route: the greatest difference of two calls at one time, and of calls at other times."""

    held: float
    moved: float


def _hold_clock(session: Session, rows: Rows) -> Result:
    batch = first_batch(rows, session.facts.batch_size or _ROWS)

    def call(time: float) -> Outputs:
        session.restore()
        with _clock_at(time):
            return session.call(batch, training=False)

    first = call(_START)
    details: ClockDetails = {
        "held": greatest_difference(call(_START), first),
        "moved": max(greatest_difference(call(_START + later), first) for later in _LATER),
    }
    return Result(outputs={}, details=details)


@contextmanager
def _clock_at(time: float) -> Iterator[None]:
    """Let TensorFlow's clock show this time, in seconds since 1970."""
    from unittest import mock

    import tensorflow as tf

    def stopped(name: str | None = None) -> tf.Tensor:
        return tf.constant(time, tf.float64, name=name)

    with mock.patch.object(tf, "timestamp", stopped):
        yield


def _needs_tensorflow(facts: Facts) -> str | None:
    return needs_tensorflow(facts, "only the clock of TensorFlow can be stopped")


CLOCK_ROUTES: tuple[Route, ...] = (
    Route(
        name=HOLD_CLOCK,
        summary="the same call twice at one time, and at later times",
        run=_hold_clock,
        unavailable=_needs_tensorflow,
    ),
)
"""It runs only after a check has found that a graph reads the clock."""

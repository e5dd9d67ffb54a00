"""Models that compute with the time: whether code of theirs in Python does, and the stopped clock.

The operations of a graph that read the clock are found without a run; a function of Python shows nothing
there, as it runs when the graph is traced, or as one operation of unknown content.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.session.distances import greatest_difference
from keras_consistency_cli.routes.session.layer_hooks import intercept_calls, layer_path
from keras_consistency_cli.routes.trace import Outputs, Result, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["CLOCK_ROUTES", "HOLD_CLOCK", "ClockDetails", "find_clock_reads"]

HOLD_CLOCK = "hold-clock"
_ROWS = 8
_START = 1_700_000_000.0
_HOUR = 3600.0
_LATER = (5.021 * _HOUR, 100.37 * _HOUR, 3000.73 * _HOUR)
"""Another hour of the same day, another weekday, and another season; with other minutes and seconds."""
_MOST_PLACES = 20


class ClockDetails(TypedDict, total=False):
    """Details of the route: the greatest difference of two calls at one time, and of calls at other times."""

    held: float
    moved: float


def find_clock_reads(session: Session, rows: Rows) -> list[str]:
    """Return where code of the user's classes reads the clock, if outputs depend on the time that it shows.

    Each place is a layer and a function, as "encoder/age/time.time". The model is left as it was.
    """
    from keras_consistency_cli.routes.calling.python_clock import may_read_clock

    if not may_read_clock(session.model):
        return []
    batch = first_batch(rows, session.facts.batch_size or _ROWS)
    try:
        places = _list_reads(session, batch)
        moved = _move_clock(session, batch) if places else ClockDetails(held=0.0, moved=0.0)
    except Exception:
        # What fails eagerly is reported by the routes that call the model so.
        return []
    finally:
        session.restore()
    return places if moved["moved"] and not moved["held"] else []


def _list_reads(session: Session, batch: Rows) -> list[str]:
    """Run the model once, and return the places where the clock of Python is read."""
    from keras_consistency_cli.routes.calling.python_clock import stopped_python_clock

    places: list[str] = []
    session.restore()
    with intercept_calls() as running:

        def note(function: str) -> None:
            layer = layer_path(running) if running else clean(session.model.name)
            places.append(f"{clean(layer)}/{function}")

        with stopped_python_clock(session.model, _START, note):
            session.call(batch, training=False)
    return list(dict.fromkeys(places))[:_MOST_PLACES]


def _hold_clock(session: Session, rows: Rows) -> Result:
    details = _move_clock(session, first_batch(rows, session.facts.batch_size or _ROWS))
    return Result(outputs={}, details=details)


def _move_clock(session: Session, batch: Rows) -> ClockDetails:
    def call(time: float) -> Outputs:
        session.restore()
        with _clock_at(session, time):
            return session.call(batch, training=False)

    first = call(_START)
    return {
        "held": greatest_difference(call(_START), first),
        "moved": max(greatest_difference(call(_START + later), first) for later in _LATER),
    }


@contextmanager
def _clock_at(session: Session, time: float) -> Iterator[None]:
    """Let the clocks of TensorFlow and of Python show this time, in seconds since 1970."""
    from keras_consistency_cli.routes.calling.python_clock import stopped_python_clock

    with stopped_python_clock(session.model, time), _tensorflow_clock_at(time):
        yield


@contextmanager
def _tensorflow_clock_at(time: float) -> Iterator[None]:
    if "tensorflow" not in sys.modules:
        yield
        return
    from unittest import mock

    import tensorflow as tf

    def stopped(name: str | None = None) -> tf.Tensor:
        return tf.constant(time, tf.float64, name=name)

    with mock.patch.object(tf, "timestamp", stopped):
        yield


CLOCK_ROUTES: tuple[Route, ...] = (
    Route(name=HOLD_CLOCK, summary="the same call twice at one time, and at later times", run=_hold_clock),
)
"""It runs only after a check has found that outputs depend on the clock."""

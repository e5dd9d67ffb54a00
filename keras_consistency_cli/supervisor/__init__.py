"""The parent side: workers, their timeouts and deaths. Imports no backend."""

from __future__ import annotations

from keras_consistency_cli.supervisor.nursery import Nursery
from keras_consistency_cli.supervisor.seat import Seat, SeatError, WorkerDied

__all__ = ["Nursery", "Seat", "SeatError", "WorkerDied"]

"""Seating: which processes a run needs, and which worker sits in which of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.pipeline.collector import Plan
from keras_consistency_cli.pipeline.inputs import Opened, load_request
from keras_consistency_cli.routes.numerics.kernels import ONE_THREAD, WITHOUT_ONEDNN
from keras_consistency_cli.workers.client import Seat
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.forkserver import Nursery

__all__ = ["Nurseries", "fared", "seated", "started"]


@dataclass(frozen=True, kw_only=True)
class Nurseries:
    """Where workers are forked from: `own` runs the model's backend, `fresh` the same in another interpreter where that could matter.

    `shadow` runs TensorFlow, where float64 copies live. All three are the same process for an ordinary model on TensorFlow.
    """

    own: Nursery
    fresh: Nursery
    shadow: Nursery

    @property
    def homes(self) -> tuple[Nursery, ...]:
        """Each of them once."""
        return tuple(dict.fromkeys((self.own, self.fresh, self.shadow)))


def started(settings: Settings, stack: ExitStack, waiting: Nursery | None) -> Nurseries:
    """Start every nursery; they import their backends side by side, and the stack closes them.

    Args:
        settings: of the run.
        stack: what closes them.
        waiting: a nursery whose interpreter runs already, closed by whoever made it.
    """

    def further(backend: str) -> Nursery:
        return _begun(stack.enter_context(Nursery()), settings, {"KERAS_BACKEND": backend})

    own = _begun(waiting or stack.enter_context(Nursery()), settings, {"KERAS_BACKEND": settings.backend})
    # The user's own code may hang on what a fork inherits: the seed of hash(), and whatever a module drew when it was imported.
    apart = bool(settings.custom_objects) or settings.trust.code
    return Nurseries(
        own=own,
        fresh=further(settings.backend) if apart else own,
        shadow=own if settings.backend == "tensorflow" else further("tensorflow"),
    )


def _begun(nursery: Nursery, settings: Settings, environment: dict[str, str]) -> Nursery:
    nursery.start(environment, memory_limit=settings.memory_limit, isolated=settings.isolation == "auto")
    return nursery


def seated(
    settings: Settings, opened: Opened, plan: Plan, nurseries: Nurseries, stack: ExitStack, deadline: Deadline
) -> dict[str, Seat]:
    """Return a seat for every name that routes may ask for; two names share a worker where that changes nothing. The stack closes them."""
    load = load_request(settings, opened, sizes=settings.batch_sizes())

    def seat(nursery: Nursery, **more: object) -> Seat:
        made = Seat(nursery, {**load, **more}, timeout=settings.timeout, deadline=deadline)
        stack.callback(made.close)
        return made

    seats = {"main": seat(nurseries.own), "fresh": seat(nurseries.fresh)}
    # One worker less where both would be forks of the same process: the fresh one repeats first, and then has nothing to do.
    seats["shadow"] = seats["fresh"] if nurseries.fresh is nurseries.shadow else seat(nurseries.shadow)
    if settings.backend == "tensorflow" and any(route.seat == "kernels" for route in plan.routes):
        # Without oneDNN is a second import beside the first, one thread is another fork.
        other = _begun(
            stack.enter_context(Nursery()), settings, {"KERAS_BACKEND": settings.backend, **WITHOUT_ONEDNN}
        )
        seats |= {"kernels": seat(other), "thread": seat(nurseries.own, threads=ONE_THREAD)}
    return seats


def fared(seats: Mapping[str, Seat], homes: Iterable[Nursery]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what workers could not be kept from, and how those were lost that nobody had told to go; each of them is asked once more."""
    workers = dict.fromkeys(seats.values())
    lost = [*(seat.lost() for seat in workers), *(home.lost() for home in homes)]
    return tuple(dict.fromkeys(lack for seat in workers for lack in seat.unprotected)), tuple(
        how for how in lost if how is not None
    )

"""Seating: which processes a run needs, and which worker sits in which of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.pipeline.collector import Plan
from keras_consistency_cli.pipeline.inputs import Opened, load_request
from keras_consistency_cli.routes.numerics.kernels import ONE_THREAD, WITHOUT_ONEDNN
from keras_consistency_cli.workers.client import WorkerClient
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.forkserver import ForkServer

__all__ = ["ForkServers", "collect_worker_status", "create_workers", "started"]


@dataclass(frozen=True, kw_only=True)
class ForkServers:
    """Where workers are forked from: `own` runs the model's backend, `fresh` the same in another interpreter where that could matter.

    `float64 copy` runs TensorFlow, where float64 copies live. All three are the same process for an ordinary model on TensorFlow.
    """

    own: ForkServer
    fresh: ForkServer
    float64_copy: ForkServer

    @property
    def fork_servers(self) -> tuple[ForkServer, ...]:
        """Each of them once."""
        return tuple(dict.fromkeys((self.own, self.fresh, self.float64_copy)))


def started(settings: Settings, stack: ExitStack, waiting: ForkServer | None) -> ForkServers:
    """Start every fork server; they import their backends side by side, and the stack closes them.

    Args:
        settings: of the run.
        stack: what closes them.
        waiting: a fork server whose interpreter runs already, closed by whoever made it.
    """

    def further(backend: str) -> ForkServer:
        return _begun(stack.enter_context(ForkServer()), settings, {"KERAS_BACKEND": backend})

    own = _begun(waiting or stack.enter_context(ForkServer()), settings, {"KERAS_BACKEND": settings.backend})
    # The user's own code may hang on what a fork inherits: the seed of hash(), and whatever a module drew when it was imported.
    apart = bool(settings.custom_objects) or settings.trust.code
    return ForkServers(
        own=own,
        fresh=further(settings.backend) if apart else own,
        float64_copy=own if settings.backend == "tensorflow" else further("tensorflow"),
    )


def _begun(fork_server: ForkServer, settings: Settings, environment: dict[str, str]) -> ForkServer:
    fork_server.start(environment, memory_limit=settings.memory_limit, isolated=settings.isolation == "auto")
    return fork_server


def create_workers(
    settings: Settings,
    opened: Opened,
    plan: Plan,
    fork_servers: ForkServers,
    stack: ExitStack,
    deadline: Deadline,
) -> dict[str, WorkerClient]:
    """Return a seat for every name that routes may ask for; two names share a worker where that changes nothing. The stack closes them."""
    load = load_request(settings, opened, sizes=settings.batch_sizes())

    def client(fork_server: ForkServer, **more: object) -> WorkerClient:
        made = WorkerClient(fork_server, {**load, **more}, timeout=settings.timeout, deadline=deadline)
        stack.callback(made.close)
        return made

    clients = {"main": client(fork_servers.own), "fresh": client(fork_servers.fresh)}
    # One worker less where both would be forks of the same process: the fresh one repeats first, and then has nothing to do.
    clients["shadow"] = (
        clients["fresh"]
        if fork_servers.fresh is fork_servers.float64_copy
        else client(fork_servers.float64_copy)
    )
    if settings.backend == "tensorflow" and any(route.placement == "kernels" for route in plan.routes):
        # Without oneDNN is a second import beside the first, one thread is another fork.
        other = _begun(
            stack.enter_context(ForkServer()), settings, {"KERAS_BACKEND": settings.backend, **WITHOUT_ONEDNN}
        )
        clients |= {"kernels": client(other), "thread": client(fork_servers.own, threads=ONE_THREAD)}
    return clients


def collect_worker_status(
    clients: Mapping[str, WorkerClient], fork_servers: Iterable[ForkServer]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what workers could not be kept from, and how those were lost that nobody had told to go; each of them is asked once more."""
    workers = dict.fromkeys(clients.values())
    lost = [*(client.lost() for client in workers), *(home.lost() for home in fork_servers)]
    return tuple(dict.fromkeys(lack for client in workers for lack in client.unprotected)), tuple(
        how for how in lost if how is not None
    )

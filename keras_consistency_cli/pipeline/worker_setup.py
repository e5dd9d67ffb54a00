"""Worker set-up: start and end the processes of a run, and load the subject in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.pipeline.files.local import LocalFiles, local_files
from keras_consistency_cli.pipeline.inputs import Inputs, open_files, scales_rows
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER, Observer
from keras_consistency_cli.pipeline.plan import Plan
from keras_consistency_cli.routes.numerics.kernels import ONE_THREAD, WITHOUT_ONEDNN
from keras_consistency_cli.workers.client import WorkerClient
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.endpoints.client import EndpointClient
from keras_consistency_cli.workers.fork_pool import ForkLease
from keras_consistency_cli.workers.fork_source import ForkSource
from keras_consistency_cli.workers.forkserver import ForkServer
from keras_consistency_cli.workers.load_request import build_load_request
from keras_consistency_cli.workers.pool import map_concurrently

__all__ = [
    "ForkServers",
    "LoadedSubject",
    "backend_environment",
    "collect_worker_status",
    "create_workers",
    "endpoint_clients",
    "load_workers",
    "start_fork_servers",
    "start_up",
]


@dataclass(frozen=True, kw_only=True)
class ForkServers:
    """The processes that workers are forked from.

    `own` runs the model's backend. `fresh` runs it in another interpreter if that can matter. `float64_copy`
    runs TensorFlow, which float64 copies need. For an ordinary model on TensorFlow all three are the same
    process.
    """

    own: ForkSource
    fresh: ForkSource
    float64_copy: ForkSource

    @property
    def processes(self) -> tuple[ForkSource, ...]:
        """Each process once."""
        return tuple(dict.fromkeys((self.own, self.fresh, self.float64_copy)))


@dataclass(frozen=True, kw_only=True)
class LoadedSubject:
    """The opened files, and the workers that have loaded them.

    `files` are the settings as workers read them. `clients` are the workers by placement; several placements
    may share one. `rows_description` says how rows were generated, if they were. More workers can be forked
    from `fork_servers`; live objects have none.
    """

    files: LocalFiles
    inputs: Inputs
    clients: Mapping[str, WorkerClient]
    facts: Facts
    rows_description: str
    deadline: Deadline
    fork_servers: ForkServers | None = None


@contextmanager
def start_up(
    settings: Settings,
    plan: Plan,
    *,
    fork_server: ForkSource | None = None,
    main_only: bool = False,
    observe: Observer = NULL_OBSERVER,
) -> Iterator[LoadedSubject]:
    """Start every process, open the files and load the subject; end the processes at exit.

    Args:
        settings: validated settings.
        plan: the routes that workers must be able to run.
        fork_server: a source of workers whose interpreter already runs; its owner closes it.
        main_only: whether the main worker is enough.
        observe: receives what happens next.

    Raises:
        KcheckError: the files or the model cannot be checked.
    """
    deadline = Deadline(answer=settings.timeout, total=settings.total_timeout)
    with ExitStack() as stack:
        observe(f"starting {settings.backend} and loading the model")
        servers = start_fork_servers(settings, plan, stack, fork_server, main_only=main_only)
        files = stack.enter_context(local_files(settings, deadline, observe))
        inputs = open_files(files.settings)
        clients = create_workers(files.settings, inputs, plan, servers, stack, deadline, main_only=main_only)
        facts, rows_description = load_workers(clients)
        yield LoadedSubject(
            files=files,
            inputs=inputs,
            clients=clients,
            facts=facts,
            rows_description=rows_description,
            deadline=deadline,
            fork_servers=servers,
        )


def start_fork_servers(
    settings: Settings, plan: Plan, stack: ExitStack, waiting: ForkSource | None, *, main_only: bool = False
) -> ForkServers:
    """Start every fork server; they import their backends at the same time.

    Args:
        settings: validated settings.
        plan: the routes to run.
        stack: closes the fork servers.
        waiting: a source of workers whose interpreter already runs, closed by its owner.
        main_only: whether the main worker is the only one.
    """
    own: ForkSource = waiting or stack.enter_context(ForkServer())
    _start(own, settings, backend_environment(settings.backend))
    has_code = bool(settings.custom_objects) or settings.trust.code or settings.preprocess is not None
    fresh = float64_copy = own
    if has_code and not main_only and any(route.interprets_again for route in plan.routes):
        fresh = stack.enter_context(_another(own))
        _start(fresh, settings, backend_environment(settings.backend))
    if settings.backend != "tensorflow" and not main_only:
        float64_copy = stack.enter_context(_another(fresh))
        _start(float64_copy, settings, backend_environment("tensorflow"))
    return ForkServers(own=own, fresh=fresh, float64_copy=float64_copy)


def _another(source: ForkSource) -> ForkSource:
    """Return a source of workers from a different interpreter; runs that share one share this one too."""
    return source.another() if isinstance(source, ForkLease) else ForkServer()


def _start(fork_server: ForkSource, settings: Settings, environment: dict[str, str]) -> None:
    fork_server.start(environment, memory_limit=settings.memory_limit, isolated=settings.isolation == "auto")


def create_workers(
    settings: Settings,
    inputs: Inputs,
    plan: Plan,
    fork_servers: ForkServers,
    stack: ExitStack,
    deadline: Deadline,
    *,
    main_only: bool = False,
) -> dict[str, WorkerClient]:
    """Return a worker for every placement; two placements share one if that changes nothing.

    Args:
        settings: validated settings.
        inputs: the opened files.
        plan: the routes to run.
        fork_servers: the processes to fork from.
        stack: closes the workers.
        deadline: the time limits of the run.
        main_only: whether the main worker is the only one.
    """
    request = build_load_request(
        settings, inputs.archive, sizes=settings.batch_sizes(), exports=inputs.exports
    )

    def client(fork_server: ForkSource, **more: object) -> WorkerClient:
        worker = WorkerClient(fork_server, {**request, **more}, timeout=settings.timeout, deadline=deadline)
        stack.callback(worker.close)
        return worker

    clients = {"main": client(fork_servers.own)}
    if main_only:
        return clients
    clients["fresh"] = client(fork_servers.fresh)
    # One worker is enough if both would be forks of the same process: the fresh one runs its route first.
    shared = fork_servers.fresh is fork_servers.float64_copy
    clients["float64"] = clients["fresh"] if shared else client(fork_servers.float64_copy)
    if settings.backend == "tensorflow" and any(route.placement == "kernels" for route in plan.routes):
        # Without oneDNN the backend has to be imported again; one thread only needs another fork.
        other = stack.enter_context(_another(fork_servers.own))
        _start(other, settings, {**backend_environment(settings.backend), **WITHOUT_ONEDNN})
        clients |= {"kernels": client(other), "thread": client(fork_servers.own, threads=ONE_THREAD)}
    planned = dict.fromkeys(route.target for route in plan.routes if route.placement == "backend")
    clients |= {
        f"backend:{name}": client(source)
        for name, source in _backend_sources(planned, settings, fork_servers, stack)
    }
    # Runtimes of exports do not always share a process, and one that dies takes only its own routes with it.
    if settings.endpoints:
        asked = endpoint_clients(settings, client(fork_servers.own), deadline)
        clients |= {f"endpoint:{label}": asking for label, asking in asked.items()}
    return clients | {f"export:{export.label}": client(fork_servers.own) for export in inputs.exports}


def _backend_sources(
    names: Iterable[str], settings: Settings, fork_servers: ForkServers, stack: ExitStack
) -> Iterator[tuple[str, ForkSource]]:
    """Yield the backends that routes run on, each with a process that has imported it.

    Their workers load the model when their first route runs: what a backend refuses is a finding about it,
    and not the end of the run.
    """
    for name in names:
        source = fork_servers.float64_copy
        if name != "tensorflow":
            source = stack.enter_context(_another(fork_servers.fresh))
            _start(source, settings, backend_environment(name))
        yield name, source


def backend_environment(name: str) -> dict[str, str]:
    """Return the variables that make Keras import a backend."""
    return {"KERAS_BACKEND": name}


def endpoint_clients(
    settings: Settings, worker: WorkerClient, deadline: Deadline
) -> dict[str, EndpointClient]:
    """Return what asks each service, by label.

    Args:
        settings: validated settings.
        worker: gives them rows; if other threads use it as well, it may be busy.
        deadline: the time limits of the run.
    """
    return {
        label: EndpointClient(
            endpoint,
            worker,
            requests=settings.endpoint_requests,
            batch_size=settings.batch_size,
            scales=scales_rows(settings),
            deadline=deadline,
        )
        for label, endpoint in zip(settings.endpoint_labels(), settings.endpoints, strict=True)
    }


def load_workers(clients: Mapping[str, WorkerClient]) -> tuple[Facts, str]:
    """Load the subject in every worker at the same time; return the answer of the main one."""
    workers = [
        client
        for name, client in clients.items()
        if not isinstance(client, EndpointClient) and not name.startswith("backend:")
    ]
    return map_concurrently(list(dict.fromkeys(workers)), WorkerClient.load)[0]


def collect_worker_status(subject: LoadedSubject) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ask each process once more; return what was not prevented, and how some were lost.

    A process is lost if it ended unexpectedly.
    """
    workers = dict.fromkeys(subject.clients.values())
    unprotected = dict.fromkeys(lack for client in workers for lack in client.unprotected)
    servers = subject.fork_servers.processes if subject.fork_servers is not None else ()
    endings = [*(client.lost() for client in workers), *(server.lost() for server in servers)]
    return tuple(unprotected), tuple(ending for ending in endings if ending is not None)

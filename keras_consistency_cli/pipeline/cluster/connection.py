"""Connection: find the scheduler of a Dask cluster whose workers have this version of kcheck."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from keras_consistency_cli.errors import NoVerdictError, UsageError
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["CONNECT_S", "connect", "describe_failure", "installed_kcheck", "turn_in_folder"]

CONNECT_S = 10.0
"""Seconds in which a scheduler has to answer."""
_turn = threading.Lock()
"""One task at a time in each process of the cluster: the working directory belongs to the process."""


def connect(address: str | None, file: Path | None = None) -> Client:
    """Connect to the scheduler of a cluster.

    Args:
        address: such as tcp://host:8786.
        file: the file that `dask scheduler --scheduler-file` wrote, instead of an address.

    Raises:
        UsageError: distributed is not installed, nothing answers, there are no workers, or one of them does
            not have this version of kcheck.
    """
    shown = f"--scheduler {clean(address, 100)}" if address else f"--scheduler-file {clean(file, 100)}"
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            f"{shown} needs the package distributed", fix="pip install 'keras-consistency-cli[cluster]'"
        ) from None
    if file is not None and not file.is_file():
        raise UsageError(f"{shown}: no such file")
    try:
        client = Client(
            address,
            scheduler_file=None if file is None else str(file),
            timeout=CONNECT_S,
            set_as_default=False,
        )
    except Exception as error:  # an address that is not valid, and a scheduler that is not there
        reason = clean(f"{type(error).__name__}: {error}", 160)
        raise UsageError(
            f"{shown}: no scheduler answers ({reason})", expected="the address of a running `dask scheduler`"
        ) from None
    try:
        _check_workers(client, shown)
    except BaseException:
        client.close()
        raise
    return client


def _check_workers(client: Client, shown: str) -> None:
    try:
        versions: Mapping[str, str] = client.run(installed_kcheck)
    except Exception as error:
        reason = clean(f"{type(error).__name__}: {error}", 160)
        raise UsageError(f"{shown}: a worker has no kcheck ({reason})", fix=_same_everywhere()) from None
    if not versions:
        raise UsageError(f"{shown}: the cluster has no workers", fix="start one: dask worker ADDRESS")
    for worker, version in sorted(versions.items()):
        if version != __version__:
            raise UsageError(
                f"{shown}: {clean(worker, 80)} has kcheck {clean(version, 40)}, not {__version__}",
                fix=_same_everywhere(),
            )


def _same_everywhere() -> str:
    return f"install keras-consistency-cli {__version__} on every worker"


def installed_kcheck() -> str:
    """Return the version of kcheck; called on every worker of the cluster."""
    return __version__


def describe_failure(future: Future, doing: str) -> NoVerdictError:
    """Return why a task of the cluster has no result.

    Args:
        future: the task, which has ended.
        doing: what its workers did, in words.
    """
    from distributed import KilledWorker

    if future.status != "error":
        return NoVerdictError("the scheduler of the cluster is gone")
    error = future.exception()
    if isinstance(error, KilledWorker):
        return NoVerdictError(f"several workers of the cluster ended while they {doing}")
    return NoVerdictError(f"the worker of the cluster failed: {type(error).__name__}: {clean(error, 300)}")


@contextlib.contextmanager
def turn_in_folder(folder: str) -> Iterator[None]:
    """Wait until no other task runs in this process of the cluster, and work in the folder of the caller."""
    with _turn, contextlib.chdir(folder):
        yield

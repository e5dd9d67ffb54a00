"""Open the place where the rows after the sample are measured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.pipeline.streaming.place import StreamPlace, ThisRun
from keras_consistency_cli.text import clean

__all__ = ["open_place"]

_LOCAL = re.compile(r"local:(\d{1,3})")
_EXPECTED = (
    "local:N with N of at least 1, or the address of a running `dask scheduler`, such as tcp://host:8786"
)


@contextmanager
def open_place(scheduler: str | None, settings: Settings) -> Iterator[StreamPlace]:
    """Open the place that a scheduler stands for, and leave it at exit.

    Args:
        scheduler: local:N for N groups of workers on this machine, the address of a scheduler of Dask, or
            None for the workers of the run.
        settings: the settings of the run.

    Raises:
        UsageError: it is neither, or nothing answers there.
    """
    if scheduler is None:
        yield ThisRun()
        return
    local = _LOCAL.fullmatch(scheduler)
    if local is not None and int(local[1]):
        from keras_consistency_cli.pipeline.streaming.local import LocalWorkers

        yield LocalWorkers(groups=int(local[1]))
        return
    if scheduler.startswith("local") or "://" not in scheduler:
        raise UsageError(f"--scheduler {clean(scheduler, 100)} is not valid", expected=_EXPECTED)
    from keras_consistency_cli.pipeline.cluster.connection import connect
    from keras_consistency_cli.pipeline.streaming.cluster import ClusterWorkers

    place = ClusterWorkers(connect(scheduler), settings)
    try:
        yield place
    finally:
        place.close()

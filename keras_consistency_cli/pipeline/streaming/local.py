"""Several groups of workers on this machine, each measures one chunk at a time."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from queue import SimpleQueue

import numpy as np

from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER
from keras_consistency_cli.pipeline.streaming.chunk import ChunkEvidence
from keras_consistency_cli.pipeline.streaming.place import Stream, in_order, measure_reliably
from keras_consistency_cli.pipeline.worker_setup import LoadedSubject, create_workers

__all__ = ["LocalWorkers"]

_CHUNKS_AT_ONCE = 2
"""Chunks for each group that are measured or wait to be merged in their order."""


@dataclass(frozen=True, kw_only=True)
class LocalWorkers:
    """The workers of the run and more like them.

    Args:
        groups: how many chunks are measured at the same time.
    """

    groups: int

    def measure(
        self, subject: LoadedSubject, collector: EvidenceCollector, chunks: Iterable[np.ndarray]
    ) -> Stream:
        """Yield the evidence of each chunk, in the order of the chunks."""
        with ExitStack() as stack:
            collectors = self._collectors(subject, collector, stack)
            free: SimpleQueue[EvidenceCollector] = SimpleQueue()
            for each in collectors:
                free.put(each)

            def measure_one(chunk: np.ndarray) -> ChunkEvidence:
                own = free.get()
                try:
                    return measure_reliably(own, chunk)
                finally:
                    free.put(own)

            pool = ThreadPoolExecutor(len(collectors))
            stack.callback(pool.shutdown, cancel_futures=True)
            try:
                yield from in_order(
                    lambda chunk: pool.submit(measure_one, chunk),
                    chunks,
                    at_once=_CHUNKS_AT_ONCE * len(collectors),
                )
            except GeneratorExit:  # the rest is not needed
                raise
            except BaseException:
                # Threads that wait for a worker return when it ends.
                for client in {client for each in collectors for client in each.clients.values()}:
                    client.terminate_all()
                raise

    def notes(self) -> Iterable[str]:
        """Return nothing: this machine gives the same outputs in each worker."""
        return ()

    def _collectors(
        self, subject: LoadedSubject, collector: EvidenceCollector, stack: ExitStack
    ) -> list[EvidenceCollector]:
        """Return a collector for each group; the workers of the run are the first group."""
        assert subject.fork_servers is not None
        plan = collector.plan.streaming()
        collectors = [replace(collector, plan=plan, observe=NULL_OBSERVER)]
        for _ in range(1, self.groups):
            # A worker starts with its first route, so only those that the plan needs are started.
            clients = create_workers(
                subject.files.settings, subject.inputs, plan, subject.fork_servers, stack, subject.deadline
            )
            collectors.append(replace(collectors[0], clients=clients))
        return collectors

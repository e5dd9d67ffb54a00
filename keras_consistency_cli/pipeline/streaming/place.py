"""Where the rows after the sample are measured: the workers of the run, more workers, or a cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Protocol, TypeVar

import numpy as np

from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.streaming.chunk import ChunkEvidence
from keras_consistency_cli.pipeline.worker_setup import LoadedSubject

__all__ = ["Stream", "StreamPlace", "ThisRun", "in_order", "measure_reliably"]

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")
_Result = TypeVar("_Result", covariant=True)
Stream = Generator[ChunkEvidence, None, None]
"""The evidence of each chunk; closing it ends what still runs."""


class StreamPlace(Protocol):
    """Measures chunks of rows; whatever the place, the evidence is the same and comes in the same order."""

    def measure(
        self, subject: LoadedSubject, collector: EvidenceCollector, chunks: Iterable[np.ndarray]
    ) -> Stream:
        """Yield the evidence of each chunk, in the order of the chunks.

        Args:
            subject: the opened files, and the workers that have loaded them.
            collector: has measured the sample.
            chunks: row numbers.

        Raises:
            NoVerdictError: the place is gone.
        """

    def notes(self) -> Iterable[str]:
        """Return what a report has to say about the place."""


class ThisRun:
    """The workers of the run, one chunk after another."""

    def measure(
        self, _subject: LoadedSubject, collector: EvidenceCollector, chunks: Iterable[np.ndarray]
    ) -> Stream:
        """Yield the evidence of each chunk."""
        for chunk in chunks:
            yield collector.measure(chunk)

    def notes(self) -> Iterable[str]:
        """Return nothing: it is the usual place."""
        return ()


def measure_reliably(collector: EvidenceCollector, chunk: np.ndarray) -> ChunkEvidence:
    """Measure a chunk, and once more if a route ended with an error: its worker may have been killed."""
    evidence = collector.measure(chunk)
    return evidence if evidence.is_whole else collector.measure(chunk)


class _Future(Protocol[_Result]):
    def result(self) -> _Result: ...


def in_order(
    submit: Callable[[_Item], _Future[_Answer]], items: Iterable[_Item], *, at_once: int
) -> Iterator[_Answer]:
    """Submit every item and yield the results in the order of the items.

    Args:
        submit: starts the work on an item.
        items: read only as far as work is started.
        at_once: how many items may be submitted whose results are not yet taken.
    """
    waiting: deque[_Future[_Answer]] = deque()
    for item in items:
        waiting.append(submit(item))
        if len(waiting) >= at_once:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()

"""Collect evidence: run the planned routes chunk by chunk and compare their outputs.

Outputs live only as long as their chunk; what is kept are the comparisons.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.decisions import detect_decisions
from keras_consistency_cli.measurement.facts import Decision, Facts
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Policy
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER, Observer
from keras_consistency_cli.pipeline.plan import NEEDED_BY_ALL, Plan, share_moving
from keras_consistency_cli.pipeline.streaming.chunk import (
    ChunkEvidence,
    blank_rows,
    drop_outputs,
    join_traces,
    outputs_of,
)
from keras_consistency_cli.pipeline.streaming.measured_noise import measured_noise
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.trace import (
    FLOAT64_COPY,
    REFERENCE,
    Trace,
    is_float64,
)
from keras_consistency_cli.text import format_count
from keras_consistency_cli.workers.client import WorkerClient
from keras_consistency_cli.workers.pool import map_concurrently

__all__ = ["EvidenceCollector"]

Compared = dict[Pair, tuple[Comparison, ...]]
"""Comparisons of the chunk that is being read, by pair."""


@dataclass
class EvidenceCollector:
    """The traces and comparisons of the rows read so far."""

    plan: Plan
    facts: Facts
    policy: Policy
    clients: Mapping[str, WorkerClient]
    traces: dict[str, Trace] = field(default_factory=dict)
    comparisons: dict[tuple[str, str], tuple[Comparison, ...]] = field(default_factory=dict)
    decisions: dict[str, Decision | None] = field(default_factory=dict)
    bad_rows: dict[str, list[int]] = field(default_factory=dict)
    rows: int = 0
    observe: Observer = NULL_OBSERVER

    # What is known

    def noise(self) -> dict[str, Comparison]:
        """Return the rounding noise by output; see `estimate_noise`."""
        return measured_noise(self.traces, self.comparisons, coarse=self._has_low_precision)

    @property
    def _has_low_precision(self) -> bool:
        """Whether less precision than float32 is to be expected.

        The model's dtype policies cause it, and accelerators, which multiply in less than float32.
        """
        accelerated = any("cpu" not in device.lower() for device in self.facts.devices)
        # What quantisation rounds is part of the float64 copy that is rounded layer by layer.
        return self.facts.computes_in_16_bits or accelerated

    def evidence(self, context: DataContext) -> Evidence:
        """Return the evidence for checks.

        Args:
            context: what is known from files and settings without running the model.
        """
        return Evidence(
            facts=self.facts,
            policy=self.policy,
            traces=self.traces,
            comparisons=self.comparisons,
            noise=self.noise(),
            rows=self.rows,
            data=replace(context, nonfinite_rows=self.bad_rows),
        )

    # Running and comparing

    def add_sample(self, numbers: np.ndarray) -> None:
        """Run all planned routes on the sample, the first rows, and keep how they compare.

        Args:
            numbers: row numbers in the user's data.
        """
        self._merge_chunk(self._run(self.plan.routes, numbers), numbers, {}, first=True)

    def measure(self, numbers: np.ndarray) -> ChunkEvidence:
        """Run the routes that stream on one chunk of rows after the sample; return what they gave.

        The evidence of this collector stays as it is, so several chunks may be measured at the same time.
        """
        part = replace(self, traces={}, comparisons={}, bad_rows={}, rows=0)
        routes = [route for route in self.plan.routes if route.streams]
        part._merge_chunk(part._run(routes, numbers), numbers, {}, first=False)
        return ChunkEvidence(
            traces=part.traces, comparisons=part.comparisons, bad_rows=part.bad_rows, rows=part.rows
        )

    def merge(self, part: ChunkEvidence) -> None:
        """Add the evidence of the next chunk. Sums depend on the order in which chunks are merged."""
        for (candidate, reference), comparisons in part.comparisons.items():
            self._merge(Pair(candidate=candidate, reference=reference), comparisons)
        for name, trace in part.traces.items():
            self.traces[name] = join_traces(self.traces.get(name), trace)
        for name, numbers in part.bad_rows.items():
            self.bad_rows.setdefault(name, []).extend(numbers)
        self.rows += part.rows

    def add_until_failure(
        self,
        checks: Sequence[Check],
        table: Sequence[Route],
        numbers: np.ndarray,
        context: DataContext,
    ) -> None:
        """Run the sample's routes check by check, and none after the first check that fails.

        Args:
            checks: the checks in order; each runs the routes that no earlier one has run.
            table: all routes.
            numbers: row numbers of the sample, the first rows that are added.
            context: as for `evidence`.
        """
        chunk: dict[str, Trace] = {}
        compared: Compared = {}
        for check in checks:
            wanted = NEEDED_BY_ALL | {route.name for route in Plan.of([check], table).routes}
            routes = [route for route in self.plan.routes if route.name in wanted and route.name not in chunk]
            chunk |= self._run(routes, numbers)
            preview = replace(self, traces={}, comparisons={}, decisions={}, bad_rows={}, rows=0)
            preview._merge_chunk(chunk, numbers, compared, first=True)
            if check.verdict(preview.evidence(context)).status is Status.FAIL:
                break
        self._merge_chunk(chunk, numbers, compared, first=True)

    def run_more(self, routes: Iterable[Route], numbers: np.ndarray) -> None:
        """Run further routes on the sample, which search for the faulty layer after a failure."""
        for name, trace in self._run(routes, numbers).items():
            self.traces[name] = drop_outputs(trace)

    def run_again(self, routes: Iterable[Route], numbers: np.ndarray) -> dict[str, Trace]:
        """Run routes and return their traces with outputs; add nothing to the evidence."""
        return self._run(routes, numbers)

    def _run(self, routes: Iterable[Route], numbers: np.ndarray) -> dict[str, Trace]:
        """Run routes, those that need outputs of others after them; return the traces by name."""
        wanted = tuple(routes)
        chunk = self._run_at_once([route for route in wanted if not route.needs], numbers, {})
        later = [route for route in wanted if route.needs]
        for route in later:
            needed = chunk.get(route.needs)
            if needed is None or not needed.ran:
                chunk[route.name] = Trace(route=route.name, unavailable=f"{route.needs} gave no outputs")
        return chunk | self._run_at_once([each for each in later if each.name not in chunk], numbers, chunk)

    def _run_at_once(
        self, routes: Iterable[Route], numbers: np.ndarray, before: Mapping[str, Trace]
    ) -> dict[str, Trace]:
        """Run routes in their workers, the workers at the same time; return the traces by name."""
        # Two placements may share a worker: the float64 copy is in the fresh one if that runs TensorFlow
        # anyway.
        by_worker: dict[WorkerClient, list[Route]] = {client: [] for client in self.clients.values()}
        chunk: dict[str, Trace] = {}
        for route in routes:
            reason = route.unavailable(self.facts)
            if reason is None:
                by_worker[self.clients[route.worker]].append(route)
            else:
                chunk[route.name] = Trace(route=route.name, unavailable=reason)
        total, finished = sum(map(len, by_worker.values())), itertools.count(1)
        queues = share_moving(by_worker, self._workers_in_common())

        def run_in_turn(client: WorkerClient) -> dict[str, Trace]:
            traces: dict[str, Trace] = {}
            for route in queues[client]:
                needed = (before[route.needs].outputs,) if route.needs else ()
                made = client.run(route.name, numbers, *needed)
                traces |= {trace.route: trace for trace in made if trace is not None}
                self.observe.route_finished(route.name, route.summary, next(finished), total)
            return traces

        if total:
            self.observe(f"running {format_count(total, 'route')} on {format_count(len(numbers), 'row')}")
        for traces in map_concurrently(list(queues), run_in_turn):
            chunk |= traces
        return chunk

    def _workers_in_common(self) -> list[WorkerClient]:
        """Return the workers that have loaded the model with the same backend in the same way."""
        placements = ("main", "float64") if self.facts.backend == "tensorflow" else ("main",)
        return list(dict.fromkeys(self.clients[each] for each in placements if each in self.clients))

    def _merge_chunk(
        self, chunk: Mapping[str, Trace], numbers: np.ndarray, compared: Compared, *, first: bool
    ) -> None:
        """Compare the traces of one chunk and merge the comparisons.

        Args:
            chunk: the traces, with outputs.
            numbers: the chunk's row numbers.
            compared: comparisons already made of these traces; new ones are added.
            first: whether this is the sample, which decides how outputs become decisions.
        """
        reference = chunk.get(REFERENCE)
        if first:
            outputs = reference.outputs if reference is not None else {}
            self.decisions = detect_decisions(self.facts.declared_decisions(), outputs)
        # Rounding is measured on finite rows only: what kernels make of NaN is not rounding.
        bad = self._note_bad_rows(chunk, numbers)
        exact = blank_rows(outputs_of(chunk.get(FLOAT64_COPY)), bad)
        for pair in self.plan.pairs:
            if pair not in compared:
                self._compare(pair, chunk, exact, bad, numbers, compared)
            if pair in compared:
                self._merge(pair, compared[pair])
        for name, trace in chunk.items():
            self.traces[name] = drop_outputs(trace)
        self.rows += len(numbers)

    def _note_bad_rows(self, chunk: Mapping[str, Trace], numbers: np.ndarray) -> np.ndarray:
        """Note the numbers of rows with NaN or infinity, and return a mask of them."""
        bad = np.zeros(len(numbers), bool)
        for name, mask in (chunk["rows"].outputs if "rows" in chunk else {}).items():
            self.bad_rows.setdefault(name, []).extend(numbers[mask].tolist())
            bad |= mask
        return bad

    def _compare(
        self,
        pair: Pair,
        chunk: Mapping[str, Trace],
        exact: RowOutputs | None,
        bad: np.ndarray,
        numbers: np.ndarray,
        compared: Compared,
    ) -> None:
        """Add the comparisons of one pair if both of its routes have outputs.

        `exact` are the outputs of the float64 copy without the rows marked `bad`.
        """
        measures_noise = pair.reference == FLOAT64_COPY and not is_float64(pair.candidate)
        candidate = outputs_of(chunk.get(pair.candidate))
        candidate = blank_rows(candidate, bad) if measures_noise else candidate
        reference = exact if measures_noise else outputs_of(chunk.get(pair.reference))
        if candidate is not None and reference is not None:
            compared[pair] = compare(
                (pair.candidate, pair.reference),
                candidate,
                reference,
                float64_copy=exact,
                stated={output: self.policy.stated_for(output) for output in candidate.outputs},
                decisions=self.decisions,
                row_numbers=numbers,
            )

    def _merge(self, pair: Pair, comparisons: tuple[Comparison, ...]) -> None:
        key = (pair.candidate, pair.reference)
        merged = {comparison.output: comparison for comparison in self.comparisons.get(key, ())}
        for new in comparisons:
            merged[new.output] = merged[new.output] + new if new.output in merged else new
        self.comparisons[key] = tuple(merged.values())

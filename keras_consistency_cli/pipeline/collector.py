"""Gathering evidence: which routes the checks need, running them chunk by chunk, comparing at once and keeping only the comparisons."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np

from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.measurement.comparison import Answers, Comparison, compare
from keras_consistency_cli.measurement.facts import Decision, Facts
from keras_consistency_cli.measurement.tolerance import Policy, plausible
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER, Observer
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.trace import FLOAT64_COPY, REFERENCE, REPEATED, ROUNDED, Trace, float64_name
from keras_consistency_cli.workers.client import WorkerClient
from keras_consistency_cli.workers.pool import map_concurrently

__all__ = ["EvidenceCollector", "Look", "Plan", "Step"]

Look = Callable[[Set[str], Callable[[], "EvidenceCollector"]], None]
"""Told which routes are through, and how to see what is known by then."""

_SUFFIX = "-float64"
_OTHER_WITNESSES = ("one-by-one", "call")
_NEEDED_BY_ALL = frozenset({REFERENCE, FLOAT64_COPY, ROUNDED, REPEATED, "rows"})
"""What the noise is measured by, the decisions, and the rows that are left out of it. Other witnesses only lower it: what fails without, fails."""
_DRAWN_APART = 1e-3
"""Of the output: a float64 copy this far off, of a model that draws random numbers, has drawn others."""
_NOT_ROUNDING = 16.0
"""Honest ways of calling a model were never further from the float64 copy than 2.3 times one another."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Routes to run and pairs to compare, in the order of the table of routes."""

    routes: tuple[Route, ...]
    pairs: tuple[Pair, ...]

    @classmethod
    def of(cls, checks: Sequence[Check], table: Sequence[Route]) -> Plan:
        """Collect what these checks ask for, the float64 copy's twins of it, and the reference with its noise."""
        names = {route.name for route in table}
        pairs = dict.fromkeys(pair for check in checks for pair in check.pairs)
        wanted = {REFERENCE, FLOAT64_COPY, ROUNDED} | {name for check in checks for name in check.routes}
        for pair in list(pairs):
            wanted |= {pair.candidate, pair.reference}
            if {float64_name(pair.candidate), float64_name(pair.reference)} <= names:
                wanted |= {float64_name(pair.candidate), float64_name(pair.reference)}
                pairs[
                    Pair(candidate=float64_name(pair.candidate), reference=float64_name(pair.reference))
                ] = None
        # Whether predict repeats itself decides whether its noise means anything.
        wanted.add(REPEATED)
        pairs[Pair(candidate=REPEATED, reference=REFERENCE)] = None
        for witness in (REFERENCE, *(name for name in _OTHER_WITNESSES if name in wanted)):
            pairs[Pair(candidate=witness, reference=FLOAT64_COPY)] = None
        if ROUNDED in names:
            pairs[Pair(candidate=ROUNDED, reference=REFERENCE)] = None
        return cls(routes=tuple(route for route in table if route.name in wanted), pairs=tuple(pairs))


@dataclass(frozen=True, kw_only=True)
class Step:
    """Routes that run side by side, by name, and whether what is known by then is enough: then no further step is taken."""

    routes: Set[str]
    enough: Callable[[EvidenceCollector], bool]


@dataclass
class EvidenceCollector:
    """What has been seen so far. Outputs live only as long as their chunk."""

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

    def noise(self) -> dict[str, Comparison]:
        """The rounding noise by output: predict's distance to the float64 copy.

        None where predict is random, for then that distance is not rounding; and where predict is far further off than another way of calling
        the model, that way's distance, for then predict's is not rounding either and would hide its own fault. Nor where it is further off than
        rounding can take it: then no distance at hand is rounding.
        """
        trace = self.traces.get(REFERENCE)
        kinds = {change.kind for change in trace.changed} if trace is not None else set()
        moved = any(not each.identical for each in self.comparisons.get((REPEATED, REFERENCE), ()))
        if moved and ("seed" in kinds or not kinds):
            return {}
        drawn = trace is not None and trace.details.get("random_operations")
        found = {
            each.output: each
            for each in self.comparisons.get((REFERENCE, FLOAT64_COPY), ())
            if each.noise_elements
        }
        if drawn and any(each.scaled > _DRAWN_APART for each in found.values()):
            # With a fixed seed answers repeat, yet float64 draws other numbers.
            return {}
        for route in _OTHER_WITNESSES:
            for other in self.comparisons.get((route, FLOAT64_COPY), ()):
                own = found.get(other.output)
                if own is not None and own.max_abs > _NOT_ROUNDING * max(
                    other.max_abs, np.spacing(np.float32(other.scale))
                ):
                    found[other.output] = other
        rounded = {each.output: each for each in self.comparisons.get((ROUNDED, REFERENCE), ())}
        return {
            output: each
            for output, each in found.items()
            if each.candidate != REFERENCE or plausible(rounded.get(output), coarse=self._coarse)
        }

    @property
    def _coarse(self) -> bool:
        """Whether low precision is to be expected: by the model's own policies, or from accelerators, which multiply in less than float32."""
        return bool(self.facts.low_precision) or any(
            "cpu" not in device.lower() for device in self.facts.devices
        )

    def evidence(self, known: DataContext) -> Evidence:
        """What checks may look at: everything gathered so far, and what the parent knows from files and settings."""
        return Evidence(
            facts=self.facts,
            policy=self.policy,
            traces=self.traces,
            comparisons=self.comparisons,
            noise=self.noise(),
            rows=self.rows,
            data=replace(known, nonfinite_rows=self.bad_rows),
        )

    def add(
        self, numbers: np.ndarray, *, first: bool, look: Look | None = None, steps: Sequence[Step] = ()
    ) -> None:
        """Run the planned routes on the rows of these numbers and merge how they compare.

        Args:
            numbers: row numbers in the user's data.
            first: whether this is the sample on which routes run that do not stream.
            look: told after every route, once those are through that every comparison hangs on.
            steps: what to run one after the other; all at once without them.
        """
        planned = [route for route in self.plan.routes if first or route.streams]
        needed = _NEEDED_BY_ALL & {route.name for route in planned}
        chunk: dict[str, Trace] = {}
        compared: dict[Pair, tuple[Comparison, ...]] = {}

        def so_far(traces: Mapping[str, Trace]) -> EvidenceCollector:
            return self._copy()._with(traces, numbers, first, compared)

        def arrived(traces: Mapping[str, Trace]) -> None:
            seen = {**chunk, **traces}
            if look is not None and needed <= seen.keys():
                look(seen.keys(), lambda: so_far(seen))

        for step in steps or (Step(routes={route.name for route in planned}, enough=lambda _: True),):
            chunk |= self._run(
                [
                    route
                    for route in planned
                    if route.name in step.routes | needed and route.name not in chunk
                ],
                numbers,
                arrived,
            )
            if steps and step.enough(so_far(chunk)):
                break
        self._with(chunk, numbers, first, compared)

    def _copy(self) -> EvidenceCollector:
        bad_rows = {name: list(rows) for name, rows in self.bad_rows.items()}
        return replace(self, traces=dict(self.traces), comparisons=dict(self.comparisons), bad_rows=bad_rows)

    def _with(
        self,
        chunk: Mapping[str, Trace],
        numbers: np.ndarray,
        first: bool,
        compared: dict[Pair, tuple[Comparison, ...]],
    ) -> EvidenceCollector:
        """Merge what these traces show; `compared` holds what was compared before, and gets what is compared now."""
        if first:
            self.decisions = _decisions(self.facts, chunk.get(REFERENCE))
        bad = self._note_bad_rows(chunk, numbers)
        # Rounding is measured on finite rows only: what kernels make of NaN is not rounding.
        float64_copy = _without(_answers(chunk.get(FLOAT64_COPY)), bad)
        for pair in self.plan.pairs:
            candidate = _answers(chunk.get(pair.candidate))
            reference = (
                float64_copy
                if pair.reference == FLOAT64_COPY and not pair.candidate.endswith(_SUFFIX)
                else _answers(chunk.get(pair.reference))
            )
            if candidate is not None and reference is not None:
                if pair not in compared:
                    compared[pair] = self._compare(pair, candidate, reference, float64_copy, numbers)
                self._merge(pair, compared[pair])
        for name, trace in chunk.items():
            self.traces[name] = _without_outputs(trace, self.traces.get(name))
        self.rows += len(numbers)
        return self

    def _note_bad_rows(self, chunk: Mapping[str, Trace], numbers: np.ndarray) -> np.ndarray:
        bad = np.zeros(len(numbers), bool)
        for name, found in (chunk["rows"].outputs if "rows" in chunk else {}).items():
            self.bad_rows.setdefault(name, []).extend(numbers[found].tolist())
            bad |= found
        return bad

    def _compare(
        self,
        pair: Pair,
        candidate: Answers,
        reference: Answers,
        float64_copy: Answers | None,
        numbers: np.ndarray,
    ) -> tuple[Comparison, ...]:
        stated = {output: self.policy.stated_for(output) for output in candidate.outputs}
        names = (pair.candidate, pair.reference)
        return compare(
            names,
            candidate,
            reference,
            float64_copy=float64_copy,
            stated=stated,
            decisions=self.decisions,
            row_numbers=numbers,
        )

    def _merge(self, pair: Pair, found: tuple[Comparison, ...]) -> None:
        key = (pair.candidate, pair.reference)
        before = {comparison.output: comparison for comparison in self.comparisons.get(key, ())}
        self.comparisons[key] = tuple(
            (
                before
                | {new.output: before[new.output] + new if new.output in before else new for new in found}
            ).values()
        )

    def run_more(self, routes: Iterable[Route], numbers: np.ndarray) -> None:
        """Run further routes on the sample: those that look for the layer at fault once a check has failed."""
        for name, trace in self._run(routes, numbers).items():
            self.traces[name] = _without_outputs(trace, None)

    def run_again(self, routes: Iterable[Route], numbers: np.ndarray) -> dict[str, Trace]:
        """Run routes on these rows and return their traces with outputs; nothing is added to the evidence."""
        return self._run(routes, numbers)

    def _run(
        self,
        routes: Iterable[Route],
        numbers: np.ndarray,
        arrived: Callable[[Mapping[str, Trace]], None] | None = None,
    ) -> dict[str, Trace]:
        """Run routes side by side in their seats; `arrived` is told all traces that are there, after each route, by one thread at a time."""
        # Two seats may share a worker: the float64 copy sits with the fresh one where that runs TensorFlow anyway.
        by_worker: dict[WorkerClient, list[Route]] = {client: [] for client in self.clients.values()}
        chunk: dict[str, Trace] = {}
        for route in routes:
            reason = route.unavailable(self.facts)
            if reason is None:
                by_worker[self.clients[route.placement]].append(route)
            else:
                chunk[route.name] = Trace(route=route.name, unavailable=reason)
        places = itertools.count(1)
        runnable = sum(map(len, by_worker.values()))
        seen, one_at_a_time = dict(chunk), threading.Lock()

        def told(traces: Mapping[str, Trace]) -> None:
            with one_at_a_time:
                seen.update(traces)
                if arrived is not None:
                    arrived(seen)

        def in_turn(client: WorkerClient) -> dict[str, Trace]:
            return _in_turn(
                client,
                by_worker[client],
                numbers,
                lambda route: self.observe(f"{next(places)} of {runnable}: {route.summary}"),
                told,
            )

        for traces in map_concurrently(list(by_worker), in_turn):
            chunk |= traces
        return chunk


def _in_turn(
    client: WorkerClient,
    routes: Sequence[Route],
    numbers: np.ndarray,
    observe: Callable[[Route], None],
    told: Callable[[Mapping[str, Trace]], None],
) -> dict[str, Trace]:
    chunk: dict[str, Trace] = {}
    for route in routes:
        observe(route)
        new = {trace.route: trace for trace in client.run(route.name, numbers) if trace is not None}
        chunk |= new
        told(new)
    return chunk


def _answers(trace: Trace | None) -> Answers | None:
    return (
        Answers(outputs=trace.outputs, rows=trace.rows)
        if trace is not None and trace.ran and trace.outputs
        else None
    )


def _without(answers: Answers | None, bad: np.ndarray) -> Answers | None:
    """Answers with NaN in the rows marked bad, so that nothing is measured there."""
    if answers is None or not bad.any():
        return answers
    wiped = {name: _wiped(values, bad) for name, values in answers.outputs.items()}
    return Answers(outputs=wiped, rows=answers.rows)


def _wiped(values: np.ndarray, bad: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "f" or values.ndim == 0 or len(values) != len(bad):
        return values
    return np.where(bad.reshape((-1,) + (1,) * (values.ndim - 1)), np.nan, values)


def _without_outputs(trace: Trace, before: Trace | None) -> Trace:
    """A trace without its outputs; a chunk that went wrong outweighs those that went well."""
    sizes = {name: len(values) if values.ndim else 0 for name, values in trace.outputs.items()}
    light = replace(trace, outputs={}, details={**trace.details, "output_rows": sizes})
    if before is None:
        return light
    bad = next((each for each in (before, light) if not each.ran), None)
    merged = {name: before.details["output_rows"].get(name, 0) + size for name, size in sizes.items()}
    elapsed = before.elapsed_s + light.elapsed_s
    return bad or replace(
        before,
        changed=before.changed or light.changed,
        details={**before.details, "output_rows": merged},
        elapsed_s=elapsed,
    )


def _decisions(facts: Facts, reference: Trace | None) -> dict[str, Decision | None]:
    """How each output is turned into a class: as the model declares, else argmax where every row is a distribution."""
    declared = {fact.name: fact.decision for fact in facts.outputs}
    outputs = reference.outputs if reference is not None else {}
    return {
        name: declared.get(name) or ("argmax" if _distributions(values) else None)
        for name, values in outputs.items()
    }


def _distributions(values: np.ndarray) -> bool:
    if values.ndim < 2 or values.shape[-1] < 2 or values.dtype.kind != "f" or not values.size:
        return False
    with np.errstate(invalid="ignore"):
        sums = values.astype(np.float64).sum(axis=-1)
    return bool(
        np.isfinite(sums).any()
        and (values[np.isfinite(values)] >= 0).all()
        and np.allclose(sums[np.isfinite(sums)], 1.0, atol=1e-2)
    )

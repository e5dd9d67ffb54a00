"""The constants of tolerance.py on models they were not chosen on: honest pairs of routes must stay below the
limits, planted leaks must not.

`python -m benchmarks calibration` prints a line a model and a line a leak.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import keras
import numpy as np

from benchmarks.measure import Figure, aligned, say
from benchmarks.models import ARCHITECTURES, Architecture, BatchLeak
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.judgement import judge_pairs
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.verdict import Judged
from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.measurement.limits import FLOAT64_FACTOR, FLOAT64_GAIN
from keras_consistency_cli.measurement.policy import Policy
from keras_consistency_cli.measurement.rounding import MAX_FACTOR
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.plan import Plan
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.session.float64 import float64_session
from keras_consistency_cli.routes.session.session import RunOptions
from keras_consistency_cli.routes.session.tensorflow import TensorFlowSession
from keras_consistency_cli.routes.trace import Trace
from keras_consistency_cli.workers.client import WorkerClient

__all__ = ["Desk", "Honest", "Leak", "examine", "measure"]

_HONEST_CODES = ("KC101", "KC102", "KC103", "KC104", "KC201", "KC204")
_LEAK_CODES = ("KC101", "KC103")
_STRENGTHS = tuple(10.0**-power for power in range(3, 10))
_ROWS = 96
_ULP = 2.0**-23


class Desk:
    """A seat in this process: the tool's own routes run on a live model and its float64 copy, one after the
    other.

    Args:
        model: a built model on the TensorFlow backend.
        rows: rows by input name; answers to the numbers that a route is asked for.
    """

    def __init__(self, model: Any, rows: dict[str, np.ndarray]) -> None:
        self._rows, self.facts = rows, describe_model(model)
        self._routes = {route.name: route for route in routes()}
        plain = TensorFlowSession(model, self.facts, RunOptions())
        self._sessions = {"float32": plain, "float64": float64_session(plain, rows)}

    def run(self, name: str, numbers: np.ndarray) -> tuple[Trace, Trace | None]:
        """Run one route on the rows of these numbers, as a worker would."""
        route = self._routes[name]
        session = self._sessions[route.precision]
        session.restore()
        result = route.run(session, {key: values[numbers] for key, values in self._rows.items()})
        session.restore()
        trace = Trace(route=name, outputs=result.outputs, rows=result.rows, details=result.details)
        return trace, Trace(
            route=f"{name}-baseline", outputs=result.baseline, rows=result.rows
        ) if result.baseline else None


@dataclass(frozen=True, kw_only=True)
class Honest:
    """What a model without a fault showed: pairs judged, the worst of them in multiples of E and of the
    lifted base, false alarms.
    """

    name: str
    noise: float
    pairs: int
    worst: float
    worst_pair: str
    float64_pairs: int
    float64_pair: float
    swapped: int
    alarms: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Leak:
    """Which instruments flagged a leak of this strength, by host: pairs of routes, and companion swap in
    float32 and in float64.
    """

    host: str
    strength: float
    by_distance: bool
    by_float64_pair: bool
    by_swap: bool
    by_swap_float64: bool


def examine(model: Any, rows: dict[str, np.ndarray], checks: Sequence[Check]) -> Evidence:
    """Gather what these checks need, in this process, with the tool's own plan and comparisons."""
    desk = Desk(model, rows)
    # One desk in every seat: routes then run in turn, as they must where Keras's float type belongs to the
    # process.
    clients: dict[str, WorkerClient] = {route.placement: cast(WorkerClient, desk) for route in routes()}
    collector = EvidenceCollector(
        plan=Plan.of(checks, routes()), facts=desk.facts, policy=Policy(), clients=clients
    )
    collector.add(np.arange(len(next(iter(rows.values())))), first=True)
    return collector.evidence(DataContext())


def measure(*, quick: bool) -> list[Figure]:
    """Print both tables and return their summaries."""
    honest = list(
        _honest(ARCHITECTURES[:2] if quick else ARCHITECTURES, trained=(False,) if quick else (False, True))
    )
    print(aligned([_HONEST_HEAD, *map(_honest_row, honest)]), end="\n\n")
    leaks = list(
        _leaks(ARCHITECTURES[:1] if quick else ARCHITECTURES[:4], _STRENGTHS[::3] if quick else _STRENGTHS)
    )
    print(
        aligned(
            [
                _LEAK_HEAD,
                *(_leak_row(leaks, strength) for strength in dict.fromkeys(leak.strength for leak in leaks)),
            ]
        ),
        end="\n\n",
    )
    return [*_honest_figures(honest), *_leak_figures(leaks)]


def _checks(codes: Sequence[str]) -> tuple[Check, ...]:
    return tuple(check for check in CHECKS if check.code in codes)


def _honest(architectures: Sequence[Architecture], *, trained: Sequence[bool]) -> Iterator[Honest]:
    for architecture in architectures:
        for train in trained:
            name = f"{architecture.name}, {'trained' if train else 'random'}"
            say(f"calibration: {name}")
            rows = dict(architecture.rows(np.random.default_rng(1), _ROWS))
            keras.utils.set_random_seed(2)
            model = architecture.build(lambda features: features)
            if train:
                _train(model, architecture)
            yield _judged(name, examine(model, rows, _checks(_HONEST_CODES)))


def _train(model: Any, architecture: Architecture) -> None:
    """A few steps towards another model of the same build: weights and moving statistics leave their initial
    values.
    """
    rows = dict(architecture.rows(np.random.default_rng(3), 256))
    teacher = architecture.build(lambda features: features)
    model.compile(keras.optimizers.Adam(1e-2), loss="mse")
    model.fit(rows, teacher.predict(rows, verbose=0), epochs=4, batch_size=32, verbose=0)


def _judged(name: str, evidence: Evidence) -> Honest:
    judged = [each for check in _checks(_HONEST_CODES) for each in judge_pairs(evidence, check.pairs)]
    measured = [each for each in judged if each.limit.origin == "calibrated"]
    worst = max(measured, key=lambda each: _multiple(each, evidence))
    float64_pair = [_lifted(each, evidence) for each in measured if each.float64_pair is not None]
    return Honest(
        name=name,
        noise=max(noise.max_abs for noise in evidence.noise.values()),
        pairs=len(measured),
        worst=_multiple(worst, evidence),
        worst_pair=f"{worst.comparison.candidate} / {worst.comparison.reference}",
        float64_pairs=len(float64_pair),
        float64_pair=max(float64_pair),
        swapped=sum(each.comparison.rows for each in judged if each.limit.origin == "exact"),
        alarms=tuple(f"{each.comparison.candidate}: {each.reason}" for each in judged if not each.within),
    )


def _multiple(judged: Judged, evidence: Evidence) -> float:
    """|a - b| ÷ E."""
    noise = evidence.noise[judged.comparison.output].max_abs
    return judged.comparison.max_abs / noise if noise else float(judged.comparison.max_abs > 0)


def _lifted(judged: Judged, evidence: Evidence) -> float:
    """What is left on the float64 copy, in multiples of (E + 1 ulp) · 2⁻²⁹."""
    assert judged.float64_pair is not None
    noise = evidence.noise[judged.comparison.output]
    return judged.float64_pair.max_abs / (
        (noise.max_abs + _ULP * max(noise.scale, judged.comparison.scale)) * FLOAT64_GAIN
    )


def _leaks(hosts: Sequence[Architecture], strengths: Sequence[float]) -> Iterator[Leak]:
    for host in hosts:
        for strength in strengths:
            say(f"calibration: {host.name}, leak of {strength:.0e}")
            keras.utils.set_random_seed(4)
            model = host.build(BatchLeak(strength))
            evidence = examine(model, dict(host.rows(np.random.default_rng(5), _ROWS)), _checks(_LEAK_CODES))
            yield _found(host.name, strength, evidence)


def _found(host: str, strength: float, evidence: Evidence) -> Leak:
    by_code = {check.code: list(judge_pairs(evidence, check.pairs)) for check in _checks(_LEAK_CODES)}
    distant = [each for each in by_code["KC101"] if not each.within]
    swaps = {each.comparison.candidate: not each.within for each in by_code["KC103"]}
    return Leak(
        host=host,
        strength=strength,
        by_distance=any(each.comparison.max_abs > each.limit.value for each in distant),
        by_float64_pair=bool(distant),
        by_swap=swaps["companions"],
        by_swap_float64=swaps["companions-float64"],
    )


_HONEST_HEAD = (
    "model",
    "E",
    "pairs",
    "worst |a-b|/E",
    "by",
    "lifted pairs",
    "worst lifted",
    "rows swapped",
    "false alarms",
)
_LEAK_HEAD = (
    "leak of the batch mean",
    "hosts",
    "KC101 by distance",
    "KC101",
    "companions",
    "companions float64",
    "missed by all",
)


def _honest_row(honest: Honest) -> tuple[str, ...]:
    numbers = (
        f"{honest.noise:.1e}",
        str(honest.pairs),
        f"{honest.worst:.2f}",
        honest.worst_pair,
        str(honest.float64_pairs),
        f"{honest.float64_pair:.2f}",
    )
    return (honest.name, *numbers, str(honest.swapped), "; ".join(honest.alarms) or "0")


def _leak_row(leaks: Sequence[Leak], strength: float) -> tuple[str, ...]:
    these = [leak for leak in leaks if leak.strength == strength]
    ways = (
        sum(leak.by_distance for leak in these),
        sum(leak.by_float64_pair for leak in these),
        sum(leak.by_swap for leak in these),
        sum(leak.by_swap_float64 for leak in these),
        sum(not _flagged(leak) for leak in these),
    )
    return (f"{strength:.0e}", str(len(these)), *map(str, ways))


def _flagged(leak: Leak) -> bool:
    return leak.by_float64_pair or leak.by_swap or leak.by_swap_float64


def _honest_figures(honest: Sequence[Honest]) -> list[Figure]:
    models, pairs = len(honest), sum(each.pairs for each in honest)
    float64_pair = sum(each.float64_pairs for each in honest)
    return [
        Figure(
            what=(
                f"greatest difference of two healthy routes, {pairs} pairs on {models} models, in multiples "
                "of the model's rounding noise"
            ),
            measured=f"{max(each.worst for each in honest):.2f}",
            against=f"limit {MAX_FACTOR:g}",
        ),
        Figure(
            what=f"the same on the float64 copy, {float64_pair} pairs, in multiples of (E + 1 ulp) · 2⁻²⁹",
            measured=f"{max(each.float64_pair for each in honest):.2f}",
            against=f"limit {FLOAT64_FACTOR:g}",
        ),
        Figure(
            what=(
                f"false alarms on these pairs and on {sum(each.swapped for each in honest)} rows with their "
                "neighbours replaced"
            ),
            measured=str(sum(len(each.alarms) for each in honest)),
            goal="0",
        ),
    ]


def _leak_figures(leaks: Sequence[Leak]) -> list[Figure]:
    strengths = sorted({leak.strength for leak in leaks}, reverse=True)
    ways = (
        ("KC101 batch-vs-single", [leak.by_float64_pair for leak in leaks]),
        ("KC103 companion-swap", [leak.by_swap or leak.by_swap_float64 for leak in leaks]),
    )
    what = (
        f"planted leaks of {strengths[0]:.0e} to {strengths[-1]:.0e} of the batch mean in "
        f"{len({leak.host for leak in leaks})} models, found by "
    )
    return [
        Figure(what=what + name, measured=f"{sum(found)} of {len(found)}", goal="all") for name, found in ways
    ]

"""Check the constants of measurement/ (limits.py, policy.py, rounding.py) on models that did not define them.

Pairs of routes on healthy models must stay below the limits, and planted leaks must exceed them. `python -m
benchmarks calibration` prints one line for each model and one for each strength of a leak.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import keras
import numpy as np

from benchmarks.measure import Figure, align_columns, say
from benchmarks.models import ARCHITECTURES, Architecture, BatchLeak
from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.judgement import judge_pairs
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.verdict import Judged
from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.measurement.limits import FLOAT64_FACTOR
from keras_consistency_cli.measurement.policy import Policy
from keras_consistency_cli.measurement.rounding import FLOAT64_GAIN, MAX_FACTOR
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.plan import Plan
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.session.float64 import float64_session
from keras_consistency_cli.routes.session.session import RunOptions
from keras_consistency_cli.routes.session.tensorflow import TensorFlowSession
from keras_consistency_cli.routes.trace import Trace
from keras_consistency_cli.workers.client import WorkerClient

__all__ = ["HealthyResult", "InProcessRunner", "LeakResult", "examine", "measure"]

_HEALTHY_CODES = ("KC101", "KC102", "KC103", "KC104", "KC201", "KC204")
_LEAK_CODES = ("KC101", "KC103")
_STRENGTHS = tuple(10.0**-power for power in range(3, 10))
_ROWS = 96
_ULP = 2.0**-23


class InProcessRunner:
    """Runs kcheck's routes in this process, one after another, on a live model and its float64 copy.

    Args:
        model: a built model on the TensorFlow backend.
        rows: all rows, by input name.
    """

    def __init__(self, model: Any, rows: dict[str, np.ndarray]) -> None:
        self._rows, self.facts = rows, describe_model(model)
        self._routes = {route.name: route for route in routes()}
        plain = TensorFlowSession(model, self.facts, RunOptions())
        self._sessions = {"float32": plain, "float64": float64_session(plain, rows)}

    def run(self, name: str, numbers: np.ndarray) -> tuple[Trace, Trace | None]:
        """Run one route on the rows with these numbers, as a worker does."""
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
class HealthyResult:
    """The result of a model without a fault.

    Contains the number of pairs of routes, the largest difference in multiples of the noise E and of the
    float64 limit's base, and the false alarms.
    """

    name: str
    noise: float
    pairs: int
    worst: float
    worst_pair: str
    float64_pairs: int
    float64_worst: float
    swapped: int
    alarms: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LeakResult:
    """The measurements that detected a leak of this strength in one model.

    These are the pairs of routes, and the swap of a row's neighbours in float32 and in float64.
    """

    host: str
    strength: float
    by_distance: bool
    by_float64_pair: bool
    by_swap: bool
    by_swap_float64: bool


def examine(model: Any, rows: dict[str, np.ndarray], checks: Sequence[Check]) -> Evidence:
    """Collect the evidence for these checks in this process, with kcheck's own plan and comparisons."""
    runner = InProcessRunner(model, rows)
    # One runner takes the place of every worker. Routes then run in turn, because the float type of Keras
    # applies to the whole process.
    clients: dict[str, WorkerClient] = {route.placement: cast(WorkerClient, runner) for route in routes()}
    collector = EvidenceCollector(
        plan=Plan.of(checks, routes()), facts=runner.facts, policy=Policy(), clients=clients
    )
    collector.add(np.arange(len(next(iter(rows.values())))), first=True)
    return collector.evidence(DataContext())


def measure(*, quick: bool) -> list[Figure]:
    """Print both tables and return their summaries."""
    healthy = list(
        _measure_healthy(
            ARCHITECTURES[:2] if quick else ARCHITECTURES, trained=(False,) if quick else (False, True)
        )
    )
    print(align_columns([_HEALTHY_HEAD, *map(_healthy_row, healthy)]), end="\n\n")
    leaks = list(
        _measure_leaks(
            ARCHITECTURES[:1] if quick else ARCHITECTURES[:4], _STRENGTHS[::3] if quick else _STRENGTHS
        )
    )
    print(
        align_columns(
            [
                _LEAK_HEAD,
                *(_leak_row(leaks, strength) for strength in dict.fromkeys(leak.strength for leak in leaks)),
            ]
        ),
        end="\n\n",
    )
    return [*_healthy_figures(healthy), *_leak_figures(leaks)]


def _checks(codes: Sequence[str]) -> tuple[Check, ...]:
    return tuple(check for check in CHECKS if check.code in codes)


def _measure_healthy(
    architectures: Sequence[Architecture], *, trained: Sequence[bool]
) -> Iterator[HealthyResult]:
    for architecture in architectures:
        for train in trained:
            name = f"{architecture.name}, {'trained' if train else 'random'}"
            say(f"calibration: {name}")
            rows = dict(architecture.rows(np.random.default_rng(1), _ROWS))
            keras.utils.set_random_seed(2)
            model = architecture.build(lambda features: features)
            if train:
                _train(model, architecture)
            yield _healthy_result(name, examine(model, rows, _checks(_HEALTHY_CODES)))


def _train(model: Any, architecture: Architecture) -> None:
    """Train for a few epochs, so that weights and moving statistics differ from their initial values.

    The targets are the outputs of a second model with the same architecture.
    """
    rows = dict(architecture.rows(np.random.default_rng(3), 256))
    teacher = architecture.build(lambda features: features)
    model.compile(keras.optimizers.Adam(1e-2), loss="mse")
    model.fit(rows, teacher.predict(rows, verbose=0), epochs=4, batch_size=32, verbose=0)


def _healthy_result(name: str, evidence: Evidence) -> HealthyResult:
    judged = [pair for check in _checks(_HEALTHY_CODES) for pair in judge_pairs(evidence, check.pairs)]
    measured = [pair for pair in judged if pair.limit.origin == "calibrated"]
    worst = max(measured, key=lambda pair: _multiple(pair, evidence))
    float64_multiples = [
        _float64_multiple(pair, evidence) for pair in measured if pair.float64_pair is not None
    ]
    return HealthyResult(
        name=name,
        noise=max(noise.max_abs for noise in evidence.noise.values()),
        pairs=len(measured),
        worst=_multiple(worst, evidence),
        worst_pair=f"{worst.comparison.candidate} / {worst.comparison.reference}",
        float64_pairs=len(float64_multiples),
        float64_worst=max(float64_multiples),
        swapped=sum(pair.comparison.rows for pair in judged if pair.limit.origin == "exact"),
        alarms=tuple(f"{pair.comparison.candidate}: {pair.reason}" for pair in judged if not pair.within),
    )


def _multiple(judged: Judged, evidence: Evidence) -> float:
    """Return |a - b| ÷ E."""
    noise = evidence.noise[judged.comparison.output].max_abs
    return judged.comparison.max_abs / noise if noise else float(judged.comparison.max_abs > 0)


def _float64_multiple(judged: Judged, evidence: Evidence) -> float:
    """Return the difference on the float64 copy, in multiples of (E + 1 ulp) · 2⁻²⁹."""
    assert judged.float64_pair is not None
    noise = evidence.noise[judged.comparison.output]
    return judged.float64_pair.max_abs / (
        (noise.max_abs + _ULP * max(noise.scale, judged.comparison.scale)) * FLOAT64_GAIN
    )


def _measure_leaks(hosts: Sequence[Architecture], strengths: Sequence[float]) -> Iterator[LeakResult]:
    for host in hosts:
        for strength in strengths:
            say(f"calibration: {host.name}, leak of {strength:.0e}")
            keras.utils.set_random_seed(4)
            model = host.build(BatchLeak(strength))
            evidence = examine(model, dict(host.rows(np.random.default_rng(5), _ROWS)), _checks(_LEAK_CODES))
            yield _leak_result(host.name, strength, evidence)


def _leak_result(host: str, strength: float, evidence: Evidence) -> LeakResult:
    by_code = {check.code: list(judge_pairs(evidence, check.pairs)) for check in _checks(_LEAK_CODES)}
    failed = [pair for pair in by_code["KC101"] if not pair.within]
    swaps = {pair.comparison.candidate: not pair.within for pair in by_code["KC103"]}
    return LeakResult(
        host=host,
        strength=strength,
        by_distance=any(pair.comparison.max_abs > pair.limit.value for pair in failed),
        by_float64_pair=bool(failed),
        by_swap=swaps["companions"],
        by_swap_float64=swaps["companions-float64"],
    )


_HEALTHY_HEAD = (
    "model",
    "E",
    "pairs",
    "worst |a-b|/E",
    "by",
    "float64 pairs",
    "worst float64",
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


def _healthy_row(result: HealthyResult) -> tuple[str, ...]:
    numbers = (
        f"{result.noise:.1e}",
        str(result.pairs),
        f"{result.worst:.2f}",
        result.worst_pair,
        str(result.float64_pairs),
        f"{result.float64_worst:.2f}",
    )
    return (result.name, *numbers, str(result.swapped), "; ".join(result.alarms) or "0")


def _leak_row(leaks: Sequence[LeakResult], strength: float) -> tuple[str, ...]:
    of_strength = [leak for leak in leaks if leak.strength == strength]
    counts = (
        sum(leak.by_distance for leak in of_strength),
        sum(leak.by_float64_pair for leak in of_strength),
        sum(leak.by_swap for leak in of_strength),
        sum(leak.by_swap_float64 for leak in of_strength),
        sum(not _is_detected(leak) for leak in of_strength),
    )
    return (f"{strength:.0e}", str(len(of_strength)), *map(str, counts))


def _is_detected(leak: LeakResult) -> bool:
    return leak.by_float64_pair or leak.by_swap or leak.by_swap_float64


def _healthy_figures(healthy: Sequence[HealthyResult]) -> list[Figure]:
    models, pairs = len(healthy), sum(result.pairs for result in healthy)
    float64_pairs = sum(result.float64_pairs for result in healthy)
    return [
        Figure(
            what=(
                f"greatest difference of two healthy routes, {pairs} pairs on {models} models, in multiples "
                "of the model's rounding noise"
            ),
            measured=f"{max(result.worst for result in healthy):.2f}",
            against=f"limit {MAX_FACTOR:g}",
        ),
        Figure(
            what=f"the same on the float64 copy, {float64_pairs} pairs, in multiples of (E + 1 ulp) · 2⁻²⁹",
            measured=f"{max(result.float64_worst for result in healthy):.2f}",
            against=f"limit {FLOAT64_FACTOR:g}",
        ),
        Figure(
            what=(
                f"false alarms on these pairs and on {sum(result.swapped for result in healthy)} rows with "
                "their neighbours replaced"
            ),
            measured=str(sum(len(result.alarms) for result in healthy)),
            goal="0",
        ),
    ]


def _leak_figures(leaks: Sequence[LeakResult]) -> list[Figure]:
    strengths = sorted({leak.strength for leak in leaks}, reverse=True)
    checks = (
        ("KC101 batch-vs-single", [leak.by_float64_pair for leak in leaks]),
        ("KC103 companion-swap", [leak.by_swap or leak.by_swap_float64 for leak in leaks]),
    )
    what = (
        f"planted leaks of {strengths[0]:.0e} to {strengths[-1]:.0e} of the batch mean in "
        f"{len({leak.host for leak in leaks})} models, found by "
    )
    return [
        Figure(what=what + name, measured=f"{sum(detected)} of {len(detected)}", goal="all")
        for name, detected in checks
    ]

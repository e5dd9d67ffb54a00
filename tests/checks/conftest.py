"""A world in which every route gives the same outputs, except those that a test changes.

No model runs: a fake client returns small arrays. Everything after the client is real: the plan, the
comparisons, the noise and the check's own judgement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.facts import Facts, InputFact, OutputFact
from keras_consistency_cli.measurement.policy import Policy
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.plan import Plan
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.trace import Trace

ROWS = 32
NOISE = 2.0**-15
"""The largest |float32 - float64| of a world's predict; the limit is four times that, plus one ulp."""

Answer = np.ndarray | Trace | Mapping[str, np.ndarray]
"""What a route returns: output "out", a whole trace, or outputs by name."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Rows of a healthy model: `exact` are its float64 outputs, `predict` its float32 outputs.

    Args:
        answers: by route, outputs that differ from these.
        facts: fields of Facts that differ from a small functional model's.
        policy: how limits are found.
        data: what is known about the rows without any route.
        exports: labels of exports; a check must be configured for the same ones.
        backends: names of other backends; the same.
    """

    exact: np.ndarray
    predict: np.ndarray
    answers: Mapping[str, Answer] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    data: DataContext = field(default_factory=DataContext)
    exports: Sequence[str] = ()
    backends: Sequence[str] = ()

    def where(self, answers: Mapping[str, Answer] | None = None, **changed: Any) -> World:
        """The same world, with different outputs of some routes and different fields."""
        return replace(self, answers={**self.answers, **(answers or {})}, **changed)

    def moved(self, by: float, rows: Sequence[int] = (3,), *, precision: str = "float32") -> np.ndarray:
        """The outputs of predict, or of the float64 copy, changed by `by` in some rows."""
        values = (self.exact if precision == "float64" else self.predict).copy()
        values[list(rows)] += values.dtype.type(by)
        return values

    def evidence(self, check: Check) -> Evidence:
        """The evidence that a run of the check's routes would give."""
        usual: dict[str, Any] = {
            "name": "m",
            "kind": "Functional",
            "parameters": 1,
            "layers": (),
            "backend": "tensorflow",
            "inputs": (InputFact(name="x", shape=(None, 2), dtype="float32"),),
            "outputs": (OutputFact(name="out", shape=(None, 1)),),
        }
        facts = Facts(**{**usual, **self.facts})
        client: Any = _Client(self)
        table = routes(exports=self.exports, backends=self.backends)
        clients: dict[str, Any] = {route.worker: client for route in table}
        collector = EvidenceCollector(
            plan=Plan.of([check], table), facts=facts, policy=self.policy, clients=clients
        )
        collector.add_sample(np.arange(len(self.predict)))
        return collector.evidence(self.data)

    def verdict(self, check: Check) -> Verdict:
        """The verdict of the check, without the time it took."""
        return replace(check.verdict(self.evidence(check)), elapsed_s=0.0)


class _Client:
    """Returns the world's outputs; by default those of predict or of its float64 copy."""

    def __init__(self, world: World) -> None:
        self._world = world

    def run(self, route: str, rows: np.ndarray) -> tuple[Trace, Trace | None]:
        baseline = f"{route}-baseline"
        name = route.partition("@")[0]
        brings_one = name in ("companions", "companions-float64", "unpadded", "reloaded", "loaded-again")
        return self._trace(route), self._trace(baseline) if brings_one and self._trace(route).ran else None

    def _trace(self, route: str) -> Trace:
        answer = self._world.answers.get(route, self._usual(route))
        if isinstance(answer, Trace):
            return replace(answer, route=route)
        return Trace(route=route, outputs=answer if isinstance(answer, Mapping) else {"out": answer})

    def _usual(self, route: str) -> Answer:
        if route == "predict-again" and "predict" in self._world.answers:
            return self._world.answers["predict"]
        if route == "rows":
            return {"x": np.zeros(len(self._world.predict), bool)}
        return self._world.exact if "float64" in route else self._world.predict


@pytest.fixture
def make_world() -> Callable[..., World]:
    """A function that creates a world of some rows, with values around `centre`."""

    def make(rows: int = ROWS, *, centre: float = 1.0) -> World:
        predict = np.full((rows, 1), centre, np.float32) + np.linspace(
            -0.125, 0.125, rows, dtype=np.float32
        ).reshape(-1, 1)
        rounding = NOISE * np.where(np.arange(rows) % 2, 1.0, -1.0).reshape(-1, 1)
        return World(exact=predict + rounding, predict=predict)

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A world of 32 rows without any fault."""
    return make_world()


@pytest.fixture
def crashed() -> Trace:
    """A route that crashed."""
    return Trace(route="", error="ValueError: boom")


@pytest.fixture
def missing() -> Trace:
    """A route that cannot run here."""
    return Trace(route="", unavailable="not on this machine")

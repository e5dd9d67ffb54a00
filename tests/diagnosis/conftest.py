"""Evidence as a run collects it, from facts, a few traces and real comparisons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.measurement.limits import NoiseEvidence, judge
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Policy
from keras_consistency_cli.routes.trace import Change, Trace


def _compared(candidate: str, rows: tuple[int, ...]) -> Comparison:
    """A candidate that differs from predict by 1 in these rows."""
    reference = np.ones((16, 1), np.float32)
    changed = reference.copy()
    changed[list(rows)] += 1
    return compare(
        (candidate, "predict"),
        RowOutputs(outputs={"out": changed}),
        RowOutputs(outputs={"out": reference}),
    )[0]


def _evidence(
    *,
    changed: Mapping[str, tuple[str, str]] | None = None,
    differing: tuple[str, ...] = (),
    located: Mapping[str, Mapping[str, Any]] | None = None,
    **facts: Any,
) -> Evidence:
    """Evidence of a model named m.

    `changed` is the variable that each route changed, as (path, kind); `differing` the repeats of predict
    that differ from it; `located` the details of locating routes.
    """
    defaults: dict[str, Any] = {
        "name": "m",
        "kind": "Functional",
        "parameters": 1,
        "layers": (),
        "inputs": (),
        "outputs": (),
    }
    traces = {"predict": Trace(route="predict")}
    for route, (path, kind) in (changed or {}).items():
        traces[route] = Trace(route=route, changed=(Change(path=path, kind=kind, max_abs=1.0),))  # type: ignore[arg-type]
    for route, details in (located or {}).items():
        traces[route] = Trace(route=route, details=details)
    repeats = ("predict-again", "predict-retraced", "fresh-process")
    comparisons = {
        (name, "predict"): (_compared(name, (3,) if name in differing else ()),) for name in repeats
    }
    return Evidence(
        facts=Facts(**{**defaults, **facts}), policy=Policy(), traces=traces, comparisons=comparisons
    )


def _verdict(
    code: str,
    status: Status = Status.FAIL,
    *,
    moved: tuple[int, ...] = (),
    route: str = "other",
    **findings: Any,
) -> Verdict:
    """The verdict of a check; `moved` are the rows in which the route differs."""
    judged: tuple[Judged, ...] = ()
    if moved:
        comparison = _compared(route, moved)
        judgement = judge(NoiseEvidence(pair=comparison), policy=Policy())
        judged = (Judged(comparison=comparison, limit=judgement.limit, within=judgement.within),)
    return Verdict(status=status, message="", code=code, name=code, judged=judged, findings=findings)


@pytest.fixture
def evidence() -> Callable[..., Evidence]:
    """A function that returns evidence."""
    return _evidence


@pytest.fixture
def verdict() -> Callable[..., Verdict]:
    """A function that returns a verdict, by default a failed one."""
    return _verdict

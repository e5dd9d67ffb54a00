"""CPU kernels must not change outputs: oneDNN on and off, one thread and many.

Why: TensorFlow chooses its kernels by processor, oneDNN and threads when it is imported. A different machine
therefore rounds differently, which is not a fault; but a kernel may also treat values differently: fused with
relu, oneDNN returns 0.0 for NaN.

How: an additional process imports TensorFlow without oneDNN, and another one keeps oneDNN but computes with a
single thread; both predict the same rows. This costs a second import of the backend, so the check runs only
on request: `--select KC605`.

To fix: nothing, if the difference is rounding; otherwise remove NaN from the rows, set
TF_ENABLE_ONEDNN_OPTS=0, or fix the number of threads if the same bits matter.

Sources: tensorflow#23595, tensorflow#119628.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.preconditions import FRESH, skip_if_fresh_process_differs
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict

__all__ = ["CHECK"]

_SWITCHES = {"without-onednn": "oneDNN", "one-thread": "the number of threads"}
_SWITCHED = {"without-onednn": "without oneDNN", "one-thread": "with one thread"}
_PAIRS = tuple(Pair(candidate=name, reference="predict") for name in _SWITCHES)
_WORDING = Wording(
    agree="oneDNN and threads make no difference except rounding",
    differ="outputs differ with other CPU kernels",
    advice="look for NaN in the rows; TF_ENABLE_ONEDNN_OPTS=0 gives the same outputs on more machines",
)


class _Effect(TypedDict):
    """The largest effect of one switch, as plain data."""

    identical: bool
    within: bool
    max_abs: float
    scaled: float
    flipped: int


def examine(evidence: Evidence) -> Verdict:
    """Compare both processes with predict, and name the switch that changes outputs."""
    verdict = agreement(evidence, _PAIRS, _WORDING)
    if not verdict.judged:
        return verdict
    effects = {name: effect for name in _SWITCHES if (effect := _effect(verdict.judged, name)) is not None}
    moved_by = [_SWITCHES[name] for name, effect in effects.items() if not effect["identical"]]
    findings = {"moved_by": moved_by, **effects}
    beyond = [_SWITCHES[name] for name, effect in effects.items() if not effect["within"]]
    differs_anyway = skip_if_fresh_process_differs(evidence) if verdict.status is Status.FAIL else None
    if differs_anyway is not None:
        return differs_anyway
    if verdict.status is Status.FAIL and beyond:
        blame = " and ".join(beyond)
        message = f"{blame} {'change' if beyond[1:] else 'changes'} the outputs; {verdict.message}"
        return replace(
            verdict, message=message, findings={**findings, "cause": "kernel-dependent", "blame": blame}
        )
    numbers = ", ".join(f"{_SWITCHED[name]} {_describe(effect)}" for name, effect in effects.items())
    advice = numbers if verdict.status is Status.PASS else verdict.advice
    return replace(verdict, message=f"{verdict.message}; {numbers}", findings=findings, advice=advice)


def _effect(judged: Sequence[Judged], name: str) -> _Effect | None:
    own = [one for one in judged if one.comparison.candidate == name]
    if not own:
        return None
    worst = max(own, key=lambda one: one.comparison.scaled).comparison
    return _Effect(
        identical=all(one.comparison.identical for one in own),
        within=all(one.within for one in own),
        max_abs=worst.max_abs,
        scaled=worst.scaled,
        flipped=worst.flipped,
    )


def _describe(effect: _Effect) -> str:
    return "the same bits" if effect["identical"] else f"up to {effect['max_abs']:.1e}"


CHECK = Check(
    code="KC605",
    name="cpu-kernels",
    title="oneDNN on and off, one thread and many agree (only with --select)",
    explanation=__doc__,
    pairs=(*_PAIRS, FRESH),
    examine=examine,
    on_request=True,
)

"""The same rows must get the same outputs again, and predicting must not change the model.

Why: outputs differ from call to call because of dropout or noise left on, recurrent state that is carried
over, counters and caches in `call()`, and values that NumPy or Python draws and that are frozen when Keras
traces the model. A model that computes with the time of the call gives other outputs tomorrow.

How: predict runs twice without any reset in between; after `predict_function` is traced again; and in a
second process that has run nothing before. The same bits are expected; differences within rounding noise are
a warning. Every variable, recurrent state and seed generator is compared before and after; a state that
changes and has no effect on the second predict is a warning. The graph of predict is searched for the clock.

To fix: take `training` and pass it on to inner layers; reset the states of stateful layers
(`layer.reset_state()`) before independent rows; use keras.random inside layers; make the time an input.

Sources: keras#9412, keras#10231, tensorflow#39583, tensorflow#32299.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.preconditions import (
    clock_operation,
    differs_by_trace,
    skip_if_state_is_carried_on_purpose,
)
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.routes.trace import REFERENCE, REPEATED, TRACED_AGAIN, Change
from keras_consistency_cli.text import clean

__all__ = ["CHECK"]

_PAIRS = tuple(Pair(candidate=name, reference=REFERENCE) for name in (REPEATED, *TRACED_AGAIN))
_KERNELS = 1e-6
"""Share of the output that kernels running in varying order can change; on a CPU no such change was seen."""
_WORDING = Wording(
    agree="the same rows get the same outputs again",
    differ="the same rows get different outputs the next time",
    advice=(
        "look at what predicting changed: a seed means randomness left on, "
        "a state means a recurrent layer that is not reset"
    ),
)
_NOT_STATEFUL = "set stateful=False: each call starts from its initial_state, and no state is carried over"
_COUNT_OUTSIDE = (
    "count where the model is called, or only if training is true: a graph counts once, when it is traced"
)
_KINDS = {"weight": "variable", "state": "state", "seed": "seed generator"}


def examine(evidence: Evidence) -> Verdict:
    """Compare the repeats with predict, then look at what predicting changed."""
    skipped = skip_if_state_is_carried_on_purpose(evidence)
    if skipped is not None:
        return skipped
    trace = evidence.traces.get(REFERENCE)
    changed = trace.changed if trace is not None else ()
    listed = [{"path": each.path, "kind": each.kind, "max_abs": each.max_abs} for each in changed]
    verdict = replace(agreement(evidence, _PAIRS, _WORDING), findings={"changed": listed})
    clock = clock_operation(evidence)
    if clock is not None and verdict.status is not Status.ERROR:
        return _at_another_time(verdict, clock)
    if verdict.status is Status.FAIL:
        return replace(verdict, message=f"{verdict.message}{_describe_changes(changed)}")
    return (
        _random(verdict, changed)
        or _changed_model(evidence, verdict, changed)
        or _varying_kernels(verdict)
        or verdict
    )


def _at_another_time(verdict: Verdict, operation: str) -> Verdict:
    """A FAIL for outputs that are computed from the time, however alike they are within this run."""
    message = f"the same rows get different outputs at another time: {clean(operation)} reads the clock"
    advice = "give the model the time as an input"
    findings = {**verdict.findings, "cause": "clock-read"}
    return replace(verdict, status=Status.FAIL, message=message, advice=advice, findings=findings)


def _random(verdict: Verdict, changed: Sequence[Change]) -> Verdict | None:
    """A FAIL for outputs that change from call to call at random, however little.

    A seed changes as well, or the difference is larger than varying kernels ever made.
    """
    for judged in verdict.judged:
        pair = judged.comparison
        differs = pair.max_abs > 0 if changed else pair.scaled > _KERNELS
        if pair.candidate == REPEATED and differs and all(change.kind == "seed" for change in changed):
            message = (
                f"{_WORDING.differ}: off by up to {pair.max_abs:.2g} in {pair.rows_differing} of "
                f"{pair.rows} rows{_describe_changes(changed)}"
            )
            return replace(verdict, status=Status.FAIL, message=message, advice=_WORDING.advice)
    return None


def _changed_model(evidence: Evidence, verdict: Verdict, changed: Sequence[Change]) -> Verdict | None:
    """A FAIL if predicting changes variables or states, a WARN if these states have no effect."""
    changes = [change for change in changed if change.kind != "seed"]
    if not changes or verdict.status is Status.ERROR:
        return None
    is_plain = any(change.plain for change in changes)
    is_used = is_plain and differs_by_trace(evidence)
    if all(change.kind == "state" for change in changes) and _is_without_effect(verdict) and not is_used:
        message = f"no output depends on what predict changes{_describe_changes(changes)}"
        advice = _COUNT_OUTSIDE if is_plain else _NOT_STATEFUL
        return replace(verdict, status=Status.WARN, message=message, advice=advice)
    message = _describe_changes(changes).removeprefix("; ")
    advice = "update variables only if training is true"
    return replace(verdict, status=Status.FAIL, message=message, advice=advice)


def _is_without_effect(verdict: Verdict) -> bool:
    """Whether predict repeats its outputs to the bit, although nothing was reset."""
    repeats = [each.comparison for each in verdict.judged if each.comparison.candidate == REPEATED]
    return bool(repeats) and all(comparison.identical for comparison in repeats)


def _varying_kernels(verdict: Verdict) -> Verdict | None:
    """A WARN for differences within rounding noise: the same bits were expected."""
    differing = [judged.comparison for judged in verdict.judged if not judged.comparison.identical]
    if not differing or verdict.status is not Status.PASS:
        return None
    largest = max(comparison.max_abs for comparison in differing)
    message = (
        f"repeating changes outputs by {largest:.1e}; within rounding noise, but the same bits were expected"
    )
    advice = "set_random_seed does not help here: a kernel runs in varying order"
    return replace(verdict, status=Status.WARN, message=message, advice=advice)


def _describe_changes(changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    counts = {word: sum(change.kind == kind for change in changes) for kind, word in _KINDS.items()}
    words = [f"a {word}" if count == 1 else f"{count} {word}s" for word, count in counts.items() if count]
    if len(changes) == 1:
        return f"; predict changes {words[0]}, {changes[0].path}"
    return f"; predict changes {' and '.join(words)}, such as {changes[0].path}"


CHECK = Check(
    code="KC203",
    name="repeatability",
    title="the same input again, here and in a fresh process: the same outputs, and nothing changed",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)

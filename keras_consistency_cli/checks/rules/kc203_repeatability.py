"""The same rows must get the same answers again: in this process, after a retrace, and in a fresh process; and
predicting must not change the model.

Why: answers that differ from call to call come from dropout or noise left on, from recurrent state carried over, from
counters and caches in `call()`, and from values drawn by NumPy or Python and frozen when Keras traces the model.

How: predict twice with nothing reset in between; predict after `predict_function` is traced anew; predict in a second
process that has run nothing before. The same bits are expected; differences within rounding noise are a warning.
Every variable, RNN state and seed generator is compared before and after.

To fix: pass and forward `training`; reset the states of stateful layers (`layer.reset_state()`) before independent
rows; use keras.random inside layers.

Sources: keras#9412, keras#10231, tensorflow#39583.
"""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement, carries_state_on_purpose
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict
from keras_consistency_cli.routes.trace import Change

__all__ = ["CHECK"]

_PAIRS = tuple(
    Pair(candidate=name, reference="predict")
    for name in ("predict-again", "predict-retraced", "fresh-process")
)
_KERNELS = 1e-6
"""Of the output: what kernels that run in varying order can move; on a CPU they were never seen to move anything."""
_WORDING = Wording(
    agree="the same rows get the same answers again",
    differ="the same rows get other answers the next time,",
    advice=(
        "look at what running changed: seeds mean randomness left on, states mean a recurrent layer that is "
        "not reset"
    ),
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the repeats, then what predicting changed."""
    skipped = carries_state_on_purpose(evidence)
    if skipped:
        return skipped
    verdict = agreement(evidence, _PAIRS, _WORDING)
    changed = _changed(evidence)
    verdict = replace(
        verdict,
        findings={
            "changed": [{"path": each.path, "kind": each.kind, "max_abs": each.max_abs} for each in changed]
        },
    )
    if verdict.status is Status.FAIL:
        return replace(verdict, message=f"{verdict.message}{_told(changed)}")
    drawn = _drawn(verdict, changed)
    if drawn:
        return replace(
            verdict,
            status=Status.FAIL,
            message=f"{_WORDING.differ} {drawn}{_told(changed)}",
            advice=_WORDING.advice,
        )
    weights = [each for each in changed if each.kind != "seed"]
    if weights and verdict.status is not Status.ERROR:
        message = f"predict changes the model{_told(weights)}"
        return replace(
            verdict,
            status=Status.FAIL,
            message=message,
            advice="update variables only where training is true",
        )
    differing = [each.comparison for each in verdict.judged if not each.comparison.identical]
    if differing and verdict.status is Status.PASS:
        furthest = max(each.max_abs for each in differing)
        message = (
            f"repeating moves answers by {furthest:.1e}, within rounding noise, though the same bits were "
            "expected"
        )
        return replace(
            verdict,
            status=Status.WARN,
            message=message,
            advice="set_random_seed does not help here: some kernel runs in varying order",
        )
    return verdict


def _drawn(verdict: Verdict, changed: tuple[Change, ...]) -> str:
    """Answers that move from call to call are random however little they move: with a seed that moves too, or by more than kernels ever did."""
    for each in verdict.judged:
        pair = each.comparison
        moved = pair.candidate == "predict-again" and (
            pair.max_abs > 0 if changed else pair.scaled > _KERNELS
        )
        if moved and all(change.kind == "seed" for change in changed):
            return f"by up to {pair.max_abs:.2g} in {pair.rows_differing} of {pair.rows} rows"
    return ""


def _changed(evidence: Evidence) -> tuple[Change, ...]:
    trace = evidence.traces.get("predict")
    return trace.changed if trace is not None else ()


def _told(changed: tuple[Change, ...] | list[Change]) -> str:
    if not changed:
        return ""
    kinds = {"weight": "variable", "state": "state", "seed": "seed generator"}
    counts = {word: sum(each.kind == kind for each in changed) for kind, word in kinds.items()}
    told = [f"a {word}" if count == 1 else f"{count} {word}s" for word, count in counts.items() if count]
    if len(changed) == 1:
        return f"; predict changes {told[0]}, {changed[0].path}"
    return f"; predict changes {' and '.join(told)}, {changed[0].path} among them"


CHECK = Check(
    code="KC203",
    name="repeatability",
    title="the same input again, here and in a fresh process: the same answers, and nothing changed",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)

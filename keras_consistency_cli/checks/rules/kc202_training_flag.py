"""A bare `model(x)` must be inference, and must not change the model.

Why: `model(x)` without a flag is what notebooks, exporters and custom servers call. Augmentation layers use
training=True by default, and `bn(x, training=True)` written into a functional graph has an effect on a call
although predict ignores it. Such a call also changes BatchNormalization's statistics permanently.

How: `model(x)` is compared with `model(x, training=False)` on the same batches, and so are the variables
before and after. If a bare call changes variables, model(x, training=False) runs again after 20 bare calls:
a variable that is used before it is overwritten changes no output of the call itself, but those of all later
ones. A number that outputs do not depend on, such as a count of calls, is reported and does not fail. For
information, `model(x, training=True)` runs with each kind of layer with a training mode switched on alone.

To fix: always pass `training=False` when calling; remove a `training=` argument written into the graph;
remove augmentation before export.

Sources: keras#13762, keras#23364, tf-keras#320.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.routes.calling.direct_call import TrainingDetails, TrainingEffect
from keras_consistency_cli.routes.calling.training.bare_calls import (
    BARE_CALL,
    BareCallDetails,
    moves_later_outputs,
)
from keras_consistency_cli.text import format_count

__all__ = ["CHECK"]

_NAMED = 2
"""How many changed weights a message names."""
_PAIRS = (Pair(candidate=BARE_CALL, reference="call"),)
_WORDING = Wording(
    agree="a bare model(x) is inference",
    differ="a bare model(x) is not inference, compared with model(x, training=False)",
    advice=(
        "call model(x, training=False), and fix the layer: no training=True as default, "
        "no training= argument in the graph"
    ),
)


def examine(evidence: Evidence) -> Verdict:
    """Compare the bare call with inference, then look at what it changed."""
    verdict = agreement(evidence, _PAIRS, _WORDING)
    trained = evidence.traces.get("training-call")
    if trained is not None and trained.error and verdict.status is not Status.FAIL:
        message, reason = "model(x, training=True) crashed", f"training-call: {trained.error}"
        return replace(verdict, status=Status.ERROR, message=message, reason=reason)
    ran = trained is not None and trained.ran
    verdict = replace(verdict, findings={"training_effects": _effects(evidence)} if ran else {})
    changed = sorted(_changed_weights(evidence, BARE_CALL) - _changed_weights(evidence, "call"))
    if changed:
        return _judge_changes(verdict, changed, evidence.details(BARE_CALL, BareCallDetails))
    if verdict.status is Status.PASS:
        return replace(verdict, message=f"{verdict.message}{_describe_effects(evidence)}")
    return verdict


def _judge_changes(verdict: Verdict, changed: Sequence[str], details: BareCallDetails) -> Verdict:
    """Judge weights that a bare call changes, after a difference of the outputs."""
    weights = format_count(len(changed), "variable")
    such = f", such as {' and '.join(changed[:_NAMED])}" if len(changed) > 1 else f", {changed[0]}"
    verdict = replace(verdict, findings={**verdict.findings, "changed_weights": list(changed)})
    if verdict.status is Status.FAIL:
        message = f"{verdict.message}; it also changes {weights} of the model{such}, which later calls use"
        return replace(verdict, message=message, advice=_WORDING.advice)
    message = f"a bare model(x) changes {weights} of the model{such}"
    if "moved" not in details:
        return replace(verdict, status=Status.FAIL, message=message, advice=_WORDING.advice)
    calls = format_count(details["calls"], "such call")
    if moves_later_outputs(details):
        message = f"{message}: after {calls}, outputs of predict differ by up to {details['moved']:.2g}"
        return replace(verdict, status=Status.FAIL, message=message, advice=_WORDING.advice)
    if details["depends"]:
        message = f"{message}; outputs are the same after {calls}, and depend on it"
        return replace(verdict, status=Status.WARN, message=message, advice=_WORDING.advice)
    unused = f"it changes {weights}{such}: no output depends on it"
    return replace(verdict, message=f"{verdict.message}; {unused}")


def _changed_weights(evidence: Evidence, route: str) -> set[str]:
    trace = evidence.traces.get(route)
    return (
        {change.path for change in trace.changed if change.kind == "weight"} if trace is not None else set()
    )


def _effects(evidence: Evidence) -> Sequence[TrainingEffect]:
    """What training mode changes, by kind of layer."""
    return evidence.details("training-call", TrainingDetails).get("effects", [])


def _describe_effects(evidence: Evidence) -> str:
    effects = [
        f"{effect['kind']} by {effect['max_abs']:.2g}"
        for effect in _effects(evidence)
        if effect["max_abs"] > 0
    ]
    return f"; training=True would change outputs: {', '.join(effects)}" if effects else ""


CHECK = Check(
    code="KC202",
    name="training-flag",
    title="a bare model(x) is inference and changes nothing",
    explanation=__doc__,
    pairs=_PAIRS,
    routes=("training-call",),
    examine=examine,
)

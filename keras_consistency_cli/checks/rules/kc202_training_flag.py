"""A bare `model(x)` must be inference, and must not change the model.

Why: `model(x)` without a flag is what notebooks, exporters and custom servers call. Augmentation layers use
training=True by default, and `bn(x, training=True)` written into a functional graph has an effect on a call
although predict ignores it. Such a call also changes BatchNormalization's statistics permanently.

How: `model(x)` is compared with `model(x, training=False)` on the same batches, and so are the variables
before and after. For information, `model(x, training=True)` runs with each kind of layer that has a training
mode switched on alone.

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

__all__ = ["CHECK"]

_PAIRS = (Pair(candidate="bare-call", reference="call"),)
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
    changed = _changed_weights(evidence, "bare-call") - _changed_weights(evidence, "call")
    if changed and verdict.status is not Status.FAIL:
        message = (
            f"a bare model(x) changes {len(changed)} variables of the model, such as {sorted(changed)[0]}"
        )
        return replace(verdict, status=Status.FAIL, message=message, advice=_WORDING.advice)
    if verdict.status is Status.PASS:
        return replace(verdict, message=f"{verdict.message}{_describe_effects(evidence)}")
    return verdict


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

"""A bare `model(x)` must be inference, and must not change the model.

Why: `model(x)` without a flag is what notebooks, exporters and custom servers call. Augmentation layers take
training=True by default, `bn(x, training=True)` written into a functional graph is obeyed by a call though predict
ignores it, and such a call also moves BatchNormalization's statistics for good.

How: `model(x)` against `model(x, training=False)` on the same batches, and the variables before and after. For
information, `model(x, training=True)` with each kind of layer that answers to the flag switched on alone.

To fix: always pass `training=False` when calling; take a baked `training=` argument out of the graph; strip
augmentation before export.

Sources: keras#13762, keras#23364, tf-keras#320.
"""

from __future__ import annotations

from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict

__all__ = ["CHECK"]

_PAIRS = (Pair(candidate="bare-call", reference="call"),)
_WORDING = Wording(
    agree="a bare model(x) is inference",
    differ="a bare model(x) is not inference: it parts from model(x, training=False)",
    advice=(
        "call model(x, training=False), and fix the layer: no training=True default, no training= written "
        "into the graph"
    ),
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the bare call, then what it changed; tell which layers answer to the flag."""
    verdict = agreement(evidence, _PAIRS, _WORDING)
    trained = evidence.traces.get("training-call")
    if trained is not None and trained.error and verdict.status is not Status.FAIL:
        return replace(
            verdict,
            status=Status.ERROR,
            message="model(x, training=True) crashed",
            reason=f"training-call: {trained.error}",
        )
    verdict = replace(verdict, findings=_effects(evidence))
    trace, quiet = evidence.traces.get("bare-call"), evidence.traces.get("call")
    moved = (
        {change.path for change in trace.changed if change.kind == "weight"} if trace is not None else set()
    )
    own = moved - ({change.path for change in quiet.changed} if quiet is not None else set())
    if own and verdict.status is not Status.FAIL:
        message = f"a bare model(x) changes the model: {len(own)} variables, {sorted(own)[0]} among them"
        return replace(verdict, status=Status.FAIL, message=message, advice=_WORDING.advice)
    return (
        replace(verdict, message=f"{verdict.message}{_answering(evidence)}")
        if verdict.status is Status.PASS
        else verdict
    )


def _effects(evidence: Evidence) -> dict[str, object]:
    trace = evidence.traces.get("training-call")
    return {"training_effects": trace.details.get("effects", [])} if trace is not None and trace.ran else {}


def _answering(evidence: Evidence) -> str:
    effects = evidence.details("training-call").get("effects", [])
    told = [f"{effect['kind']} by {effect['max_abs']:.2g}" for effect in effects if effect["max_abs"] > 0]
    return f"; training=True would move outputs: {', '.join(told)}" if told else ""


CHECK = Check(
    code="KC202",
    name="training-flag",
    title="a bare model(x) is inference and changes nothing",
    explanation=__doc__,
    pairs=_PAIRS,
    routes=("training-call",),
    examine=examine,
)

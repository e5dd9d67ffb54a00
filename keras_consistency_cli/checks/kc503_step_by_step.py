"""Which ways of feeding a sequence step by step give the answers of the whole sequence?

Why: generation and streaming feed a model in pieces. Growing prefixes are right only where no layer looks ahead:
Bidirectional, attention without a causal mask and "same" convolutions do. One step at a time is right only where the
past is carried along: a layer without stateful=True starts every step from nothing, and step 0 alone comes out right.

How: later steps are replaced and answers to earlier ones must stay; earlier ones are replaced, which tells whether the
past matters. Prefixes, and single steps inside one compiled loop, are held against the whole, and so is a copy of the
model that carries its state. What is safe is information, unless `facts: {step_by_step: one-step}` or
`growing-prefix` says how the model is going to be fed: then a difference fails.

To fix: feed whole prefixes; build the model a second time with stateful=True and batch_size=1 and copy the weights; or
use causal layers (padding="causal", use_causal_mask=True).

Sources: keras#1128, keras#2218.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict
from keras_consistency_cli.text import clean

__all__ = ["CHECK"]

_APPARENT = 1e-4
_TWIN = (
    "build it again with the same layers, stateful, and copy the weights:\n"
    "    series = keras.Input((None, features), batch_size=1)\n"
    "    twin = keras.Model(series, ...)          # every recurrent layer with stateful=True\n"
    "    twin.set_weights(model.get_weights())\n"
    "then reset its layers before each sequence and feed x[:, t:t + 1]"
)


def examine(evidence: Evidence) -> Verdict:
    """Say which loops are safe; FAIL where the owner's own way is not."""
    trace = evidence.traces.get("steps")
    if trace is None or trace.unavailable:
        return Verdict(status=Status.SKIP, message="nothing is fed step by step", reason=trace.unavailable if trace else "the route did not run")
    if trace.error:
        return Verdict(status=Status.ERROR, message="a way of calling the model crashed", reason=f"steps: {trace.error}")
    found = {key: value for key, value in trace.details.items() if key != "output_rows"}
    if not found:
        return Verdict(status=Status.SKIP, message="nothing is fed step by step", reason="no input is a series")
    ways = {"growing-prefix": _prefixes(found), "one-step": _steps(found)}
    stated = evidence.data.get("step_by_step")
    if stated is None:
        message = f"growing prefixes: {ways['growing-prefix'][1]}; one step at a time: {ways['one-step'][1]}"
        return Verdict(status=Status.PASS, message=message, findings=found)
    status, told = ways[stated]
    words = {"growing-prefix": "growing prefixes", "one-step": "one step at a time"}[stated]
    cause = {"cause": "stepwise-differs"} if status is Status.FAIL else {}
    return Verdict(status=status, message=f"{words}: {told}", findings={**found, **cause}, advice=None if status is Status.PASS else _advice(found))


def _prefixes(found: Mapping[str, Any]) -> tuple[Status, str]:
    """Whether the last answer to a prefix is the answer at that step."""
    if not found["per_step"]:
        return Status.PASS, "right, each prefix has one answer of its own"
    if found["future"] > _APPARENT:
        place = f" through '{clean(found['layer'])}' ({clean(found['kind'])})" if "layer" in found else ""
        return Status.FAIL, f"not right, later steps change earlier answers by {found['future']:.0%}{place}"
    prefix = found.get("prefix")
    if isinstance(prefix, str):
        return Status.WARN, f"no step looks ahead, but the model takes {found['steps']} steps only, so that prefixes have to be padded"
    if prefix is not None and prefix > _APPARENT:
        return Status.FAIL, f"not right, the last answer to a prefix is off by {prefix:.0%}"
    return Status.PASS, "right, no step looks ahead"


def _steps(found: Mapping[str, Any]) -> tuple[Status, str]:
    """Whether single steps, with the model's own state if it carries one, give the answers of the whole."""
    alone, twin = found["one_step"], found.get("twin")
    if isinstance(alone, str):
        return Status.FAIL, f"not possible, {clean(alone)}"
    if alone <= _APPARENT:
        return Status.PASS, "right, the state is carried along" if found["stateful"] else "right, no step depends on another"
    why = "the past is forgotten" if found.get("future", 0.0) <= _APPARENT else "later steps are needed too"
    helped = "; a copy that carries its state is exact" if isinstance(twin, float) and twin <= _APPARENT else ""
    return Status.FAIL, f"not right, answers are off by {alone:.0%}: {why}{helped}"


def _advice(found: Mapping[str, Any]) -> str:
    twin = found.get("twin")
    if isinstance(twin, float) and twin <= _APPARENT:
        return _TWIN
    if found.get("future", 0.0) > _APPARENT:
        return "feed whole sequences, or use causal layers: padding='causal', use_causal_mask=True, no Bidirectional"
    return "feed whole prefixes, model(x[:, :t + 1]), and take the last answer"


CHECK = Check(
    code="KC503",
    name="step-by-step",
    title="prefixes and single steps against the whole sequence",
    explanation=__doc__,
    routes=("steps",),
    examine=examine,
)

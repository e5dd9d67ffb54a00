"""Which ways of feeding a sequence step by step give the answers of the whole sequence?

Why: generation and streaming feed a model in pieces. Growing prefixes are right only where no layer looks ahead:
Bidirectional, attention without a causal mask and "same" convolutions do. One step at a time is right only where the
past is carried along: a layer without stateful=True starts every step from nothing, and step 0 alone comes out right.

How: later steps are replaced and answers to earlier ones must stay; earlier ones are replaced, which tells whether the
past matters. Prefixes, windows, and single steps inside one compiled loop are held against the whole, and so is a copy
of the model that carries its state (of an encoder and a decoder, one whose decoder is handed its own last state). What is
safe is information, unless `facts: {step_by_step: one-step}`, `growing-prefix` or `sliding-window` says how the model is
going to be fed: then a difference fails.

To fix: feed whole prefixes; build the model a second time with stateful=True and batch_size=1 and copy the weights; or
use causal layers (padding="causal", use_causal_mask=True).

Sources: keras#1128, keras#2218.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_consistency_cli.checks.analysis.sequence_layers import not_measured
from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict
from keras_consistency_cli.text import clean

__all__ = ["CHECK"]

_APPARENT = 1e-4
_NOTHING = "nothing is fed step by step"
_WAYS = {
    "growing-prefix": "growing prefixes",
    "one-step": "one step at a time",
    "sliding-window": "sliding windows",
}
_HAND_OVER = (
    "encode once, and give the decoder the state that it ended in:\n"
    "    encoder = keras.Model(encoder_input, [h, c])              # what the decoder gets as initial_state\n"
    "    out, h2, c2 = layers.LSTM(..., return_state=True)(step, initial_state=[h_in, c_in])   # with the "
    "decoder's weights\n"
    "    decoder = keras.Model([step, h_in, c_in], [..., h2, c2])\n"
    "then loop: answer, h, c = decoder([x_t, h, c])"
)
_TWIN = (
    "build it again with the same layers, stateful, and copy the weights:\n"
    "    series = keras.Input((None, features), batch_size=1)\n"
    "    twin = keras.Model(series, ...)          # every recurrent layer with stateful=True\n"
    "    twin.set_weights(model.get_weights())\n"
    "then reset its layers before each sequence and feed x[:, t:t + 1]"
)


def examine(evidence: Evidence) -> Verdict:
    """Say which loops are safe; FAIL where the owner's own way is not."""
    stopped = not_measured(evidence, "steps", _NOTHING)
    if stopped is not None:
        return stopped
    found = {key: value for key, value in evidence.details("steps").items() if key != "output_rows"}
    if not found:
        return Verdict(status=Status.SKIP, message=_NOTHING, reason="no input is a series")
    ways = {"growing-prefix": _prefixes(found), "one-step": _steps(found), "sliding-window": _windows(found)}
    stated = evidence.data.get("step_by_step")
    if stated is None:
        message = "; ".join(f"{words}: {ways[way][1]}" for way, words in _WAYS.items() if ways[way][1])
        return Verdict(status=Status.PASS, message=message, findings=found)
    status, told = ways[stated]
    if not told:
        reason = f"windows are not tried: {found.get('window') or 'the model carries its state along'}"
        return Verdict(status=Status.SKIP, message=_NOTHING, reason=reason)
    cause = {"cause": "stepwise-differs"} if status is Status.FAIL else {}
    advice = None if status is Status.PASS else _advice(found)
    return Verdict(
        status=status, message=f"{_WAYS[stated]}: {told}", findings={**found, **cause}, advice=advice
    )


def _prefixes(found: Mapping[str, Any]) -> tuple[Status, str]:
    """Whether the last answer to a prefix is the answer at that step."""
    if not found["per_step"]:
        return Status.PASS, "right, each prefix has one answer of its own"
    if found["future"] > _APPARENT:
        place = f" through '{clean(found['layer'])}' ({clean(found['kind'])})" if "layer" in found else ""
        return Status.FAIL, f"not right, later steps change earlier answers by {found['future']:.0%}{place}"
    prefix = found.get("prefix")
    if isinstance(prefix, str):
        return (
            Status.WARN,
            (
                f"no step looks ahead, but the model takes {found['steps']} steps only, so that prefixes "
                "have to be padded"
            ),
        )
    if prefix is not None and prefix > _APPARENT:
        return Status.FAIL, f"not right, the last answer to a prefix is off by {prefix:.0%}"
    return Status.PASS, "right, no step looks ahead"


def _steps(found: Mapping[str, Any]) -> tuple[Status, str]:
    """Whether single steps, with the model's own state if it carries one, give the answers of the whole."""
    alone, twin = found["one_step"], found.get("twin")
    if isinstance(alone, str):
        return Status.FAIL, f"not possible, {clean(alone)}"
    if alone <= _APPARENT:
        return Status.PASS, "right, the state is carried along" if found[
            "stateful"
        ] else "right, no step depends on another"
    why = "the past is forgotten" if found.get("future", 0.0) <= _APPARENT else "later steps are needed too"
    why = (
        "every step starts from the encoder's state again"
        if found.get("encoder") and why == "the past is forgotten"
        else why
    )
    return Status.FAIL, f"not right, answers are off by {alone:.0%}: {why}{_copied(found, twin)}"


def _copied(found: Mapping[str, Any], twin: float | str | None) -> str:
    """What a copy that carries its state does."""
    if twin is None:
        return ""
    if isinstance(twin, str):
        return f"; a copy that carries its state was not measured: {clean(twin)}"
    if twin > _APPARENT:
        return f"; a copy that carries its state is off by {twin:.0%} too"
    return (
        "; handing the decoder its own last state is exact"
        if found.get("encoder")
        else "; a copy that carries its state is exact"
    )


def _windows(found: Mapping[str, Any]) -> tuple[Status, str]:
    """Whether the last answer to a window is that to the whole; empty words where there is nothing to tell."""
    window = found.get("window")
    if not isinstance(window, Mapping):
        return Status.PASS, ""
    steps, off = window["steps"], window["off"]
    if off <= _APPARENT:
        return Status.PASS, f"right from {steps} steps on, nothing before them matters" if window[
            "reach"
        ] else f"right with {steps} steps"
    if window["reach"]:
        return (
            Status.FAIL,
            (
                f"not right, {steps} steps hold all that matters, and yet answers are off by {off:.0%}: "
                "places are counted from the start"
            ),
        )
    return Status.FAIL, f"not right, steps from before a window of {steps} move its last answer by {off:.0%}"


def _advice(found: Mapping[str, Any]) -> str:
    twin = found.get("twin")
    if isinstance(twin, float) and twin <= _APPARENT:
        return _HAND_OVER if found.get("encoder") else _TWIN
    if found.get("future", 0.0) > _APPARENT:
        return (
            "feed whole sequences, or use causal layers: padding='causal', use_causal_mask=True, no "
            "Bidirectional"
        )
    return "feed whole prefixes, model(x[:, :t + 1]), and take the last answer"


CHECK = Check(
    code="KC503",
    name="step-by-step",
    title="prefixes and single steps against the whole sequence",
    explanation=__doc__,
    routes=("steps",),
    examine=examine,
)

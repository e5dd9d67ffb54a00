"""Which ways of feeding a sequence step by step give the outputs of the whole sequence?

Why: generation and streaming feed a model in pieces. Growing prefixes are right only if no layer looks ahead:
Bidirectional, attention without a causal mask and "same" convolutions do. One time step at a time is right
only if the past is carried along: a layer without stateful=True starts each step without a state, and only
step 0 is right.

How: later time steps are replaced, and outputs for earlier ones must stay; earlier ones are replaced, which
shows whether the past matters. Prefixes, windows, and single steps are compared with the whole sequence, and
so is a copy of the model that carries its state (for an encoder and a decoder, one whose decoder gets its own
last state). There is no such copy of a model that reads its sequence in both directions. The result is
information, unless `facts: {step_by_step: one-step}`, `growing-prefix` or `sliding-window` says how the model
is going to be fed: then a difference fails. An output behind self-attention with a causal mask that later
time steps change fails too.

To fix: feed whole prefixes; build the model a second time with stateful=True and batch_size=1 and copy the
weights; or use causal layers (padding="causal", use_causal_mask=True).

Sources: keras#1128, keras#2218.
"""

from __future__ import annotations

from keras_consistency_cli.checks.base import Check, Evidence
from keras_consistency_cli.checks.preconditions import stop_unless_run
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.routes.sequences.stepping import StepDetails
from keras_consistency_cli.text import clean

__all__ = ["CHECK"]

_VISIBLE = 1e-4
"""Share of the outputs above which a difference is not rounding."""
_WAYS = {
    "growing-prefix": "growing prefixes",
    "one-step": "one time step at a time",
    "sliding-window": "sliding windows",
}
_FORGOTTEN = "the past is forgotten"
_DECODER_LOOP = (
    "encode once, and give the decoder the state that it ended in:\n"
    "    encoder = keras.Model(encoder_input, [h, c])              # what the decoder gets as initial_state\n"
    "    out, h2, c2 = layers.LSTM(..., return_state=True)(step, initial_state=[h_in, c_in])   "
    "# with the decoder's weights\n"
    "    decoder = keras.Model([step, h_in, c_in], [..., h2, c2])\n"
    "then loop: output, h, c = decoder([x_t, h, c])"
)
_STATEFUL_COPY = (
    "build it again with the same layers, stateful, and copy the weights:\n"
    "    series = keras.Input((None, features), batch_size=1)\n"
    "    copy = keras.Model(series, ...)          # every recurrent layer with stateful=True\n"
    "    copy.set_weights(model.get_weights())\n"
    "then reset its layers before each sequence and feed x[:, t:t + 1]"
)

_Judgement = tuple[Status, str]
"""The status of one way of feeding, and what happens in words; empty words if it was not tried."""


def examine(evidence: Evidence) -> Verdict:
    """Report which loops are right; FAIL if the one that the owner states is not."""
    stopped = stop_unless_run(evidence, "steps")
    if stopped is not None:
        return stopped
    details = evidence.details("steps", StepDetails)
    findings = dict(details)
    if not findings:
        return Verdict.skip("no input is a series")
    judgements = {
        "growing-prefix": _judge_prefixes(details),
        "one-step": _judge_single_steps(details),
        "sliding-window": _judge_windows(details),
    }
    stated = evidence.data.owner.step_by_step or ("growing-prefix" if details.get("contradicts") else None)
    if stated is None:
        message = "; ".join(
            f"{words}: {judgements[way][1]}" for way, words in _WAYS.items() if judgements[way][1]
        )
        return Verdict.ok(message, findings=findings)
    status, words = judgements[stated]
    if not words:
        why = details.get("window") or "the model carries its state along"
        return Verdict.skip(f"sliding windows were not tried: {why}")
    return Verdict(
        status=status,
        message=f"{_WAYS[stated]}: {words}",
        findings={**findings, **({"cause": "stepwise-differs"} if status is Status.FAIL else {})},
        advice=None if status is Status.PASS else _advice(details),
    )


def _judge_prefixes(details: StepDetails) -> _Judgement:
    """Whether the last output for a prefix is the output at that time step."""
    if not details["per_step"]:
        return Status.PASS, "right, each prefix has one output of its own"
    if details["future"] > _VISIBLE:
        layer = ""
        if "layer" in details:
            layer = f" through '{clean(details['layer'])}' ({clean(details['kind'])})"
        if details.get("contradicts"):
            layer += ", although attention with a causal mask says that they must not"
        return (
            Status.FAIL,
            f"not right, later time steps change earlier outputs by {details['future']:.0%}{layer}",
        )
    prefix = details.get("prefix")
    if isinstance(prefix, str):
        return Status.WARN, (
            f"only with padding, because the model takes exactly {details['steps']} time steps; "
            "none looks ahead"
        )
    if prefix is not None and prefix > _VISIBLE:
        return Status.FAIL, f"not right, the last output for a prefix is off by {prefix:.0%}"
    return Status.PASS, "right, no time step looks ahead"


def _judge_single_steps(details: StepDetails) -> _Judgement:
    """Whether single time steps, with the model's own state, give the outputs of the whole."""
    alone = details["one_step"]
    if isinstance(alone, str):
        return Status.FAIL, f"not possible, {clean(alone)}"
    if alone <= _VISIBLE:
        stateful = "right, the state is carried along"
        return Status.PASS, stateful if details["stateful"] else "right, no time step depends on another"
    why = _FORGOTTEN if details.get("future", 0.0) <= _VISIBLE else "later time steps are needed too"
    if why == _FORGOTTEN and details.get("encoder"):
        why = "every step starts again from the encoder's state"
    return Status.FAIL, f"not right, outputs are off by {alone:.0%}: {why}{_describe_copy(details)}"


def _describe_copy(details: StepDetails) -> str:
    """The outputs of a copy that carries its state, in words."""
    copy = details.get("twin")
    if copy is None:
        return ""
    if isinstance(copy, str):
        return f"; a copy that carries its state was not measured: {clean(copy)}"
    if copy > _VISIBLE:
        return f"; a copy that carries its state is off by {copy:.0%} too"
    if details.get("encoder"):
        return "; a decoder that gets its own last state is exact"
    return "; a copy that carries its state is exact"


def _judge_windows(details: StepDetails) -> _Judgement:
    """Whether the last output for a window is that for the whole sequence."""
    window = details.get("window")
    if window is None or isinstance(window, str):
        return Status.PASS, ""
    steps, off = window["steps"], window["off"]
    if off <= _VISIBLE:
        exact = f"right from {steps} time steps on, earlier ones do not matter"
        return Status.PASS, exact if window["reach"] else f"right with {steps} time steps"
    if window["reach"]:
        return Status.FAIL, (
            f"not right, outputs are off by {off:.0%} although {steps} time steps hold all that matters: "
            "positions are counted from the start"
        )
    return (
        Status.FAIL,
        f"not right, time steps before a window of {steps} change its last output by {off:.0%}",
    )


def _advice(details: StepDetails) -> str:
    copy = details.get("twin")
    if isinstance(copy, float) and copy <= _VISIBLE:
        return _DECODER_LOOP if details.get("encoder") else _STATEFUL_COPY
    if details.get("future", 0.0) > _VISIBLE:
        return (
            "feed whole sequences, or use causal layers: "
            "padding='causal', use_causal_mask=True, no Bidirectional"
        )
    return "feed whole prefixes, model(x[:, :t + 1]), and take the last output"


CHECK = Check(
    code="KC503",
    name="step-by-step",
    title="prefixes and single time steps give the outputs of the whole sequence",
    explanation=__doc__,
    routes=("steps",),
    examine=examine,
    is_slow=True,
)

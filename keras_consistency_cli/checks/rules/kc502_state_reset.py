"""Stateful layers must start each independent request from the same state.

Why: a recurrent layer with stateful=True continues from the end of the last batch. predict never resets it,
so that one request influences the next, the order of requests changes their outputs, a NaN makes all later
outputs NaN, and saving loses the state. `model.reset_states()` does not exist in Keras 3.

How: predict runs twice, without any reset in between and with every stateful layer reset, nested ones too:
the reset must bring back the same bits. The same rows are predicted from a fresh and from a used state, which
shows step by step how long the memory lasts. NaN is sent through, and a predict without a batch size. The
model is saved in the middle of a sequence, loaded, and continues, without its states and with its states
copied over. With `facts: {stateful_rows: consecutive}` state is meant to be carried from row to row, with
`interleaved` from row i of each batch to row i of the next one, and a model that carries none fails. In
batches of several rows, the values at the ends of the rows show which row continues which, if they are clear.

To fix: reset all stateful layers before each independent request, with the loop in the advice; predict with
the batch size that the model was built for; copy `layer.states` if a state must survive saving.

Sources: keras#4379, keras#10231, keras#21183.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.analysis.sequence_layers import has_layer
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.deviation import describe_deviation
from keras_consistency_cli.checks.judgement import judge_pairs, worst
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.routes.calling.prediction import ShortTailDetails
from keras_consistency_cli.routes.sequences.series import RECURRENT
from keras_consistency_cli.routes.sequences.states import MemoryDetails, SavingDetails

__all__ = ["CHECK"]

_AGAIN = Pair(candidate="predict-again", reference="predict")
_RESET = Pair(candidate="predict-reset", reference="predict", exact=True)
_WORDING = Wording(
    agree="a reset brings back the same bits",
    differ="a reset does not bring back the first outputs",
    advice="something besides the recurrent states changes from call to call, see KC203 repeatability",
)
_GONE = 1e-6
"""Share of the largest output below which nothing is left of a state."""
_NEARER = 0.5
"""Share of one gap that a second one must not reach: then a row clearly continues the second row."""
_SHOWN = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_LOOP = (
    "before each independent request (Keras {keras}has no model.reset_states(), and predict never resets):\n"
    "    for layer in model._flatten_layers():\n"
    "        if getattr(layer, 'stateful', False) and hasattr(layer, 'reset_state'):\n"
    "            layer.reset_state()\n"
    "    model.predict(x, batch_size={batch})"
)


class _Memory(MemoryDetails, total=False):
    """How long the state lasts, and what saving it loses if that was measured."""

    saving: SavingDetails


def examine(evidence: Evidence) -> Verdict:
    """Judge the reset, then carried state by what the owner says about the rows."""
    continues = evidence.data.owner.stateful_rows != "independent"
    if not evidence.facts.stateful_layers:
        return _judge_stateless(evidence) if continues else Verdict.skip("no layer is stateful")
    reset = agreement(evidence, (_RESET,), _WORDING)
    if reset.status is not Status.PASS:
        return reset
    memory, saved = evidence.details("state-memory", _Memory), evidence.details("state-saved", SavingDetails)
    if "lost" in saved:
        memory["saving"] = {"lost": saved["lost"], "copied": saved["copied"], "scale": saved["scale"]}
    again = tuple(judge_pairs(evidence, (_AGAIN,)))
    judge = _judge_continued if continues else _judge_independent
    verdict = judge(evidence, again, memory)
    return replace(verdict, judged=(*again, *reset.judged), findings={**memory, **verdict.findings})


def _judge_stateless(evidence: Evidence) -> Verdict:
    """A FAIL for rows that continue each other if the model cannot carry state between them."""
    if not has_layer(evidence.facts, RECURRENT):
        return Verdict.skip("the model has no recurrent layer that could carry state")
    if len(evidence.facts.inputs) > 1:
        return Verdict.skip("no layer is stateful, but additional inputs may pass the state")
    message = (
        f"no layer is stateful; rows are {evidence.data.owner.stateful_rows} (facts.stateful_rows), "
        "but each starts without a state"
    )
    advice = (
        "rebuild the recurrent layers with stateful=True and keras.Input(..., batch_size=1), "
        "or predict whole sequences"
    )
    return Verdict.fail(message, cause="state-not-carried", advice=advice)


def _judge_independent(evidence: Evidence, again: Sequence[Judged], memory: _Memory) -> Verdict:
    """A FAIL if the outputs depend on the rows predicted before."""
    remarks = _describe_state(evidence, memory)
    over = [judged for judged in again if not judged.within]
    if not over:
        return Verdict.ok(f"predicting again without a reset changes only rounding{remarks}")
    message = (
        "without a reset the same rows get different outputs: "
        f"{describe_deviation(worst(over), evidence)}{remarks}"
    )
    keras = f"{evidence.facts.keras} " if evidence.facts.keras else ""
    advice = _LOOP.format(batch=_batch_size(evidence), keras=keras)
    return Verdict.fail(message, cause="state-carry-over", advice=advice)


def _judge_continued(evidence: Evidence, again: Sequence[Judged], memory: _Memory) -> Verdict:
    """A WARN if batches combine the state of one row with a row of a different sequence."""
    batch = _batch_size(evidence)
    moved = max((judged.comparison.max_abs for judged in again), default=0.0)
    carried = f"state is carried over as declared, and changes outputs by up to {moved:.2g}"
    remarks = _describe_state(evidence, memory)
    if batch == 1:
        return Verdict.ok(carried + remarks)
    layout = _row_layout(evidence, memory)
    if layout == "interleaved":
        return Verdict.ok(f"{carried}, from each row to the one {batch} after it{remarks}")
    message = (
        f"in batches of {batch} a row continues from the row {batch} before it, not from the previous row; "
        f"{carried}{remarks}"
    )
    advice = (
        "order the rows so that row i of every batch belongs to sequence i (facts: {stateful_rows: "
        f"interleaved}}), or build the model with batch_size=1 for one sequence of {evidence.rows}"
    )
    return Verdict.warn(message, cause="state-batch-mismatch", advice=advice)


def _row_layout(evidence: Evidence, memory: _Memory) -> str:
    """Which rows continue each other: by the values at their ends if these are clear, else as declared."""
    to_row, to_batch = memory.get("gap_to_next_row"), memory.get("gap_to_next_batch")
    if to_row is not None and to_batch is not None:
        if to_batch < _NEARER * to_row:
            return "interleaved"
        if to_row < _NEARER * to_batch:
            return "consecutive"
    return evidence.data.owner.stateful_rows


def _batch_size(evidence: Evidence) -> int:
    return evidence.facts.batch_size or evidence.data.batch_size


def _describe_state(evidence: Evidence, memory: _Memory) -> str:
    return "".join(f"; {remark}" for remark in _remarks(evidence, memory))


def _remarks(evidence: Evidence, memory: _Memory) -> Iterator[str]:
    """How long the state lasts, and the effect of a short batch, NaN, batch size and saving."""
    if memory.get("curve"):
        yield _describe_decay(memory)
    tail = evidence.details("short-tail", ShortTailDetails)
    counts = evidence.output_rows("short-tail")
    if "given" in tail and counts and max(counts.values()) != tail["given"]:
        yield f"{tail['given']} rows get {max(counts.values())} output rows"
    if memory.get("poisoned"):
        yield "a NaN makes all outputs NaN" + (
            " until a reset" if memory.get("healed") else ", even after a reset"
        )
    if memory.get("default_predict", "answers") != "answers":
        yield f"predict without batch_size={evidence.facts.batch_size}: {memory['default_predict']}"
    saving = memory.get("saving")
    if saving and saving["lost"] > _GONE * (saving["scale"] or 1.0):
        keep = "; copying layer.states restores it exactly" if saving["copied"] else ""
        yield (
            f"saving in the middle of a sequence changes later outputs by {saving['lost']:.2g} "
            f"(a file holds no states{keep})"
        )


def _describe_decay(memory: _Memory) -> str:
    """For how many time steps the memory lasts, and how much of it is left on the way."""
    curve, steps, scale = memory["curve"], memory["steps"], memory["scale"] or 1.0
    felt = [place for place, distance in enumerate(curve) if distance > _GONE * scale]
    lasts = felt[-1] + 1 if felt else 0
    if not lasts:
        return f"the memory is gone within {steps} time step{'s' if steps > 1 else ''}"
    how = "lasts longer than" if lasts == len(curve) else "lasts"
    left = ", ".join(
        f"{curve[place - 1] / scale:.1g} after {place * steps}" for place in _SHOWN if place <= lasts
    )
    return (
        f"the memory {how} {lasts * steps} time steps "
        f"(change of outputs as a share of the largest output: {left})"
    )


CHECK = Check(
    code="KC502",
    name="state-reset",
    title="stateful layers: a reset brings back the same bits, and no state is carried over by accident",
    explanation=__doc__,
    pairs=(_AGAIN, _RESET),
    routes=("state-memory", "state-saved", "short-tail"),
    examine=examine,
    is_slow=True,
)

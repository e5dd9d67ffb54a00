"""Stateful layers must start every independent request from the same state, and carry it where rows go on from one another.

Why: a recurrent layer with stateful=True goes on from where the last batch ended. predict never resets it, so that one
request leaks into the next, the order of requests changes their answers, a NaN poisons all that follow, and saving
throws the state away. `model.reset_states()` no longer exists in Keras 3.

How: predict twice, with nothing reset in between and with every stateful layer reset, nested ones too: the reset must
bring back the same bits. The same rows are answered from a fresh and from a used state, which shows step by step how
long the memory lasts. NaN is sent through, and a predict without a batch size. The model is saved in the middle of a
sequence, loaded, and goes on, without its states and with them handed over. With
`facts: {stateful_rows: consecutive}` carrying is what is meant, and a model that carries nothing fails.

To fix: reset all stateful layers before each independent request, with the loop in the advice; predict with the batch
size that the model was built for; copy `layer.states` where a state must survive saving.

Sources: keras#4379, keras#10231, keras#21183.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from keras_consistency_cli.checks.agreement import Wording, agreement, judge_pairs, numbers, worst
from keras_consistency_cli.checks.analysis.sequence_layers import RECURRENT, has_layer
from keras_consistency_cli.checks.base import Check, Evidence, Judged, Pair, Status, Verdict

__all__ = ["CHECK"]

_AGAIN = Pair(candidate="predict-again", reference="predict")
_RESET = Pair(candidate="predict-reset", reference="predict", exact=True)
_WORDING = Wording(
    agree="a reset brings back the same bits",
    differ="a reset does not bring the first answers back:",
    advice="something besides the recurrent states changes from call to call, see KC203 repeatability",
)
_GONE = 1e-6
"""Share of the greatest answer at which nothing is left of a state."""
_SHOWN = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_LOOP = (
    "before every independent request (Keras {keras}has no model.reset_states(), and predict never resets):\n"
    "    for layer in model._flatten_layers():\n"
    "        if getattr(layer, 'stateful', False) and hasattr(layer, 'reset_state'):\n"
    "            layer.reset_state()\n"
    "    model.predict(x, batch_size={batch})"
)


def examine(evidence: Evidence) -> Verdict:
    """Judge the reset, then carrying over by what the owner says of the rows."""
    consecutive = evidence.data.get("stateful_rows") == "consecutive"
    if not evidence.facts.stateful_layers:
        return (
            _forgetful(evidence)
            if consecutive
            else Verdict(status=Status.SKIP, message="no state to reset", reason="no layer is stateful")
        )
    reset = agreement(evidence, (_RESET,), _WORDING)
    if reset.status is not Status.PASS:
        return reset
    found, saved = dict(evidence.details("state-memory")), evidence.details("state-saved")
    if saved:
        found["saving"] = {key: saved[key] for key in ("lost", "copied", "scale") if key in saved}
    again = tuple(judge_pairs(evidence, (_AGAIN,)))
    verdict = _carrying(evidence, again, found) if consecutive else _leaking(evidence, again, found)
    return replace(verdict, judged=(*again, *reset.judged), findings={**found, **verdict.findings})


def _forgetful(evidence: Evidence) -> Verdict:
    if not has_layer(evidence.facts, RECURRENT):
        return Verdict(
            status=Status.SKIP, message="no state to carry", reason="the model has no recurrent layer"
        )
    if len(evidence.facts.inputs) > 1:
        return Verdict(
            status=Status.SKIP,
            message="no state to carry",
            reason="no layer is stateful; further inputs may hand the state over",
        )
    message = (
        "rows are successive pieces of one sequence (facts.stateful_rows), but no layer is stateful: every "
        "row starts from nothing"
    )
    advice = (
        "rebuild the recurrent layers with stateful=True and keras.Input(..., batch_size=1), or hand whole "
        "sequences over"
    )
    return Verdict(
        status=Status.FAIL, message=message, advice=advice, findings={"cause": "state-not-carried"}
    )


def _leaking(evidence: Evidence, again: tuple[Judged, ...], found: Mapping[str, Any]) -> Verdict:
    over = [each for each in again if not each.within]
    if not over:
        message = (
            "what states carry over is gone by the time of an answer: predicting again changes nothing "
            f"beyond rounding{_told(evidence, found)}"
        )
        return Verdict(status=Status.PASS, message=message)
    message = (
        "without a reset the same rows get other answers, "
        f"{numbers(worst(over), evidence)}{_told(evidence, found)}"
    )
    keras = f"{evidence.facts.keras} " if evidence.facts.keras else ""
    advice = _LOOP.format(batch=evidence.facts.batch_size or evidence.data.get("batch_size", 1), keras=keras)
    return Verdict(status=Status.FAIL, message=message, advice=advice, findings={"cause": "state-carry-over"})


def _carrying(evidence: Evidence, again: tuple[Judged, ...], found: Mapping[str, Any]) -> Verdict:
    batch = evidence.facts.batch_size or evidence.data.get("batch_size", 1)
    moved = max((each.comparison.max_abs for each in again), default=0.0)
    told = f"state is carried over as meant, and moves answers by up to {moved:.2g}{_told(evidence, found)}"
    if batch == 1:
        return Verdict(status=Status.PASS, message=told)
    message = (
        f"in batches of {batch} a row goes on from the row {batch} before it, not from the last one; {told}"
    )
    advice = (
        "order the rows so that row i of every batch belongs to sequence i, or build the model with "
        f"batch_size=1 for one sequence of {evidence.rows}"
    )
    return Verdict(
        status=Status.WARN, message=message, advice=advice, findings={"cause": "state-batch-mismatch"}
    )


def _told(evidence: Evidence, found: Mapping[str, Any]) -> str:
    """What else is known of the state: how long it lasts, a short tail, NaN, and predict without a batch size."""
    parts = [_lasting(found)] if found.get("curve") else []
    tail = evidence.traces.get("short-tail")
    if tail is not None and tail.ran and "given" in tail.details:
        given, rows = tail.details["given"], max(tail.details.get("output_rows", {}).values(), default=None)
        parts += [f"{given} rows get {rows} answers"] if rows is not None and rows != given else []
    if found.get("poisoned"):
        parts.append(
            "a NaN spoils all answers until a reset"
            if found.get("healed")
            else "a NaN spoils all answers, a reset does not heal that"
        )
    if found.get("default_predict", "answers") != "answers":
        parts.append(f"predict without batch_size={evidence.facts.batch_size}: {found['default_predict']}")
    parts += _saving(found.get("saving", {}))
    return "".join(f"; {part}" for part in parts)


def _lasting(found: Mapping[str, Any]) -> str:
    """The decay of the memory in words: for how many steps it lasts, and how much is left on the way."""
    curve, steps, scale = found["curve"], found["steps"], found["scale"] or 1.0
    felt = [place for place, distance in enumerate(curve) if distance > _GONE * scale]
    lasts = felt[-1] + 1 if felt else 0
    if not lasts:
        return f"the memory is gone within {steps} step{'s' if steps > 1 else ''}"
    how = "lasts longer than" if lasts == len(curve) else "lasts"
    shown = [place for place in _SHOWN if place <= lasts]
    left = ", ".join(f"{curve[place - 1] / scale:.1g} after {place * steps}" for place in shown)
    return f"the memory {how} {lasts * steps} steps (share of the greatest answer that it moves: {left})"


def _saving(found: Mapping[str, Any]) -> list[str]:
    """What saving loses, and the code that keeps it where that was seen to work."""
    if not found or found["lost"] <= _GONE * (found["scale"] or 1.0):
        return []
    keep = "; copying layer.states over mends that to the bit" if found["copied"] else ""
    return [
        f"saving in the middle of a sequence moves the answers after it by {found['lost']:.2g} (a file "
        f"holds no states{keep})"
    ]


CHECK = Check(
    code="KC502",
    name="state-reset",
    title="stateful layers: a reset brings back the same bits, and nothing is carried over unasked",
    explanation=__doc__,
    pairs=(_AGAIN, _RESET),
    routes=("state-memory", "state-saved", "short-tail"),
    examine=examine,
)

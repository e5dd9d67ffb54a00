"""Today's outputs must be those recorded when the model was saved, or in production.

Why: a file does not hold everything about a model. Because of an argument that `get_config` leaves out, an
array that Keras does not track, a different version of Keras or of the scaler, or an accelerator, the model
that is loaded today may give different outputs than the one that was tested. Comparing the file with itself
does not show it; recorded outputs do.

How: `--expected` holds the model's outputs for the rows of `--data`, row for row. Today's predict is compared
with it under the limits of all other checks: rounding that a different machine or kernel makes is within
them. If outputs differ, the model runs with the averages of its weights that the optimizer in the file may
hold. If that does not give the recorded outputs, they are tested for being the same rows in a different
order, the same numbers on a different scale, logits, probabilities or classes, or what a function made of
them: a range, a step, a temperature, a curve. If they are not, the model runs on changed rows: with inputs of
the same shape exchanged, before the scaler, with pixels scaled, channels or time steps in another order, or
words and ids as another vocabulary numbers them (in alphabetical order, adapted on these rows or on the
reference rows, or with another number of entries before them), pictures mirrored or turned, or two columns
exchanged; if it then gives the recorded outputs, the rows were prepared differently. For rows of one or few
words of a small vocabulary, any other order is found too: the model runs on all words that a word may stand
for, row by row, until one is left for each, and this gives the recorded outputs of all rows. Last, it is
called in training mode. If only single rows differ, they are named. Outputs recorded in 16 bits or with few
decimals stand for every number that rounds to them: a smaller change cannot be seen, and the message says so.
With `--target-scaler`, outputs may also be recorded in the units of the targets; if they follow a different
line than this scaler gives, it was fitted on another column or on other rows. The outputs of a recording,
which `record` makes in a service, are compared with predict on the rows that the service fed.

To fix: see whether KC801 names state or arguments that the file does not hold; record outputs when saving,
from a model that was loaded from its file: np.save("expected.npy",
keras.models.load_model("model.keras").predict(x)).

Sources: keras#23364, tensorflow#39583.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.analysis.keras_changes import saved_elsewhere
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.routes.persistence.recorded import RecordedDetails

__all__ = ["CHECK"]

_PAIR = Pair(candidate="recorded", reference="predict")
_FED = Pair(candidate="recorded", reference="recorded-baseline")
"""The outputs of a recording, and those of the model for the rows that the service fed to it."""
_WORDING = Wording(
    agree="today's outputs are the recorded ones",
    differ="today's outputs differ from the recorded ones",
    advice="run --select KC801 for state and arguments that the file does not hold",
)


_MOST_NAMED = 5
_TRAINING: Mapping[str, str] = {
    "exact": "; model(x, training=True) gives the recorded ones",
    "random": "; the recorded ones vary as those of model(x, training=True) do",
}


def examine(evidence: Evidence) -> Verdict:
    """Compare the recorded outputs with predict; if there are none, say how to give some."""
    recorded = evidence.details(_PAIR.candidate, RecordedDetails)
    if not recorded.get("given", True):
        return Verdict.skip("no recorded outputs are given: record some and give them with --expected")
    pair = _FED if evidence.comparisons.get((_FED.candidate, _FED.reference)) else _PAIR
    verdict = _with_rounding(agreement(evidence, (pair,), _WORDING), recorded.get("rounded", {}))
    verdict = _with_units(verdict, recorded.get("units", {}))
    if verdict.status is not Status.FAIL:
        return verdict
    contradictions = recorded.get("contradictions", {})
    if contradictions:
        return _blame_target_scaler(verdict, contradictions)
    if weights := recorded.get("weights", ""):
        message = f"{verdict.message}; the model gives the recorded ones with {weights}"
        findings = {**verdict.findings, "cause": "recorded-with-other-weights", "weights": weights}
        return replace(verdict, message=message, findings=findings)
    functions = recorded.get("functions", {})
    forms = recorded.get("forms", {}) or functions
    message = verdict.message
    message += "".join(f"; '{output}' was recorded as {words}" for output, words in forms.items())
    rows = "" if forms else recorded.get("rows", "")
    message += f"; the model gives the recorded ones for {rows}" if rows else ""
    cause = "recorded-in-other-form" if forms else "recorded-from-other-rows" if rows else "answers-moved"
    # A layer in the model may do what a function behind it does: that is no proof, as other forms are.
    proven = {"forms": {} if functions else dict(forms), "functions": dict(functions), "rows": rows}
    findings = {**verdict.findings, "cause": cause, **proven}
    if mode := recorded.get("training", ""):
        message += _TRAINING[mode]
        findings |= {"cause": "recorded-in-training-mode", "training": mode == "exact"}
    elif single := recorded.get("single_rows", []):
        message += f"; only {_name_rows(single)}, the others are equal"
        findings["single_rows"] = single
    return replace(verdict, message=message + saved_elsewhere(evidence.facts), findings=findings)


def _name_rows(numbers: Sequence[int]) -> str:
    named = ", ".join(map(str, numbers[:_MOST_NAMED]))
    more = f" and {len(numbers) - _MOST_NAMED} more" if len(numbers) > _MOST_NAMED else ""
    return f"row {named} differs" if len(numbers) == 1 else f"rows {named}{more} differ"


def _blame_target_scaler(verdict: Verdict, contradictions: Mapping[str, str]) -> Verdict:
    """The recorded outputs are in other units than the target scaler gives."""
    described = "; ".join(f"'{output}': {words}" for output, words in contradictions.items())
    findings = {
        **verdict.findings,
        "cause": "target-scaler-foreign",
        "contradictions": dict(contradictions),
    }
    message = f"the target scaler does not give the recorded outputs; {described}"
    return replace(verdict, message=message, findings=findings)


def _with_units(verdict: Verdict, units: Mapping[str, str]) -> Verdict:
    """Add the remark that outputs were recorded in the units of the targets."""
    if not units or verdict.status is Status.SKIP:
        return verdict
    named = ", ".join(f"'{output}' was recorded in the units of the {kind}" for output, kind in units.items())
    message = f"{verdict.message}; {named} (--target-scaler)"
    return replace(verdict, message=message, findings={**verdict.findings, "units": dict(units)})


def _with_rounding(verdict: Verdict, rounded: Mapping[str, str]) -> Verdict:
    """Add the remark that changes smaller than the last recorded digit are not seen."""
    if not rounded or verdict.status is Status.SKIP:
        return verdict
    forms = ", ".join(f"'{output}' was recorded as {words}" for output, words in rounded.items())
    message = f"{verdict.message}; {forms}, so smaller changes do not count"
    return replace(verdict, message=message, findings={"rounded": dict(rounded)})


CHECK = Check(
    code="KC802",
    name="recorded-outputs",
    title="today's outputs are those recorded when the model was saved (--expected)",
    explanation=__doc__,
    pairs=(_PAIR, _FED),
    examine=examine,
)

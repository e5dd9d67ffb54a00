"""A model that is saved and loaded again must answer as before, and the same file must give the same model every time.

Why: what a file holds is the weights that Keras knows of and the config that each class tells. A variable, an array or a
layer that Keras does not track, an argument that `get_config` leaves out, a layer that was not built when the model was
saved: each is made anew at loading, by chance or with its default. Nothing is said, and the served model is another
than the one that was tested.

How: the model is saved to a temporary file and loaded again, and its file is loaded a second time with compile=False.
Both copies answer one batch through the compiled step, in the same process as the model itself: the same bits are
expected. Where answers differ, weights, attributes and configs are compared and the first layer that answers
differently is looked for. Two things no answer can show, and they are warnings: a variable that Keras does not save
although answers depend on it, and a constructor argument that `get_config` leaves out: if training or the author
gave it another value than loading does, that value is gone. `--expected` (KC802) then shows whether it was. Where the
Keras that saved the model and the one that runs are known to answer otherwise for its kind of layers, that is a warning
too; what a later Keras will do otherwise is told.

To fix: make state with `self.add_weight`, layers in `__init__` and build them in `build`; return every argument from
`get_config`; call the model once before saving it.

Sources: keras#15348, tf-keras#513, tensorflow#39583, https://keras.io/guides/serialization_and_saving/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.analysis.keras_changes import behaviours_of, saved_elsewhere
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict

__all__ = ["CHECK"]

_PAIRS = tuple(Pair(candidate=name, reference=f"{name}-baseline") for name in ("reloaded", "loaded-again"))
_REPEATS = tuple(Pair(candidate=name, reference="predict") for name in ("predict-again", "predict-retraced"))
_WORDING = Wording(
    agree="saved and loaded again, it answers the same",
    differ="what was saved and loaded answers differently,",
    advice=(
        "track state with add_weight, return every argument from get_config, build the model before saving "
        "it"
    ),
)
_SHOWN = 3
_UNBAKE = "take training=True out of the graph, or pin the version of Keras"
_PIN = (
    "run the version of Keras that saved it, or hold today's answers against recorded ones: --expected "
    "expected.npy"
)


def examine(evidence: Evidence) -> Verdict:
    """Judge both copies, then what a file cannot hold; a model that is random or frozen anyway is for KC203."""
    verdict = agreement(evidence, _PAIRS, _WORDING)
    details = {name: evidence.details(name) for name in ("reloaded", "loaded-again")}
    reloaded = details["reloaded"]
    lost = verdict.status is Status.FAIL or _moved_by_what_was_lost(verdict, details)
    if lost and _never_the_same(evidence):
        reason = "it does not even answer the same without being saved, see KC203 repeatability"
        return Verdict(status=Status.SKIP, message="nothing to compare with", reason=reason)
    if lost:
        return _lost(verdict, details)
    if "failure" in reloaded:
        return _not_loaded(verdict, str(reloaded["failure"]))
    if verdict.status is not Status.PASS:
        return verdict
    return _not_held(verdict, reloaded) or _versions(verdict, evidence)


def _never_the_same(evidence: Evidence) -> bool:
    trace = evidence.traces.get("predict")
    seeds = trace is not None and any(change.kind == "seed" for change in trace.changed)
    return seeds or any(
        not each.identical
        for pair in _REPEATS
        for each in evidence.comparisons.get((pair.candidate, pair.reference), ())
    )


def _moved_by_what_was_lost(verdict: Verdict, details: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether answers moved, be it by less than rounding may, and something in the model is not the same: one kernel does not round twice."""
    moved = {each.comparison.candidate for each in verdict.judged if not each.comparison.identical}
    return any(_what_differs(details[name]) for name in moved if name in details)


def _what_differs(found: Mapping[str, Any]) -> list[str]:
    return [
        *found.get("weights", ()),
        *found.get("attributes", ()),
        *(_entry(each) for each in found.get("config", ())),
    ]


def _lost(verdict: Verdict, details: Mapping[str, Mapping[str, Any]]) -> Verdict:
    """Chance where two loads of one file differ, loss where they agree with each other but not with the model."""
    worst = next((found for found in details.values() if "parting" in found), {})
    again = any(not each.within and each.comparison.candidate == "loaded-again" for each in verdict.judged)
    by_chance, told = again or worst.get("repeatable") is False, _what_differs(worst)
    furthest = max(each.comparison.max_abs for each in verdict.judged)
    message = (
        verdict.message if verdict.status is Status.FAIL else f"{_WORDING.differ} by up to {furthest:.2g}"
    )
    message += ("; two loads of the same file differ" if by_chance else "") + (
        f": {', '.join(told[:_SHOWN])}" if told else ""
    )
    layer = worst.get("parting", {}).get("layer")
    findings = {
        "cause": "untracked-state" if by_chance else "config-loses-arguments",
        "layer": layer,
        "differs": told,
    }
    return replace(verdict, status=Status.FAIL, message=message, findings=findings, advice=_WORDING.advice)


def _entry(found: Mapping[str, str]) -> str:
    return f"{found['path']} ({found['before']} before, {found['after']} after)"


def _not_loaded(verdict: Verdict, failure: str) -> Verdict:
    """It came from a file, so that not being able to go there and back is a fault of what its classes write."""
    message = f"it cannot be saved and loaded again: {failure}"
    findings = {"cause": "config-loses-arguments", "failure": failure}
    advice = "let get_config return plain values, and from_config take them"
    return replace(verdict, status=Status.WARN, message=message, findings=findings, advice=advice)


def _not_held(verdict: Verdict, details: Mapping[str, Any]) -> Verdict | None:
    untracked, forgotten = list(details.get("untracked", ())), list(details.get("forgotten", ()))
    if untracked:
        message = (
            f"answers depend on {', '.join(untracked[:_SHOWN])}, which Keras does not save: what training "
            "made of it is not in the file"
        )
        layer = untracked[0].rpartition(".")[0] or None
        findings = {
            "cause": "untracked-state",
            "layer": layer,
            "untracked": untracked,
            "forgotten": forgotten,
        }
    elif forgotten:
        first = forgotten[0]
        message = (
            f"{first['kind']}.get_config leaves out {first['argument']}: '{first['layer']}' now has "
            f"{first['value']}, whatever was saved"
        )
        findings = {"cause": "config-loses-arguments", "layer": first["layer"], "forgotten": forgotten}
    else:
        return None
    advice = "hold the loaded model against answers recorded before it was saved: --expected expected.npy"
    return replace(verdict, status=Status.WARN, message=message, findings=findings, advice=advice)


def _versions(verdict: Verdict, evidence: Evidence) -> Verdict:
    """What another version of Keras makes of the same file."""
    saved, known = saved_elsewhere(evidence.facts), behaviours_of(evidence.facts)
    findings = {"versions": known} if known else {}
    loud = [
        each
        for each in known
        if each["weight"] == "always" or (each["weight"], each["state"]) == ("crossed", "crossed")
    ]
    if loud:
        advice = _UNBAKE if loud[0]["weight"] == "always" else _PIN
        return replace(
            verdict, status=Status.WARN, message=loud[0]["words"] + saved, findings=findings, advice=advice
        )
    quiet = "; ".join(each["words"] for each in known if each["state"] != "past")
    return replace(
        verdict, message=verdict.message + saved, findings=findings, advice=quiet or verdict.advice
    )


CHECK = Check(
    code="KC801",
    name="save-load",
    title="saved and loaded again, and loaded twice: the same answers",
    explanation=__doc__,
    pairs=(*_PAIRS, *_REPEATS),
    examine=examine,
)

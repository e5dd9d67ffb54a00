"""Saving and loading a model must not change its outputs.

Why: a .keras file stores the weights that Keras tracks and what each layer's get_config() returns. Anything
else is created again on load, randomly or with its default: a variable, an array or a layer that Keras does
not track, an argument that `get_config` leaves out, a layer that was not built when the model was saved.
There is no error, and the served model is not the one that was tested.

How: the model is saved to a temporary file and loaded again, and its file is loaded a second time with
compile=False. Both copies predict one batch through the compiled step, in the same process as the model
itself: the same bits are expected. If outputs differ, weights, attributes and configs are compared, and the
first layer whose outputs differ is searched for. Two things do not show in outputs, and are warnings: a
variable that Keras does not save although outputs depend on it, and a constructor argument that `get_config`
leaves out: if training or the author gave it a different value than loading does, that value is lost.
`--expected` (KC802) then shows whether it was. It is a warning too if the Keras that saved the model and the
one that runs are known to treat a kind of its layers differently; changes of later releases are reported.

Layers whose weights the file does not hold are a failure, even if a seeded initializer makes every load
alike. Keras skips attributes that have a name of its own classes, such as `_layers`, and does not look into
sets and other objects; and a model that is saved before it is built has no weights yet. The layers that Keras
reaches when it saves are compared with all layers of the model, and their groups in the weights file are
looked up. Only trainable weights that the outputs depend on count. A layer that is created in the first call
does not exist yet when Keras reads the file: its trained weights are there, but not loaded.

A file that Keras loads with compile=False only, because the state of the optimizer does not fit, is a
warning: a service that calls load_model without that argument fails.

To fix: create state with `self.add_weight`, layers in `__init__` and build them in `build`; return every
argument from `get_config`; call the model once before saving it.

Sources: keras#20260, keras#15348, tf-keras#513, tensorflow#39583,
https://keras.io/guides/serialization_and_saving/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from keras_consistency_cli.checks.agreement import Wording, agreement
from keras_consistency_cli.checks.analysis.keras_changes import behaviours_of, saved_elsewhere
from keras_consistency_cli.checks.analysis.unsaved_layers import are_unread, describe_unsaved, fix_for_unsaved
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.calling.training.fixed_flags import FIXED_FLAGS, FixedFlagDetails
from keras_consistency_cli.routes.persistence.reloading import ReloadDetails
from keras_consistency_cli.routes.trace import REFERENCE, REPEATED

if TYPE_CHECKING:
    from keras_consistency_cli.loading.model.resaving import ForgottenArgument

__all__ = ["CHECK"]

_COPIES = ("reloaded", "loaded-again")
_PAIRS = tuple(Pair(candidate=name, reference=f"{name}-baseline") for name in _COPIES)
_REPEATS = tuple(Pair(candidate=name, reference=REFERENCE) for name in (REPEATED, "predict-retraced"))
_WORDING = Wording(
    agree="saved and loaded again, the model gives the same outputs",
    differ="saved and loaded again, the model gives different outputs",
    advice="track state with add_weight, return all arguments from get_config, build the model before saving",
)
_UNTRACKED, _LOST_ARGUMENTS = "untracked-state", "config-loses-arguments"
_UNSAVED, _UNLOADED, _UNREADABLE_TRAINING = (
    "weights-not-saved",
    "weights-not-loaded",
    "training-state-unreadable",
)
_RESAVE = "load it with compile=False and save it again"
_SHOWN = 3
_UNBAKE = "remove training=True from the graph, or pin the version of Keras"
_PIN = "run the version of Keras that saved it, or compare with recorded outputs: --expected expected.npy"


def examine(evidence: Evidence) -> Verdict:
    """Judge both copies, then what a file cannot hold; random models are for KC203."""
    verdict = agreement(evidence, _PAIRS, _WORDING)
    details = {name: evidence.details(name, ReloadDetails) for name in _COPIES}
    reloaded = details["reloaded"]
    if reloaded.get("unsaved"):
        return _report_unsaved(verdict, reloaded, evidence.facts.parameters)
    if verdict.status is Status.FAIL or _loses_something(verdict, details):
        if _never_repeats(evidence):
            return Verdict.skip("predict does not even repeat itself without saving, see KC203 repeatability")
        return _report_loss(verdict, details)
    if "failure" in reloaded:
        return _report_failure(verdict, reloaded["failure"])
    if verdict.status is not Status.PASS:
        return verdict
    return (
        _warn_of_unsaved(verdict, reloaded)
        or _warn_of_training_state(verdict, evidence.facts.compile_failure)
        or _report_versions(verdict, evidence)
    )


def _report_unsaved(verdict: Verdict, reloaded: ReloadDetails, parameters: int) -> Verdict:
    """A FAIL for layers whose weights do not come from the file, however equal two loads are."""
    layers = list(reloaded["unsaved"])
    is_stored = are_unread(layers)
    findings = {
        "cause": _UNLOADED if is_stored else _UNSAVED,
        "layer": layers[0]["layer"],
        "unsaved": layers,
        "mend": fix_for_unsaved(layers[0]),
    }
    message = describe_unsaved(layers, parameters)
    keep = "keep each layer in an attribute that Keras saves, train again and save again"
    advice = "create each layer in __init__; the trained weights are in the file" if is_stored else keep
    return replace(verdict, status=Status.FAIL, message=message, findings=findings, advice=advice)


def _never_repeats(evidence: Evidence) -> bool:
    trace = evidence.traces.get(REFERENCE)
    if trace is not None and any(change.kind == "seed" for change in trace.changed):
        return True
    repeats = [
        each for pair in _REPEATS for each in evidence.comparisons.get((pair.candidate, pair.reference), ())
    ]
    return not all(comparison.identical for comparison in repeats)


def _loses_something(verdict: Verdict, details: Mapping[str, ReloadDetails]) -> bool:
    """Whether outputs differ, even within rounding noise, and the copy's contents too.

    The same kernel does not round the same numbers differently.
    """
    moved = {each.comparison.candidate for each in verdict.judged if not each.comparison.identical}
    return any(_differences(details[name]) for name in moved if name in details)


def _differences(details: ReloadDetails) -> list[str]:
    """Weights, attributes and config entries that differ."""
    entries = (
        f"{entry['path']} ({entry['before']} before, {entry['after']} after)"
        for entry in details.get("config", ())
    )
    return [*details.get("weights", ()), *details.get("attributes", ()), *entries]


def _report_loss(verdict: Verdict, details: Mapping[str, ReloadDetails]) -> Verdict:
    """A FAIL for chance, if two loads of one file differ, or for what the file does not hold."""
    worst = next((measured for measured in details.values() if "parting" in measured), ReloadDetails())
    again = any(not each.within and each.comparison.candidate == "loaded-again" for each in verdict.judged)
    by_chance, differences = again or worst.get("repeatable") is False, _differences(worst)
    drawn = _drawn_arguments(worst, details["reloaded"])
    largest = max(each.comparison.max_abs for each in verdict.judged)
    failed = verdict.status is Status.FAIL
    message = verdict.message if failed else f"{_WORDING.differ}: off by up to {largest:.2g}"
    message += "; two loads of the same file differ" if by_chance else ""
    message += f"; different: {', '.join(differences[:_SHOWN])}" if differences else ""
    findings = {
        "cause": _UNTRACKED if by_chance and not drawn else _LOST_ARGUMENTS,
        "layer": worst.get("parting", {}).get("layer"),
        "differs": differences,
        **(_fix_for_forgotten(drawn) if by_chance else {}),
    }
    return replace(verdict, status=Status.FAIL, message=message, findings=findings, advice=_WORDING.advice)


def _drawn_arguments(worst: ReloadDetails, reloaded: ReloadDetails) -> list[ForgottenArgument]:
    """The arguments that `get_config` leaves out, if a constructor draws them and nothing else differs."""
    differing = set(_differences(worst))
    lost = [
        each for each in reloaded.get("forgotten", ()) if f"{each['layer']}.{each['argument']}" in differing
    ]
    return lost if len(lost) == len(differing) else []


def _fix_for_forgotten(forgotten: Sequence[ForgottenArgument]) -> dict[str, Any]:
    """The complete fix for the arguments of one layer, as findings."""
    if not forgotten:
        return {}
    layer, kind = forgotten[0]["layer"], forgotten[0]["kind"]
    names = dict.fromkeys(each["argument"] for each in forgotten if each["kind"] == kind)
    entries = ", ".join(f"'{name}': self.{name}" for name in names)
    fix = (
        f"let {kind} return the argument, give '{layer}' the value that it had in training, and save again:\n"
        "    def get_config(self):\n"
        f"        return {{**super().get_config(), {entries}}}"
    )
    return {"mend": fix, "mend_is_complete": True}


def _report_failure(verdict: Verdict, failure: str) -> Verdict:
    """A WARN: the model came from a file, so it should be possible to save and load it."""
    message = f"the model cannot be saved and loaded again: {failure}"
    findings = {"cause": _LOST_ARGUMENTS, "failure": failure}
    advice = "let get_config return plain values, and from_config accept them"
    return replace(verdict, status=Status.WARN, message=message, findings=findings, advice=advice)


def _warn_of_unsaved(verdict: Verdict, details: ReloadDetails) -> Verdict | None:
    """A WARN for state and arguments that no file holds."""
    untracked, forgotten = list(details.get("untracked", ())), list(details.get("forgotten", ()))
    findings: dict[str, Any] = {"forgotten": forgotten}
    if untracked:
        message = (
            f"outputs depend on {', '.join(untracked[:_SHOWN])}, which Keras does not save; "
            "the values from training are not in the file"
        )
        findings |= {
            "cause": _UNTRACKED,
            "layer": untracked[0].rpartition(".")[0] or None,
            "untracked": untracked,
        }
    elif forgotten:
        first = forgotten[0]
        message = (
            f"{first['kind']}.get_config leaves out {first['argument']}; "
            f"'{first['layer']}' now has {first['value']}, whatever was saved"
        )
        findings |= {"cause": _LOST_ARGUMENTS, "layer": first["layer"], **_fix_for_forgotten(forgotten)}
    else:
        return None
    advice = "compare the loaded model with outputs recorded before it was saved: --expected expected.npy"
    return replace(verdict, status=Status.WARN, message=message, findings=findings, advice=advice)


def _warn_of_training_state(verdict: Verdict, failure: str) -> Verdict | None:
    """A WARN for a file that Keras loads with compile=False only: load_model as a service calls it fails."""
    if not failure:
        return None
    message = f"keras.models.load_model refuses the file; {failure}; kcheck loaded it with compile=False"
    findings = {"cause": _UNREADABLE_TRAINING, "failure": failure}
    return replace(verdict, status=Status.WARN, message=message, findings=findings, advice=_RESAVE)


def _report_versions(verdict: Verdict, evidence: Evidence) -> Verdict:
    """A WARN if the Keras that runs may give different outputs; later changes are advice."""
    facts = _without_idle_flags(evidence)
    saved, behaviours = saved_elsewhere(facts), behaviours_of(facts)
    findings = {"versions": behaviours} if behaviours else {}
    serious = [
        each
        for each in behaviours
        if each["weight"] == "always" or (each["weight"] == "crossed" and each["state"] == "crossed")
    ]
    if serious:
        first = serious[0]
        advice = _UNBAKE if first["weight"] == "always" else _PIN
        message = first["words"] + saved
        return replace(verdict, status=Status.WARN, message=message, findings=findings, advice=advice)
    notes = "; ".join(each["words"] for each in behaviours if each["state"] != "past")
    return replace(
        verdict, message=verdict.message + saved, findings=findings, advice=notes or verdict.advice
    )


def _without_idle_flags(evidence: Evidence) -> Facts:
    """The facts without training=True in the graph where training mode changes nothing."""
    idle = evidence.details(FIXED_FLAGS, FixedFlagDetails).get("without_effect", ())
    layers = (
        replace(layer, baked_training=None) if layer.path in idle else layer
        for layer in evidence.facts.layers
    )
    return replace(evidence.facts, layers=tuple(layers))


CHECK = Check(
    code="KC801",
    name="save-load",
    title="saved and loaded again, and loaded twice: the same outputs",
    explanation=__doc__,
    pairs=(*_PAIRS, *_REPEATS),
    routes=(FIXED_FLAGS,),
    examine=examine,
    is_slow=True,
)

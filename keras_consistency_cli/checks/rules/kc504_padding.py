"""Padding must not change the answers: a row with padding and the same row without it say the same.

Why: series of different length are filled up to one length. Without a mask, or where a mask gets lost on the way, the
model computes on the filling: answers then depend on how far a batch happened to be padded. Masks get lost in
convolutions, in plain operations (without a warning), in custom layers without supports_masking and in means over
time; a scaler moves the filling away from the mask's value; a row of nothing but padding becomes NaN in an average.

How: rows that are padded are cut to their true length and answered again, rows that are not are answered with padding
added, by several lengths and on both sides; where the model takes one length only, on a twin of it that takes any. Where
no twin can be made, a mask that gets lost is put back behind that layer, or what it hides is changed, at that one length.
What is padding is told by `facts: {lengths: lengths.npy}`, by the mask's value, by `facts: {padding: …}`, or by the steps
in which many rows end. True steps that the mask would skip are counted in once. Then the mask is followed from layer to
layer. Only the side on which rows are padded (the right one where nothing says which) is judged, the other one is told.

To fix: set `supports_masking = True`, or take `mask` in call(), in the layer that is named; pad after scaling, with the
mask's value; put Masking or mask_zero=True where there is none.

Sources: keras#85, keras#2375, keras#16108, keras#16267.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from keras_consistency_cli.checks.agreement import judge_pairs, numbers, worst
from keras_consistency_cli.checks.analysis.sequence_layers import not_measured
from keras_consistency_cli.checks.base import Check, Evidence, Judged, Pair, Status, Verdict
from keras_consistency_cli.text import clean

__all__ = ["CHECK"]

_PAIR = Pair(candidate="unpadded", reference="unpadded-baseline")
_PLAIN = 1e-4
"""Share of the greatest answer: padding that is computed on moves answers far more, another length of a sum far less."""


def examine(evidence: Evidence) -> Verdict:
    """FAIL where a mask or padding is declared and padding matters, WARN where it matters and neither is."""
    stopped = not_measured(evidence, "unpadded", "nothing is padded")
    if stopped is not None:
        return stopped
    found = {key: value for key, value in evidence.details("unpadded").items() if key != "output_rows"}
    judged = tuple(judge_pairs(evidence, (_PAIR,)))
    over = [each for each in judged if not each.within and _plain(each)]
    verdict = _computed_on(evidence, found, over) if over else _ignored(evidence, found, judged)
    return replace(verdict, judged=judged, findings={**found, **verdict.findings})


def _plain(judged: Judged) -> bool:
    comparison = judged.comparison
    return comparison.misshapen is not None or comparison.nonfinite > 0 or comparison.scaled > _PLAIN


def _computed_on(evidence: Evidence, found: Mapping[str, Any], over: list[Judged]) -> Verdict:
    told, how = numbers(worst(over), evidence), _how(found)
    if not found["declared"] and _padded_on_purpose(evidence, found):
        message = (
            f"rows are padded, as their owner says, and the model masks nothing: {how}, answers move {told}"
        )
        advice = (
            "put layers.Masking(mask_value) first, or Embedding(..., mask_zero=True), and train it so; or "
            "feed rows of one length only"
        )
        return Verdict(
            status=Status.FAIL, message=message, advice=advice, findings={"cause": "padding-unmasked"}
        )
    if not found["declared"]:
        message = f"padding is computed on: {how}, answers move {told}; the model declares no mask"
        advice = (
            "put layers.Masking(mask_value) first, or Embedding(..., mask_zero=True); or always feed rows "
            "of one length"
        )
        return Verdict(
            status=Status.WARN, message=message, advice=advice, findings={"cause": "padding-unmasked"}
        )
    if found.get("other_value"):
        message = (
            f"rows are padded with {_value(found)}, but the model masks {found['mask']:g}: {how}, answers "
            f"move {told}"
        )
        advice = "pad after scaling, with the mask's own value; or set mask_value to what the filling becomes"
        return Verdict(
            status=Status.FAIL, message=message, advice=advice, findings={"cause": "padding-unmasked"}
        )
    place, ignoring = _lost(evidence), found.get("unheeded")
    if ignoring and not place:
        return _ignoring(
            ignoring, f"a mask is declared and padding still matters: {how}, answers move {told}"
        )
    where = (
        f"the mask ends at '{clean(place['layer'])}' ({clean(place['kind'])})"
        if place
        else "a layer that takes the mask does not heed it"
    )
    message = f"a mask is declared and padding still matters: {how}, answers move {told}; {where}"
    advice = (
        "set self.supports_masking = True in that layer if it leaves steps apart, or take `mask` in its "
        "call() and use it"
    )
    return Verdict(
        status=Status.FAIL,
        message=message,
        advice=advice,
        findings={"cause": "mask-lost", "lost": dict(place)},
    )


def _padded_on_purpose(evidence: Evidence, found: Mapping[str, Any]) -> bool:
    """Whether the owner fills rows up for a model that takes any length: how far depends on the batch then, and so do answers.

    A model of one length may have been trained on rows that were always filled up to it.
    """
    shapes = [fact.shape for fact in evidence.facts.inputs if fact.name == found.get("input")]
    return bool(evidence.data.get("padding")) and any(len(shape) > 1 and shape[1] is None for shape in shapes)


def _ignoring(place: Mapping[str, str], moved: str) -> Verdict:
    """FAIL with the layer that has the mask and makes nothing of it."""
    layer = clean(place["layer"])
    message = f"{moved}; '{layer}' ({clean(place['kind'])}) is given the mask and does not use it"
    advice = (
        f"use `mask` in the call() of '{layer}': zero masked steps and divide by the number of true ones, "
        "or give their scores -1e9"
    )
    fix = (
        f"{advice}:\n    true = ops.cast(mask, x.dtype)[..., None]\n    return ops.sum(x * true, axis=1) / "
        "ops.maximum(ops.sum(true, axis=1), 1)"
    )
    return Verdict(
        status=Status.FAIL,
        message=message,
        advice=advice,
        findings={"cause": "mask-lost", "lost": {}, "mend": fix},
    )


def _how(found: Mapping[str, Any]) -> str:
    if "added" in found:
        return f"with {_listed(found['added'])} steps of it added on the {found['side']}"
    return f"with rows cut to their {_listed(found.get('lengths', ()))} true steps"


def _listed(numbers: Sequence[int]) -> str:
    *most, last = [str(each) for each in numbers] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def _value(found: Mapping[str, Any]) -> str:
    """What fills the rows, in words: one number where all features have the same, no number where each step has another."""
    value, strays = found["value"], found.get("foreign_steps", 0)
    told = (
        f"{value[0]:.3g}"
        if len(set(value)) == 1
        else f"({', '.join(f'{each:.3g}' for each in value)}{', …' if len(value) > 3 else ''})"
    )
    return f"{told} and, in {strays} steps beyond their true lengths, with something else" if strays else told


def _lost(evidence: Evidence) -> Mapping[str, Any]:
    place = evidence.details("masks")
    return {key: place[key] for key in ("layer", "kind")} if "layer" in place else {}


def _ignored(evidence: Evidence, found: Mapping[str, Any], judged: tuple[Judged, ...]) -> Verdict:
    if found.get("empty_answers_nan"):
        message = f"{found['empty_rows']} rows are nothing but padding, and are answered with NaN"
        advice = "drop such rows before predicting, or keep one step that is no padding in each"
        return Verdict(
            status=Status.FAIL, message=message, advice=advice, findings={"cause": "fully-masked-row"}
        )
    if found.get("inner_steps"):
        moves = found.get("inner_moves")
        damage = (
            "" if moves is None else f"; counted in, they move answers by up to {moves:.2g} of the greatest"
        )
        message = (
            f"{found['inner_steps']} steps inside the rows equal the mask's value {found['mask']:g} and are "
            f"skipped like padding{damage}"
        )
        advice = (
            "right where they are missing on purpose; if they are real, mask a value that real steps never "
            "take, such as -1e9, and pad with it"
        )
        return Verdict(status=Status.WARN, message=message, advice=advice)
    if not judged and max(found.get("restored_moves", 0.0), found.get("filled_moves", 0.0)) > _PLAIN:
        return _unheeded(evidence, found)
    if not judged:
        reason = found.get("refused") or "the rows show no padding and the model declares no mask"
        place = _lost(evidence)
        ends = f"; the mask ends at '{clean(place['layer'])}'" if place else ""
        return Verdict(status=Status.SKIP, message="nothing to compare", reason=f"{reason}{ends}")
    return Verdict(
        status=Status.PASS,
        message=f"padding does not matter: {_how(found)}, rows get the same answers{_besides(found)}",
    )


def _unheeded(evidence: Evidence, found: Mapping[str, Any]) -> Verdict:
    """Told at one length: FAIL where a later layer would have used the mask, WARN where masked steps count and none would."""
    place = _lost(evidence)
    where = f"ends at '{clean(place['layer'])}' ({clean(place['kind'])})" if place else "is not heeded"
    advice = (
        "set self.supports_masking = True in that layer if it leaves steps apart, or take `mask` in its "
        "call() and use it"
    )
    rows = f"{found['padded_rows']} of {found['rows']} rows are padded, and the mask {where}"
    findings = {"cause": "mask-lost", "lost": dict(place)}
    if found.get("restored_moves"):
        message = (
            f"{rows}: put back behind it, the mask moves answers by up to {found['restored_moves']:.2g} of "
            "the greatest"
        )
        return Verdict(status=Status.FAIL, message=message, advice=advice, findings=findings)
    message = (
        f"{rows}: other numbers in the steps that it hides move answers by up to "
        f"{found['filled_moves']:.2g} of the greatest"
    )
    return Verdict(status=Status.WARN, message=message, advice=advice, findings=findings)


def _besides(found: Mapping[str, Any]) -> str:
    """What is no fault and good to know: padding on the other side, and a row of nothing else."""
    side = {"right": "left", "left": "right"}.get(found.get("side", ""))
    parts = (
        [f"on the {side} it would move them by {found['other_side']:.2g}"]
        if side and found.get("other_side", 0.0) > _PLAIN
        else []
    )
    parts += ["a row of nothing but padding would become NaN"] if found.get("empty_would_be_nan") else []
    return "".join(f"; {part}" for part in parts)


CHECK = Check(
    code="KC504",
    name="padding",
    title="padding does not change the answers, and the mask reaches every layer",
    explanation=__doc__,
    pairs=(_PAIR,),
    routes=("masks",),
    examine=examine,
)

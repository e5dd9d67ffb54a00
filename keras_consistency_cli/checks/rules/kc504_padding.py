"""Padding must not change the outputs of a row.

Why: series of different length are padded to one length. Without a mask, or if a mask gets lost on the way,
the model computes on the padding: outputs then depend on how far a batch was padded. Masks get lost in
convolutions, in plain operations (without a warning), in custom layers without supports_masking and in means
over time; a scaler, or a layer before Masking, changes the padding so that it no longer equals the mask's
value; positions are counted from the padded end; a layer reverses the time steps and not the mask; a row of
nothing but padding becomes NaN in an average.

How: padded rows are cut to their true length and predicted again; rows without padding are predicted with
padding added, of several lengths and on both sides. If the model takes only one length, this is done on a
copy of it that takes any length. If no such copy can be made, a mask that gets lost is restored after that
layer, or the values that it hides are changed, at that one length. Padding is recognized by `facts: {lengths:
lengths.npy}`, by the mask's value, by `facts: {padding: …}`, or by the equal time steps in which many rows
end. True time steps that the mask would skip are included once. Then padded and cut rows are followed from
layer to layer, and so is the mask: the layer is named in which padding changes true time steps first, and its
outputs are replaced by those without padding. Warnings of Keras about destroyed masks count as evidence. A
mask that the model computes itself, as in ids != 0, is recognized by its values; it is held as it is while
the values in the padding change. Only the padded side decides the verdict (right by default); the other side
is reported for information.

Layers along time, an input of any length and ids of an Embedding are examined by themselves. For other models
that work along time by operations or own layers, `facts: {time_axis: 1}` or the padding has to be stated.

To fix: set `supports_masking = True`, or take `mask` in call(), in the layer that is named; pad after
scaling, with the mask's value; add Masking or mask_zero=True if there is none.

Sources: keras#85, keras#2375, keras#3737, keras#16108, keras#16267.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from keras_consistency_cli.checks.analysis.padding.fix import describe_place
from keras_consistency_cli.checks.analysis.padding.place import (
    MASK_LOST,
    MASK_MISPLACED,
    PaddingPlace,
    find_padding_place,
)
from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.deviation import describe_deviation
from keras_consistency_cli.checks.judgement import judge_pairs, worst
from keras_consistency_cli.checks.preconditions import stop_unless_run
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.routes.sequences.padded_rows import PaddingDetails
from keras_consistency_cli.text import clean

__all__ = ["CHECK"]

_PAIR = Pair(candidate="unpadded", reference="unpadded-baseline")
_VISIBLE = 1e-4
"""Share of the largest output: padding that is computed on changes outputs far more than that, rounding of a
sum over a different length far less."""
_ADD_MASK = "put layers.Masking(mask_value) first, or Embedding(..., mask_zero=True)"
_KEEP_MASK = (
    "set self.supports_masking = True in that layer if it keeps time steps separate, "
    "or take `mask` in its call() and use it"
)


def examine(evidence: Evidence) -> Verdict:
    """FAIL if padding changes outputs although a mask or padding is declared, else WARN."""
    stopped = stop_unless_run(evidence, _PAIR.candidate)
    if stopped is not None:
        return stopped
    details = evidence.details(_PAIR.candidate, PaddingDetails)
    findings = dict(details)
    judged = tuple(judge_pairs(evidence, (_PAIR,)))
    over = [one for one in judged if not one.within and _is_visible(one)]
    if over:
        verdict = _judge_difference(evidence, details, over)
    else:
        verdict = _judge_rows(details) or _judge_agreement(evidence, details, judged)
    return replace(verdict, judged=judged, findings={**findings, **verdict.findings})


def _is_visible(judged: Judged) -> bool:
    comparison = judged.comparison
    return comparison.misshapen is not None or comparison.nonfinite > 0 or comparison.scaled > _VISIBLE


def _judge_difference(evidence: Evidence, details: PaddingDetails, over: Sequence[Judged]) -> Verdict:
    """The verdict if padding changes outputs: by the mask that should have hidden it."""
    change = f"{_describe_comparison(details)}, outputs differ: {describe_deviation(worst(over), evidence)}"
    place = find_padding_place(evidence)
    if place is not None and place.cause != MASK_LOST:
        return _own_cause(place, details, change)
    # A mask that only one of two layers makes, which the input enters, gets lost like a declared one.
    is_lost = place is not None and place.loses_mask and "leak" in details
    if not details["declared"] and not (is_lost and len(evidence.facts.inputs) == 1):
        if "own_mask" in details:
            return _own_mask(evidence, details, place, change)
        return _without_mask(evidence, details, change)
    if details["declared"] and details.get("other_value"):
        message = (
            f"the padding is {_describe_value(details)}, but the model masks {details['mask']:g}; {change}"
        )
        advice = "pad after scaling, with the mask's own value; or set mask_value to the scaled padding"
        return Verdict.fail(message, cause="padding-unmasked", advice=advice)
    return _lost_mask(place, f"padding changes outputs although a mask is declared; {change}")


def _own_cause(place: PaddingPlace, details: PaddingDetails, change: str) -> Verdict:
    """FAIL for padding that is changed before it is masked, or counted in positions, or out of its place."""
    findings = {"place": asdict(place)}
    if place.cause == MASK_MISPLACED:
        message = f"{change}; {place.description}"
        reverse = f"reverse the mask after '{clean(place.layer)}' too, and pass it to the layers that need it"
        is_made = place.fault == "wrong-mask"
        advice = "return a mask from compute_mask() that fits the outputs" if is_made else reverse
        return Verdict.fail(message, cause=place.cause, advice=advice, findings=findings)
    if place.fault == "counts-positions":
        message = f"{change}; {place.description}"
        advice = f"compute the positions in '{clean(place.layer)}' from the mask"
        return Verdict.fail(message, cause=place.cause, advice=advice, findings=findings)
    moved = details["moved"]
    arrives = ", ".join(f"{value:.3g}" for value in moved["arrives"])
    message = (
        f"{place.description}: '{clean(moved['masking'])}' masks {moved['mask']:g}, but the padding is "
        f"{arrives} there; {change}"
    )
    advice = f"make the mask before '{clean(place.layer)}', and pass it to the layers that need it"
    return Verdict.fail(message, cause=place.cause, advice=advice, findings=findings)


def _lost_mask(place: PaddingPlace | None, message: str) -> Verdict:
    """FAIL, with the layer that loses the mask, does not use it, or computes with the padding."""
    what = place.description if place else "a layer that gets the mask does not use it"
    warned = ", as Keras itself warns" if place and place.warned else ""
    findings = describe_place(place)
    message = f"{message}; {what}{warned}"
    return Verdict.fail(message, cause=MASK_LOST, advice=_first_line(findings), findings=findings)


def _first_line(findings: Mapping[str, object]) -> str:
    """The fix of the layer without its code, or the general one."""
    return str(findings.get("mend", "")).partition("\n")[0].rstrip(":") or _KEEP_MASK


def _own_mask(
    evidence: Evidence, details: PaddingDetails, place: PaddingPlace | None, change: str
) -> Verdict:
    """A FAIL if the layer that lets padding in works with the mask that the model computes, or is given it.

    A model may use its mask at one place on purpose, such as a mean after a convolution.
    """
    own = details["own_mask"]
    is_hidden = own["moves"] <= _VISIBLE
    number = (
        "; the mask hides its values, but the number of its time steps has an effect" if is_hidden else ""
    )
    message = f"padding changes outputs although the model computes a mask for it; {change}{number}"
    verdict = _lost_mask(place, message)
    is_ignored = own["reaches_leak"] and not is_hidden
    if is_ignored or _pads_any_length(evidence, details):
        return verdict
    return replace(verdict, status=Status.WARN)


def _pads_any_length(evidence: Evidence, details: PaddingDetails) -> bool:
    """Whether the owner pads rows for a model that takes any length.

    A model of one length may have been trained on rows that were always padded to it.
    """
    shapes = [fact.shape for fact in evidence.facts.inputs if fact.name == details.get("input")]
    any_length = any(len(shape) > 1 and shape[1] is None for shape in shapes)
    return evidence.data.owner.padding is not None and any_length


def _without_mask(evidence: Evidence, details: PaddingDetails, change: str) -> Verdict:
    """A FAIL if the owner pads rows for a model that takes any length, else a WARN."""
    if _pads_any_length(evidence, details):
        message = f"rows are padded (facts.padding), but the model has no mask; {change}"
        advice = f"{_ADD_MASK}, and train the model with it; or feed rows of one length only"
        return Verdict.fail(message, cause="padding-unmasked", advice=advice)
    message = f"padding changes outputs, and the model declares no mask; {change}"
    advice = f"{_ADD_MASK}; or always feed rows of one length"
    return Verdict.warn(message, cause="padding-unmasked", advice=advice)


def _describe_comparison(details: PaddingDetails) -> str:
    """How rows were compared: with padding added, or cut to their true lengths."""
    if "added" in details:
        return f"with {_listed(details['added'])} time steps of padding added on the {details['side']}"
    return f"with rows cut to their {_listed(details.get('lengths', ()))} true time steps"


def _listed(numbers: Sequence[int]) -> str:
    *most, last = [str(number) for number in numbers] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def _describe_value(details: PaddingDetails) -> str:
    """The padding in words: one number if all features have the same."""
    value, strays = details["value"], details.get("foreign_steps", 0)
    if len(set(value)) == 1:
        text = f"{value[0]:.3g}"
    else:
        text = f"({', '.join(f'{number:.3g}' for number in value)}{', …' if len(value) > 3 else ''})"
    return f"{text} and, in {strays} time steps beyond the true lengths, something else" if strays else text


def _judge_rows(details: PaddingDetails) -> Verdict | None:
    """The verdict on rows of padding only, and on true time steps that look like padding."""
    if details.get("empty_answers_nan"):
        message = f"{details['empty_rows']} rows are nothing but padding, and get NaN"
        advice = "remove such rows before predicting, or keep one time step that is not padding in each"
        return Verdict.fail(message, cause="fully-masked-row", advice=advice)
    if not details.get("inner_steps"):
        return None
    moves = details.get("inner_moves")
    change = (
        f"; included, they change outputs by up to {moves:.2g} of the largest output"
        if moves is not None
        else ""
    )
    message = (
        f"{details['inner_steps']} time steps inside the rows equal the mask's value {details['mask']:g}; "
        f"they are skipped like padding{change}"
    )
    advice = (
        "right if they are missing on purpose; if they are real, mask a value that real time steps never "
        "have, such as -1e9, and pad with it"
    )
    return Verdict.warn(message, advice=advice)


def _judge_agreement(evidence: Evidence, details: PaddingDetails, judged: Sequence[Judged]) -> Verdict:
    """The verdict if padding changes nothing, or if rows could not be compared."""
    if judged:
        remarks = "".join(f"; {remark}" for remark in _remarks(details))
        return Verdict.ok(
            f"padding does not change outputs; compared {_describe_comparison(details)}{remarks}"
        )
    place, moved = find_padding_place(evidence), details.get("moved")
    if place is not None and moved and moved["before"] > _VISIBLE * moved["scale"]:
        share = moved["before"] / (moved["scale"] or 1.0)
        change = f"with padding of {moved['mask']:g} there, outputs change by {share:.2g} of the largest"
        return _own_cause(place, details, change)
    if max(details.get("restored_moves", 0.0), details.get("filled_moves", 0.0)) > _VISIBLE:
        return _judge_at_one_length(place, details)
    reason = details.get("refused") or "the rows show no padding and the model declares no mask"
    is_end = place is not None and place.loses_mask
    return Verdict.skip(f"{reason}; the mask ends at '{clean(place.layer)}'" if place and is_end else reason)


def _judge_at_one_length(place: PaddingPlace | None, details: PaddingDetails) -> Verdict:
    """FAIL if a later layer would have used the lost mask, else WARN."""
    lost = place if place is not None and place.cause == MASK_LOST else None
    where = lost.description if lost else "the mask is not used"
    rows = f"{details['padded_rows']} of {details['rows']} rows are padded, and {where}"
    findings = describe_place(lost)
    advice = _first_line(findings)
    if details.get("restored_moves"):
        moves = f"{details['restored_moves']:.2g} of the largest output"
        change = f"restored after it, the mask changes outputs by up to {moves}"
        return Verdict.fail(f"{rows}; {change}", cause=MASK_LOST, advice=advice, findings=findings)
    change = (
        "different values in the time steps that it hides change outputs by up to "
        f"{details['filled_moves']:.2g} of the largest output"
    )
    return Verdict.warn(f"{rows}; {change}", cause=MASK_LOST, advice=advice, findings=findings)


def _remarks(details: PaddingDetails) -> Iterator[str]:
    """For information: padding on the other side, and a row of padding only."""
    side = {"right": "left", "left": "right"}.get(details.get("side", ""))
    if side and details.get("other_side", 0.0) > _VISIBLE:
        change = f"{details['other_side']:.2g} of the largest output"
        yield f"on the {side}, padding would change outputs by up to {change}"
    if details.get("empty_would_be_nan"):
        yield "a row of nothing but padding would get NaN"


CHECK = Check(
    code="KC504",
    name="padding",
    title="padding does not change the outputs, and the mask reaches every layer",
    explanation=__doc__,
    pairs=(_PAIR,),
    routes=("masks",),
    examine=examine,
    is_slow=True,
)

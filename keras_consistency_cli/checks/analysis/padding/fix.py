"""How to fix the layer at which padding gets into the outputs, from what the layers do with the padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from keras_consistency_cli.checks.analysis.padding.place import PaddingPlace
from keras_consistency_cli.routes.sequences.padding_uses import PaddingUse
from keras_consistency_cli.text import clean

__all__ = ["describe_place"]

_MASK = "    mask = embedding.compute_mask(ids)"
_FROM = "Take the mask from the Embedding or Masking layer:"
_PASSED = {
    "MultiHeadAttention": "x, x, attention_mask={mask}[:, None, :]",
    "GroupedQueryAttention": "x, x, attention_mask={mask}[:, None, :]",
    "Attention": "[x, x], mask=[{mask}, {mask}]",
    "AdditiveAttention": "[x, x], mask=[{mask}, {mask}]",
}
"""Arguments of layers that do not take `x, mask=mask`."""


_MERGING = ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Concatenate")
"""Operations that have a layer of the same name; the layer passes on the mask that one of its inputs has."""


_WITH_NUMBER = {
    "Add": "keras.layers.Rescaling(1.0, offset=b)",
    "Subtract": "keras.layers.Rescaling(1.0, offset=-b)",
    "Multiply": "keras.layers.Rescaling(b)",
}
"""Layers of one tensor and a number; they pass the mask on."""


def describe_place(place: PaddingPlace | None) -> dict[str, object]:
    """Return findings: the layer, and the fix if there is one.

    Nothing in a layer of Keras can be edited, so the fix is complete there. It is also complete for a custom
    layer that is given the mask.
    """
    if place is None:
        return {"lost": {}}
    lost = {"layer": place.layer, "kind": place.kind} if place.loses_mask else {}
    fix = _suggest_fix(place)
    is_complete = place.stock or place.fault in ("ignores-mask", "drops-in-code")
    mend = {"mend": fix, "mend_is_complete": is_complete} if fix else {}
    return {"lost": lost, "place": asdict(place), **mend}


def _suggest_fix(place: PaddingPlace) -> str:
    """What to change for this layer; a layer of Keras is never to be edited."""
    layer = clean(place.layer)
    if place.fault == "drops-in-code":
        return _pass_on(place)
    takes_padding = place.fault in ("takes-padding", "ignores-mask")
    if place.stock and (place.uses if place.loses_mask else _is_used(place)):
        return _fix_by_uses(place)
    if place.fault == "ignores-mask" and place.kind in _PASSED:
        return (
            f"the mask of '{layer}' does not hide the padding. Attention needs False at the padded keys, "
            "which are the last axis of the mask:\n"
            f"    x = {layer.rpartition('/')[2]}({_PASSED[place.kind].format(mask='mask')})"
        )
    if takes_padding and place.stock:
        return (
            f"'{layer}' uses every time step{_without_argument(place)}. Set the masked time steps before it "
            "to a value that leaves its outputs as they are: 0 for a sum or convolution, -1e9 for a maximum "
            "or softmax; an average is the sum of the true time steps, divided by their number:\n"
            f"{_MASK}\n"
            "    x = keras.ops.where(mask[..., None], x, 0.0)"
        )
    if takes_padding:
        return (
            f"use `mask` in the call() of '{layer}' wherever it combines time steps. A sum or a convolution "
            "needs zeros in the masked ones, an average divides by the number of true ones, attention and "
            "softmax need a score of -1e9 at the masked keys:\n"
            "    true = ops.cast(mask, x.dtype)[..., None]\n"
            "    return ops.sum(x * true, axis=1) / ops.maximum(ops.sum(true, axis=1), 1)\n"
            "    scores = ops.where(mask[:, None, :], scores, -1e9)   # attention: the keys are last"
        )
    if place.loses_mask and place.stock:
        return (
            f"'{layer}' does not pass the mask on: set masked time steps to 0 before '{layer}', and give the "
            "mask to the layers after it yourself:\n"
            "    mask = embedding.compute_mask(ids)\n"
            f"    x = {layer}(keras.ops.where(mask[..., None], x, 0.0))\n"
            "    x = layers.LSTM(units)(x, mask=mask)"
        )
    return ""


def _pass_on(place: PaddingPlace) -> str:
    """The fix of code between layers that drops the mask."""
    layer, maker = clean(place.layer), clean(place.after)
    arguments = _PASSED.get(place.kind, "x, mask={mask}").format(mask="mask")
    return (
        "operations on tensors, such as x * 2, a slice or ops.reshape, do not pass the mask on. In call(), "
        f"give the mask of '{maker}' to '{layer}' yourself, and to the layers after it that need it:\n"
        f"    mask = self.{maker.rpartition('/')[2]}.compute_mask(ids)\n"
        f"    x = self.{layer.rpartition('/')[2]}({arguments})"
    )


def _is_used(place: PaddingPlace) -> bool:
    """Whether the layer itself was found to use the padding."""
    return any(use["layer"] == place.layer for use in place.uses)


def _without_argument(place: PaddingPlace) -> str:
    return ", and has no argument for a mask" if place.fault == "takes-padding" else ""


def _fix_by_uses(place: PaddingPlace) -> str:
    """The fix of every layer that uses the padding, from the first one on."""
    code = [line for use in place.uses for line in _code(use)]
    text = f"{_first_fix(place)}{_later_layers(place.uses)}"
    lines = [f"{text}.", _FROM, _MASK, *code] if code else [text]
    return "\n".join([*lines, *_remarks(place.uses)])


def _first_fix(place: PaddingPlace) -> str:
    use = place.uses[0]
    layer = clean(use["layer"])
    if use["use"] == "masked":
        lost = clean(place.layer)
        if place.is_operation and place.kind in _MERGING:
            return (
                f"'{lost}' is an operation on tensors, such as a + b, which does not pass the mask on. In "
                f"its place, use the layer keras.layers.{place.kind}()([a, b]){_for_number(place.kind)}, or "
                f"give the mask to '{layer}' yourself"
            )
        return f"'{lost}' does not pass the mask on: give it to '{layer}' yourself"
    why = ", and has no argument for a mask" if place.fault != "ignores-mask" else ""
    if use["use"] == "filled":
        is_maximum = use["kind"] == "GlobalMaxPooling1D"
        other = "; GlobalAveragePooling1D uses the mask and can take its place" if is_maximum else ""
        done = f"set the masked time steps before '{layer}' to {_number(use)}"
        return f"'{layer}' uses every time step{why}{other}. To keep it, {done}"
    if use["use"] == "averaged":
        average = "use GlobalAveragePooling1D, or " if _is_plain_average(use) else ""
        return (
            f"'{layer}' counts the masked time steps too{why}. In its place, {average}divide the sum of the "
            "true time steps by their number"
        )
    return (
        f"'{layer}' uses every time step{why}. No value in the padding leaves its outputs as they are: "
        "compute it from the true time steps only"
    )


def _for_number(kind: str) -> str:
    """The layer that takes the place of an operation of a tensor and a number, which the other refuses."""
    layer = _WITH_NUMBER.get(kind)
    return f" if a and b are both tensors, {layer}(a) if b is a number" if layer else ""


def _later_layers(uses: Sequence[PaddingUse]) -> str:
    """The layers after the first that need the mask too."""
    names = [f"'{clean(use['layer'])}'" for use in uses[1:]]
    if not names:
        return ""
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"; {listed} after it {'needs' if len(names) == 1 else 'need'} the mask too"


def _code(use: PaddingUse) -> Iterator[str]:
    """Lines for one layer, with its input and output as x."""
    name, mask = clean(use["layer"]).rpartition("/")[2], _mask_name(use)
    if _is_shortened(use):
        stride = f":{use['stride']}" if use["stride"] > 1 else ""
        yield f"    {mask} = mask[:, {use['start'] or ''}:{stride}]"
    if use["use"] == "masked":
        arguments = _PASSED.get(use["kind"], "x, mask={mask}").format(mask=mask)
        yield f"    x = {name}({arguments})"
    elif use["use"] == "filled":
        yield f"    x = keras.ops.where({_mask_of(use)}, x, {_number(use)})"
        yield f"    x = {name}(x)"
    elif _is_plain_average(use):
        yield f"    x = keras.layers.GlobalAveragePooling1D()(x, mask={mask})"
    elif use["use"] == "averaged":
        yield f"    true = keras.ops.cast({_mask_of(use)}, x.dtype)"
        yield "    x = keras.ops.sum(x * true, axis=1) / keras.ops.sum(true, axis=1)"


def _is_plain_average(use: PaddingUse) -> bool:
    """Whether GlobalAveragePooling1D computes the same."""
    return use["use"] == "averaged" and use["axes"] == 3 and use["steps"] > 0


def _mask_of(use: PaddingUse) -> str:
    """The mask in a shape that broadcasts with the input of the layer."""
    mask = _mask_name(use)
    if not use["steps"] or use["axes"] < 3:
        return mask
    return f"{mask}[..., {', '.join(['None'] * (use['axes'] - 2))}]"


def _is_shortened(use: PaddingUse) -> bool:
    """Whether the layer gets fewer time steps than the mask has, and it is known which of them."""
    return use["steps"] not in (0, use["mask_steps"]) and use["stride"] > 0


def _mask_name(use: PaddingUse) -> str:
    return f"mask_{use['steps']}" if _is_shortened(use) else "mask"


def _number(use: PaddingUse) -> str:
    value = use["value"] or 0.0
    return "0.0" if value == 0 else f"{value:.0e}".replace("e+0", "e").replace("e+", "e")


def _remarks(uses: Sequence[PaddingUse]) -> Iterator[str]:
    """What the code leaves open: masks of other shapes, and layers that no value in the padding helps."""
    for use in uses:
        layer = f"'{clean(use['layer'])}'"
        if not use["steps"]:
            yield f"at {layer}, the mask needs the shape of x"
        elif use["steps"] != use["mask_steps"] and not _is_shortened(use):
            steps = f"{use['steps']} time steps, not {use['mask_steps']}"
            yield f"{layer} gets {steps}: shorten its mask in the same way"
        elif use["use"] == "other" and use is not uses[0]:
            yield f"{layer} must be computed from the true time steps only"

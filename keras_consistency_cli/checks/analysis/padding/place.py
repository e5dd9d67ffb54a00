"""The layer at which padding gets into the outputs, and what it does wrong.

The route `unpadded` shows the layer whose outputs padding changes first. If that layer was given no mask
although it takes one, the mask got lost before it, at the layer that the route `masks` found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.measurement.negligible import is_nothing_left
from keras_consistency_cli.routes.locating.moved_padding import MovedPadding
from keras_consistency_cli.routes.locating.padding_leak import PaddingLeak
from keras_consistency_cli.routes.sequences.masks.lost_masks import LostMask
from keras_consistency_cli.routes.sequences.padded_rows import PaddingDetails
from keras_consistency_cli.routes.sequences.padding_uses import PaddingUse
from keras_consistency_cli.text import clean

__all__ = ["MASK_LOST", "MASK_MISPLACED", "Fault", "PaddingPlace", "find_padding_place"]

MASK_LOST, MASK_MISPLACED = "mask-lost", "mask-misplaced"
Fault = Literal[
    "moves-padding",
    "counts-positions",
    "reverses-time",
    "wrong-mask",
    "ignores-mask",
    "takes-padding",
    "loses-mask",
    "drops-in-code",
]
_CAUSES: Mapping[Fault, str] = {
    "moves-padding": "padding-moved",
    "counts-positions": "positions-count-padding",
    "reverses-time": MASK_MISPLACED,
    "wrong-mask": MASK_MISPLACED,
    "ignores-mask": MASK_LOST,
    "takes-padding": MASK_LOST,
    "loses-mask": MASK_LOST,
    "drops-in-code": MASK_LOST,
}
_DESCRIPTIONS: Mapping[Fault, str] = {
    "moves-padding": "{name} changes the padding before the mask is made",
    "counts-positions": "{name} counts positions from the padded end, padding included",
    "reverses-time": "{name} returns the time steps in the opposite order, and the mask stays as it was",
    "wrong-mask": "the mask that {name} makes does not fit the true time steps",
    "ignores-mask": "{name} gets the mask, but its outputs depend on the padding",
    "takes-padding": "{name} computes with the padding",
    "loses-mask": "the mask ends at {name}",
    "drops-in-code": "the code between '{after}' and {name} drops the mask",
}


@dataclass(frozen=True, kw_only=True)
class PaddingPlace:
    """A layer and its fault.

    Args:
        layer: its path.
        kind: its class.
        fault: what it does with the padding or the mask.
        stock: whether it is a layer of Keras, which the user cannot edit.
        is_operation: whether it is an operation on tensors, such as a + b, and not a layer.
        warned: whether Keras itself warned that it destroys the mask.
        is_only_one: whether padding changes nothing any more without this fault; None if nothing was tried.
        uses: what layers do with the padding, from the first one that lets it in.
        after: the layer that makes the mask, if the code of the model drops it before this one.
    """

    layer: str
    kind: str
    fault: Fault
    stock: bool = False
    is_operation: bool = False
    warned: bool = False
    is_only_one: bool | None = None
    uses: tuple[PaddingUse, ...] = ()
    after: str = ""

    @property
    def name(self) -> str:
        """Its path and class for a message."""
        return f"'{clean(self.layer)}' ({clean(self.kind)})"

    @property
    def cause(self) -> str:
        """The slug of the cause that its fault is."""
        return _CAUSES[self.fault]

    @property
    def description(self) -> str:
        """What the layer does wrong, in words."""
        return _DESCRIPTIONS[self.fault].format(name=self.name, after=clean(self.after))

    @property
    def loses_mask(self) -> bool:
        """Whether it is given the mask and does not pass it on."""
        return self.fault == "loses-mask"


def find_padding_place(evidence: Evidence) -> PaddingPlace | None:
    """Return the layer at which padding gets into the outputs, None if it is not known."""
    details = evidence.details("unpadded", PaddingDetails)
    if moved := details.get("moved"):
        return _place(evidence, moved, "moves-padding", _is_only_one(moved))
    leak, lost = details.get("leak"), _end_of_mask(evidence)
    if leak is not None and leak["reverses_time"]:
        return _place_leak(evidence, leak, "reverses-time")
    if leak is not None and leak["makes_mask"]:
        return _place_leak(evidence, leak, "wrong-mask")
    if leak is None or (leak["takes_mask"] and not leak["given_mask"] and not leak["counts_positions"]):
        if lost is not None:
            return replace(lost, uses=tuple(leak["uses"])) if leak is not None else lost
        return _place_leak(evidence, leak, "takes-padding") if leak is not None else None
    if leak["counts_positions"]:
        return _place_leak(evidence, leak, "counts-positions")
    return _place_leak(evidence, leak, "ignores-mask" if leak["takes_mask"] else "takes-padding")


def _end_of_mask(evidence: Evidence) -> PaddingPlace | None:
    """The layer that is given the mask and does not pass it on, by a run or by Keras's own warning."""
    lost = evidence.details("masks", LostMask)
    if after := lost.get("after"):
        return replace(_place(evidence, lost, "drops-in-code"), after=after)
    if "layer" in lost:
        return _place(evidence, lost, "loses-mask")
    warned = evidence.facts.masks_destroyed
    layers = (layer for layer in evidence.facts.layers if layer.path.rpartition("/")[2] in warned)
    layer = next(layers, None)
    if layer is None:
        return None
    return _place(evidence, {"layer": layer.path, "kind": layer.kind}, "loses-mask")


def _place_leak(evidence: Evidence, leak: PaddingLeak, fault: Fault) -> PaddingPlace:
    place = _place(evidence, leak, fault, _is_only_one(leak))
    return replace(place, stock=leak["stock"], uses=tuple(leak["uses"]))


def _place(
    evidence: Evidence,
    layer: LostMask | PaddingLeak | MovedPadding,
    fault: Fault,
    is_only_one: bool | None = None,
) -> PaddingPlace:
    path = layer["layer"]
    return PaddingPlace(
        layer=path,
        kind=layer["kind"],
        fault=fault,
        is_operation=all(each.path != path for each in evidence.facts.layers),
        stock=all(each.path != path or not each.custom for each in evidence.facts.layers),
        warned=path.rpartition("/")[2] in evidence.facts.masks_destroyed,
        is_only_one=is_only_one,
    )


def _is_only_one(measured: PaddingLeak | MovedPadding) -> bool | None:
    """Whether next to nothing is left of the difference; None if nothing was tried."""
    if measured["left"] is None:
        return None
    return is_nothing_left(measured["left"], before=measured["before"], scale=measured["scale"])

"""The fix follows from what the layers do with the padding."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.analysis.padding.fix import describe_place
from keras_consistency_cli.checks.analysis.padding.place import Fault, PaddingPlace
from keras_consistency_cli.routes.sequences.padding_uses import PaddingUse, Use


def use(layer: str, how: Use, value: float | None = None, **more: Any) -> PaddingUse:
    usual: dict[str, Any] = {"kind": layer, "axes": 3, "steps": 9, "mask_steps": 9, "start": 0, "stride": 0}
    return PaddingUse(layer=layer, use=how, value=value, **{**usual, **more})


def place(layer: str, *uses: PaddingUse, fault: Fault = "takes-padding", stock: bool = True) -> PaddingPlace:
    return PaddingPlace(layer=layer, kind=uses[0]["kind"], fault=fault, stock=stock, uses=uses)


CONVOLUTION = use("conv", "filled", 0.0)
MEMORY = use("encoder/lstm", "masked")
PLACES = {
    "convolution and recurrent layer": place("conv", CONVOLUTION, MEMORY),
    "average": place("mean", use("mean", "averaged")),
    "average of images": place("mean", use("mean", "averaged", axes=5)),
    "deviation": place("std", use("std", "other")),
    "deviation of a convolution": place("conv", CONVOLUTION, use("std", "other")),
    "maximum": place("peak", use("peak", "filled", -1e9, kind="GlobalMaxPooling1D")),
    "weights in float16": place("softmax", use("softmax", "filled", -3e4, axes=2)),
    "weights of two axes": place("softmax", use("softmax", "filled", -1e9, axes=4, steps=0)),
    "attention": place(
        "conv",
        CONVOLUTION,
        use("heads", "masked", kind="MultiHeadAttention"),
        use("dot", "masked", kind="Attention"),
    ),
    "shorter series": place("conv", CONVOLUTION, use("gru", "masked", steps=4)),
    "not passed on": place("add", MEMORY, fault="loses-mask"),
    "not passed on by an operator": PaddingPlace(
        layer="add", kind="Add", fault="loses-mask", stock=True, is_operation=True, uses=(MEMORY,)
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_fix(name: str, wording: SnapshotAssertion) -> None:
    found = describe_place(PLACES[name])
    assert found["mend_is_complete"] is True
    assert found["mend"] == wording


@pytest.mark.parametrize("fault", ["takes-padding", "ignores-mask", "loses-mask"])
def test_fix_of_unknown_uses(fault: Fault, wording: SnapshotAssertion) -> None:
    found = describe_place(PaddingPlace(layer="pool", kind="Pool", fault=fault, stock=True))
    assert found["mend"] == wording


def test_a_custom_layer_is_edited(wording: SnapshotAssertion) -> None:
    found = describe_place(place("mine", use("mine", "averaged"), stock=False))
    assert found["mend_is_complete"] is False
    assert found["mend"] == wording
    assert "mend" not in describe_place(place("mine", MEMORY, fault="loses-mask", stock=False))


def test_no_place_has_no_fix() -> None:
    assert describe_place(None) == {"lost": {}}


@pytest.mark.parametrize(
    ("kind", "takes_number"), [("Add", True), ("Multiply", True), ("Subtract", True), ("Maximum", False)]
)
def test_an_operation_of_a_tensor_and_a_number_has_a_layer_of_its_own(kind: str, takes_number: bool) -> None:
    operation = PaddingPlace(
        layer="op", kind=kind, fault="loses-mask", stock=True, is_operation=True, uses=(MEMORY,)
    )
    assert ("Rescaling(" in str(describe_place(operation)["mend"])) is takes_number

"""Inputs and outputs of exports are matched by name, else by shape, else by position."""

from __future__ import annotations

import pytest

from keras_consistency_cli.loading.exports.exported_model import ExportRefused, ExportTensor
from keras_consistency_cli.loading.exports.matching import match_inputs, match_outputs
from keras_consistency_cli.measurement.facts import InputFact, OutputFact

Shape = tuple[int | None, ...]


def tensors(**shapes: Shape) -> tuple[ExportTensor, ...]:
    return tuple(ExportTensor(name=name, shape=shape, dtype="float32") for name, shape in shapes.items())


def inputs(**shapes: Shape) -> tuple[InputFact, ...]:
    return tuple(InputFact(name=name, shape=shape, dtype="float32") for name, shape in shapes.items())


def outputs(**shapes: Shape) -> tuple[OutputFact, ...]:
    return tuple(OutputFact(name=name, shape=shape) for name, shape in shapes.items())


A, B = (None, 3), (None, 4)


@pytest.mark.parametrize(
    ("facts", "found", "names", "by"),
    [
        (inputs(x=A), tensors(anything=A), {"x": "anything"}, "only"),
        (inputs(b=A, a=A), tensors(a=A, b=A), {"b": "b", "a": "a"}, "name"),
        (inputs(b=A, a=A), tensors(serving_default_a=A, serving_default_b=A),
         {"b": "serving_default_b", "a": "serving_default_a"}, "name"),
        (inputs(b=A, a=B), tensors(k1=B, k2=A), {"b": "k2", "a": "k1"}, "shape"),
        (inputs(b=A, a=A), tensors(k1=A, k2=A), {"b": "k1", "a": "k2"}, "position"),
    ],
)  # fmt: skip
def test_inputs(
    facts: tuple[InputFact, ...], found: tuple[ExportTensor, ...], names: dict[str, str], by: str
) -> None:
    match = match_inputs(facts, found, {})
    assert (dict(match.names), match.by) == (names, by)


def test_stated_names_win() -> None:
    match = match_inputs(inputs(b=A, a=A), tensors(a=A, b=A), {"b": "a", "a": "b"})
    assert (dict(match.names), match.by) == ({"b": "a", "a": "b"}, "stated")


def test_an_unknown_stated_name_is_refused() -> None:
    with pytest.raises(ExportRefused):
        match_inputs(inputs(b=A), tensors(a=A), {"b": "c"})


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        (tensors(x=A, y=A), "export-of-other-model"),
        (tensors(**{"x": A, "n/Sub/y:0": (), "n/Sqrt/x:0": ()}), "export-statistics-lost"),
    ],
)
def test_surplus_inputs_are_refused(found: tuple[ExportTensor, ...], cause: str) -> None:
    with pytest.raises(ExportRefused) as refused:
        match_inputs(inputs(x=A), found, {})
    assert refused.value.cause == cause


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (tensors(output_1=A, output_0=A), ["output_0", "output_1"]),
        (tensors(**{"Identity_1:0": A, "Identity:0": A}), ["Identity:0", "Identity_1:0"]),
        (tensors(second=A, first=A), ["first", "second"]),
        (tensors(k=A, second=A, stray=()), None),
        (tensors(second=A, stray=(), first=A), ["first", "second"]),
        (tensors(**{"a/b:0": A, "Identity_1:0": A, "Identity:0": A}), ["Identity:0", "Identity_1:0"]),
    ],
)
def test_outputs(found: tuple[ExportTensor, ...], names: list[str] | None) -> None:
    facts = outputs(first=A, second=A)
    if names is None:
        with pytest.raises(ExportRefused):
            match_outputs(facts, found)
    else:
        assert list(match_outputs(facts, found).names.values()) == names


def test_other_shapes_are_those_of_a_different_model() -> None:
    for refused in (
        lambda: match_inputs(inputs(x=A), tensors(x=(None, 3, 3)), {}),
        lambda: match_inputs(inputs(b=A, a=A), tensors(b=B, a=A), {}),
        lambda: match_outputs(outputs(y=A), tensors(output_0=B)),
    ):
        with pytest.raises(ExportRefused) as raised:
            refused()
        assert raised.value.cause == "export-of-other-model"


def test_any_size_fits() -> None:
    assert match_inputs(inputs(x=(None, None, 3)), tensors(x=(1, 8, 3)), {}).by == "only"
    assert match_outputs(outputs(y=A), (ExportTensor(name="y", shape=None, dtype="float32"),)).by == "only"

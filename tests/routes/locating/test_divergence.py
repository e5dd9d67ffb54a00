"""The layer at fault is the first with different outputs for the same inputs; each layer has a difference."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.locating.divergence import (
    MAX_ENTRIES,
    first_faulty_step,
    layer_deviations,
    limit_entries,
)
from keras_consistency_cli.routes.locating.layer_sketches import Sketch, Step, sketch_tensors
from keras_consistency_cli.routes.locating.layers import LAYER_LOCATORS
from keras_consistency_cli.routes.numerics.rounding_location import ROUNDING_LOCATORS
from tests.helpers.live_models import Block, Leak, chain, measured, named_rows, normal, register, session_of

LOCATE = {route.name: route.run for route in (*LAYER_LOCATORS, *ROUNDING_LOCATORS)}


def sketch(*values: Any) -> Sketch:
    return sketch_tensors([np.array(each, np.float32) for each in values], None, 0)


def step(path: str, inputs: float, outputs: float, **marks: bool) -> Step:
    return Step(
        path=path,
        kind="Dense",
        custom=False,
        inputs=sketch([inputs, 4.0]),
        outputs=sketch([outputs, 8.0]),
        **marks,
    )


def along(name: str, built: tuple[Any, Any]) -> dict[str, Any]:
    return measured(LOCATE[name], built)


@register
class Between(keras.Model):
    """A subclassed model with its own code between two layers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.before, self.after = layers.Dense(4, name="before"), layers.Dense(1, name="after")

    def call(self, inputs: Any) -> Any:
        hidden = self.before(inputs)
        return self.after(hidden - keras.ops.mean(hidden, axis=0, keepdims=True))


def test_a_layer_is_at_fault_only_if_its_inputs_agree() -> None:
    base = [step("a", 1, 1), step("b", 2, 2), step("net", 1, 3)]
    assert first_faulty_step(base, base) is None
    assert first_faulty_step(base, [step("a", 1, 1), step("b", 2, 9), step("net", 1, 7)]) == 1
    # The inputs of b differ although a agrees: the code between them is at fault, which belongs to the model.
    assert first_faulty_step(base, [step("a", 1, 1), step("b", 5, 9), step("net", 1, 7)]) == 2
    assert first_faulty_step(base, [step("a", 6, 7), step("b", 5, 9), step("net", 4, 7)]) == 0


def test_code_between_layers_belongs_to_the_model() -> None:
    built = Between(name="net"), {"input": normal(5)}
    built[0].predict(built[1]["input"], verbose=0)
    found = along("locate-companions", built)
    assert (found["layer"], found["kind"], found["custom"]) == ("net", "Between", True)
    assert [(each["layer"], each["culprit"]) for each in found["depth"]] == [
        ("before", False),
        ("after", False),
        ("net", True),
    ]
    assert found["depth"][0]["outputs"] == 0 < found["depth"][1]["inputs"]


def test_a_deviation_is_a_share_of_the_greatest_number() -> None:
    base = [step("a", 1, 1), step("b", 1, 2)]
    other = [step("a", 1, 1), step("b", 1, 4)]
    assert layer_deviations(base, other, 1) == [
        {
            "layer": "a",
            "kind": "Dense",
            "depth": 1,
            "inputs": 0.0,
            "outputs": 0.0,
            "noise": None,
            "culprit": False,
        },
        {
            "layer": "b",
            "kind": "Dense",
            "depth": 2,
            "inputs": 0.0,
            "outputs": 0.25,
            "noise": None,
            "culprit": True,
        },
    ]


def test_parts_of_layers_and_models_are_left_out_unless_they_are_at_fault() -> None:
    steps = [step("lstm", 1, 1, outermost=False), step("lstm", 1, 1), step("encoder", 1, 1, model=True)]
    assert [each["depth"] for each in layer_deviations(steps, steps, 1)] == [2]
    assert [each["depth"] for each in layer_deviations(steps, steps, 2)] == [2, 3]


def test_runs_with_different_layers_are_compared_up_to_there() -> None:
    base = [step("a", 1, 1), step("b", 1, 2), step("c", 1, 2)]
    other = [step("a", 1, 3), step("z", 1, 2), step("c", 1, 2)]
    assert [each["layer"] for each in layer_deviations(base, other, 0)] == ["a"]


def test_a_change_that_no_sketched_number_shows_is_not_zero() -> None:
    values = np.ones(100_000, np.float32)
    other = values.copy()
    other[1] = 3.0
    steps = [
        [Step(path="a", kind="A", custom=True, inputs=sketch([1.0]), outputs=sketch_tensors([each], None, 0))]
        for each in (values, other)
    ]
    (found,) = layer_deviations(*steps, 0)
    assert 0 < found["outputs"] <= 2.0


def test_nan_on_one_side_is_an_infinite_difference() -> None:
    (found,) = layer_deviations([step("a", 1, 1)], [step("a", 1, float("nan"))], 0)
    assert found["outputs"] == float("inf")


@pytest.mark.parametrize("at", [0, 5, 500, 999])
def test_the_layer_at_fault_and_both_ends_are_among_the_limited_entries(at: int) -> None:
    entries = [{"depth": number, "culprit": number == at} for number in range(1000)]
    kept = [each["depth"] for each in limit_entries(entries)]
    assert len(kept) == MAX_ENTRIES
    assert kept == sorted(set(kept))
    assert {0, at, 999} <= set(kept)
    assert {max(at - 1, 0), min(at + 1, 999)} <= set(kept)
    assert max(np.diff(kept)) <= 12
    assert limit_entries(entries[:150]) == entries[:150]


DEEP = {
    "leak": lambda: chain(
        (5,), layers.Dense(4, name="before"), Leak(1e-3, name="leak"), layers.Dense(1, name="after")
    ),
    "block/inner": lambda: chain(
        (5,),
        layers.Dense(4, name="before"),
        Block(Leak(1e-3, name="inner"), name="block"),
        layers.Dense(1, name="after"),
    ),
}


@pytest.mark.parametrize("path", DEEP)
def test_only_the_layer_at_fault_and_later_layers_differ(path: str) -> None:
    depth = along("locate-companions", DEEP[path]())["depth"]
    at = next(number for number, each in enumerate(depth) if each["culprit"])
    assert (depth[at]["layer"], depth[at]["inputs"]) == (path, 0.0)
    assert all(each["inputs"] == each["outputs"] == 0 for each in depth[:at])
    assert all(each["outputs"] > 0 for each in depth[at:])
    assert [depth[0]["layer"], depth[-1]["layer"]] == ["before", "after"]


def test_the_model_is_run_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    built = chain((5,), layers.Dense(4), Leak(1e-3, name="leak"))
    session, passes = session_of(built), []
    plain = built[0].predict_step
    monkeypatch.setattr(built[0], "predict_step", lambda data: passes.append(1) or plain(data))
    LOCATE["locate-companions"](session, named_rows(built[1], session.facts))
    assert len(passes) == 2

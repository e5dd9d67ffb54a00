"""depth: sketches tell whether tensors differ and about how far; the layer at fault is the first that answers the same inputs differently."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.locating.layer_sketches import (
    MOST_LAYERS,
    Sketch,
    Step,
    bounded,
    culprit,
    deviations,
    sketched,
)
from keras_consistency_cli.routes.locating.layers import LAYER_LOCATORS
from keras_consistency_cli.routes.numerics.rounding_location import ROUNDING_LOCATORS
from tests.helpers.live_models import Block, Leak, chain, measured, named_rows, normal, register, session_of

LOCATE = {route.name: route.run for route in (*LAYER_LOCATORS, *ROUNDING_LOCATORS)}


def sketch(*values: Any) -> Sketch:
    return sketched([np.array(each, np.float32) for each in values], None, 0)


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
    """A subclassed model with code of its own between two layers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.before, self.after = layers.Dense(4, name="before"), layers.Dense(1, name="after")

    def call(self, inputs: Any) -> Any:
        hidden = self.before(inputs)
        return self.after(hidden - keras.ops.mean(hidden, axis=0, keepdims=True))


# --- sketches


def test_any_bit_changes_the_digest_and_memory_stays_flat() -> None:
    large = np.zeros(1_000_003, np.float32)
    other = large.copy()
    other[777_777] = 1e-30
    found = sketched([large], None, 0), sketched([other], None, 0)
    assert found[0].digest != found[1].digest
    assert max(each.values.size for each in found) <= 2048


def test_rows_that_do_not_count_do_not_change_it() -> None:
    kept = np.array([False, True])
    same = [sketched([np.array([[first], [2.0]])], kept, 2) for first in (1.0, 9.0)]
    assert same[0].digest == same[1].digest
    assert sketched([np.array([[1.0], [3.0]])], kept, 2).digest != same[0].digest
    assert sketched([np.array([1.0, 2.0, 3.0])], kept, 2).count == 0


def test_text_is_compared_by_what_it_says_and_not_by_where_it_is() -> None:
    assert (
        sketched([np.array([b"red"], object)], None, 0).digest
        == sketched([np.array(["".join(["re", "d"]).encode()], object)], None, 0).digest
    )


@pytest.mark.parametrize(("value", "finite"), [(1.0, True), (np.nan, False), (np.inf, False)])
def test_what_is_not_finite_is_told(value: float, finite: bool) -> None:
    assert sketch([0.0, value]).finite is finite


# --- the layer at fault


def test_a_layer_is_at_fault_only_where_its_inputs_agree() -> None:
    base = [step("a", 1, 1), step("b", 2, 2), step("net", 1, 3)]
    assert culprit(base, base) is None
    assert culprit(base, [step("a", 1, 1), step("b", 2, 9), step("net", 1, 7)]) == 1
    # What goes into b differs although a agrees: the code between them is at fault, and that is the model's.
    assert culprit(base, [step("a", 1, 1), step("b", 5, 9), step("net", 1, 7)]) == 2
    assert culprit(base, [step("a", 6, 7), step("b", 5, 9), step("net", 4, 7)]) == 0


def test_code_between_layers_is_the_models_own() -> None:
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


# --- along the depth


def test_deviation_is_a_share_of_the_greatest_number() -> None:
    base = [step("a", 1, 1), step("b", 1, 2)]
    other = [step("a", 1, 1), step("b", 1, 4)]
    assert deviations(base, other, 1) == [
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
    assert [each["depth"] for each in deviations(steps, steps, 1)] == [2]
    assert [each["depth"] for each in deviations(steps, steps, 2)] == [2, 3]


def test_runs_that_take_other_ways_are_compared_up_to_there() -> None:
    base = [step("a", 1, 1), step("b", 1, 2), step("c", 1, 2)]
    other = [step("a", 1, 3), step("z", 1, 2), step("c", 1, 2)]
    assert [each["layer"] for each in deviations(base, other, 0)] == ["a"]


def test_a_change_that_no_kept_number_shows_is_not_nothing() -> None:
    values = np.ones(100_000, np.float32)
    other = values.copy()
    other[1] = 3.0
    steps = [
        [Step(path="a", kind="A", custom=True, inputs=sketch([1.0]), outputs=sketched([each], None, 0))]
        for each in (values, other)
    ]
    (found,) = deviations(*steps, 0)
    assert 0 < found["outputs"] <= 2.0


def test_nan_on_one_side_is_infinitely_far() -> None:
    (found,) = deviations([step("a", 1, 1)], [step("a", 1, float("nan"))], 0)
    assert found["outputs"] == float("inf")


@pytest.mark.parametrize("at", [0, 5, 500, 999])
def test_at_most_so_many_are_kept_and_the_culprit_and_both_ends_are_among_them(at: int) -> None:
    entries = [{"depth": number, "culprit": number == at} for number in range(1000)]
    kept = [each["depth"] for each in bounded(entries)]
    assert len(kept) == MOST_LAYERS
    assert kept == sorted(set(kept))
    assert {0, at, 999} <= set(kept)
    assert {max(at - 1, 0), min(at + 1, 999)} <= set(kept)
    assert max(np.diff(kept)) <= 12
    assert bounded(entries[:150]) == entries[:150]


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
def test_nothing_before_the_culprit_deviates_and_what_follows_does(path: str) -> None:
    depth = along("locate-companions", DEEP[path]())["depth"]
    at = next(number for number, each in enumerate(depth) if each["culprit"])
    assert (depth[at]["layer"], depth[at]["inputs"]) == (path, 0.0)
    assert all(each["inputs"] == each["outputs"] == 0 for each in depth[:at])
    assert all(each["outputs"] > 0 for each in depth[at:])
    assert [depth[0]["layer"], depth[-1]["layer"]] == ["before", "after"]


def test_two_passes_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    built = chain((5,), layers.Dense(4), Leak(1e-3, name="leak"))
    session, passes = session_of(built), []
    plain = built[0].predict_step
    monkeypatch.setattr(built[0], "predict_step", lambda data: passes.append(1) or plain(data))
    LOCATE["locate-companions"](session, named_rows(built[1], session.facts))
    assert len(passes) == 2

"""Routes of saving and loading, on live models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.persistence.reloading import RELOADING_ROUTES
from keras_consistency_cli.routes.trace import Result
from tests.helpers.live_models import HEALTHY, NASTY, chain, mlp, named_rows, session_of, state_of

TABLE = {route.name: route for route in RELOADING_ROUTES}
register = keras.saving.register_keras_serializable(package="reloading")
drawn = np.random.default_rng(0)


@register
class Loose(layers.Layer):
    """Holds a variable that Keras does not track."""

    def __init__(self, random: bool = False, idle: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.random, self.idle = random, idle

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.table = tf.Variable(
            drawn.normal(size=(input_shape[-1],)) if self.random else np.ones(input_shape[-1]),
            dtype="float32",
        )

    def call(self, inputs: Any) -> Any:
        return inputs + 0.0 * self.table if self.idle else inputs * self.table


@register
class Buried(layers.Layer):
    """Hides a layer in a closure."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        inner = layers.Dense(3)
        self.run = lambda x: inner(x)

    def call(self, inputs: Any) -> Any:
        return self.run(inputs)


@register
class Shift(layers.Layer):
    """Has its own get_config, which may omit the argument, change it or return it."""

    def __init__(self, by: float = 0.0, style: str = "whole", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by, self.style = by, style

    def call(self, inputs: Any) -> Any:
        return inputs + self.by

    def get_config(self) -> dict[str, Any]:
        stated = {"whole": {"by": self.by}, "drifting": {"by": 2.0 * self.by}, "forgetful": {}}[self.style]
        return {**super().get_config(), "style": self.style, **stated}


@register
class Unsayable(layers.Layer):
    """Has no config."""

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("no config")


def run(route: str, built: tuple[Any, Any], folder: Path) -> Result:
    session = session_of(built)
    path = folder / "model.keras"
    if route == "loaded-again":
        built[0].save(path)
    session.subject = Subject(files=SubjectFiles(model=str(path)), model=built[0], facts=session.facts)
    result = TABLE[route].run(session, named_rows(built[1], session.facts))
    session.restore()
    return result


def same(result: Result) -> bool:
    assert result.baseline is not None
    return all(np.array_equal(values, result.outputs[name]) for name, values in result.baseline.items())


@pytest.mark.parametrize("route", sorted(TABLE))
@pytest.mark.parametrize("name", sorted(HEALTHY))
def test_healthy_models_come_back_bit_for_bit(name: str, route: str, tmp_path: Path) -> None:
    result = run(route, HEALTHY[name](), tmp_path)
    assert same(result)
    assert result.details in ({}, {"unsaved": [], "forgotten": [], "untracked": []})


@pytest.mark.parametrize("name", sorted(NASTY))
def test_the_model_is_unchanged(name: str, tmp_path: Path) -> None:
    built = NASTY[name]()
    run("reloaded", built, tmp_path)
    before = state_of(built[0])
    run("reloaded", built, tmp_path)
    assert state_of(built[0]) == before


@pytest.mark.parametrize("layer", [Loose(random=True, name="odd"), Buried(name="odd")])
@pytest.mark.parametrize("route", sorted(TABLE))
def test_values_created_at_random_on_load_differ(layer: Any, route: str, tmp_path: Path) -> None:
    result = run(route, chain((4,), type(layer).from_config(layer.get_config()), layers.Dense(2)), tmp_path)
    assert not same(result)
    assert result.details["parting"]["layer"].startswith("odd")
    assert result.details.get("repeatable", False) is False


def test_a_config_that_changes_on_load_is_reported(tmp_path: Path) -> None:
    result = run("reloaded", chain((4,), Shift(1.0, "drifting", name="odd"), layers.Dense(2)), tmp_path)
    assert not same(result)
    assert (result.details["parting"]["layer"], result.details["repeatable"], result.details["weights"]) == (
        "odd",
        True,
        [],
    )
    assert result.details["attributes"] == ["odd.by"]
    assert {"path": "layers/odd/config/by", "before": "2.0", "after": "4.0"} in result.details["config"]


def test_a_forgotten_argument_is_reported_although_outputs_agree(tmp_path: Path) -> None:
    result = run("reloaded", chain((4,), Shift(style="forgetful", name="odd"), layers.Dense(2)), tmp_path)
    assert same(result)
    assert result.details["forgotten"] == [
        {"layer": "odd", "kind": "Shift", "argument": "by", "value": "0.0"}
    ]


def test_a_whole_config_forgets_nothing(tmp_path: Path) -> None:
    result = run("reloaded", chain((4,), Shift(3.0, name="odd"), layers.Dense(2)), tmp_path)
    assert (same(result), result.details["forgotten"]) == (True, [])


@pytest.mark.parametrize(("idle", "found"), [(False, ["odd.table"]), (True, [])])
def test_untracked_variables_are_reported_if_outputs_depend_on_them(
    idle: bool, found: list[str], tmp_path: Path
) -> None:
    result = run("reloaded", chain((4,), Loose(idle=idle, name="odd"), layers.Dense(2)), tmp_path)
    assert (same(result), result.details["untracked"]) == (True, found)


def test_the_error_of_a_model_that_cannot_be_saved_is_reported(tmp_path: Path) -> None:
    result = run("reloaded", chain((4,), Unsayable(), layers.Dense(2)), tmp_path)
    assert not result.outputs
    assert result.details["failure"] == "NotImplementedError: no config"


def test_nothing_stays_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run("reloaded", mlp(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_large_models_are_not_loaded_again(wording: SnapshotAssertion) -> None:
    facts = session_of(mlp()).facts
    large = type(facts)(**{**vars(facts), "parameters": 300_000_000})
    assert {route.unavailable(facts) for route in RELOADING_ROUTES} == {None}
    (reason,) = {route.unavailable(large) for route in RELOADING_ROUTES}
    assert reason == wording


@pytest.mark.parametrize("refreshed", [True, False])
def test_a_normalization_with_assigned_weights_differs_after_loading(refreshed: bool, tmp_path: Path) -> None:
    norm = layers.Normalization(name="norm")
    built = chain((3,), norm, layers.Dense(2))
    norm.set_weights([np.full(3, 0.5, "float32"), np.full(3, 4.0, "float32"), np.int32(0)])
    if refreshed:
        norm.finalize_state()
    result = run("reloaded", built, tmp_path)
    assert (result.details.get("weights", []), result.details.get("config", [])) == ([], [])
    assert result.details.get("parting", {}).get("layer") == (None if refreshed else "norm")
    assert same(result) is refreshed

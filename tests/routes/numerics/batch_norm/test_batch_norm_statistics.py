"""What reaches BatchNormalization layers is compared with their statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.numerics.batch_norm.batch_norm_statistics import BATCH_NORM_ROUTES
from keras_consistency_cli.routes.session.session import RunOptions, Session

X = np.random.default_rng(3).normal(40, 9, (64, 5)).astype("float32")


def settle(norm: Any, mean: Any, variance: Any) -> None:
    norm.moving_mean.assign(np.broadcast_to(mean, norm.moving_mean.shape))
    norm.moving_variance.assign(np.broadcast_to(variance, norm.moving_variance.shape))


def measure(model: Any, folder: Path, x: np.ndarray = X, reference: np.ndarray | None = None) -> Any:
    np.save(folder / "x.npy", x)
    files = {"data": str(folder / "x.npy")}
    if reference is not None:
        np.save(folder / "train.npy", reference)
        files["reference"] = str(folder / "train.npy")
    facts = describe_model(model)
    subject = Subject(files=SubjectFiles(model="", **files), model=model, facts=facts)
    session = Session(model, facts, RunOptions(), subject)
    session.start_run(np.arange(len(x)))
    return BATCH_NORM_ROUTES[0].run(session, {facts.inputs[0].name: x}).details


def one_norm() -> tuple[Any, Any]:
    norm = layers.BatchNormalization(name="norm")
    return keras.Sequential([keras.Input((5,), name="x"), norm, layers.Dense(1)]), norm


def test_statistics_of_the_rows_fit(tmp_path: Path) -> None:
    model, norm = one_norm()
    settle(norm, X.mean(0), X.var(0))
    (layer,) = measure(model, tmp_path)["layers"]
    assert layer["distance"] < 1e-6
    assert layer["size"] == pytest.approx(1.0, abs=1e-3)


def test_statistics_of_other_rows_do_not(tmp_path: Path) -> None:
    model, norm = one_norm()
    settle(norm, 10.0, 4.0)
    details = measure(model, tmp_path)
    assert details["source"] == "data"
    assert details["layers"][0]["distance"] > 0.6
    assert details["layers"][0]["size"] > 3
    assert measure(model, tmp_path, reference=X / 9 * 2 + 1.1)["layers"][0]["distance"] < 0.05


def test_a_part_of_the_features_that_does_not_fit_is_counted(tmp_path: Path) -> None:
    model, norm = one_norm()
    offsets = np.array([0, 0, 0, 400, 0], "float32")
    settle(norm, X.mean(0) - offsets, X.var(0))
    (layer,) = measure(model, tmp_path)["layers"]
    assert (layer["live"], layer["far"], layer["initial_share"]) == (5, 1, None)
    dead = X * np.array([1, 0, 1, 1, 1], "float32")
    assert measure(model, tmp_path, dead)["layers"][0]["live"] == 4


def test_statistics_of_few_steps_are_known(tmp_path: Path) -> None:
    model, norm = one_norm()
    for start in (0, 32):
        model(X[start : start + 32], training=True)
    (layer,) = measure(model, tmp_path)["layers"]
    assert layer["far"] == 5
    assert layer["initial_share"] == pytest.approx(0.99**2, abs=1e-3)
    settle(norm, X.mean(0), X.var(0))
    assert measure(model, tmp_path)["layers"][0]["far"] == 0


def test_a_layer_as_it_was_created_and_a_frozen_one_are_left_out(tmp_path: Path) -> None:
    model, norm = one_norm()
    assert "reason" in measure(model, tmp_path)
    settle(norm, X.mean(0), X.var(0))
    assert not measure(model, tmp_path)["layers"][0]["untouched"]
    norm.trainable = False
    assert "reason" in measure(model, tmp_path)
    other = layers.BatchNormalization(name="other")
    both = keras.Sequential([keras.Input((5,), name="x"), norm, other, layers.Dense(1)])
    settle(other, X.mean(0), X.var(0))
    assert [layer["path"] for layer in measure(both, tmp_path)["layers"]] == ["other"]


def test_a_layer_as_it_was_created_is_measured_if_its_scale_was_trained(tmp_path: Path) -> None:
    model, norm = one_norm()
    norm.gamma.assign(np.full(5, 0.5))
    assert "reason" in measure(model, tmp_path)
    norm.beta.assign(np.linspace(0.0, 1e-3, 5))
    assert measure(model, tmp_path)["layers"][0]["untouched"]
    norm.trainable = False
    assert measure(model, tmp_path)["layers"][0]["untouched"]
    plain = layers.BatchNormalization(center=False, scale=False)
    bare = keras.Sequential([keras.Input((5,), name="x"), plain, layers.Dense(1)])
    assert "reason" in measure(bare, tmp_path)


def test_axis_and_mask_are_respected(tmp_path: Path) -> None:
    steps = np.random.default_rng(1).normal(3, 2, (32, 6, 4)).astype("float32")
    padded = np.concatenate([steps, np.zeros((32, 10, 4), "float32")], axis=1)
    norm = layers.BatchNormalization(name="norm")
    masked = keras.Sequential([keras.Input((16, 4), name="x"), layers.Masking(), norm, layers.LSTM(2)])
    settle(norm, steps.mean((0, 1)), steps.var((0, 1)))
    assert measure(masked, tmp_path, padded)["layers"][0]["distance"] < 1e-6
    first = layers.BatchNormalization(axis=1, name="norm")
    by_step = keras.Sequential([keras.Input((6, 4), name="x"), first, layers.Flatten(), layers.Dense(1)])
    settle(first, steps.mean((0, 2)), steps.var((0, 2)))
    assert measure(by_step, tmp_path, steps)["layers"][0]["distance"] < 1e-6


def test_some_of_very_many_positions_have_the_statistics_of_all(tmp_path: Path) -> None:
    images = np.random.default_rng(1).normal(3, 2, (8, 64, 64, 2)).astype("float32")
    images[:, 0] = 50  # a row of pixels that a regular grid of positions would miss or hit too often
    norm = layers.BatchNormalization(name="norm")
    model = keras.Sequential([keras.Input((64, 64, 2), name="x"), norm, layers.GlobalMaxPooling2D()])
    settle(norm, images.mean((0, 1, 2)), images.var((0, 1, 2)))
    assert measure(model, tmp_path, images)["layers"][0]["distance"] < 1e-3
    settle(norm, images.mean((0, 1, 2)) + 8, images.var((0, 1, 2)))
    assert measure(model, tmp_path, images)["layers"][0]["distance"] > 0.1


def test_layers_come_in_the_order_in_which_they_are_reached(tmp_path: Path) -> None:
    late, early = layers.BatchNormalization(name="late"), layers.BatchNormalization(name="early")
    inner = keras.Sequential([keras.Input((5,)), early, layers.Dense(5)], name="inner")
    inputs = keras.Input((5,), name="x")
    model = keras.Model(inputs, late(inner(inputs)))
    for norm in (late, early):
        settle(norm, np.ones(5), np.ones(5))
    details = measure(model, tmp_path)
    assert [layer["path"] for layer in details["layers"]] == ["inner/early", "late"]


def test_a_model_without_such_layers_gives_the_reason(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((5,), name="x"), layers.Dense(1)])
    assert "reason" in measure(model, tmp_path)


HEAVY = {
    "pareto": lambda random, shape: random.pareto(1.0, shape),
    "cauchy": lambda random, shape: random.standard_cauchy(shape),
    "lognormal": lambda random, shape: random.lognormal(0, 3, shape),
}


@pytest.mark.parametrize("name", HEAVY)
@pytest.mark.parametrize("seed", range(4))
def test_averages_of_batches_with_heavy_tails_fit(name: str, seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    batches = HEAVY[name](random, (100, 32, 5))
    model, norm = one_norm()
    settle(norm, batches.mean(1).mean(0), batches.var(1).mean(0))
    (layer,) = measure(model, tmp_path, HEAVY[name](random, (256, 5)).astype("float32"))["layers"]
    assert layer["distance"] < 0.1


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_tails_hide_no_other_location_or_scale(name: str, tmp_path: Path) -> None:
    x = HEAVY[name](np.random.default_rng(0), (256, 5)).astype("float32")
    model, norm = one_norm()
    for mean, variance in ((0.0, 1e-6), (1e6, 1.0)):
        settle(norm, mean, variance)
        (layer,) = measure(model, tmp_path, x)["layers"]
        assert layer["distance"] > 0.9


def test_the_effect_of_the_start_on_the_outputs_is_measured(tmp_path: Path) -> None:
    model, norm = one_norm()
    settle(norm, X.mean(0), X.var(0))
    assert "effect" not in measure(model, tmp_path)
    settle(norm, 0.5 * X.mean(0), 0.5 + 0.5 * X.var(0))
    before = norm.moving_mean.numpy()
    details = measure(model, tmp_path)
    assert details["layers"][0]["initial_share"] == pytest.approx(0.5, abs=0.05)
    with_start = np.asarray(model(X))
    assert np.array_equal(norm.moving_mean.numpy(), before)
    settle(norm, X.mean(0), X.var(0))
    without = np.asarray(model(X))
    deviation = max(float((values - values.mean(axis=0)).std()) for values in (with_start, without))
    expected = float(np.sqrt(np.mean((with_start - without) ** 2))) / deviation
    assert details["effect"] == pytest.approx(expected, rel=1e-3)

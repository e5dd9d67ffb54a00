"""The session of the float64 copy: the model's outputs without its rounding, or the reason why not."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model.copies.float64 import PrecisionCopyRefused
from tests.helpers.float64_copies import float64_copy_of
from tests.helpers.live_models import (
    HEALTHY,
    CountedByMask,
    HardCast,
    WavesOfTutorials,
    chain,
    mlp,
    named_rows,
    session_of,
    stateful,
    strings,
)
from tests.helpers.wording import masked

NOISE = {"mixed_float16": 1e-2}


@pytest.mark.parametrize("name", [name for name in HEALTHY if name != "string inputs"])
def test_the_copy_differs_from_the_model_by_rounding_only(name: str) -> None:
    built = HEALTHY[name]()
    float64_copy, rows = float64_copy_of(built)
    model = session_of(built).steps(rows, 4)
    together, alone = float64_copy.steps(rows, 4), float64_copy.one_by_one(rows)
    assert together.keys() == alone.keys() == model.keys()
    for output, exact in together.items():
        assert exact.dtype == np.float64
        scale = np.abs(exact).max()
        assert np.abs(exact - model[output]).max() < NOISE.get(name, 1e-5) * scale
        assert np.abs(exact - alone[output]).max() < 1e-13 * scale


def test_the_copy_agrees_with_numpy() -> None:
    built = mlp()
    float64_copy, rows = float64_copy_of(built)
    first, bias, second, last = (np.asarray(variable, np.float64) for variable in built[0].variables)
    (values,) = rows.values()
    logits = np.maximum(values.astype(np.float64) @ first + bias, 0.0) @ second + last
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for found in (
        float64_copy.steps(rows, 10),
        float64_copy.one_by_one(rows),
        float64_copy.call(rows, training=False),
    ):
        np.testing.assert_allclose(next(iter(found.values())), wanted, rtol=1e-14)


def test_rows_are_rounded_to_float32_first() -> None:
    built = mlp()
    float64_copy, rows = float64_copy_of(built)
    ((name, values),) = rows.items()
    wide = {name: values.astype(np.float64) + 1e-12}
    (found,), (wanted,) = float64_copy.steps(wide, 10).values(), float64_copy.steps(rows, 10).values()
    assert np.array_equal(found, wanted)


def test_whole_numbers_and_strings_are_not_cast() -> None:
    float64_copy, rows = float64_copy_of(strings())
    (found,) = float64_copy.steps(rows, 4).values()
    assert found.dtype == np.float64
    assert float64_copy.cast(np.arange(3, dtype="int32")).dtype == np.int32


def test_the_copy_starts_from_the_states_and_seeds_of_the_model() -> None:
    model, rows = stateful()
    model.predict(*rows.values(), batch_size=4, verbose=0)
    float64_copy, named = float64_copy_of((model, rows))
    moved = session_of((model, rows)).step({name: values[:4] for name, values in named.items()})
    widened = float64_copy.step({name: values[:4] for name, values in named.items()})
    np.testing.assert_allclose(next(iter(widened.values())), next(iter(moved.values())), atol=1e-6)


def test_settings_of_keras_are_unchanged() -> None:
    float64_copy, rows = float64_copy_of(mlp())
    float64_copy.one_by_one(rows)
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == ("float32", "float32")


@pytest.mark.parametrize("own", [WavesOfTutorials, CountedByMask])
def test_own_code_that_names_float32_computes_in_float64(own: type[keras.Layer]) -> None:
    model, rows = chain((8, 5), layers.Dense(5), own(), layers.Dense(2))
    float64_copy, named = float64_copy_of((model, rows))
    session = session_of((model, rows))
    for exact, rounded in (
        (float64_copy.step(named), session.step(named)),
        (float64_copy.call(named), session.call(named)),
        (float64_copy.one_by_one(named), session.one_by_one(named)),
    ):
        for output, values in exact.items():
            assert values.dtype == np.float64
            np.testing.assert_allclose(values, rounded[output], rtol=0, atol=1e-5)
            assert (values != rounded[output]).any()


def test_float32_in_a_model_of_float64_is_not_raised() -> None:
    own = WavesOfTutorials(dtype="float64")
    with pytest.raises(Exception, match=r"(?i)type"):
        float64_copy_of(chain((8, 5), layers.Dense(5, dtype="float64"), own))


def test_a_layer_that_casts_to_float16_itself_is_refused(wording: SnapshotAssertion) -> None:
    with pytest.raises(PrecisionCopyRefused, match="float16") as caught:
        float64_copy_of(chain((5,), layers.Dense(4), HardCast(name="cast"), layers.Dense(1)))
    assert masked(str(caught.value)) == wording


def test_the_copy_of_a_quantised_model_computes_with_the_numbers_of_its_weights() -> None:
    model, rows = chain((5,), layers.Dense(4), layers.Dense(1))
    for part in model.layers:
        part.quantize("int8")
    float64_copy, named = float64_copy_of((model, rows))
    exact, together = float64_copy.steps(named, 4), session_of((model, rows)).steps(named, 4)
    for output, values in exact.items():
        assert values.dtype == np.float64
        assert np.abs(values - float64_copy.one_by_one(named)[output]).max() < 1e-13
        assert 1e-6 < np.abs(values - together[output]).max() < 0.05 * np.abs(values).max()
    layers_of_copy = {id(layer) for layer in float64_copy.model.layers}
    assert len(float64_copy.twins) == 2
    assert all(id(twin.layer) in layers_of_copy for twin in float64_copy.twins)


def test_a_quantised_layer_that_cannot_be_read_is_refused() -> None:
    table = layers.ReversibleEmbedding(9, 4)
    model = keras.Sequential([keras.Input((3,), dtype="int32", name="ids"), table, layers.Dense(2)])
    table.quantize("int8")
    with pytest.raises(PrecisionCopyRefused):
        float64_copy_of((model, {"ids": np.zeros((4, 3), "int32")}))


def test_inputs_keep_their_names() -> None:
    built = HEALTHY["dict inputs"]()
    float64_copy, rows = float64_copy_of(built)
    assert set(float64_copy.pack(rows)) == set(named_rows(built[1], float64_copy.facts)) == {"ids", "numbers"}


def test_the_same_batches_run_once() -> None:
    float64_copy, rows = float64_copy_of(mlp())
    runs: list[int] = []
    compiled = float64_copy._run_step
    float64_copy._run_step = lambda packed: (runs.append(len(packed)), compiled(packed))[1]
    whole = [float64_copy.steps(rows, size) for size in (32, 10, 100)]
    assert runs == [10]
    assert all(np.array_equal(*pair) for pair in zip(whole[0].values(), whole[2].values(), strict=True))
    float64_copy.steps({name: values[::-1] for name, values in rows.items()}, 32)
    float64_copy.steps(rows, 4)
    assert runs == [10, 10, 4, 4, 2]

"""The route about padding, on live models: masks that arrive, lost masks, and rows without padding."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.routes.sequences.padding import PADDING_ROUTES
from tests.corpus.reports_batches_layers import Trimmed
from tests.helpers.live_models import mlp, normal, session_of, state_of
from tests.helpers.series_models import KEEPING, LOSING, STEPS, functional, masked, model, padded_rows

# Keras warns if a layer drops a mask, which some of these models do on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

(ROUTE,) = PADDING_ROUTES


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    keras.utils.set_random_seed(0)


def run(built: Any, rows: dict[str, np.ndarray], **options: Any) -> Any:
    return ROUTE.run(session_of((built, {}), **options), rows)


def greatest_difference(result: Any) -> float:
    return max(float(np.abs(result.outputs[name] - result.baseline[name]).max()) for name in result.outputs)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", KEEPING)
def test_masked_padding_does_not_matter(name: str, side: str) -> None:
    result = run(KEEPING[name](), padded_rows(side=side))
    assert greatest_difference(result) < 1e-5
    expected = {
        "declared": True,
        "mask": 0.0,
        "side": side,
        "padded_rows": 24,
        "other_value": False,
        "value": [0.0] * 3,
        "empty_rows": 0,
        "rows": 24,
    }
    assert {key: result.details[key] for key in expected} == expected


@pytest.mark.parametrize("name", LOSING)
def test_a_lost_mask_makes_padding_matter(name: str) -> None:
    assert greatest_difference(run(LOSING[name][0](), padded_rows())) > 0.01


def test_padding_is_added_to_rows_without_any() -> None:
    rows = {"x": normal(STEPS, 3, rows=24)}
    kept, lost = (run(build(), rows) for build in (KEEPING["lstm"], LOSING["convolution"][0]))
    assert greatest_difference(kept) < 1e-6 < 0.01 < greatest_difference(lost)
    assert (kept.details["added"], kept.details["side"]) == ([1, 3], "right")


def test_padding_with_a_different_value_than_the_mask() -> None:
    result = run(KEEPING["lstm"](), padded_rows(-1.25))
    assert (result.details["other_value"], result.details["value"]) == (True, [-1.25] * 3)
    assert greatest_difference(result) > 0.01


def test_padding_without_any_mask() -> None:
    plain = model(layers.LSTM(4), layers.Dense(1))
    result = run(plain, padded_rows())
    assert (result.details["declared"], greatest_difference(result) > 0.01) == (False, True)
    assert run(plain, {"x": normal(STEPS, 3)}).details == {"declared": False}


def test_padding_of_ids_matters_without_a_mask() -> None:
    lengths = np.arange(24) % 6 + 3
    words = np.where(
        np.arange(STEPS) < lengths[:, None], np.random.default_rng(0).integers(1, 20, (24, STEPS)), 0
    ).astype("int32")
    for mask, matters in ((True, False), (False, True)):
        embedding = layers.Embedding(20, 4, mask_zero=mask)
        model = functional(lambda x, embedding=embedding: layers.GRU(4)(embedding(x)), (STEPS,), "int32")
        result = run(model, {"x": words})
        assert (result.details["declared"], greatest_difference(result) > 1e-3) == (mask, matters)


def test_rows_of_padding_only_give_nan_in_an_average() -> None:
    rows = padded_rows()
    rows["x"][:2] = 0.0
    results = {name: run(KEEPING[name](), rows).details for name in ("average", "lstm")}
    assert {
        name: (details["empty_rows"], details["empty_answers_nan"]) for name, details in results.items()
    } == {
        "average": (2, True),
        "lstm": (2, False),
    }


def test_a_model_of_one_length_gives_a_reason(wording: SnapshotAssertion) -> None:
    flat = functional(lambda x: layers.Flatten()(masked()(x)))
    result = run(flat, padded_rows())
    assert (dict(result.outputs), result.baseline) == ({}, None)
    assert result.details["refused"] == wording


@pytest.mark.parametrize("name", ["attention of one length", "fixed batch with state"])
def test_the_model_stays_as_it_was(name: str) -> None:
    built = stateful() if name == "fixed batch with state" else KEEPING[name]()
    session, before = session_of((built, {})), state_of(built)
    assert ROUTE.run(session, padded_rows()).details["lengths"]
    session.restore()
    assert state_of(built) == before


def stateful() -> Any:
    """A masked LSTM that carries its state, in batches of four."""
    return keras.Sequential(
        [
            keras.Input((None, 3), batch_size=4, name="x"),
            masked(),
            layers.LSTM(4, stateful=True),
            layers.Dense(1),
        ]
    )


def fixed(*parts: Any) -> Any:
    return keras.Sequential(
        [keras.Input((STEPS, 3), batch_size=5, name="x"), masked(), *parts, layers.GRU(4), layers.Dense(1)]
    )


@pytest.mark.parametrize("side", ["right", "left"])
def test_models_built_for_one_batch_size(side: str) -> None:
    """Batches of five: rows of one length do not fill the last of them."""
    rows = padded_rows(side=side)
    kept, lost, carried = (
        run(fixed(), rows),
        run(fixed(layers.Conv1D(4, 3, padding="same")), rows),
        run(stateful(), rows),
    )
    assert greatest_difference(kept) < 1e-6 > greatest_difference(carried)
    assert greatest_difference(lost) > 0.01
    assert kept.details["lengths"] == [3, 8]


def test_several_lengths_and_padding_on_the_other_side() -> None:
    rows = padded_rows()
    lengths = np.array([4] * 9 + [3] * 3 + [6] * 8 + [7] * 4)
    rows["x"] = np.where(
        np.arange(STEPS)[None, :, None] < lengths[:, None, None], normal(STEPS, 3, rows=24), 0
    ).astype("float32")
    kept = run(KEEPING["lstm"](), rows)
    assert (kept.details["lengths"], kept.rows.tolist()) == ([3, 4, 7], list(range(16)))
    assert kept.details["other_side"] < 1e-5
    placed = functional(
        lambda x: layers.GlobalAveragePooling1D()(
            layers.Concatenate()([masked()(x), ops.cumsum(ops.ones_like(x), axis=1)])
        )
    )
    assert run(placed, rows).details["other_side"] > 0.01


def test_a_row_of_padding_only_is_generated_if_there_is_none() -> None:
    gives_nan = {
        name: run(KEEPING[name](), padded_rows()).details["empty_would_be_nan"]
        for name in ("average", "lstm")
    }
    assert gives_nan == {"average": True, "lstm": False}


def test_a_generated_row_of_padding_that_the_model_refuses_is_left_out() -> None:
    tokens = keras.Input((STEPS,), dtype="int32", name="x")
    vectors = layers.Embedding(9, 4, mask_zero=True)(Trimmed()(tokens))
    cuts_padding_off = keras.Model(tokens, layers.Dense(1)(layers.GRU(3)(vectors)))
    ids = np.random.default_rng(0).integers(1, 9, (24, STEPS)) * (np.arange(STEPS) < 5)
    result = run(cuts_padding_off, {"x": ids.astype("int32")})
    assert "empty_would_be_nan" not in result.details
    assert greatest_difference(result) < 1e-5


def test_rows_that_are_all_padding_count_if_nothing_can_be_cut(wording: SnapshotAssertion) -> None:
    rows = {"x": normal(STEPS, 3, rows=24)}
    rows["x"][:2] = 0.0
    result = run(KEEPING["average"](), rows)
    assert (dict(result.outputs), result.details["empty_answers_nan"]) == ({}, True)
    assert result.details["refused"] == wording


def test_the_stated_padding_value_is_added() -> None:
    rows = {"x": normal(STEPS, 3, rows=24)}
    result = run(KEEPING["lstm"](), rows, padding_value=-7.0, padding_side="left")
    assert (result.details["side"], result.details["value"], result.details["other_value"]) == (
        "left",
        [-7.0] * 3,
        True,
    )
    assert greatest_difference(result) > 0.01


def run_with_lengths(built: Any, rows: dict[str, np.ndarray], lengths: np.ndarray) -> Any:
    """Run with true lengths that the user gives."""
    session = session_of((built, {}))
    files: Any = SimpleNamespace(scales=False, allow_unsafe=False)
    hints = session.subject.hints
    session.subject = SimpleNamespace(
        lengths=lambda numbers: lengths[numbers], files=files, custom_objects={}, hints=hints
    )  # type: ignore[assignment]
    session.row_numbers = np.arange(len(lengths))
    return ROUTE.run(session, rows)


LENGTHS = np.arange(24) % 6 + 3


@pytest.mark.parametrize("side", ["right", "left"])
def test_known_lengths_show_padding_of_any_kind(side: str) -> None:
    """Padding that is noise can be recognised by the lengths only."""
    place = np.arange(STEPS) if side == "right" else np.arange(STEPS)[::-1]
    beyond = (place >= LENGTHS[:, None])[..., None]
    x = np.where(beyond, 0.0, normal(STEPS, 3, rows=24)).astype("float32")
    x[0] = normal(STEPS, 3, rows=24)[0]
    result = run_with_lengths(KEEPING["lstm"](), {"x": x}, LENGTHS)
    assert {key: result.details[key] for key in ("side", "padded_rows", "foreign_steps", "other_value")} == {
        "side": side,
        "padded_rows": 24,
        "foreign_steps": int(beyond[0].sum()),
        "other_value": True,
    }
    assert greatest_difference(result) > 0.01


def test_true_steps_that_look_like_padding_are_counted_in() -> None:
    """The last true time steps of some rows are zeros, which count as padding without known lengths."""
    rows = padded_rows()
    rows["x"][LENGTHS == 7, 5:] = 0.0
    result, guessed = run_with_lengths(KEEPING["average"](), rows, LENGTHS), run(KEEPING["average"](), rows)
    assert (result.details["inner_steps"], guessed.details["inner_steps"]) == (8, 0)
    assert greatest_difference(result) < 1e-5
    rows["x"][LENGTHS == 8, 4:] = 0.0
    assert run_with_lengths(KEEPING["average"](), rows, LENGTHS).details["inner_moves"] > 0.01


def test_known_lengths_that_fill_the_rows() -> None:
    rows = {"x": normal(STEPS, 3, rows=24)}
    result = run_with_lengths(LOSING["convolution"][0](), rows, np.full(24, STEPS))
    assert ("padded_rows" in result.details, result.details["added"], greatest_difference(result) > 0.01) == (
        False,
        [1, 3],
        True,
    )


def test_models_without_a_time_axis_are_left_out(wording: SnapshotAssertion) -> None:
    assert ROUTE.unavailable(describe_model(mlp()[0])) == wording


def test_a_restored_mask_shows_the_effect_at_one_length() -> None:
    """Reshape to a fixed shape refuses different lengths, so the mask is restored after it."""
    lost = run(
        functional(lambda x: layers.GRU(4)(layers.Reshape((STEPS, 3), name="reshape")(masked()(x)))),
        padded_rows(),
    ).details
    assert (lost["declared"], lost["mask"], lost["restored"]) == (True, 0.0, ["reshape"])
    assert lost["restored_moves"] > 0.01
    kept = run(functional(lambda x: layers.Reshape((2, 2))(layers.GRU(4)(masked()(x)))), padded_rows())
    assert greatest_difference(kept) < 1e-5


def test_values_under_a_flattened_mask_have_an_effect() -> None:
    """No time steps are left for which the mask could be restored."""
    result = run(functional(lambda x: layers.Flatten()(masked()(x))), padded_rows()).details
    assert "restored" not in result
    assert result["filled_moves"] > 0.01


def test_padding_under_the_weights_of_a_layer_has_no_effect() -> None:
    def weighed(ids: Any) -> Any:
        weights = ops.expand_dims(ops.cast(ops.not_equal(ids, 0), "float32"), -1)
        return ops.sum(
            layers.Reshape((STEPS, 4))(layers.Embedding(20, 4, mask_zero=True)(ids)) * weights, axis=1
        )

    lengths = np.arange(24) % 6 + 3
    words = np.where(
        np.arange(STEPS) < lengths[:, None], np.random.default_rng(0).integers(1, 20, (24, STEPS)), 0
    ).astype("int32")
    result = run(functional(weighed, (STEPS,), "int32"), {"x": words}).details
    assert result["refused"]
    assert "restored_moves" not in result
    assert result["filled_moves"] == 0.0


def two_inputs(*, joined: bool) -> Any:
    """Masked words, and segments without a mask; joined, both need the same length."""
    words, segments = (keras.Input((None,), dtype="int32", name=name) for name in ("words", "segments"))
    hidden = layers.LSTM(4)(layers.Embedding(20, 4, mask_zero=True)(words))
    if joined:
        weights = layers.Embedding(2, 4)(segments)
        masked = layers.Embedding(20, 4, mask_zero=True)(words)
        weighed = layers.Lambda(lambda pair: pair[0] * (1.0 + pair[1]), mask=lambda _, mask: mask[0])
        hidden = layers.LSTM(4)(weighed([masked, weights]))
    else:
        hidden = hidden + ops.mean(layers.Embedding(2, 4)(segments), axis=1)
    return keras.Model([words, segments], layers.Dense(1)(hidden))


def words_and_segments(*, padded: bool) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    words = random.integers(1, 20, (12, 7)).astype("int32")
    if padded:
        words[np.arange(7) >= random.integers(2, 7, (12, 1))] = 0
    return {"words": words, "segments": np.zeros((12, 7), "int32")}


@pytest.mark.parametrize("joined", [True, False])
def test_padding_is_cut_off_all_inputs_of_its_time_axis(joined: bool) -> None:
    result = run(two_inputs(joined=joined), words_and_segments(padded=True))
    assert greatest_difference(result) < 1e-5


def test_padding_is_not_added_if_that_of_a_second_input_is_not_known() -> None:
    result = run(two_inputs(joined=True), words_and_segments(padded=False))
    assert not result.outputs
    assert "segments" in result.details["refused"]


def test_a_table_of_positions_that_ends_is_a_reason_to_skip() -> None:
    words = keras.Input((None,), dtype="int32", name="x")
    positions = layers.Lambda(lambda ids: ops.arange(ops.shape(ids)[1]))(words)
    masked = layers.Embedding(20, 4, mask_zero=True)(words)
    add = layers.Lambda(lambda pair: pair[0] + pair[1], mask=lambda _, mask: mask[0])
    hidden = layers.LSTM(4)(add([masked, layers.Embedding(7, 4)(positions)]))
    rows = {"x": words_and_segments(padded=False)["words"]}
    result = run(keras.Model(words, layers.Dense(1)(hidden)), rows)
    assert not result.outputs
    assert result.details["refused"]


REFUSED: list[int] = []
"""The lengths that were refused; a session restores the attributes of layers."""


class Refusing(layers.Layer):
    """A layer that raises an error for every length except one."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def call(self, x: Any) -> Any:
        if x.shape[1] not in (None, STEPS):
            REFUSED.append(x.shape[1])
            raise self.error
        return ops.mean(x, axis=1)


def refusing(error: Exception) -> Any:
    x = keras.Input((None, 3), name="x")
    return keras.Model(x, layers.Dense(1)(Refusing(error)(layers.Masking()(x))))


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("kind", [ValueError, AssertionError])
def test_the_refusal_of_a_length_is_a_reason_found_once(kind: type[Exception], padded: bool) -> None:
    REFUSED.clear()
    result = run(refusing(kind("one length")), padded_rows() if padded else {"x": normal(STEPS, 3, rows=24)})
    assert not result.outputs
    assert kind.__name__ in result.details["refused"]
    assert len(REFUSED) == 1


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("error", [RuntimeError("no file"), KeyError("gone")])
def test_errors_that_refuse_no_length_are_passed_on(error: Exception, padded: bool) -> None:
    built = refusing(error)
    with pytest.raises(type(error)):
        run(built, padded_rows() if padded else {"x": normal(STEPS, 3, rows=24)})


@pytest.mark.parametrize(
    "last",
    [layers.Flatten, lambda: layers.Lambda(lambda x: ops.matmul(x, ops.swapaxes(x, 1, 2)))],
    ids=["flat", "steps by steps"],
)
def test_outputs_whose_shape_depends_on_the_length_are_a_reason(last: Any) -> None:
    x = keras.Input((None, 3), name="x")
    hidden = layers.Lambda(lambda values: values * 2.0)(layers.Masking()(x))
    result = run(keras.Model(x, last()(hidden)), padded_rows())
    assert not result.outputs
    assert "time steps" in result.details["refused"]

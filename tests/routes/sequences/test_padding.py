"""Routes about padding, on live models: masks that reach every layer, masks that get lost, and rows without any."""

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
from keras_consistency_cli.routes.sequences.series import look_for_padding
from tests.helpers.live_models import mlp, normal, session_of, state_of
from tests.helpers.series_models import KEEPING, LOSING, STEPS, functional, masked, model, padded_rows

# Keras warns where a layer drops a mask, which is what some of these models are for.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

(ROUTE,) = PADDING_ROUTES


def run(built: Any, rows: dict[str, np.ndarray], **probe: Any) -> Any:
    return ROUTE.run(session_of((built, {}), **probe), rows)


def apart(found: Any) -> float:
    return max(float(np.abs(found.outputs[name] - found.baseline[name]).max()) for name in found.outputs)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", KEEPING)
def test_masked_padding_does_not_matter(name: str, side: str) -> None:
    found = run(KEEPING[name](), padded_rows(side=side))
    assert apart(found) < 1e-5
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
    assert {key: found.details[key] for key in expected} == expected


@pytest.mark.parametrize("name", LOSING)
def test_a_lost_mask_makes_padding_matter(name: str) -> None:
    assert apart(run(LOSING[name][0](), padded_rows())) > 0.01


def test_rows_without_padding_get_some() -> None:
    rows = {"x": normal(STEPS, 3, rows=24)}
    kept, lost = (run(build(), rows) for build in (KEEPING["lstm"], LOSING["convolution"][0]))
    assert apart(kept) < 1e-6 < 0.01 < apart(lost)
    assert (kept.details["added"], kept.details["side"]) == ([1, 3], "right")


def test_padding_of_another_value_than_the_mask() -> None:
    found = run(KEEPING["lstm"](), padded_rows(-1.25))
    assert (found.details["other_value"], found.details["value"]) == (True, [-1.25] * 3)
    assert apart(found) > 0.01


def test_padding_without_any_mask() -> None:
    plain = model(layers.LSTM(4), layers.Dense(1))
    found = run(plain, padded_rows())
    assert (found.details["declared"], apart(found) > 0.01) == (False, True)
    assert run(plain, {"x": normal(STEPS, 3)}).details == {"declared": False}


def test_ids() -> None:
    lengths = np.arange(24) % 6 + 3
    words = np.where(
        np.arange(STEPS) < lengths[:, None], np.random.default_rng(0).integers(1, 20, (24, STEPS)), 0
    ).astype("int32")
    for mask, matters in ((True, False), (False, True)):
        embedding = layers.Embedding(20, 4, mask_zero=mask)
        model = functional(lambda x, embedding=embedding: layers.GRU(4)(embedding(x)), (STEPS,), "int32")
        found = run(model, {"x": words})
        assert (found.details["declared"], apart(found) > 1e-3) == (mask, matters)


def test_rows_of_nothing_but_padding() -> None:
    rows = padded_rows()
    rows["x"][:2] = 0.0
    found = {name: run(KEEPING[name](), rows).details for name in ("average", "lstm")}
    assert {name: (each["empty_rows"], each["empty_answers_nan"]) for name, each in found.items()} == {
        "average": (2, True),
        "lstm": (2, False),
    }


def test_a_model_of_one_length_gives_a_reason(wording: SnapshotAssertion) -> None:
    flat = functional(lambda x: layers.Flatten()(masked()(x)))
    found = run(flat, padded_rows())
    assert (dict(found.outputs), found.baseline) == ({}, None)
    assert found.details["refused"] == wording


@pytest.mark.parametrize("name", ["attention of one length", "fixed batch with state"])
def test_the_model_is_left_as_it_was(name: str) -> None:
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
    assert apart(kept) < 1e-6 > apart(carried)
    assert apart(lost) > 0.01
    assert kept.details["lengths"] == [3, 8]


def test_several_lengths_and_the_other_side() -> None:
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


def test_a_row_of_nothing_but_padding_is_made_where_there_is_none() -> None:
    told = {
        name: run(KEEPING[name](), padded_rows()).details["empty_would_be_nan"]
        for name in ("average", "lstm")
    }
    assert told == {"average": True, "lstm": False}


def test_rows_that_are_all_padding_count_if_nothing_can_be_cut(wording: SnapshotAssertion) -> None:
    rows = {"x": normal(STEPS, 3, rows=24)}
    rows["x"][:2] = 0.0
    found = run(KEEPING["average"](), rows)
    assert (dict(found.outputs), found.details["empty_answers_nan"]) == ({}, True)
    assert found.details["refused"] == wording


def test_what_the_owner_fills_up_with_is_added() -> None:
    rows = {"x": normal(STEPS, 3, rows=24)}
    found = run(KEEPING["lstm"](), rows, padding_value=-7.0, padding_side="left")
    assert (found.details["side"], found.details["value"], found.details["other_value"]) == (
        "left",
        [-7.0] * 3,
        True,
    )
    assert apart(found) > 0.01


def known(built: Any, rows: dict[str, np.ndarray], lengths: np.ndarray) -> Any:
    """Run with lengths that the owner knows."""
    session = session_of((built, {}))
    files: Any = SimpleNamespace(scales=False, allow_unsafe=False)
    session.subject = SimpleNamespace(
        lengths=lambda numbers: lengths[numbers], files=files, custom_objects={}
    )  # type: ignore[assignment]
    session.row_numbers = np.arange(len(lengths))
    return ROUTE.run(session, rows)


LENGTHS = np.arange(24) % 6 + 3


@pytest.mark.parametrize("side", ["right", "left"])
def test_known_lengths_tell_padding_of_any_kind(side: str) -> None:
    """Padding that is noise, which nothing but the lengths could tell."""
    place = np.arange(STEPS) if side == "right" else np.arange(STEPS)[::-1]
    beyond = (place >= LENGTHS[:, None])[..., None]
    x = np.where(beyond, 0.0, normal(STEPS, 3, rows=24)).astype("float32")
    x[0] = normal(STEPS, 3, rows=24)[0]
    keras.utils.set_random_seed(0)
    found = known(KEEPING["lstm"](), {"x": x}, LENGTHS)
    assert {key: found.details[key] for key in ("side", "padded_rows", "foreign_steps", "other_value")} == {
        "side": side,
        "padded_rows": 24,
        "foreign_steps": int(beyond[0].sum()),
        "other_value": True,
    }
    assert apart(found) > 0.01


def test_true_steps_that_look_like_padding_are_counted_in() -> None:
    """The last true steps of some rows are zeros, and without lengths would be taken for padding."""
    rows = padded_rows()
    rows["x"][LENGTHS == 7, 5:] = 0.0
    found, guessed = known(KEEPING["average"](), rows, LENGTHS), run(KEEPING["average"](), rows)
    assert (found.details["inner_steps"], guessed.details["inner_steps"]) == (8, 0)
    assert apart(found) < 1e-5
    rows["x"][LENGTHS == 8, 4:] = 0.0
    assert known(KEEPING["average"](), rows, LENGTHS).details["inner_moves"] > 0.01


def test_known_lengths_that_fill_the_rows() -> None:
    rows = {"x": normal(STEPS, 3, rows=24)}
    found = known(LOSING["convolution"][0](), rows, np.full(24, STEPS))
    assert ("padded_rows" in found.details, found.details["added"], apart(found) > 0.01) == (
        False,
        [1, 3],
        True,
    )


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.random.default_rng(0).normal(size=(30, 9, 3)), False),
        (np.random.default_rng(0).integers(0, 2, size=(30, 9, 1)).astype("float32"), False),
        (np.random.default_rng(0).integers(0, 4, size=(30, 9)), False),
        (np.zeros((30, 9, 3)), False),
        (padded_rows(0.75)["x"], True),
        (padded_rows(0.75, "left")["x"], True),
    ],
)
def test_padding_is_recognised_by_its_ends(values: np.ndarray, found: bool) -> None:
    assert (look_for_padding(values, None, None) is not None) is found


def test_models_without_a_time_axis_are_left_out(wording: SnapshotAssertion) -> None:
    assert ROUTE.unavailable(describe_model(mlp()[0])) == wording


def test_a_lost_mask_shows_at_one_length() -> None:
    """Reshape to a fixed shape refuses other lengths: the mask is put back, and the series layer behind it answers otherwise."""
    lost = run(
        functional(lambda x: layers.GRU(4)(layers.Reshape((STEPS, 3), name="reshape")(masked()(x)))),
        padded_rows(),
    ).details
    assert (lost["declared"], lost["mask"], lost["restored"]) == (True, 0.0, ["reshape"])
    assert lost["restored_moves"] > 0.01
    kept = run(functional(lambda x: layers.Reshape((2, 2))(layers.GRU(4)(masked()(x)))), padded_rows())
    assert apart(kept) < 1e-5


def test_what_a_flattened_mask_hides_counts() -> None:
    """No steps are left on which the mask could be put back."""
    found = run(functional(lambda x: layers.Flatten()(masked()(x))), padded_rows()).details
    assert "restored" not in found
    assert found["filled_moves"] > 0.01


def test_a_layer_with_a_mask_of_its_own_hides_padding() -> None:
    def weighed(ids: Any) -> Any:
        weights = ops.expand_dims(ops.cast(ops.not_equal(ids, 0), "float32"), -1)
        return ops.sum(
            layers.Reshape((STEPS, 4))(layers.Embedding(20, 4, mask_zero=True)(ids)) * weights, axis=1
        )

    lengths = np.arange(24) % 6 + 3
    words = np.where(
        np.arange(STEPS) < lengths[:, None], np.random.default_rng(0).integers(1, 20, (24, STEPS)), 0
    ).astype("int32")
    found = run(functional(weighed, (STEPS,), "int32"), {"x": words}).details
    assert found["refused"]
    assert "restored_moves" not in found
    assert found["filled_moves"] == 0.0

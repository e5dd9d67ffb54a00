"""Values in other places are recognised, exactly and nearly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from keras_consistency_cli.routes.served.mistake_matching import match_served_rows
from keras_consistency_cli.routes.served.moved_axes import find_nearly_moved
from keras_consistency_cli.routes.served.variants import generate_plain_variants

Array = np.ndarray
TABLE = np.random.default_rng(0).normal(size=(40, 7)).astype("float32")
WIDE = np.random.default_rng(1).normal(size=(40, 300)).astype("float32")
PICTURES = (np.random.default_rng(2).random((20, 8, 8, 3)) * [1.0, 0.6, 0.3]).astype("float32")
FILMS = np.random.default_rng(4).normal(size=(30, 6, 2)).astype("float32")
GREY = np.array([0.299, 0.587, 0.114])
ORDER = np.random.default_rng(3).permutation(300)


def blurred(rows: Array) -> Array:
    return (0.9 * rows + 0.1 * np.roll(rows, 1, axis=1)).astype("float32")


def kinds(served: Array, expected: Array) -> list[str]:
    match = match_served_rows(served, expected, generate_plain_variants(expected, served))
    return [mistake.kind.partition(":")[0] for mistake in match.mistakes]


@pytest.mark.parametrize(
    ("rows", "serve", "expected"),
    [
        (TABLE, lambda rows: rows[:, [0, 2, 1, 3, 4, 6, 5]], ["other-columns"]),
        (WIDE, lambda rows: rows[:, ORDER], ["other-columns"]),
        (PICTURES, lambda rows: rows[..., ::-1], ["other-columns"]),
        (PICTURES, lambda rows: rows.transpose(0, 2, 1, 3), ["axes-moved"]),
        (PICTURES, lambda rows: rows[:, ::-1], ["images-turned"]),
        (PICTURES, lambda rows: np.rot90(rows, 2, axes=(1, 2)), ["images-turned"]),
        (PICTURES, lambda rows: np.rot90(rows, 1, axes=(1, 2)), ["images-turned"]),
        (PICTURES, lambda rows: blurred(np.rot90(rows, 3, axes=(1, 2))), ["images-nearly-turned"]),
        (FILMS, lambda rows: rows[:, ::-1], ["steps-reversed"]),
        (FILMS[..., :1], lambda rows: rows[:, ::-1], ["steps-reversed"]),
        (PICTURES, lambda rows: blurred(rows[..., ::-1]), ["nearly-moved"]),
        (PICTURES, lambda rows: blurred(rows.transpose(0, 2, 1, 3)), ["nearly-moved"]),
        (TABLE, np.trunc, ["cut-after"]),
        (TABLE, np.copy, []),
        (PICTURES, blurred, ["unknown"]),
        (TABLE, lambda rows: 2 * rows + 1, ["another-scaler"]),
    ],
    ids=[
        "columns",
        "many columns",
        "channels",
        "axes",
        "reversed",
        "upside down",
        "rotated",
        "rotated, blurred",
        "reversed in time",
        "one channel reversed in time",
        "channels, blurred",
        "axes, blurred",
        "integers",
        "right",
        "blurred only",
        "another scaler",
    ],
)
def test_values_in_other_places(rows: Array, serve: Callable[[Array], Array], expected: list[str]) -> None:
    assert kinds(serve(rows), rows) == expected


@pytest.mark.parametrize(
    ("rows", "serve", "expected"),
    [
        (TABLE, lambda rows: np.round(rows, 2), "decimals:2 decimals"),
        (TABLE, lambda rows: np.round(rows, 1), "decimals:1 decimal"),
        (PICTURES, lambda rows: np.floor(rows * 255) / np.float32(255), "grid:0.00392"),
        (PICTURES, lambda rows: np.rint(rows * 127) / np.float32(127), "grid:0.00787"),
        (TABLE, lambda rows: np.maximum(rows, -0.5), "clipped"),
        (TABLE, lambda rows: -rows, "inverted:with the opposite sign"),
        (PICTURES, lambda rows: 1 - rows, "inverted:1 minus the right values"),
        (PICTURES, lambda rows: 3 - 2 * rows, "inverted:and scaled differently"),
        (PICTURES, lambda rows: (rows @ GREY)[..., None].repeat(3, -1), "grey"),
        (PICTURES, lambda rows: rows[..., [1, 2, 0]] * [2.0, 3.0, 4.0] - 1, "other-columns-scaled"),
    ],
)
def test_values_that_were_changed(rows: Array, serve: Callable[[Array], Array], expected: str) -> None:
    served = serve(rows).astype("float32")
    match = match_served_rows(served, rows, generate_plain_variants(rows, served))
    assert [mistake.kind for mistake in match.mistakes] == [expected]


def test_single_columns_are_rounded_and_inverted() -> None:
    served = TABLE.copy()
    served[:, 1], served[:, 4] = np.round(TABLE[:, 1], 2), -TABLE[:, 4]
    match = match_served_rows(served, TABLE, generate_plain_variants(TABLE, served))
    assert {(mistake.kind.partition(":")[0], mistake.columns) for mistake in match.mistakes} == {
        ("decimals", (1,)),
        ("inverted", (4,)),
    }


def test_the_columns_that_were_served_are_named() -> None:
    match = match_served_rows(WIDE[:, ORDER], WIDE, ())
    (mistake,) = match.mistakes
    assert [ORDER[column] for column in mistake.columns] == list(mistake.sources)


def test_some_rows_alone_have_their_columns_exchanged() -> None:
    served = TABLE.copy()
    served[::5] = served[::5][:, [1, 0, 2, 3, 4, 5, 6]]
    (mistake,) = match_served_rows(served, TABLE, generate_plain_variants(TABLE, served)).mistakes
    assert (mistake.hit, mistake.every) == (8, 5)


def _held_in_four_ways(rows: Array) -> Array:
    """Most images turned by an angle of their own, as by a camera, and every fourth one upright."""
    return np.stack([np.rot90(row, number % 4) for number, row in enumerate(rows)])


@pytest.mark.parametrize(
    ("serve", "kind", "turned"),
    [
        (lambda rows: np.rot90(rows, 3, axes=(1, 2)), "images-turned", {"rotated by 270 degrees": 5}),
        (lambda rows: rows[:, :, ::-1], "images-turned", {"mirrored from left to right": 5}),
        (lambda rows: rows.transpose(0, 2, 1, 3), "axes-moved", {"its axes in the order 2, 1, 3": 5}),
        (lambda rows: blurred(rows[:, ::-1]), "images-nearly-turned", {"mirrored from top to bottom": 5}),
    ],
)
def test_some_images_alone_are_turned(
    serve: Callable[[Array], Array], kind: str, turned: dict[str, int]
) -> None:
    served = PICTURES.copy()
    served[3:8] = serve(PICTURES[3:8])
    match = match_served_rows(served, PICTURES, generate_plain_variants(PICTURES, served))
    assert {each.kind: each.hit for each in match.mistakes} == {
        f"{kind}:{words}": hit for words, hit in turned.items()
    }
    assert match.mistakes[0].first == (3, 4, 5, 6, 7)


@pytest.mark.parametrize("lossy", [False, True])
def test_each_image_is_turned_by_its_own_angle(lossy: bool) -> None:
    served = _held_in_four_ways(PICTURES)
    served[0::4] = PICTURES[0::4]
    served = blurred(served) if lossy else served
    served[0::4] = PICTURES[0::4]
    match = match_served_rows(served, PICTURES, generate_plain_variants(PICTURES, served))
    kind = "images-nearly-turned" if lossy else "images-turned"
    assert {each.kind: each.hit for each in match.mistakes} == {
        f"{kind}:rotated by {angle} degrees": 5 for angle in (90, 180, 270)
    }


def test_images_that_are_shuffled_one_by_one_are_not_turned() -> None:
    served = PICTURES.copy()
    random = np.random.default_rng(5)
    for row in range(3, 8):
        served[row] = random.permutation(PICTURES[row].reshape(-1, 3)).reshape(PICTURES[row].shape)
    assert kinds(served, PICTURES) == ["values-reordered"]


def test_noise_is_not_a_move() -> None:
    assert find_nearly_moved(np.random.default_rng(9).random(PICTURES.shape), PICTURES) is None

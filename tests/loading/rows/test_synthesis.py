"""Generated rows follow the hints of the model's first layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.hints.input_hints import read_input_hints
from keras_consistency_cli.loading.hints.layer_hints import Hint
from keras_consistency_cli.loading.rows.synthesis import describe, make_rows
from keras_consistency_cli.measurement.facts import InputFact


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras")


def one(shape: tuple[int | None, ...], dtype: str = "float32", name: str = "x") -> InputFact:
    return InputFact(name=name, shape=shape, dtype=dtype)


def ids(keras: Any) -> Any:
    x = keras.Input((5,), name="x", dtype="int32")
    return keras.Model(x, keras.layers.Embedding(50, 2, name="words")(x))


def masked_ids(keras: Any) -> Any:
    x = keras.Input((5,), name="x", dtype="int32")
    return keras.Model(
        x, keras.layers.LSTM(2)(keras.layers.Embedding(50, 2, mask_zero=True, name="words")(x))
    )


def two_vocabularies(keras: Any) -> Any:
    x = keras.Input((5,), name="x", dtype="int32")
    wide, narrow = (
        keras.layers.Embedding(50, 2, name="wide")(x),
        keras.layers.Embedding(8, 2, name="narrow")(x),
    )
    return keras.Model(x, wide + narrow)


def moved_ids(keras: Any) -> Any:
    x = keras.Input((5, 2), name="x")
    moved = keras.layers.Permute((2, 1))(keras.layers.Dropout(0.5)(x))
    sliced = keras.ops.cast(keras.layers.Flatten()(moved)[:, :3], "int32")
    return keras.Model(x, keras.layers.Embedding(9, 2, name="words")(sliced))


def one_hot(keras: Any) -> Any:
    x = keras.Input((5,), name="x", dtype="int32")
    return keras.Model(x, keras.ops.one_hot(x, 6))


def words(keras: Any) -> Any:
    x = keras.Input((1,), name="x", dtype="string")
    return keras.Model(x, keras.layers.StringLookup(vocabulary=["red", "green"], name="colours")(x))


def numbers(keras: Any) -> Any:
    x = keras.Input((1,), name="x", dtype="int64")
    return keras.Model(x, keras.layers.IntegerLookup(vocabulary=[10, 20, 30], name="codes")(x))


def texts(keras: Any) -> Any:
    vectorizer = keras.layers.TextVectorization(
        vocabulary=["good", "bad"], output_sequence_length=4, name="text"
    )
    return keras.Sequential([keras.Input((), dtype="string", name="x"), vectorizer])


def categories(keras: Any) -> Any:
    x = keras.Input((3,), name="x", dtype="int32")
    return keras.Model(
        x, keras.layers.CategoryEncoding(num_tokens=7, output_mode="multi_hot", name="kinds")(x)
    )


def hashed(keras: Any) -> Any:
    x = keras.Input((3,), name="x", dtype="int32")
    return keras.Model(x, keras.layers.Hashing(num_bins=4, name="hash")(x))


def bins(keras: Any) -> Any:
    x = keras.Input((3,), name="x")
    return keras.Model(x, keras.layers.Discretization([0.0, 10.0], name="ages")(x))


def pixels(keras: Any) -> Any:
    augment = keras.Sequential([keras.layers.RandomFlip("horizontal"), keras.layers.RandomZoom(0.1)])
    x = keras.Input((8, 8, 3), name="x")
    return keras.Model(
        x, keras.layers.Conv2D(2, 3)(keras.layers.Rescaling(1 / 255, name="scale")(augment(x)))
    )


def pixels_both_signs(keras: Any) -> Any:
    return keras.Sequential(
        [
            keras.Input((8, 8, 3), name="x"),
            keras.layers.Rescaling(1 / 127.5, offset=-1, name="scale"),
            keras.layers.Flatten(),
        ]
    )


def pixels_by_operation(keras: Any) -> Any:
    x = keras.Input((8, 8, 3), name="x")
    operation = x / 127.5
    operation._keras_history.operation.name = "scale"
    return keras.Model(x, operation - 1.0)


def other_range(keras: Any) -> Any:
    return keras.Sequential(
        [
            keras.Input((3,), name="x"),
            keras.layers.Rescaling(0.1, offset=-2, name="scale"),
            keras.layers.Dense(1),
        ]
    )


def blown_up(keras: Any) -> Any:
    return keras.Sequential(
        [keras.Input((3,), name="x"), keras.layers.Rescaling(255.0, name="scale"), keras.layers.Dense(1)]
    )


def normalized(keras: Any) -> Any:
    layer = keras.layers.Normalization(mean=[100.0, -3.0], variance=[4.0, 9.0], name="norm")
    return keras.Sequential([keras.Input((2,), name="x"), layer, keras.layers.Dense(1)])


def batch_normalized(keras: Any) -> Any:
    model = keras.Sequential([keras.Input((6, 2), name="x"), keras.layers.BatchNormalization(name="norm")])
    model.layers[0].moving_mean.assign([100.0, -3.0])
    model.layers[0].moving_variance.assign([4.0, 9.0])
    return model


def masked_steps(keras: Any) -> Any:
    return keras.Sequential([keras.Input((6, 2), name="x"), keras.layers.Masking(-7.0), keras.layers.LSTM(2)])


def nested(keras: Any) -> Any:
    inner = ids(keras)
    x = keras.Input((5,), name="x", dtype="int32")
    return keras.Model(x, keras.layers.Flatten()(inner(keras.layers.Identity()(x))))


def distributed(keras: Any) -> Any:
    x = keras.Input((4, 5), name="x", dtype="int32")
    return keras.Model(x, keras.layers.TimeDistributed(keras.layers.Embedding(50, 2, name="words"))(x))


def custom_layer(keras: Any) -> Any:
    class Tokens(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = (
                keras.layers.Embedding(500, 2),
                keras.layers.Embedding(50, 2, name="words"),
            )

        def call(self, x: Any) -> Any:
            return self.words(x) + self.places(keras.ops.arange(5))

    x = keras.Input((5,), name="x", dtype="int32")
    return keras.Model(x, Tokens()(x))


def restored(keras: Any) -> Any:
    return keras.Model.from_config(pixels(keras).get_config())


WORDS = "vocabulary of 'words'"
HINTED: dict[str, tuple[Callable[[Any], Any], Hint]] = {
    "Embedding": (ids, Hint(kind="whole", high=49, why=WORDS)),
    "Embedding with a mask": (masked_ids, Hint(kind="whole", low=1, high=49, why=WORDS, padding=0)),
    "the smaller of two": (two_vocabularies, Hint(kind="whole", high=7, why="vocabulary of 'narrow'")),
    "through shapes and casts": (moved_ids, Hint(kind="whole", high=8, why=WORDS)),
    "StringLookup": (words, Hint(kind="values", values=("red", "green"), why="vocabulary of 'colours'")),
    "IntegerLookup": (numbers, Hint(kind="values", values=(10, 20, 30), why="vocabulary of 'codes'")),
    "TextVectorization": (texts, Hint(kind="text", values=("good", "bad"), why="vocabulary of 'text'")),
    "CategoryEncoding": (categories, Hint(kind="whole", high=6, why="categories of 'kinds'")),
    "Hashing": (hashed, Hint(kind="whole", high=39, why="hashed by 'hash'")),
    "Discretization": (bins, Hint(kind="range", low=-5, high=15, why="bins of 'ages'", bounds=(0, 10))),
    "Rescaling behind augmentation": (pixels, Hint(kind="range", high=255, why="range of 'scale'")),
    "a model restored from its config": (restored, Hint(kind="range", high=255, why="range of 'scale'")),
    "Rescaling to both signs": (pixels_both_signs, Hint(kind="range", high=255, why="range of 'scale'")),
    "a division": (pixels_by_operation, Hint(kind="range", high=255, why="range of 'scale'")),
    "a different Rescaling": (other_range, Hint(kind="range", low=10, high=30, why="range of 'scale'")),
    "Rescaling up": (blown_up, Hint(kind="range", high=1, why="range of 'scale'")),
    "Normalization": (
        normalized,
        Hint(kind="normal", mean=(100, -3), std=(2, 3), why="statistics of 'norm'"),
    ),
    "BatchNormalization": (
        batch_normalized,
        Hint(kind="normal", mean=(100, -3), std=(2, 3), why="statistics of 'norm'"),
    ),
    "Masking": (masked_steps, Hint(kind="plain", padding=-7)),
    "nested": (nested, Hint(kind="whole", high=49, why=WORDS)),
    "TimeDistributed": (distributed, Hint(kind="whole", high=49, why=WORDS)),
    "inside a custom layer": (custom_layer, Hint(kind="whole", high=49, why=WORDS)),
}


@pytest.mark.parametrize(("build", "hint"), HINTED.values(), ids=HINTED)
def test_hints_come_from_the_first_layers_with_a_preference(
    build: Callable[[Any], Any], hint: Hint, keras: Any
) -> None:
    assert read_input_hints(build(keras)) == {"x": hint}


@pytest.mark.parametrize("build", [entry[0] for entry in HINTED.values()], ids=HINTED)
def test_models_take_the_rows_generated_for_them(build: Callable[[Any], Any], keras: Any) -> None:
    model = build(keras)
    inputs = (one(tuple(model.inputs[0].shape), model.inputs[0].dtype),)
    rows = make_rows(inputs, read_input_hints(model), rows=8, seed=0)["x"]
    outputs = keras.ops.convert_to_numpy(
        model(keras.ops.convert_to_tensor(rows) if rows.dtype.kind != "U" else _strings(rows))
    )
    assert len(outputs) == 8
    assert np.isfinite(outputs).all()


def _strings(rows: np.ndarray) -> Any:
    return pytest.importorskip("tensorflow").constant(rows)


def test_one_hot_limits_the_ids(keras: Any) -> None:
    (hint,) = read_input_hints(one_hot(keras)).values()
    assert (hint.kind, hint.low, hint.high) == ("whole", 0, 5)


def test_plain_models_give_no_hint(keras: Any) -> None:
    deep = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(2),
            keras.layers.BatchNormalization(),
            keras.layers.Rescaling(1 / 255),
        ]
    )
    unadapted = keras.Sequential(
        [keras.Input((3,)), keras.layers.Normalization(invert=True), keras.layers.Dense(2)]
    )
    assert read_input_hints(deep) == {}
    assert read_input_hints(unadapted) == {}


def test_each_input_gets_its_part_of_joined_statistics(keras: Any) -> None:
    a, b = keras.Input((1,), name="a"), keras.Input((2,), name="b")
    norm = keras.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0], name="norm")
    hints = read_input_hints(keras.Model({"a": a, "b": b}, norm(keras.layers.Concatenate()([a, b]))))
    assert hints == {
        "a": Hint(kind="normal", mean=(1,), std=(1,), why="statistics of 'norm'"),
        "b": Hint(kind="normal", mean=(2, 3), std=(2, 3), why="statistics of 'norm'"),
    }


def test_features_in_a_different_order_get_the_average(keras: Any) -> None:
    x = keras.Input((2,), name="x")
    norm = keras.layers.Normalization(mean=[1.0, 3.0], variance=[1.0, 9.0], name="norm")
    hints = read_input_hints(keras.Model(x, norm(keras.ops.reshape(x, (-1, 2)))))
    assert hints == {"x": Hint(kind="normal", mean=(2,), std=(2,), why="statistics of 'norm'")}


def test_several_inputs_get_their_own_hints(keras: Any) -> None:
    a, b, c = (keras.Input((3,), name=name) for name in "abc")
    joined = [
        keras.layers.Flatten()(keras.layers.Embedding(5, 2, name="words")(a)),
        keras.layers.Rescaling(1 / 255, name="scale")(b),
        c,
    ]
    hints = read_input_hints(
        keras.Model([a, b, c], keras.layers.Dense(1)(keras.layers.Concatenate()(joined)))
    )
    assert hints == {
        "a": Hint(kind="whole", high=4, why=WORDS),
        "b": Hint(kind="range", high=255, why="range of 'scale'"),
    }


@pytest.fixture(scope="module")
def subclass(keras: Any) -> Callable[..., Any]:
    class Tower(keras.Model):
        def __init__(self, *tower: Any) -> None:
            super().__init__()
            self.tower = list(tower)

    return Tower


def test_subclassed_models_are_read_layer_by_layer(keras: Any, subclass: Callable[..., Any]) -> None:
    layers = keras.layers
    assert read_input_hints(
        subclass(layers.Dropout(0.1), layers.Rescaling(1 / 255, name="scale"), layers.Dense(1))
    ) == {"*": HINTED["a division"][1]}
    assert read_input_hints(subclass(layers.Dense(1), layers.Rescaling(1 / 255), layers.Dense(1))) == {}
    assert read_input_hints(subclass(layers.Dense(1), layers.Embedding(50, 2, name="words"))) == {
        "*": HINTED["Embedding"][1]
    }
    assert read_input_hints(
        subclass(keras.Sequential([keras.Input((5,)), layers.Embedding(50, 2, name="words")]))
    ) == {"*": HINTED["Embedding"][1]}


GENERATED: dict[str, tuple[InputFact, Hint, Callable[[np.ndarray], bool]]] = {
    "floats": (one((None, 3)), Hint(kind="plain"), lambda x: abs(x.mean()) < 0.2 and 0.8 < x.std() < 1.2),
    "integers": (one((None, 3), "int64"), Hint(kind="plain"), lambda x: set(x.flat) == {0, 1}),
    "booleans": (one((None, 3), "bool"), Hint(kind="plain"), lambda x: set(x.flat) == {True, False}),
    "strings": (one((None, 1), "string"), Hint(kind="plain"), lambda x: "alpha" in x),
    "ids": (
        one((None, 3), "int32"),
        Hint(kind="whole", high=9, why=WORDS),
        lambda x: set(x.flat) == set(range(10)),
    ),
    "ids in floats": (
        one((None, 3)),
        Hint(kind="whole", high=9, why=WORDS),
        lambda x: set(x.flat) == set(range(10)),
    ),
    "ids in int8": (
        one((None, 9), "int8"),
        Hint(kind="whole", high=4999),
        lambda x: x.min() >= 0 and x.max() > 100,
    ),
    "pixels": (
        one((None, 9)),
        Hint(kind="range", high=255),
        lambda x: (x == x.round()).all() and x.max() > 240,
    ),
    "range": (
        one((None, 3)),
        Hint(kind="range", low=10, high=30),
        lambda x: 10 <= x.min() < 12 and 28 < x.max() <= 30,
    ),
    "range of integers": (
        one((None, 3), "uint8"),
        Hint(kind="range", low=0.5, high=3.5),
        lambda x: set(x.flat) == {1, 2, 3},
    ),
    "codes": (
        one((None, 3), "int64"),
        Hint(kind="values", values=(10, 20)),
        lambda x: set(x.flat) == {10, 20},
    ),
    "statistics": (
        one((None, 2)),
        Hint(kind="normal", mean=(100, -3), std=(2, 0), why="statistics of 'norm'"),
        lambda x: abs(x[:, 0].mean() - 100) < 1 and (x[:, 1] == -3).all(),
    ),
    "statistics of other features": (
        one((None, 3)),
        Hint(kind="normal", mean=(2, 4), std=(0, 0)),
        lambda x: (x == 3).all(),
    ),
    "statistics beyond float16": (
        one((None, 1), "float16"),
        Hint(kind="normal", mean=(1e9,)),
        lambda x: np.isfinite(x).all(),
    ),
    "statistics in integers": (
        one((None, 1), "int32"),
        Hint(kind="normal", mean=(50,)),
        lambda x: 49 < x.mean() < 51,
    ),
    "words": (
        one((None, 1), "string"),
        Hint(kind="values", values=("a", "b")),
        lambda x: set(x.flat) == {"a", "b"},
    ),
    "texts": (
        one((None,), "string"),
        Hint(kind="text", values=("a", "b")),
        lambda x: {t.count(" ") for t in x} == set(range(8)),
    ),
    "words for numbers": (
        one((None, 3)),
        Hint(kind="values", values=("a", "b")),
        lambda x: np.isfinite(x).all(),
    ),
    "dtype unknown": (one((None, 3), ""), Hint(kind="plain"), lambda x: x.dtype == np.float32),
    "bfloat16": (one((None, 3), "bfloat16"), Hint(kind="plain"), lambda x: x.dtype == np.float32),
}


@pytest.mark.parametrize("case", GENERATED)
def test_rows_match_their_description(case: str, wording: SnapshotAssertion) -> None:
    wanted, hint, is_met_by = GENERATED[case]
    rows = make_rows((wanted,), {"x": hint}, rows=200, seed=1)["x"]
    assert is_met_by(rows)
    if wanted.dtype not in ("string", "", "bfloat16"):
        assert rows.dtype == wanted.dtype
    assert describe((wanted,), {"x": hint}) == wording


SIZES = [
    ((None, 10), (4, 10)),
    ((None,), (4,)),
    ((8, 10), (4, 10)),
    ((None, None, 5), (4, 12, 5)),
    ((None, None, None, 3), (4, 64, 64, 3)),
    ((None, 3, None, None), (4, 3, 64, 64)),
    ((None, None, 8, 8, 1), (4, 12, 8, 8, 1)),
]


@pytest.mark.parametrize(("shape", "expected"), SIZES)
def test_axes_of_any_length_get_a_size(shape: tuple[int | None, ...], expected: tuple[int, ...]) -> None:
    assert make_rows((one(shape),), {}, rows=4, seed=0)["x"].shape == expected


def test_every_fourth_row_is_padded_at_its_end(wording: SnapshotAssertion) -> None:
    wanted, hint = one((None, 6, 2)), Hint(kind="plain", padding=-7.0)
    padded = (make_rows((wanted,), {"x": hint}, rows=40, seed=0)["x"] == -7.0).all(axis=2)
    assert padded.any(axis=1).nonzero()[0].tolist() == list(range(3, 40, 4))
    assert not padded[:, 0].any()
    assert (np.diff(padded.astype(int), axis=1) >= 0).all()
    assert describe((wanted,), {"x": hint}) == wording


def test_the_seed_decides_and_each_input_has_its_own_stream() -> None:
    a, b = one((None, 3), name="a"), one((None, 3), name="b")
    both = make_rows((a, b), {}, rows=5, seed=0)
    np.testing.assert_array_equal(both["a"], make_rows((a,), {}, rows=5, seed=0)["a"])
    assert not np.array_equal(both["a"], both["b"])
    assert not np.array_equal(both["a"], make_rows((a,), {}, rows=5, seed=1)["a"])


def test_a_vocabulary_without_an_input_applies_to_all_inputs_but_images(
    wording: SnapshotAssertion,
) -> None:
    hints = {"*": Hint(kind="whole", high=9, why=WORDS)}
    inputs = (one((None, 7), name="ids"), one((None, 4, 4, 3), name="image"))
    assert describe(inputs, hints) == wording

"""What users reported about ids, categories and the names of inputs, with healthy twins."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import Case, Maker, Rows, Writer, save_rows
from tests.corpus.reports_inputs_layers import FirstColumnAsId, Placed, TokensAndPlaces

__all__ = ["CASES", "FAMILY"]

FAMILY = "reports: ids and inputs"
OWN = ("--custom-objects", str(Path(__file__).resolve().parent / "reports_inputs_layers.py"))
QUIET = ("KC501", "KC503", "KC504")
Change = Callable[[Rows], Rows]


# Rows.


def table(random: np.random.Generator) -> Rows:
    """A code below 9, an amount, a second code below 5, and an age."""
    codes = random.integers(0, 9, 80), random.integers(0, 5, 80)
    amount, age = random.lognormal(3.0, 1.0, 80), random.integers(18, 90, 80)
    return np.column_stack([codes[0], amount, codes[1], age]).astype("float32")


def words(vocabulary: int, length: int, rows: int = 48, dtype: str = "float32") -> Maker:
    """Whole numbers below the vocabulary."""
    return lambda random: random.integers(1, vocabulary, size=(rows, length)).astype(dtype)


def padded(*names: str) -> Maker:
    """Words that are padded with 0 at the end, and inputs of zeros for the other names."""

    def make(random: np.random.Generator) -> Rows:
        tokens = random.integers(1, 40, size=(48, 15))
        tokens[np.arange(15) >= random.integers(4, 16, size=(48, 1))] = 0
        others = {name: np.zeros((48, 15), "int32") for name in names[1:]}
        return {names[0]: tokens.astype("int32"), **others}

    return make


def user_ids(highest: int, dtype: str) -> Maker:
    """Different ids from `highest` - 300 on."""
    return lambda random: (highest - random.permutation(300)[:96, None]).astype(dtype)


def numbers(*shape: int) -> Maker:
    """Standard normal rows."""
    return lambda random: random.normal(size=(40, *shape)).astype("float32")


def tokenized(*names: str) -> Maker:
    """The arrays of a tokenizer by name: all but the words are 0 or 1."""

    def make(random: np.random.Generator) -> Rows:
        arrays = {name: random.integers(0, 2, size=(40, 10)).astype("int32") for name in names}
        return {**arrays, "input_ids": random.integers(2, 60, size=(40, 10)).astype("int32")}

    return make


def together(**makers: Maker) -> Maker:
    """Rows by name."""

    def make(random: np.random.Generator) -> Rows:
        made = {name: maker(random) for name, maker in makers.items()}
        return {name: rows for name, rows in made.items() if isinstance(rows, np.ndarray)}

    return make


# Models.


def sliced() -> Any:
    """Two columns of a table are looked up, the others are scaled."""
    rows = keras.Input((4,), name="rows")
    first = layers.Embedding(9, 4, name="shop")(rows[:, 0])
    second = layers.Embedding(5, 3, name="day")(ops.cast(ops.take(rows, 2, axis=1), "int32"))
    scaled = layers.Rescaling(0.02)(rows)
    return keras.Model(rows, layers.Dense(1)(layers.Concatenate()([first, second, scaled])))


def divided() -> Any:
    """The first column is split off; the rest goes through Dense."""
    rows = keras.Input((4,), name="rows")
    code, rest = ops.split(rows, [1], axis=1)
    vector = layers.Flatten()(layers.Embedding(9, 4, name="shop")(code))
    joined = layers.Concatenate()([vector, layers.Dense(5, activation="tanh")(layers.Rescaling(0.01)(rest))])
    return keras.Model(rows, layers.Dense(2, activation="softmax")(joined))


def inside() -> Any:
    """The slice is inside a custom layer of a Sequential model."""
    return keras.Sequential([keras.Input((4,), name="rows"), FirstColumnAsId(9), layers.Dense(1)])


def transformer() -> Any:
    """Words and positions in one layer, then attention."""
    tokens = keras.Input((18,), name="tokens")
    hidden = TokensAndPlaces(600, 18, 12)(tokens)
    hidden = layers.LayerNormalization()(hidden + layers.MultiHeadAttention(2, 6)(hidden, hidden))
    return keras.Model(tokens, layers.Dense(3, activation="softmax")(hidden[:, 0]))


def patches() -> Any:
    """A small vision transformer on pixels."""
    pixels = keras.Input((24, 24, 3), name="pixels")
    hidden = layers.Conv2D(12, 8, strides=8)(layers.Rescaling(1 / 255)(pixels))
    hidden = Placed(9, 12)(layers.Reshape((9, 12))(hidden))
    hidden = layers.LayerNormalization()(hidden + layers.MultiHeadAttention(2, 6)(hidden, hidden))
    return keras.Model(pixels, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling1D()(hidden)))


def sensors() -> Any:
    """Sensor values with a table of positions, then a recurrence."""
    return keras.Sequential(
        [keras.Input((16, 3), name="series"), Placed(16, 8), layers.GRU(6), layers.Dense(1)]
    )


def classifier() -> Any:
    """The commonest model of texts: ids in an input of floats."""
    return keras.Sequential(
        [keras.Input((20,), name="words"), layers.Embedding(3000, 8), layers.LSTM(8), layers.Dense(1)]
    )


def tagger() -> Any:
    """One tag for each word."""
    hidden = layers.LSTM(8, return_sequences=True)
    tags = layers.TimeDistributed(layers.Dense(4, activation="softmax"))
    return keras.Sequential([keras.Input((14,), name="words"), layers.Embedding(900, 8), hidden, tags])


def pairs_of_sentences() -> Any:
    """Words and segments; attention takes its mask from the words, the first word answers."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    segments = keras.Input((None,), dtype="int32", name="segments")
    hidden = layers.Embedding(40, 8)(tokens) + layers.Embedding(2, 8)(segments)
    mask = ops.expand_dims(ops.not_equal(tokens, 0), 1)
    hidden = hidden + layers.MultiHeadAttention(2, 4)(hidden, hidden, attention_mask=mask)
    return keras.Model([tokens, segments], layers.Dense(2, activation="softmax")(hidden[:, 0]))


def looked_up(dtype: str) -> Callable[[], Any]:
    """Ids as they are in a table of 5,000."""

    def build() -> Any:
        ids = keras.Input((1,), dtype=dtype, name="user")
        vector = layers.Flatten()(layers.Embedding(5000, 2, name="of_users")(ids))
        return keras.Model(ids, layers.Dense(1)(vector))

    return build


def hashed(dtype: str) -> Callable[[], Any]:
    """Large ids that are hashed."""

    def build() -> Any:
        ids = keras.Input((1,), dtype=dtype, name="user")
        bins = layers.Hashing(64, name="bins")(ops.cast(ids, "int64"))
        return keras.Model(ids, layers.Dense(1)(layers.Flatten()(layers.Embedding(64, 3)(bins))))

    return build


def folded(dtype: str, entries: int = 1000) -> Callable[[], Any]:
    """Large ids that are folded into a table by a modulo."""

    def build() -> Any:
        ids = keras.Input((1,), dtype=dtype, name="user")
        places = ops.cast(ids, "int32") % entries
        vector = layers.Flatten()(layers.Embedding(entries, 3, name="of_users")(places))
        return keras.Model(ids, layers.Dense(1)(vector))

    return build


def listed(dtype: str) -> Callable[[], Any]:
    """Large ids that are looked up in a list."""

    def build() -> Any:
        ids = keras.Input((1,), dtype=dtype, name="user")
        known = list(range(900_000_000 - 300, 900_000_001))
        places = layers.IntegerLookup(vocabulary=known, name="known")(ops.cast(ids, "int64"))
        return keras.Model(ids, layers.Dense(1)(layers.Flatten()(layers.Embedding(302, 3)(places))))

    return build


def named(*keys: str, swapped: bool = False, as_list: bool = False) -> Callable[[], Any]:
    """Inputs of numbers by key, each with a weight of its own."""

    def build() -> Any:
        names = keys[::-1] if swapped else keys
        inputs = [keras.Input((5,), name=name) for name in names]
        joined = layers.Concatenate()([layers.Dense(3, activation="tanh")(each) for each in inputs])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of keys that are not the names
            structure = inputs if as_list else dict(zip(keys, inputs, strict=True))
            return keras.Model(structure, layers.Dense(2)(joined))

    return build


def reader() -> Any:
    """Words and segments by the names of a tokenizer."""
    tokens = keras.Input((10,), dtype="int32", name="input_ids")
    segments = keras.Input((10,), dtype="int32", name="token_type_ids")
    hidden = layers.Embedding(60, 6)(tokens) + layers.Embedding(60, 6)(segments)
    return keras.Model(
        {"input_ids": tokens, "token_type_ids": segments}, layers.Dense(1)(layers.Flatten()(hidden))
    )


# Served rows.


def served(data: Maker, change: Change) -> Writer:
    """Return a kit of rows, and the same rows as serving feeds them."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = data(random)
        files = {"data": rows, "served": change(rows)}
        return tuple(
            argument
            for name, values in files.items()
            for argument in (f"--{name}", str(save_rows(folder / name, values)))
        )

    return write


def recoded(column: int, *codes: int) -> Change:
    """One column with other codes for the same categories."""

    def change(rows: Rows) -> Rows:
        assert isinstance(rows, np.ndarray)
        wrong = rows.copy()
        wrong[:, column] = np.asarray(codes)[rows[:, column].astype(int)]
        return wrong

    return change


def rebuilt_vocabulary(rows: Rows) -> Rows:
    """Words with the numbers of a vocabulary in another order; 0 stays."""
    assert isinstance(rows, np.ndarray)
    order = np.concatenate([[0], 1 + np.random.default_rng(3).permutation(899)])
    return np.asarray(order[rows.astype(int)].astype(rows.dtype))


def counted_from_one(rows: Rows) -> Rows:
    """Codes that begin at 1."""
    assert isinstance(rows, np.ndarray)
    return np.asarray(rows + (np.arange(rows.shape[1]) == 2), rows.dtype)


def _clean(name: str, build: Callable[[], Any], data: Maker, *args: str) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, quiet=QUIET, args=args)


def _faulty(name: str, build: Callable[[], Any], data: Maker, cause: str, layer: str | None = None) -> Case:
    return Case(
        name=name, family=FAMILY, build=build, data=data, causes=(cause,), failing=("KC501",), layer=layer
    )


def _served(
    name: str, build: Callable[[], Any], kit: Writer, cause: str, code: str, args: tuple[str, ...] = ()
) -> Case:
    return Case(name=name, family=FAMILY, build=build, kit=kit, causes=(cause,), failing=(code,), args=args)


HEALTHY = (
    _clean("codes sliced from a table", sliced, table),
    _clean("a code split off a table", divided, table),
    _clean("a code inside a custom layer", inside, table, *OWN),
    _clean("words and positions in one layer", transformer, words(600, 18), *OWN),
    _clean(
        "pixels and a table of positions",
        patches,
        lambda random: random.integers(0, 256, (24, 24, 24, 3)).astype("uint8"),
        *OWN,
    ),
    _clean("sensors and a table of positions", sensors, numbers(16, 3), *OWN),
    _clean("ids in floats for an LSTM", classifier, words(3000, 20)),
    _clean("ids in floats for a tagger", tagger, words(900, 14)),
    _clean("words and segments of zeros", pairs_of_sentences, padded("tokens", "segments")),
    _clean("ids in whole numbers", looked_up("int32"), user_ids(4900, "int64")),
    _clean("large ids that are hashed", hashed("int64"), user_ids(900_000_000, "int64")),
    _clean("large ids that are folded", folded("int32"), user_ids(900_000_000, "int64")),
    _clean("large ids in a small table", folded("int32", 60), user_ids(900_000_000, "int64")),
    _clean("small ids that are folded as floats", folded("float32"), user_ids(9_000_000, "int64")),
    _clean("large ids in a list", listed("int64"), user_ids(900_000_000, "int64")),
    _clean("a dict of inputs", named("left", "right"), together(left=numbers(5), right=numbers(5))),
    Case(
        name="served codes that are right",
        family=FAMILY,
        build=sliced,
        kit=served(table, lambda rows: rows),
        quiet=(*QUIET, "KC301"),
    ),
)

FAULTY = (
    _faulty(
        "ids in half precision", looked_up("float16"), user_ids(4900, "int64"), "ids-rounded", "of_users"
    ),
    _faulty(
        "large ids hashed as floats", hashed("float32"), user_ids(900_000_000, "int64"), "ids-rounded", "bins"
    ),
    _faulty(
        "large ids folded as floats",
        folded("float32"),
        user_ids(900_000_000, "int64"),
        "ids-rounded",
        "of_users",
    ),
    _faulty(
        "large ids as floats in a small table",
        folded("float32", 60),
        user_ids(900_000_000, "int64"),
        "ids-rounded",
        "of_users",
    ),
    _faulty(
        "large ids listed as floats",
        listed("float32"),
        user_ids(900_000_000, "int64"),
        "ids-rounded",
        "known",
    ),
    _faulty(
        "a surplus array that comes first",
        named("left", "right"),
        together(left=numbers(5), right=numbers(5), extra=numbers(5)),
        "input-order",
    ),
    _faulty(
        "a surplus array of a tokenizer",
        reader,
        tokenized("attention_mask", "token_type_ids"),
        "input-order",
    ),
    _faulty(
        "keys that are names of other inputs",
        named("left", "right", swapped=True),
        together(left=numbers(5), right=numbers(5)),
        "input-order",
    ),
    _served(
        "a column of codes assigned again",
        sliced,
        served(table, recoded(0, 4, 2, 0, 1, 3, 8, 7, 5, 6)),
        "codes-refit",
        "KC301",
    ),
    _served("codes that begin at one", sliced, served(table, counted_from_one), "codes-refit", "KC301"),
    _served(
        "a vocabulary built again", tagger, served(words(900, 14), rebuilt_vocabulary), "codes-refit", "KC301"
    ),
    _served(
        "served rows with a column too many",
        sliced,
        served(table, lambda rows: np.column_stack([rows, rows[:, :1]])),
        "wrong-features",
        "KC501",
    ),
    _served(
        "served series that are cut short",
        lambda: keras.Sequential([keras.Input((12, 3)), layers.Flatten(), layers.Dense(1)]),
        served(numbers(12, 3), lambda rows: rows[:, 2:]),
        "wrong-length",
        "KC501",
    ),
    _served(
        "served images with channels first",
        lambda: keras.Sequential(
            [keras.Input((10, 8, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(2)]
        ),
        served(numbers(10, 8, 3), lambda rows: np.moveaxis(rows, -1, 1)),
        "axes-swapped",
        "KC501",
    ),
)

CASES: tuple[Case, ...] = (*HEALTHY, *FAULTY)

"""Planted faults of sequences: shapes that Keras accepts, axes and inputs in the wrong place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml
from keras import layers

from tests.corpus.cases import Case, Maker, Rows, Writer, ids, save_rows, steps

__all__ = ["CASES"]

FAMILY = "sequences"


def stack(
    *parts: Any, shape: tuple[int | None, ...] = (20, 5), batch: int | None = None
) -> Callable[[], Any]:
    """Return a builder of a Sequential model; the layers are cloned, so that it can be called again."""
    return lambda: keras.Sequential(
        [keras.Input(shape, batch_size=batch), *(type(part).from_config(part.get_config()) for part in parts)]
    )


def walks(length: int, features: int, rows: int = 40, *, swapped: bool = False) -> Maker:
    """Random walks, each feature at its own level: (rows, length, features), or axes swapped."""

    def make(random: np.random.Generator) -> Rows:
        values = np.cumsum(random.normal(size=(rows, length, features)), axis=1) + 9.0 * np.arange(features)
        return (0.1 * (values.swapaxes(1, 2) if swapped else values)).astype("float32")

    return make


def with_files(data: Maker, *, facts: dict[str, Any] | None = None, **beside: Maker) -> Writer:
    """Return a kit of rows, further files by option name, and facts in a YAML file."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        args = ["--data", str(save_rows(folder / "data", data(random)))]
        for option, make in beside.items():
            args += [f"--{option}", str(save_rows(folder / option, make(random)))]
        if facts:
            (folder / "kcheck.yaml").write_text(yaml.safe_dump({"facts": facts}), encoding="utf-8")
            args += ["--config", str(folder / "kcheck.yaml")]
        return tuple(args)

    return write


def siamese() -> Any:
    """Two inputs of the same shape that the model treats differently."""
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    joined = layers.Concatenate()(
        [layers.Dense(5, activation="relu")(left), layers.Dense(5, activation="tanh")(right)]
    )
    return keras.Model({"left": left, "right": right}, layers.Dense(2)(joined))


def pair(left: float, right: float) -> Maker:
    """Rows of `siamese` around these levels."""

    def make(random: np.random.Generator) -> Rows:
        return {
            name: (level + random.normal(size=(60, 6))).astype("float32")
            for name, level in (("left", left), ("right", right))
        }

    return make


def words() -> Any:
    """An embedding after an input of dtype float32."""
    return keras.Sequential([keras.Input((7,)), layers.Embedding(20, 4), layers.LSTM(5), layers.Dense(1)])


def codes(lowest: float, step: float = 1.0) -> Maker:
    """Rows of `words`: multiples of `step` from `lowest` on."""
    return lambda random: (lowest + step * random.integers(0, 12, size=(40, 7))).astype("float32")


def _case(
    name: str, build: Callable[[], Any], data: Maker, cause: str, code: str = "KC501", **more: Any
) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, causes=(cause,), failing=(code,), **more)


def _kit(
    name: str, build: Callable[[], Any], kit: Writer, cause: str, code: str = "KC501", **more: Any
) -> Case:
    return Case(name=name, family=FAMILY, build=build, kit=kit, causes=(cause,), failing=(code,), **more)


LSTM, GRU, HEAD = layers.LSTM(6), layers.GRU(5), layers.Dense(2)
CONV, POOL, FILM = (
    layers.Conv1D(4, 3, padding="same"),
    layers.GlobalAveragePooling1D(),
    layers.Conv2D(3, 3, padding="same"),
)
TAGS = (layers.GRU(4, return_sequences=True), layers.TimeDistributed(layers.Dense(2)))

SHAPES = (
    _case("one step for an LSTM of twenty", stack(LSTM, HEAD), steps(1, 5), "wrong-length"),
    _case("window too long", stack(GRU, HEAD), steps(24, 5), "wrong-length"),
    _case("window too short for a convolution", stack(CONV, POOL, HEAD), steps(9, 5), "wrong-length"),
    _case(
        "one series without its batch axis",
        stack(LSTM, HEAD, shape=(20, 1)),
        lambda random: random.normal(size=(20, 1)),
        "wrong-rank",
    ),
    _case(
        "one series of any length without its batch axis",
        stack(GRU, HEAD, shape=(None, 1)),
        lambda random: random.random((60, 1)),
        "wrong-rank",
    ),
    _case(
        "height and width swapped",
        stack(FILM, layers.GlobalAveragePooling2D(), HEAD, shape=(12, 8, 2)),
        lambda random: random.random(size=(36, 8, 12, 2)).astype("float32"),
        "axes-swapped",
    ),
    _kit(
        "time on the last axis of a square",
        stack(LSTM, HEAD, shape=(6, 6)),
        with_files(steps(6, 6), facts={"time_axis": 2}),
        "axes-swapped",
    ),
    _kit(
        "square swapped against the reference",
        stack(GRU, HEAD, shape=(8, 8)),
        with_files(walks(8, 8, swapped=True), reference=walks(8, 8)),
        "axes-swapped",
    ),
    _kit(
        "inputs served in each other's place",
        siamese,
        with_files(pair(-2.0, 2.0), reference=pair(2.0, -2.0)),
        "input-order",
    ),
    _case("fractions for an embedding", words, codes(0.0, 0.5), "wrong-ids"),
    _case("negative ids", words, codes(-1.0), "wrong-ids"),
    _kit(
        "distributed over any length that varies",
        stack(*TAGS, shape=(None, 3)),
        with_files(steps(9, 3), facts={"variable_length": True}),
        "time-distributed-dynamic",
    ),
)


def pieces(sequences: int, count: int) -> Maker:
    """Pieces of slow series: row i of a batch of this size continues row i of the batch before."""

    def make(random: np.random.Generator) -> Rows:
        walks = np.cumsum(random.normal(size=(sequences, 8 * count, 3)), axis=1) / 10
        by_piece = walks.reshape(sequences, count, 8, 3).swapaxes(0, 1)
        return by_piece.reshape(-1, 8, 3).astype("float32")

    return make


CONSECUTIVE = {"stateful_rows": "consecutive"}

STATES = (
    _kit(
        "pieces of one series without state",
        stack(LSTM, HEAD),
        with_files(steps(20, 5), facts=CONSECUTIVE),
        "state-not-carried",
        "KC502",
    ),
    Case(
        name="pieces of one slow series in batches of four",
        family=FAMILY,
        build=stack(layers.LSTM(6, stateful=True, name="memory"), HEAD, shape=(8, 3), batch=4),
        kit=with_files(pieces(1, 48), facts=CONSECUTIVE),
        causes=("state-batch-mismatch",),
        warning=("KC502",),
    ),
    _kit(
        "pieces of one series, both directions",
        stack(layers.Bidirectional(layers.GRU(4)), HEAD, shape=(None, 2)),
        with_files(steps(8, 2), facts=CONSECUTIVE),
        "state-not-carried",
        "KC502",
    ),
)


def filled(length: int, features: int, value: float = 0.0, *, empty: int = 0, shift: float = 0.0) -> Maker:
    """Series of 3 to `length` true time steps around `shift`, padded on the right with `value`.

    The first `empty` rows are nothing but padding.
    """

    def make(random: np.random.Generator) -> Rows:
        values = shift + random.normal(size=(48, length, features))
        lengths = random.integers(3, length + 1, size=(48, 1, 1))
        lengths[:empty] = 0
        return np.where(np.arange(length)[None, :, None] < lengths, values, value).astype("float32")

    return make


def branched() -> Any:
    """A mask that reaches only one of two branches."""
    series = keras.Input((None, 3))
    masked = layers.Masking()(series)
    filtered = layers.Conv1D(4, 3, padding="same", name="filter")(masked)
    return keras.Model(
        series, layers.Dense(2)(layers.Concatenate()([layers.LSTM(4)(masked), layers.GRU(4)(filtered)]))
    )


def doubled() -> Any:
    """A plain operation after the mask, in a model of one length."""
    series = keras.Input((9, 3))
    return keras.Model(series, layers.Dense(1)(layers.LSTM(5)(layers.Masking()(series) * 2.0)))


def averaged() -> Any:
    """A mean over time of words that includes the padding."""
    text = keras.Input((11,), dtype="int32")
    return keras.Model(
        text,
        layers.Dense(2, activation="softmax")(
            keras.ops.mean(layers.Embedding(30, 6, mask_zero=True)(text), axis=1)
        ),
    )


def inside() -> Any:
    """A convolution in a nested model loses the mask."""
    inner_series, series = keras.Input((None, 4)), keras.Input((None, 3))
    inner = keras.Model(
        inner_series, layers.Conv1D(4, 3, padding="causal", name="filter")(inner_series), name="encoder"
    )
    return keras.Model(
        series, layers.Dense(1)(layers.GRU(4)(inner(layers.Dense(4)(layers.Masking()(series)))))
    )


MASK = layers.Masking()
LOST = ("mask-lost", "KC504")

PADDING = (
    _case(
        "mask lost in a convolution",
        stack(MASK, layers.Conv1D(4, 3, padding="same", name="filter"), LSTM, HEAD, shape=(None, 3)),
        filled(9, 3),
        *LOST,
        layer="filter",
    ),
    _case("mask lost in one of two branches", branched, filled(9, 3), *LOST, layer="filter"),
    _case("mask lost in an operation", doubled, filled(9, 3), *LOST),
    _case("mask lost in a mean over words", averaged, ids(30, 11), *LOST),
    _case(
        "mask lost in a reshape to one length",
        stack(MASK, layers.Reshape((9, 3), name="refold"), LSTM, HEAD, shape=(9, 3)),
        filled(9, 3),
        *LOST,
        layer="refold",
    ),
    _case("mask lost in a model inside", inside, filled(9, 3), *LOST, layer="encoder/filter"),
    _case("mask lost, rows without padding", branched, steps(9, 3), *LOST, layer="filter"),
    _case(
        "padded after scaling with another value",
        stack(MASK, LSTM, HEAD, shape=(None, 3)),
        filled(9, 3, -1.25),
        "padding-unmasked",
        "KC504",
    ),
    _case(
        "rows of nothing but padding",
        stack(MASK, POOL, HEAD, shape=(None, 3)),
        filled(9, 3, empty=3),
        "fully-masked-row",
        "KC504",
    ),
    Case(
        name="padded without a mask",
        family=FAMILY,
        build=stack(LSTM, HEAD, shape=(None, 3)),
        data=filled(9, 3, shift=2.0),
        causes=("padding-unmasked",),
        warning=("KC504",),
    ),
)


def attentive() -> Any:
    """Attention over the whole sequence in place of a decoder."""
    series = keras.Input((None, 4))
    attended = layers.MultiHeadAttention(2, 4, name="heads")(series, series)
    return keras.Model(series, layers.Dense(4)(layers.LayerNormalization()(series + attended)))


ONE_STEP, PREFIX = {"step_by_step": "one-step"}, {"step_by_step": "growing-prefix"}
DIFFERS = ("stepwise-differs", "KC503")
KEPT = layers.LSTM(6, return_sequences=True, name="kept")
GROUPS = layers.GroupNormalization(2, name="groups")
BOTH = layers.Bidirectional(layers.GRU(4, return_sequences=True), name="both")
CENTRED = layers.Conv1D(4, 3, padding="same", name="centred")

STEPWISE = (
    _kit(
        "stream of steps into a stateless LSTM",
        stack(KEPT, HEAD, shape=(None, 3)),
        with_files(steps(12, 3), facts=ONE_STEP),
        *DIFFERS,
        layer="kept",
    ),
    _kit(
        "stream of steps into a GRU with one answer",
        stack(GRU, HEAD, shape=(None, 3)),
        with_files(steps(12, 3), facts=ONE_STEP),
        *DIFFERS,
    ),
    _kit(
        "stream of steps into a causal convolution",
        stack(layers.Conv1D(4, 3, padding="causal"), HEAD, shape=(None, 3)),
        with_files(steps(12, 3), facts=ONE_STEP),
        *DIFFERS,
    ),
    _kit(
        "prefixes for both directions",
        stack(BOTH, HEAD, shape=(None, 3)),
        with_files(steps(12, 3), facts=PREFIX),
        *DIFFERS,
        layer="both",
    ),
    _kit(
        "prefixes for a centred convolution",
        stack(CENTRED, HEAD, shape=(None, 3)),
        with_files(steps(12, 3), facts=PREFIX),
        *DIFFERS,
        layer="centred",
    ),
    _kit(
        "prefixes for attention without a causal mask",
        attentive,
        with_files(steps(12, 4), facts=PREFIX),
        *DIFFERS,
        layer="heads",
    ),
    _kit(
        "prefixes for a normalization over time",
        stack(layers.Conv1D(4, 3, padding="causal"), GROUPS, HEAD, shape=(None, 3)),
        with_files(steps(12, 3), facts=PREFIX),
        *DIFFERS,
        layer="groups",
    ),
)

CASES: tuple[Case, ...] = (*SHAPES, *STATES, *PADDING, *STEPWISE)

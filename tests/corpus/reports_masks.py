"""Padding and masks as in public reports: positions, pooling, masks that are made too late."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import Case, Maker, Rows, Writer, save_rows
from tests.corpus.mask_layers import Places, Reader, ScaledSteps, Token, Waves, Words
from tests.corpus.series import known_lengths

__all__ = ["CASES", "read_by"]

FAMILY, CLEAN = "masks", "clean-masks"
OWN = ("--custom-objects", str(Path(__file__).resolve().parent / "mask_layers.py"))
LEVEL, SPREAD = (20.0, 300.0, -4.0), (3.0, 40.0, 1.0)
QUIET = ("KC401", "KC402", "KC504", "KC702")


def _lengths(random: np.random.Generator, steps: int) -> np.ndarray:
    return random.integers(3, steps + 1, size=64)


def words(steps: int = 14, side: str = "right") -> Maker:
    """Ids of 1 to 48, padded with 0."""

    def make(random: np.random.Generator) -> Rows:
        lengths = _lengths(random, steps)
        values = random.integers(1, 49, size=(64, steps)).astype("int32")
        return {"x": np.where(_is_true(lengths, steps, side), values, 0), "lengths": lengths}

    return make


def sensors(steps: int = 12, side: str = "right", value: Any = 0.0) -> Maker:
    """Three sensors on different levels, padded with a value."""

    def make(random: np.random.Generator) -> Rows:
        lengths = _lengths(random, steps)
        values = random.normal(LEVEL, SPREAD, size=(64, steps, 3))
        rows = np.where(_is_true(lengths, steps, side)[..., None], values, value)
        return {"x": rows.astype("float32"), "lengths": lengths}

    return make


def _is_true(lengths: np.ndarray, steps: int, side: str) -> np.ndarray:
    place = np.arange(steps) if side == "right" else np.arange(steps)[::-1]
    return np.asarray(place < lengths[:, None])


def _padded(data: Maker, side: str = "right", value: float = 0.0) -> Writer:
    return known_lengths(data, padding={"value": value, "side": side})


def with_reference(data: Maker) -> Writer:
    """A kit with padded reference rows too."""
    plain = _padded(data)

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = data(random)
        assert isinstance(rows, dict)
        return (*plain(folder, random), "--reference", str(save_rows(folder / "reference", rows["x"])))

    return write


def reading(body: Callable[[Any], Any]) -> Any:
    """A model of ids of any number."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    return keras.Model(ids, layers.Dense(1)(body(ids)))


def measuring(body: Callable[[Any], Any], steps: int | None = None) -> Any:
    """A model of series of three sensors."""
    series = keras.Input((steps, 3), name="series")
    return keras.Model(series, layers.Dense(1)(body(series)))


def embedded(ids: Any) -> Any:
    return layers.Embedding(50, 8, mask_zero=True, name="words")(ids)


def attended(x: Any) -> Any:
    """A residual block of attention, with stock layers only."""
    added = layers.Add(name="residual")([x, layers.MultiHeadAttention(2, 4, name="attention")(x, x)])
    return layers.LayerNormalization(name="norm")(added)


def placed(by_mask: bool) -> Any:
    return reading(
        lambda ids: layers.GlobalAveragePooling1D(name="pool")(
            attended(Places(by_mask, name="places")(embedded(ids)))
        )
    )


def waved(by_mask: bool) -> Any:
    centre = layers.BatchNormalization(moving_mean_initializer=keras.initializers.Constant(LEVEL))
    return measuring(
        lambda series: layers.GRU(6, name="memory")(
            Waves(by_mask, name="waves")(
                layers.Dense(8, name="wide")(centre(layers.Masking(name="mask")(series)))
            )
        )
    )


def worded(by_mask: bool) -> Any:
    return reading(
        lambda ids: layers.Bidirectional(layers.LSTM(4), name="both")(Words(by_mask, name="tokens")(ids))
    )


def counted(by_mask: bool) -> Any:
    """Positions by a cumulative sum in the graph, and the mask passed on."""

    def body(ids: Any) -> Any:
        true = ops.not_equal(ids, 0)
        ones = ops.cast(true, "int32") if by_mask else ops.ones_like(ids)
        places = ops.maximum(ops.cumsum(ones, axis=1) - 1, 0)
        steps = layers.Embedding(50, 8, name="words")(ids) + layers.Embedding(40, 8, name="table")(places)
        return layers.LSTM(6, name="memory")(steps, mask=true)

    return reading(body)


def peaked(pool: Any) -> Any:
    return reading(lambda ids: pool(attended(embedded(ids))))


def peaked_series() -> Any:
    return measuring(
        lambda series: layers.GlobalMaxPooling1D(name="peak")(
            layers.Dense(6, name="wide")(layers.Masking(name="mask")(series))
        )
    )


def peaked_true_steps() -> Any:
    """The maximum over true time steps: masked ones are set far below."""

    def body(ids: Any) -> Any:
        steps = attended(embedded(ids))
        hidden = ops.where(ops.not_equal(ids, 0)[..., None], steps, -1e9)
        return layers.GlobalMaxPooling1D(name="peak")(hidden)

    return reading(body)


def averaged(*, by_mask: bool) -> Any:
    """An average over the time steps, or over the true ones."""

    def body(ids: Any) -> Any:
        steps = embedded(ids)
        if by_mask:
            return layers.GlobalAveragePooling1D(name="pool")(steps, mask=ops.not_equal(ids, 0))
        return ops.mean(steps, axis=1)

    return reading(body)


def filtered(*, by_mask: bool) -> Any:
    """Two convolutions before a maximum, with the padding hidden from each or not."""

    def body(ids: Any) -> Any:
        true = ops.not_equal(ids, 0)[..., None]

        def hide(steps: Any, value: float) -> Any:
            return ops.where(true, steps, value) if by_mask else steps

        steps = embedded(ids)
        for name in ("first", "second"):
            convolution = layers.Conv1D(6, 3, padding="same", bias_initializer="ones", name=name)
            steps = convolution(hide(steps, 0.0))
        return layers.GlobalMaxPooling1D(name="peak")(hide(steps, -1e9))

    return reading(body)


def remembered_peak() -> Any:
    """After a recurrent layer, the padding on the right repeats the last true time step."""
    return reading(
        lambda ids: layers.GlobalMaxPooling1D(name="peak")(
            layers.LSTM(6, return_sequences=True)(embedded(ids))
        )
    )


def normalization() -> Any:
    variance = [spread**2 for spread in SPREAD]
    return layers.Normalization(mean=list(LEVEL), variance=variance, name="normal")


def masked_after(*before: Any, cell: Any = layers.LSTM, steps: int | None = None) -> Any:
    def body(series: Any) -> Any:
        for layer in before:
            series = layer(series)
        return cell(5, name="memory")(layers.Masking(name="mask")(series))

    return measuring(body, steps)


def shifted_ids() -> Any:
    """Ids that are raised by one, so that no id is left to be masked."""
    return reading(lambda ids: layers.GRU(6)(layers.Embedding(51, 8, mask_zero=True, name="words")(ids + 1)))


def handed_on() -> Any:
    """The mask is made from the rows as they are and passed to the layer that needs it."""

    def body(series: Any) -> Any:
        mask = ops.any(ops.not_equal(series, 0.0), axis=-1)
        return layers.LSTM(5, name="memory")(normalization()(series), mask=mask)

    return measuring(body)


def scaled_true_steps() -> Any:
    return measuring(lambda series: layers.GRU(5)(ScaledSteps(name="scaled")(layers.Masking()(series))))


def tagging(*, distributed: bool) -> Any:
    """A tag for each word: with TimeDistributed, it depends on the length that predict ran with first."""
    tags = layers.Dense(3, name="tags")
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32", name="ids"),
            layers.Embedding(50, 8, mask_zero=True),
            layers.LSTM(6, return_sequences=True),
            layers.TimeDistributed(tags, name="each") if distributed else tags,
        ]
    )


def backwards(*, mask_too: bool, flip: bool = False) -> Any:
    """The last word comes first, by a layer or by an operation, before a layer that needs the mask."""

    def body(ids: Any) -> Any:
        words = layers.Embedding(50, 8, mask_zero=True, name="words")
        steps = words(ids)
        if flip:
            steps = ops.flip(steps, axis=1)
        else:
            steps = layers.LSTM(6, return_sequences=True, go_backwards=True, name="backwards")(steps)
        mask = {"mask": ops.flip(words.compute_mask(ids), axis=1)} if mask_too else {}
        return layers.GRU(5, name="memory")(steps, **mask)

    return reading(body)


def headed(*, in_front: bool) -> Any:
    """A token in front of the words; a mask that fits, or one that is longer at the wrong end."""
    return reading(lambda ids: layers.GRU(6, name="memory")(Token(in_front, name="head")(embedded(ids))))


def both_ways() -> Any:
    """Two recurrent layers on the same steps; the average of the one that goes backwards has a wrong mask."""

    def body(ids: Any) -> Any:
        steps = embedded(ids)
        there = layers.GRU(5, return_sequences=True, name="there")(steps)
        back = layers.GRU(5, return_sequences=True, go_backwards=True, name="back")(steps)
        pools = [layers.GlobalAveragePooling1D()(each) for each in (there, back)]
        return layers.Concatenate()(pools)

    return reading(body)


def read_by(how: str) -> Any:
    """A subclassed model of words, which takes rows of one length."""
    model = Reader(how)
    model(np.ones((2, 14), "int32"))
    return model


def _fault(name: str, build: Any, kit: Writer, cause: str, layer: str, *args: str) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        kit=kit,
        causes=(cause,),
        layer=layer,
        failing=("KC504",),
        args=args,
    )


def _clean(name: str, build: Any, kit: Writer, *args: str) -> Case:
    return Case(name=name, family=CLEAN, build=build, kit=kit, quiet=QUIET, args=args)


def _words(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
    """Padded words, of which nothing is said."""
    made = words()(random)
    assert isinstance(made, dict)
    return ("--data", str(save_rows(folder / "data", made["x"])))


LEFT_WORDS, LEFT_SENSORS = (_padded(words(side="left"), "left"), _padded(sensors(side="left"), "left"))
POSITIONS, MOVED, LOST, MISPLACED = (
    "positions-count-padding",
    "padding-moved",
    "mask-lost",
    "mask-misplaced",
)

CASES: tuple[Case, ...] = (
    _fault("positions that count padding", lambda: placed(False), LEFT_WORDS, POSITIONS, "places", *OWN),
    _fault("waves that count padding", lambda: waved(False), LEFT_SENSORS, POSITIONS, "waves", *OWN),
    _fault(
        "tokens with positions, padded left", lambda: worded(False), LEFT_WORDS, POSITIONS, "tokens", *OWN
    ),
    _fault("positions summed in the graph", lambda: counted(False), LEFT_WORDS, POSITIONS, "cumsum"),
    _fault(
        "maximum after attention",
        lambda: peaked(layers.GlobalMaxPooling1D(name="peak")),
        _padded(words()),
        LOST,
        "peak",
    ),
    _fault("mean of words", lambda: averaged(by_mask=False), _padded(words()), LOST, "mean"),
    _fault("two convolutions of words", lambda: filtered(by_mask=False), _padded(words()), LOST, "first"),
    _fault("mean of words, padded left", lambda: averaged(by_mask=False), LEFT_WORDS, LOST, "mean"),
    _fault("maximum of sensors", peaked_series, _padded(sensors()), LOST, "peak"),
    _fault("maximum after a recurrent layer, padded left", remembered_peak, LEFT_WORDS, LOST, "peak"),
    _fault(
        "normalised before the mask",
        lambda: masked_after(normalization()),
        _padded(sensors()),
        MOVED,
        "normal",
    ),
    _fault(
        "rescaled before the mask, one length",
        lambda: masked_after(layers.Rescaling(0.01, -1.0, name="rescaled"), cell=layers.GRU, steps=12),
        _padded(sensors()),
        MOVED,
        "rescaled",
    ),
    _fault(
        "arithmetic before the mask",
        lambda: masked_after(lambda x: (x - 20.0) / 3.0, cell=layers.SimpleRNN),
        _padded(sensors()),
        MOVED,
        "subtract",
    ),
    _fault(
        "words backwards, the mask not",
        lambda: backwards(mask_too=False),
        _padded(words()),
        MISPLACED,
        "backwards",
    ),
    _fault(
        "words flipped, the mask not",
        lambda: backwards(mask_too=False, flip=True),
        LEFT_WORDS,
        MISPLACED,
        "flip",
    ),
    _fault(
        "a token in front, the mask longer at the end",
        lambda: headed(in_front=False),
        _padded(words()),
        MISPLACED,
        "concatenate",
        *OWN,
    ),
    _clean("a token in front, and in the mask", lambda: headed(in_front=True), _padded(words()), *OWN),
    _fault("both ways, one mask", both_ways, LEFT_WORDS, MISPLACED, "back"),
    _clean("words backwards, and the mask", lambda: backwards(mask_too=True), _padded(words())),
    _fault("ids raised before the mask", shifted_ids, _padded(words()), MOVED, "add"),
    Case(
        name="tagger of words, one tag after the other",
        family=FAMILY,
        build=lambda: tagging(distributed=True),
        kit=_padded(words()),
        causes=("time-distributed-dynamic",),
        layer="each",
        warning=("KC501",),
    ),
    _clean("tagger of words", lambda: tagging(distributed=False), _padded(words())),
    _clean("positions by the mask", lambda: placed(True), LEFT_WORDS, *OWN),
    _clean("positions that count padding, padded right", lambda: placed(False), _padded(words()), *OWN),
    _clean("waves by the mask", lambda: waved(True), LEFT_SENSORS, *OWN),
    _clean("tokens with positions by the mask", lambda: worded(True), LEFT_WORDS, *OWN),
    _clean("positions summed by the mask", lambda: counted(True), LEFT_WORDS),
    _clean(
        "average after attention",
        lambda: peaked(layers.GlobalAveragePooling1D(name="pool")),
        _padded(words()),
    ),
    _clean("mean of true words", lambda: averaged(by_mask=True), _padded(words())),
    _clean("mean of true words, padded left", lambda: averaged(by_mask=True), LEFT_WORDS),
    _clean("two convolutions of true words", lambda: filtered(by_mask=True), _padded(words())),
    _clean("maximum over true time steps", peaked_true_steps, _padded(words())),
    _clean("maximum after a recurrent layer", remembered_peak, _padded(words())),
    _clean("mask passed on", handed_on, _padded(sensors())),
    _clean("mask passed on, with reference rows", handed_on, with_reference(sensors())),
    _clean("scaled after the mask", scaled_true_steps, _padded(sensors()), *OWN),
    _clean(
        "rescaled before the mask, without an offset",
        lambda: masked_after(layers.Rescaling(0.01, name="rescaled")),
        _padded(sensors()),
    ),
    _fault("words scaled in the code of a model", lambda: read_by("scaled"), _words, LOST, "memory", *OWN),
    _fault("words split in the code of a model", lambda: read_by("split"), _words, LOST, "memory", *OWN),
    _clean("words scaled in code that passes the mask on", lambda: read_by("passed"), _words, *OWN),
    _clean("a series without a mask beside words", lambda: read_by("beside"), _words, *OWN),
    # The mask depends on a difference that is exactly 0: rounding decides it, as it decides ties.
    Case(
        name="padded with the mean",
        family=FAMILY,
        build=lambda: masked_after(normalization()),
        kit=known_lengths(sensors(value=LEVEL)),
        causes=("ill-conditioned", "near-ties"),
        warning=("KC604",),
    ),
)

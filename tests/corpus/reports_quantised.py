"""Quantised models: layers whose scales are not applied or do not fit, and healthy twins."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, Maker, flat, ids, pictures, steps
from tests.corpus.faults_sequences import with_files
from tests.corpus.reports_quantised_layers import CallsInside, MoreInGraphs

__all__ = [
    "CASES",
    "calibrated",
    "calling",
    "dense",
    "large",
    "perceptron",
    "quantise",
    "regressor",
    "tagger",
    "wrapped",
]

FAMILY = "reports-quantised"
OWN = ("--custom-objects", str(Path(__file__).resolve().parent / "reports_quantised_layers.py"))
QUIET = ("KC103", "KC606", "KC801")
PLACE = "per_step"


def quantise(model: Any, mode: str, **options: Any) -> Any:
    """Quantise a model; Keras warns of each layer that it cannot quantise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.quantize(mode, **options)
    return model


def _of(mode: str, inputs: Any, *inside: Callable[[], Any]) -> Callable[[], Any]:
    """Return a builder of a chain of layers, quantised."""

    def build() -> Any:
        return quantise(keras.Sequential([inputs(), *(make() for make in inside)]), mode)

    return build


def calibrated(config: type, group_size: int) -> tuple[Any, np.ndarray]:
    """Return a model of which GPTQ or AWQ has quantised two layers, and rows of ids."""
    keras.utils.set_random_seed(3)
    table = layers.Embedding(40, 16)
    blocks = [
        layers.Dense(24, activation="relu"),
        layers.EinsumDense("abc,cde->abde", output_shape=(5, 4, 3)),
    ]
    outside = [layers.Flatten(), layers.Dense(2)]
    model = keras.Sequential([keras.Input((5,), dtype="int32"), table, *blocks, *outside])
    rows = np.random.default_rng(0).integers(0, 40, (24, 5)).astype("int32")
    # In the config, Keras could not serialise the layers of the structure.
    structure = {"pre_block_layers": [table], "sequential_blocks": blocks}
    model.get_quantization_layer_structure = lambda _: structure
    stated = {"num_samples": 24, "sequence_length": 5, "group_size": group_size}
    quantise(model, None, config=config([row[None] for row in rows], tokenizer=lambda ids: ids, **stated))
    return model, rows


def _series() -> Any:
    return keras.Input((9, 6))


def _columns() -> Any:
    return keras.Input((12,))


def tagger(mode: str, last: Callable[[], Any], **options: Any) -> Callable[[], Any]:
    """Return a builder of a classifier of time steps that ends with this layer, quantised."""

    def build() -> Any:
        first = layers.Dense(8), layers.LSTM(12, return_sequences=True)
        model = keras.Sequential([_series(), *first, last()])
        return quantise(model, mode, **options)

    return build


def dense(units: int, activation: str | None = None) -> Callable[[], Any]:
    """Return a maker of a dense layer."""
    return lambda: layers.Dense(units, activation=activation)


def _low(units: int) -> Callable[[], Any]:
    return lambda: layers.Dense(units, activation="tanh", dtype="mixed_bfloat16")


def wrapped(units: int, activation: str | None = None) -> Callable[[], Any]:
    """Return a maker of TimeDistributed, which runs call() of the dense layer inside it."""
    return lambda: layers.TimeDistributed(
        layers.Dense(units, activation=activation, name="inside"), name=PLACE
    )


def calling(directly: bool) -> Callable[[], Any]:
    """Return a builder of a classifier with a layer that runs the dense layer inside it, quantised."""

    def caller() -> Any:
        return CallsInside(layers.Dense(8), directly=directly, name="wrapped")

    return _of("int8", _columns, dense(16, "relu"), caller, dense(3, "softmax"))


def regressor(mode: str) -> Callable[[], Any]:
    """Return a builder of two dense layers, quantised."""
    return _of(mode, _columns, lambda: layers.Dense(24, activation="relu", name="first"), dense(3))


def _attentive() -> Any:
    """Products of series with one kernel and with several, added to their inputs."""
    x = keras.Input((7, 12))
    h = layers.EinsumDense("abc,cd->abd", output_shape=(7, 12), bias_axes="d", activation="gelu")(x)
    h = layers.LayerNormalization()(layers.Add()([x, h]))
    heads = layers.EinsumDense("abc,cde->abde", output_shape=(7, 3, 4), bias_axes="de")(h)
    joined = layers.EinsumDense("abde,dec->abc", output_shape=(7, 5), bias_axes="c")(heads)
    return quantise(keras.Model(x, layers.Dense(3)(layers.Flatten()(joined))), "int8")


def _case(
    name: str, build: Callable[[], Any], data: Maker, args: tuple[str, ...] = (), **expected: Any
) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, args=args, **expected)


def _faulty(name: str, build: Callable[[], Any], data: Maker, layer: str, **expected: Any) -> Case:
    causes = ("quantisation-broken",)
    return _case(name, build, data, layer=layer, causes=causes, failing=("KC606",), **expected)


def _healthy(name: str, build: Callable[[], Any], data: Maker, **expected: Any) -> Case:
    return _case(name, build, data, quiet=QUIET, **expected)


def _coarse(name: str, build: Callable[[], Any]) -> Case:
    return _case(name, build, flat(12), causes=("quantisation-coarse",), warning=("KC606",))


def _accepted(name: str, build: Callable[[], Any]) -> Case:
    kit = with_files(flat(12), facts={"low_precision": "accepted"})
    return Case(name=name, family=FAMILY, build=build, kit=kit, quiet=QUIET)


def perceptron(mode: str) -> Callable[[], Any]:
    """Return a builder of a perceptron with one hidden layer, quantised."""
    return _of(mode, _columns, dense(32, "relu"), dense(3))


def _more_in_graphs() -> Any:
    return MoreInGraphs(0.01, name="more")


def _same_in_graphs() -> Any:
    return MoreInGraphs(0.0, name="more")


def large(features: int) -> Maker:
    """Rows of thousands."""
    return lambda random: random.normal(0.0, 3000.0, size=(60, features)).astype("float32")


def scaled_inside(factor: float, mode: str = "float8") -> Callable[[], Any]:
    """Return a builder of dense layers with numbers of another size in the middle, quantised."""
    return _of(
        mode,
        _columns,
        lambda: layers.Dense(24, activation="relu", name="first"),
        lambda: layers.Rescaling(factor, name="scale"),
        lambda: layers.Dense(16, activation="tanh" if factor < 1 else None, name="second"),
        lambda: layers.Dense(3, name="last"),
    )


def of_small_weights(size: float) -> Callable[[], Any]:
    """Return a builder of dense layers, one of which has weights of this size, quantised."""

    def build() -> Any:
        inside = [layers.Dense(24, "relu", name="first"), layers.Dense(24, name="second"), layers.Dense(3)]
        model = keras.Sequential([_columns(), *inside])
        kernel = np.random.default_rng(2).normal(0.0, size, inside[1].kernel.shape)
        inside[1].set_weights([kernel, np.zeros(24)])
        return quantise(model, "float8")

    return build


def with_large_columns(random: np.random.Generator) -> np.ndarray:
    """Rows with two columns of ten thousands."""
    rows = random.normal(size=(60, 12)).astype("float32")
    rows[:, 3:5] = np.abs(rows[:, 3:5]) * 2e4
    return rows


def with_large_row(random: np.random.Generator) -> np.ndarray:
    """Rows of which one has numbers of ten thousands."""
    rows = random.normal(size=(90, 12)).astype("float32")
    rows[71] *= 1e4
    return rows


def _accepting(build: Callable[[], Any], data: Maker) -> dict[str, Any]:
    """A model whose low precision is accepted, so that only what it does not explain is reported."""
    return {"build": build, "kit": with_files(data, facts={"low_precision": "accepted"})}


def _beyond(name: str, layer: str, build: Callable[[], Any], data: Maker) -> Case:
    causes = ("quantisation-broken",)
    accepting = _accepting(build, data)
    return Case(name=name, family=FAMILY, layer=layer, causes=causes, failing=("KC606",), **accepting)


def _within(name: str, build: Callable[[], Any], data: Maker) -> Case:
    return Case(name=name, family=FAMILY, quiet=QUIET, **_accepting(build, data))


LIMITS_OF_FLOAT8 = (
    _beyond("float8, hidden numbers of thousands", "second", scaled_inside(3e3), flat(12)),
    _beyond("float8, hidden numbers above 448", "second", scaled_inside(500.0), flat(12)),
    _beyond("float8, hidden numbers of ten thousandths", "second", scaled_inside(3e-4), flat(12)),
    _beyond("float8, weights of ten thousandths", "second", of_small_weights(3e-4), flat(12)),
    _beyond("float8, two columns of ten thousands", "first", regressor("float8"), with_large_columns),
    _beyond("float8, one row of ten thousands", "first", regressor("float8"), with_large_row),
    _within("float8, hidden numbers up to a hundred", scaled_inside(40.0), flat(12)),
    _within("float8, hidden numbers of tenths", scaled_inside(0.1), flat(12)),
    _within("float8, weights of hundredths", of_small_weights(0.03), flat(12)),
    _within("int8, hidden numbers of thousands", scaled_inside(3e3, "int8"), flat(12)),
)

CASES: tuple[Case, ...] = (
    *LIMITS_OF_FLOAT8,
    _faulty("int8, a softmax in TimeDistributed", tagger("int8", wrapped(5, "softmax")), steps(9, 6), PLACE),
    _faulty(
        "int4, a tanh in TimeDistributed",
        _of("int4", _series, dense(8), wrapped(10, "tanh"), layers.Flatten, dense(2)),
        steps(9, 6),
        PLACE,
    ),
    _faulty(
        "int8, call() of the layer inside",
        calling(directly=True),
        flat(12),
        "wrapped",
        args=OWN,
    ),
    _faulty(
        "float8, inputs of thousands",
        regressor("float8"),
        large(12),
        "first",
    ),
    _healthy("int8, a perceptron", _of("int8", _columns, dense(32, "relu"), dense(4, "softmax")), flat(12)),
    _healthy("int8, inputs of thousands", regressor("int8"), large(12)),
    _healthy(
        "int8, convolutions and a dense head",
        _of(
            "int8",
            lambda: keras.Input((12, 12, 3)),
            lambda: layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization,
            layers.Flatten,
            dense(16, "relu"),
            dense(4),
        ),
        pictures(12, 12, 3),
    ),
    _healthy(
        "int8, a table of words and an LSTM",
        _of(
            "int8",
            lambda: keras.Input((9,), dtype="int32"),
            lambda: layers.Embedding(50, 16, mask_zero=True),
            lambda: layers.LSTM(12),
            dense(1, "sigmoid"),
        ),
        ids(50, 9),
    ),
    _healthy("int8, products of series", _attentive, steps(7, 12)),
    _healthy("int8, a dense layer on time steps", tagger("int8", dense(5, "softmax")), steps(9, 6)),
    _healthy(
        "int8, a model in TimeDistributed",
        tagger("int8", lambda: layers.TimeDistributed(keras.Sequential([layers.Dense(5)]), name=PLACE)),
        steps(9, 6),
    ),
    _healthy(
        "int8, the layer inside is called itself",
        calling(directly=False),
        flat(12),
        args=OWN,
    ),
    _healthy(
        "int8 from mixed_bfloat16",
        _of("int8", _columns, *(_low(units) for units in (32, 16, 3))),
        flat(12),
    ),
    _coarse("int4, a perceptron", perceptron("int4")),
    _coarse("float8, a perceptron", perceptron("float8")),
    _accepted("int4, accepted", perceptron("int4")),
    _accepted("float8, accepted", perceptron("float8")),
    _case(
        "int8, one percent more in a graph",
        _of("int8", _columns, dense(16, "relu"), _more_in_graphs, dense(3)),
        flat(12),
        args=OWN,
        failing=("KC201", "KC204"),
    ),
    _healthy(
        "int8, the same in a graph",
        _of("int8", _columns, dense(16, "relu"), _same_in_graphs, dense(3)),
        flat(12),
        args=OWN,
    ),
)

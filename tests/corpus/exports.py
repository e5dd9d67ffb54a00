"""Exports of models: stale, reordered, in low precision, with lost masks and state, and healthy ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.preprocessing import StandardScaler

from tests.corpus.cases import CUSTOM, Case, Maker, flat, ids, pictures, save_rows, steps
from tests.corpus.custom_layers import SoftmaxInPredict
from tests.corpus.export_files import (
    DYNAMIC_INT8,
    FLOAT16,
    Exporter,
    Subject,
    by_keras,
    litert,
    litert_full_int8,
    litert_of_function,
    onnx,
    onnx_channels_first,
    onnx_dynamic_int8,
    onnx_exchanged,
    onnx_for_one_row,
    onnx_in_float16,
    onnx_static_int8,
    onnx_with_fixed,
    served_as,
    with_gap,
    with_unknown_operator,
)

__all__ = ["CASES"]

FAMILY = "exports"
QUIET = ("KC901", "KC902", "KC903", "KC904")
SELECT = ("--select", "KC90")


def _case(
    name: str, build: Callable[[], Any], data: Maker, files: Mapping[str, Exporter], **expected: Any
) -> Case:
    """Return the case of a model with exports; `files` are their makers by file name."""

    def kit(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = save_rows(folder / "data", data(random))
        exports = [word for file in files for word in ("--export", str(folder / file))]
        return ("--data", str(rows), *exports)

    args = (*SELECT, *expected.pop("args", ()))
    return Case(
        name=name,
        family=FAMILY,
        build=lambda: Subject(build(), files),
        kit=kit,
        args=args,
        quiet=() if expected else QUIET,
        **expected,
    )


def _fault(cause: str, *codes: str, **more: Any) -> dict[str, Any]:
    return {"causes": (cause,), "failing": codes, **more}


def _warning(cause: str, *codes: str, **more: Any) -> dict[str, Any]:
    return {"causes": (cause,), "warning": codes, **more}


# Models and endpoints


def with_noise(model: Any) -> Callable[[Any], Any]:
    """An endpoint that draws random numbers."""
    return lambda x: model(x, training=False) + 0.01 * tf.random.normal(tf.shape(x)[:1])[:, None]


def counting(model: Any) -> Callable[[Any], Any]:
    """An endpoint that keeps a counter."""
    model.count = tf.Variable(0.0)
    return lambda x: model(x, training=False) + 0.01 * model.count.assign_add(1.0)


def from_narrow(model: Any) -> Callable[[Any], Any]:
    """An endpoint that takes any numbers."""
    return lambda x: model(tf.cast(x, tf.float32), training=False)


def of_any_length() -> Any:
    """A model of series of any length."""
    return keras.Sequential(
        [
            keras.Input((None, 3), name="series"),
            layers.Conv1D(6, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ]
    )


def with_class(model: Any) -> Callable[[Any], Any]:
    """An endpoint that returns the class next to its probabilities."""

    def serve(x: Any) -> dict[str, Any]:
        probabilities = model(x, training=False)
        return {"class": tf.argmax(probabilities, axis=-1), "probabilities": probabilities}

    return serve


def without_activation(model: Any) -> Any:
    """The model with a linear last layer."""
    config = {**model.layers[-1].get_config(), "activation": None}
    last = layers.Dense.from_config(config)
    linear = keras.Sequential([keras.Input(model.input_shape[1:], name="picture"), *model.layers[:-1], last])
    last.set_weights(model.layers[-1].get_weights())
    return linear


def with_missing(random: np.random.Generator) -> np.ndarray:
    """Rows of a table, one of which has a missing value."""
    rows = random.normal(size=(70, 10)).astype("float32")
    rows[3, 2] = np.nan
    return rows


def large_rows(random: np.random.Generator) -> np.ndarray:
    """Rows beyond the end of float16."""
    return 1e5 * random.normal(size=(70, 10)).astype("float32")


def cube() -> Any:
    """A model of pictures that are as high and wide as they have channels."""
    return keras.Sequential(
        [
            keras.Input((3, 3, 3), name="picture"),
            layers.Conv2D(4, 2, activation="relu"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )


def logits() -> Any:
    """Logits of two classes."""
    return keras.Sequential([keras.Input((7,), name="x"), layers.Dense(16, "relu"), layers.Dense(2)])


def steps_with_gaps(random: np.random.Generator) -> np.ndarray:
    """Series that end in steps of zeros."""
    rows = random.normal(size=(45, 8, 3)).astype("float32")
    for number, row in enumerate(rows):
        row[2 + number % 6 :] = 0.0
    return rows


def pooled() -> Any:
    """A masked series, a recurrent layer and a pooling, both of which need the mask."""
    x = keras.Input((8, 3), name="series")
    h = layers.LSTM(6, return_sequences=True, unroll=True, name="steps")(layers.Masking()(x))
    return keras.Model(x, layers.Dense(2, name="head")(layers.GlobalAveragePooling1D(name="pool")(h)))


def pooled_without_mask(model: Any) -> Callable[[Any], Any]:
    """The pooling and the head are called by hand, on outputs whose mask is gone."""
    inner = keras.Model(model.input, model.get_layer("steps").output)

    def serve(series: Any) -> Any:
        hidden = tf.identity(inner(series, training=False))
        return model.get_layer("head")(model.get_layer("pool")(hidden))

    return serve


def mlp() -> Any:
    """A regressor."""
    return keras.Sequential(
        [
            keras.Input((10,), name="x"),
            layers.Dense(32, activation="relu"),
            layers.Dense(16, "tanh"),
            layers.Dense(1),
        ]
    )


def cnn() -> Any:
    """A classifier of pictures with BatchNormalization."""
    return keras.Sequential(
        [
            keras.Input((12, 12, 3), name="picture"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )


def twice_normalized() -> Any:
    """A classifier of pictures with two kinds of normalization and epsilons that are not Keras's defaults."""
    return keras.Sequential(
        [
            keras.Input((12, 12, 3), name="picture"),
            layers.Conv2D(8, 3),
            layers.BatchNormalization(epsilon=1e-5, name="batch"),
            layers.ReLU(),
            layers.Conv2D(8, 3),
            layers.GroupNormalization(2, epsilon=1e-3, name="groups"),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]
    )


def of_epsilon(epsilon: float, only: str = "") -> Callable[[Any], Any]:
    """Return a change: the network is built again with another epsilon, in all layers or in one."""

    def build(layer: Any) -> Any:
        config = layer.get_config()
        if "epsilon" in config and only in ("", layer.name):
            config["epsilon"] = epsilon
        return type(layer).from_config(config)

    def change(model: Any) -> Any:
        changed = keras.models.clone_model(model, clone_function=build)
        changed.set_weights(model.get_weights())
        return changed

    return change


def unrolled() -> Any:
    """A recurrent model that every converter takes."""
    return keras.Sequential(
        [keras.Input((8, 3), name="series"), layers.LSTM(12, unroll=True), layers.Dense(2)]
    )


def looping() -> Any:
    """A recurrent model with a loop."""
    return keras.Sequential([keras.Input((8, 3), name="series"), layers.GRU(12), layers.Dense(2)])


def loop_of_any_length(batch: int | None) -> Callable[[], Any]:
    """Return a builder of a loop over as many time steps as the rows have, for batches of one size or any."""

    def build() -> Any:
        series = keras.Input(batch_shape=(batch, None, 3), name="series")
        steps_out = layers.GRU(6, return_sequences=True)(series)
        return keras.Model(series, layers.Dense(2)(steps_out))

    return build


def attentive() -> Any:
    """Self-attention over a series."""
    x = keras.Input((6, 8), name="series")
    h = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    return keras.Model(x, layers.Dense(3, name="scores")(layers.GlobalAveragePooling1D()(h)))


def reader(*, masks: bool = True) -> Any:
    """Masked words."""
    return keras.Sequential(
        [
            keras.Input((9,), dtype="int32", name="words"),
            layers.Embedding(30, 6, mask_zero=masks),
            layers.LSTM(8, unroll=True),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def two_inputs() -> Any:
    """Two inputs of one shape, not in the order of their names."""
    user, item = keras.Input((5,), name="user"), keras.Input((5,), name="item")
    h = layers.Concatenate()([layers.Dense(8, "relu")(user), layers.Dense(8, "tanh")(item)])
    return keras.Model([user, item], layers.Dense(1, name="score")(h))


def two_heads(*units: int) -> Any:
    """Two heads, not in the order of their names."""
    x = keras.Input((7,), name="x")
    h = layers.Dense(16, activation="relu")(x)
    first, second = units or (1, 1)
    return keras.Model(x, [layers.Dense(first, name="price")(h), layers.Dense(second, name="age")(h)])


def exchanged_heads(model: Any) -> Callable[[Any], dict[str, Any]]:
    """The call of a model of two heads with exchanged names."""
    return lambda x: dict(zip(("age", "price"), model(x, training=False), strict=True))


def pairs(rows: int = 60) -> Maker:
    """Rows of two inputs."""

    def make(random: np.random.Generator) -> dict[str, np.ndarray]:
        return {name: random.normal(size=(rows, 5)).astype("float32") for name in ("user", "item")}

    return make


def normalized() -> Any:
    """A model with its own statistics."""
    layer = layers.Normalization(name="statistics")
    layer.adapt(np.random.default_rng(3).normal(4.0, 3.0, size=(400, 10)))
    return keras.Sequential([keras.Input((10,), name="x"), layer, layers.Dense(8, "tanh"), layers.Dense(1)])


def augmented() -> Any:
    """Augmentation inside the model."""
    return keras.Sequential(
        [keras.Input((12, 12, 3), name="picture"), layers.RandomFlip(name="flip"), *cnn().layers]
    )


def resized_then_normalized() -> Any:
    """A layer without chance that hands its default of training=True on to the normalization behind it."""
    parts = [layers.Resizing(9, 9), layers.Conv2D(4, 3), layers.BatchNormalization(name="norm")]
    head = [layers.GlobalMaxPooling2D(), layers.Dense(2)]
    return keras.Sequential([keras.Input((12, 12, 3), name="picture"), *parts, *head])


def fixed_training(layer: Any) -> Callable[[], Any]:
    """Return a builder of a functional graph in which a layer is called with training=True."""

    def build() -> Any:
        x = keras.Input((10,), name="x")
        h = layers.Dense(16, activation="relu")(x)
        return keras.Model(x, layers.Dense(2)(type(layer).from_config(layer.get_config())(h, training=True)))

    return build


def stateful() -> Any:
    """A model that carries its state from call to call."""
    return keras.Sequential(
        [keras.Input(batch_shape=(4, 5, 3), name="stream"), layers.GRU(6, stateful=True), layers.Dense(1)]
    )


def pixels() -> Any:
    """Whole numbers of pixels, scaled inside."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 3), dtype="uint8", name="pixels"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def bytes_of_pixels(random: np.random.Generator) -> np.ndarray:
    """Pixels from 0 to 255."""
    return random.integers(0, 256, size=(40, 8, 8, 3), dtype="uint8")


def deep(activation: str = "tanh") -> Any:
    """Several layers, one of them with an activation of its own."""
    return keras.Sequential(
        [
            keras.Input((10,), name="x"),
            layers.Dense(24, activation="relu", name="first"),
            layers.Dense(24, activation="tanh", name="second"),
            layers.Dense(20, activation=activation, name="middle"),
            layers.Dense(16, activation="relu", name="fourth"),
            layers.Dense(2, name="last"),
        ]
    )


def mistranslated(model: Any) -> Any:
    """The same weights with a different function in one layer."""
    other = deep("softsign")
    other.set_weights(model.get_weights())
    return other


def small_rows() -> np.ndarray:
    """Calibration rows a tenth as large as those that are checked."""
    return np.random.default_rng(5).normal(0, 0.1, size=(64, 10)).astype("float32")


def trained_again(model: Any) -> Any:
    """The same architecture after a different training run."""
    other = keras.models.clone_model(model)
    keras.utils.set_random_seed(77)
    random = np.random.default_rng(7)
    other.set_weights([values + random.normal(0, 0.1, values.shape) for values in model.get_weights()])
    return other


def old_in(*names: str) -> Callable[[Any], Any]:
    """Return a change: these layers have the weights of an earlier training run, wherever they are."""

    def change(model: Any) -> Any:
        other = keras.models.clone_model(model)
        other.set_weights(model.get_weights())
        random = np.random.default_rng(8)
        for layer in other._flatten_layers(include_self=False):
            for variable in layer.variables if layer.name in names else ():
                value = np.asarray(variable) + random.normal(0, 0.15, variable.shape)
                variable.assign(np.abs(value) if variable.name == "moving_variance" else value)
        return other

    return change


def _train(model: Any) -> None:
    """Give biases and normalizations numbers as a training leaves them."""
    random = np.random.default_rng(2)
    for variable in model.weights:
        if variable.name != "kernel":
            variable.assign(np.asarray(variable) + random.uniform(0.0, 0.4, variable.shape))


def on_backbone() -> Any:
    """A frozen backbone of convolutions and normalizations, and a head."""
    picture = h = keras.Input((12, 12, 3), name="image")
    for number in range(3):
        convolve = layers.Conv2D(8, 3, padding="same", use_bias=number == 1, name=f"conv_{number}")
        h = layers.ReLU()(layers.BatchNormalization(name=f"norm_{number}")(convolve(h)))
    body = keras.Model(picture, layers.GlobalAveragePooling2D()(h), name="backbone")
    _train(body)
    body.trainable = False
    x = keras.Input((12, 12, 3), name="picture")
    hidden = layers.Dense(32, activation="relu", name="hidden")(body(x))
    return keras.Model(x, layers.Dense(4, activation="softmax", name="head")(hidden))


def normalized_table(activation: str = "relu") -> Any:
    """Dense layers with normalizations before and after the activation."""
    model = keras.Sequential(
        [
            keras.Input((10,), name="x"),
            layers.Dense(64, name="first"),
            layers.BatchNormalization(name="norm_first"),
            layers.ReLU(),
            layers.Dense(64, activation=activation, name="middle"),
            layers.BatchNormalization(name="norm_middle"),
            layers.Dense(3, name="last"),
        ]
    )
    _train(model)
    return model


def mistranslated_middle(model: Any) -> Any:
    """The same weights with a different function in one layer."""
    other = normalized_table("softplus")
    other.set_weights(model.get_weights())
    return other


def resized(interpolation: str = "bilinear") -> Any:
    """Pictures that the model resizes itself."""
    return keras.Sequential(
        [
            keras.Input((12, 12, 3), name="picture"),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Resizing(20, 20, interpolation=interpolation, name="resize"),
            layers.Conv2D(6, 3, activation="relu", name="convolve"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(3, name="head"),
        ]
    )


def resized_otherwise(model: Any) -> Any:
    """The same weights with another way to resize."""
    other = resized("nearest")
    other.set_weights(model.get_weights())
    return other


def without_mask(model: Any) -> Any:
    """The same weights without a mask."""
    other = reader(masks=False)
    other.set_weights(model.get_weights())
    return other


def scaling_inside(model: Any) -> Any:
    """The model behind the scaler of `_scaled`."""
    scale, shift = 1 / 5.0, -20.0 / 5.0
    return keras.Sequential(
        [keras.Input(model.input_shape[1:], name="x"), layers.Rescaling(scale, shift), *model.layers]
    )


def _scaled(name: str, export: Exporter, **expected: Any) -> Case:
    """A model with a scaler, and an export of either."""
    case = _case(name, mlp, flat(10), {"model.onnx": export}, **expected)

    def kit(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        scaler = StandardScaler()
        scaler.fit(np.array([[15.0] * 10, [25.0] * 10]))
        joblib.dump(scaler, folder / "scaler.joblib")
        rows = save_rows(folder / "data", (20 + 5 * random.normal(size=(60, 10))).astype("float32"))
        files = ("--data", str(rows), "--scaler", str(folder / "scaler.joblib"))
        return (*files, "--export", str(folder / "model.onnx"))

    return Case(**{**vars(case), "kit": kit})


def soft() -> Any:
    """A model whose predict_step adds a softmax."""
    x = keras.Input((6,), name="x")
    return SoftmaxInPredict(x, layers.Dense(3, name="scores")(layers.Dense(8, "relu")(x)))


STALE = (
    _case(
        "stale onnx, table", mlp, flat(10), {"m.onnx": onnx(trained_again)},
        **_fault("export-stale", "KC901"),
    ),
    _case(
        "stale litert, pictures", cnn, pictures(12, 12, 3), {"m.tflite": litert(trained_again)},
        **_fault("export-stale", "KC901"),
    ),
    _case(
        "stale saved model, series", unrolled, steps(8, 3), {"m": by_keras("tf_saved_model", trained_again)},
        **_fault("export-stale", "KC901"),
    ),
    _case(
        "stale openvino, attention", attentive, steps(6, 8), {"m.xml": by_keras("openvino", trained_again)},
        **_fault("export-stale", "KC901"),
    ),
)  # fmt: skip

ORDER = (
    _case(
        "onnx inputs exchanged", two_inputs, pairs(), {"m.onnx": onnx_exchanged("input")},
        **_fault("export-inputs-reordered", "KC901"),
    ),
    _case(
        "saved model inputs exchanged", two_inputs, pairs(),
        {"m": served_as(lambda model: lambda user, item: model([item, user], training=False))},
        **_fault("export-inputs-reordered", "KC901"),
    ),
    _case(
        "onnx outputs exchanged", two_heads, flat(7),
        {"m.onnx": onnx_exchanged("output")},
        **_fault("export-outputs-reordered", "KC901"),
    ),
    _case(
        "saved model outputs exchanged", two_heads, flat(7),
        {"m": served_as(exchanged_heads)},
        **_fault("export-outputs-reordered", "KC901"),
    ),
    _case(
        "litert lists two equal heads in reverse", two_heads, flat(7), {"m.tflite": litert()},
        **_warning("export-outputs-reordered", "KC904"),
    ),
)  # fmt: skip

LOST = (
    _case(
        "mask lost in onnx", reader, ids(30, 9), {"m.onnx": onnx(without_mask)},
        **_fault("export-mask-lost", "KC901", layer="embedding"),
    ),
    _case(
        "mask lost in litert", reader, ids(30, 9), {"m.tflite": litert(without_mask)},
        **_fault("export-mask-lost", "KC901", layer="embedding"),
    ),
    _case(
        "statistics became inputs", normalized, flat(10), {"m.onnx": onnx()},
        **_fault("export-statistics-lost", "KC904", layer="statistics"),
    ),
    _case(
        "predict_step left behind by onnx", soft, flat(6), {"m.onnx": onnx()},
        **_fault("export-predict-step-lost", "KC901"), args=CUSTOM,
    ),
    _case(
        "predict_step left behind by litert", soft, flat(6), {"m.tflite": litert()},
        **_fault("export-predict-step-lost", "KC901"), args=CUSTOM,
    ),
    _scaled("export scales itself", onnx(scaling_inside), **_fault("export-scales-itself", "KC901")),
)  # fmt: skip

CHANGED = (
    _case(
        "litert without its weights", mlp, flat(10), {"m.tflite": litert_of_function(trackable=True)},
        **_fault("export-weights-missing", "KC904"),
    ),
    _case(
        "saved model with noise", mlp, flat(10), {"m": served_as(with_noise)},
        **_fault("export-unrepeatable", "KC903"),
    ),
    _case(
        "saved model that counts its calls", mlp, flat(10), {"m": served_as(counting)},
        **_fault("export-state-carried", "KC903"),
    ),
    _case(
        "saved model takes blue first", cnn, pictures(12, 12, 3),
        {"m": served_as(lambda model: lambda x: model(x[..., ::-1], training=False))},
        **_fault("export-expects-other-rows", "KC901"),
    ),
    _case(
        "onnx takes channels first, equal sizes", cube, pictures(3, 3, 3), {"m.onnx": onnx_channels_first()},
        **_fault("export-expects-other-rows", "KC901"),
    ),
    _case(
        "saved model divides pixels again", cnn, pictures(12, 12, 3),
        {"m": served_as(lambda model: lambda x: model(x / 255.0, training=False))},
        **_fault("export-scales-itself", "KC901"),
    ),
    _case(
        "saved model takes float16", mlp, flat(10), {"m": served_as(from_narrow, dtype="float16")},
        **_fault("export-narrows-rows", "KC901"),
    ),
    _case(
        "saved model takes whole numbers", mlp, flat(10), {"m": served_as(from_narrow, dtype="int32")},
        **_fault("export-narrows-rows", "KC901"),
    ),
    _case(
        "litert computes missing values", mlp, with_missing, {"m.tflite": litert()},
        **_fault("export-nan-differs", "KC901"),
    ),
    _case(
        "saved model adds a softmax", logits, flat(7),
        {"m": served_as(lambda model: lambda x: keras.ops.softmax(model(x, training=False)))},
        **_fault("export-transforms-outputs", "KC901"),
    ),
    _case(
        "onnx without its softmax", cnn, pictures(12, 12, 3), {"m.onnx": onnx(without_activation)},
        **_fault("export-transforms-outputs", "KC901"),
    ),
    _case(
        "saved model in units of the target", mlp, flat(10),
        {"m": served_as(lambda model: lambda x: model(x, training=False) * 37.5 + 210.0)},
        **_fault("export-transforms-outputs", "KC901"),
    ),
    _case(
        "mask lost in the pooling only", pooled, steps_with_gaps, {"m": served_as(pooled_without_mask)},
        **_fault("export-mask-lost", "KC901", layer="pool"),
    ),
)  # fmt: skip

EPSILON = (
    _case(
        "onnx with the epsilon of another library", cnn, pictures(12, 12, 3),
        {"m.onnx": onnx(of_epsilon(1e-5))},
        **_fault("export-epsilon-differs", "KC901", layer="batch_normalization"),
    ),
    _case(
        "saved model with the epsilon of BERT", attentive, steps(6, 8),
        {"m": by_keras("tf_saved_model", of_epsilon(1e-12))},
        **_fault("export-epsilon-differs", "KC901", layer="layer_normalization"),
    ),
    _case(
        "litert with another epsilon in one of two layers", twice_normalized, pictures(12, 12, 3),
        {"m.tflite": litert(of_epsilon(1e-5, only="groups"))},
        **_fault("export-epsilon-differs", "KC901", layer="groups"),
    ),
)  # fmt: skip

TRAINING = (
    _case(
        "saved model augments", augmented, pictures(12, 12, 3), {"m": by_keras("tf_saved_model")},
        **_fault("export-training-true", "KC903", layer="flip"),
    ),
    _case(
        "saved model drops out", fixed_training(layers.Dropout(0.4, name="drop")), flat(10),
        {"m": by_keras("tf_saved_model")}, **_fault("export-training-true", "KC903", layer="drop"),
    ),
    _case(
        "saved model normalizes by batch", fixed_training(layers.BatchNormalization(name="norm")), flat(10),
        {"m": by_keras("tf_saved_model")}, **_fault("export-training-true", "KC901", layer="norm"),
    ),
    _case(
        "saved model resizes and normalizes by batch", resized_then_normalized, pictures(12, 12, 3),
        {"m": by_keras("tf_saved_model")}, **_fault("export-training-true", "KC901", layer="norm"),
    ),
    _case(
        "served in training mode", cnn, pictures(12, 12, 3),
        {"m": served_as(lambda model: lambda x: model(x, training=True))},
        **_fault("export-training-true", "KC901", layer="batch_normalization"),
    ),
)  # fmt: skip

PRECISION = (
    _case(
        "litert float16 weights", mlp, flat(10), {"m.tflite": litert(optimize=FLOAT16)},
        **_warning("export-low-precision", "KC901"),
    ),
    _case(
        "litert dynamic int8", lambda: wide(256), flat(10), {"m.tflite": litert(optimize=DYNAMIC_INT8)},
        **_warning("export-low-precision", "KC901"),
    ),
    _case(
        "onnx dynamic int8", lambda: wide(64), flat(10), {"m.onnx": onnx_dynamic_int8()},
        **_fault("export-neighbours", "KC902"),
    ),
)  # fmt: skip

PRECISION = (
    *PRECISION,
    _case(
        "litert with integers for everything", cnn, pictures(12, 12, 3),
        {"m.tflite": litert_full_int8(lambda: pictures(12, 12, 3)(np.random.default_rng(1)))},
        **_warning("export-low-precision", "KC901"),
    ),
    _case(
        "litert with integers, calibrated with dark pictures", cnn, pictures(12, 12, 3),
        {"m.tflite": litert_full_int8(lambda: 0.05 * pictures(12, 12, 3)(np.random.default_rng(1)))},
        **_fault("export-saturated", "KC901"),
    ),
    _case(
        "litert dynamic int8 of old weights", lambda: wide(256), flat(10),
        {"m.tflite": litert(trained_again, optimize=DYNAMIC_INT8)},
        **_fault("export-stale", "KC901"),
    ),
    _case(
        "onnx in float16, large rows", lambda: wide(64), large_rows, {"m.onnx": onnx_in_float16()},
        **_fault("export-overflows", "KC901"),
    ),
    _case(
        "onnx in float16", mlp, flat(10), {"m.onnx": onnx_in_float16()},
        **_warning("export-low-precision", "KC901"),
    ),
    _case(
        "litert float16 of old weights", mlp, flat(10), {"m.tflite": litert(trained_again, optimize=FLOAT16)},
        **_fault("export-stale", "KC901"),
    ),
    _case(
        "onnx calibrated with small rows", lambda: wide(64), flat(10),
        {"m.onnx": onnx_static_int8(small_rows)},
        **_fault("export-saturated", "KC901"),
    ),
)  # fmt: skip

STATE = (
    _case(
        "onnx repeats the first step", stateful, steps(5, 3, 40), {"m.onnx": onnx()},
        **_fault("export-state-frozen", "KC903", layer="gru"),
    ),
    _case(
        "saved model carries state", stateful, steps(5, 3, 40), {"m": by_keras("tf_saved_model")},
        **_warning("export-state-carried", "KC903", layer="gru"),
    ),
    _case(
        "onnx for one row", mlp, flat(10), {"m.onnx": onnx_with_fixed(0, 1)},
        **_warning("export-batch-frozen", "KC902"),
    ),
    _case(
        "onnx reshapes to one row", mlp, flat(10), {"m.onnx": onnx_for_one_row()},
        **_warning("export-batch-frozen", "KC902"),
    ),
    _case(
        "onnx for eight steps", of_any_length, steps(12, 3), {"m.onnx": onnx_with_fixed(1, 8)},
        **_fault("export-size-frozen", "KC904"),
    ),
)  # fmt: skip

LAYER = tuple(
    _case(
        f"a layer translated differently, {name}", deep, flat(10), {file: by_keras(name, mistranslated)},
        **_fault("export-layer-differs", "KC901", layer="middle"),
    )
    for name, file in (("onnx", "m.onnx"), ("litert", "m.tflite"), ("openvino", "m.xml"))
)  # fmt: skip

LAYER = (
    *LAYER,
    _case(
        "onnx resizes pictures otherwise", resized, pictures(12, 12, 3), {"m.onnx": onnx(resized_otherwise)},
        **_fault("export-layer-differs", "KC901", layer="resize"),
    ),
    _case(
        "litert resizes pictures otherwise", resized, pictures(12, 12, 3),
        {"m.tflite": litert(resized_otherwise)},
        **_fault("export-layer-differs", "KC901", layer="resize"),
    ),
    _case("resized pictures, three exports", resized, pictures(12, 12, 3), {
        "m": by_keras("tf_saved_model"), "m.tflite": litert(), "m.onnx": onnx(),
    }),
)  # fmt: skip

UNUSABLE = (
    _case(
        "litert without loops", looping, steps(8, 3), {"m.tflite": litert()},
        **_fault("unsupported-operators", "KC904"),
    ),
    _case(
        "litert without loops over any number of steps", loop_of_any_length(None), steps(8, 3),
        {"m.tflite": litert()}, **_fault("unsupported-operators", "KC904"),
    ),
    _case(
        "litert without loops over any number of steps, batches of five", loop_of_any_length(5), steps(8, 3),
        {"m.tflite": litert()}, **_fault("unsupported-operators", "KC904"),
    ),
    _case(
        "onnx without random numbers", augmented, pictures(12, 12, 3), {"m.onnx": onnx()},
        **_fault("unsupported-operators", "KC904"),
    ),
    _case(
        "onnx of a different model", mlp, flat(10), {"m.onnx": onnx(lambda _model: two_inputs())},
        **_fault("export-of-other-model", "KC904"),
    ),
    _case(
        "onnx with a gap", mlp, flat(10), {"m.onnx": with_gap(onnx())},
        **_fault("export-unloadable", "KC904"),
    ),
    Case(
        name="openvino of a loop", family=FAMILY, build=looping, data=steps(8, 3),
        args=(*SELECT, "--try-export", "openvino"), **_warning("export-fails", "KC904"),
    ),
    _case(
        "onnx with an unknown operator", mlp, flat(10), {"m.onnx": with_unknown_operator(onnx())},
        **_fault("unsupported-operators", "KC904"),
    ),
)  # fmt: skip


def wide(width: int) -> Any:
    """Wide enough for converters to quantize it."""
    return keras.Sequential(
        [
            keras.Input((10,), name="x"),
            layers.Dense(width, activation="relu"),
            layers.Dense(width, activation="relu"),
            layers.Dense(3),
        ]
    )


SAVED, LITERT, ONNX = ({"m": by_keras("tf_saved_model")}, {"m.tflite": litert()}, {"m.onnx": onnx()})
CLEAN = (
    _case("table, three exports", mlp, flat(10), {**SAVED, **LITERT, **ONNX}),
    _case("pictures, three exports", cnn, pictures(12, 12, 3), {**SAVED, **LITERT, **ONNX}),
    _case(
        "two kinds of epsilons, three exports", twice_normalized, pictures(12, 12, 3),
        {**SAVED, **LITERT, **ONNX},
    ),
    _case("unrolled series, three exports", unrolled, steps(8, 3), {**SAVED, **LITERT, **ONNX}),
    _case("looping series, two exports", looping, steps(8, 3), {**SAVED, **ONNX}),
    _case("attention, three exports", attentive, steps(6, 8), {**SAVED, **LITERT, **ONNX}),
    _case("masked words, three exports", reader, ids(30, 9), {**SAVED, **LITERT, **ONNX}),
    _case("two inputs, three exports", two_inputs, pairs(), {**SAVED, **LITERT, **ONNX}),
    _case("two equal heads, two exports", two_heads, flat(7), {**SAVED, **ONNX}),
    _case("two different heads, litert", lambda: two_heads(2, 3), flat(7), LITERT),
    _case("pixels, three exports", pixels, bytes_of_pixels, {**SAVED, **LITERT, **ONNX}),
    _case("statistics inside, two exports", normalized, flat(10), {**SAVED, **LITERT}),
    _case("dropout and augmentation, litert", augmented, pictures(12, 12, 3), LITERT),
    _case(
        "augmentation served with training=False", augmented, pictures(12, 12, 3),
        {"m": served_as(lambda model: lambda x: model(x, training=False))},
    ),
    _scaled("scaler in front of the export", onnx()),
    _case("litert of a function", mlp, flat(10), {"m.tflite": litert_of_function(trackable=False)}),
    _case("onnx takes channels first", cnn, pictures(12, 12, 3), {"m.onnx": onnx_channels_first()}),
    _case("class next to probabilities", cnn, pictures(12, 12, 3), {"m": served_as(with_class)}),
    _case(
        "one number for each row", mlp, flat(10),
        {"m": served_as(lambda model: lambda x: model(x, training=False)[:, 0])},
    ),
    _case("onnx for twelve steps", of_any_length, steps(12, 3), {"m.onnx": onnx_with_fixed(1, 12)}),
    _case("saved model takes float64", mlp, flat(10), {"m": served_as(from_narrow, dtype="float64")}),
)  # fmt: skip

STALE_IN_PART = (
    _case(
        "litert of an old head on a frozen backbone", on_backbone, pictures(12, 12, 3),
        {"m.tflite": litert(old_in("head"))},
        **_fault("export-stale", "KC901", layer="head"),
    ),
    _case(
        "onnx of an old head on a frozen backbone", on_backbone, pictures(12, 12, 3),
        {"m.onnx": onnx(old_in("hidden", "head"))},
        **_fault("export-stale", "KC901", layer="hidden"),
    ),
    _case(
        "onnx of an old block in the middle", on_backbone, pictures(12, 12, 3),
        {"m.onnx": onnx(old_in("conv_1", "norm_1"))},
        **_fault("export-stale", "KC901", layer="backbone/conv_1"),
    ),
    _case(
        "openvino of an old block in the middle", on_backbone, pictures(12, 12, 3),
        {"m.xml": by_keras("openvino", old_in("conv_2", "norm_2", "head"))},
        **_fault("export-stale", "KC901", layer="backbone/conv_2"),
    ),
    _case(
        "litert with old statistics of a normalization", on_backbone, pictures(12, 12, 3),
        {"m.tflite": litert(old_in("norm_2"))},
        **_fault("export-stale", "KC901", layer="backbone/norm_2"),
    ),
    _case(
        "litert dynamic int8 of an old head", on_backbone, pictures(12, 12, 3),
        {"m.tflite": litert(old_in("head"), optimize=DYNAMIC_INT8)},
        **_fault("export-stale", "KC901", layer="head"),
    ),
    _case(
        "litert of an old layer between normalizations", normalized_table, flat(10),
        {"m.tflite": litert(old_in("middle", "norm_middle"))},
        **_fault("export-stale", "KC901", layer="middle"),
    ),
    _case(
        "saved model of two old layers", normalized_table, flat(10),
        {"m": by_keras("tf_saved_model", old_in("norm_first", "last"))},
        **_fault("export-stale", "KC901", layer="norm_first"),
    ),
    _case(
        "litert of old weights everywhere, with normalizations", on_backbone, pictures(12, 12, 3),
        {"m.tflite": litert(trained_again)},
        **_fault("export-stale", "KC901"),
    ),
    _case(
        "a layer before a normalization translated differently, litert", normalized_table, flat(10),
        {"m.tflite": litert(mistranslated_middle)},
        **_fault("export-layer-differs", "KC901", layer="middle"),
    ),
    _case("frozen backbone, three exports", on_backbone, pictures(12, 12, 3), {**SAVED, **LITERT, **ONNX}),
    _case("normalized table, three exports", normalized_table, flat(10), {**SAVED, **LITERT, **ONNX}),
)  # fmt: skip

CASES: tuple[Case, ...] = (
    *STALE,
    *STALE_IN_PART,
    *ORDER,
    *LOST,
    *CHANGED,
    *EPSILON,
    *TRAINING,
    *PRECISION,
    *STATE,
    *LAYER,
    *UNUSABLE,
    *CLEAN,
)

"""Architectures that other people wrote: keras.applications, keras_hub, keras_rs and keras-tcn, made small.

Each builder returns a model with random weights and the rows that it is checked with. The packages are
imported by the builders, so that a missing package is missing for its own architectures only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

__all__ = ["ARCHITECTURES", "Architecture", "Rows"]

Rows = np.ndarray | dict[str, np.ndarray]
Built = tuple[keras.Model, Rows]
_ROWS, _TOKENS, _VOCABULARY = 8, 12, 60


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One architecture.

    `package` is what `build` imports, `code` a line for --custom-objects, and `expected` the causes that are
    right for it; a healthy architecture has none.
    """

    name: str
    package: str
    build: Callable[[], Built]
    code: str = ""
    expected: tuple[str, ...] = ()


def _pixels(size: int) -> np.ndarray:
    random = np.random.default_rng(1)
    return random.uniform(0, 255, (_ROWS, size, size, 3)).astype(np.float32)


def _ids(count: int = _VOCABULARY) -> np.ndarray:
    return np.random.default_rng(2).integers(1, count, (_ROWS, _TOKENS)).astype(np.int32)


def _padded_ids() -> dict[str, np.ndarray]:
    """Token ids of which the last third of every second row is padding, and the mask that says so."""
    mask = np.ones((_ROWS, _TOKENS), np.int32)
    mask[::2, 2 * _TOKENS // 3 :] = 0
    return {"token_ids": _ids() * mask, "padding_mask": mask}


_SMALLEST = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}
"""The smallest images that an application takes; the others take 32 pixels."""


def _application(name: str) -> Built:
    size = _SMALLEST.get(name, 32)
    build = getattr(keras.applications, name)
    pixels = _pixels(size)
    # With random weights and raw pixels, every probability of NASNet is 0 or 1, which KC703 rightly reports.
    rows = keras.applications.nasnet.preprocess_input(pixels) if name.startswith("NASNet") else pixels
    return build(weights=None, input_shape=(size, size, 3), classes=10), rows


_TEXT = {"vocabulary_size": _VOCABULARY, "num_layers": 2, "hidden_dim": 16, "intermediate_dim": 32}


def _hub(name: str, rows: Callable[[], Rows], arguments: dict[str, object]) -> Built:
    import keras_hub

    return getattr(keras_hub.models, name)(**arguments), rows()


def _bert_rows() -> Rows:
    return {**_padded_ids(), "segment_ids": np.zeros((_ROWS, _TOKENS), np.int32)}


def _encoder_decoder_rows() -> Rows:
    padded = _padded_ids()
    return {f"{side}_{name}": rows for side in ("encoder", "decoder") for name, rows in padded.items()}


def _hub_rows() -> Iterator[tuple[str, Callable[[], Rows], dict[str, object]]]:
    heads = {"num_heads": 2}
    lengths = {"max_sequence_length": 16}
    grouped = {"num_query_heads": 2, "num_key_value_heads": 1}
    yield "BertBackbone", _bert_rows, {**_TEXT, **heads, **lengths}
    yield "RobertaBackbone", _padded_ids, {**_TEXT, **heads, **lengths}
    yield "DistilBertBackbone", _padded_ids, {**_TEXT, **heads, **lengths}
    yield "AlbertBackbone", _bert_rows, {**_TEXT, **heads, **lengths, "embedding_dim": 8}
    yield "DebertaV3Backbone", _padded_ids, {**_TEXT, **heads, **lengths, "bucket_size": 4}
    yield "FNetBackbone", _fnet_rows, {**_TEXT, **lengths}
    yield "GPT2Backbone", _padded_ids, {**_TEXT, **heads, **lengths}
    yield "LlamaBackbone", _padded_ids, {**_TEXT, **grouped}
    yield "MistralBackbone", _padded_ids, {**_TEXT, **grouped, "sliding_window": 4}
    yield "T5Backbone", _encoder_decoder_rows, {**_TEXT, **heads}
    yield "BartBackbone", _encoder_decoder_rows, {**_TEXT, **heads, **lengths}
    yield "XLNetBackbone", _bert_rows, {**_TEXT, **heads}
    yield "ViTBackbone", partial(_pixels, 32), _VIT
    yield "ResNetBackbone", partial(_pixels, 32), _RESNET


_VIT: dict[str, object] = {
    "image_shape": (32, 32, 3),
    "patch_size": 8,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 16,
    "mlp_dim": 32,
}
_RESNET: dict[str, object] = {
    "input_conv_filters": [64],
    "input_conv_kernel_sizes": [3],
    "stackwise_num_filters": [64, 64],
    "stackwise_num_blocks": [1, 1],
    "stackwise_num_strides": [1, 2],
    "block_type": "basic_block",
    "image_shape": (32, 32, 3),
}


def _fnet_rows() -> Rows:
    return {"token_ids": _ids(), "segment_ids": np.zeros((_ROWS, _TOKENS), np.int32)}


def _features(count: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(_ROWS, count, width)).astype(np.float32)


def _deep_and_cross() -> Built:
    import keras_rs

    inputs = keras.Input((12,))
    crossed = inputs
    for _ in range(2):
        crossed = keras_rs.layers.FeatureCross(projection_dim=4)(inputs, crossed)
    deep = keras.layers.Dense(16, activation="relu")(inputs)
    joined = keras.layers.Concatenate()([crossed, deep])
    return keras.Model(inputs, keras.layers.Dense(1)(joined)), _features(1, 12)[:, 0]


def _dot_interaction() -> Built:
    import keras_rs

    inputs = [keras.Input((8,), name=name) for name in ("user", "item", "context")]
    mixed = keras_rs.layers.DotInteraction()(inputs)
    rows = _features(3, 8)
    model = keras.Model(inputs, keras.layers.Dense(1)(mixed))
    return model, {name: rows[:, place] for place, name in enumerate(("user", "item", "context"))}


def _reduced_embedding() -> Built:
    import keras_rs

    inputs = keras.Input((_TOKENS,), dtype="int32")
    mean = keras_rs.layers.EmbedReduce(_VOCABULARY, 8, combiner="mean")(inputs)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(mean)), _ids()


def _temporal_convolution() -> Built:
    from tcn import TCN

    inputs = keras.Input((24, 3))
    outputs = keras.layers.Dense(1)(TCN(nb_filters=8, kernel_size=3, dilations=(1, 2, 4))(inputs))
    return keras.Model(inputs, outputs), _features(24, 3)


def _applications() -> Iterator[Architecture]:
    for name in sorted(dir(keras.applications)):
        if name[0].isupper():
            yield Architecture(name=name, package="keras", build=partial(_application, name))


def _hub_models() -> Iterator[Architecture]:
    for name, rows, arguments in _hub_rows():
        # In keras_hub 0.32.0, the mask of XLNet's attention mixes the rows of a batch.
        mixes = ("cross-sample-dependence",) if name == "XLNetBackbone" else ()
        build = partial(_hub, name, rows, arguments)
        yield Architecture(name=name, package="keras_hub", build=build, expected=mixes)


ARCHITECTURES: tuple[Architecture, ...] = (
    *_applications(),
    *_hub_models(),
    Architecture(name="deep and cross network", package="keras_rs", build=_deep_and_cross),
    Architecture(name="dot interaction", package="keras_rs", build=_dot_interaction),
    Architecture(name="reduced embedding", package="keras_rs", build=_reduced_embedding),
    Architecture(
        name="temporal convolution",
        package="tcn",
        build=_temporal_convolution,
        code="from tcn import TCN\n\n__all__ = ['TCN']\n",
    ),
)
"""All architectures, by package."""

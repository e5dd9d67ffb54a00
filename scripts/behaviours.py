"""Measure what Keras and scikit-learn do where a guess is often wrong, and write docs/behaviours.md.

    python scripts/behaviours.py                            print the page
    python scripts/behaviours.py --write docs/behaviours.md
    python scripts/behaviours.py --keep FOLDER              keep the environments of old scikit-learn versions

The models have random weights and a fixed seed; the numbers hold for them, the words for every model tried.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import scaler_versions
import sklearn
import tensorflow as tf
from keras import layers

__all__ = ["main", "page"]

_MODES = ("int8", "int4", "float8")
_SEED = 7
_ONNX = {"onnx", "onnxruntime", "tf2onnx"}
"""Packages that kcheck does not need; the column is not measured without them."""
_HEAD = """# What Keras and scikit-learn do

`make behaviours` measures this page. It lists behaviours that kcheck relies on and that are easy to guess
wrong. A new version of a package can change each of them.

{day}: Keras {keras}, TensorFlow {tensorflow}, NumPy {numpy}, scikit-learn {sklearn}.

## Quantised layers

A model with this layer and a dense head is quantised with `model.quantize(mode)`. The number is the largest
difference from the model in floats, as a share of its largest output. Healthy layers differ by about 1 %
(int8) or 5 to 15 % (int4, float8); an output that is many times too large is garbage. *Loading* says whether
the file gives the same outputs after it is saved and loaded. kcheck: KC606.

"""
_CALIBRATED = """
GPTQ and AWQ quantise kernels alone, after a look at rows. A Dense layer behind an Embedding is quantised,
whose weights have both signs, or are all positive as after `constraint="non_neg"`. The number is the largest
difference of its kernel, as a share of the largest weight. A zero point below zero is stored without its
sign. kcheck: KC606.

"""
_AUGMENTATION = """
## Augmentation and flags by path

The largest difference from `model(x, training=False)`, as a share of its largest output; "random" if two
calls differ. *SavedModel* is `model.export`, *with the flag* an `ExportArchive` whose endpoint passes
training=False. *ONNX* is `model.export(format="onnx")`, run by ONNX Runtime{onnx}. kcheck: KC202.

"""
_SCALERS = """
## Scalers by version of scikit-learn

Estimators are fitted and saved with pickle (protocols 4 and 5), joblib and skops by an old version, and read
by the one named above. *same* means the same numbers in all four forms. `scripts/scaler_versions.py`
measures this part. kcheck: KC304.

"""


def _series() -> Any:
    return keras.Input((6, 8))


QUANTISED: Mapping[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "Dense": (lambda: keras.Input((8,)), lambda x: layers.Dense(16, activation="relu")(x)),
    "EinsumDense": (_series, lambda x: layers.EinsumDense("abc,cd->abd", output_shape=(6, 16))(x)),
    "Embedding": (
        lambda: keras.Input((6,), dtype="int32"),
        lambda x: layers.Flatten()(layers.Embedding(20, 8)(x)),
    ),
    "LSTM": (_series, lambda x: layers.LSTM(16)(x)),
    "Conv1D, Flatten": (_series, lambda x: layers.Flatten()(layers.Conv1D(8, 3)(x))),
    "Bidirectional(LSTM)": (_series, lambda x: layers.Bidirectional(layers.LSTM(8))(x)),
    "TimeDistributed(Dense)": (_series, lambda x: layers.TimeDistributed(layers.Dense(16))(x)),
    "TimeDistributed(Sequential)": (
        _series,
        lambda x: layers.TimeDistributed(keras.Sequential([layers.Dense(16)]))(x),
    ),
    "MultiHeadAttention": (_series, lambda x: layers.MultiHeadAttention(2, 8)(x, x)),
}
CHANGING: Mapping[str, Callable[[Any], Any]] = {
    "RandomFlip": lambda x: layers.RandomFlip()(x),
    "RandomRotation": lambda x: layers.RandomRotation(0.2)(x),
    "RandomZoom": lambda x: layers.RandomZoom(0.3)(x),
    "RandomTranslation": lambda x: layers.RandomTranslation(0.2, 0.2)(x),
    "RandomContrast": lambda x: layers.RandomContrast(0.5)(x),
    "RandomBrightness": lambda x: layers.RandomBrightness(0.3, value_range=(0, 1))(x),
    "RandomCrop": lambda x: layers.RandomCrop(6, 6)(x),
    "RandomErasing": lambda x: layers.RandomErasing(value_range=(0, 1))(x),
    "AutoContrast": lambda x: layers.AutoContrast(value_range=(0, 1))(x),
    "Dropout": lambda x: layers.Dropout(0.3)(x),
    "GaussianNoise": lambda x: layers.GaussianNoise(0.3)(x),
    "BatchNormalization": lambda x: layers.BatchNormalization()(x),
    "Dropout, training=True in the graph": lambda x: layers.Dropout(0.3)(x, training=True),
    "BatchNormalization, training=True in the graph": lambda x: layers.BatchNormalization()(x, training=True),
    "BatchNormalization, training=False in the graph": lambda x: layers.BatchNormalization()(
        x, training=False
    ),
}


def quantised_lines(folder: Path) -> Iterator[str]:
    """Yield the table of quantised layers."""
    yield f"| layer | {' | '.join(_MODES)} | loading |"
    yield "|---|---|---|---|---|"
    for name, (entry, inside) in QUANTISED.items():
        cells, loading = [], {}
        for mode in _MODES:
            share, loading[mode] = _quantise(entry, inside, mode, folder / f"{mode}.keras")
            cells.append("not changed" if share == 0 else f"{share:.2g}")
        outcomes = set(loading.values())
        loaded = outcomes.pop() if len(outcomes) == 1 else ", ".join(f"{m}: {o}" for m, o in loading.items())
        yield f"| {name} | {' | '.join(cells)} | {loaded} |"


def _quantise(
    entry: Callable[[], Any], inside: Callable[[Any], Any], mode: str, path: Path
) -> tuple[float, str]:
    keras.utils.set_random_seed(_SEED)
    inputs = entry()
    model = keras.Model(inputs, layers.Dense(3)(inside(inputs)))
    random = np.random.default_rng(_SEED)
    whole = "int" in inputs.dtype
    shape = (32, *inputs.shape[1:])
    rows = random.integers(0, 20, shape) if whole else random.normal(size=shape).astype("float32")
    floats = model.predict(rows, verbose=0)
    model.quantize(mode)
    quantised = model.predict(rows, verbose=0)
    model.save(path)
    try:
        loaded = keras.models.load_model(path).predict(rows, verbose=0)
        outcome = "same" if np.array_equal(loaded, quantised) else "differs"
    except Exception as error:
        outcome = f"fails ({type(error).__name__})"
    return float(np.abs(quantised - floats).max() / np.abs(floats).max()), outcome


def calibrated_lines(folder: Path) -> Iterator[str]:
    """Yield the table of quantisation that looks at rows."""
    yield "| mode | both signs | all positive | loading |"
    yield "|---|---|---|---|"
    for config in (keras.quantizers.GPTQConfig, keras.quantizers.AWQConfig):
        shares, loading = zip(
            *(_calibrate(config, least, folder / "m.keras") for least in (-1.0, 0.5)), strict=True
        )
        mode, cells = config.__name__.removesuffix("Config"), " | ".join(f"{share:.2g}" for share in shares)
        yield f"| {mode} | {cells} | {loading[0]} |"


def _calibrate(config: Any, least: float, path: Path) -> tuple[float, str]:
    keras.utils.set_random_seed(_SEED)
    random = np.random.default_rng(_SEED)
    table, dense = layers.Embedding(30, 16), layers.Dense(4, use_bias=False)
    model = keras.Sequential([keras.Input((6,), dtype="int32"), table, dense])
    kernel = random.uniform(least, 1.0, (16, 4)).astype("float32")
    dense.set_weights([kernel])
    structure = {"pre_block_layers": [table], "sequential_blocks": [dense]}
    # In the config, Keras could not save the layers of the structure.
    model.get_quantization_layer_structure = lambda _: structure
    ids = [random.integers(0, 30, (1, 6)) for _ in range(32)]
    model.quantize(config=config(ids, lambda row: row, num_samples=32, sequence_length=6, group_size=-1))
    model.save(path)
    try:
        keras.models.load_model(path)
        outcome = "same"
    except Exception as error:
        outcome = f"fails ({type(error).__name__})"
    used = np.asarray(dense(np.eye(16, dtype="float32")))
    return float(np.abs(used - kernel).max() / kernel.max()), outcome


def augmentation_lines(folder: Path) -> Iterator[str]:
    """Yield the table of augmentation layers and flags."""
    yield "| layer | predict | model(x) | SavedModel | with the flag | ONNX |"
    yield "|---|---|---|---|---|---|"
    for number, (name, change) in enumerate(CHANGING.items()):
        keras.utils.set_random_seed(_SEED)
        picture = keras.Input((8, 8, 3))
        hidden = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="relu")(change(picture)))
        model = keras.Model(picture, layers.Dense(3)(hidden))
        rows = np.random.default_rng(_SEED).random((16, 8, 8, 3)).astype("float32")
        yield f"| {name} | {' | '.join(_paths(model, rows, folder / str(number)))} |"


def _paths(model: Any, rows: np.ndarray, folder: Path) -> Iterator[str]:
    wanted = np.asarray(model(rows, training=False))
    weights = model.get_weights()
    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [keras.InputSpec(shape=model.input_shape, dtype="float32")]
    archive.add_endpoint("serve", lambda x: model(x, training=False), signature)
    archive.write_out(str(folder / "flag"), verbose=False)
    model.export(str(folder / "bare"), verbose=False)
    with_flag, bare = (tf.saved_model.load(str(folder / name)) for name in ("flag", "bare"))
    runs: list[Callable[[], Any]] = [
        lambda: model.predict(rows, verbose=0),
        lambda: model(rows),
        lambda: bare.serve(rows),
        lambda: with_flag.serve(rows),
    ]
    for run in runs:
        model.set_weights(weights)
        first, second = np.asarray(run()), np.asarray(run())
        share = float(np.abs(first - wanted).max() / np.abs(wanted).max())
        chance = "" if np.array_equal(first, second) else ", random"
        yield f"{share:.2g}{chance}" if share > 1e-5 else "same"
    model.set_weights(weights)
    yield _onnx(model, rows, wanted, folder / "model.onnx")


def _onnx(model: Any, rows: np.ndarray, wanted: np.ndarray, path: Path) -> str:
    if not {package.name for package in pkgutil.iter_modules()} >= _ONNX:
        return "not measured"
    runtime = importlib.import_module("onnxruntime")
    try:
        model.export(str(path), format="onnx", verbose=False)
        session = runtime.InferenceSession(str(path))
        (found,) = session.run(None, {session.get_inputs()[0].name: rows})
    except Exception as error:
        return f"fails ({type(error).__name__})"
    share = float(np.abs(found - wanted).max() / np.abs(wanted).max())
    return f"{share:.2g}" if share > 1e-5 else "same"


def _onnx_versions() -> str:
    """The versions of the packages for ONNX, empty if they are not installed."""
    try:
        versions = [f"{name} {metadata.version(name)}" for name in ("onnxruntime", "tf2onnx")]
    except metadata.PackageNotFoundError:
        return ""
    return f" ({', '.join(versions)})"


def page(environments: Path) -> Iterator[str]:
    """Yield the page in parts."""
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}
    yield _HEAD.format(day=datetime.now(UTC).date().isoformat(), sklearn=sklearn.__version__, **versions)
    with tempfile.TemporaryDirectory(prefix="kcheck-") as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield "\n".join(quantised_lines(Path(place))) + "\n"
        yield _CALIBRATED
        yield "\n".join(calibrated_lines(Path(place))) + "\n"
        yield _AUGMENTATION.format(onnx=_onnx_versions())
        yield "\n".join(augmentation_lines(Path(place))) + "\n"
    yield _SCALERS
    yield "\n".join(scaler_versions.table(scaler_versions.measure(environments))) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the environments there")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="kcheck-") as place:
        text = "".join(page(chosen.keep or Path(place)))
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

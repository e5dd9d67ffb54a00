"""Archives that are written without Keras: a small valid one, and modifications of it."""

from __future__ import annotations

import copy
import io
import json
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import h5py
import numpy as np

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.text import clean

__all__ = [
    "config_with",
    "dense",
    "layer",
    "refusal_text",
    "valid_config",
    "valid_weights",
    "weights_with",
    "write_archive",
    "zipped",
]

METADATA = {"keras_version": "3.15.1", "date_saved": "2025-01-02@03:04:05"}


def layer(
    class_name: str, module: str | None = "keras.layers", *, registered: str | None = None, **config: Any
) -> dict[str, Any]:
    """A layer as Keras writes it."""
    return {
        "module": module,
        "class_name": class_name,
        "config": {"name": "suspect", "trainable": True, **config},
        "registered_name": registered,
    }


def dense(**config: Any) -> dict[str, Any]:
    """A Dense layer of three units."""
    start = {
        "module": "keras.initializers",
        "class_name": "GlorotUniform",
        "config": {"seed": None},
        "registered_name": None,
    }
    return layer(
        "Dense", **{"name": "dense", "units": 3, "activation": "relu", "kernel_initializer": start, **config}
    )


def valid_config() -> dict[str, Any]:
    """A Sequential model with one Dense layer."""
    first = layer("InputLayer", name="input", batch_shape=[None, 4])
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "m", "trainable": True, "layers": [first, dense()]},
        "registered_name": None,
    }


def config_with(*layers: Mapping[str, Any], **top: Any) -> dict[str, Any]:
    """The valid model with additional layers, and with different top-level entries."""
    config = copy.deepcopy(valid_config())
    config["config"]["layers"].extend(layers)
    return config | top


def valid_weights(file: h5py.File) -> None:
    """The weights of the Dense layer, and one of the optimizer's variables."""
    file["layers/dense/vars/0"] = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)
    file["layers/dense/vars/1"] = np.zeros(3, "float32")
    file["optimizer/vars/0"] = np.full(5, np.nan, "float32")


def weights_with(change: Callable[[h5py.File], object]) -> bytes:
    """The valid weights file, modified by `change`."""
    with io.BytesIO() as buffer:
        with h5py.File(buffer, "w") as file:
            valid_weights(file)
            change(file)
        return buffer.getvalue()


def write_archive(
    path: pathlib.Path, config: Any = None, *, weights: bytes | None = None, **members: bytes | None
) -> pathlib.Path:
    """Write a .keras file.

    Args:
        path: the file to write.
        config: the config as data, or its bytes; the valid one by default.
        weights: the HDF5 file; the valid one by default.
        members: bytes that replace "metadata_json", or None to leave it out.
    """
    text = (
        config
        if isinstance(config, bytes)
        else json.dumps(valid_config() if config is None else config).encode()
    )
    metadata = members.get("metadata_json", json.dumps(METADATA).encode())
    entries = {
        "metadata.json": metadata,
        "config.json": text,
        "model.weights.h5": weights_with(len) if weights is None else weights,
    }
    path.write_bytes(zipped({name: data for name, data in entries.items() if data is not None}))
    return path


def zipped(
    members: Mapping[str, bytes],
    *more: tuple[str | zipfile.ZipInfo, bytes],
    compression: int = zipfile.ZIP_STORED,
) -> bytes:
    """A zip with `members`, then `more`.

    `more` may repeat a name or contain a ZipInfo.
    """
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            for name, data in (*members.items(), *more):
                archive.writestr(name, data)
        return buffer.getvalue()


def refusal_text(error: KcheckError, folder: pathlib.Path) -> str:
    """Return the message without the folder and without the text of a library.

    The text of a library differs by version.
    """
    text = str(error).replace(f"{folder}/", "")
    cause = error.__cause__.__cause__ if error.__cause__ is not None else None
    if cause is not None and type(cause).__module__ != "keras_consistency_cli.loading.model_file.strict_json":
        for limit in (200, 120):
            text = text.replace(f": {clean(cause, limit)}", ": <cause>").replace(
                f"({clean(cause, limit)}", "(<cause>"
            )
    return text

"""What the files next to the code say: the model, the scaler, and how training prepared its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_consistency_cli.checks.code.values.value import Site

__all__ = ["ModelFacts", "ScalerFacts", "TrainingFacts", "read_model", "read_scaler"]

_MODES = frozenset(
    {
        "Dropout", "BatchNormalization", "GaussianNoise", "GaussianDropout", "AlphaDropout",
        "SpatialDropout1D",
        "SpatialDropout2D", "SpatialDropout3D", "RandomFlip", "RandomRotation", "RandomZoom",
        "RandomContrast",
        "RandomTranslation", "RandomBrightness", "RandomCrop", "SpectralNormalization",
    }
)  # fmt: skip
_RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"})


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What a model file says that decides about its code.

    Args:
        modes: classes of layers that do something else in training.
        custom: classes that are not Keras's own: they may do anything in either mode.
        rescaling: the classes that scale pictures inside the model.
        is_stateful: whether a layer keeps its state between calls.
        is_recurrent: whether it has recurrent layers.
        input_ranks: the number of axes of each input with the batch, None if the file does not say.
        time_steps: the length of the second axis of the only input, 0 if it is free or unknown.
        units: the length of the last axis of the only output, 0 if unknown.
    """

    path: str
    modes: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()
    rescaling: tuple[str, ...] = ()
    is_stateful: bool = False
    is_recurrent: bool = False
    input_ranks: tuple[int | None, ...] = ()
    time_steps: int = 0
    units: int = 0


@dataclass(frozen=True, kw_only=True)
class ScalerFacts:
    """What a scaler file says: its class, and the names of its columns in order, if it has them."""

    path: str
    estimator: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """How the code that was read prepares the pictures of training, and where."""

    rescales: str = ""
    """The place of ImageDataGenerator(rescale=1/255), "" if there is none."""
    reads_rgb: str = ""
    """The place where Keras reads the pictures of training, so in red, green, blue."""
    scaler_files: tuple[str, ...] = ()
    """Files next to the code whose names say that they hold a scaler."""
    fitted_again: frozenset[Site] = frozenset()
    """Where a program that loads its model fits to rows of its own, and not of a request, as in training."""


def read_model(path: Path) -> ModelFacts:
    """Read a model file as data.

    Raises:
        UsageError: it is missing or not readable.
        RefusedError: it is damaged, or built to harm whoever reads it.
    """
    from keras_consistency_cli.loading.model_file.archive import read_archive
    from keras_consistency_cli.loading.model_file.layer_tree import read_inputs, read_layers, read_outputs

    archive = read_archive(path, custom_objects=True, allow_unsafe=True, loads=False)
    configs = list(_layer_configs(archive.config))
    kinds = [kind for kind, _ in configs]
    layers = read_layers(archive.config, archive.weights)
    shapes = [entry.shape for entry in read_inputs(archive.config)]
    last = [entry.shape for entry in read_outputs(archive.config, layers)]
    only = shapes[0] if len(shapes) == 1 else None
    units = last[0][-1] if len(last) == 1 and last[0] else None
    return ModelFacts(
        path=str(path),
        modes=tuple(dict.fromkeys(kind for kind in kinds if kind in _MODES)),
        custom=archive.custom,
        rescaling=tuple(dict.fromkeys(kind for kind, config in configs if _scales(kind, config))),
        is_stateful=any(config.get("stateful") is True for _, config in configs),
        is_recurrent=any(kind in _RECURRENT for kind in kinds),
        input_ranks=tuple(None if shape is None else len(shape) for shape in shapes),
        time_steps=(only[1] or 0) if only is not None and len(only) == 3 else 0,
        units=units or 0,
    )


def _scales(kind: str, config: Mapping[str, Any]) -> bool:
    """Whether a layer divides pixels by about 255 (or 127.5)."""
    scale = config.get("scale")
    return kind == "Rescaling" and isinstance(scale, int | float) and 0 < scale < 0.05


def _layer_configs(node: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every class with its config, without recursion."""
    stack = [node]
    while stack:
        entry = stack.pop()
        if isinstance(entry, list):
            stack.extend(entry)
        elif isinstance(entry, dict):
            config, kind = entry.get("config"), entry.get("class_name")
            if isinstance(config, dict) and isinstance(kind, str):
                yield kind, config
            stack.extend(value for value in entry.values() if isinstance(value, dict | list))


def read_scaler(path: Path) -> ScalerFacts:
    """Read a scaler file as data.

    Raises:
        UsageError: it is missing or not readable.
        RefusedError: it is damaged, or asks for something that is not allowed.
    """
    from keras_consistency_cli.loading.scalers.scaler import scan_scaler, stored_columns

    return ScalerFacts(path=str(path), estimator=scan_scaler(path).estimator, columns=stored_columns(path))

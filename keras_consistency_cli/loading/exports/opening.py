"""Open an export in its runtime."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

from keras_consistency_cli.loading.exports.exported_model import ExportedModel, ExportRefused
from keras_consistency_cli.loading.exports.spec import KINDS, ExportKind

__all__ = ["PACKAGES", "missing_packages", "open_export"]

PACKAGES: Mapping[ExportKind, tuple[str, ...]] = {
    "saved_model": (),
    "litert": ("ai_edge_litert",),
    "onnx": ("onnxruntime", "onnx"),
    "openvino": ("openvino",),
}
"""The modules that run an export, besides TensorFlow."""


def missing_packages(kind: ExportKind) -> str | None:
    """Return how to install what a kind of export needs, None if it is installed."""
    missing = [name for name in PACKAGES[kind] if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    return f"{KINDS[kind]} needs {missing[0]}: pip install 'keras-consistency-cli[{kind}]'"


def open_export(path: Path, kind: ExportKind, signature: str = "") -> ExportedModel:
    """Load an export.

    Raises:
        ExportRefused: its runtime is not installed, or cannot load it.
    """
    missing = missing_packages(kind)
    if missing is not None:
        raise ExportRefused(missing)
    return _OPENERS[kind](path, signature)


def _open_saved_model(path: Path, signature: str) -> ExportedModel:
    from keras_consistency_cli.loading.exports.saved_model import SavedModelExport

    return SavedModelExport(path, signature=signature)


def _open_litert(path: Path, signature: str) -> ExportedModel:
    from keras_consistency_cli.loading.exports.litert import LiteRtExport

    return LiteRtExport(path, signature=signature)


def _open_onnx(path: Path, _signature: str) -> ExportedModel:
    from keras_consistency_cli.loading.exports.onnx import OnnxExport

    return OnnxExport(path)


def _open_openvino(path: Path, _signature: str) -> ExportedModel:
    from keras_consistency_cli.loading.exports.openvino import OpenVinoExport

    return OpenVinoExport(path)


_OPENERS: Mapping[ExportKind, Callable[[Path, str], ExportedModel]] = {
    "saved_model": _open_saved_model,
    "litert": _open_litert,
    "onnx": _open_onnx,
    "openvino": _open_openvino,
}

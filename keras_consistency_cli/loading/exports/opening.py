"""Open an export in its runtime."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

from keras_consistency_cli.loading.exports.exported_model import ExportedModel, ExportRefused
from keras_consistency_cli.loading.exports.spec import KINDS, ExportKind

__all__ = ["PACKAGES", "open_export", "require_packages"]

PACKAGES: Mapping[ExportKind, tuple[str, ...]] = {
    "tf_saved_model": (),
    "litert": ("ai_edge_litert",),
    "onnx": ("onnxruntime", "onnx"),
    "openvino": ("openvino",),
}
"""The modules that run an export, besides TensorFlow."""


def require_packages(kind: ExportKind) -> None:
    """Refuse a kind of export whose runtime is not installed.

    Raises:
        ExportRefused: with the line that installs it.
    """
    missing = next((name for name in PACKAGES[kind] if importlib.util.find_spec(name) is None), None)
    if missing is not None:
        install = f"pip install 'keras-consistency-cli[{kind}]'"
        raise ExportRefused(f"{KINDS[kind]} needs {missing}: {install}", cause="package-missing")


def open_export(path: Path, kind: ExportKind, signature: str = "") -> ExportedModel:
    """Load an export.

    Raises:
        ExportRefused: its runtime cannot load it.
    """
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
    "tf_saved_model": _open_saved_model,
    "litert": _open_litert,
    "onnx": _open_onnx,
    "openvino": _open_openvino,
}
